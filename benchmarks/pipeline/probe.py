"""Probes: single pieces of machines of their own, timed from publish to row and to socket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import aiomqtt
import httpx
import msgspec
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from contracts.live import SUBPROTOCOL

INTERVAL_S = 0.05


class Probes:
    """Publishes probes and notes when each was committed and when a board showed it.

    Attributes:
        sent: per probe machine, publish times by piece number (1, 2, …).
        committed_s, shown_s: latencies in seconds.
    """

    def __init__(self, *, site: str, machines: int, database_url: str) -> None:
        self.paths = [f"{site}/area/probe/p{number}" for number in range(machines)]
        self.sent: dict[str, list[float]] = {path: [] for path in self.paths}
        self.committed_s: list[float] = []
        self.shown_s: list[float] = []
        self._database_url = database_url
        self._committed = dict.fromkeys(self.paths, 0)
        self._shown = dict.fromkeys(self.paths, 0)

    async def publish(self, client: aiomqtt.Client, seconds: float) -> None:
        """Publish a probe of each machine in turn, every INTERVAL_S."""
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            path = self.paths[number % len(self.paths)]
            number += 1
            now_ms = time.time_ns() // 1_000_000
            seq = len(self.sent[path])
            payload = b'{"t":%d,"boot":"probe","seq":%d,"good":1}' % (now_ms, seq)
            self.sent[path].append(time.perf_counter())
            await client.publish(f"gemba/v1/{path}/count", payload, qos=1)
            await asyncio.sleep(INTERVAL_S)

    async def watch_rows(self) -> None:
        """Ask for the committed pieces again and again, with a pause of 2 ms."""
        async with await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True
        ) as connection:
            while True:
                cursor = await connection.execute(
                    """
                    SELECT m.path, s.unassigned_good::bigint FROM machine_states s
                    JOIN machines m ON m.id = s.machine_id WHERE m.path = ANY(%s)
                    """,
                    (self.paths,),
                    prepare=True,
                )
                self._note(dict(await cursor.fetchall()), self._committed, self.committed_s)
                await asyncio.sleep(0.002)

    async def watch_board(self, api_url: str, token: str, site: str) -> None:
        """Follow the floor's channel like a board does."""
        async with board(api_url, token, site) as socket:
            async for text in socket:
                message: dict[str, Any] = msgspec.json.decode(text)
                shown = {
                    path: tile["unassigned_good"]
                    for path, tile in message.get("data", {}).items()
                    if path in self.sent and tile is not None
                }
                self._note(shown, self._shown, self.shown_s)

    def complete(self) -> bool:
        """Whether every probe sent was seen both ways."""
        return all(
            self._committed[path] == len(times) == self._shown[path]
            for path, times in self.sent.items()
        )

    def _note(
        self, seen: Mapping[str, int], before: dict[str, int], latencies: list[float]
    ) -> None:
        now = time.perf_counter()
        for path, pieces in seen.items():
            if pieces > before[path]:
                latencies += [now - sent for sent in self.sent[path][before[path] : pieces]]
                before[path] = pieces


@contextlib.asynccontextmanager
async def board(api_url: str, token: str, site: str) -> Any:
    """A socket that is subscribed to a site's floor."""
    async with httpx.AsyncClient(base_url=api_url) as client:
        headers = {"Authorization": f"Bearer {token}"}
        answer = (await client.post("/v1/live/ticket", headers=headers)).raise_for_status()
    url = api_url.replace("http", "ws", 1) + f"/v1/live?ticket={answer.json()['ticket']}"
    async with connect(url, subprotocols=[SUBPROTOCOL], max_size=None) as socket:  # type: ignore[list-item] # websockets' NewType of str
        await socket.send(
            msgspec.json.encode({"op": "subscribe", "channel": f"floor:{site}"}), text=True
        )
        yield socket


async def idle_board(api_url: str, token: str, site: str) -> int:
    """One more board, which reads and forgets; answers how many messages it got when cancelled."""
    got = 0
    with contextlib.suppress(asyncio.CancelledError):
        async with board(api_url, token, site) as socket:
            typed: ClientConnection = socket
            async for _ in typed:
                got += 1
    return got

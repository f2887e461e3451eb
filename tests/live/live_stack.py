"""The hub behind a real HTTP server, and clients that see whether they are told in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from api import errors
from api.auth.rate_limit import RateLimit
from api.context import Context, Limits
from api.live import tickets
from api.live.endpoint import router
from api.live.hub import LiveHub
from api.live.tickets import Ticket
from api.metrics import RequestMetrics
from runtime.clock import SystemClock
from runtime.settings import ApiSettings
from runtime.tasks import end
from store.database import Pool
from store.log import build_log
from store.questions import Questions

PATIENCE_S = 60.0


@asynccontextmanager
async def task_running(work: Any) -> AsyncIterator[None]:
    """A service's `run` for the length of a block; what it raised is raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end([task], within_s=PATIENCE_S)
        if not task.cancelled():
            task.result()


class Client:
    """A live client: keeps the state it was told, and sees whether it was told in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.state: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.connection.send(msgspec.json.encode(message).decode())

    async def subscribe(self, channel: str, since: dict[str, Any] | None = None) -> None:
        await self.send(op="subscribe", channel=channel, since=since)

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            message = msgspec.json.decode(await self.connection.recv(), type=dict[str, Any])
        self.messages.append(message)
        self.apply(message)
        return message

    def apply(self, message: dict[str, Any]) -> None:
        channel = message.get("channel", "")
        match message["op"]:
            case "snapshot":
                self.state[channel] = dict(message["data"])
                self.positions[channel] = {"epoch": message["epoch"], "offset": message["offset"]}
            case "subscribed":
                assert self.positions[channel] == {
                    "epoch": message["epoch"],
                    "offset": message["offset"],
                }
            case "delta":
                assert message["offset"] > self.positions[channel]["offset"]
                self.positions[channel]["offset"] = message["offset"]
                for key, value in message["data"].items():
                    if value is None:
                        self.state[channel].pop(key, None)
                    else:
                        self.state[channel][key] = value

    async def until(
        self, true: Callable[[dict[str, dict[str, Any]]], Any]
    ) -> dict[str, dict[str, Any]]:
        """Receive until something holds of the state."""
        async with asyncio.timeout(PATIENCE_S):
            while not true(self.state):
                await self.receive()
        return self.state


@dataclass(frozen=True)
class Server:
    """The live endpoint behind a real server."""

    url: str
    redis: Redis
    hub: LiveHub
    app: FastAPI

    @property
    def origin(self) -> str:
        return self.url.replace("ws://", "http://")

    async def ticket(self, **fields: Any) -> str:
        defaults: dict[str, Any] = {"kind": "token", "subject": "test", "role": "viewer"}
        return await tickets.issue(self.redis, Ticket(**{**defaults, **fields}))

    @asynccontextmanager
    async def client(
        self,
        *,
        word: str | None = None,
        origin: str | None = None,
        **fields: Any,
    ) -> AsyncIterator[Client]:
        word = word if word is not None else await self.ticket(**fields)
        url = f"{self.url}/v1/live?ticket={word}"
        async with connect(
            url,
            origin=Origin(origin) if origin else None,
            max_size=None,
            open_timeout=PATIENCE_S,
            close_timeout=1,
        ) as connection:
            yield Client(connection)


@asynccontextmanager
async def serving(pool: Pool, redis: Redis) -> AsyncIterator[Server]:
    """The live routes on a free port."""
    clock = SystemClock()
    limit = RateLimit(clock, tries=1_000, seconds=60)
    app = FastAPI()
    errors.install(app)
    app.include_router(router)
    app.state.context = Context(
        settings=ApiSettings(allowed_origins=("https://board.example",)),
        pool=pool,
        redis=redis,
        log=build_log("embedded://", pool),
        questions=Questions(redis),
        signing_key="k" * 32,
        clock=clock,
        limits=Limits(
            sign_in_by_name=limit,
            sign_in_by_address=limit,
            tracking=limit,
            tracking_failures=limit,
            tracking_link=limit,
            contacts_by_link=limit,
            oidc=limit,
            webhooks=limit,
            webhook_failures=limit,
        ),
        metrics=cast("RequestMetrics", SimpleNamespace()),
    )
    hub = LiveHub(pool=pool, redis=redis, clock=clock)
    app.state.live_hub = hub
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen()
        config = uvicorn.Config(
            app, log_level="error", lifespan="off", ws_per_message_deflate=False
        )
        uvicorn_server = uvicorn.Server(config)
        serve = asyncio.create_task(uvicorn_server.serve(sockets=[free]))
        try:
            async with task_running(hub.run()):
                while not (uvicorn_server.started and hub.listening):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)
                yield Server(f"ws://127.0.0.1:{free.getsockname()[1]}", redis, hub, app)
        finally:
            hub.close_all()
            uvicorn_server.should_exit = True
            await serve

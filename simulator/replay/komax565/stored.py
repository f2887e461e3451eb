"""Whether what was sent is stored, asked of the HTTP API only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from contracts.ids import SiteCode
from simulator.replay.komax565.messages import SOURCE

_POLL_S: Final = 0.25
_SETTLED_S: Final = 3.0
"""When some of what was sent again never arrived (a broker died with it), totals that have not
moved for so long are final."""
_PAGE: Final = 1_000
_REFUSED: Final = frozenset((HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))


class StoreError(Exception):
    """The API refuses to answer, or what was sent does not turn up; says what and where."""


class Storage:
    """What the installation says it has stored of a site."""

    def __init__(self, client: httpx.AsyncClient, site: SiteCode, *, timeout_s: float) -> None:
        self._client = client
        self._site = site
        self._timeout_s = timeout_s

    async def objects(self) -> int:
        """Objects that arrived so far, by any way they ended.

        Raises:
            StoreError: the API refuses, or was not there for `timeout_s`.
        """
        answer = await self._get("/v1/ingest", site=self._site)
        return sum(int(answer.get(name, 0)) for name in ("accepted", "repeats", "refused"))

    async def good_pieces(self) -> dict[str, int]:
        """Good pieces per job as the work orders show them; raises like `objects`."""
        good: dict[str, int] = {}
        offset = 0
        while True:
            answer = await self._get(
                "/v1/work-orders",
                external_source=SOURCE,
                site=self._site,
                limit=_PAGE,
                offset=offset,
            )
            items = answer.get("items", [])
            good.update((str(item["external_id"]), int(item["good_pieces"])) for item in items)
            offset += len(items)
            if not items or offset >= int(answer.get("total", 0)):
                return good

    async def wait(
        self, *, before: int, at_least: int, at_most: int, expected: Mapping[str, int]
    ) -> None:
        """Return when everything is stored.

        Args:
            before: objects that had arrived before sending began.
            at_least: objects that were sent once.
            at_most: objects that were sent, repetitions included.
            expected: good pieces that the jobs must at least have.

        Raises:
            StoreError: it does not turn up; names jobs and numbers.
        """
        seen: tuple[int, dict[str, int]] | None = None
        moved = time.monotonic()
        while True:
            now = (await self.objects(), await self.good_pieces())
            if now != seen:
                seen, moved = now, time.monotonic()
            arrived = now[0] - before
            still_s = time.monotonic() - moved
            lacking = {job: n for job, n in expected.items() if now[1].get(job, -1) < n}
            all_in = arrived >= at_most or (arrived >= at_least and still_s >= _SETTLED_S)
            if all_in and not lacking:
                return
            if still_s > self._timeout_s:
                raise StoreError(self._what_lacks(arrived, at_least, lacking, now[1]))
            await asyncio.sleep(_POLL_S)

    def _what_lacks(
        self, arrived: int, at_least: int, lacking: Mapping[str, int], good: Mapping[str, int]
    ) -> str:
        jobs = "; ".join(
            f"{job}: {good.get(job, 'unknown')} of {count}"
            for job, count in list(lacking.items())[:5]
        )
        return (
            f"for {self._timeout_s:.0f} s nothing more was stored: {arrived} of {at_least} objects"
            + (f", {len(lacking)} jobs lack pieces ({jobs})" if lacking else "")
            + "; maybe the dead letters of the site say why"
        )

    async def _get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """A JSON object; an API that is away for a while is waited for."""
        begun = time.monotonic()
        while True:
            try:
                response = await self._client.get(path, params=parameters)
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                if response.status_code == HTTPStatus.OK:
                    answer = response.json()
                    if isinstance(answer, dict):
                        return answer
                if response.status_code == HTTPStatus.NOT_FOUND:
                    return {}  # the site is not known yet
                trouble = f"{response.status_code} {response.text[:200]}"
                if response.status_code in _REFUSED:
                    raise StoreError(f"GET {path}: {trouble}; maybe the token is of another role")
            if time.monotonic() - begun > self._timeout_s:
                raise StoreError(f"GET {path}: no answer for {self._timeout_s:.0f} s: {trouble}")
            await asyncio.sleep(_POLL_S)

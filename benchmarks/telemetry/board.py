"""Boards that watch the sites while gemba is measured, in a process of their own.

`python -m benchmarks.telemetry.board API_URL BOARDS SITE…`: the bearer token comes by standard
input. A board whose site does not exist yet, or whose connection ends, tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import httpx
from websockets.exceptions import WebSocketException

from benchmarks.pipeline.probe import idle_board

_RETRY_S = 0.5


async def _watch(url: str, token: str, site: str) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError, WebSocketException, OSError):
            await idle_board(url, token, site)
        await asyncio.sleep(_RETRY_S)


async def _main() -> None:
    url, boards, *sites = sys.argv[1:]
    token = sys.stdin.readline().strip()
    async with asyncio.TaskGroup() as group:
        for number in range(int(boards)):
            group.create_task(_watch(url, token, sites[number % len(sites)]))


if __name__ == "__main__":
    asyncio.run(_main())

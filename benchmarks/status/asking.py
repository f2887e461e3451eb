"""Whoever asks: a process of its own, keep-alive connections, a steady rate whatever comes back."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import time
from collections import Counter
from urllib.parse import urlsplit

CONNECTIONS = 64
"""So many questions are under way at most; one that finds none free waits, and is timed."""


class Asker:
    """Questions to one server."""

    def __init__(self, url: str, path: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path, self._token = path, token
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self.seconds: list[float] = []
        self.answers: Counter[int] = Counter()

    async def open(self) -> None:
        """Open the connections."""
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection(self._host, self._port))

    async def ask(self, number: str, due: float) -> None:
        """Ask for one order; timed from `due` (monotonic seconds) to the last byte."""
        reader, writer = await self._free.get()
        try:
            writer.write(
                f"GET {self._path.format(number)} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
                f"Authorization: Bearer {self._token}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            at = lower.index(b"content-length:") + len(b"content-length:")
            await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
        finally:
            self._free.put_nowait((reader, writer))
        self.seconds.append(time.monotonic() - due)
        self.answers[int(head.split(b" ", 2)[1])] += 1


async def run(options: argparse.Namespace, token: str) -> None:
    """Ask at the rate, then print what came back."""
    choose = random.Random(options.seed)  # noqa: S311 - which orders are asked for is no secret
    asker = Asker(options.url, options.path, token)
    await asker.open()
    started = time.monotonic()
    total = int(options.rate * options.seconds)
    async with asyncio.TaskGroup() as group:
        for place in range(total):
            due = started + place / options.rate
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            number = f"B-{choose.randint(1, options.orders // options.step) * options.step}"
            group.create_task(asker.ask(number, due))
    took = time.monotonic() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "asked": total,
                "seconds": took,
                "answers": asker.answers,
                "latency_s": asker.seconds,
                "cpu_s": usage.ru_utime + usage.ru_stime,
            }
        )
    )


def main() -> None:
    """Read the options; the token comes on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--path", required=True, help="with {} for the number")
    parser.add_argument("--rate", type=float, required=True, help="questions a second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--step", type=int, default=1, help="only every so many of them")
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(run(parser.parse_args(), input()))


if __name__ == "__main__":
    main()

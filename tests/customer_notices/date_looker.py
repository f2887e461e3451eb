"""A process that looks whose dates moved, each time it is told to (for tests).

Reads a moment per line, in epoch milliseconds; answers with how many messages it made.
"""

from __future__ import annotations

import asyncio
import sys

from noticed_orders import Desk, HeldClock

from store.database import build_pool
from store.leases import Leases


async def main(url: str) -> None:
    """Look when told to, until the input ends."""
    leases = Leases(url, "looker")
    clock = HeldClock()
    async with build_pool(url, name="looker", max_size=2) as pool:
        watch = Desk(pool, leases, url, clock).watch()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            clock.at_ms = int(line)
            sys.stdout.write(f"{await watch.look()}\n")
            sys.stdout.flush()
    await leases.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

"""Books a receipt and a reservation in one transaction, killed (-9) after the n-th statement.

    python killed_at.py DATABASE_URL SITE_ID ITEM_ID

Forks a child for every n from 1 on until one lives to the end; prints how many were killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection, AsyncCursor

from domain.inventory.books import Key
from domain.inventory.words import PostingKind, ReservationKind
from store.audit import Actor
from store.inventory import movements, reservations
from store.inventory.movements import Line
from store.inventory.stock import NewReservation, Posting, Stock


class Killed(AsyncCursor[Any]):
    """A cursor whose process dies after so many statements."""

    left = 0

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        result = await super().execute(*args, **kwargs)
        Killed.left -= 1
        if Killed.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def work(url: str, site_id: int, item_id: int, number: int) -> None:
    now = datetime.now(UTC)
    key = Key(item_id, site_id)
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        connection.cursor_factory = Killed
        async with connection.transaction():
            await movements.receive(
                connection,
                Posting(
                    site_id=site_id,
                    kind=PostingKind.RECEIPT,
                    actor=Actor("test", "test"),
                    occurred_at=now,
                    reference=f"k{number}",
                    digest=b"",
                ),
                [Line(item_id=item_id, item="x", quantity=Decimal(10), lot=f"lot {number}")],
            )
            stock = await Stock.lock(connection, [key], now=now, lots=False)
            want = NewReservation(
                key=key,
                quantity=Decimal(4),
                kind=ReservationKind.HARD,
                need_at=now,
                created_by="test",
                reference=f"k{number}",
                digest=b"",
            )
            await reservations.reserve(stock, [want])


def main() -> None:
    url, site_id, item_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    killed = 0
    while True:
        child = os.fork()
        if child == 0:
            Killed.left = killed + 1
            asyncio.run(work(url, site_id, item_id, killed))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            continue
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(1)
        break
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main()

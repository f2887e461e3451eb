"""Shortfalls that somebody explains: the books had been wrong."""

from __future__ import annotations

from datetime import datetime

from domain.inventory.books import Key, Tags
from domain.inventory.words import Account, PostingKind
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Page
from store.inventory import reading
from store.inventory.reading import ShortfallRow
from store.inventory.stock import Posting, Stock


async def site_of(connection: Connection, shortfall_id: int) -> str | None:
    """The site of a shortfall; None: there is no such shortfall."""
    cursor = await connection.execute(
        "SELECT s.code FROM stock_shortfalls f JOIN sites s ON s.id = f.site_id WHERE f.id = %s",
        (shortfall_id,),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def settle(
    connection: Connection, shortfall_id: int, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Book what is still open of a shortfall as a difference.

    Raises:
        NotFoundError: there is no such shortfall.
        ConflictError: nothing of it is open.
    """
    cursor = await connection.execute(
        "SELECT item_id, site_id FROM stock_shortfalls WHERE id = %s", (shortfall_id,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("shortfall", str(shortfall_id))
    key = Key(*row)
    stock = await Stock.lock(connection, [key], now=now)
    found = [one for one in stock.books.shortfalls[key] if one.id == shortfall_id]
    if not found:
        raise ConflictError(f"shortfall {shortfall_id} is settled already")
    number = stock.post(
        Posting(
            site_id=key.site_id,
            kind=PostingKind.SETTLEMENT,
            actor=actor,
            occurred_at=now,
            reason=reason,
        )
    )
    (short,) = found
    stock.books.explain(number, short, short.open_quantity, source=Account.DIFFERENCE, tags=Tags())
    await stock.save()


async def shortfall(connection: Connection, shortfall_id: int) -> ShortfallRow:
    """A shortfall by its id.

    Raises:
        NotFoundError: there is none.
    """
    rows, _ = await reading.shortfalls(connection, Page(1, 0), shortfall_id=shortfall_id)
    if not rows:
        raise NotFoundError("shortfall", str(shortfall_id))
    return rows[0]

"""Books the month's stock, costs and answers as the product does: the API or what it calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import httpx
import pandas as pd
from month_factory import HOUR, SITE
from month_money import COSTS, CURRENCY, QUESTIONS, Asked, Moved
from month_writing import moment

from api.reports import answering
from domain.inventory.words import Account, PostingKind
from store.audit import Actor
from store.database import Connection, Pool
from store.inventory import movements
from store.inventory.stock import Posting

_TARGETS: Final = {"shipped": Account.CUSTOMER, "consumed": Account.PRODUCTION}
_PATHS: Final = {"receipt": "receipts", "taken": "issues", "adjusted": "adjustments"}


async def book_costs(client: httpx.AsyncClient) -> None:
    """Unit costs by the API."""
    costs = [
        {
            "item": each.item,
            "valid_from": str(each.valid_from),
            "currency": CURRENCY,
            "cost": str(each.cost),
            **({"site": each.site} if each.site else {}),
        }
        for each in COSTS
    ]
    answer = await client.post("/v1/reports/item-costs", json={"costs": costs})
    assert answer.is_success, answer.text


async def book_stock(client: httpx.AsyncClient, pool: Pool, some: Iterable[Moved]) -> None:
    """Receipts, write-offs and adjustments by the API; what has an addressee by the store."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT code, id FROM items UNION ALL SELECT '', id FROM sites WHERE code = %s", (SITE,)
        )
        ids: dict[str, int] = dict(await cursor.fetchall())
    for each in some:
        if each.what in _TARGETS:
            async with pool.connection() as connection, connection.transaction():
                await movements.issue(
                    connection,
                    Posting(
                        site_id=ids[""],
                        kind=PostingKind.ISSUE,
                        actor=Actor("storeman", "test"),
                        occurred_at=moment(each.at_ms),
                    ),
                    [
                        movements.Line(
                            item_id=ids[each.item], item=each.item, quantity=each.quantity
                        )
                    ],
                    target=_TARGETS[each.what],
                )
            continue
        body: dict[str, Any] = {
            "site": SITE,
            "occurred_at": moment(each.at_ms).isoformat(),
            "lines": [{"item": each.item, "quantity": str(each.quantity)}],
        }
        if each.what == "adjusted":
            body["reason"] = "counted"
        answer = await client.post(f"/v1/stock/{_PATHS[each.what]}", json=body)
        assert answer.is_success, answer.text


async def count_answers(pool: Pool, some: Iterable[Asked]) -> None:
    """Answers as a process of the API counts them, written every hour."""
    by_hour: dict[int, list[Asked]] = defaultdict(list)
    for each in some:
        by_hour[each.at_ms // HOUR * HOUR].append(each)
    for since_ms, answers in sorted(by_hour.items()):
        counts = answering.AnswerCounts()
        for one in answers:
            counts.count("GET", QUESTIONS[one.question], one.status, one.seconds)
        await answering.write(pool, counts, since_ms)


async def ledger(connection: Connection) -> pd.DataFrame:
    """The ledger's rows that changed stock at the month's site."""
    cursor = await connection.execute(
        """
        SELECT i.code, p.occurred_at, g.quantity, g.from_account, g.to_account
        FROM stock_ledger g JOIN stock_postings p ON p.id = g.posting_id
        JOIN items i ON i.id = g.item_id JOIN sites s ON s.id = g.site_id
        WHERE s.code = %s
        """,
        (SITE,),
    )
    rows = []
    for item, at, quantity, from_account, to_account in await cursor.fetchall():
        out = from_account == "stock"
        change = quantity * ((to_account == "stock") - out)
        used = quantity if out and to_account in ("customer", "production") else Decimal(0)
        rows.append((item, round(at.timestamp() * 1_000), change, used))
    return pd.DataFrame(rows, columns=["item", "at_ms", "change", "used"])

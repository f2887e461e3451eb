"""How long the product's own answers to questions about orders take: counted, and written by times.

Counting is some additions in memory for each request; the database hears of it every five minutes
and when the service ends (`store.reports.answers`).
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from domain.reports.service_level import Answers
from domain.reports.words import Words
from runtime.clock import Clock
from store.database import Pool
from store.reports.answers import BORDERS, write_answers

logger = logging.getLogger("gemba.api")

WRITE_EVERY_S: Final = 300.0

QUESTIONS: Final[Mapping[str, Words]] = {
    "order_status": Words("Status of an order", "订单状态"),
    "order": Words("An order with its lines", "订单详情"),
    "own_order": Words("A customer's own order", "客户查询自己的订单"),
    "tracking": Words("Tracking page", "跟踪页面"),
}
"""What is asked about an order."""

_ROUTES: Final = {
    "/v1/orders/{number:path}/status": "order_status",
    "/v1/orders/{number:path}": "order",
    "/v1/own/orders/{number:path}": "own_order",
    "/v1/tracking/{token}": "tracking",
}
_BORDERS_S: Final = tuple(border / 1_000 for border in BORDERS)
_NOT_ANSWERED: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_NOT_ASKED: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refused before anybody looked: neither in time nor late."""


class AnswerCounts:
    """What was counted and not written yet."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer, where it is one to a question about an order."""
        question = _ROUTES.get(route) if method == "GET" else None
        if question is None or status in _NOT_ASKED:
            return
        counts = self._counts.setdefault(question, [0] * (len(BORDERS) + 2))
        counts[-1 if status >= _NOT_ANSWERED else bisect_left(_BORDERS_S, seconds)] += 1

    def take(self) -> dict[str, Answers]:
        """Everything, by question; it is counted no more."""
        taken, self._counts = self._counts, {}
        return {
            question: Answers(
                within=dict(zip(BORDERS, counts, strict=False)),
                beyond=counts[-2],
                failed=counts[-1],
            )
            for question, counts in taken.items()
        }

    def put_back(self, some: Mapping[str, Answers]) -> None:
        """Count again what could not be written."""
        for question, each in some.items():
            counts = self._counts.setdefault(question, [0] * (len(BORDERS) + 2))
            numbers = [*each.within.values(), each.beyond, each.failed]
            self._counts[question] = [a + b for a, b in zip(counts, numbers, strict=True)]


async def keep_written(
    pool: Pool, counts: AnswerCounts, clock: Clock, *, every_s: float = WRITE_EVERY_S
) -> None:
    """Write what was counted, again and again, and once more when cancelled."""
    since = clock.now_ms()
    try:
        while True:
            await asyncio.sleep(every_s)
            await write(pool, counts, since)
            since = clock.now_ms()
    finally:
        await write(pool, counts, since)


async def write(pool: Pool, counts: AnswerCounts, since_ms: int) -> None:
    """Write what was counted since a moment; what cannot be written now is counted on."""
    taken = counts.take()
    if not taken:
        return
    try:
        async with pool.connection() as connection:
            await write_answers(
                connection, taken, counted_from=datetime.fromtimestamp(since_ms / 1_000, UTC)
            )
    except (psycopg.Error, PoolTimeout) as error:
        counts.put_back(taken)
        logger.warning("how long answers took is written later: %s", error)

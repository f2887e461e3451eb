"""Looks whose dates have moved, and makes the messages by which customers are told.

Dates are looked at, not listened to: what the log says only makes the next look come at once. One
process looks at a time, by a lease; if two did, nobody would be told twice
(`store.customer_notices.telling`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from contracts.streams import ORDERS, PLANS
from domain.customer_notices.contacts import Counted
from domain.customer_notices.dates import Decision, Moves, Pace, Waits, decide
from domain.customer_notices.reasons import first_of, reason_of
from notify.alarm_wakes import listen
from runtime.clock import Clock
from runtime.health import HealthState
from store.alarms.shifts import Shifts, read_shifts
from store.customer_notices import looking, telling
from store.customer_notices.looking import Looked, OrderFacts, Pair, Watched
from store.customer_notices.telling import Kept, MovedLine
from store.database import Connection, Pool
from store.leases import AWAY, Leases

_log = logging.getLogger(__name__)

TOPICS: Final = frozenset({PLANS, ORDERS})
_LEASE: Final = "customers' dates"
_LEAST_S: Final = 0.2
_LONGEST_S: Final = 5.0
"""Projections move with every piece, of which nobody tells us."""
_SPARING: Final = 10.0
"""A look that takes long, in a large installation, is made less often."""
_AWAY_S: Final = 2.0
_PRUNING_S: Final = 3_600.0
_NOT_READY: Final = (*AWAY, psycopg.errors.UndefinedTable)
_ORDERS_AT_ONCE: Final = 100
_PORTION: Final = 2_000
_PORTION_PAUSE_S: Final = 0.2
_SHIFTS_S: Final = 600
_AHEAD: Final = timedelta(days=120)


class CustomerWatch:
    """Tells customers of dates that moved.

    Args:
        pool: where the rows are.
        leases: keep other processes from looking meanwhile.
        clock: the time.
        url: of the database, to be woken by.
        installation_key: makes the links in messages.
        pace: for how long a date has to have moved.
        keep: for how long is kept what customers were told.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        leases: Leases,
        clock: Clock,
        url: str,
        installation_key: str,
        pace: Pace,
        keep: timedelta,
    ) -> None:
        self._pool = pool
        self._leases = leases
        self._clock = clock
        self._url = url
        self._key = installation_key
        self._pace = pace
        self._keep = keep
        self._happened = asyncio.Event()
        self._look_at_ms: int | None = None
        self._shifts: Shifts | None = None
        self._away: str | None = None
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is."""
        if self._away is not None:
            return HealthState.DEGRADED, self._away
        return HealthState.OK, None

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [
            listen(self._url, self._happened.set, topics=TOPICS, name="customer-wakes"),
            self.keep_looking(),
            self.keep_pruning(),
        ]

    async def keep_looking(self) -> None:
        """Look, and look again when something happened, or a while is over, until cancelled."""
        while True:
            self._happened.clear()
            began = self._clock.monotonic()
            try:
                if await self._leases.take(_LEASE):
                    try:
                        await self.look()
                    finally:
                        await self._leases.release(_LEASE)
                self._away = None
            except _NOT_READY as error:
                self._away = f"the database does not answer: {type(error).__name__}"
                await asyncio.sleep(_AWAY_S)
                continue
            await self._pause(self._clock.monotonic() - began)

    async def keep_pruning(self) -> None:
        """Drop what is kept no longer, now and then, until cancelled."""
        while True:
            try:
                await self.prune()
            except _NOT_READY as error:
                _log.debug("nothing is pruned: %s", error)
            await asyncio.sleep(_PRUNING_S)

    async def prune(self) -> int:
        """Drop messages that are over and old, in portions; answers how many."""
        before = datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC) - self._keep
        dropped, portion = 0, _PORTION
        while portion == _PORTION:
            async with self._pool.connection() as connection, connection.transaction():
                portion = await telling.drop_older(connection, before, at_once=_PORTION)
            dropped += portion
            await asyncio.sleep(_PORTION_PAUSE_S)
        return dropped

    async def look(self) -> int:
        """Look at every date that may have moved; answers how many messages were made."""
        now_ms = self._clock.now_ms()
        self._look_at_ms = None
        async with self._pool.connection() as connection:
            pairs = await looking.pairs(connection, now_ms=now_ms)
        told = 0
        for portion in _portions(pairs):
            async with self._pool.connection() as connection:
                for looked in await looking.look(connection, portion, now_ms=now_ms):
                    told += await self._decide(connection, looked, now_ms)
        self.metrics["customer_dates_looked_at"] += len(pairs)
        self.metrics["customer_notices"] += told
        return told

    async def _decide(self, connection: Connection, looked: Looked, now_ms: int) -> int:
        """Keep what is known of one order, and tell whoever is to be told."""
        if any(each.contact.wishes.counted is Counted.WORKING for each in looked.watched):
            await self._read_shifts(connection, now_ms)
        kept: list[Kept] = []
        moved: dict[int, list[tuple[Watched, Moves]]] = defaultdict(list)
        for each in looked.watched:
            decision = self._decided(looked.order, each, now_ms)
            if isinstance(decision, Moves):
                moved[each.contact.id].append((each, decision))
                continue
            if isinstance(decision, Waits):
                self._look_at_ms = min(self._look_at_ms or decision.look_at_ms, decision.look_at_ms)
            if decision.known != each.known or each.new:
                kept.append(
                    Kept(
                        contact_id=each.contact.id,
                        line_id=each.line.id,
                        known=decision.known,
                        since_ms=each.known_since_ms,
                    )
                )
        async with connection.transaction():
            await telling.keep(connection, kept)
        return sum(
            [await self._tell(connection, looked.order, moved[each], now_ms) for each in moved]
        )

    def _decided(self, order: OrderFacts, each: Watched, now_ms: int) -> Decision:
        wishes = each.contact.wishes
        return decide(
            each.known,
            each.date_ms,
            beyond=partial(wishes.beyond, advance=partial(self._advance, order.site)),
            pace=self._pace,
            quiet_until_ms=wishes.quiet_until_ms(now_ms),
            now_ms=now_ms,
        )

    async def _tell(
        self,
        connection: Connection,
        order: OrderFacts,
        moved: Sequence[tuple[Watched, Moves]],
        now_ms: int,
    ) -> int:
        """Tell one contact of the lines of one order, in one transaction."""
        contact = moved[0][0].contact
        reasons = [
            reason_of(await looking.evidence(connection, order.id, each, decision.to_ms))
            for each, decision in moved
        ]
        async with connection.transaction():
            message = await telling.tell(
                connection,
                self._key,
                contact,
                order,
                [
                    MovedLine(
                        line_id=each.line.id,
                        number=each.line.number,
                        item=each.line.item_name or each.line.item,
                        quantity=f"{each.line.quantity.normalize():f}",
                        unit=each.line.unit,
                        from_ms=decision.from_ms,
                        to_ms=decision.to_ms,
                        known=decision.known,
                    )
                    for each, decision in moved
                ],
                reason=first_of(reasons),
                beyond=partial(contact.wishes.beyond, advance=partial(self._advance, order.site)),
                now_ms=now_ms,
            )
        return int(message is not None)

    def _advance(self, site: str, at_ms: int, work_ms: int) -> int:
        if self._shifts is None:
            return at_ms + work_ms
        return self._shifts.advance(site, at_ms, work_ms)

    async def _read_shifts(self, connection: Connection, now_ms: int) -> None:
        if self._shifts is None or now_ms - self._shifts.read_ms >= _SHIFTS_S * 1_000:
            self._shifts = await read_shifts(connection, now_ms=now_ms, ahead=_AHEAD)

    async def _pause(self, took_s: float) -> None:
        await asyncio.sleep(max(_LEAST_S, _SPARING * took_s))
        pause_s = _LONGEST_S
        if self._look_at_ms is not None:
            pause_s = min(pause_s, max((self._look_at_ms - self._clock.now_ms()) / 1_000, 0.0))
        try:
            async with asyncio.timeout(pause_s):
                await self._happened.wait()
        except TimeoutError:
            return


def _portions(pairs: Collection[Pair]) -> list[list[Pair]]:
    """Pairs in portions of whole orders; they are sorted by order."""
    portions: list[list[Pair]] = []
    orders: set[int] = set()
    for pair in pairs:
        if not portions or (pair.order_id not in orders and len(orders) >= _ORDERS_AT_ONCE):
            portions.append([])
            orders = set()
        orders.add(pair.order_id)
        portions[-1].append(pair)
    return portions

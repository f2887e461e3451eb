"""Orders and stock follow the floor: operations' rows are rolled up into their orders' lines.

One agent for two topics: `gemba.progress.v1` (an operation has moved) and `gemba.orders.v1` (an
order, a work order or a peg was made or changed). An event only says where to look; the figures
come from the rows (`domain.progress` says how), so repeats and order of arrival have no influence.
What was counted is booked into stock in the same transaction (`store.inventory.production`), and
what a work order cannot make any more is noted (`store.pegging.losses`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from contracts.ids import EpochMs, SiteCode
from contracts.streams import (
    BEFORE_WORK,
    ORDERS,
    PARTITIONS,
    OperationProgressed,
    OrderEvent,
    decode_events,
    encode_events,
)
from contracts.topics import partition_of
from runtime.clock import Clock
from store.database import Connection, Pool
from store.inventory.production import book_production
from store.log import NewRecord, StreamLog
from store.pegging import losses
from store.roll_up import LINE_STATE_CHANGED, RolledUp, roll_up
from store.telemetry.writing import DeadLetter, put_dead_letters
from streams.consumption import Message
from streams.fenced import FencedPartitions

GROUP: Final = "gemba.progress"
_log = logging.getLogger(__name__)


class RollUpAgent:
    """Handles batches of the progress and the orders topic.

    Args:
        pool: where the rows are.
        log: where the events of changed states go, within the same transaction.
        clock: for the time at which a line was produced, when the floor does not say.
        on_changed: told of site and id of every order that was written, after the commit.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self, *, pool: Pool, log: StreamLog, clock: Clock, on_changed: Callable[[str, int], None]
    ) -> None:
        self._stream_log = log
        self._clock = clock
        self._on_changed = on_changed
        self._partitions = FencedPartitions(pool, GROUP)
        self.metrics: dict[str, float] = defaultdict(float)

    async def on_assigned(self, topic: str, partition: int) -> None:
        """Raise the partition's epoch and learn what was done."""
        await self._partitions.on_assigned(topic, partition)

    @property
    def stopped(self) -> Mapping[tuple[str, int], str]:
        """Which partitions stand still, and why."""
        return self._partitions.stopped

    async def handle(self, batch: Sequence[Message]) -> None:
        """Roll up what a batch's events name, in one fenced transaction.

        Raises:
            Fenced: another worker has the partition.
        """
        done = await self._partitions.commit(
            batch, self._effects, concerns=lambda records: any(map(bool, _named(records)))
        )
        if done is None:
            return
        rolled, set_aside = done
        self.metrics["orders_rolled_up"] += len(rolled)
        self.metrics["records_set_aside"] += set_aside
        for order in rolled:
            self._on_changed(order.site, order.order_id)

    async def _effects(
        self, connection: Connection, records: Sequence[Message]
    ) -> tuple[list[RolledUp], int]:
        """The orders that were written, and how many records were set aside."""
        orders, works, letters = _named(records)
        now_ms = self._clock.now_ms()
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        rolled = await roll_up(connection, order_ids=orders, work_order_ids=works, now_ms=now_ms)
        self.metrics["shortages_changed"] += await losses.note(connection, works, now=now)
        booked = await book_production(connection, work_order_ids=works, order_ids=orders, now=now)
        self.metrics["work_orders_booked"] += booked
        if letters:
            await put_dead_letters(connection, letters)
        events = [_event(order, now_ms) for order in rolled if order.state_changed]
        if events:
            await self._stream_log.append_in(connection, events)
        return rolled, len(letters)


_NO_WORK: Final = BEFORE_WORK | {LINE_STATE_CHANGED}
"""After these no line has made more, or less, than before."""


def _named(records: Sequence[Message]) -> tuple[set[int], set[int], list[DeadLetter]]:
    """The orders and work orders that records name, and the records that name nothing."""
    orders: set[int] = set()
    works: set[int] = set()
    letters = []
    for record in records:
        value = record.value or b""
        try:
            events = decode_events(value)
        except msgspec.DecodeError as error:
            _log.error("%s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
            letters.append(_dead_letter(record, value, f"not a list of events: {error}"))
            continue
        for event in events:
            if isinstance(event, OperationProgressed):
                works.add(event.work_order_id)
            elif isinstance(event, OrderEvent) and event.name not in _NO_WORK:
                orders.add(event.order_id)
                works.update(event.work_order_ids)
    return orders, works, letters


def _dead_letter(record: Message, value: bytes, reason: str) -> DeadLetter:
    return DeadLetter(
        site="",
        mqtt_topic=None,
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        received_ms=int(record.timestamp * 1000),
        payload=value,
        size=len(value),
        code="record",
        reason=reason,
    )


def _event(order: RolledUp, now_ms: int) -> NewRecord:
    key = str(order.order_id)
    event = OrderEvent(
        site=SiteCode(order.site),
        name=LINE_STATE_CHANGED,
        order_id=order.order_id,
        work_order_ids=order.work_order_ids,
        version=order.version,
        occurred_ms=EpochMs(now_ms),
    )
    return NewRecord(ORDERS, partition_of(key, PARTITIONS), key.encode(), encode_events([event]))

"""Shipments and stock follow the warehouse.

One agent for two topics: `gemba.goods.v1` (goods were moved) and `gemba.orders.v1` (an order, a
work order or a peg was made or changed). Every move changes stock, once (`store.inventory.moves`).
Those that were picked, packed or shipped for an order are joined with it: a move whose order is not
there yet is kept with the reason, and joined when the order comes; `domain.shipping` makes the
shipments of all the moves an order has, so repeats and order of arrival have no influence.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from contracts.ids import EpochMs, SiteCode
from contracts.streams import (
    BEFORE_WORK,
    DEAD_LETTERS,
    ORDERS,
    PARTITIONS,
    DeadLettered,
    GoodsMoved,
    OrderEvent,
    decode_events,
    encode_events,
)
from contracts.topics import partition_of
from domain import goods
from domain.intake import Refusal
from domain.shipping import EVENTS
from runtime.clock import Clock
from store import goods_moves
from store.database import Connection, Pool
from store.inventory import holding
from store.inventory.moves import book_moves
from store.log import NewRecord, StreamLog
from store.roll_up import LINE_STATE_CHANGED
from store.shipments import SHIPMENT_CHANGED, Reshipped, ship
from store.telemetry.writing import DeadLetter, put_dead_letters
from streams.consumption import Message
from streams.fenced import FencedPartitions

GROUP: Final = "gemba.warehouse"
_PASSED_OVER: Final = (BEFORE_WORK - {"OrderReceived"}) | {SHIPMENT_CHANGED, LINE_STATE_CHANGED}
"""Our own, and those after which goods are as they were. Goods may have moved before their order
came in."""
"""Events that change nothing of what moves are joined with."""
_log = logging.getLogger(__name__)


@dataclass
class _Named:
    """What a batch of records names."""

    moves: list[GoodsMoved] = field(default_factory=list)
    """Those that bring an order's goods on their way."""
    goods: list[GoodsMoved] = field(default_factory=list)
    """All of them: they change stock."""
    order_ids: set[int] = field(default_factory=set)
    work_order_ids: set[int] = field(default_factory=set)
    letters: list[DeadLetter] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether they name anything."""
        return bool(
            self.moves or self.goods or self.order_ids or self.work_order_ids or self.letters
        )


class WarehouseAgent:
    """Handles batches of the goods and the orders topic.

    Args:
        pool: where the rows are.
        log: where the events of changed shipments go, within the same transaction.
        clock: for the events' time.
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
        """Join what a batch's events name, in one fenced transaction.

        Raises:
            Fenced: another worker has the partition.
        """
        done = await self._partitions.commit(
            batch, self._effects, concerns=lambda records: bool(_named(records))
        )
        if done is None:
            return
        written, set_aside = done
        self.metrics["orders_shipped"] += len(written)
        self.metrics["records_set_aside"] += set_aside
        for order in written:
            self._on_changed(order.site, order.order_id)

    async def _effects(
        self, connection: Connection, records: Sequence[Message]
    ) -> tuple[list[Reshipped], int]:
        """The orders whose shipments were written, and how many records were set aside."""
        named = _named(records)
        written = await self._join(connection, named)
        # Stock is locked last: whoever books it holds orders before, never after.
        served = await self._book(connection, named)
        letter_ids = await put_dead_letters(connection, named.letters)
        events = [
            *(_event(order, self._clock.now_ms()) for order in written if order.told),
            *(_served(order, self._clock.now_ms()) for order in served),
            *(_letter_event(*pair) for pair in zip(named.letters, letter_ids, strict=True)),
        ]
        if events:
            events.sort(key=lambda record: (record.topic, record.partition))
            await self._stream_log.append_in(connection, events)
        return written, len(named.letters)

    async def _join(self, connection: Connection, named: _Named) -> list[Reshipped]:
        if not (named.moves or named.order_ids or named.work_order_ids):
            return []
        await goods_moves.lock(connection)
        new = await goods_moves.put_moves(connection, named.moves) if named.moves else []
        order_ids = await goods_moves.join(
            connection,
            new=new,
            order_ids=named.order_ids,
            work_order_ids=named.work_order_ids,
        )
        self.metrics["moves"] += len(new)
        # An order that changed may have other quantities to fill, and other lines.
        return await ship(connection, order_ids)

    async def _book(self, connection: Connection, named: _Named) -> list[holding.Concerned]:
        """Book moves; the orders for which goods of a purchase have come."""
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        lines: set[int] = set()
        booked, unmatched = await book_moves(
            connection, named.goods, now=now, on_arrival=lines.update
        )
        self.metrics["stock_moves"] += booked
        self.metrics["stock_moves_unmatched"] += unmatched
        return await holding.orders_of(connection, lines)


def _named(records: Sequence[Message]) -> _Named:
    """What records name; those that name nothing, and moves that cannot be kept, are set aside."""
    named = _Named()
    for record in records:
        value = record.value or b""
        try:
            events = decode_events(value)
        except msgspec.DecodeError as error:
            _log.error("%s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
            reason = f"not a list of events: {error}"
            named.letters.append(_dead_letter(record, "", value, Refusal.RECORD, reason))
            continue
        for event in events:
            if isinstance(event, GoodsMoved):
                _take(named, record, event)
            elif isinstance(event, OrderEvent) and event.name not in _PASSED_OVER:
                named.order_ids |= {event.order_id} - {0}
                named.work_order_ids.update(event.work_order_ids)
    return named


def _take(named: _Named, record: Message, move: GoodsMoved) -> None:
    names = {
        "order": move.order,
        "work_order": move.work_order,
        "item": move.item,
        "unit": move.unit,
        "lot": move.lot,
        "from": move.from_,
        "to": move.to,
    }
    reason = goods.unusable(names, move.quantity)
    if reason is None:
        named.goods.append(move)
        if move.event in EVENTS and (move.order is not None or move.work_order is not None):
            named.moves.append(move)
        return
    value = encode_events([move])
    letter = _dead_letter(record, move.site, value, Refusal.FIELD, f"move: {reason}")
    named.letters.append(letter)


def _dead_letter(
    record: Message, site: str, value: bytes, code: Refusal, reason: str
) -> DeadLetter:
    return DeadLetter(
        site=site,
        mqtt_topic=None,
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
        received_ms=int(record.timestamp * 1000),
        payload=value,
        size=len(value),
        code=code.value,
        reason=reason,
    )


def _event(order: Reshipped, now_ms: int) -> NewRecord:
    key = str(order.order_id)
    event = OrderEvent(
        site=SiteCode(order.site),
        name=SHIPMENT_CHANGED,
        order_id=order.order_id,
        work_order_ids=[],
        version=order.version,
        occurred_ms=EpochMs(now_ms),
    )
    return NewRecord(ORDERS, partition_of(key, PARTITIONS), key.encode(), encode_events([event]))


def _served(order: holding.Concerned, now_ms: int) -> NewRecord:
    """What was bought for an order lies there: its lines are looked at again."""
    key = str(order.id)
    event = OrderEvent(
        SiteCode(order.site), "PegsMoved", order.id, [], order.version, EpochMs(now_ms)
    )
    return NewRecord(ORDERS, partition_of(key, PARTITIONS), key.encode(), encode_events([event]))


def _letter_event(letter: DeadLetter, letter_id: int) -> NewRecord:
    event = DeadLettered(SiteCode(letter.site), letter_id, letter.code)
    partition = partition_of(letter.site, PARTITIONS)
    return NewRecord(DEAD_LETTERS, partition, None, encode_events([event]))

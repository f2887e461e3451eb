"""What of a batch is told on of goods: every move and every material that was newly accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from contracts.streams import CONSUMED, MAX_RECORD_BYTES, GoodsMoved
from contracts.telemetry import Material, Move
from domain.floor.machine import Received
from streams.telemetry.changes import Changed

_ROOM: Final = MAX_RECORD_BYTES // 2
_FIXED_BYTES: Final = 128
"""What an event takes beside its texts, generously."""


class _Exact(msgspec.Struct):
    quantity: Decimal


_exact = msgspec.json.Decoder(_Exact)


def goods_moved(changes: Iterable[Changed]) -> Iterator[GoodsMoved]:
    """The newly accepted moves and materials: they change stock, some bring orders on their way.

    Raises:
        LookupError: a publisher has no row yet.
    """
    for change in changes:
        for received in change.new:
            message = received.object.message
            if isinstance(message, Move):
                yield _moved(change, received, message)
            elif isinstance(message, Material) and message.quantity:
                yield _consumed(change, received, message)


def _moved(change: Changed, received: Received, move: Move) -> GoodsMoved:
    return GoodsMoved(
        site=change.machine.site,
        device_id=change.machine.id,
        publisher_id=_publisher_id(change, move),
        seq=move.seq,
        t_ms=received.object.t_ms,
        event=move.event.value,
        item=move.item,
        quantity=_quantity(received),
        unit=_or_none(move.unit),
        lot=_or_none(move.lot),
        from_=_or_none(move.from_),
        to=_or_none(move.to),
        work_order=_or_none(move.work_order),
        order=_or_none(move.order),
    )


def _consumed(change: Changed, received: Received, material: Material) -> GoodsMoved:
    work_order = _or_none(material.work_order)
    if work_order is None:
        # As of its own place among the machine's objects, like a piece that is counted.
        publisher = (material.source, material.boot)
        current = change.machine.past.current_at(publisher, material.seq)
        work_order = None if current is None else current[0]
    return GoodsMoved(
        site=change.machine.site,
        device_id=change.machine.id,
        publisher_id=_publisher_id(change, material),
        seq=material.seq,
        t_ms=received.object.t_ms,
        event=CONSUMED,
        item=material.item,
        quantity=_quantity(received),
        unit=_or_none(material.unit),
        lot=None,
        from_=None,
        to=None,
        work_order=work_order,
        order=None,
    )


def _publisher_id(change: Changed, message: Move | Material) -> int:
    publisher = change.publishers[message.source, message.boot]
    if publisher.id is None:
        raise LookupError(f"{message.source}/{message.boot} has no row")
    return publisher.id


def _quantity(received: Received) -> str:
    """From the text as it was sent: a float would keep 17 digits of it."""
    return str(_exact.decode(received.object.body).quantity)


def goods_key(event: GoodsMoved) -> str:
    """What decides the partition: an order's moves stay together, and in order; else an item's."""
    if event.order is not None:
        return event.order
    if event.work_order is not None:
        return f"wo:{event.site}/{event.work_order}"
    return f"item:{event.site}/{event.item}"


def portions(events: list[GoodsMoved]) -> Iterator[list[GoodsMoved]]:
    """Events in lists that fit into a record each: their texts are of any length."""
    portion: list[GoodsMoved] = []
    size = 0
    for event in events:
        added = _size(event)
        if portion and size + added > _ROOM:
            yield portion
            portion, size = [], 0
        portion.append(event)
        size += added
    if portion:
        yield portion


def _size(event: GoodsMoved) -> int:
    texts = (event.item, event.unit, event.lot, event.from_, event.to)
    names = (event.work_order, event.order, event.quantity)
    return _FIXED_BYTES + sum(4 * len(text) for text in (*texts, *names) if text is not None)


def _or_none(text: str | UnsetType) -> str | None:
    return None if text is UNSET else text

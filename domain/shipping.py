"""From warehouse moves to an order's shipments.

Everything here is a function of the *set* of an order's moves: repeats are the same move, and the
order of arrival has no influence, because moves are read in order of event time (ties: picked,
packed, shipped, then the publisher's own names).

Batches. A shipped move joins the batch that is being loaded, unless it comes more than BATCH_GAP_MS
after the one before, or takes goods that became ready only after the loading began. Each batch is
a shipment; what is picked or packed and has not left is the next one, still open.

Attribution. What was picked and packed fills the shipments in order, each up to what left with it,
and the open one with the rest; never a shipment that had left before. So a pick or a pack that
nobody scanned shifts nothing. Once all that was ordered has left, nothing is open any more: what
else was picked or packed stays with the
last shipment. Quantities are those that were told: 100 packed and 120 shipped is shown so. An
item's quantity belongs to its lines in order of due date (none is last), then number; surplus stays
with the last of them.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from contracts.telemetry import MoveEvent

BATCH_GAP_MS: Final = 30 * 60_000
"""A truck is not loaded for longer without a single scan."""

EVENTS: Final = (MoveEvent.PICKED, MoveEvent.PACKED, MoveEvent.SHIPPED)
"""The moves that shipments are made of, in the order in which goods go through them."""

_ZERO: Final = Decimal(0)

Goods: TypeAlias = tuple[str, str]
"""An item and the unit it is counted in."""


class ShipmentState(enum.StrEnum):
    """Where a shipment is. What has left is delivered when its carrier says so."""

    PICKING = "picking"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An order line, as far as goods are concerned."""

    id: int
    number: int
    item: str
    unit: str
    quantity: Decimal
    due_ms: int | None
    cancelled: bool = False


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted move of EVENTS. `device`, `source`, `boot` and `seq` say which one it is."""

    t_ms: int
    event: MoveEvent
    item: str
    unit: str | None
    quantity: Decimal
    device: str
    source: str
    boot: str
    seq: int


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """A line's part of a shipment."""

    line_id: int
    picked: Decimal
    packed: Decimal
    shipped: Decimal


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that leave together. Times are epoch milliseconds of the moves' own clocks."""

    number: int
    """From 1 in the order in which they left; the open one is last."""
    state: ShipmentState
    portions: tuple[Portion, ...]
    picking_ms: int | None
    """When its first piece was picked."""
    packed_ms: int | None
    """When its last piece was packed; None while some are not, or nobody said so."""
    shipped_ms: int | None
    """When the last of it left."""
    device: str
    """Whose move made its state."""


class Total(msgspec.Struct, frozen=True):
    """What a shipment holds, in one unit."""

    picked: Decimal
    packed: Decimal
    shipped: Decimal
    unit: str


def total(parts: Sequence[Total]) -> Total:
    """The sum over the parts that have the first one's unit; there is at least one part."""
    same = [part for part in parts if part.unit == parts[0].unit]
    return Total(
        sum((part.picked for part in same), _ZERO),
        sum((part.packed for part in same), _ZERO),
        sum((part.shipped for part in same), _ZERO),
        parts[0].unit,
    )


def shipments(lines: Sequence[Line], moves: Iterable[Move]) -> list[Shipment]:
    """An order's shipments from all its moves.

    What fits no line is left out; `domain.goods.judge` says so before.
    """
    fitting = _fitting(lines, moves)
    scans: dict[tuple[Goods, MoveEvent], list[Move]] = defaultdict(list)
    for goods, move in fitting:
        scans[goods, move.event].append(move)
    batches = _batches(fitting)
    vessels = [_Vessel() for _ in range(len(batches) + 1)]
    for vessel, batch in zip(vessels, batches, strict=False):
        for goods, move in batch:
            vessel.add(goods, move)
    left = {
        goods: [vessel.sum(goods, MoveEvent.SHIPPED) for vessel in vessels[:-1]]
        for goods in dict.fromkeys(goods for goods, _ in fitting)
    }
    settled = _settled(lines, left)
    left_at = [_place(batch[-1][1]) for batch in batches]
    for goods, gone in left.items():
        capacities: list[Decimal | None] = [*gone, None]
        if settled:
            last = max(place for place, quantity in enumerate(gone) if quantity)
            capacities[last:] = [None]
        for event in (MoveEvent.PICKED, MoveEvent.PACKED):
            some = scans[goods, event]
            earliest = [bisect_left(left_at, _place(move)) for move in some]
            amounts = [move.quantity for move in some]
            for index, place, quantity in _pour(amounts, capacities, earliest):
                vessels[place].add(goods, some[index], quantity)
    portions = _portions(lines, vessels)
    return [
        vessel.shipment(number, portions[number - 1])
        for number, vessel in enumerate(vessels, 1)
        if vessel.moved
    ]


class _Vessel:
    """A shipment in the making: per goods and event, which quantities came when."""

    def __init__(self) -> None:
        self.moved: dict[tuple[Goods, MoveEvent], list[tuple[Decimal, Move]]] = defaultdict(list)

    def add(self, goods: Goods, move: Move, quantity: Decimal | None = None) -> None:
        self.moved[goods, move.event].append(
            (move.quantity if quantity is None else quantity, move)
        )

    def sum(self, goods: Goods, event: MoveEvent) -> Decimal:
        return sum((quantity for quantity, _ in self.moved.get((goods, event), ())), _ZERO)

    def shipment(self, number: int, portions: tuple[Portion, ...]) -> Shipment:
        picked, packed, shipped = (self._of(event) for event in EVENTS)
        goods = {its for its, _ in self.moved}
        needed = MoveEvent.SHIPPED if shipped else MoveEvent.PICKED
        complete = bool(packed) and all(
            self.sum(its, MoveEvent.PACKED) >= self.sum(its, needed) for its in goods
        )
        if shipped:
            state, by = ShipmentState.SHIPPED, max(shipped, key=_place)
        elif complete:
            state, by = ShipmentState.PACKED, max(packed, key=_place)
        else:
            state, by = ShipmentState.PICKING, min(picked or packed, key=_place)
        left_ms = by.t_ms if shipped else None

        def by_then(at_ms: int) -> int:
            """What has left was picked and packed by then, whenever it was scanned."""
            return at_ms if left_ms is None else min(at_ms, left_ms)

        return Shipment(
            number=number,
            state=state,
            portions=portions,
            picking_ms=by_then(min(move.t_ms for move in picked)) if picked else None,
            packed_ms=by_then(max(move.t_ms for move in packed)) if complete else None,
            shipped_ms=left_ms,
            device=by.device,
        )

    def _of(self, event: MoveEvent) -> list[Move]:
        return [move for (_, its), some in self.moved.items() if its is event for _, move in some]


def _place(move: Move) -> tuple[int, int, str, str, str, int, str, str, Decimal]:
    return (
        move.t_ms,
        EVENTS.index(move.event),
        move.device,
        move.source,
        move.boot,
        move.seq,
        move.item,
        move.unit or "",
        move.quantity,
    )


def _fitting(lines: Iterable[Line], moves: Iterable[Move]) -> list[tuple[Goods, Move]]:
    """Moves in order, with what they move: without a unit, that of the item's first line."""
    units: dict[str, list[str]] = defaultdict(list)
    for line in _in_order(lines):
        units[line.item].append(line.unit)
    fitting = []
    for move in sorted(set(moves), key=_place):
        known = units.get(move.item)
        if known and move.quantity > 0 and (move.unit is None or move.unit in known):
            fitting.append(((move.item, move.unit or known[0]), move))
    return fitting


def _in_order(lines: Iterable[Line]) -> list[Line]:
    """The order in which lines are filled; what is cancelled comes last."""
    return sorted(
        lines, key=lambda each: (each.cancelled, each.due_ms is None, each.due_ms or 0, each.number)
    )


def _batches(moves: Sequence[tuple[Goods, Move]]) -> list[list[tuple[Goods, Move]]]:
    """Shipped moves by the batch they left with, as the module says."""
    batches: list[list[tuple[Goods, Move]]] = []
    told: dict[tuple[Goods, MoveEvent], Decimal] = defaultdict(Decimal)
    opening: dict[tuple[Goods, MoveEvent], Decimal] = {}
    for goods, move in moves:
        told[goods, move.event] += move.quantity
        if move.event is not MoveEvent.SHIPPED:
            continue
        recent = bool(batches) and move.t_ms - batches[-1][-1][1].t_ms <= BATCH_GAP_MS
        if recent and not _takes_newer(goods, told, opening):
            batches[-1].append((goods, move))
        else:
            batches.append([(goods, move)])
            opening = dict(told)
    return batches


def _takes_newer(
    goods: Goods,
    told: Mapping[tuple[Goods, MoveEvent], Decimal],
    opening: Mapping[tuple[Goods, MoveEvent], Decimal],
) -> bool:
    """Whether what has left by now holds goods that became ready after the loading began."""
    gone = told[goods, MoveEvent.SHIPPED]
    packed, packed_then = (its.get((goods, MoveEvent.PACKED), _ZERO) for its in (told, opening))
    picked, picked_then = (its.get((goods, MoveEvent.PICKED), _ZERO) for its in (told, opening))
    newly_packed = packed > packed_then
    newly_picked = picked > picked_then and gone > picked_then
    return gone > packed_then and (newly_packed or newly_picked)


def _settled(lines: Iterable[Line], left: Mapping[Goods, Sequence[Decimal]]) -> bool:
    """Whether all that was ordered has left."""
    ordered: dict[Goods, Decimal] = defaultdict(Decimal)
    for line in lines:
        if not line.cancelled:
            ordered[line.item, line.unit] += line.quantity
    enough = all(sum(left.get(goods, ()), _ZERO) >= quantity for goods, quantity in ordered.items())
    return bool(left) and enough and all(any(some) for some in left.values())


def _pour(
    amounts: Sequence[Decimal],
    capacities: Sequence[Decimal | None],
    earliest: Sequence[int] | None = None,
) -> Iterator[tuple[int, int, Decimal]]:
    """Fill vessels with amounts, both in order: (amount, vessel, how much of it).

    Args:
        amounts: each above zero, or skipped.
        capacities: of the vessels; None holds whatever comes, and the last one is None.
        earliest: for each amount the first vessel that it may go to, never falling.
    """
    place, room = 0, capacities[0]
    for index, amount in enumerate(amounts):
        rest = amount
        while rest > 0:
            closed = earliest is not None and place < earliest[index]
            if room is not None and (closed or room <= 0):
                place += 1
                room = capacities[place]
                continue
            share = rest if room is None else min(rest, room)
            yield index, place, share
            rest -= share
            room = None if room is None else room - share


def _portions(lines: Sequence[Line], vessels: Sequence[_Vessel]) -> list[tuple[Portion, ...]]:
    """Per vessel the lines' parts, by line number."""
    parts: list[dict[int, dict[MoveEvent, Decimal]]] = [{} for _ in vessels]
    lines_of: dict[Goods, list[Line]] = defaultdict(list)
    for line in _in_order(lines):
        lines_of[line.item, line.unit].append(line)
    for goods, its in lines_of.items():
        capacities: list[Decimal | None] = [line.quantity for line in its[:-1]]
        for event in EVENTS:
            amounts = [vessel.sum(goods, event) for vessel in vessels]
            for number, place, quantity in _pour(amounts, [*capacities, None]):
                part = parts[number].setdefault(its[place].id, dict.fromkeys(EVENTS, _ZERO))
                part[event] += quantity
    ordered = sorted(lines, key=lambda line: line.number)
    return [
        tuple(
            Portion(
                line_id=line.id,
                picked=part[line.id][MoveEvent.PICKED],
                packed=part[line.id][MoveEvent.PACKED],
                shipped=part[line.id][MoveEvent.SHIPPED],
            )
            for line in ordered
            if line.id in part
        )
        for part in parts
    ]

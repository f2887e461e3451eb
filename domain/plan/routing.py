"""From a routing to a planner's operation: how long, in how many loads, in which batches.

One rule for work orders that are stored and for work that is only asked about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from domain.plan.problem import Mode, Need, Overlap, Precedence

_DAY_MS: Final = 86_400_000
MOST_DURATION_MS: Final = 3_660 * _DAY_MS
"""No operation takes longer than ten years: a quantity that says so is a mistake."""
_UNITS: Final = 1_000
"""Room in ovens is counted in thousandths of what `batch_capacity` is told in."""
_ZERO: Final = Decimal(0)


class Step(Protocol):
    """What is known of an operation, stored or asked about; see `contracts.new_work.NewStep`."""

    @property
    def quantity(self) -> Decimal | None:
        """Pieces in all; None when nobody said how many."""

    @property
    def good(self) -> Decimal:
        """Pieces that are made."""

    @property
    def remaining(self) -> Decimal | None:
        """Pieces that are still to be made; None when nobody said how many."""

    @property
    def started_ms(self) -> int | None:
        """When it began; None: it did not."""

    @property
    def transfer_batch(self) -> Decimal | None:
        """So many pieces go on together; None: all at the end."""

    @property
    def wait_ms(self) -> int:
        """How long pieces wait before the next step."""

    @property
    def batch_family(self) -> str | None:
        """What may be in an oven together."""

    @property
    def batch_room(self) -> Decimal:
        """How much of an oven a piece takes."""


class Way(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A machine that may do an operation, by its master data.

    Attributes:
        machine: the machine's id.
        cycle_ms: per piece, or per load for what is done in loads; None when nobody said.
        setup_ms: per set-up.
        capacity: of an oven, in the room that pieces take; None: no oven.
        needs: people and tools.
    """

    machine: int
    cycle_ms: int | None
    setup_ms: int
    capacity: Decimal | None = None
    needs: tuple[Need, ...] = ()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The ways of an operation in the problem's terms.

    Attributes:
        modes: by machine; empty when there is none, and `code` says why.
        units: what the operation takes up of an oven.
    """

    modes: tuple[Mode, ...] = ()
    units: int = 1
    code: str | None = None


def made(step: Step, ways: Sequence[Way]) -> Made:
    """The modes of an operation that has not begun.

    What is done in loads (`batch_family`) takes as many of them as its room needs. Where one oven
    takes it in fewer loads than another, the other is none of its modes: what is left of a load
    cannot be told.
    """
    if not ways:
        return Made(code="no_machine")
    if step.batch_family is None:
        units, counted = 1, [(way, 1) for way in ways]
    else:
        units = room(step)
        counted = [(way, loads(units, way)) for way in ways]
        fewest = min(count for _, count in counted)
        counted = [(way, count) for way, count in counted if count == fewest]
        takes = [batch_units(way.capacity) for way, _ in counted]
        units = min([units, *(each for each in takes if each is not None)])
    modes: list[Mode] = []
    code: str | None = None
    for way, count in counted:
        duration_ms, code = duration(step, way, count)
        if duration_ms is not None:
            modes.append(Mode(way.machine, duration_ms, way.setup_ms, way.needs))
    return Made(modes=tuple(modes), units=units, code=None if modes else code)


def nothing(way: Way) -> Mode:
    """The mode of what runs and of which nobody knows how much is left."""
    return Mode(way.machine, 0, 0, way.needs)


def duration(step: Step, way: Way, count: int) -> tuple[int | None, str | None]:
    """The working time of all that is left; or None and why there is none.

    Args:
        step: the operation.
        way: where.
        count: of what is done in loads, how many.
    """
    remaining = step.remaining
    if remaining is None:
        return None, "no_quantity"
    if not remaining:
        return 0, None
    if way.cycle_ms is None:
        return None, "no_cycle"
    times = Decimal(count) if step.batch_family is not None else remaining
    duration_ms = math.ceil(times * way.cycle_ms)
    return (duration_ms, None) if duration_ms <= MOST_DURATION_MS else (None, "too_long")


def going_on(step: Step, way: Way, now_ms: int) -> tuple[int | None, str | None]:
    """The working time that is left of what has begun.

    Pieces of a load are counted when it comes out: of a single one the time since it began is gone.
    """
    if step.batch_family is None:
        return duration(step, way, 1)
    count = loads(room(step), way)
    duration_ms, code = duration(step, way, count)
    if duration_ms and count == 1 and step.started_ms is not None:
        duration_ms = max(duration_ms - max(now_ms - step.started_ms, 0), 0)
    return duration_ms, code


def pieces(step: Step) -> int:
    """Pieces that are still to be made, at least one."""
    return max(math.ceil(step.remaining or _ZERO), 1)


def room(step: Step) -> int:
    """What all that is left takes up in an oven."""
    return max(math.ceil((step.remaining or _ZERO) * step.batch_room * _UNITS), 1)


def batch_units(capacity: Decimal | None) -> int | None:
    """How much an oven takes, in the same units; None: it is none."""
    return None if capacity is None else max(int(capacity * _UNITS), 1)


def loads(units: int, way: Way) -> int:
    """In how many loads an oven does it; what is no oven takes it at once."""
    most = batch_units(way.capacity)
    return 1 if most is None else -(-units // most)


def overlap(before: Step, after: Step) -> Overlap | None:
    """How pieces go on from an operation to the next one; None: all together at the end."""
    batch, quantity = before.transfer_batch, before.quantity
    if batch is None or quantity is None or batch >= quantity:
        return None
    if before.batch_family is not None or after.batch_family is not None:
        return None  # an oven is filled and emptied at once
    last = quantity % batch or batch
    share = (after.quantity or quantity) / quantity if quantity else Decimal(1)
    return Overlap(
        first=max(math.ceil(batch - before.good), 0),
        last=min(max(math.ceil(last * share), 1), pieces(after)),
    )


def follows(id_: int, before: Step, after: Step | None = None) -> Precedence:
    """What an operation waits for.

    Args:
        id_: the one before it.
        before: what is known of that.
        after: the operation itself, if both are of one work order: only then pieces are handed on.
    """
    return Precedence(id_, before.wait_ms, None if after is None else overlap(before, after))

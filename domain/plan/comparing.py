"""Plans side by side: what each is good for, and who ends earlier or later by it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.plan.differences import Difference, DifferenceKind, differences
from domain.plan.plan import Assignment


class OrderOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan means for an order.

    Attributes:
        end_ms: when its last operation ends.
        lateness_ms: how much later than due, negative: earlier; None: nothing is due.
    """

    end_ms: int
    lateness_ms: int | None = None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the plans that are compared.

    Attributes:
        assignments: by operation; empty of a version that is not kept in full any more.
        orders: by id.
    """

    assignments: Mapping[int, Assignment]
    orders: Mapping[int, OrderOutcome]


class OrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """An order that ends at another time.

    Attributes:
        order: its id.
        by_ms: by how much later; negative: earlier.
        end_ms: when it ends.
        lateness_ms: as in `OrderOutcome`.
        was_late, is_late: by the one plan and the other.
    """

    order: int
    by_ms: int
    end_ms: int
    lateness_ms: int | None
    was_late: bool
    is_late: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan differs from the first one.

    Attributes:
        later, earlier: orders, those that differ most first.
        added, removed: orders, by id, that only the one plan or the other has.
        newly_late, late_no_more: how many orders.
        moved: operations that differ, those that move furthest first; none of plans that are not
            kept in full.
    """

    later: tuple[OrderChange, ...]
    earlier: tuple[OrderChange, ...]
    added: tuple[int, ...]
    removed: tuple[int, ...]
    newly_late: int
    late_no_more: int
    moved: tuple[Difference, ...]

    @property
    def kinds(self) -> Mapping[DifferenceKind, int]:
        """How many operations differ, by how they do."""
        return Counter(difference.kind for difference in self.moved)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan gives a machine to do.

    Attributes:
        run_ms: from starts to ends, breaks that fall into it included; what shares an oven counts
            once.
        setup_ms: set-ups.
        end_ms: when it is done.
    """

    run_ms: int
    setup_ms: int
    end_ms: int


def compared(first: Side, other: Side, *, tolerance_ms: int, minute_ms: int = 60_000) -> Comparison:
    """How another plan differs from a first one.

    Args:
        first: what is compared with.
        other: what is looked at.
        tolerance_ms: operations that start or end earlier or later by no more have not moved.
        minute_ms: orders that end earlier or later by less have not, either.
    """
    changes = [
        _change(order, first.orders[order], other.orders[order])
        for order in first.orders.keys() & other.orders.keys()
    ]
    changes.sort(key=lambda change: (-abs(change.by_ms), change.order))
    moved: Sequence[Difference] = ()
    if first.assignments and other.assignments:
        moved = differences(first.assignments, other.assignments, tolerance_ms)
    return Comparison(
        later=tuple(change for change in changes if change.by_ms >= minute_ms),
        earlier=tuple(change for change in changes if change.by_ms <= -minute_ms),
        added=tuple(sorted(other.orders.keys() - first.orders.keys())),
        removed=tuple(sorted(first.orders.keys() - other.orders.keys())),
        newly_late=sum(change.is_late and not change.was_late for change in changes),
        late_no_more=sum(change.was_late and not change.is_late for change in changes),
        moved=tuple(sorted(moved, key=lambda each: (-abs(each.shift_ms), each.operation))),
    )


def loads(assignments: Iterable[Assignment]) -> dict[int, Load]:
    """What a plan gives each machine to do, by its id; of machines with nothing to do, nothing."""
    spans: dict[int, set[tuple[int, int, int]]] = defaultdict(set)
    for each in assignments:
        spans[each.machine].add((each.setup_start_ms, each.start_ms, each.end_ms))
    return {
        machine: Load(
            run_ms=sum(end - start for _, start, end in told),
            setup_ms=sum(start - set_up for set_up, start, _ in told),
            end_ms=max(end for _, _, end in told),
        )
        for machine, told in spans.items()
    }


def _change(order: int, was: OrderOutcome, is_now: OrderOutcome) -> OrderChange:
    return OrderChange(
        order=order,
        by_ms=is_now.end_ms - was.end_ms,
        end_ms=is_now.end_ms,
        lateness_ms=is_now.lateness_ms,
        was_late=(was.lateness_ms or 0) > 0,
        is_late=(is_now.lateness_ms or 0) > 0,
    )

"""From a rule to quantities and groups: how work orders are cut, and which are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import msgspec

from domain.pegging.book import NOTHING, Book, DemandId, PeggingError, SupplyId
from domain.pegging.moves import claims
from domain.pegging.policy import Rule

_HOUR_MS: Final = 3_600_000
MOST_PARTS: Final = 1_000
"""Work orders that one is cut into at most: a rule that says more is a mistake."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A work order that may be put together with others, or lines that one could be made for.

    Attributes:
        id: its id.
        quantity: its pieces.
        alike: what may be put together has the same.
        due_ms: when it is due.
    """

    id: int
    quantity: Decimal
    alike: str
    due_ms: int | None


def batches(
    quantity: Decimal,
    *,
    most: Decimal,
    least: Decimal | None = None,
    multiple: Decimal | None = None,
) -> list[Decimal]:
    """A quantity in batches of at most `most`: full ones first, what is left over last.

    A last one below `least` takes from the one before it, as far as that one can spare it.

    Raises:
        PeggingError: a limit is not above 0, or there would be too many batches.
    """
    size = most
    if multiple is not None:
        if multiple <= 0:
            raise PeggingError(f"batches cannot be multiples of {multiple}")
        size = (most / multiple).to_integral_value(ROUND_FLOOR) * multiple
    if size <= 0:
        raise PeggingError(
            f"no batch of at most {most} can be made in multiples of {multiple or 1}"
        )
    count = int((quantity / size).to_integral_value(ROUND_FLOOR))
    if count > MOST_PARTS:
        raise PeggingError(
            f"{quantity} in batches of {size} are more than {MOST_PARTS} work orders",
            code="split-too-many",
            params={"most": MOST_PARTS},
        )
    found = [size] * count
    rest = quantity - size * count
    if rest:
        found.append(rest)
    if least is not None and len(found) > 1 and found[-1] < least:
        step = multiple if multiple is not None else Decimal(1)
        lacks = least - found[-1]
        taken = -(-lacks // step) * step
        if found[-2] - taken >= least:
            found[-2] -= taken
            found[-1] += taken
    return found


def most_by_capacity(hours: Decimal, slowest_cycle_ms: int | None) -> Decimal | None:
    """How many whole pieces the slowest operation makes in so many hours; None: nobody knows.

    Raises:
        PeggingError: not a single piece is made in that time.
    """
    if not slowest_cycle_ms:
        return None
    most = (hours * _HOUR_MS / slowest_cycle_ms).to_integral_value(ROUND_FLOOR)
    if most < 1:
        raise PeggingError(
            f"in {hours} h not one piece is made: the slowest operation takes "
            f"{slowest_cycle_ms} ms for one",
            code="split-too-short",
        )
    return most


def most_by(rule: Rule, slowest_cycle_ms: int | None) -> Decimal | None:
    """The largest work order that a rule allows; None: any."""
    limits = [rule.batch_max]
    if rule.capacity_hours is not None:
        limits.append(most_by_capacity(rule.capacity_hours, slowest_cycle_ms))
    return min((limit for limit in limits if limit is not None), default=None)


def cut(rule: Rule, quantity: Decimal, slowest_cycle_ms: int | None = None) -> list[Decimal]:
    """A quantity as work orders of the sizes that a rule allows; one of all where it has no limit.

    Raises:
        PeggingError: the rule's limits allow none.
    """
    most = most_by(rule, slowest_cycle_ms)
    if most is None or quantity <= most:
        return [quantity]
    return batches(quantity, most=most, least=rule.batch_min, multiple=rule.multiple)


def together(rule: Rule, candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Which work orders a rule puts together, by due date; each in one group.

    A group is closed when the next one is due later than the window after its first, or when it
    would grow beyond the largest batch. What has no due date goes with its like.
    """
    groups: list[list[Candidate]] = []
    last: dict[tuple[str, bool], list[Candidate]] = {}
    ordered = sorted(candidates, key=lambda each: (each.due_ms is None, each.due_ms or 0, each.id))
    for each in ordered:
        key = (each.alike, each.due_ms is None)
        group = last.get(key)
        if not rule.merge or group is None or not _fits(rule, group, each):
            group = []
            groups.append(group)
            last[key] = group
        group.append(each)
    return groups


def by_due(book: Book, supply: SupplyId, window_hours: int) -> list[dict[DemandId, Decimal]]:
    """Whom a work order is for, cut apart where due dates lie further apart than the window.

    What has no due date belongs to the last group. The first group is the one that stays.
    """
    groups: list[dict[DemandId, Decimal]] = []
    begins: int | None = None
    for demand, claim in claims(book, supply):
        new = not groups or (
            claim.due_ms is not None
            and begins is not None
            and claim.due_ms - begins > window_hours * _HOUR_MS
        )
        if new:
            groups.append({})
            begins = claim.due_ms
        groups[-1][demand] = claim.quantity - claim.held
    return groups


def by_order(book: Book, supply: SupplyId) -> list[dict[DemandId, Decimal]]:
    """Whom a work order is for, order by order, the one that needs it first in front."""
    groups: dict[tuple[bool, int], dict[DemandId, Decimal]] = {}
    for demand, claim in claims(book, supply):
        order = book.demands[demand].order
        key = (order is None, demand.id if order is None else order)
        groups.setdefault(key, {})[demand] = claim.quantity - claim.held
    return list(groups.values())


def _fits(rule: Rule, group: Sequence[Candidate], each: Candidate) -> bool:
    first = group[0].due_ms
    if (
        rule.window_hours is not None
        and first is not None
        and each.due_ms is not None
        and each.due_ms - first > rule.window_hours * _HOUR_MS
    ):
        return False
    total = sum((one.quantity for one in group), NOTHING) + each.quantity
    return rule.batch_max is None or total <= rule.batch_max

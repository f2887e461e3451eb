"""From a wish to a changed book: splits and merges by hand, by one limit, or by a site's rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from domain.pegging.book import (
    NOTHING,
    Book,
    DemandId,
    PeggingError,
    SupplyId,
    SupplyKind,
    work,
)
from domain.pegging.moves import Part, by_quantity, merge, split, splittable
from domain.pegging.policy import Policy, Rule
from domain.pegging.rules import Candidate, batches, by_due, by_order, cut, most_by, together


class Rearranged(msgspec.Struct, frozen=True, kw_only=True):
    """A book after a rearrangement.

    Attributes:
        book: as it is to be.
        origins: of each new work order (ids below 0) the one that it is split off.
        merged: of each work order that is no more the one that has its pegs.
    """

    book: Book
    origins: dict[SupplyId, int] = {}
    merged: dict[int, int] = {}


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule wants to know of a work order: what it makes, and how slow that is at most."""

    item: str
    family: str | None
    slowest_ms: int | None


def split_by_quantities(book: Book, id_: int, quantities: Sequence[Decimal]) -> Rearranged:
    """Split parts of these sizes off.

    Raises:
        PeggingError: they are more than can be split off.
    """
    return _split(
        book, id_, by_quantity(book, work(id_), list(zip(_new(), quantities, strict=False)))
    )


def split_by_batch(book: Book, id_: int, rule: Rule, slowest_ms: int | None) -> Rearranged:
    """Split into work orders of the sizes that a rule allows; what the floor has begun stays.

    Raises:
        PeggingError: the rule sets no limit, nothing is to be split off, or nothing can be.
    """
    row = book.supply(work(id_))
    most = most_by(rule, slowest_ms)
    if most is None:
        raise PeggingError(
            "neither a largest batch nor a capacity is given, or known", code="split-no-limit"
        )
    sizes = cut(rule, row.quantity, slowest_ms)
    stays = max(sizes[0], row.begun)
    if stays >= row.quantity:
        raise PeggingError(
            f"work order {id_} makes {row.quantity}, {splittable(row)} of it can be split off: a "
            f"batch is at most {most}",
            code="split-fits",
            params={"quantity": f"{row.quantity.normalize():f}", "most": f"{most.normalize():f}"},
        )
    quantities = batches(
        row.quantity - stays, most=most, least=rule.batch_min, multiple=rule.multiple
    )
    return split_by_quantities(book, id_, quantities if stays > sizes[0] else sizes[1:])


def split_by_due(book: Book, id_: int, window_hours: int) -> Rearranged:
    """Split so that no work order is for demands that are due further apart than the window.

    Raises:
        PeggingError: nothing is to be split off, or more than can be.
    """
    return _split_groups(book, id_, by_due(book, work(id_), window_hours))


def split_by_order(book: Book, id_: int) -> Rearranged:
    """Split so that every order has a work order of its own.

    Raises:
        PeggingError: nothing is to be split off, or more than can be.
    """
    return _split_groups(book, id_, by_order(book, work(id_)))


def merge_all(book: Book, ids: Sequence[int], into: int | None = None) -> Rearranged:
    """Put work orders together, into the one named, else the one that is due first.

    Raises:
        PeggingError: they do not make the same in the same way, or one has been started.
    """
    target = into if into is not None else min(ids, key=lambda id_: _urgency(book, id_))
    if target not in ids:
        raise PeggingError(f"work order {target} is not among those that are put together")
    others = [id_ for id_ in ids if id_ != target]
    after = merge(book, work(target), [work(id_) for id_ in others])
    return Rearranged(book=after, merged=dict.fromkeys(others, target))


def arrange(book: Book, policy: Policy, making: Mapping[int, Making]) -> Rearranged:
    """Put a site's rules to work on all work orders that have not begun: merge, then cut.

    What no rule is for stays as it is.

    Raises:
        PeggingError: a rule's limits allow no work order at all.
    """
    after, merged = book, dict[int, int]()
    origins: dict[SupplyId, int] = {}
    ids = _new()
    for rule in policy.rules:
        candidates = [
            Candidate(id=id_, quantity=row.quantity, alike=row.alike, due_ms=row.due_ms)
            for id_, made in sorted(making.items())
            if (row := after.supplies.get(work(id_))) is not None
            and row.alike is not None
            and not row.started
            and not row.over
            and policy.rule_for(made.item, made.family) is rule
        ]
        for group in together(rule, candidates):
            target = group[0].id
            if len(group) > 1:
                after = merge(after, work(target), [work(each.id) for each in group[1:]])
                merged.update({each.id: target for each in group[1:]})
            for parts in _cuts(after, target, rule, making[target].slowest_ms, ids):
                after = split(after, work(target), parts)
                origins.update({part.id: target for part in parts})
            parts = _by_size(after, target, rule, making[target].slowest_ms, ids)
            if parts:
                after = split(after, work(target), parts)
                origins.update({part.id: target for part in parts})
    return Rearranged(book=after, origins=origins, merged=merged)


def _cuts(
    book: Book, id_: int, rule: Rule, slowest_ms: int | None, ids: Iterator[SupplyId]
) -> list[list[Part]]:
    """What a rule splits off a work order because it is due at another time."""
    if not rule.split_due or rule.window_hours is None:
        return []
    groups = by_due(book, work(id_), rule.window_hours)
    return [
        _cut_group(group, cut(rule, sum(group.values(), NOTHING), slowest_ms), ids)
        for group in groups[1:]
    ]


def _by_size(
    book: Book, id_: int, rule: Rule, slowest_ms: int | None, ids: Iterator[SupplyId]
) -> list[Part]:
    """What a rule splits off a work order because it is too large."""
    sizes = cut(rule, book.supplies[work(id_)].quantity, slowest_ms)
    if len(sizes) == 1:
        return []
    return by_quantity(book, work(id_), [(next(ids), size) for size in sizes[1:]])


def _cut_group(
    group: Mapping[DemandId, Decimal], sizes: Sequence[Decimal], ids: Iterator[SupplyId]
) -> list[Part]:
    """Parts of these sizes for a group of demands, in their order."""
    waiting = list(group.items())
    parts = []
    for size in sizes:
        room, pegs = size, dict[DemandId, Decimal]()
        while room and waiting:
            demand, left = waiting.pop(0)
            taken = min(room, left)
            pegs[demand] = taken
            room -= taken
            if left > taken:
                waiting.insert(0, (demand, left - taken))
        parts.append(Part(id=next(ids), quantity=size, pegs=pegs))
    return parts


def _split_groups(book: Book, id_: int, groups: Sequence[Mapping[DemandId, Decimal]]) -> Rearranged:
    parts = [
        Part(
            id=new,
            quantity=sum(group.values(), NOTHING),
            pegs={demand: quantity for demand, quantity in group.items() if quantity},
        )
        for new, group in zip(_new(), groups[1:], strict=False)
        if any(group.values())
    ]
    if not parts:
        raise PeggingError(
            f"work order {id_} is for one of them only: there is nothing to split",
            code="split-one-only",
        )
    return _split(book, id_, parts)


def _split(book: Book, id_: int, parts: Sequence[Part]) -> Rearranged:
    return Rearranged(book=split(book, work(id_), parts), origins={part.id: id_ for part in parts})


def _new() -> Iterator[SupplyId]:
    """Names for work orders that are only thought of yet."""
    return (SupplyId(SupplyKind.WORK, -number) for number in itertools.count(1))


def _urgency(book: Book, id_: int) -> tuple[bool, int, int]:
    due_ms = book.supply(work(id_)).due_ms
    return (due_ms is None, due_ms or 0, id_)

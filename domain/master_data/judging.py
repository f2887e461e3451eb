"""Master data judged as a whole: against itself and against what is there already.

Only what was told is found at fault, and what is there if something it needs is given up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from itertools import pairwise
from typing import Final, cast

from domain.master_data import components
from domain.master_data import judging_resources as resources
from domain.master_data import judging_shifts as shifts
from domain.master_data.case import Case, span
from domain.master_data.faults import Faults, Place
from domain.master_data.kinds import (
    BILLS,
    CALENDARS,
    CUSTOMERS,
    EXCEPTIONS,
    ITEM_SITES,
    ITEMS,
    KINDS,
    LEAD_TIME_RULES,
    MACHINES,
    PRICE_RULES,
    RESOURCES,
    ROUTINGS,
    SHIFT_PATTERNS,
    SHIFT_PLANS,
    SITES,
    SPECIAL_DAYS,
    SUPPLIERS,
    TRANSPORT_TIMES,
    Key,
    Kind,
)
from domain.master_data.merging import Wanted
from domain.master_data.records import (
    Bill,
    Item,
    ItemSite,
    LeadTimeRule,
    Machine,
    PriceRule,
    Record,
    Routing,
    ShiftPlan,
    Step,
    TransportTime,
)
from domain.units import UNITS

_NAMED: Final[dict[str, Kind[Record]]] = {
    "site": SITES,
    "from_site": SITES,
    "to_site": SITES,
    "default_site": SITES,
    "machine": MACHINES,
    "item": ITEMS,
    "customer": CUSTOMERS,
    "supplier": SUPPLIERS,
    "pattern": SHIFT_PATTERNS,
}
"""Fields that name a record of another kind, wherever they stand."""


_PLACED: Final = {MACHINES.name: "path", SHIFT_PLANS.name: "at", SPECIAL_DAYS.name: "at"}
"""Kinds whose records name a place by its path, and the field."""

_MACHINE_DEPTH: Final = 3
"""So many strokes stand in the path of a machine."""


def judge(wanted: Wanted, faults: Faults) -> None:
    """Find what is wrong with what is wanted."""
    _References(wanted, faults).judge()
    judges: tuple[tuple[Kind[Record], Callable[[Case], None]], ...] = (
        (MACHINES, _machine),
        (CALENDARS, shifts.calendar),
        (EXCEPTIONS, shifts.exception),
        (SHIFT_PATTERNS, shifts.pattern),
        (SHIFT_PLANS, shifts.plan),
        (SPECIAL_DAYS, shifts.special_day),
        (RESOURCES, resources.resource),
        (TRANSPORT_TIMES, _transport_time),
        (ITEMS, _item),
        (ITEM_SITES, _item_site),
        (BILLS, _bill),
        (ROUTINGS, _routing),
        (PRICE_RULES, _price_rule),
        (LEAD_TIME_RULES, _lead_time_rule),
    )
    for kind, judge_one in judges:
        there = wanted.records.of(kind)
        for key in wanted.told.get(kind.name, {}):
            if key in there:
                judge_one(Case(wanted, faults, kind, key))
    resources.given_up(wanted, faults)
    _one_at_a_time(wanted, faults)
    _distinct_gtins(wanted, faults)
    for item, path in components.cycles(wanted.records.of(BILLS).values()):
        place = _first(
            wanted.place(BILLS, key, f"lines.{index}.component")
            for user, component in pairwise(path)
            for key, bill in wanted.records.of(BILLS).items()
            if bill.item == user
            for index, line in enumerate(bill.lines)
            if line.component == component
        )
        if place is not None:
            faults.add(
                place,
                f"goes into itself: {' → '.join(path)}; take one of them out of the other's bill",
                item,
            )


class _References:
    """Whatever a record names has to be there."""

    def __init__(self, wanted: Wanted, faults: Faults) -> None:
        self._wanted = wanted
        self._faults = faults

    def judge(self) -> None:
        """Look at everything that was told, and at everything if something was given up."""
        everything = any(self._wanted.removed.values())
        for kind in KINDS:
            told = self._wanted.told.get(kind.name, {})
            for key, record in self._wanted.records.of(kind).items():
                if key in told or everything:
                    self._judge(kind, key, record)

    def _judge(self, kind: Kind[Record], key: Key, record: Record) -> None:
        for field, target, name in _references(kind, record):
            wanted = (name,)
            if self._wanted.knows(target, wanted):
                continue
            place = self._wanted.place(kind, key, field)
            if place is not None:
                near = get_close_matches(
                    name, [str(other[0]) for other in self._wanted.records.of(target)], n=1
                )
                hint = f", maybe {near[0]!r}" if near else f"; add it to {target.name}"
                self._faults.add(place, f"there is no {target.singular} {name!r}{hint}", name)
            elif wanted in self._wanted.removed.get(target.name, ()):
                begins = self._wanted.sections[target.name]
                self._faults.add(
                    begins,
                    f"leaves out the {target.singular} {name!r}, which {kind.called(key)} needs;"
                    " keep it, or change that too",
                    name,
                )


def _places(kind: Kind[Record], record: Record) -> Iterator[tuple[str, Kind[Record], str]]:
    """The site and the machine that a path names."""
    if kind.name in _PLACED:
        place = _PLACED[kind.name]
        path: str = getattr(record, place)
        yield place, SITES, path.partition("/")[0]
        if place == "at" and path.count("/") == _MACHINE_DEPTH:
            yield place, MACHINES, path


def _references(kind: Kind[Record], record: Record) -> Iterator[tuple[str, Kind[Record], str]]:
    """What a record names: the field, the kind and the name."""
    yield from _places(kind, record)
    for field in record.__struct_fields__:
        target = _NAMED.get(field)
        value = getattr(record, field)
        if target is not None and value is not None:
            yield field, target, value
    if isinstance(record, Bill):
        for index, line in enumerate(record.lines):
            yield f"lines.{index}.component", ITEMS, line.component
    if isinstance(record, Routing):
        for index, step in enumerate(record.steps):
            if step.machine is not None:
                yield f"steps.{index}.machine", MACHINES, step.machine
            for nth, way in enumerate(step.alternatives):
                yield f"steps.{index}.alternatives.{nth}.machine", MACHINES, way.machine


def _machine(case: Case) -> None:
    """What a machine can no longer do, no step may need, unless another one can."""
    machine = cast("Machine", case.record)
    resources.machine(case)
    before = case.wanted.existing.of(MACHINES).get(case.key)
    if before is None:
        return
    lost = set(before.capabilities) - set(machine.capabilities)
    site = machine.path.partition("/")[0]
    for capability in sorted(lost):
        if _with_capability(case.wanted, site, capability):
            continue
        for key, routing in case.wanted.records.of(ROUTINGS).items():
            if routing.site == site and any(s.capability == capability for s in routing.steps):
                case.fault(
                    "capabilities",
                    f"was the last machine at {site!r} with {capability!r}, which"
                    f" {ROUTINGS.called(key)} needs",
                    capability,
                )
                break


def _with_capability(wanted: Wanted, site: str, capability: str) -> bool:
    return any(
        capability in machine.capabilities and path.startswith(f"{site}/")
        for (path,), machine in wanted.records.of(MACHINES).items()
        if isinstance(path, str)
    )


def _transport_time(case: Case) -> None:
    time = cast("TransportTime", case.record)
    if time.from_site == time.to_site:
        case.fault("to_site", "is where the goods are already", time.to_site)


def _item(case: Case) -> None:
    item = cast("Item", case.record)
    before = case.wanted.existing.of(ITEMS).get(case.key)
    if item.unit not in UNITS and (before is None or before.unit != item.unit):
        near = get_close_matches(item.unit, list(UNITS), n=1)
        hint = f", maybe {near[0]!r}" if near else f"; known are {', '.join(UNITS)}"
        case.fault("unit", f"unit is none we know{hint}", item.unit)
    if item.batch_max is not None:
        if item.batch_min is not None and item.batch_min > item.batch_max:
            case.fault("batch_min", f"is more than batch_max ({item.batch_max})", item.batch_min)
        if item.lot_size is not None and item.lot_size > item.batch_max:
            case.fault("lot_size", f"is more than batch_max ({item.batch_max})", item.lot_size)


def _item_site(case: Case) -> None:
    here = cast("ItemSite", case.record)
    if here.max_stock is not None:
        for field in ("min_stock", "reorder_point"):
            value = getattr(here, field)
            if value is not None and value > here.max_stock:
                case.fault(field, f"is more than max_stock ({here.max_stock})", value)
    item = case.wanted.records.of(ITEMS).get((here.item,))
    if item is not None and {"make": "bought", "buy": "made"}[here.source] == item.kind:
        case.fault(
            "source",
            f"does not fit the item, which is {item.kind}; make its kind 'both', or say"
            f" {'buy' if here.source == 'make' else 'make'!r}",
            here.source,
        )


def _bill(case: Case) -> None:
    bill = cast("Bill", case.record)
    span(case, bill.valid_from, bill.valid_to)
    if not bill.lines and not case.unread("lines"):
        case.fault("lines", "has no lines; leave the bill out, or say what the item is made of")


def _routing(case: Case) -> None:
    routing = cast("Routing", case.record)
    span(case, routing.valid_from, routing.valid_to)
    if not routing.steps and not case.unread("steps"):
        case.fault("steps", "has no steps; leave the routing out, or say how the item is made")
    for index, step in enumerate(routing.steps):
        _step(case, routing.site, index, step)


def _step(case: Case, site: str, index: int, step: Step) -> None:
    place = f"steps.{index}"
    if step.machine is None and step.capability is None:
        case.fault(place, f"step {step.number} must name a machine or a capability")
    if step.machine is not None and step.capability is not None:
        case.fault(
            f"{place}.capability",
            f"step {step.number} names both a machine and a capability; name one",
            step.capability,
        )
    if step.machine is not None:
        case.machine_at(f"{place}.machine", step.machine, site)
    if step.capability is not None:
        if not _with_capability(case.wanted, site, step.capability):
            case.fault(
                f"{place}.capability",
                f"no machine at {site!r} has this capability; give it to one",
                step.capability,
            )
        if step.alternatives:
            case.fault(
                f"{place}.alternatives",
                "stand beside a capability, which names all machines already; leave them out",
            )
    for nth, way in enumerate(step.alternatives):
        field = f"{place}.alternatives.{nth}.machine"
        case.machine_at(field, way.machine, site)
        if way.machine == step.machine:
            case.fault(field, "is the step's own machine, not another one", way.machine)
    resources.step(case, site, place, step)


def _price_rule(case: Case) -> None:
    rule = cast("PriceRule", case.record)
    span(case, rule.valid_from, rule.valid_to)
    if (rule.item is None) == (rule.family is None):
        case.fault("item", "must name either an item or a family")
    _known_family(case, rule.family)


def _lead_time_rule(case: Case) -> None:
    rule = cast("LeadTimeRule", case.record)
    if rule.item is not None and rule.family is not None:
        case.fault("family", "must not name a family beside an item", rule.family)
    _known_family(case, rule.family)


def _known_family(case: Case, family: str | None) -> None:
    if family is None:
        return
    families = {item.family for item in case.wanted.records.of(ITEMS).values() if item.family}
    if family not in families:
        near = get_close_matches(family, sorted(families), n=1)
        hint = f", maybe {near[0]!r}" if near else ""
        case.fault("family", f"no item is of this family{hint}", family)


def _one_at_a_time(wanted: Wanted, faults: Faults) -> None:
    """On each day at most one version, one price of a band or one pattern of a place holds."""
    groups: tuple[tuple[Kind[Record], Callable[[Record], Hashable]], ...] = (
        (BILLS, lambda one: (cast("Bill", one).item, cast("Bill", one).site)),
        (ROUTINGS, lambda one: (cast("Routing", one).item, cast("Routing", one).site)),
        (PRICE_RULES, lambda one: PRICE_RULES.key_of(one)[:-1]),
        (SHIFT_PLANS, lambda one: cast("ShiftPlan", one).at),
    )
    for kind, group_of in groups:
        told = wanted.told.get(kind.name, {})
        if not told:
            continue
        grouped: dict[Hashable, list[tuple[date, date, Key]]] = defaultdict(list)
        for key, record in wanted.records.of(kind).items():
            spans = cast("Bill", record)
            grouped[group_of(record)].append(
                (spans.valid_from or date.min, spans.valid_to or date.max, key)
            )
        for spans_of_group in grouped.values():
            for one, other in _overlapping(spans_of_group):
                _say_overlap(wanted, faults, kind, one, other)


def _overlapping(spans: Iterable[tuple[date, date, Key]]) -> Iterator[tuple[Key, Key]]:
    longest: tuple[date, Key] | None = None
    for start, end, key in sorted(spans, key=lambda span: span[:2]):
        if longest is not None and start <= longest[0]:
            yield longest[1], key
        if longest is None or end > longest[0]:
            longest = end, key


def _say_overlap(wanted: Wanted, faults: Faults, kind: Kind[Record], one: Key, other: Key) -> None:
    for mine, theirs in ((other, one), (one, other)):
        place = _first(wanted.place(kind, mine, name) for name in ("valid_from", "valid_to"))
        if place is not None:
            record = cast("Bill", wanted.records.of(kind)[theirs])
            faults.add(
                place,
                f"holds on days on which {kind.called(theirs)} holds too"
                f" ({record.valid_from or 'ever'} to {record.valid_to or 'ever'});"
                " end one the day before the other begins",
            )
            return


def _first(places: Iterable[Place | None]) -> Place | None:
    return next((place for place in places if place is not None), None)


def _distinct_gtins(wanted: Wanted, faults: Faults) -> None:
    if ITEMS.name not in wanted.told:
        return
    first: dict[str, Key] = {}
    for key, item in wanted.records.of(ITEMS).items():
        if item.gtin is None:
            continue
        other = first.setdefault(item.gtin, key)
        if other != key:
            place = wanted.place(ITEMS, key, "gtin") or wanted.place(ITEMS, other, "gtin")
            if place is not None:
                faults.add(place, f"{ITEMS.called(other)} has the same GTIN", item.gtin)

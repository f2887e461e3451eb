"""Properties of the pure parts: promises, picking, books, bills, lots of orders, capacity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.inventory.available import Change, available_at, first_date, project
from domain.inventory.backflush import Component, needed
from domain.inventory.books import Books, Head, Key, Lot, Place, pick
from domain.inventory.capacity import Busy, Machine, Shop, Step, Way
from domain.inventory.replenishment import Rules, order_quantity, propose
from domain.inventory.shortages import Demand, Supply, shortages
from domain.inventory.words import Account, StockStatus, SupplyKind
from domain.plan.calendar import WorkingTime
from domain.plan.problem import Interval
from domain.plan.setups import Setups

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = Key(1, 1)
_ZERO = Decimal(0)

quantities = st.decimals(min_value=0, max_value=1000, places=3)
some = st.decimals(min_value=Decimal("0.001"), max_value=1000, places=3)
days = st.integers(min_value=-3, max_value=20)


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    supplies = draw(st.lists(st.tuples(days, some), max_size=6))
    return [
        Change(at=NOW + timedelta(days=day), quantity=quantity, kind=SupplyKind.PURCHASE)
        for day, quantity in supplies
    ]


def promise(day: int, quantity: Decimal) -> Change:
    return Change(at=NOW + timedelta(days=day), quantity=-quantity, kind=SupplyKind.RESERVATION)


@given(quantities, changes(), st.lists(st.tuples(st.integers(0, 20), some), max_size=12))
def test_promises_that_were_accepted_are_kept_and_no_more_could_be(
    free: Decimal, supplies: list[Change], asked: list[tuple[int, Decimal]]
) -> None:
    known = list(supplies)
    for day, quantity in asked:
        steps = project(free, known, NOW)
        enough = available_at(steps, NOW + timedelta(days=day)) >= quantity
        after = project(free, [*known, promise(day, quantity)], NOW)
        # Accepted if and only if everybody, the new one included, is still served in time.
        assert enough == all(step.projected >= 0 for step in after)
        if enough:
            known.append(promise(day, quantity))
    assert all(step.projected >= 0 for step in project(free, known, NOW))


@given(quantities, changes(), some)
def test_the_first_date_is_the_first_one(
    free: Decimal, known: list[Change], quantity: Decimal
) -> None:
    steps = project(free, known, NOW)
    first = first_date(steps, quantity)
    if first is None:
        assert available_at(steps, NOW + timedelta(days=100)) < quantity
        return
    assert available_at(steps, first) >= quantity
    if first > NOW:
        assert available_at(steps, first - timedelta(seconds=1)) < quantity


def test_a_later_promise_is_not_robbed() -> None:
    known = [promise(10, Decimal(80))]
    steps = project(Decimal(100), known, NOW)
    assert available_at(steps, NOW) == 20
    comes = Change(at=NOW + timedelta(days=5), quantity=Decimal(30), kind=SupplyKind.PURCHASE)
    steps = project(Decimal(100), [*known, comes], NOW)
    assert available_at(steps, NOW) == 50
    assert first_date(steps, Decimal(51)) is None


@given(
    st.lists(st.tuples(st.sampled_from("tsg"), some), max_size=25),
)
def test_books_balance_whatever_happens(steps: list[tuple[str, Decimal]]) -> None:
    books = Books([Head(item_id=1, site_id=1)])
    came = went = _ZERO
    for number, (what, quantity) in enumerate(steps):
        at = NOW + timedelta(minutes=number)
        if what == "g":
            books.add(0, KEY, quantity, source=Account.SUPPLIER, place=Place(number % 3), at=at)
            came += quantity
        elif what == "t":
            books.take(0, KEY, quantity, target=Account.USE, at=at, insist=True)
            went += quantity
        else:
            draws, _ = pick(books.lots[KEY].values(), quantity)
            for lot, part in draws:
                books.move(0, lot, part, to=Place(number % 3, status=StockStatus.AVAILABLE))
    head = books.heads[KEY]
    assert head.available - head.shortfall == came - went
    assert not (head.available and head.shortfall)
    assert head.available == sum((lot.quantity for lot in books.lots[KEY].values()), _ZERO)
    for lot in books.lots[KEY].values():
        assert lot.quantity >= 0
        into = sum((e.quantity for e in books.entries if e.to_lot is lot), _ZERO)
        out = sum((e.quantity for e in books.entries if e.from_lot is lot), _ZERO)
        assert lot.quantity == into - out


@given(st.lists(st.tuples(some, st.integers(0, 5), st.integers(0, 2)), max_size=8), some)
def test_what_expires_first_is_picked_first(
    held: list[tuple[Decimal, int, int]], wanted: Decimal
) -> None:
    lots = [
        Lot(
            item_id=1,
            site_id=1,
            place=Place(location, f"L{number}"),
            quantity=quantity,
            received_at=NOW,
            expires_on=(NOW + timedelta(days=day)).date() if day else None,
        )
        for number, (quantity, day, location) in enumerate(held)
    ]
    draws, missing = pick(lots, wanted)
    taken = sum((part for _, part in draws), _ZERO)
    assert taken + missing == wanted
    assert (missing > 0) <= (taken == sum((lot.quantity for lot in lots), _ZERO))
    order = [lot.expires_on or (NOW + timedelta(days=99)).date() for lot, _ in draws]
    assert order == sorted(order)
    assert all(part == lot.quantity for lot, part in draws[:-1])


@given(some, st.decimals(0, 1, places=4), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_bill_is_exact_and_adds_up(per: Decimal, scrap: Decimal, first: int, second: int) -> None:
    part = Component(item_id=1, quantity_per=per, scrap_factor=scrap)
    apart = needed(part, Decimal(first)) + needed(part, Decimal(second))
    assert needed(part, Decimal(first + second)) == apart


@given(some, st.none() | some, st.none() | some)
def test_an_order_is_the_least_that_rules_allow(
    missing: Decimal, lot: Decimal | None, multiple: Decimal | None
) -> None:
    quantity = order_quantity(missing, Rules(lot_size=lot, order_multiple=multiple))
    assert quantity >= max(missing, lot or _ZERO)
    if multiple is not None:
        assert quantity % multiple == 0
        assert quantity - multiple < max(missing, lot or _ZERO)


def test_replenishment_rules() -> None:
    rules = Rules(
        minimum=Decimal(20),
        maximum=Decimal(100),
        order_multiple=Decimal(25),
        lead_time=timedelta(days=5),
    )
    assert propose(rules, project(Decimal(50), [], NOW)) is None
    found = propose(rules, project(Decimal(50), [promise(3, Decimal(40))], NOW))
    assert found is not None
    assert (found.quantity, found.need_at, found.order_by) == (
        Decimal(100),
        NOW + timedelta(days=3),
        NOW - timedelta(days=2),
    )
    # What comes up after the lead time can be ordered later.
    assert propose(rules, project(Decimal(50), [promise(9, Decimal(40))], NOW)) is None
    point = Rules(reorder_point=Decimal(10), lot_size=Decimal(60))
    assert propose(point, project(Decimal(11), [], NOW)) is None
    found = propose(point, project(Decimal(10), [], NOW))
    assert found is not None
    assert found.quantity == 60


@given(
    quantities,
    st.lists(st.tuples(st.integers(0, 20), some), max_size=8),
    st.lists(st.tuples(st.integers(0, 20), some), max_size=8),
)
def test_shortages_are_what_is_missing_and_nothing_else(
    free: Decimal, needs: list[tuple[int, Decimal]], comes: list[tuple[int, Decimal]]
) -> None:
    demands = [
        Demand(id=number, at=NOW + timedelta(days=day), quantity=quantity)
        for number, (day, quantity) in enumerate(needs)
    ]
    supplies = [
        Supply(at=NOW + timedelta(days=day), quantity=quantity, reference="x")
        for day, quantity in comes
    ]
    found = shortages(free, demands, supplies)
    for short in found:
        assert 0 < short.missing <= demands[short.demand].quantity
        if short.comes_at is not None:
            assert short.comes_at > demands[short.demand].at
    enough = True
    for demand in demands:
        due = sum((d.quantity for d in demands if d.at <= demand.at), _ZERO)
        there = free + sum((s.quantity for s in supplies if s.at <= demand.at), _ZERO)
        enough = enough and there >= due
    assert enough == (not found)


HOUR = 3_600_000


def shop(busy: list[Busy], closed: tuple[Interval, ...] = (), *, machines: int = 1) -> Shop:
    return Shop(
        0,
        {
            number: Machine(clock=WorkingTime(closed), busy=list(busy) if number == 1 else [])
            for number in range(1, machines + 1)
        },
        Setups([]),
    )


def step(number: int = 10, *machines: int, cycle_ms: int = HOUR, setup_ms: int = 0) -> Step:
    return Step(
        number=number,
        ways=tuple(
            Way(machine=machine, cycle_ms=cycle_ms, setup_ms=setup_ms)
            for machine in machines or (1,)
        ),
    )


def test_work_goes_into_the_first_gap_that_is_long_enough() -> None:
    busy = [Busy(0, 0, 2 * HOUR), Busy(4 * HOUR, 4 * HOUR, 6 * HOUR)]
    for pieces, start in ((1, 2), (2, 2), (3, 6)):
        placed = shop(busy).earliest([step()], Decimal(pieces), family=None, ready_ms=0)
        assert placed is not None
        assert (placed[0].start_ms, placed[0].end_ms) == (start * HOUR, (start + pieces) * HOUR)
        assert placed[0].waits_ms == start * HOUR


def test_set_ups_before_and_after_have_to_fit() -> None:
    busy = [Busy(0, 0, 2 * HOUR, "red"), Busy(4 * HOUR, 5 * HOUR, 6 * HOUR, "red")]
    found = shop(busy).earliest([step(10, 1, setup_ms=HOUR)], Decimal(1), family="blue", ready_ms=0)
    assert found is not None
    assert (found[0].setup_start_ms, found[0].start_ms, found[0].end_ms) == (
        2 * HOUR,
        3 * HOUR,
        4 * HOUR,
    )
    found = shop(busy).earliest([step(10, 1, setup_ms=HOUR)], Decimal(2), family="blue", ready_ms=0)
    assert found is not None
    assert found[0].start_ms == 7 * HOUR


def test_breaks_are_no_working_time_and_another_machine_is_taken() -> None:
    closed = (Interval(HOUR, 3 * HOUR),)
    found = shop([], closed).earliest([step()], Decimal(2), family=None, ready_ms=0)
    assert found is not None
    assert found[0].end_ms == 4 * HOUR
    busy = [Busy(0, 0, 10 * HOUR)]
    found = shop(busy, machines=2).earliest([step(10, 1, 2)], Decimal(1), family=None, ready_ms=0)
    assert found is not None
    assert (found[0].machine, found[0].end_ms) == (2, HOUR)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=10),
    st.integers(1, 6),
    st.integers(0, 30),
)
def test_nothing_overlaps_and_what_is_taken_is_taken(
    spans: list[tuple[int, int]], pieces: int, ready: int
) -> None:
    busy: list[Busy] = []
    at = 0
    for gap, length in spans:
        at += gap
        busy.append(Busy(at, at, at + length))
        at += length
    works = shop(busy)
    taken = [(one.start_ms, one.end_ms) for one in busy]
    for _ in range(3):
        found = works.earliest(
            [step(10, cycle_ms=1), step(20, cycle_ms=1)],
            Decimal(pieces),
            family=None,
            ready_ms=ready,
        )
        assert found is not None
        assert found[0].start_ms >= ready
        assert found[1].start_ms >= found[0].end_ms
        works.take(found, family=None)
        taken += [(one.start_ms, one.end_ms) for one in found]
    taken.sort()
    assert all(a[1] <= b[0] for a, b in pairwise(taken))

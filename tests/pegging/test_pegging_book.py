"""Pegs are conserved: hand-computed examples, and random sequences of everything that happens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.pegging import floor, losses, moves, needs
from domain.pegging.book import (
    NOTHING,
    Book,
    Demand,
    DemandId,
    Peg,
    PeggingError,
    Supply,
    SupplyId,
    SupplyKind,
    faults,
    line,
    need_of,
    work,
)
from domain.pegging.moves import Part
from domain.pegging.needs import Running

LOT = SupplyId(SupplyKind.LOT, 1)
BOUGHT = SupplyId(SupplyKind.PURCHASE, 1)


def book(**changes: Any) -> Book:
    """Two orders' lines and a component's need, one work order of 100 for 40, 30 and 20 of it."""
    return Book(
        demands={
            line(1): Demand(quantity=Decimal(40), due_ms=2_000, order=1),
            line(2): Demand(quantity=Decimal(30), due_ms=1_000, order=1),
            need_of(9): Demand(quantity=Decimal(20)),
        },
        supplies={
            work(1): Supply(**{"quantity": Decimal(100), "alike": "a", "due_ms": 1_000, **changes}),
            work(2): Supply(quantity=Decimal(10), alike="a", due_ms=5_000),
            LOT: Supply(quantity=Decimal(5), made=Decimal(5), started=True),
        },
        pegs={
            (line(1), work(1)): Peg(Decimal(40)),
            (line(2), work(1)): Peg(Decimal(30)),
            (need_of(9), work(1)): Peg(Decimal(20)),
        },
    )


class TestSplitting:
    def test_whoever_needs_it_first_stays(self) -> None:
        parts = moves.by_quantity(
            book(), work(1), [(work(-1), Decimal(25)), (work(-2), Decimal(40))]
        )
        assert [part.pegs for part in parts] == [
            {line(1): Decimal(25)},
            {line(1): Decimal(10), need_of(9): Decimal(20)},
        ]
        after = moves.split(book(), work(1), parts)
        assert after.on(work(1)) == {line(1): Peg(Decimal(5)), line(2): Peg(Decimal(30))}
        assert after.supplies[work(1)].quantity == 35
        assert after.supplies[work(-1)] == Supply(quantity=Decimal(25), alike="a", due_ms=2_000)
        assert after.surplus(work(-2)) == 10
        assert faults(after) == []

    def test_what_was_made_for_somebody_stays_where_it_was_made(self) -> None:
        made = floor.produce(book(), work(1), Decimal(50))
        parts = moves.by_quantity(made, work(1), [(work(-1), Decimal(50))])
        after = moves.split(made, work(1), parts)
        assert after.on(work(1)) == {
            line(2): Peg(Decimal(30), Decimal(30)),
            line(1): Peg(Decimal(20), Decimal(20)),
        }

    def test_only_what_the_floor_has_not_begun_can_be_split_off(self) -> None:
        begun = book(started=True, begun=Decimal(60), made=Decimal(10))
        assert moves.splittable(begun.supplies[work(1)]) == 40
        assert moves.by_quantity(begun, work(1), [(work(-1), Decimal(40))])
        with pytest.raises(PeggingError, match="of 100 the floor has begun 60"):
            moves.by_quantity(begun, work(1), [(work(-1), Decimal(41))])

    def test_something_has_to_stay(self) -> None:
        with pytest.raises(PeggingError, match="something has to stay"):
            moves.by_quantity(book(), work(1), [(work(-1), Decimal(100))])

    @pytest.mark.parametrize(
        ("part", "problem"),
        [
            (Part(id=work(-1), quantity=Decimal(50), pegs={line(1): Decimal(41)}), "40 of it"),
            (Part(id=work(-1), quantity=Decimal(20), pegs={}), "for nobody"),
            (Part(id=work(-1), quantity=Decimal(5), pegs={line(1): Decimal(6)}), "more than that"),
            (Part(id=work(2), quantity=Decimal(5), pegs={}), "there already"),
            (Part(id=work(-1), quantity=Decimal(0), pegs={}), "more than nothing"),
            (Part(id=work(-1), quantity=Decimal(5), pegs={line(7): Decimal(5)}), "0 of it"),
        ],
    )
    def test_a_part_takes_no_more_than_there_is(self, part: Part, problem: str) -> None:
        with pytest.raises(PeggingError, match=problem):
            moves.split(book(), work(1), [part])

    def test_only_work_orders_that_are_there_and_not_over_can_be_split(self) -> None:
        part = Part(id=work(-1), quantity=Decimal(1), pegs={})
        for supply, changes in ((LOT, {}), (work(7), {}), (work(1), {"over": True})):
            with pytest.raises(PeggingError):
                moves.split(book(**changes), supply, [part])


class TestMerging:
    def test_pegs_go_along_and_quantities_add_up(self) -> None:
        before = moves.split(
            book(),
            work(1),
            [Part(id=work(3), quantity=Decimal(15), pegs={line(1): Decimal(10)})],
        )
        after = moves.merge(before, work(2), [work(1), work(3)])
        assert after.supplies[work(2)].quantity == 110
        assert after.supplies[work(2)].due_ms == 1_000
        assert after.on(work(2)) == book().on(work(1))
        assert after.surplus(work(2)) == 20
        assert faults(after) == []

    @pytest.mark.parametrize("changes", [{"started": True}, {"over": True}, {"alike": None}])
    def test_what_has_begun_or_is_made_otherwise_stays_alone(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PeggingError):
            moves.merge(book(**changes), work(2), [work(1)])

    def test_each_is_named_once(self) -> None:
        for others in ([], [work(1)], [work(2), work(2)]):
            with pytest.raises(PeggingError):
                moves.merge(book(), work(1), others)


class TestMoving:
    def test_from_a_shortage_to_a_lot_and_back(self) -> None:
        wanting = Book(
            demands={line(1): Demand(quantity=Decimal(7))},
            supplies={LOT: Supply(quantity=Decimal(5), made=Decimal(5))},
        )
        after = moves.move(wanting, line(1), Decimal(5), source=None, target=LOT)
        assert after.shortage(line(1)) == 2
        assert after.surplus(LOT) == 0
        back = moves.move(after, line(1), Decimal("0.5"), source=LOT, target=None)
        assert (back.shortage(line(1)), back.surplus(LOT)) == (Decimal("2.5"), Decimal("0.5"))

    def test_no_more_than_there_is_on_either_side(self) -> None:
        with pytest.raises(PeggingError, match="has 40 open"):
            moves.move(book(), line(1), Decimal(41), source=work(1), target=work(2))
        with pytest.raises(PeggingError, match="has 10 to spare"):
            moves.move(book(), line(1), Decimal(11), source=work(1), target=work(2))
        with pytest.raises(PeggingError):
            moves.move(book(), line(1), Decimal(1), source=work(1), target=work(1))


class TestNeeds:
    def test_less_takes_what_has_not_begun_first_and_what_was_made_last(self) -> None:
        shared = moves.split(
            floor.produce(book(), work(1), Decimal(50)),
            work(1),
            [Part(id=work(3), quantity=Decimal(15), pegs={line(1): Decimal(15)})],
        )
        freed = needs.change(shared, line(1), Decimal(24))
        assert freed.supplies == {work(3): Decimal(15), work(1): Decimal(1)}
        assert freed.book.of(line(1)) == {work(1): Peg(Decimal(24), Decimal(20))}
        gone = needs.change(shared, line(1), NOTHING)
        assert line(1) not in gone.book.demands
        assert gone.supplies == {work(3): Decimal(15), work(1): Decimal(25)}

    def test_more_is_a_shortage_until_something_makes_it(self) -> None:
        wanting = needs.change(book(), line(1), Decimal(60)).book
        assert wanting.shortage(line(1)) == 20
        after = needs.extend(wanting, line(1), work(1), Decimal(20))
        assert after.shortage(line(1)) == 0
        assert after.supplies[work(1)].quantity == 120
        with pytest.raises(PeggingError):
            needs.extend(after, line(1), work(1), Decimal(1))
        with pytest.raises(PeggingError):
            needs.extend(wanting, line(1), LOT, Decimal(1))

    def test_unbegun_work_shrinks_and_goes(self) -> None:
        freed = needs.change(book(), line(1), Decimal(10))
        after = needs.trim(freed.book, work(1), freed.supplies[work(1)], Running.STOP)
        assert after.supplies[work(1)].quantity == 70
        assert after.surplus(work(1)) == 10  # it was to spare before
        assert work(2) not in needs.trim(after, work(2), Decimal(10), Running.STOP).supplies

    def test_begun_work_stops_at_what_was_begun_or_goes_on_for_the_stock(self) -> None:
        begun = book(started=True, begun=Decimal(80))
        freed = needs.change(begun, line(1), NOTHING)
        stopped = needs.trim(freed.book, work(1), Decimal(40), Running.STOP)
        assert stopped.supplies[work(1)].quantity == 80
        kept = needs.trim(freed.book, work(1), Decimal(40), Running.TO_STOCK)
        assert kept.supplies[work(1)].quantity == 100
        assert kept.surplus(work(1)) == 50

    def test_what_lies_in_stock_or_is_over_stays(self) -> None:
        assert needs.trim(book(), LOT, Decimal(5), Running.STOP) == book()
        over = book(over=True)
        assert needs.trim(over, work(1), Decimal(5), Running.STOP) == over


class TestFloor:
    def test_more_than_ordered_goes_to_stock(self) -> None:
        after = floor.produce(book(), work(1), Decimal(120))
        assert after.supplies[work(1)].quantity == 120
        assert after.surplus(work(1)) == 30
        assert [peg.made for peg in after.on(work(1)).values()] == [40, 30, 20]

    def test_scrap_takes_the_surplus_then_whoever_needs_it_last(self) -> None:
        after = floor.scrap(book(), work(1), Decimal(35))
        assert after.on(work(1)) == {line(1): Peg(Decimal(35)), line(2): Peg(Decimal(30))}
        assert after.shortage(need_of(9)) == 20
        assert after.shortage(line(1)) == 5

    def test_an_end_too_early_opens_shortages(self) -> None:
        made = floor.produce(book(), work(1), Decimal(33))
        after = floor.close(made, work(1))
        assert after.on(work(1)) == {
            line(2): Peg(Decimal(30), Decimal(30)),
            line(1): Peg(Decimal(3), Decimal(3)),
        }
        assert after.surplus(work(1)) == 0
        assert faults(after) == []


class TestGoods:
    def test_what_was_bought_is_for_whom_it_was_bought_when_it_comes(self) -> None:
        bought = Book(
            demands={
                line(1): Demand(quantity=Decimal(7), due_ms=9),
                line(2): Demand(quantity=Decimal(7), due_ms=4),
            },
            supplies={BOUGHT: Supply(quantity=Decimal(12))},
            pegs={
                (line(1), BOUGHT): Peg(Decimal(5)),
                (line(2), BOUGHT): Peg(Decimal(4)),
            },
        )
        after = floor.receive(bought, BOUGHT, LOT, Decimal(6))
        assert after.on(LOT) == {line(2): Peg(Decimal(4)), line(1): Peg(Decimal(2))}
        assert after.on(BOUGHT) == {line(1): Peg(Decimal(3))}
        assert after.supplies[BOUGHT].quantity == 6
        more = floor.receive(after, BOUGHT, LOT, Decimal(10))
        assert more.surplus(LOT) == 7
        assert more.supplies[BOUGHT].quantity == 0
        assert faults(after) == faults(more) == []
        with pytest.raises(PeggingError):
            floor.receive(bought, LOT, BOUGHT, Decimal(1))


def step(
    number: int, planned: int | None, good: int = 0, scrap: int = 0, *, over: bool = False
) -> losses.Step:
    return losses.Step(
        number=number,
        planned=None if planned is None else Decimal(planned),
        good=Decimal(good),
        scrap=Decimal(scrap),
        over=over,
    )


class TestLosses:
    @pytest.mark.parametrize(
        ("steps", "comes"),
        [
            ([step(10, 100), step(20, 100)], 100),
            ([step(10, 100, 20, 15), step(20, 100)], 100),  # there is more material
            ([step(10, 100, 60), step(20, 100, 40, 8)], 92),
            ([step(20, 100, 40, 8), step(10, 110, 60)], 102),  # planned for it
            ([step(10, 100, 90, over=True), step(20, 100, 50)], 90),
            ([step(10, 100, 90, over=True), step(20, 100, 50, 3), step(30, 100, 47, 2)], 85),
            ([step(10, 100, 100), step(20, 100, 97, 3, over=True)], 97),
            ([step(10, 100, 120, over=True), step(20, 100, 110, 2)], 118),
            ([step(10, 100, 5, over=True), step(20, 100, 9)], 9),  # counted more than came
            ([step(10, None), step(20, None, 3, 4)], None),
            ([], None),
        ],
    )
    def test_what_can_still_come_of_it(self, steps: list[losses.Step], comes: int | None) -> None:
        assert losses.deliverable(steps) == comes
        wanted = Decimal(100)
        lacking = losses.missing(steps, wanted)
        assert lacking == (0 if comes is None else max(wanted - comes, 0))

    def test_another_work_order_makes_it_for_those_who_need_it_last(self) -> None:
        begun = book(started=True, begun=Decimal(100), made=Decimal(60))
        made = floor.produce(begun, work(1), Decimal(60))
        after = losses.make_up(made, work(1), Decimal(15), work(-1))
        assert after.on(work(-1)) == {need_of(9): Peg(Decimal(15))}
        assert after.supplies[work(-1)] == Supply(quantity=Decimal(15), alike="a", due_ms=1_000)
        assert after.supplies[work(1)].quantity == 75
        assert faults(after) == []
        with pytest.raises(PeggingError):
            losses.make_up(made, work(1), Decimal(31), work(-1))
        with pytest.raises(PeggingError):
            losses.make_up(made, LOT, Decimal(1), work(-1))


quantities = st.decimals("0.001", 200, places=3)


class Pegging(RuleBasedStateMachine):
    """Everything that can happen to pegs, in any order; whatever is refused changes nothing."""

    @initialize(
        needed=st.lists(
            st.tuples(quantities, st.none() | st.integers(0, 5)), min_size=2, max_size=5
        )
    )
    def begin(self, needed: list[tuple[Decimal, int | None]]) -> None:
        self.next = 1_000
        demands = {
            line(number): Demand(quantity=quantity, due_ms=due, priority=number % 2, order=number)
            for number, (quantity, due) in enumerate(needed, start=1)
        }
        supplies, pegs = {}, {}
        for demand, row in demands.items():
            supplies[work(demand.id)] = Supply(quantity=row.quantity, alike="a", due_ms=row.due_ms)
            pegs[demand, work(demand.id)] = Peg(row.quantity)
        supplies[LOT] = Supply(quantity=Decimal(20), made=Decimal(20), started=True)
        supplies[BOUGHT] = Supply(quantity=Decimal(60), due_ms=3)
        self.book = Book(demands=demands, supplies=supplies, pegs=pegs)

    def pegged(self) -> dict[DemandId, Decimal]:
        return {
            demand: sum((peg.quantity for peg in self.book.of(demand).values()), NOTHING)
            for demand in self.book.demands
        }

    def supplied(self) -> Decimal:
        return sum((row.quantity for row in self.book.supplies.values()), NOTHING)

    def a_work(self, data: st.DataObject) -> SupplyId:
        works = sorted(each for each in self.book.supplies if each.kind is SupplyKind.WORK)
        assume(works)
        return data.draw(st.sampled_from(works))

    def a_demand(self, data: st.DataObject) -> DemandId:
        assume(self.book.demands)
        return data.draw(st.sampled_from(sorted(self.book.demands)))

    @rule(data=st.data(), sizes=st.lists(quantities, min_size=1, max_size=3))
    def split(self, data: st.DataObject, sizes: list[Decimal]) -> None:
        supply = self.a_work(data)
        pegged, supplied = self.pegged(), self.supplied()
        made = {pair: peg.made for pair, peg in self.book.pegs.items() if peg.made}
        wanted = [(work(self.next + place), size) for place, size in enumerate(sizes)]
        if sum(sizes, NOTHING) > moves.splittable(self.book.supplies[supply]):
            with pytest.raises(PeggingError):
                moves.by_quantity(self.book, supply, wanted)
            return
        assume(sum(sizes, NOTHING) < self.book.supplies[supply].quantity)
        self.next += len(sizes)
        self.book = moves.split(self.book, supply, moves.by_quantity(self.book, supply, wanted))
        assert self.pegged() == pegged
        assert self.supplied() == supplied
        assert {pair: peg.made for pair, peg in self.book.pegs.items() if peg.made} == made

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        free = sorted(
            each
            for each, row in self.book.supplies.items()
            if row.alike and not row.started and not row.over
        )
        assume(len(free) > 1)
        chosen = data.draw(st.lists(st.sampled_from(free), min_size=2, max_size=4, unique=True))
        pegged, supplied = self.pegged(), self.supplied()
        self.book = moves.merge(self.book, chosen[0], chosen[1:])
        assert self.pegged() == pegged
        assert self.supplied() == supplied

    @rule(data=st.data(), quantity=quantities)
    def move(self, data: st.DataObject, quantity: Decimal) -> None:
        demand = self.a_demand(data)
        ends = [None, *sorted(self.book.supplies)]
        source, target = data.draw(st.sampled_from(ends)), data.draw(st.sampled_from(ends))
        supplied = self.supplied()
        try:
            self.book = moves.move(self.book, demand, quantity, source=source, target=target)
        except PeggingError:
            return
        assert self.supplied() == supplied

    @rule(data=st.data(), quantity=st.just(NOTHING) | quantities, running=st.sampled_from(Running))
    def change(self, data: st.DataObject, quantity: Decimal, running: Running) -> None:
        demand = self.a_demand(data)
        others = {each: told for each, told in self.pegged().items() if each != demand}
        supplied = self.supplied()
        before = self.book.of(demand)
        freed = needs.change(self.book, demand, quantity)
        self.book = freed.book
        assert {each: told for each, told in self.pegged().items() if each != demand} == others
        assert self.supplied() == supplied
        given_back = sum((peg.quantity for peg in before.values()), NOTHING) - sum(
            (peg.quantity for peg in self.book.of(demand).values()), NOTHING
        )
        assert sum(freed.supplies.values(), NOTHING) == given_back
        for supply, back in freed.supplies.items():
            now = self.supplied()
            self.book = needs.trim(self.book, supply, back, running)
            assert now - back <= self.supplied() <= now

    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        demand, supply = self.a_demand(data), self.a_work(data)
        missing = self.book.shortage(demand)
        assume(missing > 0 and not self.book.supplies[supply].over)
        self.book = needs.extend(self.book, demand, supply, missing)
        assert self.book.shortage(demand) == 0

    @rule(quantity=quantities, due=st.none() | st.integers(0, 5))
    def order(self, quantity: Decimal, due: int | None) -> None:
        self.next += 1
        demand = Demand(quantity=quantity, due_ms=due, order=self.next)
        self.book = self.book.changed(demands={line(self.next): demand})

    @rule(data=st.data(), more=quantities)
    def produce(self, data: st.DataObject, more: Decimal) -> None:
        supply = self.a_work(data)
        row = self.book.supplies[supply]
        assume(not row.over)
        before = self.book.on(supply)
        self.book = floor.produce(self.book, supply, row.made + more)
        after = self.book.on(supply)
        # What was given is not taken away, and nobody waits while something is nobody's.
        assert all(after[demand].made >= peg.made for demand, peg in before.items())
        given = sum((peg.made for peg in after.values()), NOTHING)
        if given < row.made + more:
            assert all(peg.made == peg.quantity for peg in after.values())

    @rule(data=st.data(), less=quantities)
    def correct(self, data: st.DataObject, less: Decimal) -> None:
        supply = self.a_work(data)
        row = self.book.supplies[supply]
        assume(not row.over and row.made)
        good = max(row.made - less, NOTHING)
        self.book = floor.produce(self.book, supply, good)
        assert sum((peg.made for peg in self.book.on(supply).values()), NOTHING) <= good

    @rule(data=st.data(), quantity=quantities)
    def scrap(self, data: st.DataObject, quantity: Decimal) -> None:
        supply = self.a_work(data)
        row = self.book.supplies[supply]
        supplied = self.supplied()
        made = sum((peg.made for peg in self.book.on(supply).values()), NOTHING)
        if quantity > row.quantity - row.made:
            with pytest.raises(PeggingError):
                floor.scrap(self.book, supply, quantity)
            return
        self.book = floor.scrap(self.book, supply, quantity)
        assert self.supplied() == supplied - quantity
        assert sum((peg.made for peg in self.book.on(supply).values()), NOTHING) == made

    @rule(quantity=quantities, number=st.integers(1, 3))
    def receive(self, quantity: Decimal, number: int) -> None:
        lot = SupplyId(SupplyKind.LOT, number)
        pegged, supplied = self.pegged(), self.supplied()
        ordered = self.book.supplies[BOUGHT].quantity
        self.book = floor.receive(self.book, BOUGHT, lot, quantity)
        assert self.pegged() == pegged
        assert self.supplied() == supplied + max(quantity - ordered, NOTHING)
        # Nobody waits for the purchase while goods of it lie free on the lot that was filled now.
        if self.book.on(BOUGHT):
            assert ordered - quantity == self.book.supplies[BOUGHT].quantity

    @rule(quantity=quantities)
    def buy(self, quantity: Decimal) -> None:
        row = self.book.supplies[BOUGHT]
        more = msgspec.structs.replace(row, quantity=row.quantity + quantity)
        self.book = self.book.changed(supplies={BOUGHT: more})

    @rule(data=st.data(), quantity=quantities)
    def make_up(self, data: st.DataObject, quantity: Decimal) -> None:
        supply = self.a_work(data)
        pegged, free = self.pegged(), self.book.surplus(supply)
        supplied = self.supplied()
        new = work(self.next)
        try:
            after = losses.make_up(self.book, supply, quantity, new)
        except PeggingError:
            return
        self.next += 1
        self.book = after
        assert self.pegged() == pegged
        assert self.supplied() == supplied - free
        assert self.book.supplies[new].quantity == quantity

    @precondition(lambda self: len(self.book.supplies) > 3)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        supply = self.a_work(data)
        self.book = floor.close(self.book, supply)
        assert self.book.supplies[supply].quantity == self.book.supplies[supply].made

    @invariant()
    def everything_is_conserved(self) -> None:
        assert faults(self.book) == []
        for supply, row in self.book.supplies.items():
            pegged = sum((peg.quantity for peg in self.book.on(supply).values()), NOTHING)
            assert pegged + self.book.surplus(supply) == row.quantity
        for demand, wanted in self.book.demands.items():
            pegged = sum((peg.quantity for peg in self.book.of(demand).values()), NOTHING)
            assert pegged + self.book.shortage(demand) == wanted.quantity


TestPegging = Pegging.TestCase
TestPegging.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)

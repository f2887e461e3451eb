"""Attribution, states, paces and projected ends: hand-computed examples and properties."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.telemetry import OperationState
from domain import progress
from domain.orders import LineState
from domain.progress import LineFigures, OperationFigures, Peg, WorkFigures

NOW = 1_767_600_000_000
HOUR = progress.HOUR_MS


def operation(number: int = 10, good: int = 0, **fields: object) -> OperationFigures:
    values = {
        "number": number,
        "state": OperationState.PLANNED,
        "good": Decimal(good),
        "scrap": Decimal(0),
        "runs": 0,
        "quantity": Decimal(100),
        "cycle_ms": 1_000,
    }
    return OperationFigures(**{**values, **fields})  # type: ignore[arg-type]  # fields of the struct


def peg(line: int, quantity: int, due: int | None = None) -> Peg:
    return Peg(line, Decimal(quantity), due)


class TestAttributeGood:
    def test_pegs_are_filled_by_due_date_then_line(self) -> None:
        pegs = [peg(3, 100), peg(2, 100, 20), peg(1, 100, 20), peg(4, 50, 10)]
        assert [int(share) for share in progress.attribute_good(Decimal(220), pegs).shares] == [
            0,
            70,
            100,
            50,
        ]

    def test_an_urgent_order_comes_first_of_those_due_together(self) -> None:
        pegs = [peg(1, 100, 20), Peg(2, Decimal(100), 20, priority=1)]
        assert [int(share) for share in progress.attribute_good(Decimal(120), pegs).shares] == [
            20,
            100,
        ]

    def test_surplus_goes_to_stock(self) -> None:
        pegs = [peg(1, 10), peg(2, 10)]
        assert [int(share) for share in progress.attribute_good(Decimal(30), pegs).shares] == [
            10,
            10,
        ]
        assert progress.to_stock(Decimal(30), pegs) == 10

    def test_a_cancelled_line_gets_what_nobody_else_needs_and_that_goes_to_stock(self) -> None:
        pegs = [Peg(1, Decimal(10), 1, cancelled=True), peg(2, 10)]
        assert [int(share) for share in progress.attribute_good(Decimal(14), pegs).shares] == [
            4,
            10,
        ]
        assert progress.to_stock(Decimal(14), pegs) == 4

    def test_a_component_is_pegged_to_the_work_that_needs_it(self) -> None:
        pegs = [peg(1, 10), Peg(0, Decimal(10), None, work_order_id=7)]
        assert [int(share) for share in progress.attribute_good(Decimal(12), pegs).shares] == [
            10,
            2,
        ]

    def test_without_pegs_there_is_nobody(self) -> None:
        assert progress.attribute_good(Decimal(30), []).to_stock == 30


pegs_strategy = st.lists(
    st.builds(
        Peg,
        st.integers(1, 9),
        st.integers(1, 500).map(Decimal),
        st.none() | st.integers(0, 5),
    ),
    min_size=1,
    unique_by=lambda each: each.line_id,
)


@given(good=st.integers(0, 2_000), scrap=st.integers(0, 2_000), pegs=pegs_strategy)
def test_shares_add_up_whatever_the_order_of_the_pegs(
    good: int, scrap: int, pegs: list[Peg]
) -> None:
    done = progress.attribute_good(Decimal(good), pegs)
    scraps = progress.attribute_scrap(scrap, pegs)
    assert sum(done.shares) + done.to_stock == good
    assert sum(scraps) == scrap
    assert min(scraps) >= 0
    assert done.shares == progress.attribute_good(Decimal(good), pegs[::-1]).shares[::-1]
    assert scraps == progress.attribute_scrap(scrap, pegs[::-1])[::-1]


class TestRollUp:
    def rolled(
        self,
        *operations: OperationFigures,
        state: LineState = LineState.RELEASED,
        quantity: int = 100,
        produced_ms: int | None = None,
    ) -> LineFigures:
        return progress.roll_up(
            1,
            quantity=Decimal(quantity),
            current=LineFigures(
                state=state, good=Decimal(0), scrap=0, started_ms=None, produced_ms=produced_ms
            ),
            works=[WorkFigures(operations=operations, pegs=[peg(1, quantity)])],
            now_ms=NOW,
        )

    def test_good_pieces_are_those_of_the_last_operation_and_scrap_is_of_all(self) -> None:
        line = self.rolled(
            operation(20, 30, scrap=Decimal(2), runs=1),
            operation(10, 90, scrap=Decimal(5), runs=1),
        )
        assert (int(line.good), line.scrap) == (30, 7)

    def test_the_first_start_of_any_operation_puts_a_line_in_production(self) -> None:
        started = operation(runs=1, state=OperationState.RUNNING, started_ms=5_000)
        line = self.rolled(started, operation(20))
        assert line.state is LineState.IN_PRODUCTION
        assert line.started_ms == 5_000

    def test_it_is_produced_when_the_last_operation_has_made_enough(self) -> None:
        line = self.rolled(operation(20, 100, runs=1, ended_ms=7_000), operation(10, 100, runs=1))
        assert line.state is LineState.PRODUCED
        assert line.produced_ms == 7_000

    def test_the_time_of_production_is_kept(self) -> None:
        line = self.rolled(operation(good=101, runs=1), produced_ms=5, state=LineState.PRODUCED)
        assert line.produced_ms == 5

    def test_a_correction_takes_production_back(self) -> None:
        short = operation(good=99, runs=1)
        line = self.rolled(short, state=LineState.PRODUCED, produced_ms=5)
        assert (line.state, line.produced_ms) == (LineState.IN_PRODUCTION, None)
        assert self.rolled(operation(), state=LineState.PRODUCED).state is LineState.RELEASED

    def test_work_on_a_line_that_nobody_released_is_shown_as_production(self) -> None:
        line = self.rolled(operation(runs=1), state=LineState.CONFIRMED)
        assert line.state is LineState.IN_PRODUCTION

    @pytest.mark.parametrize("state", [LineState.ON_HOLD, LineState.CANCELLED])
    def test_a_line_held_or_cancelled_keeps_its_state_but_not_its_figures(
        self, state: LineState
    ) -> None:
        line = self.rolled(operation(good=100, runs=1), state=state)
        assert (line.state, int(line.good)) == (state, 100)

    def test_rolling_up_twice_changes_nothing(self) -> None:
        works = [WorkFigures(operations=[operation(good=100, runs=1)], pegs=[peg(1, 100)])]
        first = self.rolled(operation(good=100, runs=1))
        again = progress.roll_up(
            1, quantity=Decimal(100), current=first, works=works, now_ms=NOW + 9_999
        )
        assert again == first


class TestPace:
    def test_slots_are_the_last_twelve_with_the_present_one_last(self) -> None:
        slot = NOW - NOW % progress.SLOT_MS
        slots = progress.pace_slots({slot: 5, slot - progress.SLOT_MS: 7, slot - 2 * HOUR: 9}, NOW)
        assert slots == [0] * 10 + [7, 5]

    def test_percent_compares_the_last_hour_with_the_standard_cycle(self) -> None:
        pieces = {NOW - NOW % progress.SLOT_MS - 600_000: 180}
        percent = progress.pace_percent(pieces, cycle_ms=10_000, started_ms=0, now_ms=NOW)
        assert percent == 50

    def test_percent_is_unknown_right_after_the_start_and_without_a_standard(self) -> None:
        assert progress.pace_percent({}, cycle_ms=1, started_ms=NOW - 1_000, now_ms=NOW) is None
        assert progress.pace_percent({}, cycle_ms=None, started_ms=0, now_ms=NOW) is None
        assert progress.pace_percent({}, cycle_ms=1, started_ms=None, now_ms=NOW) is None

    def test_a_few_pieces_say_nothing_about_a_pace(self) -> None:
        slot = NOW - NOW % progress.SLOT_MS
        few = {slot: progress.ENOUGH_PIECES - 1}
        assert progress.observed_cycle_ms(few, started_ms=0, now_ms=NOW) is None
        assert progress.observed_cycle_ms({slot: 60}, started_ms=0, now_ms=NOW) == 60_000


class TestProjectedEnd:
    def test_remaining_pieces_take_the_standard_cycle(self) -> None:
        begun = operation(good=40, runs=1, setup_ms=5_000)
        assert progress.projected_end_ms([begun], NOW) == NOW + 60_000

    def test_setup_is_still_to_come_for_what_was_not_started(self) -> None:
        chain = [operation(good=100, runs=1), operation(20, setup_ms=5_000)]
        assert progress.projected_end_ms(chain, NOW) == NOW + 105_000

    def test_the_observed_pace_comes_before_the_standard(self) -> None:
        assert progress.projected_end_ms([operation(observed_ms=2_000)], NOW) == NOW + 200_000

    def test_nothing_is_promised_where_something_is_unknown(self) -> None:
        unknown = operation(20, cycle_ms=None)
        assert progress.projected_end_ms([operation(), unknown], NOW) is None
        assert progress.projected_end_ms([operation(quantity=None)], NOW) is None
        over = operation(state=OperationState.COMPLETED)
        assert progress.projected_end_ms([over], NOW) is None

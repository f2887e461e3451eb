"""Time cut into shifts and what lies between, and what each came to by operation."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from report_cases import DAY, HOUR, MINUTE, T0, spans, stretches

from contracts.telemetry import MachineState
from domain.plan.calendar import moment_of
from domain.plan.shifts import Layers, Period, Worked, weekly
from domain.reports.machine_shifts import (
    OUTSIDE,
    Lost,
    MachinePast,
    Made,
    OnMachine,
    Piece,
    Rate,
    pieces,
    reckon,
)
from domain.reports.machine_time import Stretch, TimeClass, TimePolicy, classed, spent
from domain.reports.oee import pareto, summed
from domain.reports.periods import Span

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def every_day(*shifts: tuple[str, int, int]) -> Layers:
    spans_ = [
        (weekday, Worked(shift=name, start_minute=start * 60, end_minute=end * 60))
        for weekday in range(7)
        for name, start, end in shifts
    ]
    return ((Period(rotation=weekly(spans_)),),)


def past(**more: object) -> MachinePast:
    known: dict[str, object] = {
        "stretches": [],
        "on": [],
        "planned": [Span(T0, T0 + DAY)],
        "known": Span(T0, T0 + DAY),
        "made": [],
        "rates": {},
    }
    return MachinePast(**(known | more))  # type: ignore[arg-type] # each test names what it needs


class TestPieces:
    def test_a_night_shift_belongs_to_the_day_on_which_it_begins(self) -> None:
        layers = every_day(("early", 6, 14), ("night", 22, 30))
        found = pieces(layers, UTC, Span(T0 + 12 * HOUR, T0 + 31 * HOUR))
        told = [(each.from_ms - T0, each.until_ms - T0, each.day, each.shift) for each in found]
        assert told == [
            (6 * HOUR, 14 * HOUR, date(2026, 1, 5), "early"),
            (14 * HOUR, 22 * HOUR, date(2026, 1, 5), OUTSIDE),
            (22 * HOUR, 30 * HOUR, date(2026, 1, 5), "night"),
            (30 * HOUR, 38 * HOUR, date(2026, 1, 6), "early"),
        ]  # fmt: skip

    def test_without_shifts_days_are_pieces(self) -> None:
        found = pieces((), BERLIN, Span(T0, T0 + HOUR))
        assert [(each.from_ms, each.until_ms, each.day) for each in found] == [
            (T0 - HOUR, T0 + 23 * HOUR, date(2026, 1, 5))
        ]

    def test_clocks_make_a_night_longer_and_a_day_shorter(self) -> None:
        # 2026-03-29, 01:00 UTC: 2 o'clock becomes 3 in Berlin; 2026-10-25: 3 becomes 2.
        layers = every_day(("night", 22, 30))
        for day, hours in ((date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 5, 5), 8)):
            begins = moment_of(day, 0, BERLIN)
            (night,) = [
                each
                for each in pieces(layers, BERLIN, Span(begins + 23 * HOUR, begins + 24 * HOUR))
                if each.shift
            ]
            assert night.span.length_ms == hours * HOUR
            assert night.day == day

    def test_a_shift_that_overlaps_the_next_ends_where_that_begins(self) -> None:
        found = pieces(every_day(("a", 6, 14), ("b", 13, 20)), UTC, Span(T0, T0 + DAY))
        assert [each.span.length_ms // HOUR for each in found if each.shift] == [7, 7]

    @given(
        st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)), max_size=3),
        st.integers(0, 364),
        st.integers(1, 80),
        st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Asia/Shanghai"]),
    )
    def test_pieces_follow_each_other_without_gap_or_overlap(
        self, shifts: list[tuple[int, int]], day: int, hours: int, zone: str
    ) -> None:
        layers = every_day(*(("s", start, start + length) for start, length in shifts))
        span = Span(T0 + day * DAY + HOUR // 2, T0 + day * DAY + hours * HOUR)
        found = pieces(layers if shifts else (), ZoneInfo(zone), span)
        assert found[0].from_ms <= span.from_ms
        assert found[-1].until_ms >= span.until_ms
        assert all(one.until_ms == other.from_ms for one, other in pairwise(found))
        # Asked by another span, the same pieces.
        again = pieces(
            layers if shifts else (), ZoneInfo(zone), Span(span.from_ms - 3 * DAY, span.until_ms)
        )
        assert again[-len(found) :] == found


class TestReckoning:
    def test_time_and_pieces_go_to_the_operation_that_was_on_the_machine(self) -> None:
        (piece,) = pieces((), UTC, Span(T0, T0 + 1))
        running, idle, down = MachineState.RUNNING, MachineState.IDLE, MachineState.DOWN
        rows = reckon(
            [piece],
            past(
                planned=[Span(T0 + 6 * HOUR, T0 + 14 * HOUR)],
                stretches=[
                    Stretch(T0, T0 + 8 * HOUR, running),
                    Stretch(T0 + 8 * HOUR, T0 + 10 * HOUR, idle, "no material"),
                    Stretch(T0 + 10 * HOUR, T0 + 12 * HOUR, running),
                    Stretch(T0 + 12 * HOUR, T0 + 13 * HOUR, down),
                ],
                on=[OnMachine(T0, 1), OnMachine(T0 + 9 * HOUR, None), OnMachine(T0 + 10 * HOUR, 2)],
                made=[
                    Made(T0 + HOUR, 1, Decimal(10), Decimal(1)),
                    Made(T0 + 11 * HOUR, 2, Decimal(5), Decimal(0)),
                    Made(T0 + 11 * HOUR, None, Decimal(2), Decimal(0)),
                ],
                rates={1: Rate(MINUTE), 2: Rate(HOUR, rework=True)},
            ),
            TimePolicy(),
        )
        one, two, none = rows
        assert (one.operation, two.operation, none.operation) == (1, 2, None)
        assert one.time.spent[TimeClass.PRODUCTION] == 8 * HOUR
        assert one.time.overtime_ms == 6 * HOUR
        assert one.losses == (Lost(TimeClass.DELAY, "no material", HOUR, 1),)
        # The stop goes on without an order: counted once, where it began.
        # Nothing was told of the last hour.
        assert none.losses == (
            Lost(TimeClass.IDLE, "no material", HOUR, 0),
            Lost(TimeClass.UNKNOWN, None, HOUR, 0),
        )
        assert two.losses == (Lost(TimeClass.DELAY, None, HOUR, 1),)
        assert sum(row.time.operation_ms for row in rows) == 8 * HOUR
        assert (one.quantity.good, one.quantity.run_ms) == (Decimal(10), Decimal(11 * MINUTE))
        assert (two.quantity.produced, two.quantity.reworked) == (Decimal(0), Decimal(5))
        assert none.quantity.unrated == Decimal(2)

    def test_a_micro_stop_stays_one_when_the_operation_changes_in_it(self) -> None:
        (piece,) = pieces((), UTC, Span(T0, T0 + 1))
        rows = reckon(
            [piece],
            past(
                stretches=[
                    Stretch(T0, T0 + HOUR, MachineState.RUNNING),
                    Stretch(T0 + HOUR, T0 + HOUR + 4 * MINUTE, MachineState.IDLE),
                    Stretch(T0 + HOUR + 4 * MINUTE, T0 + 2 * HOUR, MachineState.RUNNING),
                ],
                on=[OnMachine(T0, 1), OnMachine(T0 + HOUR + 2 * MINUTE, 2)],
                known=Span(T0, T0 + 2 * HOUR),
            ),
            TimePolicy(),
        )
        assert [
            (row.operation, row.time.spent[TimeClass.MICRO_STOP], row.time.micro_stops)
            for row in rows
        ] == [(1, 2 * MINUTE, 1), (2, 2 * MINUTE, 0)]

    def test_a_shift_that_runs_is_counted_up_to_the_hour(self) -> None:
        rows = reckon(
            [Piece(T0, T0 + 8 * HOUR, date(2026, 1, 5), "early")],
            past(
                stretches=[Stretch(T0, T0 + 5 * HOUR, MachineState.RUNNING)],
                known=Span(T0, T0 + 4 * HOUR),
                made=[Made(T0 + 3 * HOUR, None, Decimal(1), Decimal(0)),
                      Made(T0 + 4 * HOUR, None, Decimal(1), Decimal(0))],
            ),
            TimePolicy(),
        )  # fmt: skip
        assert [row.time.operation_ms for row in rows] == [4 * HOUR]
        assert rows[0].quantity.good == 1

    @given(
        stretches(),
        spans(),
        st.lists(st.tuples(st.integers(0, 26 * 60), st.sampled_from([None, 1, 2])), max_size=6),
        st.sampled_from([(), ((6, 14),), ((5, 13), (13, 21)), ((22, 30),)]),
        st.integers(1, 30),
    )
    def test_operations_add_up_to_shifts_and_shifts_to_the_whole(
        self,
        some: list[Stretch],
        planned: list[Span],
        changes: list[tuple[int, int | None]],
        shifts: tuple[tuple[int, int], ...],
        counted_hours: int,
    ) -> None:
        """Time does not depend on where it is cut; counts neither."""
        whole = Span(T0 - 2 * DAY, T0 + 3 * DAY)
        layers = every_day(*((str(start), start, end) for start, end in shifts))
        cut = pieces(layers if shifts else (), UTC, whole)
        known = Span(T0, T0 + counted_hours * HOUR)
        some = [Stretch(each.from_ms, each.until_ms, each.state, each.reason) for each in some]
        policy = TimePolicy(reasons={"lunch": TimeClass.PLANNED}, micro_stop_ms=30 * MINUTE)
        on = [OnMachine(T0 + at * MINUTE, operation) for at, operation in sorted(
            changes, key=lambda one: one[0])]  # fmt: skip
        rows = reckon(cut, past(stretches=some, planned=planned, known=known, on=on), policy)
        period = Span(cut[0].from_ms, cut[-1].until_ms)
        expected = spent(classed(some, policy), period, planned, known)
        total = summed(row.time for row in rows)
        stops = (TimeClass.IDLE, TimeClass.DELAY)
        assert total.operation_ms == expected.operation_ms
        assert total.busy_ms == expected.busy_ms
        assert total.overtime_ms == expected.overtime_ms
        assert (total.micro_stops, total.stops) == (expected.micro_stops, expected.stops)
        for each in TimeClass:
            if each not in (*stops, TimeClass.PLANNED):
                assert total.spent[each] == expected.spent[each]
        # Only whether there was an order is known better.
        assert sum(total.spent[each] for each in stops) == sum(
            expected.spent[each] for each in stops
        )
        lost = sum(
            loss.lost_ms
            for row in rows
            for loss in row.losses
            if loss.time_class is not TimeClass.PLANNED
        )
        assert lost == sum(
            loss.lost_ms for loss in pareto([(classed(some, policy), planned)], period, known)
        )

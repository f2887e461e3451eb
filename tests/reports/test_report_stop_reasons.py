"""Reasons by hand: the last one said of a moment holds, and production is not talked away."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import HOUR, T0, stretches

from contracts.telemetry import MachineState
from domain.reports.machine_time import Stretch
from domain.reports.periods import Span
from domain.reports.stop_reasons import STOPS, Given, with_reasons

LATER = T0 + 99 * HOUR

entries = st.lists(
    st.builds(
        lambda begins, length, reason, recorded, number: Given(
            span=Span(T0 + begins, T0 + begins + length),
            reason=reason,
            recorded_ms=T0 + recorded,
            number=number,
        ),
        st.integers(-HOUR, 10 * HOUR),
        st.integers(0, 4 * HOUR),
        st.sampled_from([None, "tool", "material"]),
        st.integers(0, 3),
        st.integers(0, 99),
    ),
    max_size=5,
    unique_by=lambda each: (each.recorded_ms, each.number),
)


def said(begins: int, ends: int, reason: str | None, recorded: int) -> Given:
    return Given(
        span=Span(T0 + begins * HOUR, T0 + ends * HOUR),
        reason=reason,
        recorded_ms=T0 + recorded,
        number=recorded,
    )


class TestByHand:
    def test_a_stop_is_cut_where_its_reason_changes(self) -> None:
        stop = Stretch(T0, T0 + 6 * HOUR, MachineState.DOWN, "E17")
        found = with_reasons([stop], [said(1, 3, "tool", 1), said(2, 4, "material", 2)],
                             as_of_ms=LATER)  # fmt: skip
        assert [((each.from_ms - T0) // HOUR, each.reason) for each in found] == [
            (0, "E17"),
            (1, "tool"),
            (2, "material"),
            (4, "E17"),
        ]

    def test_what_was_said_can_be_taken_back_and_was_known_all_the_same(self) -> None:
        stop = Stretch(T0, T0 + HOUR, MachineState.IDLE)
        told = [said(0, 1, "tool", 1), said(0, 1, None, 5)]
        assert with_reasons([stop], told, as_of_ms=LATER) == [stop]
        assert [each.reason for each in with_reasons([stop], told, as_of_ms=T0 + 5)] == ["tool"]

    def test_production_keeps_its_own(self) -> None:
        run = Stretch(T0, T0 + HOUR, MachineState.RUNNING)
        assert with_reasons([run], [said(0, 1, "tool", 1)], as_of_ms=LATER) == [run]


class TestAlways:
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(stretches(8), entries, st.lists(st.integers(-HOUR, 12 * HOUR), max_size=8))
    def test_every_moment_has_the_last_reason_and_keeps_its_state(
        self, past: list[Stretch], given_: list[Given], probes: list[int]
    ) -> None:
        found = with_reasons(past, given_, as_of_ms=LATER)
        for probe in probes:
            moment = T0 + probe
            was = [each for each in past if each.span.holds(moment)]
            now = [each for each in found if each.span.holds(moment)]
            assert [each.state for each in was] == [each.state for each in now]
            for before, after in zip(was, now, strict=True):
                last = max(
                    (each for each in given_ if each.span.holds(moment)),
                    key=lambda each: (each.recorded_ms, each.number),
                    default=None,
                )
                by_hand = last.reason if last is not None and before.state in STOPS else None
                assert after.reason == (by_hand or before.reason)
        assert sum(each.span.length_ms for each in found) == sum(
            each.span.length_ms for each in past
        )

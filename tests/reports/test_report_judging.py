"""How a line is judged, for any facts: shares add up, and nothing depends on when it is asked."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from report_cases import DAY, HOUR, T0

from domain.reports.delay_causes import OF_PLAN, RANK, Evidence, Planned
from domain.reports.delivery import Against, Delivered, DeliveryPolicy, DueLine, line_result
from domain.reports.order_lines import LineFacts, judge, late_until, next_judgement
from domain.reports.periods import Span

NOW = T0 + 30 * DAY
moments = st.integers(T0 - 2 * DAY, T0 + 20 * DAY)


@st.composite
def facts(draw: st.DrawFn, line: int = 1) -> LineFacts:
    first = draw(st.none() | moments)
    return LineFacts(
        order=1,
        line=line,
        number=line * 10,
        site=1,
        customer=1,
        item=1,
        unit="pcs",
        made_on=None,
        ordered=Decimal(draw(st.integers(0, 20))),
        received_ms=T0 - 3 * DAY,
        confirmed_ms=None,
        released_ms=None,
        started_ms=None,
        produced_ms=None,
        packed_ms=None,
        delivered_ms=None,
        first_due_ms=first,
        customer_due_ms=None if first is None else first + draw(st.integers(-DAY, 3 * DAY)),
        due_ms=draw(st.none() | moments),
        deliveries=tuple(
            Delivered(at_ms, Decimal(quantity))
            for at_ms, quantity in draw(
                st.lists(st.tuples(moments, st.integers(-5, 20)), max_size=5)
            )
        ),
        planned_ms=draw(st.none() | moments),
        planned=tuple(
            Planned(word, minutes * 60_000)
            for word, minutes in draw(
                st.lists(
                    st.tuples(st.sampled_from([*OF_PLAN, "other"]), st.integers(0, 3_000)),
                    max_size=4,
                )
            )
        ),
    )


evidence = st.lists(
    st.builds(
        lambda cause, begins, length: Evidence(cause, Span(begins, begins + length)),
        st.sampled_from(RANK),
        moments,
        st.integers(0, 2 * DAY),
    ),
    max_size=6,
)


class TestJudging:
    @given(lines=st.tuples(facts(1), facts(2)), found=st.tuples(evidence, evidence))
    def test_shares_add_up_and_an_order_is_late_once(
        self,
        lines: tuple[LineFacts, LineFacts],
        found: tuple[list[Evidence], list[Evidence]],
    ) -> None:
        judged = judge(lines, {1: found[0], 2: found[1]}, NOW)
        for one in judged:
            assert sum(share.share_ms for share in one.delay.shares) == one.delay.delay_ms
            until = late_until(one.facts, NOW)
            due = one.facts.first_due_ms
            assert one.delay.delay_ms == (0 if until is None or due is None else until - due)
            assert (one.judged_ms is None) == (
                not one.delay.delay_ms or one.complete_ms is not None
            )
        late = [one.delay.delay_ms for one in judged]
        makes_late = [one.delay.delay_ms for one in judged if one.makes_late]
        assert makes_late == ([max(late)] if max(late) else [])

    @given(line=facts(), later=st.integers(0, 10 * DAY))
    def test_a_complete_line_is_judged_the_same_whenever(self, line: LineFacts, later: int) -> None:
        (one,) = judge([line], {}, NOW)
        (again,) = judge([line], {}, NOW + later)
        if one.complete_ms is not None:
            assert again == one

    @given(line=facts())
    def test_it_is_the_line_that_the_report_on_deliveries_judges(self, line: LineFacts) -> None:
        (one,) = judge([line], {}, NOW)
        due = DueLine(
            order=1,
            line=1,
            ordered=line.ordered,
            first_due_ms=line.first_due_ms,
            due_ms=line.due_ms,
            deliveries=line.deliveries,
        )
        for against, on_time, by_date in (
            (Against.FIRST, one.first_on_time, one.first_by_date),
            (Against.CURRENT, one.due_on_time, one.due_by_date),
        ):
            result = line_result(due, as_of_ms=NOW, against=against, policy=DeliveryPolicy())
            if result is not None:
                assert (on_time, by_date) == (result.on_time, result.by_date)
                assert one.complete_ms == result.complete_ms

    @given(late_ms=st.integers(0, 40 * DAY))
    def test_an_open_line_is_judged_hourly_and_then_daily(self, late_ms: int) -> None:
        judged = T0 + late_ms
        wait = next_judgement(T0, judged) - judged
        assert wait == (HOUR if late_ms < DAY else DAY)

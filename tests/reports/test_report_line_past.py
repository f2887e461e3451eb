"""A line as it was known at any past moment: against a plain replay of what happened."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from report_cases import DAY, HOUR, T0

from domain.reports.line_past import Change, Standing, as_of

dates = st.none() | st.integers(T0, T0 + 9 * DAY)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Standing, list[Change], list[tuple[int, Standing]]]:
    """A line's beginning made into its end: (now, the changes, how it stood from when on)."""
    state = Standing(due_ms=draw(dates), quantity=draw(st.integers(1, 99).map(Decimal)))
    at = T0
    stood = [(at, state)]
    changes = []
    for number in range(draw(st.integers(0, 6))):
        at += draw(st.sampled_from([0, 1, HOUR]))
        fields: dict[str, Any] = {}
        after: dict[str, Any] = {
            "due_ms": state.due_ms,
            "quantity": state.quantity,
            "cancelled": state.cancelled,
        }
        if draw(st.booleans()):
            after["due_ms"] = draw(dates)
            fields["due"] = (state.due_ms, after["due_ms"])
        if draw(st.booleans()):
            after["quantity"] = Decimal(draw(st.integers(1, 99)))
            fields["quantity"] = (state.quantity, after["quantity"])
        if draw(st.integers(0, 4)) == 0:
            after["cancelled"] = not state.cancelled
            fields["cancelled"] = (state.cancelled, after["cancelled"])
        changes.append(Change(at_ms=at, number=number, by_customer=draw(st.booleans()), **fields))
        state = Standing(**after)
        stood.append((at, state))
    return state, changes, stood


class TestAlways:
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(stories(), st.integers(-HOUR, 8 * HOUR), st.none() | st.integers(0, 4 * HOUR))
    def test_the_past_is_what_a_replay_says(
        self, story: tuple[Any, ...], later: int, confirmed: int | None
    ) -> None:
        now, changes, stood = story
        moment = T0 + later
        confirmed_ms = None if confirmed is None else T0 + confirmed
        then = as_of(now, changes[::-1], moment, made_ms=T0, confirmed_ms=confirmed_ms)
        known = [state for at, state in stood if at < moment]
        if not known:
            assert then is None
            return
        assert then is not None
        assert then.state == known[-1]
        agreed_by = confirmed_ms if confirmed_ms is not None and confirmed_ms < moment else None
        first = None
        for at, state in stood:
            if at < moment and (first is None or (agreed_by is not None and at <= agreed_by)):
                first = state.due_ms
        assert then.first_due_ms == first

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(stories(), st.integers(0, 8 * HOUR))
    def test_what_was_changed_later_has_no_influence(
        self, story: tuple[Any, ...], later: int
    ) -> None:
        now, changes, stood = story
        moment = T0 + 1 + later
        known = [each for each in changes if each.at_ms < moment]
        by_then = [state for at, state in stood if at < moment][-1]
        assert as_of(now, changes, moment, made_ms=T0, confirmed_ms=None) == as_of(
            by_then, known, moment, made_ms=T0, confirmed_ms=None
        )


class TestWhoMoved:
    def changes(self) -> list[Change]:
        return [
            Change(at_ms=T0 + 1, number=1, due=(None, T0 + 2 * DAY)),
            Change(at_ms=T0 + 9, number=2, due=(T0 + 2 * DAY, T0 + 3 * DAY)),
            Change(at_ms=T0 + 20, number=3, by_customer=True, due=(T0 + 3 * DAY, T0 + 5 * DAY)),
            Change(at_ms=T0 + 30, number=4, due=(T0 + 5 * DAY, T0 + 9 * DAY)),
        ]

    def test_the_date_at_the_confirmation_is_the_first_and_the_customer_moves_it(self) -> None:
        now = Standing(due_ms=T0 + 9 * DAY, quantity=Decimal(1))
        then = as_of(now, self.changes(), T0 + DAY, made_ms=T0, confirmed_ms=T0 + 10)
        assert then is not None
        assert then.first_due_ms == T0 + 3 * DAY
        assert then.customer_due_ms == T0 + 5 * DAY
        assert then.state.due_ms == T0 + 9 * DAY

    def test_before_the_confirmation_the_first_date_there_was(self) -> None:
        now = Standing(due_ms=T0 + 9 * DAY, quantity=Decimal(1))
        then = as_of(now, self.changes(), T0 + 10, made_ms=T0, confirmed_ms=T0 + 10)
        assert then is not None
        assert then.first_due_ms == then.customer_due_ms == T0 + 2 * DAY

    def test_a_cancelled_line_wants_nothing(self) -> None:
        cancelled = Change(at_ms=T0 + 5, number=1, cancelled=(False, True), quantity=UNSET)
        now = Standing(due_ms=None, quantity=Decimal(7), cancelled=True)
        before, after = (
            as_of(now, [cancelled], moment, made_ms=T0, confirmed_ms=None)
            for moment in (T0 + 5, T0 + 6)
        )
        assert before is not None
        assert after is not None
        assert before.ordered == 7
        assert after.ordered == 0
        assert after.first_due_ms is None

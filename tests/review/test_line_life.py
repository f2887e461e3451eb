"""A line's whole life: every decision is one of the ways that are allowed, and says why."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import (
    NEXT,
    Decision,
    LineState,
    Moved,
    Refused,
    cancel,
    confirm,
    follow_floor,
    hold,
    reject,
    release,
    resume,
    review,
)

_BEFORE_RELEASE = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)

actions: st.SearchStrategy[Callable[[LineState, LineState | None], Decision]] = st.one_of(
    st.builds(
        lambda findings, auto, entered: (
            lambda state, _: review(state, findings=findings, auto_confirm=auto, entered=entered)
        ),
        st.integers(0, 3),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda errors, overrule: lambda state, _: confirm(state, errors=errors, overrule=overrule),
        st.integers(0, 3),
        st.sampled_from([None, "it is agreed"]),
    ),
    st.just(lambda state, _: release(state)),
    st.just(lambda state, _: hold(state, "the customer asks for it")),
    st.just(resume),
    st.just(lambda state, held: reject(state, "not ours", held_from=held)),
    st.just(lambda state, _: cancel(state, "given up")),
    st.builds(
        lambda started, produced: (
            lambda state, _: follow_floor(state, started=started, produced=produced)
        ),
        st.booleans(),
        st.booleans(),
    ),
)


@given(st.lists(actions, max_size=30))
def test_whatever_is_done_a_line_goes_only_where_it_may(
    done: list[Callable[[LineState, LineState | None], Decision]],
) -> None:
    state, held_from = LineState.RECEIVED, None
    for act in done:
        decision = act(state, held_from)
        assert decision.reason
        if isinstance(decision, Refused):
            continue
        assert decision.state in NEXT[state], (state, decision)
        held_from = state if decision.state is LineState.ON_HOLD else None
        state = decision.state


@given(st.lists(actions, max_size=30))
def test_a_line_on_hold_is_not_moved_by_the_floor_and_goes_on_where_it_was(
    done: list[Callable[[LineState, LineState | None], Decision]],
) -> None:
    state = LineState.RECEIVED
    for act in done:
        decision = act(state, None)
        if isinstance(decision, Moved) and decision.state is not LineState.ON_HOLD:
            state = decision.state
    held = hold(state, "why")
    if isinstance(held, Refused):
        assert state in (LineState.PRODUCED, LineState.CANCELLED)
        return
    for started, produced in product((False, True), repeat=2):
        after = follow_floor(held.state, started=started, produced=produced)
        assert isinstance(after, Refused)
    assert resume(held.state, state) == Moved(state, f"goes on from {state}")


class TestReview:
    @pytest.mark.parametrize("state", [LineState.RECEIVED, LineState.CONFIRMED])
    def test_findings_keep_it_from_the_floor(self, state: LineState) -> None:
        moved = review(state, findings=2, auto_confirm=True)
        assert moved == Moved(LineState.UNDER_REVIEW, "2 findings of the review")

    def test_without_findings_the_policy_decides(self) -> None:
        passed = review(LineState.UNDER_REVIEW, findings=0, auto_confirm=True)
        assert isinstance(passed, Moved)
        assert passed.state is LineState.CONFIRMED
        waits = review(LineState.RECEIVED, findings=0, auto_confirm=False)
        assert isinstance(waits, Moved)
        assert waits.state is LineState.UNDER_REVIEW

    def test_what_one_of_us_entered_waits_for_nobody_unless_something_was_found(self) -> None:
        stays = review(LineState.RECEIVED, findings=0, auto_confirm=False, entered=True)
        assert isinstance(stays, Refused)
        found = review(LineState.RECEIVED, findings=1, auto_confirm=False, entered=True)
        assert isinstance(found, Moved)

    @pytest.mark.parametrize("state", [s for s in LineState if s not in _BEFORE_RELEASE])
    def test_what_the_floor_has_stays_there(self, state: LineState) -> None:
        assert isinstance(review(state, findings=9, auto_confirm=False), Refused)


class TestConfirm:
    def test_errors_have_to_be_overruled_with_a_reason(self) -> None:
        refused = confirm(LineState.UNDER_REVIEW, errors=1, overrule=None)
        why = "1 finding to settle first, or to overrule with a reason"
        assert refused == Refused(why, "line-findings")
        moved = confirm(LineState.UNDER_REVIEW, errors=1, overrule="agreed by phone")
        assert moved == Moved(LineState.CONFIRMED, "agreed by phone")

    def test_release_waits_for_it(self) -> None:
        assert isinstance(release(LineState.UNDER_REVIEW), Refused)
        assert isinstance(release(LineState.CONFIRMED), Moved)


class TestReject:
    @pytest.mark.parametrize("state", _BEFORE_RELEASE)
    def test_what_was_not_released_is_refused(self, state: LineState) -> None:
        assert reject(state, "no") == Moved(LineState.CANCELLED, "no")

    def test_what_the_floor_has_is_cancelled_instead(self) -> None:
        assert isinstance(reject(LineState.RELEASED, "no"), Refused)
        held = reject(LineState.ON_HOLD, "no", held_from=LineState.IN_PRODUCTION)
        assert isinstance(held, Refused)
        before = reject(LineState.ON_HOLD, "no", held_from=LineState.CONFIRMED)
        assert isinstance(before, Moved)


def test_nobody_knows_where_it_was_held() -> None:
    moved = resume(LineState.ON_HOLD, None)
    assert isinstance(moved, Moved)
    assert moved.state is LineState.UNDER_REVIEW

"""The state machine against its table, and its properties under any order of events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.alarms.states import (
    ALARMS,
    ANNUNCIATED,
    HELD,
    NOTHING,
    TRANSITIONS,
    AlarmEvent,
    AlarmState,
    Standing,
    Transition,
    after,
    state_of,
)

ALL = [Standing(number) for number in range(64)]


def reachable() -> set[Standing]:
    """Every standing to which events lead from nothing."""
    found, open_ = {NOTHING}, [NOTHING]
    while open_:
        standing = open_.pop()
        for event, latching in itertools.product(AlarmEvent, (False, True)):
            then = after(standing, event, latching=latching)
            if then is not None and then not in found:
                found.add(then)
                open_.append(then)
    return found


def ways() -> set[Transition]:
    """Every transition that some events make."""
    return {
        Transition(state_of(standing), event, state_of(then))
        for standing in reachable()
        for event, latching in itertools.product(AlarmEvent, (False, True))
        if (then := after(standing, event, latching=latching)) is not None
    }


def test_the_table_has_every_transition_and_no_other() -> None:
    assert ways() == set(TRANSITIONS)
    assert len(TRANSITIONS) == len(set(TRANSITIONS))


def test_every_state_can_be_reached_and_left() -> None:
    assert {each.after for each in TRANSITIONS} == set(AlarmState)
    assert {each.before for each in TRANSITIONS} == set(AlarmState)


@pytest.mark.parametrize("standing", ALL)
def test_no_event_leads_back_to_where_it_began(standing: Standing) -> None:
    for event, latching in itertools.product(AlarmEvent, (False, True)):
        assert after(standing, event, latching=latching) != standing


def test_only_a_person_takes_an_alarm_from_unacknowledged_to_known() -> None:
    to_known = {
        each.event
        for each in TRANSITIONS
        if each.before in ANNUNCIATED
        and each.after
        in (AlarmState.ACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED, AlarmState.NORMAL)
    }
    assert to_known == {AlarmEvent.ACKNOWLEDGE}


def test_an_alarm_of_isa_goes_its_ways() -> None:
    told = []
    standing = NOTHING
    for event in (AlarmEvent.RAISE, AlarmEvent.ACKNOWLEDGE, AlarmEvent.CLEAR, AlarmEvent.RESET):
        then = after(standing, event, latching=True)
        assert then is not None
        standing = then
        told.append(state_of(standing))
    assert told == [
        AlarmState.UNACKNOWLEDGED,
        AlarmState.ACKNOWLEDGED,
        AlarmState.LATCHED_ACKNOWLEDGED,
        AlarmState.NORMAL,
    ]


def test_what_is_shelved_and_still_holds_is_told_anew() -> None:
    known = Standing.ACTIVE
    shelved = after(known, AlarmEvent.SHELVE, latching=False)
    assert shelved is not None
    assert state_of(shelved) is AlarmState.SHELVED
    back = after(shelved, AlarmEvent.UNSHELVE, latching=False)
    assert back is not None
    assert state_of(back) is AlarmState.UNACKNOWLEDGED


def test_what_ended_while_it_was_shelved_asks_for_nothing() -> None:
    standing = Standing.ACTIVE | Standing.UNACKNOWLEDGED
    for event in (AlarmEvent.SHELVE, AlarmEvent.CLEAR, AlarmEvent.UNSHELVE):
        then = after(standing, event, latching=False)
        assert then is not None
        standing = then
    assert state_of(standing) is AlarmState.NORMAL


class AlarmLife(RuleBasedStateMachine):
    """An alarm beside the plain facts that its standing is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = NOTHING
        self.holds = False
        self.held: set[AlarmEvent] = set()

    def happen(self, event: AlarmEvent, *, latching: bool = False) -> Standing | None:
        then = after(self.standing, event, latching=latching)
        if then is not None:
            self.standing = then
        return then

    @rule(latching=st.booleans())
    def condition_begins(self, latching: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        assert (self.happen(AlarmEvent.RAISE, latching=latching) is None) == self.holds
        self.holds = True

    @rule()
    def condition_ends(self) -> None:
        assert (self.happen(AlarmEvent.CLEAR) is not None) == self.holds
        self.holds = False

    @rule()
    def acknowledged(self) -> None:
        asked = state_of(self.standing) in ANNUNCIATED
        assert (self.happen(AlarmEvent.ACKNOWLEDGE) is not None) == asked
        assert state_of(self.standing) not in ANNUNCIATED

    @rule(event=st.sampled_from([AlarmEvent.SHELVE, AlarmEvent.SUPPRESS, AlarmEvent.REMOVE]))
    def put_aside(self, event: AlarmEvent) -> None:
        assert (self.happen(event) is None) == (event in self.held)
        self.held.add(event)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def taken_up_again(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(sorted(self.held)))
        back = {
            AlarmEvent.SHELVE: AlarmEvent.UNSHELVE,
            AlarmEvent.SUPPRESS: AlarmEvent.UNSUPPRESS,
            AlarmEvent.REMOVE: AlarmEvent.RETURN,
        }[event]
        assert self.happen(back) is not None
        self.held.remove(event)
        if not self.held and self.holds:
            assert state_of(self.standing) is AlarmState.UNACKNOWLEDGED

    @rule()
    def reset(self) -> None:
        self.happen(AlarmEvent.RESET)

    @invariant()
    def it_knows_whether_its_condition_holds(self) -> None:
        assert bool(self.standing & Standing.ACTIVE) == self.holds

    @invariant()
    def nobody_is_told_of_what_is_held(self) -> None:
        assert bool(self.standing & HELD) == bool(self.held)
        if self.held:
            assert state_of(self.standing) not in ALARMS

    @invariant()
    def what_holds_and_is_not_held_is_an_alarm(self) -> None:
        if self.holds and not self.held:
            assert state_of(self.standing) in ALARMS


TestAlarmLife = AlarmLife.TestCase


def happened(standing: Standing, event: AlarmEvent, *, latching: bool) -> Standing:
    """What is so after an event, which may mean nothing."""
    then = after(standing, event, latching=latching)
    return standing if then is None else then


@given(st.lists(st.tuples(st.sampled_from(list(AlarmEvent)), st.booleans()), max_size=30))
def test_said_twice_is_said_once(events: list[tuple[AlarmEvent, bool]]) -> None:
    once = twice = NOTHING
    for event, latching in events:
        once = happened(once, event, latching=latching)
        twice = happened(twice, event, latching=latching)
        assert after(twice, event, latching=latching) is None
    assert once == twice

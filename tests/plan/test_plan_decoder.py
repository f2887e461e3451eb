"""The decoder: small plans worked out by hand, and random ones before the validator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import MINUTE, NOW, at, breaks, random_plan, random_problem, sequence_of

from domain.plan.decoder import DecodeError, decode
from domain.plan.indexed import ProblemError
from domain.plan.plan import Plan
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    SetupTime,
)
from domain.plan.validator import violations


def _operation(identity: int, *modes: tuple[int, int], setup: int = 0, **kwargs: Any) -> Operation:
    """An operation with (machine, minutes) modes, of a job of its own."""
    return Operation(
        id=identity,
        job=identity,
        modes=tuple(Mode(machine, work * MINUTE, setup * MINUTE) for machine, work in modes),
        **kwargs,
    )


def _problem(*operations: Operation, **kwargs: Any) -> Problem:
    kwargs.setdefault("machines", (Machine(id=1), Machine(id=2)))
    return Problem(
        now_ms=NOW,
        jobs=tuple(Job(id=one.job) for one in operations),
        operations=operations,
        **kwargs,
    )


def _minutes(plan: Plan) -> dict[int, tuple[int, float, float, float]]:
    """By operation: machine, and set-up, start, end in minutes after NOW."""
    return {
        each.operation: (
            each.machine,
            (each.setup_start_ms - NOW) / MINUTE,
            (each.start_ms - NOW) / MINUTE,
            (each.end_ms - NOW) / MINUTE,
        )
        for each in plan.assignments
    }


class TestTimes:
    """Each rule of the decoder on its smallest example."""

    def test_a_break_interrupts_work_and_set_up(self) -> None:
        # The machine stands from 60 to 90. Red runs 0-50; the change to blue takes 15: ten
        # minutes before the break, five after it; the work begins at 95.
        problem = _problem(
            _operation(1, (1, 50), family="red"),
            _operation(2, (1, 30), family="blue"),
            machines=(Machine(id=1, unavailable=breaks((60, 90)), family="red"),),
            setups=(SetupTime(1, "red", "blue", 15 * MINUTE),),
        )
        assert _minutes(decode(problem, [(1, 1), (2, 1)])) == {
            1: (1, 0, 0, 50),
            2: (1, 50, 95, 125),
        }

    def test_work_goes_on_after_the_break(self) -> None:
        problem = _problem(
            _operation(1, (1, 70)), machines=(Machine(id=1, unavailable=breaks((60, 90))),)
        )
        assert _minutes(decode(problem, [(1, 1)])) == {1: (1, 0, 0, 100)}

    def test_work_that_must_not_be_interrupted_waits_for_the_break_but_its_set_up_does_not(
        self,
    ) -> None:
        # 30 minutes no longer fit at 35 (free at 20, 15 of set-up): it starts after the break.
        # The set-up is as late as possible in working time: from 45 to 60.
        problem = _problem(
            _operation(1, (1, 20)),
            _operation(2, (1, 30), setup=15, interruptible=False),
            machines=(Machine(id=1, unavailable=breaks((60, 90))),),
        )
        assert _minutes(decode(problem, [(1, 1), (2, 1)]))[2] == (1, 45, 90, 120)

    def test_nothing_starts_in_a_break(self) -> None:
        problem = _problem(
            _operation(1, (1, 0), release_ms=at(70)),
            machines=(Machine(id=1, unavailable=breaks((60, 90))),),
        )
        assert _minutes(decode(problem, [(1, 1)])) == {1: (1, 90, 90, 90)}

    def test_the_set_up_does_not_wait_for_the_predecessor(self) -> None:
        # The first ends at 40, its pieces arrive at 50; the second is set up from 30 on.
        problem = _problem(
            _operation(1, (1, 40)),
            _operation(2, (2, 10), setup=20, after=(Precedence(1, 10 * MINUTE),)),
        )
        assert _minutes(decode(problem, [(1, 1), (2, 2)]))[2] == (2, 30, 50, 60)

    def test_a_machine_is_appended_to(self) -> None:
        # The third would fit before the second, which waits for its release; it goes behind it.
        problem = _problem(
            _operation(1, (1, 10)),
            _operation(2, (1, 10), release_ms=at(60)),
            _operation(3, (1, 10)),
        )
        assert _minutes(decode(problem, [(1, 1), (2, 1), (3, 1)]))[3] == (1, 70, 70, 80)

    def test_running_work_keeps_its_start_and_goes_on_when_its_machine_is_back(self) -> None:
        running = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-45))
        problem = _problem(
            _operation(1, (1, 20), pin=running, family="red"),
            _operation(2, (1, 10), setup=5, family="red"),
            machines=(Machine(id=1, unavailable=breaks((0, 30)), family="blue"),),
        )
        # 20 minutes are left, from 30 on. It is set up, and leaves its family behind.
        assert _minutes(decode(problem, [(1, 1), (2, 1)])) == {
            1: (1, -45, -45, 50),
            2: (1, 50, 50, 60),
        }

    def test_two_that_have_started_go_on_one_after_the_other(self) -> None:
        first = Pin(kind=PinKind.RUNNING, machine=1, place=0, started_ms=at(-10))
        second = Pin(kind=PinKind.RUNNING, machine=1, place=1, started_ms=at(-20))
        problem = _problem(_operation(1, (1, 15), pin=first), _operation(2, (1, 15), pin=second))
        assert _minutes(decode(problem, [(1, 1), (2, 1)])) == {
            1: (1, -10, -10, 15),
            2: (1, -20, -20, 30),
        }

    def test_work_has_not_started_in_the_future(self) -> None:
        # A machine's clock may be ahead of ours.
        running = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(1))
        problem = _problem(_operation(1, (1, 20), pin=running))
        assert _minutes(decode(problem, [(1, 1)])) == {1: (1, 0, 0, 20)}

    def test_running_work_waits_for_no_predecessor(self) -> None:
        pin = Pin(kind=PinKind.RUNNING, machine=2, started_ms=at(-10))
        problem = _problem(
            _operation(1, (1, 30)), _operation(2, (2, 5), pin=pin, after=(Precedence(1),))
        )
        assert _minutes(decode(problem, [(2, 2), (1, 1)]))[2] == (2, -10, -10, 5)

    def test_frozen_work_does_not_start_before_the_plan_in_force_starts_it(self) -> None:
        pin = Pin(kind=PinKind.FROZEN, machine=1)
        problem = _problem(_operation(1, (1, 30), pin=pin), baseline={1: Placed(1, at(8))})
        assert _minutes(decode(problem, [(1, 1)])) == {1: (1, 8, 8, 38)}

    def test_a_caller_may_hold_work_back(self) -> None:
        problem = _problem(_operation(1, (1, 30)))
        assert _minutes(decode(problem, [(1, 1)], not_before={1: at(12)}))[1] == (1, 12, 12, 42)


class TestRefusals:
    """A sequence that is none."""

    PROBLEM = _problem(
        _operation(1, (1, 10)),
        _operation(2, (1, 10), (2, 20), after=(Precedence(1),)),
        _operation(3, (2, 10), pin=Pin(kind=PinKind.FROZEN, machine=2, place=0)),
        _operation(4, (2, 10), pin=Pin(kind=PinKind.FROZEN, machine=2, place=1)),
        _operation(5, (2, 10)),
    )

    @pytest.mark.parametrize(
        ("sequence", "operation"),
        [
            ([(1, 1), (2, 1), (3, 2), (4, 2)], 5),
            ([(1, 1), (1, 1)], 1),
            ([(9, 1)], 9),
            ([(1, 2)], 1),
            ([(1, 77)], 1),
            ([(2, 1)], 2),
            ([(4, 2)], 4),
            ([(3, 2), (5, 2)], 5),
        ],
        ids=[
            "incomplete",
            "twice",
            "unknown",
            "not on that machine",
            "no such machine",
            "before its predecessor",
            "frozen work out of its order",
            "free work before frozen work",
        ],
    )
    def test_names_the_operation(self, sequence: list[tuple[int, int]], operation: int) -> None:
        with pytest.raises(DecodeError) as refusal:
            decode(self.PROBLEM, sequence)
        assert refusal.value.operation == operation

    @pytest.mark.parametrize(
        "wrong",
        [
            _operation(1, (77, 10)),
            _operation(1, (1, 10), after=(Precedence(77),)),
            _operation(1),
            _operation(1, (1, 10), pin=Pin(kind=PinKind.FROZEN, machine=2)),
        ],
        ids=["unknown machine", "unknown predecessor", "no machine", "pinned elsewhere"],
    )
    def test_a_problem_that_contradicts_itself_is_none(self, wrong: Operation) -> None:
        with pytest.raises(ProblemError) as refusal:
            decode(_problem(wrong), [(1, 1)])
        assert refusal.value.operation == 1

    def test_an_operation_that_is_there_twice_is_refused(self) -> None:
        twice = _operation(1, (1, 10))
        with pytest.raises(ProblemError, match="twice"):
            decode(_problem(twice, twice), [(1, 1)])


class TestAnySequence:
    """Whatever the sequence, the validator accepts the plan."""

    @given(seed=st.integers(0, 10**6), jobs=st.integers(1, 12), baseline=st.booleans())
    @settings(max_examples=200, deadline=None, derandomize=True)
    def test_decodes_to_a_valid_plan(self, *, seed: int, jobs: int, baseline: bool) -> None:
        problem = random_problem(seed, jobs=jobs, baseline=baseline)
        loose = random_plan(problem, seed)
        plan = decode(problem, sequence_of(loose, problem))
        assert violations(problem, loose) == []
        assert violations(problem, plan) == []
        # As early as can be: no operation is later than in the plan with the same sequence that
        # holds some of them back.
        held = {each.operation: each.end_ms for each in loose.assignments}
        assert all(each.end_ms <= held[each.operation] for each in plan.assignments)

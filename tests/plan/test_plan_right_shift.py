"""Right-shift: everything where it was, as late as it has to be."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import MINUTE, NOW, at, breaks, random_plan, random_problem

from domain.plan.decoder import DecodeError
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
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations


def _operation(
    identity: int,
    *modes: tuple[int, int],
    job: int | None = None,
    after: int | None = None,
    pin: Pin | None = None,
) -> Operation:
    return Operation(
        id=identity,
        job=identity if job is None else job,
        modes=tuple(Mode(machine, work * MINUTE) for machine, work in modes),
        after=() if after is None else (Precedence(after),),
        pin=pin,
    )


def _problem(
    *operations: Operation,
    baseline: dict[int, tuple[int, int]],
    machines: tuple[Machine, ...] = (Machine(id=1), Machine(id=2)),
    jobs: tuple[Job, ...] = (),
) -> Problem:
    told = {job.id for job in jobs}
    return Problem(
        now_ms=NOW,
        machines=machines,
        jobs=(*jobs, *(Job(id=one.job) for one in operations if one.job not in told)),
        operations=operations,
        baseline={
            operation: Placed(machine, at(start))
            for operation, (machine, start) in baseline.items()
        },
    )


def _starts(plan: Plan) -> dict[int, tuple[int, float]]:
    return {one.operation: (one.machine, (one.start_ms - NOW) / MINUTE) for one in plan.assignments}


def _behind_new(problem: Problem) -> set[int]:
    """New operations and all that comes after one."""
    behind = {one.id for one in problem.operations} - problem.baseline.keys()
    for _ in problem.operations:
        behind |= {
            one.id for one in problem.operations if behind & {each.operation for each in one.after}
        }
    return behind


class TestByHand:
    """What it does, one example each."""

    def test_without_a_disturbance_nothing_changes(self) -> None:
        problem = _problem(
            _operation(1, (1, 30)),
            _operation(2, (1, 30)),
            baseline={1: (1, 5), 2: (1, 60)},
        )
        # The second could start at 35. It is planned for 60, and stays there.
        assert _starts(right_shift(problem)) == {1: (1, 5), 2: (1, 60)}

    def test_a_machine_that_is_down_delays_what_is_on_it_and_behind_it(self) -> None:
        problem = _problem(
            _operation(1, (1, 30), job=1),
            _operation(2, (2, 30), job=1, after=1),
            _operation(3, (1, 30), (2, 30), job=3),
            _operation(4, (2, 10), job=4),
            baseline={1: (1, 0), 2: (2, 30), 3: (1, 30), 4: (2, 10)},
            machines=(Machine(id=1, unavailable=breaks((0, 120))), Machine(id=2)),
        )
        # 3 could go to machine 2. It stays: that is not right-shift's to decide.
        assert _starts(right_shift(problem)) == {1: (1, 120), 2: (2, 150), 3: (1, 150), 4: (2, 10)}

    def test_slack_in_the_plan_absorbs_the_delay(self) -> None:
        problem = _problem(
            _operation(1, (1, 30)),
            _operation(2, (1, 30)),
            baseline={1: (1, 0), 2: (1, 50)},
            machines=(Machine(id=1, unavailable=breaks((0, 20))), Machine(id=2)),
        )
        assert _starts(right_shift(problem)) == {1: (1, 20), 2: (1, 50)}

    def test_of_two_that_start_together_the_one_that_takes_no_time_was_first(self) -> None:
        problem = _problem(
            _operation(1, (1, 30)), _operation(2, (1, 0)), baseline={1: (1, 5), 2: (1, 5)}
        )
        assert _starts(right_shift(problem)) == {1: (1, 5), 2: (1, 5)}

    def test_new_work_comes_last_by_due_date_and_then_by_weight(self) -> None:
        problem = _problem(
            _operation(1, (1, 30)),
            _operation(2, (1, 10)),
            _operation(3, (1, 10)),
            _operation(4, (1, 10)),
            _operation(5, (1, 10)),
            baseline={1: (1, 0)},
            jobs=(
                Job(id=3, due_ms=at(90)),
                Job(id=4, due_ms=at(60)),
                Job(id=5, due_ms=at(90), weight=5),
            ),
        )
        # 4 is due first; of 3 and 5, 5 weighs more; nobody waits for 2.
        assert _starts(right_shift(problem)) == {
            1: (1, 0),
            4: (1, 30),
            5: (1, 40),
            3: (1, 50),
            2: (1, 60),
        }

    def test_new_work_goes_where_it_ends_first(self) -> None:
        problem = _problem(
            _operation(1, (1, 30)), _operation(2, (1, 10), (2, 35)), baseline={1: (1, 0)}
        )
        assert _starts(right_shift(problem))[2] == (2, 0)

    def test_work_whose_machine_can_do_it_no_more_goes_elsewhere_in_its_place(self) -> None:
        problem = _problem(
            _operation(1, (2, 30)),
            _operation(2, (2, 30)),
            baseline={1: (1, 10), 2: (2, 20)},
        )
        assert _starts(right_shift(problem)) == {1: (2, 10), 2: (2, 40)}

    def test_precedence_prevails_over_the_plan_in_force(self) -> None:
        problem = _problem(
            _operation(1, (1, 30), after=2),
            _operation(2, (2, 30)),
            baseline={1: (1, 0), 2: (2, 20)},
        )
        assert _starts(right_shift(problem)) == {2: (2, 20), 1: (1, 50)}

    def test_frozen_work_keeps_its_order_even_if_the_second_could_go_first(self) -> None:
        problem = _problem(
            _operation(1, (1, 30), pin=Pin(kind=PinKind.FROZEN, machine=1, place=0), after=3),
            _operation(2, (1, 30), pin=Pin(kind=PinKind.FROZEN, machine=1, place=1)),
            _operation(3, (2, 40), pin=Pin(kind=PinKind.RUNNING, machine=2, started_ms=at(-20))),
            _operation(4, (1, 5)),
            baseline={1: (1, 5), 2: (1, 35), 3: (2, -20), 4: (1, 1)},
        )
        # 4's start lies before that of the frozen ones; it comes behind them all the same.
        assert _starts(right_shift(problem)) == {3: (2, -20), 1: (1, 40), 2: (1, 70), 4: (1, 100)}

    def test_what_frozen_work_waits_for_goes_to_a_machine_that_does_not_wait_for_it(self) -> None:
        problem = _problem(
            _operation(1, (1, 30), (2, 60)),
            _operation(2, (1, 30), pin=Pin(kind=PinKind.FROZEN, machine=1), after=1),
            baseline={1: (1, 0), 2: (1, 5)},
        )
        assert _starts(right_shift(problem)) == {1: (2, 0), 2: (1, 60)}

    def test_a_contradiction_is_told(self) -> None:
        frozen = Pin(kind=PinKind.FROZEN, machine=1)
        behind = _problem(
            _operation(1, (1, 30)), _operation(2, (1, 30), pin=frozen, after=1), baseline={}
        )
        circle = _problem(
            _operation(1, (1, 30), after=2), _operation(2, (1, 30), after=1), baseline={}
        )
        with pytest.raises(DecodeError, match="operation 1 waits for one pinned behind it"):
            right_shift(behind)
        with pytest.raises(DecodeError, match="operation 1 waits for itself"):
            right_shift(circle)


class TestAnyProblem:
    """What holds of every right-shift."""

    @given(st.integers(0, 10**6), st.integers(1, 14))
    @settings(max_examples=200, deadline=None, derandomize=True)
    def test_it_is_valid_and_keeps_machines_sequence_and_starts(self, seed: int, jobs: int) -> None:
        problem = random_problem(seed, jobs=jobs)
        plan = right_shift(problem)
        assert violations(problem, plan) == []
        behind_new = _behind_new(problem)
        lanes: dict[int, list[int]] = {}
        for each in plan.assignments:
            before = problem.baseline.get(each.operation)
            if before is not None:
                assert each.machine == before.machine
                assert each.start_ms >= before.start_ms
                # What has got a new predecessor comes behind the new work: precedence prevails.
                if each.operation not in behind_new:
                    lanes.setdefault(each.machine, []).append(before.start_ms)
        assert all(lane == sorted(lane) for lane in lanes.values())

    @given(st.integers(0, 10**6))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_of_an_undisturbed_plan_it_is_that_plan(self, seed: int) -> None:
        fresh = random_problem(seed, baseline=False)
        plan = random_plan(fresh, seed)
        # Of two that take no time and start together nobody can tell which was first.
        empty = [each for each in plan.assignments if each.start_ms == each.end_ms]
        if len({(each.machine, each.start_ms) for each in empty}) < len(empty):
            return
        problem = msgspec.structs.replace(
            fresh,
            baseline={
                each.operation: Placed(each.machine, each.start_ms) for each in plan.assignments
            },
        )
        assert right_shift(problem) == plan

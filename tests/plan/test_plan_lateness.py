"""Why jobs are late: each cause by hand, and what holds of every chain."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import MINUTE, NOW, at, breaks, random_plan, random_problem

from domain.plan.decoder import decode
from domain.plan.lateness import LINKS, late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import LateCause
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Pin,
    PinKind,
    Precedence,
    Problem,
    ReleaseKind,
    Resource,
)

Link = tuple[int, str, int | None, float, float]


def _operation(identity: int, machine: int, work: int, **kwargs: Any) -> Operation:
    kwargs.setdefault("job", identity)
    setup = kwargs.pop("setup", 0)
    modes = (Mode(machine, work * MINUTE, setup * MINUTE),)
    return Operation(id=identity, modes=modes, **kwargs)


def _problem(
    *operations: Operation, due: dict[int, int], machines: tuple[Machine, ...] = ()
) -> Problem:
    jobs = sorted({one.job for one in operations})
    return Problem(
        now_ms=NOW,
        machines=machines or (Machine(id=1), Machine(id=2)),
        jobs=tuple(Job(id=job, due_ms=at(due[job]) if job in due else None) for job in jobs),
        operations=operations,
    )


def _chains(problem: Problem, held: dict[int, int] | None = None) -> dict[int, list[Link]]:
    """The chains of the plan in the operations' order: who, why, behind whom, since, how long."""
    sequence = [(one.id, one.modes[0].machine) for one in problem.operations]
    plan = decode(problem, sequence, not_before={key: at(it) for key, it in (held or {}).items()})
    return {one.job: [_link(cause) for cause in one.chain] for one in late_jobs(problem, plan)}


def _link(cause: LateCause) -> Link:
    assert cause.since_ms is not None
    since = (cause.since_ms - NOW) / MINUTE
    return cause.operation, cause.cause, cause.behind, since, cause.wait_ms / MINUTE


class TestCauses:
    """One cause each."""

    def test_nobody_is_late(self) -> None:
        assert _chains(_problem(_operation(1, 1, 30), due={1: 30})) == {}

    def test_the_work_takes_longer_than_there_is_time(self) -> None:
        problem = _problem(_operation(1, 1, 50, setup=10), due={1: 30})
        assert _chains(problem) == {1: [(1, "work", None, 0, 60)]}

    def test_its_machine_is_busy_with_other_work(self) -> None:
        problem = _problem(_operation(1, 1, 50), _operation(2, 1, 30), due={2: 60})
        assert _chains(problem) == {2: [(2, "machine_busy", 1, 0, 50), (1, "work", None, 0, 50)]}

    def test_its_predecessor_ends_late(self) -> None:
        # It arrives at 55; machine 2 is set up at 5.
        after = (Precedence(1, 5 * MINUTE),)
        problem = _problem(
            _operation(1, 1, 50), _operation(2, 2, 10, job=1, setup=5, after=after), due={1: 60}
        )
        assert _chains(problem) == {1: [(2, "predecessor", 1, 5, 50), (1, "work", None, 0, 50)]}

    def test_it_may_not_start_earlier(self) -> None:
        problem = _problem(_operation(1, 1, 30, release_ms=at(40)), due={1: 60})
        assert _chains(problem) == {1: [(1, "release", None, 0, 40)]}

    def test_its_predecessor_ended_before_its_release(self) -> None:
        later = _operation(2, 2, 10, job=1, after=(Precedence(1),), release_ms=at(40))
        problem = _problem(_operation(1, 1, 20), later, due={1: 45})
        assert _chains(problem) == {1: [(2, "release", None, 0, 40)]}

    def test_machine_and_predecessor_are_there_at_once_and_the_predecessor_is_told(self) -> None:
        problem = _problem(
            _operation(1, 1, 20),
            _operation(2, 2, 20),
            _operation(3, 2, 10, job=1, after=(Precedence(1),)),
            due={1: 25},
        )
        assert _chains(problem)[1][0] == (3, "predecessor", 1, 20, 0)

    def test_the_plan_starts_it_later_than_it_could(self) -> None:
        problem = _problem(_operation(1, 1, 30), due={1: 60})
        assert _chains(problem, {1: 45}) == {1: [(1, "held", None, 0, 45)]}

    def test_its_machine_does_not_work_yet(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((0, 40))),)
        problem = _problem(_operation(1, 1, 30, setup=5), due={1: 60}, machines=machines)
        assert _chains(problem) == {1: [(1, "unavailable", None, 0, 40)]}

    def test_its_machine_stops_in_its_work_and_the_longest_stop_is_told(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((10, 20), (30, 80))),)
        problem = _problem(_operation(1, 1, 30), due={1: 60}, machines=machines)
        assert _chains(problem) == {1: [(1, "unavailable", None, 30, 50)]}


Share = tuple[str, int | None, int | None, float]


def _shares(problem: Problem) -> dict[int, list[Share]]:
    """What each cause has of each job's delay: cause, whose, behind whom, minutes."""
    sequence = [(one.id, one.modes[0].machine) for one in problem.operations]
    return {
        one.job: [
            (share.cause, share.operation, share.behind, share.share_ms / MINUTE)
            for share in one.shares
        ]
        for one in late_jobs(problem, decode(problem, sequence))
    }


class TestShares:
    """Who has what of a delay."""

    def test_a_wait_has_all_of_it_when_there_was_no_slack(self) -> None:
        problem = _problem(_operation(1, 1, 50), _operation(2, 1, 30), due={2: 30})
        assert _shares(problem) == {2: [("machine_busy", 2, 1, 50)]}

    def test_slack_is_used_up_by_all_waits_in_proportion(self) -> None:
        # 40 behind the other, 20 in a break, 30 of work: due at 60, so half of the waits is delay.
        machines = (Machine(id=1, unavailable=breaks((40, 60))),)
        problem = _problem(
            _operation(1, 1, 40), _operation(2, 1, 30), due={2: 60}, machines=machines
        )
        assert _shares(problem) == {2: [("machine_busy", 2, 1, 20), ("unavailable", 2, None, 10)]}

    def test_work_that_takes_longer_than_there_is_time_is_told_apart_from_waits(self) -> None:
        problem = _problem(_operation(1, 1, 10), _operation(2, 1, 50, setup=5), due={2: 40})
        assert _shares(problem) == {
            2: [("machine_busy", 2, 1, 10), ("work", 2, None, 10), ("setup", 2, None, 5)]
        }

    def test_what_was_overdue_before_is_told_apart(self) -> None:
        problem = _problem(_operation(1, 1, 30), due={1: -60})
        assert _shares(problem) == {1: [("overdue", None, None, 60), ("work", 1, None, 30)]}

    def test_waits_of_predecessors_count_where_they_are(self) -> None:
        # The first step waits 50 for its machine; its pieces travel 5, and count as needed.
        after = (Precedence(2, 5 * MINUTE),)
        problem = _problem(
            _operation(1, 1, 50),
            _operation(2, 1, 10),
            _operation(3, 2, 10, job=2, after=after),
            due={2: 25},
        )
        assert _shares(problem) == {2: [("machine_busy", 2, 1, 50)]}

    def test_material_is_told_as_such(self) -> None:
        late = _operation(1, 1, 30, release_ms=at(40), release_kind=ReleaseKind.MATERIAL)
        problem = _problem(late, due={1: 50})
        assert _shares(problem) == {1: [("material", 1, None, 20)]}
        assert _chains(problem)[1][0][1] == "material"

    def test_a_tool_that_others_have_is_told_with_them(self) -> None:
        # Both need the one tool; the machines are free.
        need = (Need(1),)
        problem = msgspec.structs.replace(
            _problem(
                Operation(id=1, job=1, modes=(Mode(1, 50 * MINUTE, needs=need),)),
                Operation(id=2, job=2, modes=(Mode(2, 30 * MINUTE, needs=need),)),
                due={2: 30},
            ),
            resources=(Resource(id=1),),
        )
        assert _shares(problem) == {2: [("resource", 2, 1, 50)]}
        assert _chains(problem)[2][0] == (2, "resource", 1, 0, 50)


class TestChains:
    """Causes behind causes."""

    def test_busy_with_work_whose_machine_is_down(self) -> None:
        # The machine is down until 60. What is on it goes on then until 90, the next follows.
        running = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-30))
        machines = (Machine(id=1, unavailable=breaks((0, 60))),)
        problem = _problem(
            _operation(1, 1, 30, pin=running), _operation(2, 1, 20), due={2: 60}, machines=machines
        )
        assert _chains(problem) == {
            2: [(2, "machine_busy", 1, 0, 90), (1, "unavailable", None, 0, 60)]
        }

    def test_over_a_predecessor_on_another_machine(self) -> None:
        # 3 waits for 2, which waits for the machine behind 1, which machine 1's repair delays.
        machines = (Machine(id=1, unavailable=breaks((0, 60))), Machine(id=2))
        problem = _problem(
            _operation(1, 1, 30),
            _operation(2, 1, 30),
            _operation(3, 2, 10, job=2, after=(Precedence(2),)),
            due={2: 100},
            machines=machines,
        )
        assert _chains(problem) == {
            2: [
                (3, "predecessor", 2, 0, 120),
                (2, "machine_busy", 1, 0, 90),
                (1, "unavailable", None, 0, 60),
            ]
        }

    def test_a_break_and_then_what_was_before_it(self) -> None:
        # Busy until 30, on a break from 30 to 50.
        machines = (Machine(id=1, unavailable=breaks((30, 50))),)
        problem = _problem(
            _operation(1, 1, 30), _operation(2, 1, 20), due={2: 60}, machines=machines
        )
        assert _chains(problem) == {
            2: [
                (2, "unavailable", None, 30, 20),
                (2, "machine_busy", 1, 0, 30),
                (1, "work", None, 0, 30),
            ]
        }

    def test_the_set_up_behind_other_work_is_what_is_waited_for(self) -> None:
        # The machine is free at 10 and set up at 30; the pieces were there at 20.
        problem = _problem(
            _operation(1, 1, 10),
            _operation(2, 1, 30, setup=20, release_ms=at(20)),
            due={2: 40},
        )
        assert _chains(problem)[2][0] == (2, "machine_busy", 1, 20, 10)

    def test_two_that_have_started_on_one_machine(self) -> None:
        first = Pin(kind=PinKind.RUNNING, machine=1, place=0, started_ms=at(-10))
        second = Pin(kind=PinKind.RUNNING, machine=1, place=1, started_ms=at(-20))
        problem = _problem(
            _operation(1, 1, 15, pin=first), _operation(2, 1, 15, pin=second), due={2: 20}
        )
        assert _chains(problem) == {2: [(2, "machine_busy", 1, 0, 15), (1, "work", None, 0, 15)]}

    def test_a_long_chain_keeps_its_beginning_and_its_root(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((0, 60))),)
        problem = _problem(
            *(_operation(number, 1, 10) for number in range(1, 21)), due={20: 60}, machines=machines
        )
        chain = _chains(problem)[20]
        assert len(chain) == LINKS
        assert [link[0] for link in chain] == [20, 19, 18, 17, 16, 15, 14, 1]
        assert chain[-1] == (1, "unavailable", None, 0, 60)

    def test_many_long_chains_have_their_own_beginning_and_one_root(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((0, 60))),)
        operations = [_operation(number, 1, 10) for number in range(1, 41)]
        due = dict.fromkeys(range(1, 41), 0)
        found = _chains(_problem(*operations, due=due, machines=machines))
        for number in range(LINKS + 1, 41):
            chain = found[number]
            assert [link[0] for link in chain[:-1]] == [*range(number, number - LINKS + 1, -1)]
            assert chain[-1] == (1, "unavailable", None, 0, 60)

    def test_the_latest_job_comes_first(self) -> None:
        problem = _problem(
            _operation(1, 1, 50),
            _operation(2, 2, 50),
            _operation(3, 2, 30),
            due={1: 40, 2: 45, 3: 5},
        )
        assert list(_chains(problem)) == [3, 1, 2]


class TestAnyPlan:
    """What holds of every chain."""

    @given(st.integers(0, 10**6), st.integers(1, 12))
    @settings(max_examples=200, deadline=None, derandomize=True)
    def test_each_late_job_has_a_connected_chain(self, seed: int, jobs: int) -> None:
        problem = random_problem(seed, jobs=jobs)
        plan = random_plan(problem, seed)
        placed = {each.operation: each for each in plan.assignments}
        job_of = {one.id: one.job for one in problem.operations}
        late = late_jobs(problem, plan)
        assert len(late) == metrics(problem, plan).tardy_jobs
        for job in late:
            first = job.chain[0]
            assert job_of[first.operation] == job.job
            assert placed[first.operation].end_ms == job.end_ms > job.due_ms
            for link in job.chain:
                assert link.wait_ms >= 0
                assert link.machine == placed[link.operation].machine
                assert (link.behind is not None) == (link.cause in {"machine_busy", "predecessor"})
                if link.behind is not None:
                    assert placed[link.behind].end_ms <= placed[link.operation].end_ms
            assert sum(share.share_ms for share in job.shares) == job.end_ms - job.due_ms
            assert all(share.share_ms > 0 for share in job.shares)
            for link, following in zip(job.chain[: LINKS - 2], job.chain[1:], strict=False):
                assert following.operation in {link.operation, link.behind}
            assert late_jobs(problem, plan, only={job.job}) == (job,)

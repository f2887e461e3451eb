"""Resources, ovens, transfer batches, sites and dates of locks: small plans by hand, and many."""

from __future__ import annotations

import pytest
from plan_problems import MINUTE, NOW, at, breaks, random_plan, random_problem, sequence_of

from domain.plan.decoder import decode
from domain.plan.dispatch import RULES, dispatch
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.plan import Plan
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Overlap,
    Phase,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
    SetupTime,
    Shortfall,
    Transport,
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations

HALF = 30 * MINUTE


def _operation(
    name: int,
    *machines: int,
    minutes: int = 30,
    after: tuple[Precedence, ...] = (),
    needs: tuple[Need, ...] = (),
    setup: int = 0,
    pin: Pin | None = None,
    interruptible: bool = True,
    pieces: int = 1,
    units: int = 1,
    batch_family: str | None = None,
    release: int = 0,
) -> Operation:
    return Operation(
        id=name,
        job=1,
        modes=tuple(Mode(machine, minutes * MINUTE, setup * MINUTE, needs) for machine in machines),
        after=after,
        pin=pin,
        interruptible=interruptible,
        pieces=pieces,
        units=units,
        batch_family=batch_family,
        release_ms=at(release) if release else 0,
    )


def _problem(
    *operations: Operation,
    machines: tuple[Machine, ...] = (Machine(id=1), Machine(id=2), Machine(id=3)),
    resources: tuple[Resource, ...] = (),
    transports: tuple[Transport, ...] = (),
    baseline: dict[int, Placed] | None = None,
) -> Problem:
    return Problem(
        now_ms=NOW,
        machines=machines,
        jobs=(Job(id=1),),
        operations=operations,
        resources=resources,
        transports=transports,
        baseline=baseline or {},
    )


def _decoded(
    problem: Problem, *sequence: tuple[int, int], not_before: dict[int, int] | None = None
) -> dict[int, tuple[float, float, float]]:
    """Set-up start, start and end of each operation, in minutes after now; a valid plan."""
    plan = decode(problem, sequence, not_before=not_before)
    assert violations(problem, plan) == []
    return _minutes(plan)


def _minutes(plan: Plan) -> dict[int, tuple[float, float, float]]:
    return {
        each.operation: (
            (each.setup_start_ms - NOW) / MINUTE,
            (each.start_ms - NOW) / MINUTE,
            (each.end_ms - NOW) / MINUTE,
        )
        for each in plan.assignments
    }


class TestResources:
    def test_one_tool_is_used_by_one_operation_at_a_time(self) -> None:
        problem = _problem(
            _operation(1, 1, needs=(Need(7),)),
            _operation(2, 2, needs=(Need(7),)),
            resources=(Resource(id=7),),
        )
        assert _decoded(problem, (1, 1), (2, 2)) == {1: (0, 0, 30), 2: (30, 30, 60)}

    def test_a_gap_before_others_is_used(self) -> None:
        problem = _problem(
            _operation(1, 1, needs=(Need(7),)),
            _operation(2, 2, needs=(Need(7),)),
            resources=(Resource(id=7),),
        )
        found = _decoded(problem, (1, 1), (2, 2), not_before={1: at(40)})
        assert found == {1: (40, 40, 70), 2: (0, 0, 30)}

    def test_people_work_elsewhere_while_the_machine_has_a_break_and_tools_stay(self) -> None:
        for kind, start in ((ResourceKind.OPERATOR, 10), (ResourceKind.TOOL, 40)):
            problem = _problem(
                _operation(1, 1, needs=(Need(7),), minutes=20),
                _operation(2, 2, needs=(Need(7),), minutes=15),
                machines=(Machine(id=1, unavailable=breaks((10, 30))), Machine(id=2)),
                resources=(Resource(id=7, kind=kind),),
            )
            found = _decoded(problem, (1, 1), (2, 2))
            assert found == {1: (0, 0, 40), 2: (start, start, start + 15)}

    def test_its_absence_is_a_break_for_who_needs_it(self) -> None:
        problem = _problem(
            _operation(1, 1, needs=(Need(7, phase=Phase.RUN),)),
            _operation(2, 2, needs=(Need(7, phase=Phase.RUN),), interruptible=False),
            resources=(Resource(id=7, capacity=2, unavailable=breaks((20, 50))),),
        )
        assert _decoded(problem, (1, 1), (2, 2)) == {1: (0, 0, 60), 2: (50, 50, 80)}

    def test_who_is_missing_leaves_too_few_for_what_needs_more(self) -> None:
        away = Shortfall(start_ms=at(10), end_ms=at(50), units=1)
        problem = _problem(
            _operation(1, 1, needs=(Need(7, 1),)),
            _operation(2, 2, needs=(Need(7, 2),)),
            resources=(Resource(id=7, capacity=2, short=(away,)),),
        )
        assert _decoded(problem, (1, 1), (2, 2)) == {1: (0, 0, 30), 2: (50, 50, 80)}

    def test_who_sets_up_is_free_while_it_runs(self) -> None:
        setter = (Need(7, phase=Phase.SETUP),)
        problem = _problem(
            _operation(1, 1, setup=10, needs=setter),
            _operation(2, 2, setup=10, needs=setter),
            resources=(Resource(id=7, kind=ResourceKind.OPERATOR),),
        )
        assert _decoded(problem, (1, 1), (2, 2)) == {1: (0, 10, 40), 2: (10, 20, 50)}

    def test_set_up_waits_for_the_shift_of_who_sets_up(self) -> None:
        problem = _problem(
            _operation(1, 1, setup=10, needs=(Need(7, phase=Phase.SETUP),)),
            resources=(Resource(id=7, unavailable=breaks((5, 25))),),
        )
        assert _decoded(problem, (1, 1)) == {1: (0, 30, 60)}

    def test_what_runs_goes_on_whether_or_not_there_is_enough(self) -> None:
        runs = [Pin(kind=PinKind.RUNNING, machine=one, started_ms=at(-5)) for one in (1, 2)]
        problem = _problem(
            _operation(1, 1, needs=(Need(7),), pin=runs[0]),
            _operation(2, 2, needs=(Need(7),), pin=runs[1]),
            _operation(3, 3, needs=(Need(7),)),
            resources=(Resource(id=7),),
        )
        found = _decoded(problem, (1, 1), (2, 2), (3, 3))
        assert found == {1: (-5, -5, 30), 2: (-5, -5, 30), 3: (30, 30, 60)}

    def test_a_machine_that_needs_more_than_there_is_is_no_choice(self) -> None:
        needy = Mode(1, HALF, 0, (Need(7, 2),))
        operation = Operation(id=1, job=1, modes=(needy, Mode(2, HALF)))
        problem = _problem(operation, resources=(Resource(id=7),))
        assert [mode[0] for mode in Indexed(problem).modes[0]] == [1]
        with pytest.raises(ProblemError, match="needs more than there is"):
            Indexed(_problem(_operation(1, 1, needs=(Need(7, 2),)), resources=(Resource(id=7),)))


class TestOvens:
    OVEN = (Machine(id=1, batch_units=3), Machine(id=2))

    def test_what_is_alike_shares_the_oven_while_there_is_room(self) -> None:
        problem = _problem(
            *(_operation(name, 1, setup=5, batch_family="hot", units=1) for name in (1, 2, 3, 4)),
            machines=self.OVEN,
        )
        found = _decoded(problem, (1, 1), (2, 1), (3, 1), (4, 1))
        assert found == dict.fromkeys((1, 2, 3), (0, 5, 35)) | {4: (35, 40, 70)}

    def test_what_takes_longer_or_is_late_does_not_join(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot"),
            _operation(2, 1, batch_family="hot", minutes=40),
            _operation(3, 1, batch_family="hot", release=50),
            machines=self.OVEN,
        )
        found = _decoded(problem, (1, 1), (2, 1), (3, 1))
        assert found == {1: (0, 0, 30), 2: (30, 30, 70), 3: (70, 70, 100)}

    def test_a_batch_waits_and_takes_as_long_as_its_longest(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot", minutes=20),
            _operation(2, 1, batch_family="hot", minutes=40),
            _operation(3, 1, batch_family="hot", release=50),
            machines=self.OVEN,
        )
        found = _decoded(problem, (2, 1), (1, 1), (3, 1), not_before={2: at(50)})
        assert found == dict.fromkeys((1, 2, 3), (50, 50, 90))

    def test_another_kind_waits(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot"),
            _operation(2, 1, batch_family="cold"),
            _operation(3, 1),
            machines=self.OVEN,
        )
        found = _decoded(problem, (1, 1), (2, 1), (3, 1))
        assert [found[name][1] for name in (1, 2, 3)] == [0, 30, 60]

    def test_what_went_in_together_comes_out_together(self) -> None:
        pin = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-10))
        problem = _problem(
            _operation(1, 1, batch_family="hot", minutes=5, pin=pin),
            _operation(2, 1, batch_family="hot", minutes=20, pin=pin),
            _operation(3, 1, batch_family="hot"),
            machines=self.OVEN,
        )
        found = _decoded(problem, (2, 1), (1, 1), (3, 1))
        assert found == {1: (-10, -10, 20), 2: (-10, -10, 20), 3: (20, 20, 50)}

    def test_dispatching_fills_the_oven_with_what_is_there(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot", minutes=20),
            _operation(2, 1, batch_family="hot", minutes=30),
            _operation(3, 1, batch_family="hot", minutes=25),
            machines=self.OVEN,
        )
        for rule in RULES:
            plan = dispatch(problem, rule)
            assert violations(problem, plan) == []
            assert _minutes(plan) == dict.fromkeys((1, 2, 3), (0, 0, 30))

    def test_right_shift_keeps_batches(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot", minutes=20),
            _operation(2, 1, batch_family="hot", minutes=30),
            machines=self.OVEN,
            baseline={1: Placed(1, at(40)), 2: Placed(1, at(40))},
        )
        assert _minutes(right_shift(problem)) == dict.fromkeys((1, 2), (40, 40, 70))

    def test_right_shift_lets_a_batch_wait_for_what_is_late(self) -> None:
        problem = _problem(
            _operation(1, 1, batch_family="hot", minutes=30),
            _operation(2, 2, minutes=70),
            _operation(3, 1, batch_family="hot", minutes=20, after=(Precedence(2),)),
            _operation(4, 1),
            machines=self.OVEN,
            baseline={
                1: Placed(1, at(40)),
                2: Placed(2, at(0)),
                3: Placed(1, at(40)),
                4: Placed(1, at(70)),
            },
        )
        shifted = right_shift(problem)
        assert violations(problem, shifted) == []
        assert _minutes(shifted) == {
            1: (70, 70, 100),
            2: (0, 0, 70),
            3: (70, 70, 100),
            4: (100, 100, 130),
        }


class TestTransferBatches:
    def test_the_follower_starts_with_the_first_batch(self) -> None:
        link = Precedence(1, 5 * MINUTE, Overlap(2, 2))
        problem = _problem(
            _operation(1, 1, minutes=100, pieces=10),
            _operation(2, 2, minutes=100, pieces=10, after=(link,)),
        )
        found = _decoded(problem, (1, 1), (2, 2))
        # Two of ten pieces take 20 minutes, and 5 on their way; the last two come at 105.
        assert found[2] == (25, 25, 125)

    def test_a_faster_follower_waits_so_that_it_ends_behind_the_last_batch(self) -> None:
        link = Precedence(1, 0, Overlap(2, 2))
        problem = _problem(
            _operation(1, 1, minutes=100, pieces=10),
            _operation(2, 2, minutes=50, pieces=10, after=(link,)),
        )
        # The last two of ten come at 100 and take it 10: it ends at 110.
        assert _decoded(problem, (1, 1), (2, 2))[2] == (60, 60, 110)

    def test_pieces_that_have_come_need_not_come_again(self) -> None:
        pin = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-50))
        link = Precedence(1, 0, Overlap(0, 1))
        problem = _problem(
            _operation(1, 1, minutes=20, pieces=4, pin=pin),
            _operation(2, 2, minutes=100, pieces=10, after=(link,)),
        )
        assert _decoded(problem, (1, 1), (2, 2))[2] == (0, 0, 100)

    def test_breaks_count_on_both_machines(self) -> None:
        link = Precedence(1, 0, Overlap(1, 1))
        problem = _problem(
            _operation(1, 1, minutes=20, pieces=2),
            _operation(2, 2, minutes=20, pieces=2, after=(link,)),
            machines=(
                Machine(id=1, unavailable=breaks((5, 15))),
                Machine(id=2, unavailable=breaks((25, 45))),
            ),
        )
        # The first piece comes at 20, the second at 30, while machine 2 has its break.
        assert _decoded(problem, (1, 1), (2, 2))[2] == (20, 20, 60)

    def test_an_oven_is_filled_at_once(self) -> None:
        link = Precedence(1, 0, Overlap(1, 1))
        problem = _problem(
            _operation(1, 1, pieces=2),
            _operation(2, 2, pieces=2, after=(link,)),
            machines=(Machine(id=1), Machine(id=2, batch_units=5)),
        )
        assert _decoded(problem, (1, 1), (2, 2))[2] == (30, 30, 60)


class TestSitesAndLocks:
    def test_pieces_travel_between_sites(self) -> None:
        problem = _problem(
            _operation(1, 1),
            _operation(2, 2, 3, after=(Precedence(1, 5 * MINUTE),)),
            machines=(Machine(id=1, site=1), Machine(id=2, site=1), Machine(id=3, site=2)),
            transports=(Transport(1, 2, HALF),),
        )
        assert _decoded(problem, (1, 1), (2, 2))[2] == (35, 35, 65)
        assert _decoded(problem, (1, 1), (2, 3))[2] == (65, 65, 95)

    def test_a_lock_names_a_date(self) -> None:
        lock = Pin(kind=PinKind.LOCKED, machine=1, not_before_ms=at(20))
        assert _decoded(_problem(_operation(1, 1, 2, pin=lock)), (1, 1))[1] == (20, 20, 50)

    def test_locks_name_turns_and_let_others_between(self) -> None:
        locks = [Pin(kind=PinKind.LOCKED, machine=1, turn=turn) for turn in (2, 1)]
        problem = _problem(
            _operation(1, 1, minutes=10, pin=locks[0]),
            _operation(2, 1, minutes=60, pin=locks[1]),
            _operation(3, 1),
        )
        assert Indexed(problem).plain
        found = _decoded(problem, (2, 1), (3, 1), (1, 1))
        assert [found[name][1] for name in (2, 3, 1)] == [0, 60, 90]
        for rule in RULES:
            assert violations(problem, dispatch(problem, rule)) == []

    def test_a_locked_operation_has_no_other_machine(self) -> None:
        lock = Pin(kind=PinKind.LOCKED, machine=2)
        assert [way[0] for way in Indexed(_problem(_operation(1, 1, 2, pin=lock))).modes[0]] == [1]


SEEDS = range(25)


class TestRandom:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_whatever_makes_a_plan_makes_a_valid_one(self, seed: int) -> None:
        problem = random_problem(seed, jobs=9, rich=True)
        indexed = Indexed(problem)
        assert not indexed.plain
        shifted = right_shift(problem, indexed=indexed)
        assert violations(problem, shifted) == []
        for rule in RULES:
            plan = dispatch(problem, rule, indexed=indexed, shifted=shifted)
            assert violations(problem, plan) == [], rule.name

    @pytest.mark.parametrize("seed", SEEDS)
    def test_what_does_not_wait_is_decoded_to_itself(self, seed: int) -> None:
        """A plan of a fresh shop, with its starts, is what the decoder makes of its sequence."""
        problem = random_problem(seed, jobs=9, rich=True, baseline=False)
        plan = random_plan(problem, seed)
        starts = {each.operation: each.start_ms for each in plan.assignments}
        again = decode(problem, sequence_of(plan, problem), not_before=starts)
        assert violations(problem, again) == []
        assert {each.operation: each for each in again.assignments} == {
            each.operation: each for each in plan.assignments
        }

    def test_a_problem_without_anything_of_it_is_plain(self) -> None:
        assert Indexed(random_problem(1)).plain


def test_the_matrix_is_asked_once_for_a_batch() -> None:
    problem = Problem(
        now_ms=NOW,
        machines=(Machine(id=1, family="red", batch_units=2),),
        jobs=(Job(id=1),),
        operations=tuple(
            Operation(id=name, job=1, modes=(Mode(1, HALF),), family="blue", batch_family="hot")
            for name in (1, 2)
        ),
        setups=(SetupTime(1, "red", "blue", 10 * MINUTE), SetupTime(1, "blue", "blue", MINUTE)),
    )
    found = _decoded(problem, (1, 1), (2, 1))
    assert found == dict.fromkeys((1, 2), (0, 10, 40))

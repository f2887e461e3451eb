"""Changes that somebody thinks of: what each makes of a problem, and what it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import HOUR, MINUTE, NOW, at, breaks, random_problem

from contracts.new_work import NewStep, NewWay, NewWork
from contracts.what_if import (
    Change,
    MachineDown,
    MaterialAt,
    MoreOfResource,
    Move,
    OrderAdded,
    OrderDue,
    OrderRaised,
    OrderRemoved,
    Overtime,
    PolicyInstead,
    ResourceAway,
    Split,
)
from domain.plan.indexed import ProblemError
from domain.plan.plan import Assignment, Plan
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Overlap,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
)
from domain.plan.right_shift import right_shift
from domain.plan.rush import rush_prices
from domain.plan.validator import violations
from domain.plan.what_if import ChangeError, WhatIf, applied

ORDERS = {7: (1,), 8: (2,), 9: (2, 3)}


def problem(**changes: Any) -> Problem:
    """Three jobs on one machine, half an hour each, in their order; a second machine for 2."""
    modes = {
        1: (Mode(1, 30 * MINUTE),),
        2: (Mode(1, 30 * MINUTE), Mode(2, 60 * MINUTE)),
        3: (Mode(1, 30 * MINUTE),),
    }
    made = Problem(
        now_ms=NOW,
        machines=(Machine(id=1), Machine(id=2)),
        jobs=tuple(Job(id=job, due_ms=at(60), weight=2, priority_class=1) for job in modes),
        operations=tuple(Operation(id=job, job=job, modes=ways) for job, ways in modes.items()),
        baseline={job: Placed(1, at(30 * (job - 1))) for job in modes},
    )
    return msgspec.structs.replace(made, **changes)


def shifted(thought: WhatIf) -> dict[int, Assignment]:
    """Where right-shift puts everything from where it was moved to."""
    plan = right_shift(msgspec.structs.replace(thought.problem, baseline=dict(thought.start)))
    assert violations(thought.problem, plan) == []
    return {each.operation: each for each in plan.assignments}


def starts(thought: WhatIf) -> dict[int, tuple[int, float]]:
    """By operation: its machine, and when it starts in minutes from now."""
    return {
        id_: (each.machine, (each.start_ms - NOW) / MINUTE)
        for id_, each in shifted(thought).items()
    }


class TestMachines:
    def test_one_that_stands_still_is_assumed(self) -> None:
        change = MachineDown(machine=1, from_ms=at(-30), until_ms=at(20))
        thought = applied(problem(), [change], orders=ORDERS)
        assert thought.problem.machines[0].unavailable == (Interval(NOW, at(20)),)
        assert thought.assumed == (0,)
        assert starts(thought)[1] == (1, 20)

    def test_what_is_frozen_where_it_cannot_begin_goes_elsewhere(self) -> None:
        operations = tuple(
            msgspec.structs.replace(
                each,
                modes=(Mode(1, 30 * MINUTE),),
                pin=Pin(kind=PinKind.FROZEN, machine=1, place=each.id),
            )
            for each in problem().operations[:2]
        )
        made = problem(operations=(*operations, problem().operations[2]))
        modes = {2: (Mode(1, 30 * MINUTE), Mode(2, 60 * MINUTE))}
        change = MachineDown(machine=1, from_ms=at(30), until_ms=at(400))
        thought = applied(made, [change], orders=ORDERS, modes=modes)
        first, second, _ = thought.problem.operations
        assert (first.pin, second.pin) == (operations[0].pin, None)
        assert second.modes == modes[2]

    def test_overtime_opens_what_is_closed(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((0, 60), (90, 120))), Machine(id=2))
        change = Overtime(machine=1, from_ms=at(20), until_ms=at(100))
        thought = applied(problem(machines=machines), [change], orders=ORDERS)
        assert thought.problem.machines[0].unavailable == breaks((0, 20), (100, 120))
        assert thought.assumed == (0,)

    @pytest.mark.parametrize("kind", [MachineDown, Overtime])
    def test_what_is_so_already_is_not_assumed(self, kind: type[MachineDown | Overtime]) -> None:
        closed = breaks((0, 60)) if kind is MachineDown else ()
        machines = (Machine(id=1, unavailable=closed), Machine(id=2))
        change = kind(machine=1, from_ms=at(10), until_ms=at(50))
        thought = applied(problem(machines=machines), [change], orders=ORDERS)
        assert thought.assumed == ()


class TestMoves:
    def test_to_another_machine_and_time(self) -> None:
        change = Move(operation=2, machine=2, start_ms=at(45))
        thought = applied(problem(), [change], orders=ORDERS)
        assert thought.assumed == ()
        assert thought.moved == (2,)
        assert starts(thought) == {1: (1, 0), 2: (2, 45), 3: (1, 60)}

    def test_before_another_one(self) -> None:
        thought = applied(problem(), [Move(operation=3, machine=1, before=1)], orders=ORDERS)
        assert starts(thought) == {3: (1, 0), 1: (1, 30), 2: (1, 60)}

    def test_before_what_is_frozen(self) -> None:
        frozen = tuple(
            msgspec.structs.replace(
                each, pin=Pin(kind=PinKind.FROZEN, machine=1, place=each.id), modes=each.modes[:1]
            )
            if each.id < 3
            else each
            for each in problem().operations
        )
        change = Move(operation=3, machine=1, before=2)
        thought = applied(problem(operations=frozen), [change], orders=ORDERS)
        assert starts(thought) == {1: (1, 0), 3: (1, 30), 2: (1, 60)}

    def test_of_what_is_frozen_to_a_machine_that_could_do_it_as_well(self) -> None:
        first, second, third = problem().operations
        frozen = msgspec.structs.replace(
            second, pin=Pin(kind=PinKind.FROZEN, machine=1), modes=second.modes[:1]
        )
        made = problem(operations=(first, frozen, third))
        change = Move(operation=2, machine=2, start_ms=at(5))
        with pytest.raises(ChangeError, match="no_mode"):
            applied(made, [change], orders=ORDERS)
        thought = applied(made, [change], orders=ORDERS, modes={2: second.modes})
        assert starts(thought)[2] == (2, 5)

    def test_from_one_machine_to_another_and_back(self) -> None:
        changes = [
            Move(operation=2, machine=2, start_ms=at(5)),
            Move(operation=2, machine=1, start_ms=at(95)),
        ]
        assert starts(applied(problem(), changes, orders=ORDERS))[2] == (1, 95)

    def test_the_last_place_counts(self) -> None:
        changes = [
            Move(operation=3, machine=1, start_ms=at(90)),
            Move(operation=3, machine=1, start_ms=at(75)),
        ]
        assert starts(applied(problem(), changes, orders=ORDERS))[3] == (1, 75)


class TestOrders:
    def test_one_that_is_raised_weighs_more_and_is_decided(self) -> None:
        thought = applied(problem(), [OrderRaised(order=8, priority=9)], orders=ORDERS)
        raised = thought.problem.jobs[1]
        assert (raised.weight, raised.priority_class) == (10, 9)
        assert thought.assumed == ()

    def test_of_one_that_is_removed_stays_what_others_wait_for(self) -> None:
        thought = applied(problem(), [OrderRemoved(order=9)], orders=ORDERS)
        assert [each.id for each in thought.problem.operations] == [1, 2]
        assert [each.id for each in thought.problem.jobs] == [1, 2]
        assert thought.assumed == (0,)

    def test_one_that_is_gone_already_is_not_assumed(self) -> None:
        assert applied(problem(), [OrderRemoved(order=77)], orders=ORDERS).assumed == ()

    def test_one_that_is_added_where_nothing_is_planned(self) -> None:
        step = NewStep(number=10, ways=(NewWay(machine=1, cycle_ms=10 * MINUTE),))
        change = OrderAdded(name="first", works=(NewWork(item="part", steps=(step,)),))
        thought = applied(problem(jobs=(), operations=(), baseline={}), [change], orders={})
        assert starts(thought) == {-1: (1, 0)}
        found = rush_prices(thought.problem, thought.added_jobs["first"], due_ms=None, from_ms=NOW)
        assert (found.waiting.end_ms, found.waiting.cost) == (at(10), 0)

    def test_one_that_is_added_is_made_in_order(self) -> None:
        def step(number: int, machine: int) -> NewStep:
            return NewStep(number=number, ways=(NewWay(machine=machine, cycle_ms=10 * MINUTE),))

        part = NewWork(item="part", steps=(step(10, 2),))
        whole = NewWork(item="whole", steps=(step(10, 1), step(20, 2)), after=(0,))
        change = OrderAdded(name="rush", works=(part, whole), priority=9, due_ms=at(50))
        thought = applied(problem(), [change], orders=ORDERS)
        assert thought.assumed == (0,)
        assert {each.item for each in thought.added.values()} == {"part", "whole"}
        assert len(thought.added_jobs["rush"]) == 2
        assert all(id_ < 0 for id_ in thought.added)
        placed = shifted(thought)
        by_name = {(one.item, one.number): placed[id_] for id_, one in thought.added.items()}
        assert by_name["part", 10].end_ms <= by_name["whole", 10].start_ms
        assert by_name["whole", 10].end_ms <= by_name["whole", 20].start_ms
        jobs = {job.id: job for job in thought.problem.jobs}
        assert all(jobs[job].due_ms == at(50) for job in thought.added_jobs["rush"])


class TestTheRest:
    def test_material_that_comes_later(self) -> None:
        thought = applied(problem(), [MaterialAt(operation=1, at_ms=at(40))], orders=ORDERS)
        assert starts(thought)[1] == (1, 40)
        assert thought.assumed == (0,)
        assert (
            applied(problem(), [MaterialAt(operation=1, at_ms=at(-5))], orders=ORDERS).assumed == ()
        )

    def test_another_policy(self) -> None:
        thought = applied(problem(), [PolicyInstead(fields={"setup": 7})], orders=ORDERS)
        assert thought.problem.policy.setup == 7
        assert thought.assumed == ()

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (Move(operation=9, machine=1, start_ms=NOW), "unknown_operation"),
            (Move(operation=1, machine=2, start_ms=NOW), "no_mode"),
            (Move(operation=3, machine=1, before=9), "unknown_operation"),
            (Move(operation=2, machine=2, before=1), "not_there"),
            (Move(operation=1, machine=1, before=1), "not_there"),
            (MachineDown(machine=9, from_ms=NOW, until_ms=at(1)), "unknown_machine"),
            (MachineDown(machine=1, from_ms=at(-9), until_ms=at(-5)), "empty_span"),
            (OrderRaised(order=77, priority=1), "unknown_order"),
            (OrderAdded(name="x", works=()), "no_steps"),
            (OrderAdded(name="x", works=(NewWork(item="x", steps=()),)), "no_steps"),
            (
                OrderAdded(
                    name="x",
                    works=(
                        NewWork(
                            item="x",
                            steps=(NewStep(number=1, ways=(NewWay(machine=9, cycle_ms=1),)),),
                        ),
                    ),
                ),
                "no_mode",
            ),
            (PolicyInstead(fields={"nothing": 1}), "policy"),
        ],
    )
    def test_what_cannot_be_is_told(self, change: Change, code: str) -> None:
        with pytest.raises(ChangeError) as caught:
            applied(problem(), [PolicyInstead(fields={"setup": 2}), change], orders=ORDERS)
        assert (caught.value.index, caught.value.code) == (1, code)

    def test_what_runs_stays(self) -> None:
        first, *others = problem().operations
        running = msgspec.structs.replace(
            first, pin=Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-5))
        )
        there = problem(operations=(running, *others))
        with pytest.raises(ChangeError, match="running"):
            applied(there, [Move(operation=1, machine=1, start_ms=at(5))], orders=ORDERS)
        with pytest.raises(ChangeError, match="pinned_there"):
            applied(there, [Move(operation=2, machine=1, before=1)], orders=ORDERS)
        assert applied(there, [OrderRemoved(order=7)], orders=ORDERS).problem == there


def crew(**more: Any) -> Problem:
    """Operations 1 and 2 on a machine each, both with one of one welder; 2 comes behind."""
    need = (Need(1),)
    return problem(
        operations=(
            Operation(id=1, job=1, modes=(Mode(1, 30 * MINUTE, needs=need),)),
            Operation(id=2, job=2, modes=(Mode(2, 30 * MINUTE, needs=need),)),
        ),
        jobs=(Job(id=1), Job(id=2)),
        baseline={1: Placed(1, NOW), 2: Placed(2, NOW)},
        resources=(
            Resource(id=1, kind=ResourceKind.OPERATOR, skill="fitter / welder"),
            Resource(id=2, kind=ResourceKind.OPERATOR, skill="welder"),
            Resource(id=3, kind=ResourceKind.OPERATOR, skill="painter"),
        ),
        **more,
    )


class TestPeople:
    def test_one_more_for_a_time_is_counted_wherever_the_skill_is(self) -> None:
        change = MoreOfResource(resource="welder", from_ms=NOW, until_ms=at(45))
        thought = applied(crew(), [change], orders=ORDERS)
        assert [each.capacity for each in thought.problem.resources] == [2, 2, 1]
        assert thought.assumed == (0,)
        # From 45 minutes on there is one again: the first one is over by then.
        assert starts(thought) == {1: (1, 0), 2: (2, 0)}

    def test_outside_of_the_time_nobody_is_more(self) -> None:
        change = MoreOfResource(resource="welder", from_ms=NOW, until_ms=at(20))
        assert starts(applied(crew(), [change], orders=ORDERS))[2] == (2, 30)

    def test_while_the_others_are_away_those_who_come_are_there(self) -> None:
        away = Resource(
            id=1, kind=ResourceKind.OPERATOR, skill="welder", unavailable=breaks((0, 120))
        )
        made = msgspec.structs.replace(crew(), resources=(away,))
        change = MoreOfResource(resource="welder", from_ms=at(10), until_ms=at(90))
        assert starts(applied(made, [change], orders=ORDERS)) == {1: (1, 10), 2: (2, 40)}

    def test_who_is_away_is_assumed_where_nobody_told(self) -> None:
        change = ResourceAway(resource=7, from_ms=NOW, until_ms=at(9))
        assert applied(crew(), [change], orders=ORDERS, away=[0]).assumed == (0,)
        assert applied(crew(), [change], orders=ORDERS).assumed == ()

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (MoreOfResource(resource="cook", from_ms=NOW, until_ms=at(9)), "unknown_resource"),
            (MoreOfResource(resource="painter", from_ms=at(-9), until_ms=NOW), "empty_span"),
            (ResourceAway(resource=7, from_ms=at(-9), until_ms=NOW), "empty_span"),
        ],
    )
    def test_what_cannot_be_is_told(self, change: Change, code: str) -> None:
        with pytest.raises(ChangeError, match=code):
            applied(crew(), [change], orders=ORDERS)

    def test_of_several_sites_one_has_to_be_named(self) -> None:
        here, there = (
            Resource(id=site, kind=ResourceKind.OPERATOR, skill="welder", site=site)
            for site in (1, 2)
        )
        made = msgspec.structs.replace(crew(), resources=(here, there))
        change = MoreOfResource(resource="welder", from_ms=NOW, until_ms=at(9))
        with pytest.raises(ChangeError, match="several_sites"):
            applied(made, [change], orders=ORDERS)
        named = msgspec.structs.replace(change, site=2)
        found = applied(made, [named], orders=ORDERS).problem.resources
        assert [each.capacity for each in found] == [1, 2]


class TestSplits:
    def made(self, **more: Any) -> Problem:
        """Operation 1 of ten pieces could be done on both machines; 3 comes behind it."""
        whole = Operation(
            id=1, job=1, modes=(Mode(1, 60 * MINUTE), Mode(2, 30 * MINUTE)), pieces=10, **more
        )
        behind = Operation(
            id=3, job=1, modes=(Mode(1, 10 * MINUTE),), after=(Precedence(1, lag_ms=MINUTE),)
        )
        return problem(
            operations=(whole, behind),
            jobs=(Job(id=1),),
            baseline={1: Placed(1, NOW), 3: Placed(1, at(10))},
        )

    def test_both_machines_take_about_as_long_and_what_follows_waits_for_both(self) -> None:
        thought = applied(self.made(), [Split(operation=1, machine=2)], orders=ORDERS)
        assert (dict(thought.parts), thought.assumed) == ({-1: 1}, (0,))
        pieces = {each.id: each.pieces for each in thought.problem.operations}
        assert pieces == {-1: 6, 1: 4, 3: 1}
        placed = shifted(thought)
        assert (placed[1].end_ms, placed[-1].end_ms) == (at(24), at(18))
        assert placed[3].start_ms == at(25)

    def test_batches_go_on_with_what_is_left(self) -> None:
        made = self.made()
        first, behind = made.operations
        link = Precedence(1, overlap=Overlap(first=8, last=1))
        made = msgspec.structs.replace(
            made, operations=(first, msgspec.structs.replace(behind, after=(link,)))
        )
        thought = applied(made, [Split(operation=1, machine=2)], orders=ORDERS)
        assert thought.problem.operations[2].after == (
            Precedence(1, overlap=Overlap(first=4, last=1)),
            Precedence(-1),
        )
        shifted(thought)

    @pytest.mark.parametrize(
        ("more", "machine", "code"),
        [
            ({}, 9, "no_mode"),
            ({"pin": Pin(kind=PinKind.LOCKED, machine=1)}, 2, "decided"),
        ],
    )
    def test_what_cannot_be_is_told(self, more: dict[str, Any], machine: int, code: str) -> None:
        with pytest.raises(ChangeError, match=code):
            applied(self.made(**more), [Split(operation=1, machine=machine)], orders=ORDERS)

    def test_a_single_piece_cannot_be_split(self) -> None:
        with pytest.raises(ChangeError, match="one_piece"):
            applied(problem(), [Split(operation=2, machine=2)], orders=ORDERS)


class TestDues:
    def test_an_order_is_due_at_another_moment(self) -> None:
        thought = applied(problem(), [OrderDue(order=9, due_ms=at(90))], orders=ORDERS)
        # Job 2 is for another order as well, which still wants it when it did.
        assert {job.id: job.due_ms for job in thought.problem.jobs} == {
            1: at(60),
            2: at(60),
            3: at(90),
        }
        assert thought.assumed == (0,)


class TestAnyProblem:
    @given(st.integers(0, 10**6))
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_what_is_moved_is_where_it_was_put_in_a_plan_that_is_valid(self, seed: int) -> None:
        made = random_problem(seed, jobs=8)
        free = [each for each in made.operations if each.pin is None and each.id in made.baseline]
        if not free:
            return
        subject = free[seed % len(free)]
        machine = subject.modes[seed % len(subject.modes)].machine
        start_ms = made.now_ms + (seed % 5) * HOUR
        move = Move(operation=subject.id, machine=machine, start_ms=start_ms)
        placed = shifted(applied(made, [move], orders={}))
        assert placed[subject.id].machine == machine
        assert placed[subject.id].start_ms >= start_ms

    @given(st.integers(0, 10**6))
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_before_another_one_it_comes_before_or_there_is_no_plan(self, seed: int) -> None:
        made = random_problem(seed, jobs=8)
        queues: dict[int, list[Operation]] = {}
        for each in made.operations:
            placed = made.baseline.get(each.id)
            if each.pin is None and placed is not None:
                queues.setdefault(placed.machine, []).append(each)
        pair = next((queue for queue in queues.values() if len(queue) > 1), None)
        if pair is None:
            return
        other, subject = pair[0], pair[1]
        machine = made.baseline[other.id].machine
        move = Move(operation=subject.id, machine=machine, before=other.id)
        try:
            found = shifted(applied(made, [move], orders={}))
        except ProblemError:
            assert _waits_for(made, subject.id, other.id)
            return
        assert found[subject.id].end_ms <= found[other.id].start_ms


def _waits_for(made: Problem, operation: int, other: int) -> bool:
    """Whether precedence has one operation behind another, be it over machines' pinned ones."""
    after = {each.id: [link.operation for link in each.after] for each in made.operations}
    open_, seen = [operation], set[int]()
    while open_:
        one = open_.pop()
        if one == other:
            return True
        if one not in seen:
            seen.add(one)
            open_ += after[one]
    return False


def test_a_plan_is_told_apart_from_a_precedence() -> None:
    """`before` binds whatever a search does: the validator kills a plan that ignores it."""
    thought = applied(problem(), [Move(operation=3, machine=1, before=1)], orders=ORDERS)
    assert thought.problem.operations[0].after == (Precedence(3),)
    wrong = right_shift(problem())
    found = violations(thought.problem, Plan(wrong.assignments))
    assert {each.operation for each in found} >= {1}

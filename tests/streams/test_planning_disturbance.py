"""What makes a plan in force wrong, decided from values."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.plan import DisruptionKind
from domain.plan.breakdowns import (
    Breakdown,
    MachineStanding,
    machine_causes,
    threshold_ms,
)
from domain.plan.disturbance import Promise, Situation, causes
from domain.plan.order_changes import OrderChange, first_cause, order_cause
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
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

MIN = 60_000
NOW = 1_000 * MIN
POLICY = Policy(down_threshold_ms=2 * MIN, tolerance_ms=10 * MIN, rush_priority=8)


def at(operation: int, machine: int, start: int, end: int) -> Assignment:
    """A place, in minutes after NOW."""
    start_ms, end_ms = NOW + start * MIN, NOW + end * MIN
    return Assignment(
        operation=operation,
        machine=machine,
        setup_start_ms=start_ms,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def situation(
    planned: list[Assignment],
    projected: list[Assignment],
    *,
    after: dict[int, int] | None = None,
    running: tuple[int, ...] = (),
    **fields: Any,
) -> Situation:
    """A scope: each operation is a job of its own number divided by ten."""
    after = after or {}
    operations = tuple(
        Operation(
            id=each.operation,
            job=each.operation // 10,
            modes=(Mode(each.machine, each.end_ms - each.start_ms),),
            after=(Precedence(after[each.operation]),) if each.operation in after else (),
            pin=Pin(kind=PinKind.RUNNING, machine=each.machine, started_ms=NOW)
            if each.operation in running
            else None,
        )
        for each in planned
    )
    problem = Problem(
        now_ms=NOW,
        machines=tuple(Machine(id=one) for one in sorted({each.machine for each in planned})),
        jobs=tuple(Job(id=one) for one in sorted({each.job for each in operations})),
        operations=operations,
        baseline={each.operation: Placed(each.machine, each.start_ms) for each in planned},
        policy=POLICY,
    )
    defaults: dict[str, Any] = {"plan_id": 7, "machines": (), "promises": ()}
    return Situation(
        problem=problem,
        planned={each.operation: each for each in planned},
        projected={each.operation: each for each in projected},
        **{**defaults, **fields},
    )


def down(since: int, *, told: Breakdown | None = None, state: str = "down") -> MachineStanding:
    return MachineStanding(
        machine=1, state=state, since_ms=NOW + since * MIN, reason="tool broken", told=told
    )


class TestMachines:
    def test_a_machine_down_for_the_threshold_is_told(self) -> None:
        (cause,) = machine_causes([down(-2)], POLICY, NOW)
        assert cause.kind is DisruptionKind.MACHINE_DOWN
        assert cause.machine == 1
        assert cause.occurred_ms == NOW - 2 * MIN
        assert cause.detail == {"reason": "tool broken", "since": NOW - 2 * MIN}

    def test_a_micro_stop_is_not(self) -> None:
        assert machine_causes([down(-1)], POLICY, NOW) == []

    def test_its_moment_comes_at_the_threshold(self) -> None:
        assert threshold_ms([down(-1)], POLICY, NOW) == NOW + MIN
        assert threshold_ms([down(-2)], POLICY, NOW) is None
        assert threshold_ms([down(-1, state="running")], POLICY, NOW) is None

    def test_a_breakdown_is_told_once(self) -> None:
        told = Breakdown(NOW - 5 * MIN, answered=False, over=False)
        assert machine_causes([down(-5, told=told)], POLICY, NOW) == []

    def test_another_breakdown_is_another_cause(self) -> None:
        told = Breakdown(NOW - 60 * MIN, answered=True, over=True)
        (cause,) = machine_causes([down(-5, told=told)], POLICY, NOW)
        assert cause.key.endswith(str(NOW - 5 * MIN))

    def test_a_machine_the_plan_takes_for_down_works_again(self) -> None:
        told = Breakdown(NOW - 60 * MIN, answered=True, over=False)
        (cause,) = machine_causes([down(-1, told=told, state="running")], POLICY, NOW)
        assert cause.kind is DisruptionKind.MACHINE_UP
        assert cause.detail == {"since": NOW - 60 * MIN}

    @pytest.mark.parametrize(
        ("told", "state"),
        [
            (Breakdown(NOW - 60 * MIN, answered=False, over=False), "running"),
            (Breakdown(NOW - 60 * MIN, answered=True, over=True), "running"),
            (Breakdown(NOW - 60 * MIN, answered=True, over=False), "offline"),
        ],
    )
    def test_nobody_is_told_what_no_plan_believes(self, told: Breakdown, state: str) -> None:
        assert machine_causes([down(-1, told=told, state=state)], POLICY, NOW) == []

    def test_a_machine_without_work_makes_no_plan_wrong(self) -> None:
        idle = msgspec.structs.replace(down(-30), machine=9)
        planned = [at(10, 1, 0, 60)]
        assert causes(situation(planned, planned, machines=[idle])) == []


class TestOperations:
    def test_an_end_that_passes_the_start_of_the_next_on_the_machine(self) -> None:
        planned = [at(10, 1, 0, 60), at(20, 1, 60, 120)]
        projected = [at(10, 1, 0, 75), at(20, 1, 75, 135)]
        (cause,) = causes(situation(planned, projected))
        assert cause.kind is DisruptionKind.OPERATION_LATE
        assert (cause.operation, cause.successor) == (10, 20)
        assert cause.detail == {"minutes": 15}
        assert cause.key == "operation_late:10:7"

    def test_an_end_that_passes_the_start_of_the_next_in_the_work_order(self) -> None:
        planned = [at(10, 1, 0, 60), at(11, 2, 60, 120)]
        projected = [at(10, 1, 0, 75), at(11, 2, 75, 135)]
        (cause,) = causes(situation(planned, projected, after={11: 10}))
        assert (cause.operation, cause.successor) == (10, 11)

    def test_within_the_tolerance_nothing_is_told(self) -> None:
        planned = [at(10, 1, 0, 60), at(20, 1, 60, 120)]
        projected = [at(10, 1, 0, 70), at(20, 1, 70, 130)]
        assert causes(situation(planned, projected)) == []

    def test_of_a_chain_only_the_first_is_told(self) -> None:
        planned = [at(10, 1, 0, 60), at(20, 1, 60, 120), at(30, 1, 120, 180)]
        projected = [at(10, 1, 0, 90), at(20, 1, 90, 150), at(30, 1, 150, 210)]
        assert [each.operation for each in causes(situation(planned, projected))] == [10]

    def test_a_successor_that_has_begun_does_not_wait(self) -> None:
        planned = [at(10, 1, 0, 60), at(11, 2, 60, 120)]
        projected = [at(10, 1, 0, 90), at(11, 2, 0, 60)]
        assert causes(situation(planned, projected, after={11: 10}, running=(11,))) == []

    def test_consequences_of_what_is_being_answered_are_not_told(self) -> None:
        planned = [at(10, 1, 0, 60), at(20, 1, 60, 120)]
        projected = [at(10, 1, 0, 90), at(20, 1, 90, 150)]
        assert causes(situation(planned, projected, answering=True)) == []

    def test_a_breakdown_explains_what_waits_behind_it(self) -> None:
        planned = [at(10, 1, 0, 60), at(20, 1, 60, 120)]
        projected = [at(10, 1, 0, 90), at(20, 1, 90, 150)]
        found = causes(situation(planned, projected, machines=[down(-3)]))
        assert [each.kind for each in found] == [DisruptionKind.MACHINE_DOWN]


class TestPromises:
    def test_an_order_later_than_due_and_than_planned(self) -> None:
        planned, projected = [at(10, 1, 0, 60)], [at(10, 1, 0, 80)]
        promise = Promise(order=5, jobs=frozenset({1}), due_ms=NOW + 65 * MIN)
        (cause,) = causes(situation(planned, projected, promises=[promise]))
        assert cause.kind is DisruptionKind.PROMISE_AT_RISK
        assert cause.order == 5
        assert cause.detail == {"minutes": 15}
        assert cause.key == "promise_at_risk:5:7"

    @pytest.mark.parametrize(
        ("end", "due"),
        [
            pytest.param(70, 65, id="within the tolerance"),
            pytest.param(65, 0, id="the plan has it late already"),
            pytest.param(200, 500, id="due much later"),
            pytest.param(200, None, id="nobody waits for it"),
        ],
    )
    def test_others_are_not_at_risk(self, end: int, due: int | None) -> None:
        due_ms = None if due is None else NOW + due * MIN
        promise = Promise(order=5, jobs=frozenset({1}), due_ms=due_ms)
        found = situation([at(10, 1, 0, 60)], [at(10, 1, 0, end)], promises=[promise])
        assert causes(found) == []

    def test_only_those_that_are_worst_off_are_told_at_once(self) -> None:
        planned = [at(10 * n, n, 0, 60) for n in range(1, 41)]
        projected = [at(10 * n, n, 0, 90 + n) for n in range(1, 41)]
        promises = [Promise(order=n, jobs=frozenset({n}), due_ms=NOW) for n in range(1, 41)]
        found = causes(situation(planned, projected, promises=promises))
        assert [each.order for each in found] == list(range(40, 20, -1))


class TestOrders:
    @staticmethod
    def change(name: str, **fields: Any) -> OrderChange:
        defaults: dict[str, Any] = {
            "order": 5,
            "work_orders": [50],
            "version": 3,
            "occurred_ms": NOW,
            "priority": 0,
        }
        return OrderChange(name=name, **{**defaults, **fields})

    @pytest.mark.parametrize(
        ("name", "fields", "kind"),
        [
            ("OrderReleased", {}, DisruptionKind.WORK_RELEASED),
            ("OrderReleased", {"priority": 8}, DisruptionKind.RUSH_ORDER),
            ("WorkOrderPlanned", {"order": None}, DisruptionKind.WORK_RELEASED),
            ("WorkOrderPlanned", {"priority": 9}, DisruptionKind.RUSH_ORDER),
            ("OrderChanged", {}, DisruptionKind.ORDER_CHANGED),
            ("OrderCancelled", {}, DisruptionKind.ORDER_CANCELLED),
            ("WorkOrderCancelled", {"order": None}, DisruptionKind.ORDER_CANCELLED),
            ("OrderChanged", {"released": False}, None),
            ("OrderCancelled", {"released": False}, None),
            ("OrderReceived", {}, None),
            ("LineStateChanged", {}, None),
        ],
    )
    def test_kinds(self, name: str, fields: dict[str, Any], kind: DisruptionKind | None) -> None:
        cause = order_cause(self.change(name, **fields), POLICY)
        assert (cause and cause.kind) == kind

    def test_a_later_version_is_another_cause(self) -> None:
        one = order_cause(self.change("OrderChanged"), POLICY)
        other = order_cause(self.change("OrderChanged", version=4), POLICY)
        assert one is not None
        assert other is not None
        assert one.key != other.key

    def test_a_work_order_for_several_orders_is_cancelled_once(self) -> None:
        one = order_cause(self.change("WorkOrderCancelled", order=5), POLICY)
        other = order_cause(self.change("WorkOrderCancelled", order=6, version=9), POLICY)
        assert one is not None
        assert other is not None
        assert one.key == other.key

    def test_work_that_nobody_told_of_is_named_by_the_newest(self) -> None:
        assert first_cause("plant-1", [], NOW) is None
        cause = first_cause("plant-1", [4, 9, 2], NOW)
        assert cause is not None
        assert cause.key == "first:plant-1:9"

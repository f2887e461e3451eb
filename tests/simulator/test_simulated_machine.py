"""Simulated machines and the plant they stand in: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import MachineState, OperationState
from simulator.machine import SimulatedMachine
from simulator.pace import Pace
from simulator.people import People
from simulator.plant import Broken, Plant, Said
from simulator.scenario import Habits, Troubles
from simulator.states import Absence, Emitted, Phase
from simulator.task import Task
from simulator.work import (
    Machine,
    OnMachine,
    Operation,
    Plan,
    Planned,
    WorkOrder,
    next_task,
)

PATH = MachinePath("gemba-demo/pressing/line-1/press-01")
BEGIN = EpochMs(1_800_000_000_000)


FLAWLESS = Troubles(micro_stops=0, scrap=0)
OFF = Absence(MachineState.PLANNED_STOP, "break")


def task(
    quantity: int = 20, *, cycle_ms: int = 1_000, setup_ms: int = 0, available: int | None = None
) -> Task:
    return Task(
        work_order="WO-1",
        operation=10,
        quantity=quantity,
        cycle_ms=cycle_ms,
        setup_ms=setup_ms,
        available=available,
    )


def states(said: list[Emitted]) -> list[tuple[str, str | None]]:
    return [(one.fields["state"], one.fields.get("reason")) for one in said if one.kind == "state"]


def operate(machine: SimulatedMachine, minutes: float, begin: EpochMs = BEGIN) -> list[Emitted]:
    said: list[Emitted] = []
    for step in range(int(minutes * 600)):
        said += machine.advance(EpochMs(begin + step * 100))
    return said


def good(said: list[Emitted]) -> int:
    return sum(one.fields.get("good", 0) for one in said)


class TestMachine:
    def test_it_makes_what_is_wanted_and_completes(self) -> None:
        machine = SimulatedMachine(PATH, seed=3)
        said = machine.start(task(), BEGIN) + operate(machine, 30)
        jobs = [one.fields for one in said if one.kind == "job"]
        assert [one["event"] for one in jobs] == ["started", "completed"]
        assert jobs[0]["requested"] == 20
        assert good(said) == 20
        assert machine.phase is Phase.FREE
        assert machine.task is None

    def test_times_never_step_back_and_every_piece_is_within_the_run(self) -> None:
        machine = SimulatedMachine(PATH, seed=3)
        said = machine.start(task(50), BEGIN) + operate(machine, 60)
        times = [one.t_ms for one in said]
        assert times == sorted(times)
        ended = next(one.t_ms for one in said if one.fields.get("event") == "completed")
        assert all(BEGIN <= one.t_ms <= ended for one in said if one.kind == "count")

    def test_the_same_seed_gives_the_same_machine(self) -> None:
        runs = []
        for _ in range(2):
            machine = SimulatedMachine(PATH, seed=7)
            runs.append(machine.start(task(80), BEGIN) + operate(machine, 20))
        assert runs[0] == runs[1]
        other = SimulatedMachine(PATH, seed=8)
        assert other.start(task(80), BEGIN) + operate(other, 20) != runs[0]

    def test_it_spoils_pieces_and_stops_with_reasons(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, pace=Pace(10))
        said = machine.start(task(3_000, cycle_ms=50), BEGIN) + operate(machine, 10)
        scrap = sum(one.fields.get("scrap", 0) for one in said)
        assert good(said) == 3_000
        assert 0.008 < scrap / (scrap + good(said)) < 0.03
        reasons = {reason for _, reason in states(said)}
        assert {"material jam", "tool change"} <= reasons

    def test_what_is_spoiled_is_made_again_and_told_apart(self) -> None:
        machine = SimulatedMachine(PATH, seed=5, troubles=Troubles(micro_stops=0, scrap=0.2))
        said = machine.start(task(200), BEGIN) + operate(machine, 10)
        (done,) = machine.finished
        assert (done.good, done.scrap) == (200, sum(o.fields.get("scrap", 0) for o in said))
        assert done.scrap > 20

    def test_speed_divides_its_stops_and_not_the_times_of_its_tasks(self) -> None:
        stops = Troubles(micro_stops=5, scrap=0)
        slow = SimulatedMachine(PATH, seed=1, troubles=stops)
        fast = SimulatedMachine(PATH, seed=1, pace=Pace(100), troubles=stops)
        made = []
        for machine in (slow, fast):
            machine.start(task(100_000), BEGIN)
            made.append(good(operate(machine, 30)))
        assert made[1] > 1.5 * made[0]
        assert made[1] <= 30 * 60 / 0.95

    def test_wear_slows_it_until_the_tool_is_changed(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, troubles=FLAWLESS)
        machine.start(task(100_000, cycle_ms=100), BEGIN)
        first = good(operate(machine, 1))
        later = good(operate(machine, 1, EpochMs(BEGIN + 60_000)))
        assert later < first
        machine.break_down(EpochMs(BEGIN + 120_001), "broken tool", EpochMs(BEGIN + 120_000))
        assert good(operate(machine, 1, EpochMs(BEGIN + 120_002))) > later

    def test_a_fast_machine_counts_several_pieces_at_once(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, troubles=FLAWLESS)
        machine.start(task(1_000, cycle_ms=1), BEGIN)
        said = operate(machine, 0.1)
        counts = [one for one in said if one.kind == "count"]
        assert good(said) == 1_000
        assert len(counts) < 50
        assert said.index(counts[-1]) < next(
            place for place, one in enumerate(said) if one.fields.get("event") == "completed"
        )

    def test_it_breaks_down_by_itself_after_so_many_hours_of_running(self) -> None:
        often = Troubles(micro_stops=0, breakdown_hours=0.1)
        machine = SimulatedMachine(PATH, seed=2, troubles=often)
        machine.start(task(100_000), BEGIN)
        said = operate(machine, 120)
        down = [reason for state, reason in states(said) if state == "down"]
        assert 2 <= len(down) <= 15
        messages = [one.fields for one in said if one.kind == "message"]
        assert [one["text"] for one in messages] == down
        assert {one["severity"] for one in messages} == {"error"}

    def test_broken_by_hand_it_is_down_for_so_long_at_any_speed(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, pace=Pace(60), troubles=FLAWLESS)
        machine.start(task(1_000), BEGIN)
        until = EpochMs(BEGIN + 600_000)
        said = machine.break_down(until, "a broken belt", BEGIN)
        assert states(said) == [("down", "a broken belt")]
        assert not machine.ready
        said = operate(machine, 9.9)
        assert (good(said), states(said)) == (0, [])
        said = operate(machine, 1, until)
        assert states(said) == [("running", None)]
        assert good(said) > 50

    def test_a_repair_ends_it_sooner_and_a_free_machine_can_be_broken_too(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        machine.break_down(EpochMs(BEGIN + 600_000), "a broken belt", BEGIN)
        assert not machine.ready
        assert states(machine.repair(EpochMs(BEGIN + 1_000))) == [("idle", None)]
        assert machine.repair(EpochMs(BEGIN + 2_000)) == []

    def test_in_a_break_nothing_is_made_and_the_piece_in_hand_waits(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, troubles=FLAWLESS)
        machine.start(task(100), BEGIN)
        before = good(machine.advance(EpochMs(BEGIN + 10_500)))
        assert states(machine.attend(OFF, EpochMs(BEGIN + 10_500))) == [("planned_stop", "break")]
        assert good(operate(machine, 5, EpochMs(BEGIN + 10_500))) == 0
        said = machine.attend(None, EpochMs(BEGIN + 310_500))
        assert states(said) == [("running", None)]
        said = operate(machine, 5, EpochMs(BEGIN + 310_500))
        assert before + good(said) == 100

    def test_a_breakdown_in_a_break_is_one_and_after_the_repair_it_is_still_the_break(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        machine.attend(OFF, BEGIN)
        until = EpochMs(BEGIN + 60_000)
        assert states(machine.break_down(until, "leak", BEGIN)) == [("down", "leak")]
        assert states(machine.advance(until)) == [("planned_stop", "break")]
        assert states(machine.attend(None, EpochMs(until + 1))) == [("idle", None)]

    def test_it_waits_where_the_operation_before_has_not_made_enough(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        starved = task(20, available=3)
        said = machine.start(starved, BEGIN) + operate(machine, 10)
        assert good(said) == 3
        states = [one.fields for one in said if one.kind == "state"]
        assert states[-1] == {"state": "idle", "reason": "waiting for material"}
        starved.available = 20
        said = operate(machine, 30, EpochMs(BEGIN + 600_000))
        assert good(said) == 17

    def test_set_up_comes_first(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        first = task(5, setup_ms=20_000)
        said = machine.start(first, BEGIN)
        assert [one.fields["state"] for one in said if one.kind == "state"] == ["setup"]
        assert good(operate(machine, 0.15)) == 0
        assert good(operate(machine, 5, EpochMs(BEGIN + 9_000))) > 0

    def test_paused_it_makes_nothing_until_resumed(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        machine.start(task(10), BEGIN)
        machine.pause(EpochMs(BEGIN + 100))
        assert good(operate(machine, 5)) == 0
        machine.resume(EpochMs(BEGIN + 300_000))
        assert good(operate(machine, 20, EpochMs(BEGIN + 300_000))) == 10

    def test_what_nobody_saw_is_not_made_up(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        machine.start(task(100_000), BEGIN)
        assert good(machine.advance(EpochMs(BEGIN + 8 * 3_600_000))) <= 2

    def test_a_free_machine_gives_signs_of_life(self) -> None:
        machine = SimulatedMachine(PATH, seed=1)
        said = operate(machine, 2)
        assert {one.kind for one in said} == {"heartbeat"}
        assert len(said) == 6


def work_order(
    number: str, *operations: Operation, due: str | None = None, family: str | None = None
) -> WorkOrder:
    return WorkOrder(number=number, due_at=due, operations=list(operations), setup_family=family)


def operation(
    work_order: str,
    number: int = 10,
    machine: str = PATH,
    state: OperationState = OperationState.RELEASED,
    good: int = 0,
) -> Operation:
    return Operation(
        work_order=work_order,
        operation=number,
        machine=machine,
        state=state,
        good_pieces=good,
        quantity=20,
        released=True,
        cycle_ms=1_000,
        setup_ms=0,
    )


class TestWhatIsTakenUp:
    def test_what_is_due_first(self) -> None:
        orders = [
            work_order("B", operation("B"), due="2026-11-22T10:00:00Z"),
            work_order("C", operation("C"), due=None),
            work_order("A", operation("A"), due="2026-11-22T12:00:00Z"),
        ]
        taken: set[tuple[str, int]] = set()
        order = []
        while (found := next_task(PATH, orders, taken)) is not None:
            taken.add(found.key)
            order.append(found.work_order)
        assert order == ["B", "A", "C"]

    def test_not_what_is_on_another_machine_or_not_released(self) -> None:
        unreleased = work_order("A", operation("A"))
        first = unreleased.operations[0]
        unreleased.operations[0] = Operation(
            **{field: getattr(first, field) for field in first.__struct_fields__}
            | {"released": False}
        )
        orders = [unreleased, work_order("B", operation("B", machine="gemba-demo/a/b/other"))]
        assert next_task(PATH, orders, set()) is None

    # The plan has operations one after the other: to begin with the first few pieces, as this
    # simulator once did, would make floor and plan disagree.
    @pytest.mark.parametrize(("made", "starts"), [(0, False), (19, False), (20, True)])
    def test_a_second_operation_when_the_first_has_made_all_pieces(
        self, *, made: int, starts: bool
    ) -> None:
        before = operation("A", 10, "gemba-demo/a/b/other", OperationState.RUNNING, made)
        orders = [work_order("A", before, operation("A", 20))]
        assert (next_task(PATH, orders, set()) is not None) is starts

    def test_what_was_interrupted_goes_on_with_its_pieces(self) -> None:
        orders = [work_order("A", operation("A", state=OperationState.INTERRUPTED, good=7))]
        found = next_task(PATH, orders, set())
        assert found is not None
        assert found.good == 7

    def test_not_what_was_aborted(self) -> None:
        orders = [work_order("A", operation("A", state=OperationState.ABORTED, good=7))]
        assert next_task(PATH, orders, set()) is None


OTHER = "gemba-demo/a/b/other"
MINUTE = 60_000


class TestTheOrderOfThePlan:
    def planned(self, *starts: tuple[str, int, str, int]) -> Plan:
        """(work order, operation, machine, start in minutes) each."""
        return Plan(
            {
                (order, number): Planned(path, BEGIN + start * MINUTE)
                for order, number, path, start in starts
            },
            patience_ms=15 * MINUTE,
        )

    def orders(self) -> list[WorkOrder]:
        return [
            work_order("A", operation("A"), due="2026-11-22T10:00:00Z"),
            work_order("B", operation("B"), due="2026-11-22T12:00:00Z"),
        ]

    def taken(self, plan: Plan, orders: list[WorkOrder], minute: float = 0) -> str | None:
        now_ms = int(BEGIN + minute * MINUTE)
        found = next_task(PATH, orders, set(), plan=plan, now_ms=now_ms)
        return None if found is None else found.work_order

    def test_the_earliest_planned_start_comes_first_whatever_is_due_first(self) -> None:
        plan = self.planned(("A", 10, PATH, 30), ("B", 10, PATH, 5))
        assert self.taken(plan, self.orders()) == "B"

    def test_what_is_planned_elsewhere_is_left_there(self) -> None:
        plan = self.planned(("A", 10, OTHER, 0), ("B", 10, OTHER, 5))
        assert self.taken(plan, self.orders()) is None
        found = next_task(MachinePath(OTHER), self.orders(), set(), plan=plan, now_ms=BEGIN)
        assert found is not None
        assert found.work_order == "A"

    def waiting(self) -> list[WorkOrder]:
        """The second operation of A waits for its first one; B (20 pieces) could be begun."""
        before = operation("A", 10, OTHER, OperationState.RUNNING, 3)
        return [work_order("A", before, operation("A", 20)), work_order("B", operation("B"))]

    @pytest.mark.parametrize(
        ("starts", "minute", "taken"),
        [(1, 0, "B"), (0.3, 0, None), (0, 0, None), (0, 14, None), (0, 15, "B")],
        ids=["fits before", "does not fit", "is due now", "is late", "was waited for too long"],
    )
    def test_what_comes_next_waits_for_its_pieces_while_there_is_hope(
        self, starts: float, minute: float, taken: str | None
    ) -> None:
        plan = Plan(
            {
                ("A", 20): Planned(PATH, int(BEGIN + starts * MINUTE)),
                ("B", 10): Planned(PATH, BEGIN + 90 * MINUTE),
            },
            patience_ms=15 * MINUTE,
        )
        assert self.taken(plan, self.waiting(), minute) == taken


def shown(
    on: tuple[str, int] | None = None,
    state: OperationState = OperationState.RUNNING,
    seen_ms: int = BEGIN,
) -> Machine:
    return Machine(
        machine=PATH,
        configured=True,
        last_seen=datetime.fromtimestamp(seen_ms / 1_000, UTC),
        operation=None if on is None else OnMachine(work_order=on[0], operation=on[1], state=state),
    )


def events(said: list[Said]) -> list[str]:
    return [one.emitted.fields["event"] for one in said if one.emitted.kind == "job"]


LATER = EpochMs(BEGIN + 5_000)


class TestPlant:
    def plant(self, broken: dict[MachinePath, Broken] | None = None) -> Plant:
        return Plant(People("gemba-demo", seed=1), seed=1, broken=broken)

    def machine(self, plant: Plant) -> SimulatedMachine:
        (machine,) = plant.machines
        return machine

    def met(self, machine: Machine, orders: list[WorkOrder]) -> tuple[Plant, list[Said]]:
        """A plant that has met the machine, and what it does then."""
        plant = self.plant()
        greeting = plant.refresh([machine], orders, BEGIN, stored=True)
        assert [one.emitted.kind for one in greeting] == ["heartbeat"]
        return plant, plant.refresh([machine], orders, LATER, stored=True)

    def test_a_free_machine_gets_work(self) -> None:
        _, said = self.met(shown(), [work_order("A", operation("A"))])
        assert events(said) == ["started"]
        assert all(one.machine == PATH for one in said)

    def test_it_waits_until_its_first_word_is_known(self) -> None:
        unheard = shown(seen_ms=BEGIN - 1)
        plant, said = self.met(unheard, [work_order("A", operation("A"))])
        assert said == []
        assert self.machine(plant).task is None

    def test_an_unconfigured_machine_is_left_alone(self) -> None:
        plant = self.plant()
        unknown = Machine(machine=PATH, configured=False, last_seen=None, operation=None)
        assert plant.refresh([unknown], [work_order("A", operation("A"))], BEGIN, stored=True) == []

    def test_after_a_restart_it_goes_on_without_starting_again(self) -> None:
        running = work_order("A", operation("A", state=OperationState.RUNNING, good=12))
        plant, said = self.met(shown(("A", 10)), [running])
        assert events(said) == []
        task = self.machine(plant).task
        assert task is not None
        assert (task.key, task.good) == (("A", 10), 12)

    def test_after_a_restart_what_is_paused_stays_paused(self) -> None:
        paused = work_order("A", operation("A", state=OperationState.PAUSED, good=12))
        plant, _ = self.met(shown(("A", 10), OperationState.PAUSED), [paused])
        assert self.machine(plant).phase is Phase.PAUSED

    def started(self) -> tuple[Plant, list[WorkOrder]]:
        orders = [work_order("A", operation("A")), work_order("B", operation("B"))]
        plant, _ = self.met(shown(), orders)
        return plant, orders

    def test_people_pause_and_resume_it_at_the_terminal(self) -> None:
        plant, orders = self.started()
        later = EpochMs(LATER + 10_000)
        plant.refresh([shown(("A", 10), OperationState.PAUSED, later)], orders, later, stored=True)
        assert self.machine(plant).phase is Phase.PAUSED
        later = EpochMs(LATER + 20_000)
        said = plant.refresh([shown(("A", 10), seen_ms=later)], orders, later, stored=True)
        assert self.machine(plant).phase is Phase.RUNNING
        assert events(said) == []

    def test_people_start_something_else_on_it(self) -> None:
        plant, orders = self.started()
        later = EpochMs(LATER + 10_000)
        plant.refresh([shown(("B", 10), seen_ms=later)], orders, later, stored=True)
        task = self.machine(plant).task
        assert task is not None
        assert task.key == ("B", 10)

    def test_people_end_it(self) -> None:
        plant, orders = self.started()
        later = EpochMs(LATER + 10_000)
        said = plant.refresh([shown(None, seen_ms=later)], orders[1:], later, stored=True)
        assert events(said) == ["started"]
        assert said[-1].emitted.kind == "state"

    @pytest.mark.parametrize(
        ("seen_ms", "stored", "later_ms"),
        [(LATER - 1, True, 10_000), (LATER + 10_000, False, 10_000), (LATER + 500, True, 500)],
    )
    def test_what_is_shown_too_early_is_not_believed(
        self, *, seen_ms: int, stored: bool, later_ms: int
    ) -> None:
        plant, orders = self.started()
        plant.refresh(
            [shown(None, seen_ms=seen_ms)], orders, EpochMs(LATER + later_ms), stored=stored
        )
        task = self.machine(plant).task
        assert task is not None
        assert task.key == ("A", 10)

    def test_what_it_completed_is_not_begun_again_however_late_that_is_known(self) -> None:
        orders = [work_order("A", operation("A"))]
        plant, _ = self.met(shown(), orders)
        said: list[Said] = []
        for step in range(12_000):
            now = EpochMs(LATER + step * 100)
            said += plant.advance(now)
            if step % 20 == 0:
                said += plant.refresh([shown(seen_ms=LATER - 1)], orders, now, stored=True)
        assert events(said) == ["completed"]
        assert sum(one.emitted.fields.get("good", 0) for one in said) == 20

    def test_what_it_completed_is_not_gone_on_with_when_a_later_word_was_heard_first(self) -> None:
        """Its state may be known before the end of its work is: other topics, another message."""
        orders = [work_order("A", operation("A"))]
        plant, _ = self.met(shown(), orders)
        said: list[Said] = []
        now = LATER
        while "completed" not in events(said):
            now = EpochMs(now + 100)
            said += plant.advance(now)
        late = [work_order("A", operation("A", state=OperationState.RUNNING, good=19))]
        for _ in range(40):
            now = EpochMs(now + 1_000)
            said += plant.refresh([shown(("A", 10), seen_ms=now)], late, now, stored=True)
            said += plant.advance(now)
        assert events(said) == ["completed"]
        assert sum(one.emitted.fields.get("good", 0) for one in said) == 20

    def test_what_it_completed_is_gone_on_with_when_somebody_begins_it_again(self) -> None:
        plant, _ = self.met(shown(), [work_order("A", operation("A"))])
        now = LATER
        while self.machine(plant).task is not None:
            now = EpochMs(now + 100)
            plant.advance(now)
        for state in (OperationState.COMPLETED, OperationState.RUNNING):
            now = EpochMs(now + 2_000)
            orders = [work_order("A", operation("A", state=state, good=20))]
            on = ("A", 10) if state is OperationState.RUNNING else None
            plant.refresh([shown(on, seen_ms=now)], orders, now, stored=True)
        task = self.machine(plant).task
        assert task is not None
        assert (task.key, task.quantity) == (("A", 10), 21)

    def test_new_work_is_left_to_the_planner_for_a_while(self) -> None:
        orders = [work_order("A", operation("A"))]
        plan = Plan({("Z", 10): Planned(PATH, BEGIN)})
        plant = self.plant()
        plant.refresh([shown()], orders, BEGIN, stored=True, plan=plan)
        began = []
        for second in range(1, 12):
            now = EpochMs(BEGIN + 1_000 * second)
            said = plant.refresh([shown(seen_ms=now)], orders, now, stored=True, plan=plan)
            began += [second for _ in events(said)]
        assert began == [10]

    def test_it_sets_up_for_the_family_that_comes_after_the_other(self) -> None:
        plant = self.plant()
        kettle = work_order("A", operation("A"), family="kettle")
        oven = work_order("B", operation("B"), family="oven")
        again = work_order("C", operation("C"), family="oven")
        plant.refresh([shown()], [kettle], BEGIN, stored=True)
        durations: list[float] = []
        now = LATER
        for order in (kettle, oven, again):
            said = plant.refresh([shown(seen_ms=now)], [order], now, stored=True)
            assert events(said) == ["started"]
            began, setup_ended = now, now
            while not any(event == "completed" for event in events(said)):
                said = plant.advance(now)
                if any(one.emitted.fields.get("state") == "running" for one in said):
                    setup_ended = max(setup_ended, now) if setup_ended == began else setup_ended
                now = EpochMs(now + 100)
            durations.append((setup_ended - began) / 1_000)
            now = EpochMs(now + 2_000)
        # Press 1: 90 s for a set-up, 1.4 times as much from kettles to ovens; 0.9 to 1.2 of that.
        assert durations[0] == 0
        assert 0.9 * 126 <= durations[1] <= 1.2 * 126 + 0.1
        assert durations[2] == 0

    def test_nothing_is_started_where_nobody_is(self) -> None:
        orders = [work_order("A", operation("A"))]
        plant, _ = self.met(shown(), [])
        plant.people.stay_away([PATH], LATER, LATER + 60_000)
        plant.advance(LATER)
        at_once = EpochMs(LATER + 1_000)
        assert plant.refresh([shown(seen_ms=at_once)], orders, at_once, stored=True) == []
        back = EpochMs(LATER + 61_000)
        assert states([one.emitted for one in plant.advance(back)]) == [("idle", None)]
        assert events(plant.refresh([shown(seen_ms=back)], orders, back, stored=True)) == [
            "started"
        ]

    def test_what_was_broken_stays_broken_after_a_restart(self) -> None:
        until = EpochMs(LATER + 60_000)
        plant = self.plant({PATH: Broken(until, "a broken belt")})
        orders = [work_order("A", operation("A"))]
        plant.refresh([shown()], orders, BEGIN, stored=True)
        assert plant.broken == {PATH: Broken(until, "a broken belt")}
        said = plant.refresh([shown()], orders, LATER, stored=True)
        assert events(said) == []
        plant.advance(until)
        assert plant.broken == {}
        assert events(plant.refresh([shown(seen_ms=until)], orders, until, stored=True)) == [
            "started"
        ]

    def test_what_nobody_wants_any_more_is_given_up(self) -> None:
        plant, _ = self.started()
        now = EpochMs(LATER + 1_000)
        assert plant.give_up([("B", 10)], now) == []
        assert events(plant.give_up([("A", 10)], now)) == ["aborted"]
        assert self.machine(plant).ready


class TestPeopleStartingWork:
    def test_somebody_needs_a_while_and_some_forget_to_log_on(self) -> None:
        habits = Habits(change_seconds=(4, 20), late=0.2, late_minutes=(2, 6), forget=0.3)
        people = People("gemba-demo", seed=1, habits=habits)
        keys = [(f"WO-{number}", 10) for number in range(500)]
        pauses = [people.pause_ms(PATH, key) for key in keys]
        assert pauses == [
            People("gemba-demo", seed=1, habits=habits).pause_ms(PATH, k) for k in keys
        ]
        late = [pause for pause in pauses if pause >= 2 * MINUTE]
        assert all(4_000 <= pause <= 20_000 for pause in pauses if pause not in late)
        assert all(pause <= 6 * MINUTE for pause in late)
        assert 60 <= len(late) <= 140
        forgotten = [key for key in keys if people.operator(PATH, key, BEGIN) is None]
        assert 100 <= len(forgotten) <= 200

    def test_the_next_shift_brings_somebody_else_and_the_first_one_logs_off(self) -> None:
        machine = SimulatedMachine(PATH, seed=1, troubles=FLAWLESS)
        said = machine.start(task(1), BEGIN, operator="A. Nowak")
        said += operate(machine, 0.1)
        said += machine.start(task(1), EpochMs(BEGIN + 10_000), operator=None)
        said += operate(machine, 0.1, EpochMs(BEGIN + 10_000))
        said += machine.start(task(1), EpochMs(BEGIN + 20_000), operator="L. Chen")
        spoken = [
            (one.fields["event"], one.fields["operator"]) for one in said if one.kind == "operator"
        ]
        assert spoken == [
            ("logged_on", "A. Nowak"),
            ("logged_off", "A. Nowak"),
            ("logged_on", "L. Chen"),
        ]

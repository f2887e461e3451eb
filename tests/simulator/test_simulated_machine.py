"""Simulated machines and the plant they stand in: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import OperationState
from simulator import factory
from simulator.machine import Emitted, Phase, SimulatedMachine, Task
from simulator.plant import Plant, Said
from simulator.work import Machine, OnMachine, Operation, WorkOrder, next_task

PATH = MachinePath("gemba-demo/pressing/line-1/press-01")
BEGIN = EpochMs(1_800_000_000_000)


def task(quantity: int = 20, **fields: int) -> Task:
    return Task(
        work_order="WO-1", operation=10, quantity=quantity, cycle_ms=1_000, setup_ms=0, **fields
    )


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
        machine = SimulatedMachine(PATH, seed=1, speed=100)
        said = machine.start(task(3_000), BEGIN) + operate(machine, 3)
        scrap = sum(one.fields.get("scrap", 0) for one in said)
        assert 0.005 < scrap / (scrap + good(said)) < 0.04
        reasons = {one.fields["reason"] for one in said if "reason" in one.fields}
        assert {"material jam", "tool change"} <= reasons

    def test_speed_makes_it_faster(self) -> None:
        slow, fast = SimulatedMachine(PATH, seed=1), SimulatedMachine(PATH, seed=1, speed=10)
        made = []
        for machine in (slow, fast):
            machine.start(task(100_000), BEGIN)
            made.append(good(operate(machine, 2)))
        assert made[1] > 5 * made[0]

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
        first = Task(work_order="WO-1", operation=10, quantity=5, cycle_ms=1_000, setup_ms=20_000)
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


def work_order(number: str, *operations: Operation, due: str | None = None) -> WorkOrder:
    return WorkOrder(number=number, due_at=due, operations=list(operations))


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

    @pytest.mark.parametrize(("made", "starts"), [(0, False), (4, False), (5, True), (20, True)])
    def test_a_second_operation_when_the_first_has_handed_on_pieces(
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
    def plant(self) -> Plant:
        return Plant(seed=1, speed=1.0)

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


class TestFactory:
    def test_its_shape(self) -> None:
        paths = {machine.path for machine in factory.MACHINES}
        assert len(paths) == 6
        assert len({path.split("/")[1] for path in paths}) == 2
        assert len({path.rsplit("/", 1)[0] for path in paths}) == 3
        assert len(factory.ORDERS) == len({order.external_id for order in factory.ORDERS}) == 10
        assert len(factory.CUSTOMERS) == 3
        assert len(factory.ITEMS) == 4
        assert {step.machine for item in factory.ITEMS for step in item.steps} == paths

    def test_orders_name_what_exists(self) -> None:
        customers = {customer.code for customer in factory.CUSTOMERS}
        items = {item.code for item in factory.ITEMS}
        further = [factory.further_order(number, seed=1) for number in range(11, 60)]
        for order in (*factory.ORDERS, *further):
            assert order.customer in customers
            assert order.item in items
            assert order.quantity > 0

    def test_further_orders_are_the_same_every_time(self) -> None:
        assert factory.further_order(11, seed=1) == factory.further_order(11, seed=1)
        assert factory.number_of(factory.further_order(11, seed=1).external_id) == 11
        assert factory.number_of("somebody's-7") == 0

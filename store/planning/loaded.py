"""What `store.planning.problem.load_problem` answers: a problem, and the names around it."""

from __future__ import annotations

import msgspec

from domain.plan.plan import Assignment
from domain.plan.problem import Mode, Problem
from domain.plan.workshop import Workshop
from store.machines import SiteRow
from store.planning.materials import Material
from store.planning.plan_rows import PlanRow


class Unplanned(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that cannot be planned, or not fully.

    Attributes:
        operation_id: which one.
        code: `no_machine` of the scope can do it; `no_cycle`, `no_quantity`: nobody said how long
            a piece takes or how many there are; `too_long`: they add up to more than ten years;
            `behind_unplanned`: one before it in its work order, or the work order of a component,
            cannot be planned; `on_hold`: all that it is for is; `no_resource`: its site never has
            the people and tools that it needs; `lock_impossible`: the machine that it is locked to
            cannot do it; `beyond_horizon`: it cannot begin before the policy's horizon. What the
            floor has begun is in the problem all the same, as if it ended at once.
    """

    operation_id: int
    code: str


class OperationOf(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an operation is called."""

    work_order_id: int
    work_order: str
    number: int


class OrderOf(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's order, as far as this scope works for it.

    Attributes:
        jobs: its work orders that are in the problem.
        due_ms: its earliest open due date.
        complete: whether all that is open of these work orders is planned; if not, no end is known.
    """

    id: int
    number: str
    site_id: int
    priority: int
    due_ms: int | None
    jobs: tuple[int, ...]
    complete: bool


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A problem with what is needed to store and to tell its answer.

    Attributes:
        problem: what is planned.
        unplanned: what is not, and why.
        base: the plan in force, if there is one.
        baseline: where it has the operations that are in the problem.
        orders: whom the work is for, by order id.
        sites: the scope's sites.
        down: machines that count as down, by id, with the moment since when.
        operations: the names of operations by id, unplanned ones included.
        machines: the paths of the scope's machines by id.
        resources: what the problem's resources are called, by id.
        modes: of operations that are frozen or locked somewhere: where else they could be done.
        materials: what work orders wait for that is not there, by id.
        workshop: how work that is not there yet would be done.
    """

    scope: str
    problem: Problem
    unplanned: list[Unplanned]
    base: PlanRow | None
    baseline: dict[int, Assignment]
    orders: dict[int, OrderOf]
    sites: list[SiteRow]
    down: dict[int, int]
    operations: dict[int, OperationOf]
    machines: dict[int, str]
    resources: dict[int, str] = {}
    modes: dict[int, tuple[Mode, ...]] = {}
    materials: dict[int, Material] = {}
    workshop: Workshop = msgspec.field(default_factory=lambda: Workshop({}))

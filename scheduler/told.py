"""Answers in the names that people know: work orders, orders, machine paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from contracts.what_if import (
    Cause,
    Change,
    HelpTold,
    LaterOrder,
    MachineDown,
    MaterialAt,
    MoreOfResource,
    Move,
    NamedOperation,
    OrderAdded,
    OrderDue,
    OrderRaised,
    OrderRemoved,
    Overtime,
    PolicyInstead,
    ResourceAway,
    Split,
    ToldChange,
)
from domain.plan.fact_words import Language, conflicts
from domain.plan.helps import Help, JobShift
from domain.plan.plan import Conflict, DelayShare, LateCause
from domain.plan.rush import LaterJob
from scheduler.trying import change_of
from store.planning.loaded import Loaded


class Names:
    """What a loaded problem's ids are called.

    Args:
        loaded: the problem.
        away: who is away in what is thought of, by their rows' ids.
    """

    def __init__(self, loaded: Loaded, *, away: Mapping[int, str] | None = None) -> None:
        self._loaded = loaded
        self._away = away or {}
        self._orders: dict[int, list[str]] = defaultdict(list)
        for order in loaded.orders.values():
            for job in order.jobs:
                self._orders[job].append(order.number)
        self._works = {
            operation.work_order_id: operation.work_order
            for operation in loaded.operations.values()
        }

    def operation(self, id_: int | None) -> NamedOperation | None:
        """An operation's names."""
        named = self._loaded.operations.get(id_) if id_ is not None else None
        if named is None:
            return None
        return NamedOperation(work_order=named.work_order, operation=named.number)

    def machine(self, id_: int | None) -> str | None:
        """A machine's path."""
        return self._loaded.machines.get(id_) if id_ is not None else None

    def resource(self, id_: int | None) -> str | None:
        """What a resource is called."""
        return self._loaded.resources.get(id_) if id_ is not None else None

    def work_order(self, job: int) -> str:
        """A job's work order."""
        return self._works.get(job, str(job))

    def cause(self, cause: LateCause | DelayShare) -> Cause:
        """A link of a chain, or a share of a delay."""
        return Cause(
            cause=cause.cause,
            operation=self.operation(cause.operation),
            machine=self.machine(cause.machine),
            behind=self.operation(cause.behind),
            since_ms=cause.since_ms,
            wait_ms=cause.wait_ms,
            share_ms=cause.share_ms if isinstance(cause, DelayShare) else None,
            resource=self.resource(cause.resource),
            closure=cause.closure,
        )

    def later(self, jobs: Iterable[LaterJob | JobShift]) -> tuple[LaterOrder, ...]:
        """Whose work ends later, an order once: by the work order that loses most."""
        found: list[LaterOrder] = []
        seen: set[str] = set()
        for each in jobs:
            orders: list[str | None] = [*self._orders.get(each.job, ())]
            for order in orders or [None]:
                if order is not None:
                    if order in seen:
                        continue
                    seen.add(order)
                found.append(
                    LaterOrder(
                        order=order,
                        work_order=self.work_order(each.job),
                        by_ms=each.by_ms,
                        late_ms=each.late_ms,
                        was_late=isinstance(each, LaterJob) and each.was_late,
                    )
                )
        return tuple(found)

    def help(self, each: Help) -> HelpTold:
        """A change that would help."""
        return HelpTold(
            kind=each.kind.value,
            gain_ms=each.gain_ms,
            end_ms=each.end_ms,
            operation=self.operation(each.operation),
            machine=self.machine(each.machine),
            from_machine=self.machine(each.from_machine),
            behind=self.operation(each.behind),
            resource=self.resource(each.resource),
            from_ms=each.from_ms,
            until_ms=each.until_ms,
            later=self.later(each.later),
            later_jobs=each.later_jobs,
            change=change_of(each, self._loaded),
        )

    def order(self, id_: int) -> str | None:
        """An order's number."""
        order = self._loaded.orders.get(id_)
        return order.number if order is not None else None

    def change(self, change: Change) -> ToldChange:
        """What somebody thought of."""
        match change:
            case MachineDown() | Overtime():
                return ToldChange(
                    kind="machine_down" if isinstance(change, MachineDown) else "overtime",
                    machine=self.machine(change.machine),
                    from_ms=change.from_ms,
                    until_ms=change.until_ms,
                )
            case ResourceAway():
                return ToldChange(
                    kind="resource_away",
                    resource=self._away.get(change.resource),
                    count=change.count,
                    from_ms=change.from_ms,
                    until_ms=change.until_ms,
                )
            case MoreOfResource():
                return ToldChange(
                    kind="more_of_resource",
                    resource=change.resource,
                    count=change.count,
                    from_ms=change.from_ms,
                    until_ms=change.until_ms,
                )
            case PolicyInstead():
                return ToldChange(kind="policy", fields=change.fields)
            case Move() | Split() | MaterialAt():
                return self._of_operation(change)
            case OrderRaised() | OrderDue() | OrderRemoved() | OrderAdded():
                return self._of_order(change)

    def _of_operation(self, change: Move | Split | MaterialAt) -> ToldChange:
        operation = self.operation(change.operation)
        match change:
            case Move():
                return ToldChange(
                    kind="move",
                    operation=operation,
                    machine=self.machine(change.machine),
                    before=self.operation(change.before),
                    from_ms=change.start_ms,
                )
            case Split():
                machine = self.machine(change.machine)
                return ToldChange(kind="split", operation=operation, machine=machine)
            case MaterialAt():
                return ToldChange(kind="material", operation=operation, from_ms=change.at_ms)

    def _of_order(self, change: OrderRaised | OrderDue | OrderRemoved | OrderAdded) -> ToldChange:
        match change:
            case OrderRaised():
                return ToldChange(
                    kind="priority", order=self.order(change.order), priority=change.priority
                )
            case OrderDue():
                return ToldChange(
                    kind="due", order=self.order(change.order), until_ms=change.due_ms
                )
            case OrderRemoved():
                return ToldChange(kind="remove_order", order=self.order(change.order))
            case OrderAdded():
                return ToldChange(
                    kind="add_order",
                    name=change.name,
                    items=tuple(work.item for work in change.works),
                    priority=change.priority,
                    until_ms=change.due_ms,
                )

    def conflicts(self, found: Sequence[Conflict], language: Language = Language.ENGLISH) -> str:
        """Facts that contradict each other, in the planner's words."""
        return conflicts(found, self._loaded, language)

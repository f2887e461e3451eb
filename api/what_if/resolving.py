"""Names of what-if requests as rows: machines, orders, and what new lines take to make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import Moment
from api.stock.service import item_of, now_of, quantity_of
from api.what_if import changes, schemas
from contracts import what_if
from contracts.new_work import NewWork
from domain.inventory.to_make import Work, new_works, settled
from domain.plan.policy import Policy
from domain.plan.what_if import changed_policy
from store import machines, orders
from store.database import Connection
from store.errors import UnknownReferenceError
from store.inventory.promise import Promiser
from store.machines import SiteRow
from store.planning import policies, resources
from store.planning.policies import ScopeRow


class Resolver:
    """Finds what a request names, in one scope.

    Args:
        context: of the request.
        connection: for reading.
        principal: who asks.
        scope: the scope that is asked about, which they may see.
    """

    def __init__(
        self, context: Context, connection: Connection, principal: Principal, scope: ScopeRow
    ) -> None:
        self._context = context
        self._connection = connection
        self._principal = principal
        self._scope = scope

    async def resolved(self, wanted: Sequence[changes.Change]) -> list[what_if.Change]:
        """The changes in ids.

        Raises:
            UnknownReferenceError: one names what is not there.
        """
        return [
            await self._change(change, f"changes[{index}]") for index, change in enumerate(wanted)
        ]

    async def place(self, drag: schemas.Drag | changes.Move, field: str = "") -> what_if.Move:
        """Where an operation is put."""
        return what_if.Move(
            operation=drag.operation,
            machine=await self._machine(drag.machine, _at(field, "machine")),
            start_ms=_epoch_ms(drag.start),
            before=drag.before,
        )

    async def order(self, number: str, field: str) -> int:
        """An order's id."""
        row = await orders.find(self._connection, number=number)
        if row is None or not self._principal.sees(row.site):
            raise UnknownReferenceError(field, number, "there is no such order")
        return row.id

    async def works(
        self, lines: Sequence[changes.NewLine], site: str | None, field: str
    ) -> tuple[NewWork, ...]:
        """What has to be made for new lines, beyond what is there: parts before what they are for.

        Raises:
            UnknownReferenceError: an item is not known, cannot be had, or nothing has to be made.
        """
        where = await self._site(site, _at(field, "site"))
        promiser = Promiser(self._connection, where.id, now=now_of(self._context))
        needed: list[Work] = []
        for index, line in enumerate(lines):
            place = f"{_at(field, 'lines')}[{index}]"
            item = await item_of(self._connection, line.item, field=place)
            quantity = quantity_of(item, line.quantity, line.unit, field=place)
            found = await promiser.promise(item.id, quantity)
            if found.at is None and found.work is None:
                why = found.bindings[0].reason if found.bindings else "nobody knows how it is had"
                raise UnknownReferenceError(f"{place}.item", line.item, why)
            if found.work is not None:
                needed += settled(found.work).in_order()
        if not needed:
            problem = f"all of it is in stock at {where.code}: nothing has to be made or displaced"
            raise UnknownReferenceError(
                _at(field, "lines"), lines[0].item, problem, code="all-in-stock"
            )
        return new_works(needed)

    async def policy(self) -> Policy:
        """How the scope wants to be planned."""
        return await policies.policy_of(self._connection, self._scope.scope)

    async def _change(self, change: changes.Change, field: str) -> what_if.Change:
        match change:
            case changes.MachineDown() | changes.Overtime():
                kind = what_if.MachineDown if change.kind == "machine_down" else what_if.Overtime
                return kind(
                    machine=await self._machine(change.machine, f"{field}.machine"),
                    from_ms=required_ms(change.starts_at),
                    until_ms=required_ms(change.ends_at),
                )
            case changes.ResourceAway() | changes.MoreOfResource():
                return await self._of_people(change, field)
            case changes.Move():
                return await self.place(change, field)
            case changes.Split():
                machine = await self._machine(change.machine, f"{field}.machine")
                return what_if.Split(operation=change.operation, machine=machine)
            case changes.MaterialAt():
                return what_if.MaterialAt(operation=change.operation, at_ms=required_ms(change.at))
            case _:
                return await self._of_order(change, field)

    async def _of_people(
        self, change: changes.ResourceAway | changes.MoreOfResource, field: str
    ) -> what_if.Change:
        from_ms, until_ms = required_ms(change.starts_at), required_ms(change.ends_at)
        if isinstance(change, changes.MoreOfResource):
            site = change.site
            return what_if.MoreOfResource(
                resource=change.resource,
                count=change.count,
                site=None
                if site is None or len(self._scope.sites) == 1
                else (await self._site(site, f"{field}.site")).id,
                from_ms=from_ms,
                until_ms=until_ms,
            )
        row = await resources.by_id(self._connection, change.resource)
        if row is None or row.site not in self._scope.sites:
            problem = f"there is no such operator or tool in {self._scope.scope!r}"
            raise UnknownReferenceError(f"{field}.resource", str(change.resource), problem)
        if change.count is not None and change.count > row.quantity:
            problem = f"there are {row.quantity} of {row.name}, not {change.count}"
            raise UnknownReferenceError(f"{field}.count", str(change.count), problem)
        return what_if.ResourceAway(
            resource=row.id, count=change.count, from_ms=from_ms, until_ms=until_ms
        )

    async def _of_order(
        self,
        change: changes.OrderRaised
        | changes.OrderDue
        | changes.OrderRemoved
        | changes.OrderAdded
        | changes.PolicyInstead,
        field: str,
    ) -> what_if.Change:
        match change:
            case changes.OrderRaised():
                order = await self.order(change.order, f"{field}.order")
                return what_if.OrderRaised(order=order, priority=change.priority)
            case changes.OrderDue():
                order = await self.order(change.order, f"{field}.order")
                return what_if.OrderDue(order=order, due_ms=required_ms(change.due))
            case changes.OrderRemoved():
                return what_if.OrderRemoved(order=await self.order(change.order, f"{field}.order"))
            case changes.OrderAdded():
                priority = change.priority
                if priority is None:
                    priority = max((await self.policy()).rush_priority, 0)
                return what_if.OrderAdded(
                    name=change.name,
                    works=await self.works(change.lines, change.site, field),
                    priority=priority,
                    due_ms=_epoch_ms(change.due),
                )
            case changes.PolicyInstead():
                try:
                    changed_policy(await self.policy(), change.fields)
                except msgspec.ValidationError as error:
                    named = ", ".join(sorted(change.fields))
                    raise UnknownReferenceError(f"{field}.fields", named, str(error)) from error
                return what_if.PolicyInstead(fields=change.fields)

    async def _machine(self, path: str, field: str) -> int:
        row = await machines.known_machine(self._connection, path, field=field)
        if row.site not in self._scope.sites:
            problem = f"it does not stand in planning scope {self._scope.scope!r}"
            raise UnknownReferenceError(field, path, problem)
        return row.id

    async def _site(self, code: str | None, field: str) -> SiteRow:
        if code is None and len(self._scope.sites) == 1:
            code = self._scope.sites[0]
        if code is None or code not in self._scope.sites:
            problem = f"must be one of {', '.join(self._scope.sites)}"
            raise UnknownReferenceError(field, code or "", problem)
        return await machines.known_site(self._connection, code, field=field)


def required_ms(moment: Moment) -> int:
    """A moment as epoch milliseconds."""
    return round(moment.timestamp() * 1_000)


def _epoch_ms(moment: datetime | None) -> int | None:
    return None if moment is None else required_ms(moment)


def _at(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name

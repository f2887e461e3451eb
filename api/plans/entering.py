"""What publishing a draft enters: looked at before, made, listed, and taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.fields import moment_of
from api.orders.changing import Applied, OrderWish, apply_change
from api.orders.rows import locked
from api.plans.schemas import Entry, EntryList, EntryState
from api.plans.service import known_plan, locked_plan
from contracts.plan import DisruptionKind, PlanState
from domain.plan.entering import EntryKind
from domain.plan.what_if import changed_policy
from store import audit
from store.database import Connection
from store.errors import ConflictError
from store.planning import disruptions, entering, policies
from store.planning.disruptions import DisruptionRow
from store.planning.entering import ToEnter
from store.planning.plan_rows import EnteredRow, PlanRow

_ACTIONS = {
    EntryKind.MAINTENANCE: ("MaintenancePlanned", "MaintenanceGivenUp"),
    EntryKind.EXTRA_SHIFT: ("ExtraShiftEntered", "ExtraShiftTakenBack"),
    EntryKind.ABSENCE: ("AbsenceTold", "AbsenceEnded"),
    EntryKind.POLICY: ("PolicyChanged", "PolicyChanged"),
}
"""How the audit log calls entering and taking back; a changed order says so itself."""


class Entered(msgspec.Struct):
    """What came of entering.

    Attributes:
        entries: what was entered.
        told: the disruptions that tell of it, which the plan answers.
        applied: changes of orders; their events are still to be told.
        settled: what the draft takes for granted, by index, that is so now.
    """

    entries: list[EnteredRow]
    told: list[DisruptionRow]
    applied: list[Applied]
    settled: list[int]


async def entry_list(context: Context, principal: Principal, plan_id: int) -> EntryList:
    """What publishing a draft would enter as things are now, or what was entered.

    Raises:
        NotFoundError: there is no such plan.
    """
    async with context.connection() as connection:
        row = await known_plan(connection, principal, plan_id)
        items = await entries(context, connection, row)
    return EntryList(items=items, total=len(items))


async def entries(context: Context, connection: Connection, row: PlanRow) -> list[Entry]:
    """The same of a plan version."""
    if row.what_if is None:
        return []
    if row.state is not PlanState.DRAFT:
        return entries_of(row.what_if.entered)
    found = await entering.to_enter(connection, row, now_ms=context.clock.now_ms())
    shown = [
        *entries_of(found.entries, EntryState.TO_ENTER),
        *(
            Entry(
                change=each.change,
                kind=each.kind,
                state=EntryState.REFUSED,
                problem=each.words.en,
                problem_zh=each.words.zh,
            )
            for each in found.obstacles
        ),
    ]
    return sorted(shown, key=lambda each: each.change)


async def enter_all(
    context: Context,
    principal: Principal,
    connection: Connection,
    row: PlanRow,
    wanted: ToEnter,
) -> Entered:
    """Make everything so that a draft takes for granted, with audit entries; sites are locked."""
    found = Entered([], [], [], wanted.settled)
    for entry in wanted.entries:
        match EntryKind(entry.kind):
            case EntryKind.PRIORITY:
                priority = int(entry.after["priority"])
                applied = await _prioritised(context, principal, connection, entry, priority)
                found.applied.append(applied)
                found.entries.append(entry)
                continue
            case EntryKind.POLICY:
                await _policy(principal, connection, row.scope, entry.after)
            case EntryKind.MAINTENANCE | EntryKind.EXTRA_SHIFT | EntryKind.ABSENCE:
                pass
        made = await entering.enter(connection, entry, by=principal.actor.name)
        await _audit(principal, connection, row, made, back=False)
        found.entries.append(made)
        found.told.append(await _tell(context, principal, connection, row.scope, made, back=False))
    return found


async def take_back(context: Context, principal: Principal, plan_id: int) -> EntryList:
    """Take back what publishing entered; asked again, nothing is done.

    The plan stays in force until the planner answers, which is told. What somebody has changed
    since stays as it is.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: nothing was entered with it.
    """
    async with context.transaction() as connection:
        row = await known_plan(connection, principal, plan_id)
        await entering.lock_sites(connection, row.scope)
        row = await locked_plan(connection, principal, plan_id)
        entered = row.what_if.entered if row.what_if is not None else []
        if not entered:
            raise ConflictError(
                f"nothing was entered with plan {row.number} of {row.scope!r}",
                code="nothing-entered",
                params={"scope": row.scope, "number": row.number},
            )
        left: list[EnteredRow] = []
        records = []
        for entry in entered:
            if entry.gone is not None:
                left.append(entry)
                continue
            if entry.kind == EntryKind.PRIORITY:
                applied = await _priority_back(context, principal, connection, entry)
                records += applied.records if applied is not None else []
                done = applied is not None
            else:
                done = await _back(context, principal, connection, row, entry)
                if done:
                    disruption = await _tell(
                        context, principal, connection, row.scope, entry, back=True
                    )
                    records.append(disruptions.record(disruption))
            gone = EntryState.TAKEN_BACK if done else EntryState.CHANGED
            left.append(msgspec.structs.replace(entry, gone=gone.value))
        if left != entered:
            await entering.note(connection, plan_id, left)
            await audit.write(
                connection,
                actor=principal.actor,
                action="EntriesTakenBack",
                object_kind="plan",
                object_key=f"{row.scope}/{row.number}",
                after={
                    "scope": row.scope,
                    "plan": row.number,
                    "entries": [each.model_dump(mode="json") for each in entries_of(left)],
                },
            )
            await context.log.append_in(connection, records)
    items = entries_of(left)
    return EntryList(items=items, total=len(items))


def entries_of(rows: Iterable[EnteredRow], state: EntryState = EntryState.ENTERED) -> list[Entry]:
    """Entries as the API shows them."""
    return [
        Entry(
            change=row.change,
            kind=row.kind,
            state=EntryState(row.gone) if row.gone is not None else state,
            machine=row.machine,
            resource=row.resource,
            count=row.count,
            order=row.order,
            starts_at=moment_of(row.from_ms),
            ends_at=moment_of(row.until_ms),
            before=row.before,
            after=row.after,
        )
        for row in rows
    ]


async def _back(
    context: Context,
    principal: Principal,
    connection: Connection,
    row: PlanRow,
    entry: EnteredRow,
) -> bool:
    """Take an entry back; False: it is not what it was any more."""
    if entry.kind == EntryKind.POLICY:
        now = msgspec.to_builtins(await policies.policy_of(connection, row.scope))
        if any(now[name] != value for name, value in entry.after.items()):
            return False
        await _policy(principal, connection, row.scope, entry.before)
    elif not await entering.take_back(connection, entry, now=_now(context)):
        return False
    await _audit(principal, connection, row, entry, back=True)
    return True


async def _policy(
    principal: Principal, connection: Connection, scope: str, fields: dict[str, object]
) -> None:
    policy = changed_policy(await policies.policy_of(connection, scope), fields)
    await policies.put_policy(connection, scope, policy, changed_by=principal.actor.name)


async def _prioritised(
    context: Context,
    principal: Principal,
    connection: Connection,
    entry: EnteredRow,
    priority: int,
) -> Applied:
    """An order with another priority, by the rule for all changes of orders."""
    assert entry.order is not None  # noqa: S101 - of an order
    row = await locked(connection, principal, entry.order)
    wish = OrderWish(priority=priority, reason=entry.reason)
    return await apply_change(context, principal.actor, connection, row, wish)


async def _priority_back(
    context: Context, principal: Principal, connection: Connection, entry: EnteredRow
) -> Applied | None:
    """The priority that an order had; None: it has another one by now than was entered."""
    assert entry.order is not None  # noqa: S101 - of an order
    row = await locked(connection, principal, entry.order)
    if row.priority != entry.after["priority"]:
        return None
    return await _prioritised(context, principal, connection, entry, int(entry.before["priority"]))


async def _audit(
    principal: Principal, connection: Connection, row: PlanRow, entry: EnteredRow, *, back: bool
) -> None:
    """Say it of the machine, of who is away, or of the scope, as if somebody had entered it."""
    kind = EntryKind(entry.kind)
    told = {
        name: value
        for name, value in msgspec.to_builtins(entry).items()
        if name in ("machine", "resource", "count")
    }
    if entry.from_ms is not None:
        starts_at, ends_at = entering.span_of(entry)
        told |= {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    before, after = (entry.after, entry.before) if back else (entry.before, entry.after)
    object_kind, object_key = "planning_scope", row.scope
    if entry.machine is not None:
        object_kind, object_key = "machine", entry.machine
    elif entry.resource_key is not None:
        object_kind, object_key = "resource", entry.resource_key
    await audit.write(
        connection,
        actor=principal.actor,
        action=_ACTIONS[kind][back],
        site_id=entry.site_id,
        object_kind=object_kind,
        object_key=object_key,
        reason=entry.reason,
        before={**told, **before} if back or before else None,
        after={"plan": f"{row.scope}/{row.number}", **({} if back else told), **after},
    )


async def _tell(
    context: Context,
    principal: Principal,
    connection: Connection,
    scope: str,
    entry: EnteredRow,
    *,
    back: bool,
) -> DisruptionRow:
    """What the planner is told, as if somebody had entered it."""
    kind = DisruptionKind.CALENDAR_CHANGED
    detail: dict[str, object] = {"what": "calendar", "reason": entry.reason}
    if entry.kind == EntryKind.POLICY:
        detail = {"what": "policy", "fields": sorted(entry.after)}
    elif entry.from_ms is not None:
        starts_at, ends_at = entering.span_of(entry)
        detail |= {"from": starts_at.isoformat(), "until": ends_at.isoformat()}
    if entry.kind == EntryKind.MAINTENANCE:
        kind = DisruptionKind.MAINTENANCE_PLANNED
        detail["given_up"] = back
    elif entry.kind == EntryKind.ABSENCE:
        kind = DisruptionKind.RESOURCE_ABSENT
        code = (entry.resource_key or "").rpartition("/")[2]
        detail |= {"resource": code, "name": entry.resource, "back": back}
    return await raise_change(
        connection,
        context,
        principal,
        scope=scope,
        kind=kind,
        site_id=entry.site_id,
        machine_id=entry.machine_id,
        detail=detail,
    )


def _now(context: Context) -> datetime:
    return entering.moment(context.clock.now_ms())

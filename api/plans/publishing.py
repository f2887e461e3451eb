"""Putting a draft in force, with all that it takes for granted and that can be entered with it.

One transaction: the plan, the entries in calendars, absences, policy and orders, their audit
entries, and what is told. The sites of the scope are locked first, so that no calendar changes
between the look at it and the plan.
"""

from __future__ import annotations

from api.auth.principal import Principal
from api.context import Context
from api.orders.changing import Applied
from api.orders.releasing import release_judged
from api.plans.entering import Entered, enter_all, entries_of
from api.plans.schemas import Plan
from api.plans.service import known_plan, locked_plan, no_draft, shown, told
from contracts.plan import DisruptionOutcome, PlanState
from store.database import Connection
from store.errors import ConflictError, Fault
from store.planning import basis, disruptions, drafts, entering, plan_rows, plans
from store.planning.entering import ToEnter
from store.planning.plan_rows import PlanRow
from store.planning.plans import StalePlanError


async def publish(context: Context, principal: Principal, plan_id: int) -> Plan:
    """Put a draft in force; one that is in force already stays so, and nothing is done again.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft, the plan it stands on is no longer in force (`stale-base`),
            it takes for granted what cannot be entered (`draft-assumes`), or what it was planned
            with has changed (`calendar-changed`).
    """
    applied: list[Applied] = []
    async with context.transaction() as connection:
        row = await known_plan(connection, principal, plan_id)
        await entering.lock_sites(connection, row.scope)
        row = await locked_plan(connection, principal, plan_id)
        if row.state is PlanState.PUBLISHED and row.published_by is not None:
            return await shown(connection, row)
        if row.state is not PlanState.DRAFT:
            raise no_draft(row, "published")
        if await plans.in_force(connection, row.scope) != row.base_id:
            raise await _stale(connection, row)
        wanted = await _enterable(context, connection, row)
        entered = await enter_all(context, principal, connection, row, wanted)
        plan = await _published(context, principal, connection, row, entered)
        applied = entered.applied
    judged = [each.judged for each in applied if each.judged is not None]
    if judged:
        await release_judged(context, principal, judged)
    return plan


async def _enterable(context: Context, connection: Connection, row: PlanRow) -> ToEnter:
    """What publishing enters; nothing of the planner's own drafts.

    Raises:
        ConflictError: something cannot be entered, or the draft was planned with something else.
    """
    if row.what_if is None:
        return ToEnter(entries=[], obstacles=[], settled=[])
    found = await entering.to_enter(connection, row, now_ms=context.clock.now_ms())
    if found.obstacles:
        raise _assumes(row, found)
    now = await basis.basis_of(connection, row.scope, since_ms=row.as_of_ms)
    parts = basis.changed(row.what_if.basis, now)
    if parts:
        since_ms = round(row.created_at.timestamp() * 1_000)
        by = ", ".join(await basis.who_changed(connection, row.scope, since_ms=since_ms))
        raise ConflictError(
            f"what draft {row.number} of {row.scope!r} was planned with has changed since"
            f" ({', '.join(parts)}{f'; by {by}' if by else ''}): rebase the draft",
            code="calendar-changed",
            params={
                "scope": row.scope,
                "number": row.number,
                "parts": ", ".join(parts),
                "by": by,
            },
        )
    return found


async def _published(
    context: Context,
    principal: Principal,
    connection: Connection,
    row: PlanRow,
    entered: Entered,
) -> Plan:
    """The plan in force, and what was told when its entries were made, answered by it."""
    try:
        stored = await plans.publish_draft(
            connection,
            row.id,
            now_ms=context.clock.now_ms(),
            published_by=principal.actor.name,
            made_true=entered.settled,
            reasons=[each.reason for each in entered.told],
        )
    except StalePlanError:
        raise await _stale(connection, row) from None
    if row.what_if is not None:
        await drafts.keep_locks(
            connection, row.id, locked_by=principal.actor.name, reason=row.what_if.name
        )
    await disruptions.answer(
        connection,
        [each.id for each in entered.told],
        outcome=DisruptionOutcome.PLANNED,
        plan_id=row.id,
    )
    if entered.entries:
        await entering.note(connection, row.id, entered.entries)
    records = [
        *(record for each in entered.applied for record in each.records),
        *(disruptions.record(each) for each in entered.told),
    ]
    entries = [
        each.model_dump(mode="json", exclude_defaults=True) for each in entries_of(entered.entries)
    ]
    return await told(
        context,
        principal,
        connection,
        stored,
        "PlanPublished",
        more={"entered": entries} if entries else None,
        records=records,
    )


async def _stale(connection: Connection, row: PlanRow) -> ConflictError:
    in_force = await plan_rows.published(connection, row.scope)
    base = "no plan" if row.base_number is None else f"plan {row.base_number}"
    now = "none" if in_force is None else f"plan {in_force.number}"
    what_to_do = "ask for a new plan" if row.what_if is None else "rebase the draft"
    return ConflictError(
        f"plan {row.number} of {row.scope!r} stands on {base}, but {now} is in force: {what_to_do}",
        code="stale-base",
        params={"scope": row.scope, "number": row.number, "base": base, "in_force": now},
    )


def _assumes(row: PlanRow, found: ToEnter) -> ConflictError:
    kinds = ", ".join(each.kind for each in found.obstacles)
    return ConflictError(
        f"draft {row.number} of {row.scope!r} takes for granted what publishing cannot enter"
        f" ({kinds}): make it so, then rebase the draft",
        code="draft-assumes",
        params={"scope": row.scope, "number": row.number, "changes": kinds},
        faults=[
            Fault(
                place=f"changes[{each.change}]",
                problem=f"{each.kind} is only thought of: {each.words.en}",
                code=each.kind,
                params={"zh": each.words.zh},
            )
            for each in found.obstacles
        ],
    )

"""Drafts that somebody thinks of: stored beside the plan in force, any number of them.

A draft is a plan version like any other, with what was thought of in `plans.what_if`. Operations of
orders that are not there yet have no rows: where it has them stands there, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from psycopg.types.json import Jsonb

from contracts.plan import PlanState
from domain.plan.metrics import job_ends
from domain.plan.plan import Metrics, Plan, Solved
from domain.plan.what_if import WhatIf
from store import audit
from store.database import Connection
from store.errors import ConflictError
from store.planning import judging
from store.planning.loaded import Loaded, OperationOf
from store.planning.plan_contents import copy_operations, insert_head, insert_orders, order_ends
from store.planning.plan_force import StalePlanError, StoredPlan, hold, in_force, lock_scope
from store.planning.plan_rows import AddedOperationRow, AddedOrderRow, PartRow, WhatIfRow

MOST_DRAFTS: Final = 100
"""So many drafts of a scope may be open; then some have to be discarded first."""


class NewDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft to be stored.

    Attributes:
        request: names the request that it answers.
        about: what was thought of.
        actor: who thought of it.
        expires_ms: when it is discarded.
        replaces: a draft that is discarded with it.
    """

    request: str
    about: WhatIfRow
    actor: audit.Actor
    expires_ms: int
    replaces: int | None = None


def named(loaded: Loaded, thought: WhatIf) -> Loaded:
    """What was loaded, with the changed problem, and names for what is only thought of."""
    added = {
        id_: OperationOf(
            work_order_id=0, work_order=f"{each.order} · {each.item}", number=each.number
        )
        for id_, each in thought.added.items()
    }
    parts = {
        id_: loaded.operations[whole]
        for id_, whole in thought.parts.items()
        if whole in loaded.operations
    }
    return msgspec.structs.replace(
        loaded, problem=thought.problem, operations={**loaded.operations, **added, **parts}
    )


async def known_request(connection: Connection, request: str) -> StoredPlan | None:
    """The draft that a request was answered with; None: it was not yet."""
    cursor = await connection.execute(
        "SELECT id, scope, number, state FROM plans WHERE request = %s", (request,)
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return StoredPlan(
        id=row[0], scope=row[1], number=row[2], state=PlanState(row[3]), moved_orders=[]
    )


async def store_draft(
    connection: Connection,
    loaded: Loaded,
    thought: WhatIf,
    solved: Solved,
    *,
    waiting: Metrics,
    new: NewDraft,
    now_ms: int,
) -> StoredPlan:
    """Store a draft; asked again for the same request, the one that there is.

    Args:
        connection: in a READ COMMITTED transaction.
        loaded: what the changes were made to.
        thought: the changed problem.
        solved: the plan for it, accepted by the validator.
        waiting: the figures of right-shift.
        new: the draft.
        now_ms: the moment of storing.

    Raises:
        StalePlanError: another plan is in force by now, or an operation is gone. Load again.
        ConflictError: there are too many drafts.
        RefusedPlanError: the validator refuses it as it was stored.
    """
    scope = loaded.scope
    await lock_scope(connection, scope)
    known = await known_request(connection, new.request)
    if known is not None:
        return known
    if await in_force(connection, scope) != (loaded.base.id if loaded.base else None):
        raise StalePlanError(scope, "another plan was published meanwhile")
    if new.replaces is not None:
        await _discard(connection, scope, new.replaces)
    await _make_sure_of_room(connection, scope)
    told = named(loaded, thought)
    ends = order_ends(told, solved)
    await hold(connection, scope, _there(told), [end.order_id for end in ends])
    plan_id, number = await insert_head(
        connection,
        told,
        solved,
        state=PlanState.DRAFT,
        waiting=waiting,
        reasons=(),
        late_orders=sum((end.lateness_ms or 0) > 0 for end in ends),
        now_ms=now_ms,
        published_by=None,
    )
    about = _with_added(new.about, told, thought, solved)
    await connection.execute(
        """
        UPDATE plans SET what_if = %s, created_by = %s, expires_at = %s, request = %s
        WHERE id = %s
        """,
        (
            Jsonb(about, dumps=lambda content: msgspec.json.encode(content).decode()),
            new.actor.name,
            datetime.fromtimestamp(new.expires_ms / 1000, UTC),
            new.request,
            plan_id,
        ),
    )
    await copy_operations(connection, plan_id, told, _real(solved))
    await insert_orders(connection, plan_id, ends)
    await judging.check(
        connection,
        plan_id,
        told.problem,
        beside=[each for each in solved.plan.assignments if each.operation < 0],
    )
    await _tell(connection, loaded, plan_id, number, new)
    return StoredPlan(
        id=plan_id, scope=scope, number=number, state=PlanState.DRAFT, moved_orders=[]
    )


async def keep_locks(
    connection: Connection, plan_id: int, *, locked_by: str, reason: str
) -> list[int]:
    """Lock what a draft that is put in force has moved: to its machine, and not before its date.

    Answers the operations. What the floor has begun meanwhile needs no lock.
    """
    cursor = await connection.execute(
        """
        INSERT INTO operation_locks (operation_id, machine_id, not_before, reason, locked_by)
        SELECT o.id, (c.change->>'machine')::integer,
               to_timestamp((c.change->>'start_ms')::bigint / 1000.0), %(reason)s, %(by)s
        FROM plans p
        CROSS JOIN LATERAL jsonb_array_elements(p.what_if->'changes')
            WITH ORDINALITY AS c (change, place)
        JOIN operations o ON o.id = (c.change->>'operation')::bigint
        WHERE p.id = %(plan)s AND c.change->>'kind' = 'move'
          AND o.state IN ('planned', 'released')
          AND NOT EXISTS (
              SELECT FROM jsonb_array_elements(p.what_if->'changes')
                  WITH ORDINALITY AS l (change, place)
              WHERE l.place > c.place AND l.change->>'kind' = 'move'
                AND l.change->>'operation' = c.change->>'operation')
        ORDER BY o.id
        ON CONFLICT (operation_id) DO UPDATE
        SET machine_id = excluded.machine_id, not_before = excluded.not_before, turn = NULL,
            reason = excluded.reason, locked_by = excluded.locked_by, locked_at = now()
        RETURNING operation_id
        """,
        {"plan": plan_id, "reason": reason, "by": locked_by},
    )
    return sorted(row[0] for row in await cursor.fetchall())


def _there(loaded: Loaded) -> Loaded:
    """Without what is only thought of: it has no rows to be held."""
    operations = tuple(each for each in loaded.problem.operations if each.id > 0)
    problem = msgspec.structs.replace(loaded.problem, operations=operations)
    return msgspec.structs.replace(loaded, problem=problem)


def _real(solved: Solved) -> Solved:
    """Without what is only thought of."""
    assignments = tuple(each for each in solved.plan.assignments if each.operation > 0)
    return msgspec.structs.replace(solved, plan=Plan(assignments))


def _with_added(about: WhatIfRow, loaded: Loaded, thought: WhatIf, solved: Solved) -> WhatIfRow:
    """What came of orders that are only thought of."""
    ends = job_ends(thought.problem, solved.plan)
    dues: Mapping[int, int | None] = {job.id: job.due_ms for job in thought.problem.jobs}
    pieces = {each.id: each.pieces for each in thought.problem.operations}
    return msgspec.structs.replace(
        about,
        assumed=list(thought.assumed),
        moved=list(thought.moved),
        added=[
            AddedOperationRow(
                order=thought.added[each.operation].order,
                item=thought.added[each.operation].item,
                operation=thought.added[each.operation].number,
                machine=loaded.machines[each.machine],
                setup_start_ms=each.setup_start_ms,
                start_ms=each.start_ms,
                end_ms=each.end_ms,
            )
            for each in solved.plan.assignments
            if each.operation in thought.added
        ],
        added_orders=[
            AddedOrderRow(
                order=order,
                end_ms=max(ends[job] for job in jobs),
                due_ms=min((due for job in jobs if (due := dues[job]) is not None), default=None),
            )
            for order, jobs in thought.added_jobs.items()
        ],
        parts=[
            PartRow(
                work_order=loaded.operations[each.operation].work_order,
                operation=loaded.operations[each.operation].number,
                machine=loaded.machines[each.machine],
                pieces=pieces[each.operation],
                setup_start_ms=each.setup_start_ms,
                start_ms=each.start_ms,
                end_ms=each.end_ms,
            )
            for each in solved.plan.assignments
            if each.operation in thought.parts
        ],
    )


async def _discard(connection: Connection, scope: str, plan_id: int) -> None:
    """Discard the draft that another one is made in place of."""
    await connection.execute(
        """
        UPDATE plans SET state = 'discarded'
        WHERE id = %s AND scope = %s AND state = 'draft' AND what_if IS NOT NULL
        """,
        (plan_id, scope),
    )


async def _make_sure_of_room(connection: Connection, scope: str) -> None:
    cursor = await connection.execute(
        """
        SELECT count(*) FROM plans
        WHERE scope = %s AND state = 'draft' AND what_if IS NOT NULL AND expires_at > now()
        """,
        (scope,),
    )
    row = await cursor.fetchone()
    if row is not None and row[0] >= MOST_DRAFTS:
        raise ConflictError(
            f"{row[0]} drafts of {scope!r} are open, {MOST_DRAFTS} at most: discard some first",
            code="too-many-drafts",
            params={"scope": scope, "open": row[0], "most": MOST_DRAFTS},
        )


async def _tell(
    connection: Connection, loaded: Loaded, plan_id: int, number: int, new: NewDraft
) -> None:
    """Write down who thought of it."""
    sites = loaded.sites
    await audit.write(
        connection,
        actor=new.actor,
        action="DraftMade",
        site_id=sites[0].id if len(sites) == 1 else None,
        object_kind="plan",
        object_key=f"{loaded.scope}/{number}",
        reason=new.about.name,
        after={
            "scope": loaded.scope,
            "plan": number,
            "id": plan_id,
            "changes": msgspec.to_builtins(new.about.changes),
            "replaces": new.replaces,
        },
    )

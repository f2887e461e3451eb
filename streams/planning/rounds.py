"""One round of a scope's projection: read, shift, write, compare, tell, in one transaction.

Breakdowns are told in one of their own before it: they need no projection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from domain.plan.breakdowns import (
    MachineStanding,
    machine_causes,
    threshold_ms,
    useful_machines,
)
from domain.plan.cause import Cause
from domain.plan.disturbance import Promise, Situation, causes, ends_ms
from domain.plan.order_changes import first_cause
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
from domain.plan.problem import PinKind, Problem
from domain.plan.right_shift import right_shift
from runtime.clock import Clock
from store.database import Connection, Pool
from store.live_times import rfc3339_ms
from store.log import StreamLog
from store.planning.disruptions import NewDisruption, raise_disruptions, record
from store.planning.loaded import Loaded, OperationOf
from store.planning.problem import load_problem
from store.planning.projections import Projection, write_projections
from store.planning.standing import (
    Outlook,
    lock_round,
    machine_standings,
    outlook,
    sites_of,
)

MINUTE_MS: Final = 60_000
STEADY_MS: Final = 5_000
"""A row is not written anew for less: while nobody starts what could start, everything moves with
the clock."""
GRACE_S: Final = 10.0
"""Work that no plan holds is told by its own event; only when that did not happen, by the round."""


class RoundResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a round came to.

    Attributes:
        scope, now_ms: whose round, and the moment that it is about.
        busy: whether a plan is in force, or work waits for one.
        stale: another plan was put in force meanwhile: nothing was written, look again.
        operations: whose projection changed, as screens show it: to the minute.
        orders: site and id of those whose projected end moved by a minute.
        raised: how many disruptions are new.
        look_at_ms: when to look again at the latest, because a machine will have been down for
            the threshold then.
    """

    scope: str
    now_ms: int
    busy: bool = True
    stale: bool = False
    operations: frozenset[int] = frozenset()
    orders: Sequence[tuple[str, int]] = ()
    raised: int = 0
    look_at_ms: int | None = None


class _Memory:
    """What is remembered of a scope between rounds; after a restart all of it is told again."""

    def __init__(self) -> None:
        self.plan_id: int | None = None
        self.told: dict[int, int | None] = {}
        """Orders' projected ends as they were last told."""
        self.written: dict[int, Projection] = {}
        """The rows as they were last written."""
        self.shown: dict[int, tuple[int, int, int]] = {}
        """Machine, start and end minute of each operation as they were last told."""
        self.raised: set[str] = set()
        """The keys that were told since the plan was put in force."""
        self.policy = Policy()
        self.useful: frozenset[int] = frozenset()
        """The machines that there is work for."""
        self.bare_since: float | None = None
        """Since when there is work that no plan holds, on the monotonic clock."""


class Round:
    """Makes rounds.

    Args:
        pool: where the rows are.
        log: where disruptions' events go.
        clock: the time.
    """

    def __init__(self, *, pool: Pool, log: StreamLog, clock: Clock) -> None:
        self._pool = pool
        self._stream_log = log
        self._clock = clock
        self._memories: dict[str, _Memory] = {}

    def forget(self) -> None:
        """Another worker made the rounds meanwhile: tell everything anew."""
        self._memories.clear()

    async def make(self, scope: str) -> RoundResult:
        """Bring a scope's projection up to date and tell what makes its plan wrong."""
        told = await self._breakdowns(scope)
        result = await self._project(scope)
        return msgspec.structs.replace(result, raised=result.raised + told)

    async def _breakdowns(self, scope: str) -> int:
        """Tell breakdowns before all else: the planner gets ready while the projection is made."""
        memory = self._memories.get(scope)
        if memory is None or memory.plan_id is None:
            return 0
        async with self._pool.connection() as connection:
            standings = await machine_standings(connection, scope)
            useful = [each for each in standings if each.machine in memory.useful]
            found = machine_causes(useful, memory.policy, self._clock.now_ms())
            untold = [cause for cause in found if cause.key not in memory.raised]
            if not untold:
                return 0
            async with connection.transaction():
                await lock_round(connection, scope)
                raised = await self._tell(connection, scope, {}, untold)
        memory.raised.update(cause.key for cause in untold)
        return raised

    async def _project(self, scope: str) -> RoundResult:
        async with self._pool.connection() as connection, connection.transaction():
            await lock_round(connection, scope)
            now_ms = self._clock.now_ms()
            loaded = await load_problem(connection, scope, now_ms=now_ms)
            standings = await machine_standings(connection, scope)
            projected = await self._projected(loaded)
            ahead = await outlook(connection, scope)
            plan_id = loaded.base.id if loaded.base is not None else None
            if ahead.published != plan_id:
                return RoundResult(scope=scope, now_ms=now_ms, stale=True)
            fresh = scope not in self._memories
            memory = self._memories.setdefault(scope, _Memory())
            if memory.plan_id != plan_id:
                memory.plan_id = plan_id
                memory.raised.clear()
            rows = _rows(projected, plan_id, memory.written)
            await write_projections(connection, scope, rows)
            found = [
                *self._causes(loaded, projected, standings, ahead),
                *self._bare(loaded, scope, memory, ahead, fresh=fresh),
            ]
            untold = [cause for cause in found if cause.key not in memory.raised]
            raised = await self._tell(connection, scope, loaded.operations, untold)
        memory.written = rows
        memory.policy = loaded.problem.policy
        memory.useful = useful_machines(loaded.problem)
        memory.raised.update(cause.key for cause in untold)
        return RoundResult(
            scope=scope,
            now_ms=now_ms,
            busy=plan_id is not None or bool(loaded.problem.operations),
            operations=_shown_anew(projected, memory),
            orders=_moved(loaded, projected, memory),
            raised=raised,
            look_at_ms=threshold_ms(standings, loaded.problem.policy, now_ms),
        )

    async def _projected(self, loaded: Loaded) -> dict[int, Assignment]:
        """Where reality puts what the plan in force holds, and what has begun without it."""
        if loaded.base is None:
            return {}
        # In a thread: the machines' telemetry goes on meanwhile.
        plan = await asyncio.to_thread(right_shift, loaded.problem)
        held = loaded.baseline.keys() | _running(loaded.problem)
        return {each.operation: each for each in plan.assignments if each.operation in held}

    def _causes(
        self,
        loaded: Loaded,
        projected: Mapping[int, Assignment],
        standings: Sequence[MachineStanding],
        ahead: Outlook,
    ) -> list[Cause]:
        if loaded.base is None:
            return []
        situation = Situation(
            plan_id=loaded.base.id,
            problem=loaded.problem,
            planned=loaded.baseline,
            projected=projected,
            machines=standings,
            promises=[
                Promise(order=order_id, jobs=frozenset(order.jobs), due_ms=order.due_ms)
                for order_id, order in loaded.orders.items()
            ],
            answering=ahead.answering,
            comes={
                job: {"item": material.item, "reference": material.reference}
                for job, material in loaded.materials.items()
                if material.at_ms is not None
            },
        )
        return causes(situation)

    def _bare(
        self, loaded: Loaded, scope: str, memory: _Memory, ahead: Outlook, *, fresh: bool
    ) -> list[Cause]:
        """Work that could be planned, is in no plan, and whose event nobody seems to have told."""
        bare = {each.id for each in loaded.problem.operations} - loaded.baseline.keys()
        if not bare or ahead.answering:
            memory.bare_since = None
            return []
        now = self._clock.monotonic()
        if memory.bare_since is None:
            memory.bare_since = now
        if now - memory.bare_since < GRACE_S and not (fresh and loaded.base is None):
            return []
        cause = first_cause(scope, bare, loaded.problem.now_ms)
        return [cause] if cause is not None else []

    async def _tell(
        self,
        connection: Connection,
        scope: str,
        operations: Mapping[int, OperationOf],
        untold: Sequence[Cause],
    ) -> int:
        """Raise causes; answers how many are new. Their events go last."""
        if not untold:
            return 0
        new = await _disruptions(connection, scope, operations, untold)
        rows = await raise_disruptions(connection, new)
        if rows:
            await self._stream_log.append_in(connection, [record(row) for row in rows])
        return len(rows)


def _shown_anew(projected: Mapping[int, Assignment], memory: _Memory) -> frozenset[int]:
    """The operations that screens show otherwise now, those that have gone included.

    While nobody starts what could start everything moves, second by second.
    """
    before = memory.shown
    memory.shown = {
        operation: (place.machine, place.start_ms // MINUTE_MS, place.end_ms // MINUTE_MS)
        for operation, place in projected.items()
    }
    new = {one for one, shown in memory.shown.items() if before.get(one) != shown}
    return frozenset(new | (before.keys() - memory.shown.keys()))


def _moved(
    loaded: Loaded, projected: Mapping[int, Assignment], memory: _Memory
) -> list[tuple[str, int]]:
    """The orders whose projected end is not the one that was told, to a minute."""
    of_job: dict[int, list[int]] = {}
    for operation in loaded.problem.operations:
        of_job.setdefault(operation.job, []).append(operation.id)
    sites = {site.id: site.code for site in loaded.sites}
    moved = []
    before, memory.told = memory.told, {}
    for order_id, order in loaded.orders.items():
        operations = [one for job in order.jobs for one in of_job.get(job, ())]
        end_ms = ends_ms(operations, projected) if order.complete else None
        if order_id in before and not _differ(before[order_id], end_ms):
            memory.told[order_id] = before[order_id]
        else:
            memory.told[order_id] = end_ms
            if order.site_id in sites:
                moved.append((sites[order.site_id], order_id))
    return moved


def _running(problem: Problem) -> set[int]:
    return {
        each.id
        for each in problem.operations
        if each.pin is not None and each.pin.kind is PinKind.RUNNING
    }


def _rows(
    projected: Mapping[int, Assignment], plan_id: int | None, written: Mapping[int, Projection]
) -> dict[int, Projection]:
    """The rows to write; one that has hardly moved stays what it is."""
    rows = {}
    for operation, place in projected.items():
        before = written.get(operation)
        if (
            before is not None
            and before.plan_id == plan_id
            and before.machine == place.machine
            and abs(before.start_ms - place.start_ms) < STEADY_MS
            and abs(before.end_ms - place.end_ms) < STEADY_MS
        ):
            rows[operation] = before
        else:
            rows[operation] = Projection(
                machine=place.machine,
                start_ms=place.start_ms,
                end_ms=place.end_ms,
                plan_id=plan_id,
            )
    return rows


def _differ(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) >= MINUTE_MS


async def _disruptions(
    connection: Connection,
    scope: str,
    operations: Mapping[int, OperationOf],
    found: Sequence[Cause],
) -> list[NewDisruption]:
    """Causes with the names and sites that belong to them."""
    sites = await sites_of(
        connection,
        machine_ids=[cause.machine for cause in found if cause.machine is not None],
        operation_ids=[cause.operation for cause in found if cause.operation is not None],
        order_ids=[cause.order for cause in found if cause.order is not None],
    )
    new = []
    for cause in found:
        detail = dict(cause.detail)
        if "since" in detail:
            detail["since"] = rfc3339_ms(detail["since"])
        if cause.successor is not None and cause.successor in operations:
            successor = operations[cause.successor]
            detail["successor"] = f"{successor.work_order}/{successor.number}"
        site_id = (
            sites.get(("machine", cause.machine or 0))
            or sites.get(("operation", cause.operation or 0))
            or sites.get(("order", cause.order or 0))
        )
        new.append(
            NewDisruption(
                scope=scope,
                kind=cause.kind,
                key=cause.key,
                occurred_ms=cause.occurred_ms,
                site_id=site_id,
                machine_id=cause.machine,
                operation_id=cause.operation,
                order_id=cause.order,
                detail=detail,
            )
        )
    return new

"""What a scope's planner reads and writes, each in one transaction.

A round reads what is open and the problem in one snapshot. Its answer is one transaction: the plan
(or the word that the plan in force stays, or that there is none) and the closed rows, the event
last. Whoever writes has locked the scope and made sure that the round's ground has not moved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from contracts.live import PlanReason
from contracts.plan import DisruptionKind, DisruptionOutcome, PlanState
from domain.plan.plan import Conflict, Metrics, Solved
from domain.plan.policy import PublishRule
from runtime.clock import Clock
from store.database import Connection, Pool
from store.log import StreamLog
from store.planning import disruptions, judging, plan_contents, plans
from store.planning.disruptions import DisruptionRow
from store.planning.failures import fail
from store.planning.loaded import Loaded
from store.planning.plans import StalePlanError, StoredPlan
from store.planning.policies import policy_of
from store.planning.problem import load_problem
from store.planning.problem_rows import snapshot


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round starts from.

    Attributes:
        loaded: the problem.
        rows: the open disruptions, never none.
        outdated: whether the plan in force tells what is no longer so, wherever it has operations:
            work was cancelled, an order is due at another time, other work cannot be planned.
    """

    loaded: Loaded
    rows: Sequence[DisruptionRow]
    outdated: bool

    @property
    def ids(self) -> list[int]:
        """The ids of the disruptions."""
        return [row.id for row in self.rows]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was stored, with what it was made from and why."""

    loaded: Loaded
    solved: Solved
    waiting: Metrics
    stored: StoredPlan
    reasons: Sequence[PlanReason]


class ScopeRows:
    """One scope's rows, as its planner needs them.

    Args:
        scope: which scope.
        pool, log: where plans are stored and told.
        clock: for the moment that plans are made and stored at.
    """

    def __init__(self, scope: str, *, pool: Pool, log: StreamLog, clock: Clock) -> None:
        self._scope = scope
        self._pool = pool
        self._log = log
        self._clock = clock

    async def newest(self) -> int | None:
        """The newest open disruption; None when nothing is open."""
        async with self._pool.connection() as connection:
            rows = await disruptions.open_disruptions(connection, self._scope)
        return rows[-1].id if rows else None

    async def debounce_s(self) -> float:
        """How long the scope wants disruptions to be waited for."""
        async with self._pool.connection() as connection:
            policy = await policy_of(connection, self._scope)
        return policy.debounce_ms / 1_000

    async def load(self) -> Round | None:
        """What is open and the problem, as of one moment; None when nothing is open."""
        now_ms = self._clock.now_ms()
        async with self._pool.connection() as connection, snapshot(connection):
            rows = await disruptions.open_disruptions(connection, self._scope)
            if not rows:
                return None
            loaded = await load_problem(connection, self._scope, now_ms=now_ms)
            outdated = await _is_outdated(connection, loaded, {row.kind for row in rows})
        return Round(loaded=loaded, rows=rows, outdated=outdated)

    async def load_quiet(self) -> Loaded | None:
        """The problem as it is now; None when something is open."""
        now_ms = self._clock.now_ms()
        async with self._pool.connection() as connection, snapshot(connection):
            if await disruptions.open_disruptions(connection, self._scope):
                return None
            return await load_problem(connection, self._scope, now_ms=now_ms)

    async def store(self, round_: Round, solved: Solved, waiting: Metrics) -> Planned:
        """Answer with a plan: in force or a draft, as the policy says.

        Raises:
            StalePlanError: the round has to be made again.
            RefusedPlanError: the validator refuses what was stored; nothing is answered.
        """
        loaded = round_.loaded
        reasons = [row.reason for row in round_.rows]
        automatic = loaded.problem.policy.publish is PublishRule.AUTO
        async with self._pool.connection() as connection, connection.transaction():
            await self._hold(connection, round_.ids)
            stored = await plans.store_plan(
                connection,
                loaded,
                solved,
                state=PlanState.PUBLISHED if automatic else PlanState.DRAFT,
                waiting=waiting,
                reasons=reasons,
                disruption_ids=round_.ids,
                now_ms=self._clock.now_ms(),
            )
            await judging.check(connection, stored.id, loaded.problem)
            await self._log.append_in(connection, [plans.record(stored)])
        return Planned(
            loaded=loaded, solved=solved, waiting=waiting, stored=stored, reasons=reasons
        )

    async def keep(self, round_: Round) -> None:
        """Answer that the plan in force stays.

        Raises:
            StalePlanError: the round has to be made again.
        """
        base = round_.loaded.base
        async with self._pool.connection() as connection, connection.transaction():
            await self._hold(connection, round_.ids)
            in_force = await plans.published(connection, self._scope)
            if (in_force and in_force.id) != (base and base.id):
                raise StalePlanError(self._scope, "another plan was published meanwhile")
            await disruptions.answer(connection, round_.ids, outcome=DisruptionOutcome.NO_CHANGE)
            await self._tell(connection, round_.rows)

    async def fail(self, round_: Round, conflicts: Sequence[Conflict]) -> None:
        """Answer that there is no plan, and which facts are in its way.

        Raises:
            StalePlanError: the round has to be made again.
        """
        async with self._pool.connection() as connection, connection.transaction():
            await self._hold(connection, round_.ids)
            await fail(connection, round_.ids, conflicts)
            await self._tell(connection, round_.rows)

    async def replace(
        self, planned: Planned, loaded: Loaded, solved: Solved, waiting: Metrics
    ) -> Planned | None:
        """Store a better plan for the same reasons; None when something is open.

        It comes in force if the first one is, and is a draft if that one still waits.

        Raises:
            StalePlanError: somebody decided on the first one meanwhile.
            RefusedPlanError: the validator refuses what was stored; the first one stays.
        """
        state = planned.stored.state
        async with self._pool.connection() as connection, connection.transaction():
            await plans.lock_scope(connection, self._scope)
            if await disruptions.open_disruptions(connection, self._scope):
                return None
            first = await plans.plan_row(connection, planned.stored.id)
            if first is None or first.state is not state:
                raise StalePlanError(self._scope, "somebody decided on its plan meanwhile")
            stored = await plans.store_plan(
                connection,
                loaded,
                solved,
                state=state,
                waiting=waiting,
                reasons=planned.reasons,
                disruption_ids=(),
                now_ms=self._clock.now_ms(),
            )
            await judging.check(connection, stored.id, loaded.problem)
            await self._log.append_in(connection, [plans.record(stored)])
        return Planned(
            loaded=loaded, solved=solved, waiting=waiting, stored=stored, reasons=planned.reasons
        )

    async def note_bound(self, plan_id: int, *, cost: int, bound: int) -> None:
        """Note what the search has proven of a plan; see `plan_contents.note_bound`."""
        async with self._pool.connection() as connection, connection.transaction():
            await plan_contents.note_bound(connection, plan_id, cost=cost, bound=bound)

    async def _hold(self, connection: Connection, ids: Collection[int]) -> None:
        """Lock the scope, and make sure that nobody has answered meanwhile.

        Raises:
            StalePlanError: somebody has.
        """
        await plans.lock_scope(connection, self._scope)
        rows = await disruptions.open_disruptions(connection, self._scope)
        if not {row.id for row in rows}.issuperset(ids):
            raise StalePlanError(self._scope, "somebody else has answered its disruptions")

    async def _tell(self, connection: Connection, rows: Sequence[DisruptionRow]) -> None:
        """Have screens look at the rows again: there is no plan to tell of their answer."""
        await self._log.append_in(connection, [disruptions.record(row) for row in rows])


async def _is_outdated(connection: Connection, loaded: Loaded, kinds: Collection[str]) -> bool:
    """See `Round.outdated`."""
    unplanned = {(each.operation_id, each.code) for each in loaded.unplanned}
    if loaded.base is None:
        return bool(unplanned)
    if DisruptionKind.ORDER_CANCELLED in kinds:
        return True
    if unplanned != {(each.operation_id, each.code) for each in loaded.base.unplanned}:
        return True
    if DisruptionKind.ORDER_CHANGED not in kinds:
        return False
    told = await plans.plan_orders(connection, loaded.base.id)
    orders = loaded.orders
    return any(row.order_id in orders and orders[row.order_id].due_ms != row.due_ms for row in told)

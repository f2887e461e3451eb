"""Random disruptions, from rows to rows: what the planner puts in force keeps to everything.

Each disruption is answered as the worker answers it: loaded, planned (now and then improved), and
stored, where the validator reads the stored rows back and refuses what is wrong. Then the stored
plan is judged once more, against the problem as somebody else loads it, and the frozen zone is
looked at in rows alone. `GEMBA_DISRUPTIONS=10000` tries as many; otherwise a few.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from planning_rich_walk import EVERYTHING, RichWalk, features
from planning_rows import NOW_MS, Rows
from planning_shop import SCOPE

from contracts.plan import DisruptionKind, DisruptionOutcome
from contracts.streams import PARTITIONS, TOPICS
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
from scheduler import kernel
from scheduler.improving import improve
from scheduler.rows import Planned, Round, ScopeRows
from scheduler.scope import _stays
from scheduler.solve import First, first_plan
from scheduler.transfer import transfer
from store.database import Connection, Pool
from store.log import build_log
from store.planning import judging, plans, policies
from store.planning.disruptions import NewDisruption, raise_disruptions
from store.planning.problem import load_problem

COUNT = int(os.environ.get("GEMBA_DISRUPTIONS", "60"))
WALKS = 3
"""The last ones of a long run change nothing of the first ones."""
POLICY_EVERY = 20
IMPROVE_EVERY = 10
IMPROVE_MS = 80
MANY = 200
"""So many disruptions come across everything."""


class WalksClock:
    """The moment of a walk."""

    def __init__(self) -> None:
        self.at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000


@dataclass
class Answers:
    """One walk's disruptions, and what became of them."""

    pool: Pool
    connection: Connection
    walk: RichWalk
    clock: WalksClock = field(default_factory=WalksClock)
    outcomes: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    frozen: int = 0
    raised: int = 0

    def __post_init__(self) -> None:
        log = build_log("embedded://", self.pool)
        self.rows = ScopeRows(SCOPE, pool=self.pool, log=log, clock=self.clock)

    async def answer(self, kind: DisruptionKind) -> None:
        """Raise it, and answer it as the worker does."""
        self.raised += 1
        self.clock.at_ms = self.walk.now_ms
        async with self.connection.transaction():
            await raise_disruptions(
                self.connection,
                [
                    NewDisruption(
                        scope=SCOPE,
                        kind=kind,
                        key=f"walk:{self.raised}",
                        occurred_ms=self.walk.now_ms,
                    )
                ],
            )
        before = await self._in_force()
        round_ = await self.rows.load()
        assert round_ is not None
        self.seen |= features(round_.loaded.problem)
        outcome = first_plan(round_.loaded.problem, limit_ms=0, explain=False)
        if not isinstance(outcome, First):
            # What is pinned may wait for what is pinned behind it: then there is no plan.
            assert outcome.conflicts
            assert not [each for each in outcome.conflicts if each.code.startswith("rejected")]
            await self.rows.fail(round_, outcome.conflicts)
            self.outcomes["failed"] += 1
        elif _stays(round_, outcome):
            await self.rows.keep(round_)
            self.outcomes["no_change"] += 1
        else:
            planned = await self.rows.store(round_, outcome.solved, outcome.waiting)
            await self._judge(planned, before)
            if not self.raised % IMPROVE_EVERY:
                await self._improve(round_, planned, before)
            self.outcomes["planned"] += 1
        assert await self.rows.newest() is None

    async def _improve(
        self, round_: Round, planned: Planned, before: Mapping[int, Assignment]
    ) -> None:
        """A better plan in the place of the first one, if there is one."""
        problem = round_.loaded.problem
        better = improve(problem, planned.solved, limit_ms=IMPROVE_MS, explain=False)
        now = await self.rows.load_quiet()
        assert now is not None
        found = transfer(
            now.problem, better=better, first=planned.solved.plan, baseline=problem.baseline
        )
        if found is None:
            return
        replaced = await self.rows.replace(planned, now, found.solved, found.waiting)
        assert replaced is not None
        await self._judge(replaced, before)

    async def _judge(self, planned: Planned, before: Mapping[int, Assignment]) -> None:
        """The stored plan, against what somebody else loads; and the frozen zone."""
        self.methods[planned.solved.method] += 1
        now_ms = self.walk.now_ms
        again = await load_problem(self.connection, SCOPE, now_ms=now_ms)
        assert await judging.judged(self.connection, planned.stored.id, again.problem) == []
        after = await plans.assignments(self.connection, planned.stored.id)
        assert after.keys() == {each.id for each in again.problem.operations}
        for operation in await self._frozen(before, planned.loaded.problem.policy):
            assert after[operation].machine == before[operation].machine, operation
            assert after[operation].start_ms >= before[operation].start_ms, operation
            self.frozen += 1

    async def _in_force(self) -> Mapping[int, Assignment]:
        found = await plans.published(self.connection, SCOPE)
        return await plans.assignments(self.connection, found.id) if found else {}

    async def _frozen(self, before: Mapping[int, Assignment], policy: Policy) -> Sequence[int]:
        """What a plan in force starts within the frozen zone, and nothing is in the way of.

        In rows alone, and on the safe side: first steps that need nobody and wait for nothing.
        """
        now_ms = self.walk.now_ms
        until_ms = now_ms + policy.frozen_ms
        soon = {one: at.machine for one, at in before.items() if at.start_ms < until_ms}
        if not soon or not _is_shift(now_ms):
            return []
        cursor = await self.connection.execute(
            """
            SELECT o.id FROM unnest(%(operations)s::bigint[], %(machines)s::integer[])
                AS b (operation_id, machine_id)
            JOIN operations o ON o.id = b.operation_id
            JOIN work_orders w ON w.id = o.work_order_id
            JOIN machine_states s ON s.machine_id = b.machine_id
            WHERE o.state = 'planned' AND o.needs = '{}' AND o.cycle_ms IS NOT NULL
              AND w.cancelled_at IS NULL AND s.state <> 'down'
              AND (w.not_before IS NULL OR w.not_before <= to_timestamp(%(now)s / 1000.0))
              AND NOT EXISTS (SELECT FROM operation_locks l WHERE l.operation_id = o.id)
              AND NOT EXISTS (SELECT FROM operations e WHERE e.work_order_id = o.work_order_id
                              AND e.number < o.number)
              AND NOT EXISTS (SELECT FROM pegs g WHERE g.demand_work_order_id = w.id)
              AND NOT EXISTS (SELECT FROM reservations r WHERE r.work_order_id = w.id)
              AND NOT EXISTS (SELECT FROM calendar_exceptions c
                              WHERE c.machine_id = b.machine_id
                              AND c.starts_at < to_timestamp(%(until)s / 1000.0)
                              AND c.ends_at > to_timestamp(%(now)s / 1000.0))
            """,
            {
                "operations": list(soon),
                "machines": list(soon.values()),
                "now": now_ms,
                "until": until_ms,
            },
        )
        return [row[0] for row in await cursor.fetchall()]


def _is_shift(moment_ms: int) -> bool:
    """Whether the walk's sites work at a moment: Monday to Saturday from six to ten."""
    moment = datetime.fromtimestamp(moment_ms / 1_000, UTC)
    return moment.weekday() < 6 and 6 <= moment.hour < 22


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kernel.warm_up()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(WALKS))
async def test_no_stored_plan_is_refused_and_nothing_frozen_moves(
    rows: Rows, connection: Connection, pool: Pool, seed: int
) -> None:
    await build_log("embedded://", pool).create_topics(TOPICS, PARTITIONS)
    walk = RichWalk(rows, 1_000 + seed)
    await walk.begin()
    answers = Answers(pool, connection, walk)
    count = -(-COUNT // WALKS)
    for number in range(count):
        if not number % POLICY_EVERY:
            await policies.put_policy(connection, SCOPE, walk.policy(), changed_by="test")
        await answers.answer(await walk.disrupt())

    assert answers.outcomes["planned"] > count // 3, answers.outcomes
    told = await connection.execute(
        "SELECT outcome, count(*) FROM disruptions GROUP BY outcome ORDER BY outcome"
    )
    assert {row[0] for row in await told.fetchall()} <= {each.value for each in DisruptionOutcome}
    if count >= MANY:
        assert answers.seen >= EVERYTHING, EVERYTHING - answers.seen
        assert answers.frozen > count // 20, answers.frozen
    print(answers.outcomes, answers.methods, answers.frozen)  # noqa: T201 - shown by -s alone

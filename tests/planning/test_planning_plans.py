"""Plan versions: stored, published, discarded, told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from planning_rows import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, Rows
from planning_shop import SCOPE, Shop, solved
from psycopg.rows import dict_row

from contracts.live import PlanReason
from contracts.plan import DisruptionKind, PlanState
from contracts.streams import PLANS, PlanStored, decode_events
from domain.plan.plan import LateCause, LateJob, Solved
from store import audit
from store.database import Connection, Pool
from store.errors import ConflictError, NotFoundError
from store.filters import Page
from store.planning import plans
from store.planning.disruptions import NewDisruption, disruptions, raise_disruptions
from store.planning.plan_rows import UnplannedOperation
from store.planning.plans import StalePlanError
from store.planning.problem import load_problem

ALL = Page(1_000, 0)
REASON = PlanReason(disruption=1, kind="machine_down", machine="plant-1/hall/line1/m1")


async def told(connection: Connection, order: int) -> list[tuple[Any, ...]]:
    """The order's `ExpectedDateMoved` entries, oldest first: actor, reason, from, to, plan."""
    rows, _ = await audit.of_order(connection, order, ALL)
    return [
        (row.actor, row.reason, *((row.after or {}).get(key) for key in ("from", "to", "plan")))
        for row in reversed(rows)
        if row.action == plans.EXPECTED_DATE_MOVED
    ]


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def floor_row(connection: Connection, operation: int) -> dict[str, Any]:
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT machine_id, cycle_ms, setup_ms, version FROM operations WHERE id = %s", (operation,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


class TestStore:
    async def test_what_was_stored_is_read_again(self, shop: Shop) -> None:
        order, work, [first, second] = await shop.order(1, steps=2, due_ms=NOW_MS + HOUR_MS)
        homeless = await shop.rows.operation(work, 30, None)
        loaded = await shop.load()
        plan = solved(loaded)

        stored = await shop.store(loaded, plan, reasons=[REASON], published_by="ann")

        row = await plans.published(shop.connection, SCOPE)
        assert row is not None
        assert (row.id, row.number, row.state) == (stored.id, 1, PlanState.PUBLISHED)
        assert (row.base_id, row.base_number, row.as_of_ms) == (None, None, NOW_MS)
        assert row.published_at == datetime.fromtimestamp(NOW_MS / 1000, UTC)
        assert row.published_by == "ann"
        assert (row.method, row.solve_ms) == ("right_shift", 3)
        assert row.reasons == [REASON]
        assert row.metrics == row.waiting == plan.metrics
        assert row.unplanned == [
            UnplannedOperation(
                operation_id=homeless, work_order="WO-1", operation=30, code="no_machine"
            )
        ]
        assert await plans.assignments(shop.connection, stored.id) == {
            each.operation: each for each in plan.plan.assignments
        }
        assert await plans.plan_row(shop.connection, stored.id) == row
        assert await plans.plans(shop.connection, ALL, scope=SCOPE) == ([row], 1)
        places, total = await plans.plan_operations(shop.connection, stored.id, Page(1, 1))
        assert total == 2
        assert [(place.operation_id, place.order, place.machine) for place in places] == [
            (second, "SO-1", "plant-1/hall/line1/m1")
        ]
        # Work of the order is left out: nobody knows when it ends.
        assert await plans.plan_orders(shop.connection, stored.id) == []
        assert order not in await plans.planned_orders(shop.connection, [order])
        assert first in {each.operation for each in plan.plan.assignments}

    async def test_pins_are_kept(self, shop: Shop) -> None:
        _, _, [running] = await shop.order(1)
        _, _, [free] = await shop.order(2)
        await shop.rows.start(running, shop.m1)
        loaded = await shop.load()

        stored = await shop.store(loaded, solved(loaded))

        places, _ = await plans.plan_operations(shop.connection, stored.id, ALL)
        assert {place.operation_id: place.pin for place in places} == {
            running: "running",
            free: None,
        }

    async def test_the_plan_before_is_superseded_and_the_base(self, shop: Shop) -> None:
        await shop.order(1)
        first = await shop.publish()

        second = await shop.publish(now_ms=NOW_MS + 1_000)

        old = await plans.plan_row(shop.connection, first.id)
        new = await plans.plan_row(shop.connection, second.id)
        assert old is not None
        assert new is not None
        assert old.state is PlanState.SUPERSEDED
        assert old.superseded_at == datetime.fromtimestamp(NOW_MS / 1000 + 1, UTC)
        assert (new.number, new.base_id, new.base_number) == (2, first.id, 1)

    async def test_a_plan_made_from_one_that_is_no_longer_in_force_is_refused(
        self, shop: Shop
    ) -> None:
        await shop.order(1)
        loaded = await shop.load()
        await shop.publish()

        with pytest.raises(StalePlanError):
            await shop.store(loaded, solved(loaded))

        _, total = await plans.plans(shop.connection, ALL)
        assert total == 1

    async def test_a_plan_of_work_that_is_gone_is_refused(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "X-1", planned=False)
        operation = await shop.rows.operation(work, 10, None, planned=False)
        await shop.rows.start(operation, shop.m1)
        loaded = await shop.load()
        await shop.rows.run("UPDATE machine_states SET operation_id = NULL")
        await shop.rows.run("DELETE FROM contributions")
        await shop.rows.run("DELETE FROM operations WHERE id = %s", operation)

        with pytest.raises(StalePlanError):
            await shop.store(loaded, solved(loaded))

    async def test_two_planners_at_once_publish_one_after_the_other(
        self, shop: Shop, pool: Pool
    ) -> None:
        await shop.order(1)
        loaded = await shop.load()

        async def store() -> int:
            async with pool.connection() as connection, connection.transaction():
                stored = await plans.store_plan(
                    connection,
                    loaded,
                    solved(loaded),
                    state=PlanState.PUBLISHED,
                    waiting=None,
                    reasons=[],
                    disruption_ids=[],
                    now_ms=NOW_MS,
                )
                return stored.number

        results = await asyncio.gather(store(), store(), return_exceptions=True)

        assert [each for each in results if isinstance(each, int)] == [1]
        assert [type(each) for each in results if not isinstance(each, int)] == [StalePlanError]

    async def test_only_drafts_and_published_plans_are_stored(self, shop: Shop) -> None:
        loaded = await shop.load()

        with pytest.raises(ValueError, match="discarded"):
            await shop.store(loaded, solved(loaded), state=PlanState.DISCARDED)

    async def test_an_operation_that_only_the_floor_named_can_still_go(self, shop: Shop) -> None:
        """A late object takes its reason away: the telemetry agent deletes it under the plan."""
        work = await shop.rows.work_order(shop.site, "X-1", planned=False)
        operation = await shop.rows.operation(work, 10, None, planned=False)
        await shop.rows.start(operation, shop.m1)
        stored = await shop.publish()
        [raised] = await raise_disruptions(
            shop.connection,
            [
                NewDisruption(
                    scope=SCOPE,
                    kind=DisruptionKind.OPERATION_LATE,
                    key="late",
                    occurred_ms=NOW_MS,
                    operation_id=operation,
                )
            ],
        )
        await shop.rows.run("DELETE FROM contributions")

        await shop.rows.run("DELETE FROM operations WHERE id = %s", operation)

        assert await plans.assignments(shop.connection, stored.id) == {}
        [left], _ = await disruptions(shop.connection, ALL)
        assert (left.id, left.operation_id) == (raised.id, None)


class TestPublishing:
    async def test_work_that_has_not_begun_follows_the_plan_to_its_machine(
        self, shop: Shop
    ) -> None:
        _, _, [moved] = await shop.order(1)
        _, _, [stays] = await shop.order(2)
        end = NOW_MS + 20 * MINUTE_MS

        await shop.publish((moved, shop.m2, NOW_MS, end), (stays, shop.m1, NOW_MS, end))

        assert await floor_row(shop.connection, moved) == {
            "machine_id": shop.m2,
            "cycle_ms": 2 * MINUTE_MS,
            "setup_ms": 1_000,
            "version": 2,
        }
        assert (await floor_row(shop.connection, stays))["version"] == 1

    async def test_work_that_was_begun_meanwhile_stays(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        loaded = await shop.load()
        await shop.rows.start(operation, shop.m1)

        await shop.store(loaded, solved(loaded, (operation, shop.m2, NOW_MS, NOW_MS + MINUTE_MS)))

        assert (await floor_row(shop.connection, operation))["machine_id"] == shop.m1

    async def test_a_draft_moves_and_tells_nothing_until_it_is_published(self, shop: Shop) -> None:
        order, _, [operation] = await shop.order(1)
        soon, later = NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS
        await shop.publish((operation, shop.m1, soon, soon + 10 * MINUTE_MS))
        loaded = await shop.load()
        plan = solved(loaded, (operation, shop.m2, later, later + 20 * MINUTE_MS))

        draft = await shop.store(
            loaded, plan, state=PlanState.DRAFT, reasons=[REASON], published_by=None
        )

        assert draft.moved_orders == []
        assert (await floor_row(shop.connection, operation))["machine_id"] == shop.m1
        assert await told(shop.connection, order) == []
        waiting = await plans.draft(shop.connection, SCOPE)
        assert waiting is not None
        assert (waiting.id, waiting.published_at, waiting.published_by) == (draft.id, None, None)

        async with shop.connection.transaction():
            stored = await plans.publish_draft(
                shop.connection, draft.id, now_ms=NOW_MS + 5_000, published_by="ann"
            )

        assert stored.state is PlanState.PUBLISHED
        assert stored.moved_orders == [order]
        assert (await floor_row(shop.connection, operation))["machine_id"] == shop.m2
        assert await told(shop.connection, order) == [
            (
                "ann",
                "machine_down",
                moment(soon + 10 * MINUTE_MS),
                moment(later + 20 * MINUTE_MS),
                2,
            )
        ]
        row = await plans.published(shop.connection, SCOPE)
        assert row is not None
        assert (row.id, row.published_by) == (draft.id, "ann")
        assert row.published_at == datetime.fromtimestamp(NOW_MS / 1000 + 5, UTC)
        assert await plans.draft(shop.connection, SCOPE) is None

    async def test_a_draft_whose_base_is_no_longer_in_force_is_refused(self, shop: Shop) -> None:
        await shop.order(1)
        await shop.publish()
        loaded = await shop.load()
        draft = await shop.store(loaded, solved(loaded), state=PlanState.DRAFT)
        # What only a hand in the database can do: publishing itself discards drafts.
        await shop.rows.run("UPDATE plans SET state = 'superseded' WHERE state = 'published'")

        with pytest.raises(StalePlanError):
            async with shop.connection.transaction():
                await plans.publish_draft(
                    shop.connection, draft.id, now_ms=NOW_MS, published_by="ann"
                )

    async def test_a_newer_plan_discards_the_draft_and_answers_in_its_place(
        self, shop: Shop
    ) -> None:
        await shop.order(1)
        rows = await raise_disruptions(
            shop.connection,
            [
                NewDisruption(
                    scope=SCOPE, kind=DisruptionKind.REQUESTED, key=key, occurred_ms=NOW_MS
                )
                for key in ("one", "two")
            ],
        )
        loaded = await shop.load()
        draft = await shop.store(
            loaded,
            solved(loaded),
            state=PlanState.DRAFT,
            reasons=[rows[0].reason],
            disruption_ids=[rows[0].id],
        )
        [answered], _ = await disruptions(shop.connection, ALL, is_open=False)
        assert answered.id == rows[0].id
        assert (answered.outcome, answered.plan_number) == ("planned", draft.number)

        newer = await shop.store(
            loaded,
            solved(loaded),
            state=PlanState.DRAFT,
            reasons=[rows[1].reason],
            disruption_ids=[rows[1].id],
        )

        old = await plans.plan_row(shop.connection, draft.id)
        new = await plans.plan_row(shop.connection, newer.id)
        assert old is not None
        assert new is not None
        assert old.state is PlanState.DISCARDED
        assert [reason.disruption for reason in new.reasons] == [rows[0].id, rows[1].id]
        told, _ = await disruptions(shop.connection, ALL)
        assert [row.plan_id for row in told] == [newer.id, newer.id]

    async def test_a_draft_is_discarded_by_hand_once(self, shop: Shop) -> None:
        loaded = await shop.load()
        draft = await shop.store(loaded, solved(loaded), state=PlanState.DRAFT)

        async with shop.connection.transaction():
            discarded = await plans.discard(shop.connection, draft.id)

        assert discarded.state is PlanState.DISCARDED
        with pytest.raises(ConflictError, match="discarded"):
            await plans.discard(shop.connection, draft.id)
        with pytest.raises(ConflictError, match="discarded"):
            await plans.publish_draft(shop.connection, draft.id, now_ms=NOW_MS, published_by="ann")
        with pytest.raises(NotFoundError):
            await plans.discard(shop.connection, draft.id + 1)

    async def test_the_event_names_the_orders_whose_dates_differ(self, shop: Shop) -> None:
        orders = [await shop.order(number) for number in range(3)]
        loaded = await shop.load()
        first = await shop.store(loaded, solved(loaded))
        assert first.moved_orders == [order for order, _, _ in orders]
        loaded = await shop.load()
        moved = {orders[1][2][0]: MINUTE_MS, orders[2][2][0]: MINUTE_MS - 1}

        second = await shop.store(loaded, solved(loaded, moved_by=moved))

        assert second.moved_orders == [orders[1][0]]
        record = plans.record(second)
        assert record.topic == PLANS
        assert record.key == SCOPE.encode()
        assert record.value is not None
        assert decode_events(record.value) == [
            PlanStored(SCOPE, second.id, 2, "published", [orders[1][0]])
        ]


class TestTelling:
    async def test_the_first_plan_tells_nothing_and_small_moves_add_up(self, shop: Shop) -> None:
        """The tolerance is 10 minutes, against what was last told: not against the plan before."""
        order, _, [operation] = await shop.order(1)
        ends = [NOW_MS + minutes * MINUTE_MS for minutes in (60, 66, 72, 78, 61)]
        for end in ends:
            loaded = await shop.load()
            place = (operation, shop.m1, end - 10 * MINUTE_MS, end)
            await shop.store(loaded, solved(loaded, place), reasons=[REASON])

        assert await told(shop.connection, order) == [
            ("planner", "machine_down", moment(ends[0]), moment(ends[2]), 3),
            ("planner", "machine_down", moment(ends[2]), moment(ends[4]), 5),
        ]

    async def test_an_order_that_was_left_out_for_a_while_is_not_told_anew(
        self, shop: Shop
    ) -> None:
        order, work, [operation] = await shop.order(1)
        await shop.publish((operation, shop.m1, NOW_MS, NOW_MS + HOUR_MS))
        homeless = await shop.rows.operation(work, 30, None)
        await shop.publish((operation, shop.m1, NOW_MS, NOW_MS + HOUR_MS))
        await shop.rows.run("DELETE FROM operations WHERE id = %s", homeless)
        await shop.publish((operation, shop.m1, NOW_MS, NOW_MS + 2 * HOUR_MS))

        assert [entry[2:] for entry in await told(shop.connection, order)] == [
            (moment(NOW_MS + HOUR_MS), moment(NOW_MS + 2 * HOUR_MS), 3)
        ]

    async def test_an_order_of_two_scopes_ends_with_the_last_of_them(
        self, shop: Shop, rows: Rows, connection: Connection
    ) -> None:
        order, line = await rows.order(shop.site, "SO-1", item=shop.item)
        work = await rows.work_order(shop.site, "WO-1", lines=[line])
        here = await rows.operation(work, 10, shop.m1)
        far_site = await rows.site("plant-2")
        far_machine = await rows.machine("plant-2/hall/line1/m1")
        far_work = await rows.work_order(far_site, "WO-2", lines=[line])
        there = await rows.operation(far_work, 10, far_machine)

        async def far(end_ms: int) -> None:
            loaded = await load_problem(connection, "plant-2", now_ms=NOW_MS)
            await shop.store(loaded, solved(loaded, (there, far_machine, NOW_MS, end_ms)))

        await shop.publish((here, shop.m1, NOW_MS, NOW_MS + HOUR_MS))
        await far(NOW_MS + 5 * HOUR_MS)
        await shop.publish((here, shop.m1, NOW_MS, NOW_MS + 2 * HOUR_MS))
        assert await told(connection, order) == []

        await shop.publish((here, shop.m1, NOW_MS, NOW_MS + 6 * HOUR_MS))

        assert [entry[2:4] for entry in await told(connection, order)] == [
            (moment(NOW_MS + 5 * HOUR_MS), moment(NOW_MS + 6 * HOUR_MS))
        ]
        found = await plans.planned_orders(connection, [order])
        assert found[order].end_ms == NOW_MS + 6 * HOUR_MS

    async def test_a_late_order_says_why_in_names(self, shop: Shop) -> None:
        order, work, [operation] = await shop.order(1, due_ms=NOW_MS + MINUTE_MS)
        _, _, [other] = await shop.order(2)
        loaded = await shop.load()
        plan = solved(loaded)
        cause = LateCause(
            operation=operation,
            machine=shop.m1,
            cause="machine_busy",
            behind=other,
            since_ms=NOW_MS,
            wait_ms=5 * MINUTE_MS,
        )
        end = next(each.end_ms for each in plan.plan.assignments if each.operation == operation)
        late = LateJob(job=work, end_ms=end, due_ms=NOW_MS + MINUTE_MS, chain=(cause,))

        stored = await shop.store(
            loaded,
            Solved(plan=plan.plan, metrics=plan.metrics, late=(late,), method="x", solve_ms=0),
        )

        [first, second] = await plans.plan_orders(shop.connection, stored.id)
        assert (first.order_id, first.lateness_ms) == (order, end - NOW_MS - MINUTE_MS)
        assert first.due_ms == NOW_MS + MINUTE_MS
        assert first.chain == [
            {
                "cause": "machine_busy",
                "machine": "plant-1/hall/line1/m1",
                "work_order": "WO-1",
                "operation": 10,
                "behind": {"work_order": "WO-2", "operation": 10},
                "since": moment(NOW_MS),
                "wait_minutes": 5,
            }
        ]
        assert (second.lateness_ms, second.chain) == (None, [])
        row = await plans.plan_row(shop.connection, stored.id)
        assert row is not None
        assert row.late_orders == 1

    async def test_of_several_lines_the_latest_decides(self, shop: Shop) -> None:
        """Its second line is due much later, and its first one is late: so is the order."""
        order, line = await shop.rows.order(
            shop.site, "SO-1", item=shop.item, due_ms=NOW_MS + MINUTE_MS
        )
        other = await shop.rows.line(order, 2, item=shop.item, due_ms=NOW_MS + DAY_MS)
        first = await shop.rows.work_order(shop.site, "WO-1", lines=[line])
        second = await shop.rows.work_order(shop.site, "WO-2", lines=[other])
        early = await shop.rows.operation(first, 10, shop.m1)
        late = await shop.rows.operation(second, 10, shop.m1)

        stored = await shop.publish(
            (early, shop.m1, NOW_MS, NOW_MS + 10 * MINUTE_MS),
            (late, shop.m1, NOW_MS + 10 * MINUTE_MS, NOW_MS + 20 * MINUTE_MS),
        )

        [row] = await plans.plan_orders(shop.connection, stored.id)
        assert row.end_ms == NOW_MS + 20 * MINUTE_MS
        assert row.lateness_ms == 9 * MINUTE_MS
        assert row.chain[0]["work_order"] == "WO-1"

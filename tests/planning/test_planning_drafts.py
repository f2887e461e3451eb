"""Drafts that somebody thinks of, as rows: stored once, beside the planner's, locked when put."""

from __future__ import annotations

import msgspec
import pytest
from planning_rows import MINUTE_MS, NOW_MS
from planning_shop import SCOPE, Shop, solved

from contracts.plan import PlanState
from contracts.what_if import Change, MachineDown, Move, ToldChange
from domain.plan.right_shift import right_shift
from domain.plan.what_if import applied
from store import audit
from store.errors import ConflictError
from store.planning import drafts, plan_rows
from store.planning.drafts import NewDraft, keep_locks, store_draft
from store.planning.plan_rows import WhatIfRow
from store.planning.plans import StalePlanError, StoredPlan, publish_draft
from store.planning.problem import load_problem

DOWN = MachineDown(machine=0, from_ms=NOW_MS, until_ms=NOW_MS + 60 * MINUTE_MS)


async def thought(
    shop: Shop, *changes: Change, request: str = "a", replaces: int | None = None
) -> StoredPlan:
    """A draft with the changes, by right-shift."""
    # As the planner does: with all machines, whether or not there is work for them now.
    loaded = await load_problem(shop.connection, SCOPE, now_ms=NOW_MS, spare_ms=MINUTE_MS)
    what_if = applied(loaded.problem, changes, orders={}, modes=loaded.modes)
    start = msgspec.structs.replace(what_if.problem, baseline=dict(what_if.start))
    plan = msgspec.structs.replace(solved(loaded), plan=right_shift(start))
    told = [ToldChange(kind=type(change).__name__) for change in changes]
    new = NewDraft(
        request=request,
        about=WhatIfRow(name="what if", settle="shift", changes=list(changes), told=told),
        actor=audit.Actor("mei", "here"),
        expires_ms=NOW_MS + 366 * 86_400_000,
        replaces=replaces,
    )
    async with shop.connection.transaction():
        return await store_draft(
            shop.connection, loaded, what_if, plan, waiting=plan.metrics, new=new, now_ms=NOW_MS
        )


class TestStoring:
    async def test_asked_again_it_is_the_same_draft(self, shop: Shop) -> None:
        await shop.order(1)
        await shop.publish()
        down = msgspec.structs.replace(DOWN, machine=shop.m1)
        first = await thought(shop, down)
        again = await thought(shop, down)
        assert (again.id, again.state) == (first.id, PlanState.DRAFT)
        assert len(await plan_rows.what_ifs(shop.connection, SCOPE)) == 1

    async def test_the_planners_own_draft_is_another_thing(self, shop: Shop) -> None:
        await shop.order(1)
        await shop.publish()
        made = await thought(shop, msgspec.structs.replace(DOWN, machine=shop.m1))
        assert await plan_rows.draft(shop.connection, SCOPE) is None
        loaded = await shop.load()
        own = await shop.store(loaded, solved(loaded), state=PlanState.DRAFT)
        found = await plan_rows.draft(shop.connection, SCOPE)
        assert found is not None
        assert found.id == own.id
        # A new plan of the planner discards the planner's drafts, and nobody else's.
        await shop.publish()
        states = {
            id_: row.state
            for id_ in (made.id, own.id)
            if (row := await plan_rows.plan_row(shop.connection, id_)) is not None
        }
        assert states == {made.id: PlanState.DRAFT, own.id: PlanState.DISCARDED}

    async def test_one_that_replaces_another_discards_it(self, shop: Shop) -> None:
        await shop.order(1)
        await shop.publish()
        down = msgspec.structs.replace(DOWN, machine=shop.m1)
        first = await thought(shop, down)
        second = await thought(shop, down, request="b", replaces=first.id)
        rows = await plan_rows.what_ifs(shop.connection, SCOPE)
        assert [row.id for row in rows] == [second.id]

    async def test_what_was_thought_of_comes_back_as_it_was(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        await shop.publish()
        changes = (
            msgspec.structs.replace(DOWN, machine=shop.m2),
            Move(operation=operation, machine=shop.m1, start_ms=NOW_MS + 5 * MINUTE_MS),
        )
        made = await thought(shop, *changes)
        row = await plan_rows.plan_row(shop.connection, made.id)
        assert row is not None
        assert row.what_if is not None
        assert tuple(row.what_if.changes) == changes
        assert (row.what_if.assumed, row.what_if.moved) == ([0], [operation])
        assert (row.created_by, row.what_if.name) == ("mei", "what if")

    async def test_there_are_not_too_many(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.order(1)
        await shop.publish()
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 2)
        down = msgspec.structs.replace(DOWN, machine=shop.m1)
        for request in ("a", "b"):
            await thought(shop, down, request=request)
        with pytest.raises(ConflictError) as caught:
            await thought(shop, down, request="c")
        assert caught.value.code == "too-many-drafts"


class TestPuttingInForce:
    async def test_what_is_assumed_is_refused_with_its_place(self, shop: Shop) -> None:
        await shop.order(1)
        await shop.publish()
        made = await thought(shop, msgspec.structs.replace(DOWN, machine=shop.m1))
        with pytest.raises(ConflictError) as caught:
            async with shop.connection.transaction():
                await publish_draft(shop.connection, made.id, now_ms=NOW_MS, published_by="mei")
        assert caught.value.code == "draft-assumes"
        assert [fault.place for fault in caught.value.faults] == ["changes[0]"]

    async def test_its_base_has_to_be_in_force(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        await shop.publish()
        made = await thought(shop, Move(operation=operation, machine=shop.m2, start_ms=NOW_MS))
        await shop.publish()
        with pytest.raises(StalePlanError):
            async with shop.connection.transaction():
                await publish_draft(shop.connection, made.id, now_ms=NOW_MS, published_by="mei")

    async def test_what_was_moved_stays_where_it_was_put(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        await shop.publish()
        start_ms = NOW_MS + 30 * MINUTE_MS
        made = await thought(
            shop,
            Move(operation=operation, machine=shop.m1, start_ms=NOW_MS),
            Move(operation=operation, machine=shop.m2, start_ms=start_ms),
        )
        async with shop.connection.transaction():
            await publish_draft(shop.connection, made.id, now_ms=NOW_MS, published_by="mei")
            locked = await keep_locks(shop.connection, made.id, locked_by="mei", reason="drag")
        assert locked == [operation]
        cursor = await shop.connection.execute(
            "SELECT machine_id, (extract(epoch FROM not_before) * 1000)::bigint, locked_by"
            " FROM operation_locks"
        )
        # The last place counts.
        assert await cursor.fetchall() == [(shop.m2, start_ms, "mei")]

"""Old plan versions."""

from __future__ import annotations

import asyncio

from planning_rows import NOW_MS
from planning_shop import Shop

from runtime import tasks
from store.database import Pool
from store.planning import plans
from store.planning.retention import keep_pruned, prune


class TestPrune:
    async def test_contents_of_old_versions_go_and_their_heads_stay(self, shop: Shop) -> None:
        await shop.order(1, due_ms=NOW_MS)
        stored = [await shop.publish(now_ms=NOW_MS + number) for number in range(3)]
        await shop.rows.run(
            "UPDATE plans SET superseded_at = now() - interval '31 days' WHERE id = %s",
            stored[0].id,
        )
        await shop.rows.run("UPDATE plans SET superseded_at = now() WHERE id = %s", stored[1].id)

        assert await prune(shop.connection) == 1
        assert await prune(shop.connection) == 0

        kept = [bool(await plans.assignments(shop.connection, each.id)) for each in stored]
        assert kept == [False, True, True]
        assert await plans.plan_orders(shop.connection, stored[0].id) == []
        row = await plans.plan_row(shop.connection, stored[0].id)
        assert row is not None
        assert row.late_orders == 1

    async def test_a_service_prunes_by_itself(self, shop: Shop, pool: Pool) -> None:
        await shop.order(1)
        old = await shop.publish()
        await shop.publish(now_ms=NOW_MS + 1)
        await shop.rows.run("UPDATE plans SET superseded_at = '2001-01-01' WHERE id = %s", old.id)

        pruning = asyncio.create_task(keep_pruned(pool))
        try:
            async with asyncio.timeout(60):
                while await plans.assignments(shop.connection, old.id):  # noqa: ASYNC110 - rows have no event
                    await asyncio.sleep(0.02)
        finally:
            await tasks.end([pruning])

        assert await plans.plan_row(shop.connection, old.id) is not None

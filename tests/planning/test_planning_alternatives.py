"""Alternatives, setup matrices and families as rows."""

from __future__ import annotations

from planning_rows import MINUTE_MS
from planning_shop import SCOPE, Shop

from store import catalogue
from store.catalogue import NewStep
from store.planning import alternatives
from store.planning.alternatives import NewAlternative, SetupRow


async def route(shop: Shop) -> None:
    """Two steps on the first machine; the first may go to the second machine as well."""
    await catalogue.put_routing(
        shop.connection,
        item_id=shop.item,
        site_id=shop.site,
        steps=[
            NewStep(
                number=number, name="Cut", machine_id=shop.m1, cycle_ms=MINUTE_MS, setup_ms=5_000
            )
            for number in (10, 20)
        ],
    )
    await alternatives.put_routing_alternatives(
        shop.connection,
        item_id=shop.item,
        site_id=shop.site,
        steps={10: [NewAlternative(machine_id=shop.m2, cycle_ms=90_000, setup_ms=7_000)], 20: []},
    )


async def choices(shop: Shop, work: int) -> dict[int, list[tuple[str, int, int]]]:
    found = await alternatives.operation_alternatives(shop.connection, [work])
    return {
        operation: [(row.machine[-2:], row.cycle_ms, row.setup_ms) for row in rows]
        for operation, rows in found.items()
    }


class TestRoutings:
    async def test_alternatives_of_steps_are_replaced(self, shop: Shop) -> None:
        await route(shop)

        found = await alternatives.routing_alternatives(shop.connection, [shop.item, 999])

        assert found[999] == []
        [row] = found[shop.item]
        assert (row.site, row.number, row.machine) == (SCOPE, 10, "plant-1/hall/line1/m2")
        assert (row.cycle_ms, row.setup_ms) == (90_000, 7_000)

        await alternatives.put_routing_alternatives(
            shop.connection, item_id=shop.item, site_id=shop.site, steps={}
        )

        assert await alternatives.routing_alternatives(shop.connection, [shop.item]) == {
            shop.item: []
        }


class TestOperations:
    async def test_a_released_work_order_gets_its_routings_choice(self, shop: Shop) -> None:
        await route(shop)
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        first = await shop.rows.operation(work, 10, shop.m1, setup_ms=5_000)
        await shop.rows.operation(work, 20, shop.m1)
        await shop.rows.operation(work, 30, shop.m1)

        for _ in range(2):  # copying again changes nothing
            await alternatives.copy_alternatives(shop.connection, work)

            assert await choices(shop, work) == {
                first: [("m1", MINUTE_MS, 5_000), ("m2", 90_000, 7_000)]
            }

    async def test_the_machine_that_it_is_planned_on_keeps_its_own_times(self, shop: Shop) -> None:
        await route(shop)
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        operation = await shop.rows.operation(work, 10, shop.m2, cycle_ms=42_000)

        await alternatives.copy_alternatives(shop.connection, work)

        assert await choices(shop, work) == {operation: [("m2", 42_000, 0)]}

    async def test_a_choice_is_given_explicitly_and_includes_the_planned_machine(
        self, shop: Shop
    ) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1")
        operation = await shop.rows.operation(work, 10, shop.m1)
        other = NewAlternative(machine_id=shop.m2, cycle_ms=1_000, setup_ms=2_000)

        await alternatives.put_operation_alternatives(shop.connection, work, {10: [other]})

        assert await choices(shop, work) == {
            operation: [("m1", MINUTE_MS, 0), ("m2", 1_000, 2_000)]
        }

        await alternatives.put_operation_alternatives(shop.connection, work, {10: []})

        assert await choices(shop, work) == {}


class TestSetups:
    async def test_a_machines_matrix_is_replaced(self, shop: Shop) -> None:
        matrix = [
            SetupRow(from_family="brass", to_family="steel", setup_ms=1),
            SetupRow(from_family="steel", to_family="brass", setup_ms=2),
        ]
        await alternatives.put_setup_times(shop.connection, shop.m2, matrix[:1])

        await alternatives.put_setup_times(shop.connection, shop.m1, matrix[::-1])
        await alternatives.put_setup_times(shop.connection, shop.m1, matrix[::-1])

        assert await alternatives.setup_times(shop.connection, shop.m1) == matrix
        assert await alternatives.setup_times(shop.connection, shop.m2) == matrix[:1]

    async def test_items_have_a_family(self, shop: Shop) -> None:
        plain = await shop.rows.item("plain")
        await alternatives.put_setup_family(shop.connection, shop.item, "zinc")

        found = await alternatives.setup_families(shop.connection, [shop.item, plain])

        assert found == {shop.item: "zinc", plain: None}

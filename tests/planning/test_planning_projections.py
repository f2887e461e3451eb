"""Projections: only what moved is written, what is over goes."""

from __future__ import annotations

import msgspec
import pytest
from planning_rows import MINUTE_MS, NOW_MS, Rows
from planning_shop import SCOPE, Shop

from store.database import Connection
from store.planning.projections import (
    TOLERANCE_MS,
    Projection,
    projections_of_scope,
    write_projections,
)


def projected(shop: Shop, start_ms: int = NOW_MS) -> Projection:
    return Projection(machine=shop.m1, start_ms=start_ms, end_ms=start_ms + MINUTE_MS)


class TestWrite:
    async def test_what_is_new_is_written(self, shop: Shop) -> None:
        _, _, operations = await shop.order(1, steps=2)
        rows = {operation: projected(shop) for operation in operations}

        changed = await write_projections(shop.connection, SCOPE, rows)

        assert changed == set(operations)
        assert await projections_of_scope(shop.connection, SCOPE) == rows

    @pytest.mark.parametrize(
        ("by", "told"),
        [
            ({"start_ms": NOW_MS + TOLERANCE_MS}, True),
            ({"start_ms": NOW_MS + TOLERANCE_MS - 1}, False),
            ({"end_ms": NOW_MS + MINUTE_MS - TOLERANCE_MS}, True),
            ({"end_ms": NOW_MS + MINUTE_MS - TOLERANCE_MS + 1}, False),
        ],
    )
    async def test_only_what_moved_is_written(
        self, shop: Shop, by: dict[str, int], *, told: bool
    ) -> None:
        _, _, [moved] = await shop.order(1)
        _, _, [stays] = await shop.order(2)
        before = {moved: projected(shop), stays: projected(shop)}
        await write_projections(shop.connection, SCOPE, before)
        after = {**before, moved: msgspec.structs.replace(before[moved], **by)}

        changed = await write_projections(shop.connection, SCOPE, after)

        assert changed == ({moved} if told else set())
        stored = await projections_of_scope(shop.connection, SCOPE)
        assert stored == (after if told else before)

    async def test_another_machine_is_a_change(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        await write_projections(shop.connection, SCOPE, {operation: projected(shop)})
        elsewhere = msgspec.structs.replace(projected(shop), machine=shop.m2)

        assert await write_projections(shop.connection, SCOPE, {operation: elsewhere}) == {
            operation
        }

    async def test_small_steps_add_up(self, shop: Shop) -> None:
        """They are compared with what is stored, not with the round before."""
        _, _, [operation] = await shop.order(1)
        changes = []
        for step in range(5):
            row = projected(shop, NOW_MS + TOLERANCE_MS * 2 // 5 * step)
            changes.append(await write_projections(shop.connection, SCOPE, {operation: row}))

        assert changes == [{operation}, set(), set(), {operation}, set()]

    async def test_what_is_no_longer_projected_goes(self, shop: Shop) -> None:
        _, _, [over] = await shop.order(1)
        _, _, [stays] = await shop.order(2)
        await write_projections(
            shop.connection, SCOPE, {over: projected(shop), stays: projected(shop)}
        )

        changed = await write_projections(shop.connection, SCOPE, {stays: projected(shop)})

        assert changed == {over}
        assert await projections_of_scope(shop.connection, SCOPE) == {stays: projected(shop)}

    async def test_other_scopes_are_left_alone(self, rows: Rows, connection: Connection) -> None:
        await rows.site(SCOPE)
        site = await rows.site("plant-2")
        machine = await rows.machine("plant-2/hall/line1/m1")
        far = await rows.operation(await rows.work_order(site, "WO-9"), 10, machine)
        there = Projection(machine=machine, start_ms=0, end_ms=1)
        await write_projections(connection, "plant-2", {far: there})

        assert await write_projections(connection, SCOPE, {}) == set()

        assert await projections_of_scope(connection, "plant-2") == {far: there}

    async def test_an_operation_that_is_gone_meanwhile_is_left_out(self, shop: Shop) -> None:
        _, _, [operation] = await shop.order(1)
        rows = {operation: projected(shop), operation + 1: projected(shop)}

        assert await write_projections(shop.connection, SCOPE, rows) == {operation}

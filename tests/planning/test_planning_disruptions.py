"""Disruptions: told once per cause, open until answered."""

from __future__ import annotations

import asyncio

import pytest
from planning_rows import NOW_MS, Rows
from planning_shop import SCOPE, Shop

from contracts.live import PlanReason
from contracts.plan import DisruptionKind, DisruptionOutcome
from contracts.streams import DISRUPTIONS, DisruptionRaised, decode_events
from store.database import Connection, Pool
from store.filters import Page
from store.planning import disruptions
from store.planning.disruptions import DisruptionRow, NewDisruption

ALL = Page(1_000, 0)


def new(key: str, *, scope: str = SCOPE, **about: int) -> NewDisruption:
    return NewDisruption(
        scope=scope,
        kind=DisruptionKind.MACHINE_DOWN,
        key=key,
        occurred_ms=NOW_MS,
        detail={"reason": "jam"},
        **about,
    )


class TestRaise:
    async def test_a_cause_is_told_once_however_often_it_is_seen(
        self, connection: Connection
    ) -> None:
        first = await disruptions.raise_disruptions(connection, [new("a"), new("b"), new("a")])
        again = await disruptions.raise_disruptions(connection, [new("b"), new("c")])

        assert [row.key for row in first] == ["a", "b"]
        assert [row.key for row in again] == ["c"]
        assert await disruptions.raise_disruptions(connection, []) == []

    async def test_the_same_key_is_another_cause_in_another_scope(
        self, connection: Connection
    ) -> None:
        rows = await disruptions.raise_disruptions(connection, [new("a"), new("a", scope="other")])

        assert sorted(row.scope for row in rows) == ["other", SCOPE]

    async def test_an_answered_cause_is_not_told_again(self, connection: Connection) -> None:
        [row] = await disruptions.raise_disruptions(connection, [new("a")])
        await disruptions.answer(connection, [row.id], outcome=DisruptionOutcome.NO_CHANGE)

        assert await disruptions.raise_disruptions(connection, [new("a")]) == []

    async def test_writers_of_the_same_causes_at_once_share_them(self, pool: Pool) -> None:
        """Each key is told by one of them, in whichever order they name them; nobody deadlocks."""
        keys = [f"key-{number}" for number in range(50)]

        async def tell(order: list[str]) -> list[str]:
            async with pool.connection() as connection, connection.transaction():
                rows = await disruptions.raise_disruptions(connection, [new(key) for key in order])
                await asyncio.sleep(0.05)
                return [row.key for row in rows]

        told = await asyncio.gather(tell(keys), tell(keys[::-1]), tell(keys[10:]))

        assert sorted(key for each in told for key in each) == sorted(keys)

    async def test_names_of_what_it_is_about_come_with_it(self, shop: Shop) -> None:
        order, _, [operation] = await shop.order(1)

        [row] = await disruptions.raise_disruptions(
            shop.connection,
            [
                new(
                    "a",
                    site_id=shop.site,
                    machine_id=shop.m1,
                    operation_id=operation,
                    order_id=order,
                )
            ],
        )

        assert (row.site, row.machine) == (SCOPE, "plant-1/hall/line1/m1")
        assert (row.work_order, row.operation, row.order) == ("WO-1", 10, "SO-1")
        assert row.reason == PlanReason(
            disruption=row.id,
            kind="machine_down",
            machine="plant-1/hall/line1/m1",
            work_order="WO-1",
            operation=10,
            order="SO-1",
            occurred="2026-03-02T08:00:00Z",
            detail={"reason": "jam"},
        )
        assert row.view.handled is None
        assert row.view.order_number == "SO-1"

    async def test_its_record_wakes_the_planner_of_its_scope(self, connection: Connection) -> None:
        [row] = await disruptions.raise_disruptions(connection, [new("a")])

        record = disruptions.record(row)

        assert (record.topic, record.key) == (DISRUPTIONS, SCOPE.encode())
        assert record.value is not None
        assert decode_events(record.value) == [DisruptionRaised(SCOPE, row.id, "machine_down")]


class TestOpen:
    async def test_what_is_open_is_found_until_it_is_answered(self, connection: Connection) -> None:
        rows = await disruptions.raise_disruptions(
            connection, [new("a"), new("b"), new("c", scope="other")]
        )
        here = [row for row in rows if row.scope == SCOPE]

        assert await disruptions.scopes_with_open(connection) == ["other", SCOPE]
        assert await disruptions.open_disruptions(connection, SCOPE) == here
        assert await disruptions.open_count(connection, SCOPE) == 2

        answered = await disruptions.answer(
            connection, [row.id for row in here], outcome=DisruptionOutcome.FAILED
        )

        assert answered == [row.id for row in here]
        assert await disruptions.open_disruptions(connection, SCOPE) == []
        assert await disruptions.scopes_with_open(connection) == ["other"]

    async def test_an_answer_is_given_once(self, connection: Connection) -> None:
        [row] = await disruptions.raise_disruptions(connection, [new("a")])
        await disruptions.answer(connection, [row.id], outcome=DisruptionOutcome.NO_CHANGE)

        again = await disruptions.answer(connection, [row.id], outcome=DisruptionOutcome.FAILED)

        assert again == []
        [stays], _ = await disruptions.disruptions(connection, ALL)
        assert stays.outcome == "no_change"
        assert stays.handled_at is not None


class TestList:
    @pytest.fixture
    async def raised(self, rows: Rows, connection: Connection) -> list[DisruptionRow]:
        """Two of a scope with two sites (one of them about a site), one of another."""
        north = await rows.site("north", planning_scope="region")
        await rows.site("south", planning_scope="region")
        await rows.site("west")
        return [
            row
            for one in (
                new("a", scope="region", site_id=north),
                new("b", scope="region"),
                new("c", scope="west"),
            )
            for row in await disruptions.raise_disruptions(connection, [one])
        ]

    async def test_the_newest_come_first_in_pages(
        self, connection: Connection, raised: list[DisruptionRow]
    ) -> None:
        found, total = await disruptions.disruptions(connection, Page(2, 0))
        rest, _ = await disruptions.disruptions(connection, Page(2, 2))

        assert total == 3
        assert [*found, *rest] == raised[::-1]

    async def test_it_is_filtered(
        self, connection: Connection, raised: list[DisruptionRow]
    ) -> None:
        a, b, c = (row.id for row in raised)
        await disruptions.answer(connection, [b], outcome=DisruptionOutcome.NO_CHANGE)

        async def ids(**filters: object) -> list[int]:
            rows, total = await disruptions.disruptions(connection, ALL, **filters)  # type: ignore[arg-type]  # each test gives the right ones
            assert total == len(rows)
            return [row.id for row in rows]

        assert await ids(scope="region") == [b, a]
        assert await ids(site="north") == [a]
        assert await ids(is_open=True) == [c, a]
        assert await ids(is_open=False) == [b]
        assert await ids(kind="machine_down") == [c, b, a]
        assert await ids(kind="machine_up") == []
        assert await ids(scopes=["west", "nowhere"]) == [c]
        assert await ids(scopes=[]) == []

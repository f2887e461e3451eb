"""The channel `plan:<scope>`, from rows to what a planner's screen is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from live_rows import M1, M2, Record
from live_stack import Client, Server
from planning_floor import MINUTE_MS, SITE, Shop, now_ms, open_log

from contracts.ids import EpochMs, MachinePath, SiteCode
from contracts.plan import DisruptionKind, PlanState
from contracts.streams import (
    DISRUPTIONS,
    FLOOR,
    ORDERS,
    PLANS,
    PROGRESS,
    DisruptionRaised,
    Event,
    MachineChanged,
    OperationProgressed,
    OrderEvent,
    encode_events,
)
from store.database import Pool
from store.live_plan import PAST_MS, read_board
from store.live_plan_bars import plan_bars
from store.planning.disruptions import NewDisruption, raise_disruptions
from store.planning.projections import Projection, write_projections
from streams.live import LiveProjector

BOARD = f"plan:{SITE}"


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Shop]:
    """A shop with a plan in force and its projection, as it was planned."""
    async with open_log(pool) as log:
        made = Shop(pool, log)
        await made.make()
        await made.publish()
        await project(made)
        yield made


@pytest.fixture
async def client(server: Server, projector: LiveProjector, shop: Shop) -> AsyncIterator[Client]:
    """A planner who has got the first snapshot."""
    assert shop.operations
    assert projector.writes in (True, False)
    async with server.client(role="planner") as one:
        await one.subscribe(BOARD)
        await one.until(lambda state: "plan" in state.get(BOARD, {}))
        yield one


async def project(shop: Shop, *, later_minutes: int = 0, operation: int | None = None) -> None:
    """Write the projection: the plan, with an operation (or all of them) ending later."""
    async with shop.pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            """
            SELECT a.operation_id, a.machine_id, a.start_ms, a.end_ms, a.plan_id
            FROM plan_operations a JOIN plans p ON p.id = a.plan_id AND p.state = 'published'
            """
        )
        rows = {
            row[0]: Projection(
                machine=row[1],
                start_ms=row[2],
                end_ms=row[3] + (later_minutes * MINUTE_MS if operation in (None, row[0]) else 0),
                plan_id=row[4],
            )
            for row in await cursor.fetchall()
        }
        await write_projections(connection, SITE, rows)


async def say(projector: LiveProjector, topic: str, *events: Event) -> None:
    await projector.handle([Record(topic, 0, 0, encode_events(list(events)))])


def bar(state: dict[str, dict[str, Any]], operation: int) -> dict[str, Any]:
    found: dict[str, Any] = state[BOARD][f"bar/{operation}"]
    return found


async def raise_one(shop: Shop, kind: DisruptionKind, key: str) -> int:
    async with shop.pool.connection() as connection:
        (row,) = await raise_disruptions(
            connection,
            [
                NewDisruption(
                    scope=SITE, kind=kind, key=key, occurred_ms=now_ms(), machine_id=shop.m1
                )
            ],
        )
    return row.id


class TestSnapshot:
    async def test_it_holds_the_plan_its_machines_and_its_bars(
        self, client: Client, shop: Shop
    ) -> None:
        state = client.state[BOARD]
        first, second, third = shop.operations
        assert set(state) == {
            "plan",
            f"machine/{M1}",
            f"machine/{M2}",
            *(f"bar/{operation}" for operation in shop.operations),
        }
        head = state["plan"]
        assert (head["scope"], head["sites"], head["number"]) == (SITE, [SITE], 1)
        assert head["method"] == "right_shift"
        assert head["publish"] == "auto"
        assert head["metrics"]["tardy_jobs"] == 0
        one = state[f"bar/{first}"]
        assert (one["work_order"], one["operation"], one["order_number"]) == ("WO-1", 10, "SO-1")
        assert one["customer"] == "Acme Ltd"
        assert one["machine"] == one["projected_machine"] == M1
        assert one["start"] < one["end"]
        assert one["after"] == []
        assert state[f"bar/{second}"]["after"] == [first]
        assert state[f"bar/{second}"]["start"] == one["end"]
        assert state[f"bar/{third}"]["machine"] == M1

    async def test_lateness_is_the_orders(self, client: Client, shop: Shop) -> None:
        first, second, third = (bar(client.state, each) for each in shop.operations)
        # Due after ten hours; the first work order takes two hours, the second follows its first.
        assert first["lateness_minutes"] == second["lateness_minutes"]
        assert -482 <= first["lateness_minutes"] <= -478
        assert -482 <= third["lateness_minutes"] <= -478

    async def test_without_a_plan_the_head_says_so(
        self, server: Server, projector: LiveProjector, pool: Pool
    ) -> None:
        assert projector is not None
        async with open_log(pool) as log:
            await Shop(pool, log).make()
        async with server.client(role="planner") as client:
            await client.subscribe(BOARD)
            state = await client.until(lambda state: "plan" in state.get(BOARD, {}))
        head = state[BOARD]["plan"]
        assert (head["id"], head["number"], head["metrics"]) == (None, 0, None)
        bars = [value for key, value in state[BOARD].items() if key.startswith("bar/")]
        assert [each["machine"] for each in bars] == [None] * 3

    async def test_a_machine_says_when_and_why_it_does_not_work(
        self, server: Server, projector: LiveProjector, shop: Shop
    ) -> None:
        assert projector is not None
        now = datetime.now(UTC)
        await shop.rows.run(
            """
            INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, reason)
            VALUES (%s, %s, %s, %s, 'new spindle')
            """,
            shop.site,
            shop.m2,
            now + timedelta(hours=4),
            now + timedelta(hours=6),
        )
        await shop.rows.run(
            """
            INSERT INTO working_times
                (site_id, machine_id, shift, weekday, start_minute, end_minute)
            SELECT %s, %s, 'day', d, 0, 1080 FROM generate_series(0, 6) d
            """,
            shop.site,
            shop.m2,
        )
        await shop.rows.machine_state(
            shop.m1, state="down", reason="jam", state_since_ms=now_ms() - 10 * MINUTE_MS
        )
        async with server.client(role="planner") as client:
            await client.subscribe(BOARD)
            state = await client.until(lambda state: "plan" in state.get(BOARD, {}))
        first, second = (state[BOARD][f"machine/{path}"] for path in (M1, M2))
        assert (first["state"], first["reason"]) == ("down", "jam")
        assert [why for _, _, why in first["unavailable"]] == ["down"]
        whys = [why for _, _, why in second["unavailable"]]
        assert "exception:new spindle" in whys
        assert "closed" in whys
        closed = next(each for each in second["unavailable"] if each[2] == "closed")
        assert closed[1].endswith("T00:00:00Z")


class TestDeltas:
    async def test_progress_tells_the_bars_of_its_order_only(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        first = shop.operations[0]
        await shop.start(first, shop.m1, good=12)
        await say(
            projector,
            PROGRESS,
            OperationProgressed(
                SiteCode(SITE), shop.works[0], first, 2, 12, 0, 1, "running", [shop.orders[0]]
            ),
        )
        seen = len(client.messages)
        await client.until(lambda state: bar(state, first)["good_pieces"] == 12)
        told = {key for message in client.messages[seen:] for key in message["data"]}
        assert told == {f"bar/{first}"}
        assert bar(client.state, first)["state"] == "running"

    async def test_a_projection_that_moves_tells_its_bars(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        first, second, third = shop.operations
        before = bar(client.state, second)
        await project(shop, later_minutes=30, operation=second)
        projector.plan_changed(SITE, [second])
        seen = len(client.messages)
        await client.until(
            lambda state: bar(state, second)["projected_end"] != before["projected_end"]
        )
        assert bar(client.state, second)["end"] == before["end"]
        # The order is as late as its last operation: its other bars say so too.
        assert (
            bar(client.state, first)["lateness_minutes"]
            == bar(client.state, second)["lateness_minutes"]
            == before["lateness_minutes"] + 30
        )
        told = {key for message in client.messages[seen:] for key in message["data"]}
        assert f"bar/{third}" not in told

    async def test_a_plan_put_in_force_tells_what_it_changed(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        order = await shop.add_work(3, (shop.m2,), due=datetime.now(UTC) + timedelta(hours=9))
        seen = len(client.messages)
        await say(projector, PLANS, await shop.publish())
        state = await client.until(lambda state: state[BOARD]["plan"]["number"] == 2)
        await client.until(lambda state: f"bar/{shop.operations[-1]}" in state[BOARD])
        assert bar(state, shop.operations[-1])["machine"] == M2
        assert order
        assert {message["op"] for message in client.messages[seen:]} == {"delta"}
        told = {key for message in client.messages[seen:] for key in message["data"]}
        assert f"machine/{M1}" not in told

    async def test_a_draft_is_announced_and_changes_no_bar(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        seen = len(client.messages)
        await say(projector, PLANS, await shop.publish(state=PlanState.DRAFT))
        await client.until(lambda state: state[BOARD]["plan"]["draft"] == 2)
        told = {key for message in client.messages[seen:] for key in message["data"]}
        assert told == {"plan"}

    async def test_a_machine_that_stops_is_told(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        await shop.rows.machine_state(shop.m1, state="down", reason="jam")
        seen = len(client.messages)
        await say(projector, FLOOR, MachineChanged(SiteCode(SITE), shop.m1, MachinePath(M1), 2))
        await client.until(lambda state: state[BOARD][f"machine/{M1}"]["state"] == "down")
        told = {key for message in client.messages[seen:] for key in message["data"]}
        assert told == {f"machine/{M1}"}

    async def test_cancelled_work_leaves_the_board(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        await shop.rows.run("UPDATE work_orders SET cancelled_at = now() WHERE number = 'WO-1'")
        event = OrderEvent(
            SiteCode(SITE), "OrderCancelled", shop.orders[0], [shop.works[0]], 2, EpochMs(0)
        )
        await say(projector, ORDERS, event)
        gone = {f"bar/{shop.operations[0]}", f"bar/{shop.operations[1]}"}
        await client.until(lambda state: not gone & state[BOARD].keys())
        assert f"bar/{shop.operations[2]}" in client.state[BOARD]

    async def test_held_work_says_so_and_so_it_does_when_it_goes_on(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        first, second, third = shop.operations
        assert not bar(client.state, first)["on_hold"]
        await shop.rows.run(
            "UPDATE order_lines SET held_from = state, state = 'on_hold' WHERE order_id = %s",
            shop.orders[0],
        )
        held = OrderEvent(
            SiteCode(SITE), "OrderHeld", shop.orders[0], [shop.works[0]], 2, EpochMs(0)
        )
        await say(projector, ORDERS, held)
        await client.until(lambda state: bar(state, second)["on_hold"])
        assert bar(client.state, first)["on_hold"]
        assert not bar(client.state, third)["on_hold"]
        await shop.rows.run(
            "UPDATE order_lines SET state = held_from, held_from = NULL WHERE order_id = %s",
            shop.orders[0],
        )
        await say(projector, ORDERS, msgspec.structs.replace(held, name="OrderResumed", version=3))
        await client.until(lambda state: not bar(state, first)["on_hold"])

    async def test_it_tells_at_most_five_times_a_second(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        first = shop.operations[0]
        seen = len(client.messages)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for good in range(1, 31):
            await shop.rows.progress(first, good)
            projector.plan_changed(SITE, [first])
            await asyncio.sleep(0.02)
        await client.until(lambda state: bar(state, first)["good_pieces"] == 30)
        assert len(client.messages) - seen <= (loop.time() - began) / 0.2 + 2


class TestDisruptions:
    async def test_they_are_told_when_they_come_and_when_they_are_answered(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        id_ = await raise_one(shop, DisruptionKind.REQUESTED, "by:me")
        await say(projector, DISRUPTIONS, DisruptionRaised(SITE, id_, DisruptionKind.REQUESTED))
        await client.until(lambda state: f"disruption/{id_}" in state[BOARD])
        told = client.state[BOARD][f"disruption/{id_}"]
        assert (told["kind"], told["machine"], told["handled"]) == ("requested", M1, None)
        assert client.state[BOARD]["plan"]["open_disruptions"] == 1
        # An answer that changes nothing comes without an event.
        await shop.answer()
        await client.until(lambda state: state[BOARD]["plan"]["open_disruptions"] == 0)
        assert client.state[BOARD][f"disruption/{id_}"]["outcome"] == "no_change"

    async def test_only_the_newest_stay(
        self, client: Client, projector: LiveProjector, shop: Shop
    ) -> None:
        first = await raise_one(shop, DisruptionKind.REQUESTED, "first")
        await say(projector, DISRUPTIONS, DisruptionRaised(SITE, first, "requested"))
        await client.until(lambda state: f"disruption/{first}" in state[BOARD])
        for number in range(50):
            last = await raise_one(shop, DisruptionKind.REQUESTED, f"later-{number}")
        await say(projector, DISRUPTIONS, DisruptionRaised(SITE, last, "requested"))
        await client.until(lambda state: f"disruption/{last}" in state[BOARD])
        assert f"disruption/{first}" not in client.state[BOARD]
        shown = [key for key in client.state[BOARD] if key.startswith("disruption/")]
        assert len(shown) == 50


class TestWhatHasEnded:
    async def bars(self, shop: Shop) -> dict[int, Any]:
        async with shop.pool.connection() as connection:
            board = await read_board(connection, SITE, now_ms=now_ms())
            found = await plan_bars(connection, board, now_ms=now_ms())
        return {each.operation_id: msgspec.to_builtins(each) for each in found}

    async def test_it_stays_for_half_a_day_with_where_it_was_planned(self, shop: Shop) -> None:
        first, _, third = shop.operations
        planned = (await self.bars(shop))[first]
        await shop.start(first, shop.m2)
        await shop.rows.progress(
            first, 60, state="completed", started_ms=now_ms() - MINUTE_MS, ended_ms=now_ms()
        )
        await shop.rows.progress(third, 60, state="aborted", ended_ms=now_ms() - PAST_MS - 1)
        await shop.publish()
        bars = await self.bars(shop)
        assert third not in bars
        done = bars[first]
        assert (done["state"], done["machine"]) == ("completed", M1)
        assert (done["start"], done["end"]) == (planned["start"], planned["end"])
        assert done["projected_machine"] == M2
        assert done["projected_start"] < done["projected_end"]

"""The watch on real rows: breakdowns, silence, suppression, shelves, gateways, restarts."""

from __future__ import annotations

import asyncio

import msgspec
from plant_facts import LINE, M1, M2, MINUTE, NOW, SECOND, SITE, alarm_rule
from watched_plant import Plant

from domain.alarms.conditions import (
    Condition,
    DeadLetters,
    GatewayOffline,
    LineDown,
    MachineDown,
    MachineSilent,
    OrderAtRisk,
    OrderLate,
    PaceBelow,
    PlanInfeasible,
    ReadingOutside,
    ScrapRate,
    Shortage,
)
from domain.alarms.states import AlarmEvent
from notify.alarm_watch import ALL_KINDS, PERIODS_S, WOKEN
from runtime.clock import SystemClock
from runtime.health import Health, HealthState, report
from store.alarms import definitions
from store.telemetry.adoption import HistoryPartitions, months_of

DOWN_1, DOWN_2 = (f"machine_down:machine:{path}" for path in (M1, M2))
LINE_DOWN = f"line_down:line:{LINE}"


class TestRounds:
    async def test_a_breakdown_is_one_alarm_and_clears(self, plant: Plant) -> None:
        await plant.define(alarm_rule())
        watch = plant.watch()
        assert await watch.look() == []
        await plant.becomes(M1, "down", "jam")
        assert [each.event for each in await watch.look()] == ["raise"]
        assert await watch.look() == []
        [row] = await plant.alarms()
        assert (row.subject, row.site, row.detail["reason"]) == (M1, SITE, "jam")
        await plant.becomes(M1, "running")
        assert [each.event for each in await watch.look()] == ["clear"]
        assert await plant.standing() == {DOWN_1: "returned"}
        await plant.do(row.id, AlarmEvent.ACKNOWLEDGE)
        assert await plant.standing() == {}

    async def test_two_watches_raise_one_alarm(self, plant: Plant) -> None:
        await plant.define(alarm_rule())
        watches = [plant.watch(), plant.watch()]
        await plant.becomes(M1, "down")
        moved = await asyncio.gather(*(watch.look() for watch in watches))
        assert sum(len(each) for each in moved) == 1

    async def test_a_line_that_is_down_silences_its_machines(self, plant: Plant) -> None:
        await plant.define(
            alarm_rule("line", LineDown()), alarm_rule("machine", suppressed_by=("line",))
        )
        watch = plant.watch()
        await plant.becomes(M1, "down")
        await watch.look()
        assert await plant.standing() == {DOWN_1: "unacknowledged"}
        await plant.becomes(M2, "down")
        await watch.look()
        assert await plant.standing() == {
            LINE_DOWN: "unacknowledged",
            DOWN_1: "suppressed",
            DOWN_2: "suppressed",
        }
        await plant.becomes(M2, "running")
        await watch.look()
        assert await plant.standing() == {LINE_DOWN: "returned", DOWN_1: "unacknowledged"}

    async def test_a_delay_outlives_the_process(self, plant: Plant) -> None:
        await plant.define(alarm_rule("silent", MachineSilent(minutes=5), off_delay_s=60))
        plant.clock.at_ms = NOW + 5 * MINUTE
        await plant.watch().look()
        assert len(await plant.standing()) == 2
        await plant.becomes(M1, "running")
        await plant.watch().look()
        plant.clock.at_ms += 59 * SECOND
        await plant.watch().look()
        assert len(await plant.standing()) == 2
        plant.clock.at_ms += SECOND
        [cleared] = await plant.watch().look()
        assert cleared.cause == f"machine_silent:machine:{M1}"

    async def test_a_shelf_that_is_over_is_emptied(self, plant: Plant) -> None:
        await plant.define(alarm_rule())
        watch = plant.watch()
        await plant.becomes(M1, "down")
        [raised] = await watch.look()
        until = (await plant.rows("SELECT to_timestamp(%s)", NOW / 1000 + 600))[0][0]
        await plant.do(raised.id, AlarmEvent.SHELVE, until=until)
        await watch.look()
        assert await plant.standing() == {DOWN_1: "shelved"}
        plant.clock.at_ms = NOW + 600 * SECOND
        [back] = await watch.look()
        assert (back.event, back.state) == ("unshelve", "unacknowledged")
        [row] = await plant.alarms()
        assert row.raised_at.timestamp() * 1000 == NOW + 600 * SECOND

    async def test_a_rule_that_is_retired_takes_its_alarms_along(self, plant: Plant) -> None:
        await plant.define(alarm_rule(off_delay_s=600))
        watch = plant.watch()
        await plant.becomes(M1, "down")
        await watch.look()
        async with plant.pool.connection() as connection:
            await definitions.retire(connection, "rules", "machine-down", by="test")
        [moved] = await watch.look()
        assert moved.event == "clear"

    async def test_what_is_not_looked_at_stays(self, plant: Plant) -> None:
        await plant.define(alarm_rule(), alarm_rule("silent", MachineSilent(minutes=5)))
        watch = plant.watch()
        plant.clock.at_ms = NOW + 5 * MINUTE
        await watch.look()
        before = await plant.standing()
        assert len(before) == 2
        assert await watch.look([MachineDown]) == []
        assert await plant.standing() == before


class TestFacts:
    async def test_every_kind_of_condition_is_read(self, plant: Plant) -> None:
        """Each statement is right, also where there is nothing to be found."""
        conditions: list[Condition] = [
            MachineDown(),
            MachineSilent(),
            LineDown(),
            PaceBelow(percent=50),
            OrderAtRisk(),
            OrderLate(),
            Shortage(),
            ScrapRate(percent=5),
            ReadingOutside(metric="temp", high=80),
            PlanInfeasible(),
            DeadLetters(),
            GatewayOffline(),
        ]
        assert {type(each) for each in conditions} == ALL_KINDS == PERIODS_S.keys()
        assert WOKEN < ALL_KINDS
        await plant.define(
            *(alarm_rule(f"r{number}", each) for number, each in enumerate(conditions))
        )
        assert await plant.watch().look() == []

    async def test_scrap_of_the_last_hour(self, plant: Plant) -> None:
        await plant.define(alarm_rule("scrap", ScrapRate(percent=5)))
        slot = NOW - NOW % 300_000
        await make_month(plant, slot)
        await plant.rows(
            "INSERT INTO piece_slots VALUES (%s, %s, 90, 10)", plant.machines[M1], slot
        )
        [raised] = await plant.watch().look()
        assert raised.cause == f"scrap_rate:machine:{M1}"
        [row] = await plant.alarms()
        assert (row.value, row.limit) == (10.0, 5.0)

    async def test_the_newest_reading_counts_while_it_is_fresh(self, plant: Plant) -> None:
        await plant.define(alarm_rule("hot", ReadingOutside(metric="temp", high=80, dead_band=5)))
        await make_month(plant, NOW)
        [(metric,)] = await plant.rows(
            "INSERT INTO metrics (machine_id, name, unit) VALUES (%s, 'temp', 'C') RETURNING id",
            plant.machines[M1],
        )
        watch = plant.watch()
        told = []
        for seq, value in enumerate((70.0, 81.0, 76.0, 75.0)):
            plant.clock.at_ms = NOW + seq * SECOND
            await plant.rows(
                """
                INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body,
                                     metric_id, value)
                VALUES (%s, %s, 1, %s, 0, 0, '', %s, %s)
                """,
                plant.machines[M1],
                plant.clock.at_ms,
                seq,
                metric,
                value,
            )
            told.append([each.event for each in await watch.look()])
        assert told == [[], ["raise"], [], ["clear"]]
        [row] = await plant.alarms()
        assert (row.value, row.limit, row.detail["unit"]) == (81.0, 80.0, "C")

    async def test_orders_before_and_after_they_are_due(self, plant: Plant) -> None:
        await plant.define(
            alarm_rule("risk", OrderAtRisk(minutes=60)), alarm_rule("late", OrderLate(minutes=1))
        )
        await late_order(plant, due_ms=NOW + 30 * MINUTE, ends_ms=NOW + 100 * MINUTE)
        watch = plant.watch()
        [raised] = await watch.look()
        assert raised.cause == "order_at_risk:order:SO-1"
        [row] = await plant.alarms()
        assert (row.value, row.detail["customer"]) == (70.0, "Acme")
        plant.clock.at_ms = NOW + 31 * MINUTE
        moved = {each.cause: each.event for each in await watch.look()}
        assert moved == {"order_at_risk:order:SO-1": "clear", "order_late:order:SO-1": "raise"}
        await plant.rows("UPDATE order_lines SET state = 'produced', produced_at = now()")
        [cleared] = await watch.look()
        assert cleared.cause == "order_late:order:SO-1"

    async def test_letters_that_wait(self, plant: Plant) -> None:
        await plant.define(alarm_rule("letters", DeadLetters(count=2)))
        plant.clock.at_ms = SystemClock().now_ms()
        watch = plant.watch()
        for number in range(2):
            assert await watch.look() == []
            await plant.rows(
                """
                INSERT INTO dead_letters (site, origin_topic, origin_partition, origin_offset,
                                          received_ms, payload, size, code, reason)
                VALUES (%s, 't', 0, %s, 0, '', 0, 'c', 'r')
                """,
                SITE,
                number,
            )
        [raised] = await watch.look()
        assert raised.cause == f"dead_letters:site:{SITE}"
        await plant.rows("UPDATE dead_letters SET replayed_at = now()")
        [cleared] = await watch.look()
        assert cleared.event == "clear"

    async def test_a_plan_that_is_not_possible(self, plant: Plant) -> None:
        await plant.define(alarm_rule("plan", PlanInfeasible()))
        await plant.rows(
            """
            INSERT INTO disruptions (scope, kind, key, occurred_ms, handled_at, outcome, detail)
            VALUES (%s, 'requested', 'k', 0, now(), 'failed',
                    '{"conflicts": [{"code": "no_machine"}, {"code": "no_machine"}]}')
            """,
            SITE,
        )
        [raised] = await plant.watch().look()
        assert (raised.cause, raised.site) == (f"plan_infeasible:scope:{SITE}", SITE)
        [row] = await plant.alarms()
        assert row.detail["codes"] == ["no_machine"]
        await plant.rows(
            """
            INSERT INTO disruptions (scope, kind, key, occurred_ms, handled_at, outcome)
            VALUES (%s, 'requested', 'k2', 0, now() + interval '1 s', 'no_change')
            """,
            SITE,
        )
        [cleared] = await plant.watch().look()
        assert cleared.event == "clear"

    async def test_a_gateway_that_falls_silent(self, plant: Plant) -> None:
        await plant.define(
            alarm_rule("gateway", GatewayOffline(seconds=30)),
            alarm_rule("silent", MachineSilent(minutes=1), suppressed_by=("gateway",)),
        )
        watch = plant.watch()
        word = Health(service="edge", state=HealthState.OK, at_ms=NOW, pid=1)
        await report(plant.redis, word)
        assert await watch.look() == []
        plant.clock.at_ms = NOW + 60 * SECOND
        await plant.redis.flushall()
        await watch.look()
        assert set((await plant.standing()).values()) == {"unacknowledged", "suppressed"}
        later = msgspec.structs.replace(word, at_ms=NOW + 61 * SECOND)
        await report(plant.redis, later)
        plant.clock.at_ms = NOW + 61 * SECOND
        await watch.look()
        assert (await plant.standing())["gateway_offline:gateway:gateway"] == "returned"


async def late_order(plant: Plant, *, due_ms: int, ends_ms: int) -> None:
    """An order whose only operation is projected to end at a moment."""
    [(work,)] = await plant.rows(
        """
        WITH c AS (INSERT INTO customers (code, name) VALUES ('acme', 'Acme') RETURNING id),
        i AS (INSERT INTO items (code, name) VALUES ('bolt', 'Bolt') RETURNING id),
        o AS (INSERT INTO orders (site_id, customer_id, number)
              SELECT s.id, c.id, 'SO-1' FROM sites s, c RETURNING id, site_id),
        l AS (INSERT INTO order_lines (order_id, number, item_id, site_id, quantity, unit, due_at,
                                       state)
              SELECT o.id, 1, i.id, o.site_id, 5, 'pcs', to_timestamp(%s / 1000.0), 'released'
              FROM o, i RETURNING id),
        w AS (INSERT INTO work_orders (site_id, number, planned)
              SELECT id, 'WO-1', true FROM sites RETURNING id),
        p AS (INSERT INTO pegs (order_line_id, work_order_id, quantity)
              SELECT l.id, w.id, 5 FROM l, w)
        SELECT id FROM w
        """,
        due_ms,
    )
    await plant.rows(
        """
        WITH o AS (INSERT INTO operations (work_order_id, number, planned, machine_id)
                   VALUES (%s, 10, true, %s) RETURNING id, machine_id)
        INSERT INTO operation_projections (operation_id, machine_id, start_ms, end_ms)
        SELECT id, machine_id, %s, %s FROM o
        """,
        work,
        plant.machines[M1],
        NOW,
        ends_ms,
    )


async def make_month(plant: Plant, at_ms: int) -> None:
    """Make the partition that a time lies in, where tables have partitions."""
    async with plant.pool.connection() as connection:
        await HistoryPartitions().ensure(connection, months_of([at_ms]))


class TestRunning:
    async def test_it_begins_with_rules(self, plant: Plant) -> None:
        plant.clock.at_ms = SystemClock().now_ms()
        await plant.watch().look()
        [(count,)] = await plant.rows("SELECT count(*) FROM alarm_definitions")
        assert count >= 10
        [(audited,)] = await plant.rows(
            "SELECT count(*) FROM audit_log WHERE action = 'AlarmRuleChanged'"
        )
        assert audited == count

    async def test_a_breakdown_is_heard_of(self, plant: Plant) -> None:
        """The log's word wakes the watch: nothing else would let it look so soon."""
        await plant.define(alarm_rule())
        watch = plant.watch()
        plant.clock.at_ms = SystemClock().now_ms()
        running = [asyncio.create_task(loop) for loop in watch.loops()]
        try:
            async with asyncio.timeout(60):
                while not watch.metrics["alarm_looks"]:  # noqa: ASYNC110 - a figure, no event
                    await asyncio.sleep(0.05)
                await plant.becomes(M1, "down")
                while not await plant.standing():  # noqa: ASYNC110 - rows of another task
                    await asyncio.sleep(0.02)
            assert await plant.standing() == {DOWN_1: "unacknowledged"}
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

"""Late material is told by the round that sees it, once, also while a draft waits."""

from __future__ import annotations

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, at
from planning_shop import SCOPE, Shop, solved

from contracts.plan import DisruptionOutcome, PlanState
from contracts.streams import DISRUPTIONS, PARTITIONS, TOPICS, DisruptionRaised, decode_events
from store.database import Pool
from store.log import StreamLog, build_log
from store.planning import disruptions
from store.planning.disruptions import DisruptionRow
from streams.planning.rounds import Round


class StandingClock:
    """The moment of the test's rows."""

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return NOW_MS / 1_000


@pytest.fixture
async def log(pool: Pool) -> StreamLog:
    built = build_log("embedded://", pool)
    await built.create_topics(TOPICS, PARTITIONS)
    return built


@pytest.fixture
def rounds(pool: Pool, log: StreamLog) -> Round:
    return Round(pool=pool, log=log, clock=StandingClock())


class Waiting:
    """A planned operation whose component a purchase brings."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.operation = 0

    async def build(self, *, comes_ms: int) -> None:
        rows = self.shop.rows
        tube = await rows.item("tube")
        work = await rows.work_order(self.shop.site, "WO-1", item=self.shop.item)
        self.operation = await rows.operation(work, 10, self.shop.m1)
        await rows.run(
            "INSERT INTO stock_heads (item_id, site_id) VALUES (%s, %s)", tube, self.shop.site
        )
        await rows.run(
            """
            INSERT INTO reservations (item_id, site_id, quantity, kind, origin, need_at,
                                      work_order_id, head_version, created_by)
            VALUES (%s, %s, 10, 'soft', 'work_order', %s, %s, 0, 'floor')
            """,
            tube,
            self.shop.site,
            at(NOW_MS),
            work,
        )
        purchase = await rows.one(
            "INSERT INTO purchases (number, site_id, created_by) VALUES ('PO-1', %s, 'ann')"
            " RETURNING id",
            self.shop.site,
        )
        await rows.run(
            """
            INSERT INTO purchase_lines (purchase_id, number, item_id, site_id, quantity, due_at)
            VALUES (%s, 1, %s, %s, 10, %s)
            """,
            purchase,
            tube,
            self.shop.site,
            at(comes_ms),
        )

    async def comes(self, comes_ms: int) -> None:
        """The supplier says another date."""
        await self.shop.rows.run("UPDATE purchase_lines SET due_at = %s", at(comes_ms))

    async def told(self) -> list[DisruptionRow]:
        """What is open."""
        return await disruptions.open_disruptions(self.shop.connection, SCOPE)


@pytest.fixture
async def waiting(shop: Shop) -> Waiting:
    """It comes in an hour, and the plan in force begins then."""
    made = Waiting(shop)
    await made.build(comes_ms=NOW_MS + HOUR_MS)
    await shop.publish(
        (made.operation, shop.m1, NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 10 * MINUTE_MS)
    )
    return made


async def test_what_comes_in_time_is_not_told(waiting: Waiting, rounds: Round) -> None:
    assert (await rounds.make(SCOPE)).raised == 0

    await waiting.comes(NOW_MS + HOUR_MS + 10 * MINUTE_MS)  # the policy's tolerance

    assert (await rounds.make(SCOPE)).raised == 0


async def test_what_comes_after_the_planned_start_is_told_once(
    waiting: Waiting, rounds: Round, log: StreamLog, pool: Pool
) -> None:
    await waiting.comes(NOW_MS + 3 * HOUR_MS)

    assert (await rounds.make(SCOPE)).raised == 1
    assert (await rounds.make(SCOPE)).raised == 0
    # Whoever makes the rounds after a restart remembers nothing: the row does.
    restarted = Round(pool=pool, log=log, clock=StandingClock())
    assert (await restarted.make(SCOPE)).raised == 0

    [told] = await waiting.told()
    assert (told.kind, told.work_order, told.operation) == ("material_late", "WO-1", 10)
    assert told.machine == "plant-1/hall/line1/m1"
    assert told.detail == {"minutes": 120, "item": "tube", "reference": "PO-1"}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT value FROM log_records WHERE topic = %s", (DISRUPTIONS,)
        )
        events = [event for (value,) in await cursor.fetchall() for event in decode_events(value)]
    assert [event.disruption_id for event in events if isinstance(event, DisruptionRaised)] == [
        told.id
    ]


async def test_it_is_told_again_when_it_comes_at_another_time(
    waiting: Waiting, rounds: Round
) -> None:
    for hours in (3, 5):
        await waiting.comes(NOW_MS + hours * HOUR_MS)
        assert (await rounds.make(SCOPE)).raised == 1


async def test_it_is_told_while_a_draft_waits_which_did_not_know(
    waiting: Waiting, rounds: Round
) -> None:
    shop = waiting.shop
    loaded = await shop.load()
    await shop.store(loaded, solved(loaded), state=PlanState.DRAFT)
    await waiting.comes(NOW_MS + 3 * HOUR_MS)

    assert (await rounds.make(SCOPE)).raised == 1


async def test_what_has_begun_has_its_material(waiting: Waiting, rounds: Round) -> None:
    await waiting.shop.rows.start(waiting.operation, waiting.shop.m1)
    await waiting.comes(NOW_MS + 3 * HOUR_MS)

    await rounds.make(SCOPE)

    assert [each.kind for each in await waiting.told()] == []


class TestEarly:
    """An operation that was planned for an hour is almost done, and another one waits behind it."""

    async def _floor(self, shop: Shop, *, due_ms: int | None) -> int:
        _, _, [running] = await shop.order(1)
        _, _, [behind] = await shop.order(2, due_ms=due_ms)
        await shop.publish(
            (running, shop.m1, NOW_MS, NOW_MS + HOUR_MS),
            (behind, shop.m1, NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 10 * MINUTE_MS),
        )
        await shop.rows.start(running, shop.m1, good=9)
        return running

    async def test_it_is_told_where_the_next_one_is_late(self, shop: Shop, rounds: Round) -> None:
        await self._floor(shop, due_ms=NOW_MS + 30 * MINUTE_MS)

        assert (await rounds.make(SCOPE)).raised == 1
        assert (await rounds.make(SCOPE)).raised == 0

        [told] = await disruptions.open_disruptions(shop.connection, SCOPE)
        assert (told.kind, told.work_order) == ("operation_early", "WO-1")
        assert told.detail == {"minutes": 59, "successor": "WO-2/10"}

    @pytest.mark.parametrize("due_ms", [None, NOW_MS + 2 * HOUR_MS])
    async def test_where_nobody_gains_the_plan_stays(
        self, shop: Shop, rounds: Round, due_ms: int | None
    ) -> None:
        await self._floor(shop, due_ms=due_ms)

        assert (await rounds.make(SCOPE)).raised == 0


async def test_a_plan_that_waits_for_it_is_right(waiting: Waiting, rounds: Round) -> None:
    shop = waiting.shop
    await waiting.comes(NOW_MS + 3 * HOUR_MS)
    await rounds.make(SCOPE)
    start = NOW_MS + 3 * HOUR_MS
    await shop.publish((waiting.operation, shop.m1, start, start + 10 * MINUTE_MS))
    await disruptions.answer(
        shop.connection,
        [each.id for each in await waiting.told()],
        outcome=DisruptionOutcome.NO_CHANGE,
    )

    assert (await rounds.make(SCOPE)).raised == 0

"""Records without effects are passed over; the offset follows with the next that has some."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from relay_model import Told

from contracts.ids import EpochMs, SiteCode
from contracts.streams import ORDERS, PARTITIONS, TOPICS, OrderEvent, encode_events
from store.database import Connection, Pool, build_pool
from store.log.embedded import EmbeddedLog
from streams import fenced
from streams.consumption import Fenced, Message
from streams.fenced import FencedPartitions
from streams.planning.changes import OrderChanges

GROUP = "passing"


class Counting:
    """A group that has effects of records whose value is `x`."""

    def __init__(self, pool: Pool) -> None:
        self._partitions = FencedPartitions(pool, GROUP)
        self._pool = pool
        self.seen: list[int] = []

    async def begin(self) -> Counting:
        await self._partitions.on_assigned(ORDERS, 0)
        return self

    async def handle(self, *records: tuple[int, bytes]) -> list[int] | None:
        async def make(connection: Connection, batch: Sequence[Message]) -> list[int]:
            del connection
            offsets = [record.offset for record in batch]
            self.seen += offsets
            return offsets

        batch = [Told(offset, None, ORDERS, 0, 0.0, None, value) for offset, value in records]
        return await self._partitions.commit(
            batch, make, concerns=lambda some: any(one.value == b"x" for one in some)
        )

    async def done(self) -> int:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                'SELECT "offset" FROM effect_offsets WHERE consumer_group = %s AND partition = 0',
                (GROUP,),
            )
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test-passing", max_size=3) as opened:
        await EmbeddedLog(opened).create_topics(TOPICS, PARTITIONS)
        yield opened


@pytest.fixture
def for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is: the offset stays behind."""
    monkeypatch.setattr(fenced, "PASSED_S", 3_600.0)


@pytest.mark.usefixtures("for_long")
async def test_the_offset_follows_with_the_next_effects(pool: Pool) -> None:
    group = await Counting(pool).begin()
    assert await group.handle((0, b"-"), (1, b"-")) is None
    assert await group.handle((2, b"-")) is None
    assert (await group.done(), group.seen) == (-1, [])
    assert await group.handle((3, b"-"), (4, b"x")) == [3, 4]
    assert await group.done() == 4
    assert await group.handle((5, b"-")) is None
    assert await group.done() == 4


@pytest.mark.usefixtures("for_long")
async def test_who_begins_there_passes_them_over_again_and_repeats_no_effect(pool: Pool) -> None:
    first = await Counting(pool).begin()
    await first.handle((0, b"x"))
    await first.handle((1, b"-"))
    again = await Counting(pool).begin()
    assert await again.handle((0, b"x"), (1, b"-")) is None
    assert again.seen == []
    assert await again.handle((2, b"x")) == [2]
    assert await again.done() == 2


@pytest.mark.usefixtures("for_long")
async def test_who_lost_the_partition_is_fenced_when_there_are_effects(pool: Pool) -> None:
    old = await Counting(pool).begin()
    await Counting(pool).begin()
    assert await old.handle((0, b"-")) is None
    with pytest.raises(Fenced):
        await old.handle((1, b"x"))


async def test_it_does_not_stay_behind_for_long(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fenced, "PASSED_S", 0.0)
    group = await Counting(pool).begin()
    await group.handle((0, b"-"), (1, b"-"))
    assert await group.done() == 1


@pytest.mark.usefixtures("for_long")
async def test_an_order_that_came_in_is_nothing_to_plan(pool: Pool) -> None:
    changes = OrderChanges(pool=pool, log=EmbeddedLog(pool))
    await changes.on_assigned(ORDERS, 0)
    event = OrderEvent(SiteCode("plant-1"), "OrderReceived", 1, [], 1, EpochMs(0))
    await changes.handle([Told(0, None, ORDERS, 0, 0.0, None, encode_events([event]))])
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT \"offset\" FROM effect_offsets WHERE consumer_group = 'gemba.planning'"
        )
        assert await cursor.fetchall() == [(-1,)]

"""The watchdog: its decision with a held clock, and the whole on a real log."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest

from runtime.clock import SystemClock
from store.database import Pool, build_pool
from store.log import NewRecord
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.sight import Standing
from streams.watchdog import Stall, Stillness, Watchdog


def at(committed: int, head: int, partition: int = 0) -> Standing:
    return Standing("t", partition, committed, head)


@pytest.fixture
def stillness() -> Stillness:
    return Stillness(stall_s=30, blind_s=10)


class TestStillness:
    def test_waiting_records_and_no_movement_for_too_long_is_a_stall(
        self, stillness: Stillness
    ) -> None:
        for now in range(0, 31, 5):
            assert stillness.observe(now, [at(5, 8 + now)]) == []
        (stall,) = stillness.observe(35, [at(5, 40)])
        assert stall == Stall("t", 0, 35, 35)
        assert str(stall) == "t/0: 35 records wait, nothing consumed for 35 s"

    def test_a_partition_that_has_caught_up_may_rest(self, stillness: Stillness) -> None:
        for now in range(0, 300, 5):
            assert stillness.observe(now, [at(8, 8)]) == []
        for now in range(300, 330, 5):
            assert stillness.observe(now, [at(8, 9)]) == []

    def test_slow_movement_is_movement(self, stillness: Stillness) -> None:
        for now in range(0, 300, 5):
            assert stillness.observe(now, [at(now // 25, 10_000)]) == []

    def test_time_in_which_nothing_could_be_seen_does_not_count(self, stillness: Stillness) -> None:
        for now in range(0, 30, 5):
            assert stillness.observe(now, [at(5, 8)]) == []
        for now in range(100, 131, 5):
            assert stillness.observe(now, [at(5, 8)]) == []
        assert stillness.observe(135, [at(5, 8)])

    def test_a_partition_that_was_revoked_begins_anew(self, stillness: Stillness) -> None:
        for now in range(0, 30, 5):
            stillness.observe(now, [at(5, 8)])
        stillness.observe(30, [])
        for now in range(35, 66, 5):
            assert stillness.observe(now, [at(5, 8)]) == []

    def test_a_partition_that_says_why_it_stands_is_excused_and_others_are_not(
        self, stillness: Stillness
    ) -> None:
        stalls: list[Stall] = []
        for now in range(0, 40, 5):
            standings = [at(5, 8), at(5, 8, partition=1)]
            stalls = stillness.observe(now, standings, excused={("t", 0)})
        assert [stall.partition for stall in stalls] == [1]


class TestWatchdog:
    @pytest.fixture
    async def log(self, database_url: str) -> AsyncIterator[EmbeddedLog]:
        pool: Pool
        async with build_pool(database_url, name="test-watchdog", max_size=2) as pool:
            log = EmbeddedLog(pool)
            await log.create_topics(["t"], 2)
            await log.register("g", ["t"])
            await log.append([NewRecord("t", 0, None, b"x"), NewRecord("t", 1, None, b"x")])
            yield log

    def watchdog(self, url: str, ended: threading.Event, assigned: set[int]) -> Watchdog:
        return Watchdog(
            database_url=url,
            group="g",
            assigned=lambda: {("t", partition) for partition in assigned},
            clock=SystemClock(),
            stall_s=0.3,
            interval_s=0.1,
            grace_s=0.1,
            on_stalled=ended.set,
        )

    async def test_it_says_so_and_ends_the_process(
        self, log: EmbeddedLog, database_url: str
    ) -> None:
        await log.commit("g", {TopicPartition("t", 1): 1})
        ended = threading.Event()
        watchdog = self.watchdog(database_url, ended, {0, 1})
        watchdog.start()
        assert ended.wait(30)
        watchdog.stop()
        assert watchdog.stalled is not None
        assert watchdog.stalled.startswith("stalled: t/0: 1 records wait")
        assert "t/1" not in watchdog.stalled

    async def test_a_standby_is_not_to_blame(self, log: EmbeddedLog, database_url: str) -> None:
        assert len(await log.extents(["t"])) == 2
        ended = threading.Event()
        watchdog = self.watchdog(database_url, ended, set())
        watchdog.start()
        assert not ended.wait(1.5)
        watchdog.stop()
        assert watchdog.stalled is None

    async def test_a_database_that_is_away_is_no_stall(self) -> None:
        ended = threading.Event()
        watchdog = self.watchdog("postgresql://nobody@127.0.0.1:1/none", ended, {0})
        watchdog.start()
        assert not ended.wait(1.0)
        watchdog.stop()
        assert watchdog.stalled is None

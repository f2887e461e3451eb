"""The reader's positions, over a log whose answers the test holds back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest

from store.database import build_pool
from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.reader import Reader

A = TopicPartition("t", 0)
B = TopicPartition("t", 1)


class HeldLog(EmbeddedLog):
    """Partitions of ten records each; a read is answered when `answer` is set."""

    def __init__(self) -> None:
        super().__init__(build_pool("postgresql://nobody@127.0.0.1:1/none", name="held"))
        self.answer = asyncio.Event()
        self.answer.set()
        self.reads: list[dict[TopicPartition, int]] = []

    async def read_many(
        self, positions: Mapping[TopicPartition, int], *, limit_records: int, limit_bytes: int
    ) -> list[Record]:
        assert limit_records > 10
        assert limit_bytes > 10
        self.reads.append(dict(positions))
        await self.answer.wait()
        return [
            Record(at.topic, at.partition, offset, 0, None, b"x")
            for at, position in positions.items()
            for offset in range(position, 10)
        ]


@pytest.fixture
def log() -> HeldLog:
    return HeldLog()


@pytest.fixture
def reader(log: HeldLog) -> Reader:
    reader = Reader()
    reader.assign(log, {A: 0, B: 7})
    return reader


def offsets(records: Iterable[Record]) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in records]


async def test_partitions_take_turns_and_positions_follow(reader: Reader) -> None:
    await reader.fetch({A, B})
    assert (reader.position(A), reader.position(B)) == (0, 7)
    handed = offsets(reader.hand_over({A, B}))
    assert handed[:6] == [(0, 0), (1, 7), (0, 1), (1, 8), (0, 2), (1, 9)]
    assert handed[6:] == [(0, offset) for offset in range(3, 10)]
    assert (reader.position(A), reader.position(B)) == (10, 10)
    assert (reader.head(A), reader.head(B)) == (10, 10)


async def test_a_fetch_that_a_seek_overtakes_is_dropped(reader: Reader, log: HeldLog) -> None:
    log.answer.clear()
    fetching = asyncio.create_task(reader.fetch({A}))
    async with asyncio.timeout(60):
        while not log.reads:  # noqa: ASYNC110 - the log under test sets no event
            await asyncio.sleep(0.001)
    reader.seek(A, 8)
    log.answer.set()
    await fetching
    assert offsets(reader.hand_over({A})) == []
    await reader.fetch({A})
    assert offsets(reader.hand_over({A})) == [(0, 8), (0, 9)]


async def test_a_seek_ends_what_is_being_handed_over(reader: Reader) -> None:
    await reader.fetch({A})
    handing = reader.hand_over({A})
    assert offsets([next(handing), next(handing)]) == [(0, 0), (0, 1)]
    reader.seek(A, 9)
    assert offsets(handing) == []
    await reader.fetch({A})
    assert offsets(reader.hand_over({A})) == [(0, 9)]


async def test_what_is_not_wanted_now_is_kept_and_not_read_again(
    reader: Reader, log: HeldLog
) -> None:
    wanted = {A, B}
    await reader.fetch(wanted)
    handed = []
    for record in reader.hand_over(wanted):
        handed.append(record)
        if record.partition == 0:
            wanted.discard(A)  # its buffer is full
    assert offsets(handed) == [(0, 0), (1, 7), (1, 8), (1, 9)]
    assert reader.position(A) == 1
    await reader.fetch({A, B})
    assert offsets(reader.hand_over({A, B})) == [(0, offset) for offset in range(1, 10)]
    assert log.reads == [{A: 0, B: 7}]


async def test_what_was_revoked_is_not_handed_over(reader: Reader) -> None:
    await reader.fetch({A, B})
    handing = reader.hand_over({A, B})
    assert offsets([next(handing)]) == [(0, 0)]
    reader.revoke()
    assert offsets(handing) == []
    assert reader.position(A) is None
    reader.seek(A, 3)
    assert reader.position(A) is None

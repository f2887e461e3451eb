"""The channels' contract, against a real Redis or Valkey."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from contracts.live import ChannelKind, Position
from store import live_channels
from store.live_channels import (
    ChannelNameError,
    Deltas,
    FencedProjectorError,
    LiveChannels,
    Lost,
    Missing,
    Snapshot,
    Written,
    parse_channel,
)

FLOOR = "floor:plant-1"


@pytest.fixture
async def channels(redis: Redis) -> LiveChannels:
    live = LiveChannels(redis)
    assert await live.claim("me")
    return live


async def write(
    channels: LiveChannels,
    changes: dict[str, bytes | None],
    expected: Position | None,
    *,
    full: bool = False,
    epoch: str = "e1",
    turn: str = "me",
) -> Any:
    return await channels.write(
        FLOOR, changes, turn=turn, expected=expected, full=full, fresh_epoch=epoch
    )


async def begin(channels: LiveChannels, changes: dict[str, bytes | None]) -> Position:
    written = await write(channels, changes, None, full=True)
    assert isinstance(written, Written)
    return written.position


def data(read: Any) -> Any:
    assert isinstance(read, Snapshot)
    return msgspec.json.decode(read.data)


async def test_a_channel_that_nobody_wrote_is_missing(channels: LiveChannels) -> None:
    assert isinstance(await channels.read(FLOOR), Missing)


async def test_a_snapshot_holds_the_whole_state_as_of_its_position(
    channels: LiveChannels,
) -> None:
    position = await begin(channels, {"a/b": b'{"n":1}', 'q"uote': b"2"})
    read = await channels.read(FLOOR)
    assert data(read) == {"a/b": {"n": 1}, 'q"uote': 2}
    assert isinstance(read, Snapshot)
    assert read.position == position == Position("e1", 0)


async def test_a_change_is_a_delta_with_the_next_offset(channels: LiveChannels) -> None:
    position = await begin(channels, {"a": b"1", "b": b"2"})
    written = await write(channels, {"a": b"3", "b": None, "c": b"4"}, position)
    assert written == Written(Position("e1", 1))
    read = await channels.read(FLOOR, position)
    assert isinstance(read, Deltas)
    assert [msgspec.json.decode(delta) for delta in read.data] == [{"a": 3, "b": None, "c": 4}]
    assert data(await channels.read(FLOOR)) == {"a": 3, "c": 4}


async def test_what_did_not_change_makes_no_delta(channels: LiveChannels) -> None:
    position = await begin(channels, {"a": b"1"})
    assert await write(channels, {"a": b"1", "gone": None}, position) == Written(position)
    written = await write(channels, {"a": b"1", "b": b"2"}, position)
    read = await channels.read(FLOOR, position)
    assert isinstance(read, Deltas)
    assert written == Written(read.position)
    assert [msgspec.json.decode(delta) for delta in read.data] == [{"b": 2}]


async def test_a_full_write_takes_away_what_it_does_not_name(channels: LiveChannels) -> None:
    position = await begin(channels, {"a": b"1", "b": b"2"})
    assert await write(channels, {"a": b"1"}, position, full=True) == Written(Position("e1", 1))
    assert data(await channels.read(FLOOR)) == {"a": 1}


async def test_a_reader_of_another_epoch_or_of_the_future_gets_a_snapshot(
    channels: LiveChannels,
) -> None:
    position = await begin(channels, {"a": b"1"})
    assert isinstance(await channels.read(FLOOR, Position("other", 0)), Snapshot)
    assert isinstance(await channels.read(FLOOR, Position("e1", 5)), Snapshot)
    same = await channels.read(FLOOR, position)
    assert same == Deltas(position, [])


async def test_deltas_are_bounded_by_number_and_a_reader_before_them_gets_a_snapshot(
    channels: LiveChannels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_channels, "MAX_DELTAS", 3)
    position = await begin(channels, {"n": b"0"})
    for n in range(1, 6):
        written = await write(channels, {"n": b"%d" % n}, position)
        position = written.position
    assert isinstance(await channels.read(FLOOR, Position("e1", 1)), Snapshot)
    read = await channels.read(FLOOR, Position("e1", 2))
    assert read == Deltas(Position("e1", 5), [b'{"n":3}', b'{"n":4}', b'{"n":5}'])


async def test_deltas_are_bounded_by_bytes(
    channels: LiveChannels, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_channels, "MAX_DELTA_BYTES", 100)
    position = await begin(channels, {})
    for n in range(10):
        value = msgspec.json.encode(f"{n}" + "x" * 30)
        position = (await write(channels, {"n": value}, position)).position
    assert await redis.xlen("gemba:live:deltas:" + FLOOR) == 2
    too_large = await write(channels, {"n": msgspec.json.encode("y" * 200)}, position)
    assert isinstance(await channels.read(FLOOR, position), Snapshot)
    assert await channels.read(FLOOR, too_large.position) == Deltas(too_large.position, [])


async def test_a_lost_redis_is_noticed_and_begins_a_new_epoch(
    channels: LiveChannels, redis: Redis
) -> None:
    position = await begin(channels, {"a": b"1"})
    await redis.flushall()
    with pytest.raises(FencedProjectorError):
        await write(channels, {"a": b"2"}, position)
    assert await channels.claim("me")
    assert isinstance(await write(channels, {"a": b"2"}, position), Lost)
    written = await write(channels, {"a": b"2"}, position, full=True, epoch="e2")
    assert written == Written(Position("e2", 0))
    assert data(await channels.read(FLOOR, position)) == {"a": 2}


async def test_a_redis_restored_from_an_older_file_begins_a_new_epoch(
    channels: LiveChannels, redis: Redis
) -> None:
    position = await begin(channels, {"a": b"1"})
    backup = await redis.dump("gemba:live:state:" + FLOOR)
    position = (await write(channels, {"a": b"2"}, position)).position
    assert isinstance(backup, bytes)
    await redis.restore("gemba:live:state:" + FLOOR, 0, backup, replace=True)
    assert isinstance(await write(channels, {"a": b"3"}, position), Lost)
    written = await write(channels, {"a": b"3"}, position, full=True, epoch="e2")
    assert written == Written(Position("e2", 0))
    assert isinstance(await channels.read(FLOOR, Position("e1", 1)), Snapshot)


async def test_one_projector_writes_until_it_lets_go(channels: LiveChannels) -> None:
    position = await begin(channels, {"a": b"1"})
    assert not await channels.claim("other")
    with pytest.raises(FencedProjectorError):
        await write(channels, {"a": b"2"}, position, turn="other")
    await channels.release("other")
    assert await channels.claim("me")
    await channels.release("me")
    assert await channels.claim("other")
    with pytest.raises(FencedProjectorError):
        await write(channels, {"a": b"2"}, position)
    written = await write(channels, {"a": b"5"}, None, full=True, epoch="e2", turn="other")
    assert written == Written(Position("e2", 0))


async def test_a_killed_projectors_lease_ends(channels: LiveChannels, redis: Redis) -> None:
    assert 0 < await redis.pttl(live_channels.PROJECTOR) <= live_channels.TURN_LIFETIME_MS
    await redis.delete(live_channels.PROJECTOR)
    assert await channels.claim("other")


async def test_a_write_wakes_whoever_listens(channels: LiveChannels) -> None:
    async with channels.listen(live_channels.WAKE) as messages:
        position = await begin(channels, {"a": b"1"})
        assert await anext(messages) == (live_channels.WAKE, FLOOR.encode())
        await write(channels, {"a": b"2"}, position)
        assert await anext(messages) == (live_channels.WAKE, FLOOR.encode())


async def test_wanted_channels_are_known_to_a_projector_that_starts_later(
    channels: LiveChannels, redis: Redis
) -> None:
    await channels.want([FLOOR, "order:SO-1"])
    assert await channels.wanted() == {FLOOR, "order:SO-1"}
    assert 0 < await redis.ttl("gemba:live:want:" + FLOOR) <= live_channels.WANT_LIFETIME_S


async def test_a_dropped_channel_is_missing(channels: LiveChannels) -> None:
    position = await begin(channels, {"a": b"1"})
    await channels.drop([FLOOR], turn="me")
    assert isinstance(await channels.read(FLOOR, position), Missing)


async def test_any_reader_that_follows_ends_with_the_state(channels: LiveChannels) -> None:
    """Random writes; readers who come and go at random positions see no gap."""
    chance = random.Random(20261122)
    model: dict[str, bytes] = {}
    position = await begin(channels, {})
    readers: list[tuple[Position | None, dict[str, Any]]] = [(None, {}) for _ in range(4)]
    for _ in range(300):
        changes: dict[str, bytes | None] = {}
        for key in chance.sample("abcdefgh", chance.randint(1, 3)):
            changes[key] = None if chance.random() < 0.2 else b"%d" % chance.randint(0, 3)
        for key, value in changes.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        position = (await write(channels, changes, position)).position
        if chance.random() < 0.3:
            which = chance.randrange(len(readers))
            readers[which] = await _follow(channels, *readers[which])
    for reader in readers:
        at, state = await _follow(channels, *reader)
        assert at == position
        assert state == {key: int(value) for key, value in model.items()}


async def _follow(
    channels: LiveChannels, at: Position | None, state: dict[str, Any]
) -> tuple[Position, dict[str, Any]]:
    read = await channels.read(FLOOR, at)
    if isinstance(read, Snapshot):
        return read.position, msgspec.json.decode(read.data)
    assert isinstance(read, Deltas)
    assert at is not None
    assert read.position.offset - at.offset == len(read.data)
    for delta in read.data:
        for key, value in msgspec.json.decode(delta).items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
    return read.position, state


def test_a_channels_name_is_a_kind_and_a_subject() -> None:
    assert parse_channel("machine:p/a/l/m1") == (ChannelKind.MACHINE, "p/a/l/m1")
    for wrong in ("floor", "floor:", "shop:x", "", "floor:\x00"):
        with pytest.raises(ChannelNameError):
            parse_channel(wrong)

"""A socket's queue: bounded, conflated to the latest per key, in order."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from api.live import outbox
from api.live.outbox import Kind, Outbox, Outgoing


def told(queue: Outbox) -> list[dict[str, Any]]:
    messages = []
    while queue:
        messages.append(msgspec.json.decode(queue.take(), type=dict[str, Any]))
    return messages


def change(offset: int, **values: Any) -> Outgoing:
    return outbox.delta("floor:p", offset, msgspec.json.encode(values))


def test_what_is_not_too_much_is_sent_as_it_came() -> None:
    queue = Outbox()
    queue.offer(outbox.snapshot("floor:p", "e", 0, b'{"a":0}'), 1.0)
    queue.offer(change(1, a=1), 2.0)
    assert queue.oldest_s() == 1.0
    assert told(queue) == [
        {"op": "snapshot", "channel": "floor:p", "epoch": "e", "offset": 0, "data": {"a": 0}},
        {"op": "delta", "channel": "floor:p", "offset": 1, "data": {"a": 1}},
    ]
    assert queue.oldest_s() is None


def test_too_many_deltas_become_one_with_the_latest_of_each_key() -> None:
    queue = Outbox()
    for offset in range(1, 1_001):
        queue.offer(change(offset, a=offset, **{f"k{offset % 3}": offset}), float(offset))
    assert len(queue) <= 1 + outbox.MAX_MESSAGES
    (only,) = told(queue)
    assert only["offset"] == 1_000
    assert only["data"] == {"a": 1_000, "k1": 1_000, "k2": 998, "k0": 999}


def test_a_gone_key_stays_gone_in_a_merged_delta() -> None:
    queue = Outbox()
    for offset in range(1, 101):
        queue.offer(change(offset, a=offset, b=None if offset > 50 else 1), 0.0)
    (only,) = told(queue)
    assert only["data"] == {"a": 100, "b": None}


def test_the_age_of_a_merged_delta_is_that_of_its_first() -> None:
    queue = Outbox()
    for offset in range(1, 101):
        queue.offer(change(offset, a=offset), float(offset))
    assert queue.oldest_s() == 1.0


def test_a_new_snapshot_replaces_what_is_queued_of_its_channel_when_conflated() -> None:
    queue = Outbox()
    for offset in range(1, 101):
        queue.offer(change(offset, a=offset), 0.0)
    queue.offer(Outgoing('{"op":"pong"}'), 0.0)
    queue.offer(outbox.snapshot("floor:p", "e2", 0, b'{"a":0}'), 0.0)
    queue.offer(change(1, a=7), 0.0)
    assert [message["op"] for message in told(queue)] == ["pong", "snapshot", "delta"]


def test_another_channel_and_plain_messages_are_kept() -> None:
    queue = Outbox()
    queue.offer(Outgoing('{"op":"pong"}'), 0.0)
    for offset in range(1, 101):
        queue.offer(change(offset, a=offset), 0.0)
        queue.offer(outbox.delta("floor:q", offset, b'{"b":%d}' % offset), 0.0)
    messages = told(queue)
    assert [message["op"] for message in messages] == ["pong", "delta", "delta"]
    assert {message["channel"]: message["data"] for message in messages[1:]} == {
        "floor:p": {"a": 100},
        "floor:q": {"b": 100},
    }


def test_a_left_channel_is_dropped() -> None:
    queue = Outbox()
    for offset in range(1, 101):
        queue.offer(change(offset, a=offset), 0.0)
    queue.leave("floor:p")
    assert told(queue) == []


def test_a_queue_that_is_too_large_even_conflated_has_overflowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MAX_CONFLATED_BYTES", 10_000)
    monkeypatch.setattr(outbox, "MAX_BYTES", 1_000)
    queue = Outbox()
    for offset in range(1, 101):
        queue.offer(change(offset, **{f"k{offset}": "x" * 200}), 0.0)
    assert queue.overflowed


def test_several_deltas_are_told_as_one() -> None:
    merged = outbox.merged_delta("floor:p", 9, [b'{"a":1,"b":2}', b'{"a":null}'])
    assert msgspec.json.decode(merged.text)["data"] == {"a": None, "b": 2}
    assert merged.kind is Kind.DELTA


def test_however_slowly_it_is_emptied_the_client_ends_with_the_state() -> None:
    chance = random.Random(7)
    queue = Outbox()
    state: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    last = -1

    def take_one() -> None:
        nonlocal last, seen
        message = msgspec.json.decode(queue.take(), type=dict[str, Any])
        if message["op"] == "snapshot":
            seen, last = dict(message["data"]), message["offset"]
        elif message["op"] == "delta":
            assert message["offset"] > last
            last = message["offset"]
            seen |= message["data"]
            seen = {key: value for key, value in seen.items() if value is not None}

    offset = 0
    queue.offer(outbox.snapshot("floor:p", "e", 0, b"{}"), 0.0)
    for step in range(5_000):
        offset += 1
        key = f"k{chance.randrange(20)}"
        value = None if chance.random() < 0.2 else step
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
        queue.offer(change(offset, **{key: value}), 0.0)
        if chance.random() < 0.01:
            queue.offer(outbox.snapshot("floor:p", "e", offset, msgspec.json.encode(state)), 0.0)
        if chance.random() < 0.2:
            for _ in range(min(len(queue), chance.randrange(10))):
                take_one()
    while queue:
        take_one()
    assert seen == state
    assert last == offset

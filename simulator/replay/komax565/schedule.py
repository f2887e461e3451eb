"""In which order and when a day's objects are sent, and how they are put into messages."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from contracts.ids import MachinePath
from contracts.topics import PREFIX, Kind
from simulator.replay.komax565.messages import Item

MAX_OBJECTS: Final = 100
MAX_BYTES: Final = 60_000
_WINDOW: Final = 400
_MS_PER_MINUTE: Final = 60_000
_encoder = msgspec.json.Encoder()


class Due(NamedTuple):
    """An object and the log time at which it arrives: its own, or later when it is late."""

    at_ms: int
    item: Item


class Message(NamedTuple):
    """What is published at once: objects of one kind."""

    topic: str
    payload: bytes
    items: list[Item]


def in_order(items: Sequence[Item]) -> list[Due]:
    """As it happened."""
    ordered = sorted(items, key=lambda item: (item.t_ms, *item.publisher, item.seq))
    return [Due(item.t_ms, item) for item in ordered]


def shuffled(items: Sequence[Item], minutes: float, seed: int) -> list[Due]:
    """Each object late by up to so many minutes of the log's time, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible shuffle, no secret
    span = minutes * _MS_PER_MINUTE
    late = [Due(int(due.at_ms + chance.uniform(0, span)), due.item) for due in in_order(items)]
    return sorted(late, key=lambda due: due.at_ms)


def messages_of(items: Sequence[Item], machine: MachinePath) -> Iterator[Message]:
    """Arrays of one kind each, filled from windows of neighbouring objects."""
    for begin in range(0, len(items), _WINDOW):
        kinds: dict[Kind, list[Item]] = {}
        for item in items[begin : begin + _WINDOW]:
            kinds.setdefault(item.kind, []).append(item)
        for kind, group in kinds.items():
            yield from _arrays(f"{PREFIX}{machine}/{kind}", group)


def _arrays(topic: str, items: list[Item]) -> Iterator[Message]:
    parts: list[bytes] = []
    held: list[Item] = []
    size = 0
    for item in items:
        part = _encoder.encode(item.body)
        if held and (len(held) >= MAX_OBJECTS or size + len(part) > MAX_BYTES):
            yield _message(topic, parts, held)
            parts, held, size = [], [], 0
        parts.append(part)
        held.append(item)
        size += len(part) + 1
    if held:
        yield _message(topic, parts, held)


def _message(topic: str, parts: list[bytes], items: list[Item]) -> Message:
    payload = parts[0] if len(parts) == 1 else b"[" + b",".join(parts) + b"]"
    return Message(topic, payload, items)

"""Judging what arrives: one MQTT message becomes accepted objects and refusals.

The rules are those of `docs/protocol.md`, section "What happens to an object that arrives".
Nothing is repaired on the way: an object is taken as sent or refused with its reason.
"""

from __future__ import annotations

import enum
import re
from datetime import date
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET

from contracts.ids import EpochMs
from contracts.streams import MAX_PAYLOAD_BYTES
from contracts.telemetry import (
    MAIN_SOURCE,
    Count,
    Heartbeat,
    Job,
    Material,
    Message,
    Move,
    NativeObject,
    Operator,
    Reading,
    State,
)
from contracts.topics import Kind, Topic, TopicError, parse_topic

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01T00:00:00Z: an older time is a clock that was never set."""

CLOCK_AHEAD_MS: Final = 5 * 60_000
"""How far a device's clock may stand before the gateway's."""

LARGEST: Final = 2**63 - 1
"""What a 64-bit column holds; a larger integer is refused, not rounded."""


MAX_NAME_BYTES: Final = 1_000
"""What an index of the database can hold of a publisher's or a work order's name."""


class Refusal(enum.StrEnum):
    """Why an object went to the dead letters."""

    TOPIC = "topic"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    FIELD = "field"
    COUNT_FORMS = "count_forms"
    OPERATION_PAIR = "operation_pair"
    TIME = "time"
    TIME_TOO_OLD = "time_too_old"
    TIME_AHEAD = "time_ahead"
    CONFLICT = "conflict"
    UNKNOWN_MACHINE = "unknown_machine"
    UNPLANNED = "unplanned"
    TOO_LATE = "too_late"
    RECORD = "record"


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An object that keeps the rules; whether it was seen before is not judged here."""

    kind: Kind
    t_ms: EpochMs
    message: NativeObject
    body: bytes
    """The object's JSON as sent."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """What goes to the dead letters."""

    code: Refusal
    reason: str
    payload: bytes


Judged: TypeAlias = Accepted | Refused


class _RefusedError(Exception):
    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.code = code


_SHAPES: Final[dict[Kind, type[NativeObject]]] = {
    Kind.COUNT: Count,
    Kind.JOB: Job,
    Kind.STATE: State,
    Kind.READING: Reading,
    Kind.MESSAGE: Message,
    Kind.OPERATOR: Operator,
    Kind.MATERIAL: Material,
    Kind.HEARTBEAT: Heartbeat,
    Kind.MOVE: Move,
}
_DECODERS: Final[dict[Kind, msgspec.json.Decoder[NativeObject]]] = {
    kind: msgspec.json.Decoder(shape) for kind, shape in _SHAPES.items()
}
_LIST_DECODERS: Final[dict[Kind, msgspec.json.Decoder[list[NativeObject]]]] = {
    kind: msgspec.json.Decoder(list[shape])  # type: ignore[valid-type] # a type kept in a table
    for kind, shape in _SHAPES.items()
}
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw_one = msgspec.json.Decoder(msgspec.Raw)


def judge(topic: str, payload: bytes, *, size: int, received_ms: int) -> list[Judged]:
    """Judge one MQTT message; arrays are judged object by object.

    Args:
        topic: as published.
        payload: the bytes, perhaps cut to MAX_PAYLOAD_BYTES.
        size: the payload's length before any cut.
        received_ms: when the gateway had it, epoch milliseconds.
    """
    try:
        parsed = parse_topic(topic)
    except TopicError as error:
        return [Refused(Refusal.TOPIC, str(error), payload)]
    if size > MAX_PAYLOAD_BYTES:
        reason = f"payload of {size:,} bytes; at most {MAX_PAYLOAD_BYTES:,} are taken"
        return [Refused(Refusal.TOO_LARGE, reason, payload)]
    at_once = _judge_at_once(parsed.kind, payload, received_ms)
    if at_once is not None:
        return at_once
    try:
        objects = _split(payload)
    except _RefusedError as error:
        return [Refused(error.code, str(error), payload)]
    return [_judge_object(parsed, body, received_ms) for body in objects]


def _judge_at_once(kind: Kind, payload: bytes, received_ms: int) -> list[Judged] | None:
    """What nothing is wrong with, decoded in one go; None: look at it object by object.

    Decoding a whole array costs half of decoding its objects one by one, and nearly everything that
    machines send is right.
    """
    try:
        if payload[:1] == b"[":
            messages = _LIST_DECODERS[kind].decode(payload)
            bodies = [bytes(raw) for raw in _raw_list.decode(payload)]
        elif payload[:1] == b"{" and payload[-1:] == b"}":
            messages, bodies = [_DECODERS[kind].decode(payload)], [payload]
        else:
            return None
        payload.decode("utf-8")
        check = _CHECKS[kind]
        judged: list[Judged] = []
        for message, body in zip(messages, bodies, strict=True):
            _check_identity(message)
            check(message)
            t = message.t
            t_ms = EpochMs(t) if type(t) is int else _event_time(t)
            _check_time(t_ms, received_ms)
            judged.append(Accepted(kind, t_ms, message, body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _RefusedError):
        return None
    return judged


def restore(kind: Kind, body: bytes) -> NativeObject:
    """Decode an object that was accepted before."""
    return _DECODERS[kind].decode(body)


def same_content(one: bytes, other: bytes) -> bool:
    """Whether two objects are equal as parsed JSON, an absent `source` being `"main"`.

    Objects nested too deeply to be compared count as different.
    """
    if one == other:
        return True
    try:
        return _equal(_comparable(one), _comparable(other))
    except RecursionError:
        return False


def _comparable(body: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    return {"source": MAIN_SOURCE} | parsed


_NUMBERS: Final = (int, float)


def _equal(one: Any, other: Any) -> bool:
    # Python holds True == 1; JSON does not. 1 and 1.0 are the same number in both.
    if type(one) in _NUMBERS and type(other) in _NUMBERS:
        return bool(one == other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _equal(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(
            _equal(mine, yours) for mine, yours in zip(one, other, strict=True)
        )
    return bool(one == other)


def _split(payload: bytes) -> list[bytes]:
    try:
        payload.decode("utf-8")
        if payload.lstrip(b" \t\r\n")[:1] == b"[":
            return [bytes(raw) for raw in _raw_list.decode(payload)]
        one = bytes(_raw_one.decode(payload))
    except UnicodeDecodeError as error:
        raise _RefusedError(
            Refusal.NOT_JSON, f"not UTF-8: {error.reason} at byte {error.start}"
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _RefusedError(Refusal.NOT_JSON, f"not JSON: {error}") from None
    return [one]


def _judge_object(topic: Topic, body: bytes, received_ms: int) -> Judged:
    try:
        if body[:1] != b"{":
            raise _RefusedError(Refusal.NOT_AN_OBJECT, "neither an object nor an array of objects")  # noqa: TRY301
        message = _decode(topic.kind, body)
        _check_identity(message)
        _CHECKS[topic.kind](message)
        t_ms = _event_time(message.t)
        _check_time(t_ms, received_ms)
    except _RefusedError as error:
        return Refused(error.code, f"{topic.kind}: {error}", body)
    return Accepted(topic.kind, t_ms, message, body)


def _decode(kind: Kind, body: bytes) -> NativeObject:
    try:
        return _DECODERS[kind].decode(body)
    except msgspec.ValidationError as error:
        raise _RefusedError(Refusal.FIELD, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _RefusedError(Refusal.NOT_JSON, f"not JSON: {error}") from None


def _check_identity(message: NativeObject) -> None:
    if not 0 <= message.seq <= LARGEST:
        raise _RefusedError(Refusal.FIELD, f"seq is {message.seq}; must be from 0 to 2^63-1")
    if "\x00" in message.boot or "\x00" in message.source:
        raise _RefusedError(Refusal.FIELD, "boot or source holds the character NUL")
    if _too_long(message.boot) or _too_long(message.source):
        raise _RefusedError(Refusal.FIELD, f"boot or source is over {MAX_NAME_BYTES:,} bytes long")


def _too_long(name: str) -> bool:
    # A character takes four bytes at most.
    return len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) > MAX_NAME_BYTES


def _check_pieces(name: str, pieces: int | msgspec.UnsetType) -> None:
    if pieces is not UNSET and not 0 <= pieces <= LARGEST:
        raise _RefusedError(Refusal.FIELD, f"{name} is {pieces}; must be from 0 to 2^63-1")


def _check_operation(work_order: str, operation: int) -> None:
    if "\x00" in work_order:
        raise _RefusedError(Refusal.FIELD, "work_order holds the character NUL")
    if _too_long(work_order):
        raise _RefusedError(Refusal.FIELD, f"work_order is over {MAX_NAME_BYTES:,} bytes long")
    if not -LARGEST <= operation <= LARGEST:
        raise _RefusedError(Refusal.FIELD, f"operation is {operation}; must be a 64-bit integer")


def _check_pair(work_order: str | msgspec.UnsetType, operation: int | msgspec.UnsetType) -> None:
    if work_order is UNSET and operation is UNSET:
        return
    if work_order is UNSET or operation is UNSET:
        there, missing = (
            ("operation", "work_order") if work_order is UNSET else ("work_order", "operation")
        )
        raise _RefusedError(Refusal.OPERATION_PAIR, f"has {there} without {missing}")
    _check_operation(work_order, operation)


def _check_count(message: NativeObject) -> None:
    if not isinstance(message, Count):
        raise TypeError(message)
    increments = message.good is not UNSET or message.scrap is not UNSET
    readings = message.good_total is not UNSET or message.scrap_total is not UNSET
    if increments and readings:
        raise _RefusedError(
            Refusal.COUNT_FORMS, "has increments (good, scrap) and counter readings (…_total)"
        )
    if not increments and not readings:
        raise _RefusedError(Refusal.FIELD, "none of good, scrap, good_total, scrap_total is there")
    for name in ("good", "scrap", "good_total", "scrap_total"):
        _check_pieces(name, getattr(message, name))
    _check_pair(message.work_order, message.operation)


def _check_job(message: NativeObject) -> None:
    if not isinstance(message, Job):
        raise TypeError(message)
    _check_operation(message.work_order, message.operation)
    _check_pieces("requested", message.requested)


def _check_material(message: NativeObject) -> None:
    if not isinstance(message, Material):
        raise TypeError(message)
    _check_quantity("quantity", message.quantity)
    if message.quantity_good is not UNSET:
        _check_quantity("quantity_good", message.quantity_good)
    _check_pair(message.work_order, message.operation)


def _check_move(message: NativeObject) -> None:
    if not isinstance(message, Move):
        raise TypeError(message)
    _check_quantity("quantity", message.quantity)


def _check_quantity(name: str, quantity: float) -> None:
    if quantity < 0:
        raise _RefusedError(Refusal.FIELD, f"{name} is {quantity}; must not be negative")


def _check_nothing(_message: NativeObject) -> None:
    """The shape says it all."""


_CHECKS: Final = {
    Kind.COUNT: _check_count,
    Kind.JOB: _check_job,
    Kind.MATERIAL: _check_material,
    Kind.MOVE: _check_move,
    Kind.STATE: _check_nothing,
    Kind.READING: _check_nothing,
    Kind.MESSAGE: _check_nothing,
    Kind.OPERATOR: _check_nothing,
    Kind.HEARTBEAT: _check_nothing,
}

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=1_024)
def _day_ms(day: str) -> int:
    try:
        return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * 86_400_000
    except ValueError:
        raise _RefusedError(Refusal.TIME, f"t names no day of the calendar: {day}") from None


def _event_time(t: int | str) -> EpochMs:
    """Epoch milliseconds of `t`; finer parts are cut off (RFC 3339 section 5.6, zone required)."""
    if isinstance(t, int):
        return EpochMs(t)
    match = _RFC3339.fullmatch(t)
    if match is None:
        raise _RefusedError(
            Refusal.TIME, f"t is {t[:40]!r}; must be RFC 3339 with a zone, or epoch ms"
        )
    day, hours, minutes, seconds, fraction, sign, zone_hours, zone_minutes = match.groups()
    ms = _day_ms(day) + int(hours) * 3_600_000 + int(minutes) * 60_000 + int(seconds) * 1_000
    if fraction is not None:
        ms += int(fraction[:3].ljust(3, "0"))
    if sign is not None:
        zone_ms = int(zone_hours) * 3_600_000 + int(zone_minutes) * 60_000
        ms += zone_ms if sign == "-" else -zone_ms
    return EpochMs(ms)


def _check_time(t_ms: int, received_ms: int) -> None:
    if t_ms < EARLIEST_MS:
        raise _RefusedError(Refusal.TIME_TOO_OLD, f"t is {t_ms} ms, before 2000-01-01")
    if t_ms > received_ms + CLOCK_AHEAD_MS:
        ahead_s = (t_ms - received_ms) / 1000
        raise _RefusedError(
            Refusal.TIME_AHEAD, f"t is {ahead_s:,.0f} s ahead of the gateway's clock (at most 300)"
        )

"""What is left of a channel for who is limited to lines."""

from __future__ import annotations

import msgspec

from contracts.live import ChannelKind
from domain.access import sees_machine
from domain.alarms.subjects import SubjectKind
from store.live_channels import Deltas, Missing, ReadResult, Snapshot, parse_channel

_state = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_OF_A_LINE = (SubjectKind.MACHINE, SubjectKind.LINE)


class _Placed(msgspec.Struct, frozen=True):
    """Where an alarm is."""

    subject_kind: str
    place: str | None


_placed = msgspec.json.Decoder(_Placed | None)


def of_lines(channel: str, read: ReadResult, lines: frozenset[str]) -> ReadResult:
    """What was read of a channel, without what belongs to other lines."""
    kind, _ = parse_channel(channel)
    pick = _of_alarms if kind is ChannelKind.ALARMS else _of_floor
    match read:
        case Snapshot():
            return Snapshot(read.position, pick(read.data, lines))
        case Deltas():
            return Deltas(read.position, [pick(data, lines) for data in read.data])
        case Missing():
            return read


def _of_floor(data: bytes, lines: frozenset[str]) -> bytes:
    """The keys of a floor's state that are no machine's, or a machine's of these lines."""
    kept = {
        key: value
        for key, value in _state.decode(data).items()
        if "/" not in key or sees_machine(lines, key)
    }
    return _encode(kept)


def _of_alarms(data: bytes, lines: frozenset[str]) -> bytes:
    """Alarms of these lines, and those of orders, items and the site; not how many there are.

    The same as `store.alarms.reading` leaves in. That an alarm is gone is told whose it may be: who
    was never told of it has nothing to forget.
    """
    kept = {
        key: value
        for key, value in _state.decode(data).items()
        if "/" in key and _sees(lines, _placed.decode(value))
    }
    return _encode(kept)


def _sees(lines: frozenset[str], alarm: _Placed | None) -> bool:
    if alarm is None or alarm.subject_kind not in _OF_A_LINE:
        return True
    return "/".join((alarm.place or "").split("/")[:3]) in lines

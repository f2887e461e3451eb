"""What the stream tells of alarms that moved (topic ALARMS)."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.ids import EpochMs, SiteCode
from contracts.streams import ALARMS, PARTITIONS, AlarmMoved, encode_events
from contracts.topics import partition_of
from store.alarms.moving import Moved
from store.log import NewRecord


def records_of(moved: Iterable[Moved], *, now_ms: int) -> list[NewRecord]:
    """A record for each event; an alarm's events stay in one partition, in their order.

    Append them last in the transaction that moved the alarms (`StreamLog.append_in`).
    """
    return [
        NewRecord(
            ALARMS,
            partition_of(each.cause, PARTITIONS),
            each.cause.encode(),
            encode_events([_event(each, now_ms)]),
        )
        for each in moved
    ]


def _event(moved: Moved, now_ms: int) -> AlarmMoved:
    return AlarmMoved(
        site=SiteCode(moved.site or ""),
        alarm_id=moved.id,
        cause=moved.cause,
        event=moved.event,
        occurrence=moved.occurrence,
        version=moved.version,
        state=moved.state.value,
        priority=moved.priority,
        occurred_ms=EpochMs(now_ms),
    )

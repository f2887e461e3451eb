"""Schedules of reports that are due become letters: once per schedule and period.

A round takes a schedule's row for itself, writes the period's row and the letters, and says when it
is due next, all in one transaction. Whoever is killed in between leaves nothing; the files are made
when the letters go (`notify.report_letters`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from domain.reports.schedules import Every, Schedule
from domain.reports.sendings import Sending, due_sending
from runtime.clock import Clock
from runtime.health import HealthState
from store.database import Connection, Pool
from store.leases import AWAY
from store.reports import letters, schedules
from store.reports.schedules import ScheduleRow

_log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0
_PRUNE_S: Final = 3_600.0
_PRUNED_AT_ONCE: Final = 1_000
_UNKNOWN_ZONE: Final = timedelta(hours=1)


class ReportRounds:
    """Writes the letters of schedules that are due.

    Args:
        pool: where the rows are.
        clock: the time.
        keep: for how long letters that were sent are kept.
        look_s: how often it looks for what is due.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self, *, pool: Pool, clock: Clock, keep: timedelta, look_s: float = _LOOK_S
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._keep = keep
        self._look_s = look_s
        self._away: str | None = None
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is."""
        if self._away is not None:
            return HealthState.DEGRADED, self._away
        return HealthState.OK, None

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [self.keep_sending(), self.keep_pruning()]

    async def keep_sending(self) -> None:
        """Write letters when schedules are due, until cancelled."""
        while True:
            try:
                while await self.round():
                    pass
                self._away = None
            except (*AWAY, psycopg.errors.UndefinedTable) as error:
                self._away = f"reports are not sent meanwhile: {str(error).strip()}"
                _log.info("%s", self._away)
            await asyncio.sleep(self._look_s)

    async def keep_pruning(self) -> None:
        """Drop old letters, until cancelled."""
        while True:
            try:
                async with self._pool.connection() as connection:
                    older_than = self._now() - self._keep
                    await letters.prune(connection, older_than=older_than, at_most=_PRUNED_AT_ONCE)
            except (*AWAY, psycopg.errors.UndefinedTable) as error:
                _log.info("old letters with reports stay meanwhile: %s", str(error).strip())
            await asyncio.sleep(_PRUNE_S)

    async def round(self) -> bool:
        """Write the letters of one schedule that is due; False: none is."""
        now = self._now()
        async with self._pool.connection() as connection, connection.transaction():
            row = await schedules.take_due(connection, now=now)
            if row is None:
                return False
            zone = _zone(row.zone)
            if zone is None:
                # One schedule that cannot be reckoned holds up no other.
                _log.error("report schedule %s: no time zone %r here", row.code, row.zone)
                later = now + _UNKNOWN_ZONE
                await schedules.looked_at(connection, row.id, since=row.since, next_at=later)
                return True
            schedule = Schedule(every=Every(row.every), minute=row.minute, weekday=row.weekday)
            sending, next_ms = due_sending(
                schedule,
                since_ms=round(row.since.timestamp() * 1_000),
                now_ms=round(now.timestamp() * 1_000),
                zone=zone,
            )
            if sending is not None:
                await self._send(connection, row, sending, now)
            next_at = datetime.fromtimestamp(next_ms / 1_000, UTC)
            await schedules.looked_at(connection, row.id, since=now, next_at=next_at)
        return True

    async def _send(
        self, connection: Connection, row: ScheduleRow, sending: Sending, now: datetime
    ) -> None:
        period = sending.period
        sending_id = await schedules.note_sending(connection, row.id, period, now=now, sent=True)
        left_out = [
            each
            for each in sending.missed
            if await schedules.note_sending(connection, row.id, each, now=now, sent=False)
            is not None
        ]
        if sending_id is None:
            return  # this period was sent, by another version of the schedule maybe
        body = letters.body_of(
            row,
            first=period.first,
            last=period.last,
            as_of=now,
            due_at=datetime.fromtimestamp(period.at_ms / 1_000, UTC),
            late=sending.late,
            missed=left_out,
        )
        await letters.add(
            connection,
            row,
            sending_id=sending_id,
            addresses=[(address, address) for address in row.recipients],
            why="due",
            body=body,
            now=now,
        )
        self.metrics["reports_due"] += 1
        self.metrics["report_letters"] += len(row.recipients)
        if left_out:
            _log.warning(
                "report schedule %s: %d periods were due while nothing ran; the newest is sent",
                row.code,
                len(left_out),
            )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC)


def _zone(name: str) -> ZoneInfo | None:
    """A time zone; None: this machine does not know it (any more)."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None

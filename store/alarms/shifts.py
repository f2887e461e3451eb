"""When machines and sites work, kept for the rounds of a minute or so."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Final

from domain.plan.calendar import WorkingTime, merged
from domain.plan.problem import Interval
from store.database import Connection
from store.planning.calendar_reading import read_calendars

_AHEAD: Final = timedelta(days=14)
_BACK_MS: Final = 2 * 86_400_000


class Shifts:
    """Working time of all machines around a moment, and of their sites.

    A site works while any of its machines does; what has no calendar works always.
    """

    def __init__(
        self, by_machine: dict[int, WorkingTime], by_site: dict[str, WorkingTime], read_ms: int
    ) -> None:
        self._by_machine = by_machine
        self._by_site = by_site
        self.read_ms = read_ms

    def works(self, machine: int, at_ms: int) -> bool:
        """Whether a machine's shift works at a moment."""
        working = self._by_machine.get(machine)
        return working is None or working.next(at_ms) == at_ms

    def advance(self, site: str | None, at_ms: int, work_ms: int) -> int:
        """When so much working time of a site has passed after a moment."""
        working = self._by_site.get(site) if site is not None else None
        return at_ms + work_ms if working is None else working.advance(at_ms, work_ms)


async def read_shifts(connection: Connection, *, now_ms: int, ahead: timedelta = _AHEAD) -> Shifts:
    """The shifts of all sites from two days ago to two weeks, or `ahead`, from now."""
    begin, end = now_ms - _BACK_MS, now_ms + int(ahead.total_seconds() * 1000)
    cursor = await connection.execute(
        "SELECT s.id, s.code, m.id FROM sites s LEFT JOIN machines m ON m.site_id = s.id"
    )
    rows = await cursor.fetchall()
    calendars = await read_calendars(connection, {row[0] for row in rows}, since_ms=begin)
    unavailable = calendars.unavailable(begin, end)
    shared: dict[int, WorkingTime] = {}
    by_machine = {
        machine: shared.setdefault(id(closed), WorkingTime(closed))
        for machine, closed in unavailable.items()
    }
    of_site: dict[str, dict[int, WorkingTime]] = defaultdict(dict)
    for _, code, machine in rows:
        if machine in by_machine:
            working = by_machine[machine]
            of_site[code][id(working)] = working
    by_site = {
        code: WorkingTime(_closed(list(all_.values()), begin, end))
        for code, all_ in of_site.items()
    }
    return Shifts(by_machine, by_site, now_ms)


def _closed(all_: list[WorkingTime], begin: int, end: int) -> list[Interval]:
    """When none of them works."""
    spans = merged(Interval(start, stop) for each in all_ for start, stop in each.spans(begin, end))
    closed, at = [], begin
    for span in spans:
        if span.start_ms > at:
            closed.append(Interval(at, span.start_ms))
        at = max(at, span.end_ms)
    if at < end:
        closed.append(Interval(at, end))
    return closed

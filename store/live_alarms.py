"""The alarms of a site, or of everywhere, as their live channel shows them."""

from __future__ import annotations

from typing import Final

import msgspec

from contracts.live import EVERYWHERE, AlarmSummary, AlarmView
from store.alarms import reading
from store.alarms.reading import AlarmRow, Wanted
from store.database import Connection
from store.filters import Page
from store.live_times import rfc3339

ALARMS_LISTED: Final = 500
"""So many have a key: nobody works on more at once, and the list of all can be asked for."""


class AlarmBoard(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel of alarms shows."""

    alarms: list[AlarmView]
    summary: AlarmSummary


async def alarm_board(connection: Connection, place: str) -> AlarmBoard:
    """The alarms that are not `normal`, the most urgent of them, and how many there are.

    Args:
        connection: where to read.
        place: a site's code, or EVERYWHERE.
    """
    site = None if place == EVERYWHERE else place
    rows, found = await reading.alarms(
        connection, Page(ALARMS_LISTED, 0), Wanted(site=site, standing=True)
    )
    return AlarmBoard(
        alarms=[_view(row) for row in rows],
        summary=AlarmSummary(
            site=site,
            alarms=found,
            listed=len(rows),
            unacknowledged=await _unacknowledged(connection, site),
        ),
    )


async def _unacknowledged(connection: Connection, site: str | None) -> dict[str, int]:
    cursor = await connection.execute(
        """
        SELECT a.priority, count(*) FROM alarms a LEFT JOIN sites s ON s.id = a.site_id
        WHERE a.standing <> 0
          AND a.state IN ('unacknowledged', 'returned', 'latched_unacknowledged')
          AND (%(site)s::text IS NULL OR s.code = %(site)s)
        GROUP BY a.priority ORDER BY a.priority
        """,
        {"site": site},
    )
    return dict(await cursor.fetchall())


def _view(row: AlarmRow) -> AlarmView:
    fields = {name: getattr(row, name) for name in AlarmView.__struct_fields__}
    for name in _TIMES:
        fields[name] = rfc3339(fields[name])
    return AlarmView(**fields)


_TIMES: Final = (
    "raised_at",
    "since",
    "cleared_at",
    "acknowledged_at",
    "shelved_until",
    "changed_at",
)

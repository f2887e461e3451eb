"""What a draft was planned with beside the work itself: is it still so when it is put in force?

Contents are compared, not moments: what was changed and changed back is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from store.database import Connection

PARTS: Final = ("calendar", "shifts", "people", "policy")
"""Working times and their exceptions; shift patterns and special days; people, tools and when they
are away; the scope's policy."""


async def basis_of(connection: Connection, scope: str, *, since_ms: int) -> dict[str, str]:
    """A scope's parts, each as a digest; what was over before `since_ms` is in none of them."""
    cursor = await connection.execute(
        """
        WITH here AS (
            SELECT id FROM sites WHERE coalesce(planning_scope, code) = %(scope)s
        ), rows (part, content) AS (
            SELECT 'calendar', concat_ws('|', 't', site_id, machine_id, shift, weekday,
                                         start_minute, end_minute)
            FROM working_times WHERE site_id IN (SELECT id FROM here)
            UNION ALL
            SELECT 'calendar', concat_ws('|', 'e', site_id, coalesce(machine_id, 0),
                                         extract(epoch FROM starts_at),
                                         extract(epoch FROM ends_at), working)
            FROM calendar_exceptions
            WHERE site_id IN (SELECT id FROM here)
              AND ends_at > to_timestamp(%(since)s / 1000.0)
            UNION ALL
            SELECT 'shifts', concat_ws('|', 'p', place, pattern_id, valid_from, valid_to)
            FROM shift_plans WHERE site_id IN (SELECT id FROM here)
            UNION ALL
            SELECT 'shifts', concat_ws('|', 'd', place, day, last_day, starts, ends, working)
            FROM special_days WHERE site_id IN (SELECT id FROM here)
            UNION ALL
            SELECT 'shifts', concat_ws('|', 's', h.*::text) FROM shift_pattern_shifts h
            UNION ALL
            SELECT 'shifts', concat_ws('|', 'r', id, rotation_weeks, first_day, valid_from,
                                       valid_to)
            FROM shift_patterns
            UNION ALL
            SELECT 'people', concat_ws('|', 'r', r.id, r.kind, r.quantity, r.place, r.pattern_id,
                                       r.retired_at IS NULL,
                                       (SELECT string_agg(skill, ',' ORDER BY skill COLLATE "C")
                                        FROM resource_skills WHERE resource_id = r.id))
            FROM resources r WHERE r.site_id IN (SELECT id FROM here)
            UNION ALL
            SELECT 'people', concat_ws('|', 'a', a.resource_id, extract(epoch FROM a.starts_at),
                                       coalesce(extract(epoch FROM a.ends_at), 0))
            FROM resource_absences a JOIN resources r ON r.id = a.resource_id
            WHERE r.site_id IN (SELECT id FROM here)
              AND (a.ends_at IS NULL OR a.ends_at > to_timestamp(%(since)s / 1000.0))
            UNION ALL
            SELECT 'policy', policy::text FROM planning_policies WHERE scope = %(scope)s
        )
        SELECT part, md5(string_agg(content, ';' ORDER BY content COLLATE "C")) FROM rows
        GROUP BY part
        """,
        {"scope": scope, "since": since_ms},
    )
    found: dict[str, str] = dict(await cursor.fetchall())
    return {part: found.get(part, "") for part in PARTS}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The parts that are not what they were; nothing of a draft that was made without."""
    return [part for part in PARTS if part in before and before[part] != now.get(part)]


async def who_changed(connection: Connection, scope: str, *, since_ms: int) -> list[str]:
    """Who told of changes since a moment, as far as the scope's disruptions say."""
    cursor = await connection.execute(
        """
        SELECT detail->>'by' AS who FROM disruptions
        WHERE scope = %s AND raised_at >= to_timestamp(%s / 1000.0)
          AND kind IN ('calendar_changed', 'maintenance_planned', 'resource_absent')
          AND detail->>'by' IS NOT NULL
        GROUP BY who ORDER BY max(id) DESC LIMIT 3
        """,
        (scope, since_ms),
    )
    return [row[0] for row in await cursor.fetchall()]

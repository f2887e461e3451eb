"""Rows of master data: when is worked, and by whom and with what beside machines."""

from __future__ import annotations

from typing import Final

from domain.master_data.kinds import (
    CALENDARS,
    EXCEPTIONS,
    RESOURCES,
    SHIFT_PATTERNS,
    SHIFT_PLANS,
    SPECIAL_DAYS,
)
from store.master_data.tables.statements import Statements

STATEMENTS: Final[dict[str, Statements]] = {
    CALENDARS.name: Statements(
        read="""
            SELECT site, machine, jsonb_agg(jsonb_build_object(
                       'shift', shift, 'weekdays', weekdays, 'start', start, 'end', "end")
                       ORDER BY shift COLLATE "C", start, "end") AS shifts
            FROM (
                SELECT s.code AS site, m.path AS machine, t.shift,
                       jsonb_agg(DISTINCT (ARRAY['mon','tue','wed','thu','fri','sat','sun'])
                           [t.weekday + 1]) AS weekdays,
                       to_char(make_interval(mins => t.start_minute), 'HH24:MI') AS start,
                       CASE t.end_minute WHEN 1440 THEN '24:00' ELSE
                           to_char(make_interval(mins => mod(t.end_minute, 1440)), 'HH24:MI')
                       END AS "end"
                FROM working_times t
                JOIN sites s ON s.id = t.site_id
                LEFT JOIN machines m ON m.id = t.machine_id
                WHERE m.retired_at IS NULL
                GROUP BY s.code, m.path, t.shift, t.start_minute, t.end_minute
            ) AS spans
            GROUP BY site, machine
            """,
        put=(
            """
            DELETE FROM working_times t
            USING sites s, jsonb_to_recordset(%s) AS r (site text, machine text)
            WHERE s.id = t.site_id AND s.code = r.site AND r.machine IS NOT DISTINCT FROM
                (SELECT m.path FROM machines m WHERE m.id = t.machine_id)
            """,
            """
            INSERT INTO working_times
                (site_id, machine_id, shift, weekday, start_minute, end_minute)
            SELECT s.id, m.id, t.shift,
                   array_position(ARRAY['mon','tue','wed','thu','fri','sat','sun'], d.weekday) - 1,
                   span.start_minute,
                   span.end_minute
                       + CASE WHEN span.end_minute > span.start_minute THEN 0 ELSE 1440 END
            FROM jsonb_to_recordset(%s) AS r (site text, machine text, shifts jsonb)
            JOIN sites s ON s.code = r.site
            LEFT JOIN machines m ON m.path = r.machine
            CROSS JOIN jsonb_to_recordset(r.shifts)
                AS t (shift text, weekdays jsonb, start text, "end" text)
            CROSS JOIN jsonb_array_elements_text(t.weekdays) AS d (weekday)
            CROSS JOIN LATERAL (SELECT
                split_part(t.start, ':', 1)::integer * 60 + split_part(t.start, ':', 2)::integer,
                split_part(t."end", ':', 1)::integer * 60 + split_part(t."end", ':', 2)::integer
            ) AS span (start_minute, end_minute)
            WHERE r.machine IS NULL OR m.id IS NOT NULL
            """,
        ),
        drop="""
            DELETE FROM working_times t
            USING sites s, jsonb_to_recordset(%s) AS r (site text, machine text)
            WHERE s.id = t.site_id AND s.code = r.site AND r.machine IS NOT DISTINCT FROM
                (SELECT m.path FROM machines m WHERE m.id = t.machine_id)
            """,
    ),
    EXCEPTIONS.name: Statements(
        read="""
            SELECT DISTINCT ON (s.code, m.path, e.starts_at, e.ends_at)
                   s.code AS site, m.path AS machine, e.starts_at, e.ends_at, e.working, e.reason
            FROM calendar_exceptions e
            JOIN sites s ON s.id = e.site_id
            LEFT JOIN machines m ON m.id = e.machine_id
            WHERE m.retired_at IS NULL
            ORDER BY s.code, m.path, e.starts_at, e.ends_at, e.id DESC
            """,
        put=(
            """
            DELETE FROM calendar_exceptions e
            USING sites s, jsonb_to_recordset(%s) AS r
                (site text, machine text, starts_at timestamptz, ends_at timestamptz)
            WHERE s.id = e.site_id AND s.code = r.site
                AND (e.starts_at, e.ends_at) = (r.starts_at, r.ends_at)
                AND r.machine IS NOT DISTINCT FROM
                    (SELECT m.path FROM machines m WHERE m.id = e.machine_id)
            """,
            """
            INSERT INTO calendar_exceptions
                (site_id, machine_id, starts_at, ends_at, working, reason)
            SELECT s.id, m.id, r.starts_at, r.ends_at, r.working, r.reason
            FROM jsonb_to_recordset(%s) AS r (site text, machine text, starts_at timestamptz,
                ends_at timestamptz, working boolean, reason text)
            JOIN sites s ON s.code = r.site
            LEFT JOIN machines m ON m.path = r.machine
            WHERE r.machine IS NULL OR m.id IS NOT NULL
            """,
        ),
        drop="""
            DELETE FROM calendar_exceptions e
            USING sites s, jsonb_to_recordset(%s) AS r
                (site text, machine text, starts_at timestamptz, ends_at timestamptz)
            WHERE s.id = e.site_id AND s.code = r.site
                AND (e.starts_at, e.ends_at) = (r.starts_at, r.ends_at)
                AND r.machine IS NOT DISTINCT FROM
                    (SELECT m.path FROM machines m WHERE m.id = e.machine_id)
            """,
    ),
    SHIFT_PATTERNS.name: Statements(
        read="""
            SELECT p.code, p.name, p.rotation_weeks, p.first_day, p.valid_from, p.valid_to,
                   (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'shift', t.shift, 'weekdays', t.weekdays, 'weeks', t.weeks::text[],
                        'start', t.starts, 'end', t.ends, 'breaks', t.breaks) ORDER BY t.number),
                        '[]')
                    FROM shift_pattern_shifts t WHERE t.pattern_id = p.id) AS shifts
            FROM shift_patterns p
            """,
        put=(
            """
            INSERT INTO shift_patterns
                (code, name, rotation_weeks, first_day, valid_from, valid_to)
            SELECT code, name, rotation_weeks, first_day, valid_from, valid_to
            FROM jsonb_to_recordset(%s) AS r (code text, name text, rotation_weeks smallint,
                first_day date, valid_from date, valid_to date)
            ON CONFLICT (code) DO UPDATE
            SET name = excluded.name, rotation_weeks = excluded.rotation_weeks,
                first_day = excluded.first_day, valid_from = excluded.valid_from,
                valid_to = excluded.valid_to
            """,
            """
            DELETE FROM shift_pattern_shifts t
            USING shift_patterns p, jsonb_to_recordset(%s) AS r (code text)
            WHERE p.id = t.pattern_id AND p.code = r.code
            """,
            """
            INSERT INTO shift_pattern_shifts
                (pattern_id, number, shift, weekdays, weeks, starts, ends, breaks)
            SELECT p.id, t.number, t.told ->> 'shift',
                   ARRAY(SELECT jsonb_array_elements_text(t.told -> 'weekdays')),
                   ARRAY(SELECT jsonb_array_elements_text(t.told -> 'weeks')::smallint),
                   t.told ->> 'start', t.told ->> 'end',
                   ARRAY(SELECT jsonb_array_elements_text(t.told -> 'breaks'))
            FROM jsonb_to_recordset(%s) AS r (code text, shifts jsonb)
            JOIN shift_patterns p ON p.code = r.code
            CROSS JOIN jsonb_array_elements(r.shifts) WITH ORDINALITY AS t (told, number)
            """,
        ),
        drop="""
            DELETE FROM shift_patterns
            WHERE code IN (SELECT code FROM jsonb_to_recordset(%s) AS r (code text))
            """,
    ),
    SHIFT_PLANS.name: Statements(
        read="""
            SELECT t.place AS at, p.code AS pattern, t.valid_from, t.valid_to
            FROM shift_plans t JOIN shift_patterns p ON p.id = t.pattern_id
            """,
        put=(
            """
            INSERT INTO shift_plans (site_id, place, pattern_id, valid_from, valid_to)
            SELECT s.id, r.at, p.id, r.valid_from, r.valid_to
            FROM jsonb_to_recordset(%s)
                AS r (at text, pattern text, valid_from date, valid_to date)
            JOIN sites s ON s.code = split_part(r.at, '/', 1)
            JOIN shift_patterns p ON p.code = r.pattern
            ON CONFLICT (place, valid_from) DO UPDATE
            SET pattern_id = excluded.pattern_id, valid_to = excluded.valid_to
            """,
        ),
        drop="""
            DELETE FROM shift_plans t
            USING jsonb_to_recordset(%s) AS r (at text, valid_from date)
            WHERE t.place = r.at AND t.valid_from IS NOT DISTINCT FROM r.valid_from
            """,
    ),
    SPECIAL_DAYS.name: Statements(
        read="""
            SELECT d.place AS at, d.day, d.last_day, d.starts AS start, d.ends AS "end",
                   d.working, d.reason
            FROM special_days d
            """,
        put=(
            """
            INSERT INTO special_days
                (site_id, place, day, last_day, starts, ends, working, reason)
            SELECT s.id, r.at, r.day, r.last_day, r.start, r."end", r.working, r.reason
            FROM jsonb_to_recordset(%s) AS r (at text, day date, last_day date, start text,
                "end" text, working boolean, reason text)
            JOIN sites s ON s.code = split_part(r.at, '/', 1)
            ON CONFLICT (place, day, starts) DO UPDATE
            SET last_day = excluded.last_day, ends = excluded.ends,
                working = excluded.working, reason = excluded.reason
            """,
        ),
        drop="""
            DELETE FROM special_days d
            USING jsonb_to_recordset(%s) AS r (at text, day date, start text)
            WHERE d.place = r.at AND d.day = r.day AND d.starts IS NOT DISTINCT FROM r.start
            """,
    ),
    RESOURCES.name: Statements(
        read="""
            SELECT s.code AS site, r.code, r.name, r.kind, r.quantity,
                   coalesce((SELECT jsonb_agg(k.skill ORDER BY k.skill COLLATE "C")
                             FROM resource_skills k WHERE k.resource_id = r.id), '[]') AS skills,
                   r.place, p.code AS pattern
            FROM resources r
            JOIN sites s ON s.id = r.site_id
            LEFT JOIN shift_patterns p ON p.id = r.pattern_id
            WHERE r.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO resources (site_id, code, name, kind, quantity, place, pattern_id)
            SELECT s.id, r.code, r.name, r.kind, r.quantity, r.place, p.id
            FROM jsonb_to_recordset(%s) AS r (site text, code text, name text, kind text,
                quantity integer, place text, pattern text)
            JOIN sites s ON s.code = r.site
            LEFT JOIN shift_patterns p ON p.code = r.pattern
            WHERE r.pattern IS NULL OR p.id IS NOT NULL
            ORDER BY r.site, r.code
            ON CONFLICT (site_id, code) DO UPDATE
            SET name = excluded.name, kind = excluded.kind, quantity = excluded.quantity,
                place = excluded.place, pattern_id = excluded.pattern_id, retired_at = NULL
            """,
            """
            DELETE FROM resource_skills k
            USING resources t, sites s, jsonb_to_recordset(%s) AS r (site text, code text)
            WHERE t.id = k.resource_id AND s.id = t.site_id AND (s.code, t.code) = (r.site, r.code)
            """,
            """
            INSERT INTO resource_skills (resource_id, skill)
            SELECT t.id, k.skill
            FROM jsonb_to_recordset(%s) AS r (site text, code text, skills jsonb)
            JOIN sites s ON s.code = r.site
            JOIN resources t ON (t.site_id, t.code) = (s.id, r.code)
            CROSS JOIN jsonb_array_elements_text(r.skills) AS k (skill)
            """,
        ),
        # A pattern that they worked by may go then.
        drop="""
            UPDATE resources t SET retired_at = now(), pattern_id = NULL
            FROM sites s, jsonb_to_recordset(%s) AS r (site text, code text)
            WHERE s.id = t.site_id AND (s.code, t.code) = (r.site, r.code)
            """,
    ),
}

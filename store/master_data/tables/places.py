"""Rows of master data: sites, areas, lines, machines and what lies between sites."""

from __future__ import annotations

from typing import Final

from domain.master_data.kinds import (
    AREAS,
    LINES,
    MACHINES,
    SETUPS,
    SHIPPING_ZONES,
    SITES,
    TRANSPORT_TIMES,
)
from store.master_data.tables.statements import Statements

STATEMENTS: Final[dict[str, Statements]] = {
    SITES.name: Statements(
        read="SELECT code, name, time_zone, planning_scope FROM sites WHERE retired_at IS NULL",
        put=(
            """
            INSERT INTO sites (code, name, time_zone, planning_scope)
            SELECT code, name, time_zone, planning_scope
            FROM jsonb_to_recordset(%s)
                AS r (code text, name text, time_zone text, planning_scope text)
            ON CONFLICT (code) DO UPDATE
            SET name = excluded.name, time_zone = excluded.time_zone,
                planning_scope = excluded.planning_scope, retired_at = NULL
            """,
        ),
        drop="""
            UPDATE sites SET retired_at = now()
            WHERE code IN (SELECT code FROM jsonb_to_recordset(%s) AS r (code text))
            """,
    ),
    AREAS.name: Statements(
        read="""
            SELECT s.code AS site, a.code, a.name, a.position
            FROM areas a JOIN sites s ON s.id = a.site_id
            """,
        put=(
            """
            INSERT INTO areas (site_id, code, name, position)
            SELECT s.id, r.code, r.name, r.position
            FROM jsonb_to_recordset(%s)
                AS r (site text, code text, name text, position integer)
            JOIN sites s ON s.code = r.site
            ON CONFLICT (site_id, code) DO UPDATE
            SET name = excluded.name, position = excluded.position
            """,
        ),
        drop="""
            DELETE FROM areas a USING sites s, jsonb_to_recordset(%s) AS r (site text, code text)
            WHERE s.id = a.site_id AND (s.code, a.code) = (r.site, r.code)
            """,
    ),
    LINES.name: Statements(
        read="""
            SELECT s.code AS site, l.area, l.code, l.name, l.position
            FROM lines l JOIN sites s ON s.id = l.site_id
            """,
        put=(
            """
            INSERT INTO lines (site_id, area, code, name, position)
            SELECT s.id, r.area, r.code, r.name, r.position
            FROM jsonb_to_recordset(%s)
                AS r (site text, area text, code text, name text, position integer)
            JOIN sites s ON s.code = r.site
            ON CONFLICT (site_id, area, code) DO UPDATE
            SET name = excluded.name, position = excluded.position
            """,
        ),
        drop="""
            DELETE FROM lines l
            USING sites s, jsonb_to_recordset(%s) AS r (site text, area text, code text)
            WHERE s.id = l.site_id AND (s.code, l.area, l.code) = (r.site, r.area, r.code)
            """,
    ),
    MACHINES.name: Statements(
        # Devices of the warehouse make themselves known; nobody configures them.
        read="""
            SELECT m.path, m.name, m.position,
                   coalesce((SELECT jsonb_agg(c.capability ORDER BY c.capability COLLATE "C")
                             FROM machine_capabilities c WHERE c.machine_id = m.id), '[]')
                       AS capabilities, m.batch_capacity, m.needs
            FROM machines m WHERE m.retired_at IS NULL AND m.area <> 'warehouse'
            """,
        put=(
            """
            INSERT INTO machines (site_id, path, area, line, name, position, batch_capacity, needs,
                                  configured)
            SELECT s.id, r.path, split_part(r.path, '/', 2), split_part(r.path, '/', 3), r.name,
                   r.position, r.batch_capacity,
                   ARRAY(SELECT jsonb_array_elements_text(r.needs)), true
            FROM jsonb_to_recordset(%s) AS r (path text, name text, position integer,
                batch_capacity numeric, needs jsonb)
            JOIN sites s ON s.code = split_part(r.path, '/', 1)
            ORDER BY r.path
            ON CONFLICT (path) DO UPDATE
            SET name = excluded.name, position = excluded.position,
                batch_capacity = excluded.batch_capacity, needs = excluded.needs,
                configured = true, retired_at = NULL
            """,
            """
            DELETE FROM machine_capabilities c
            USING machines m, jsonb_to_recordset(%s) AS r (path text)
            WHERE m.id = c.machine_id AND m.path = r.path
            """,
            """
            INSERT INTO machine_capabilities (machine_id, capability)
            SELECT m.id, c.capability
            FROM jsonb_to_recordset(%s) AS r (path text, capabilities jsonb)
            JOIN machines m ON m.path = r.path
            CROSS JOIN jsonb_array_elements_text(r.capabilities) AS c (capability)
            """,
        ),
        drop="""
            UPDATE machines SET retired_at = now()
            WHERE path IN (SELECT path FROM jsonb_to_recordset(%s) AS r (path text))
            """,
    ),
    SETUPS.name: Statements(
        read="""
            SELECT m.path AS machine, t.from_family, t.to_family, t.setup_ms
            FROM setup_times t JOIN machines m ON m.id = t.machine_id
            WHERE m.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO setup_times (machine_id, from_family, to_family, setup_ms)
            SELECT m.id, r.from_family, r.to_family, r.setup_ms
            FROM jsonb_to_recordset(%s)
                AS r (machine text, from_family text, to_family text, setup_ms bigint)
            JOIN machines m ON m.path = r.machine
            ON CONFLICT (machine_id, from_family, to_family) DO UPDATE
            SET setup_ms = excluded.setup_ms
            """,
        ),
        drop="""
            DELETE FROM setup_times t USING machines m, jsonb_to_recordset(%s)
                AS r (machine text, from_family text, to_family text)
            WHERE m.id = t.machine_id AND m.path = r.machine
                AND (t.from_family, t.to_family) = (r.from_family, r.to_family)
            """,
    ),
    TRANSPORT_TIMES.name: Statements(
        read="""
            SELECT f.code AS from_site, t.code AS to_site, x.hours
            FROM transport_times x
            JOIN sites f ON f.id = x.from_site_id JOIN sites t ON t.id = x.to_site_id
            """,
        put=(
            """
            INSERT INTO transport_times (from_site_id, to_site_id, hours)
            SELECT f.id, t.id, r.hours
            FROM jsonb_to_recordset(%s) AS r (from_site text, to_site text, hours numeric)
            JOIN sites f ON f.code = r.from_site JOIN sites t ON t.code = r.to_site
            ON CONFLICT (from_site_id, to_site_id) DO UPDATE SET hours = excluded.hours
            """,
        ),
        drop="""
            DELETE FROM transport_times x
            USING sites f, sites t, jsonb_to_recordset(%s) AS r (from_site text, to_site text)
            WHERE f.id = x.from_site_id AND t.id = x.to_site_id
                AND (f.code, t.code) = (r.from_site, r.to_site)
            """,
    ),
    SHIPPING_ZONES.name: Statements(
        read="""
            SELECT s.code AS site, z.country, nullif(z.postal_prefix, '') AS postal_prefix, z.zone,
                   z.days
            FROM shipping_zones z JOIN sites s ON s.id = z.site_id
            """,
        put=(
            """
            INSERT INTO shipping_zones (site_id, country, postal_prefix, zone, days)
            SELECT s.id, r.country, coalesce(r.postal_prefix, ''), r.zone, r.days
            FROM jsonb_to_recordset(%s)
                AS r (site text, country text, postal_prefix text, zone text, days numeric)
            JOIN sites s ON s.code = r.site
            ON CONFLICT (site_id, country, postal_prefix) DO UPDATE
            SET zone = excluded.zone, days = excluded.days
            """,
        ),
        drop="""
            DELETE FROM shipping_zones z USING sites s, jsonb_to_recordset(%s)
                AS r (site text, country text, postal_prefix text)
            WHERE s.id = z.site_id AND (s.code, z.country, z.postal_prefix)
                = (r.site, r.country, coalesce(r.postal_prefix, ''))
            """,
    ),
}

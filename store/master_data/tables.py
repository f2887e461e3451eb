"""How the records of each kind stand in rows: statements to read, to put and to give up many.

`put` and `drop` take one parameter, a JSON list of records; names become ids by joins, so a record
whose names are not there is not put. Put again, what was given up is back.
"""

from __future__ import annotations

from typing import Final, LiteralString

import msgspec

from domain.master_data.kinds import (
    AREAS,
    BILLS,
    CALENDARS,
    CUSTOMER_NAMES,
    CUSTOMERS,
    EXCEPTIONS,
    ITEM_NAMES,
    ITEM_SITES,
    ITEMS,
    LEAD_TIME_RULES,
    LINES,
    MACHINES,
    PRICE_RULES,
    ROUTINGS,
    SETUPS,
    SHIFT_PATTERNS,
    SHIFT_PLANS,
    SHIPPING_ZONES,
    SITES,
    SPECIAL_DAYS,
    SUPPLIERS,
    TRANSPORT_TIMES,
)


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of a kind.

    Attributes:
        read: all its records, a column per field; a list as JSON.
        put: make or change those of a list; several statements are run in turn.
        drop: give up those of a list.
    """

    read: LiteralString
    put: tuple[LiteralString, ...]
    drop: LiteralString


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
                       AS capabilities
            FROM machines m WHERE m.retired_at IS NULL AND m.area <> 'warehouse'
            """,
        put=(
            """
            INSERT INTO machines (site_id, path, area, line, name, position, configured)
            SELECT s.id, r.path, split_part(r.path, '/', 2), split_part(r.path, '/', 3), r.name,
                   r.position, true
            FROM jsonb_to_recordset(%s) AS r (path text, name text, position integer)
            JOIN sites s ON s.code = split_part(r.path, '/', 1)
            ORDER BY r.path
            ON CONFLICT (path) DO UPDATE
            SET name = excluded.name, position = excluded.position, configured = true,
                retired_at = NULL
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
    CUSTOMERS.name: Statements(
        read="""
            SELECT c.code, c.name, c.street, c.city, c.region, c.postal_code, c.country, c.email,
                   c.phone, c.currency, s.code AS default_site, c.over_percent, c.under_percent
            FROM customers c LEFT JOIN sites s ON s.id = c.default_site_id
            WHERE c.retired_at IS NULL AND NOT c.provisional
            """,
        put=(
            """
            INSERT INTO customers (code, name, street, city, region, postal_code, country, email,
                                   phone, currency, default_site_id, over_percent, under_percent)
            SELECT r.code, r.name, r.street, r.city, r.region, r.postal_code, r.country, r.email,
                   r.phone, r.currency, s.id, r.over_percent, r.under_percent
            FROM jsonb_to_recordset(%s) AS r (code text, name text, street text, city text,
                region text, postal_code text, country text, email text, phone text, currency text,
                default_site text, over_percent numeric, under_percent numeric)
            LEFT JOIN sites s ON s.code = r.default_site
            ORDER BY r.code
            ON CONFLICT (code) DO UPDATE
            SET name = excluded.name, street = excluded.street, city = excluded.city,
                region = excluded.region, postal_code = excluded.postal_code,
                country = excluded.country, email = excluded.email, phone = excluded.phone,
                currency = excluded.currency, default_site_id = excluded.default_site_id,
                over_percent = excluded.over_percent, under_percent = excluded.under_percent,
                provisional = false, retired_at = NULL
            """,
        ),
        drop="""
            UPDATE customers SET retired_at = now()
            WHERE code IN (SELECT code FROM jsonb_to_recordset(%s) AS r (code text))
            """,
    ),
    SUPPLIERS.name: Statements(
        read="""
            SELECT code, name, street, city, region, postal_code, country, email, phone, currency,
                   lead_days
            FROM suppliers WHERE retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO suppliers (code, name, street, city, region, postal_code, country, email,
                                   phone, currency, lead_days)
            SELECT code, name, street, city, region, postal_code, country, email, phone, currency,
                   lead_days
            FROM jsonb_to_recordset(%s) AS r (code text, name text, street text, city text,
                region text, postal_code text, country text, email text, phone text, currency text,
                lead_days numeric)
            ORDER BY code
            ON CONFLICT (code) DO UPDATE
            SET name = excluded.name, street = excluded.street, city = excluded.city,
                region = excluded.region, postal_code = excluded.postal_code,
                country = excluded.country, email = excluded.email, phone = excluded.phone,
                currency = excluded.currency, lead_days = excluded.lead_days, retired_at = NULL
            """,
        ),
        drop="""
            UPDATE suppliers SET retired_at = now()
            WHERE code IN (SELECT code FROM jsonb_to_recordset(%s) AS r (code text))
            """,
    ),
    ITEMS.name: Statements(
        read="""
            SELECT code, name, unit, kind, family, setup_family, description, gtin, weight_kg,
                   lot_size, batch_min, batch_max
            FROM items WHERE retired_at IS NULL AND NOT provisional
            """,
        put=(
            """
            INSERT INTO items (code, name, unit, kind, family, setup_family, description, gtin,
                               weight_kg, lot_size, batch_min, batch_max)
            SELECT code, name, unit, kind, family, setup_family, description, gtin, weight_kg,
                   lot_size, batch_min, batch_max
            FROM jsonb_to_recordset(%s) AS r (code text, name text, unit text, kind text,
                family text, setup_family text, description text, gtin text, weight_kg numeric,
                lot_size numeric, batch_min numeric, batch_max numeric)
            ORDER BY code
            ON CONFLICT (code) DO UPDATE
            SET name = excluded.name, unit = excluded.unit, kind = excluded.kind,
                family = excluded.family, setup_family = excluded.setup_family,
                description = excluded.description, gtin = excluded.gtin,
                weight_kg = excluded.weight_kg, lot_size = excluded.lot_size,
                batch_min = excluded.batch_min, batch_max = excluded.batch_max,
                provisional = false, retired_at = NULL
            """,
        ),
        drop="""
            UPDATE items SET retired_at = now()
            WHERE code IN (SELECT code FROM jsonb_to_recordset(%s) AS r (code text))
            """,
    ),
    ITEM_SITES.name: Statements(
        read="""
            SELECT i.code AS item, s.code AS site, x.source, x.min_stock, x.max_stock,
                   x.reorder_point, x.order_multiple, p.code AS supplier, x.supplier_lead_days,
                   x.safety_days
            FROM item_sites x
            JOIN items i ON i.id = x.item_id AND i.retired_at IS NULL
            JOIN sites s ON s.id = x.site_id
            LEFT JOIN suppliers p ON p.id = x.supplier_id
            """,
        put=(
            """
            INSERT INTO item_sites (item_id, site_id, source, min_stock, max_stock, reorder_point,
                                    order_multiple, supplier_id, supplier_lead_days, safety_days)
            SELECT i.id, s.id, r.source, r.min_stock, r.max_stock, r.reorder_point,
                   r.order_multiple, p.id, r.supplier_lead_days, r.safety_days
            FROM jsonb_to_recordset(%s) AS r (item text, site text, source text, min_stock numeric,
                max_stock numeric, reorder_point numeric, order_multiple numeric, supplier text,
                supplier_lead_days numeric, safety_days numeric)
            JOIN items i ON i.code = r.item
            JOIN sites s ON s.code = r.site
            LEFT JOIN suppliers p ON p.code = r.supplier
            ON CONFLICT (item_id, site_id) DO UPDATE
            SET source = excluded.source, min_stock = excluded.min_stock,
                max_stock = excluded.max_stock, reorder_point = excluded.reorder_point,
                order_multiple = excluded.order_multiple, supplier_id = excluded.supplier_id,
                supplier_lead_days = excluded.supplier_lead_days,
                safety_days = excluded.safety_days
            """,
        ),
        drop="""
            DELETE FROM item_sites x
            USING items i, sites s, jsonb_to_recordset(%s) AS r (item text, site text)
            WHERE i.id = x.item_id AND s.id = x.site_id AND (i.code, s.code) = (r.item, r.site)
            """,
    ),
    BILLS.name: Statements(
        # Exact numbers as text: JSON's would become binary fractions.
        read="""
            SELECT i.code AS item, s.code AS site, b.version, b.valid_from, b.valid_to,
                   coalesce((SELECT jsonb_agg(jsonb_build_object('component', c.code,
                        'quantity', l.quantity_per::text, 'scrap_factor', l.scrap_factor::text)
                        ORDER BY c.code COLLATE "C")
                    FROM bill_lines l JOIN items c ON c.id = l.component_item_id
                    WHERE l.bill_id = b.id), '[]') AS lines
            FROM bills b
            JOIN items i ON i.id = b.item_id AND i.retired_at IS NULL
            LEFT JOIN sites s ON s.id = b.site_id
            WHERE b.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO bills (item_id, site_id, version, valid_from, valid_to)
            SELECT i.id, s.id, r.version, r.valid_from, r.valid_to
            FROM jsonb_to_recordset(%s)
                AS r (item text, site text, version text, valid_from date, valid_to date)
            JOIN items i ON i.code = r.item
            LEFT JOIN sites s ON s.code = r.site
            WHERE r.site IS NULL OR s.id IS NOT NULL
            ON CONFLICT (item_id, site_id, version) DO UPDATE
            SET valid_from = excluded.valid_from, valid_to = excluded.valid_to, retired_at = NULL
            """,
            """
            DELETE FROM bill_lines l
            USING bills b, items i, jsonb_to_recordset(%s)
                AS r (item text, site text, version text)
            WHERE b.id = l.bill_id AND i.id = b.item_id AND (i.code, b.version)
                = (r.item, r.version) AND r.site IS NOT DISTINCT FROM
                    (SELECT s.code FROM sites s WHERE s.id = b.site_id)
            """,
            """
            INSERT INTO bill_lines (bill_id, number, component_item_id, quantity_per, scrap_factor)
            SELECT b.id, l.number, c.id, l.quantity, l.scrap_factor
            FROM jsonb_to_recordset(%s) AS r (item text, site text, version text, lines jsonb)
            JOIN items i ON i.code = r.item
            LEFT JOIN sites s ON s.code = r.site
            JOIN bills b ON b.item_id = i.id AND b.version = r.version
                AND b.site_id IS NOT DISTINCT FROM s.id
            CROSS JOIN ROWS FROM (jsonb_to_recordset(r.lines)
                AS (component text, quantity numeric, scrap_factor numeric))
                WITH ORDINALITY AS l (component, quantity, scrap_factor, number)
            JOIN items c ON c.code = l.component
            """,
        ),
        drop="""
            UPDATE bills b SET retired_at = now()
            FROM items i, jsonb_to_recordset(%s) AS r (item text, site text, version text)
            WHERE i.id = b.item_id AND (i.code, b.version) = (r.item, r.version)
                AND r.site IS NOT DISTINCT FROM
                    (SELECT s.code FROM sites s WHERE s.id = b.site_id)
            """,
    ),
    ROUTINGS.name: Statements(
        read="""
            SELECT i.code AS item, s.code AS site, r.version, r.valid_from, r.valid_to,
                   coalesce((SELECT jsonb_agg(jsonb_build_object('number', t.number,
                        'name', t.name, 'machine', m.path, 'capability', t.capability,
                        'cycle_ms', t.cycle_ms, 'setup_ms', t.setup_ms, 'alternatives',
                        coalesce((SELECT jsonb_agg(jsonb_build_object('machine', n.path,
                                'cycle_ms', a.cycle_ms, 'setup_ms', a.setup_ms)
                                ORDER BY n.path COLLATE "C")
                            FROM routing_version_alternatives a
                            JOIN machines n ON n.id = a.machine_id
                            WHERE (a.routing_id, a.number) = (t.routing_id, t.number)), '[]'))
                        ORDER BY t.number)
                    FROM routing_version_steps t LEFT JOIN machines m ON m.id = t.machine_id
                    WHERE t.routing_id = r.id), '[]') AS steps
            FROM routings r
            JOIN items i ON i.id = r.item_id AND i.retired_at IS NULL
            JOIN sites s ON s.id = r.site_id
            WHERE r.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO routings (item_id, site_id, version, valid_from, valid_to)
            SELECT i.id, s.id, r.version, r.valid_from, r.valid_to
            FROM jsonb_to_recordset(%s)
                AS r (item text, site text, version text, valid_from date, valid_to date)
            JOIN items i ON i.code = r.item
            JOIN sites s ON s.code = r.site
            ON CONFLICT (item_id, site_id, version) DO UPDATE
            SET valid_from = excluded.valid_from, valid_to = excluded.valid_to, retired_at = NULL
            """,
            """
            DELETE FROM routing_version_steps t
            USING routings o, items i, sites s, jsonb_to_recordset(%s)
                AS r (item text, site text, version text)
            WHERE o.id = t.routing_id AND i.id = o.item_id AND s.id = o.site_id
                AND (i.code, s.code, o.version) = (r.item, r.site, r.version)
            """,
            """
            INSERT INTO routing_version_steps
                (routing_id, number, name, machine_id, capability, cycle_ms, setup_ms)
            SELECT o.id, t.number, t.name, m.id, t.capability, t.cycle_ms, t.setup_ms
            FROM jsonb_to_recordset(%s) AS r (item text, site text, version text, steps jsonb)
            JOIN items i ON i.code = r.item
            JOIN sites s ON s.code = r.site
            JOIN routings o ON (o.item_id, o.site_id, o.version) = (i.id, s.id, r.version)
            CROSS JOIN jsonb_to_recordset(r.steps) AS t (number bigint, name text, machine text,
                capability text, cycle_ms bigint, setup_ms bigint)
            LEFT JOIN machines m ON m.path = t.machine
            """,
            """
            INSERT INTO routing_version_alternatives
                (routing_id, number, machine_id, cycle_ms, setup_ms)
            SELECT o.id, t.number, m.id, a.cycle_ms, a.setup_ms
            FROM jsonb_to_recordset(%s) AS r (item text, site text, version text, steps jsonb)
            JOIN items i ON i.code = r.item
            JOIN sites s ON s.code = r.site
            JOIN routings o ON (o.item_id, o.site_id, o.version) = (i.id, s.id, r.version)
            CROSS JOIN jsonb_to_recordset(r.steps) AS t (number bigint, alternatives jsonb)
            CROSS JOIN jsonb_to_recordset(t.alternatives)
                AS a (machine text, cycle_ms bigint, setup_ms bigint)
            JOIN machines m ON m.path = a.machine
            """,
        ),
        drop="""
            UPDATE routings o SET retired_at = now()
            FROM items i, sites s, jsonb_to_recordset(%s)
                AS r (item text, site text, version text)
            WHERE i.id = o.item_id AND s.id = o.site_id
                AND (i.code, s.code, o.version) = (r.item, r.site, r.version)
            """,
    ),
    PRICE_RULES.name: Statements(
        read="""
            SELECT i.code AS item, p.family, c.code AS customer, p.currency, p.from_quantity,
                   p.price, p.price_basis, p.valid_from, p.valid_to, p.tolerance_percent
            FROM price_rules p
            LEFT JOIN items i ON i.id = p.item_id
            LEFT JOIN customers c ON c.id = p.customer_id
            WHERE i.retired_at IS NULL AND c.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO price_rules (item_id, family, customer_id, currency, from_quantity, price,
                                     price_basis, valid_from, valid_to, tolerance_percent)
            SELECT i.id, r.family, c.id, r.currency, r.from_quantity, r.price, r.price_basis,
                   r.valid_from, r.valid_to, r.tolerance_percent
            FROM jsonb_to_recordset(%s) AS r (item text, family text, customer text, currency text,
                from_quantity numeric, price numeric, price_basis numeric, valid_from date,
                valid_to date, tolerance_percent numeric)
            LEFT JOIN items i ON i.code = r.item
            LEFT JOIN customers c ON c.code = r.customer
            ON CONFLICT (item_id, family, customer_id, currency, from_quantity, valid_from)
            DO UPDATE SET price = excluded.price, price_basis = excluded.price_basis,
                valid_to = excluded.valid_to, tolerance_percent = excluded.tolerance_percent
            """,
        ),
        drop="""
            DELETE FROM price_rules p
            USING jsonb_to_recordset(%s) AS r (item text, family text, customer text,
                currency text, from_quantity numeric, valid_from date)
            WHERE (p.currency, p.from_quantity) = (r.currency, r.from_quantity)
                AND p.family IS NOT DISTINCT FROM r.family
                AND p.valid_from IS NOT DISTINCT FROM r.valid_from
                AND p.item_id IS NOT DISTINCT FROM (SELECT id FROM items WHERE code = r.item)
                AND p.customer_id IS NOT DISTINCT FROM
                    (SELECT id FROM customers WHERE code = r.customer)
            """,
    ),
    LEAD_TIME_RULES.name: Statements(
        read="""
            SELECT i.code AS item, t.family, s.code AS site, t.days, t.units_per_day
            FROM lead_time_rules t
            LEFT JOIN items i ON i.id = t.item_id
            LEFT JOIN sites s ON s.id = t.site_id
            WHERE i.retired_at IS NULL
            """,
        put=(
            """
            INSERT INTO lead_time_rules (item_id, family, site_id, days, units_per_day)
            SELECT i.id, r.family, s.id, r.days, r.units_per_day
            FROM jsonb_to_recordset(%s)
                AS r (item text, family text, site text, days numeric, units_per_day numeric)
            LEFT JOIN items i ON i.code = r.item
            LEFT JOIN sites s ON s.code = r.site
            ON CONFLICT (item_id, family, site_id) DO UPDATE
            SET days = excluded.days, units_per_day = excluded.units_per_day
            """,
        ),
        drop="""
            DELETE FROM lead_time_rules t
            USING jsonb_to_recordset(%s) AS r (item text, family text, site text)
            WHERE t.family IS NOT DISTINCT FROM r.family
                AND t.item_id IS NOT DISTINCT FROM (SELECT id FROM items WHERE code = r.item)
                AND t.site_id IS NOT DISTINCT FROM (SELECT id FROM sites WHERE code = r.site)
            """,
    ),
    ITEM_NAMES.name: Statements(
        read="""
            SELECT i.code AS item, c.code AS customer, n.scheme, n.value
            FROM item_names n
            JOIN items i ON i.id = n.item_id AND i.retired_at IS NULL AND NOT i.provisional
            LEFT JOIN customers c ON c.id = n.customer_id
            WHERE c.retired_at IS NULL AND c.provisional IS NOT TRUE
            """,
        put=(
            """
            INSERT INTO item_names (item_id, customer_id, scheme, value)
            SELECT i.id, c.id, r.scheme, r.value
            FROM jsonb_to_recordset(%s) AS r (item text, customer text, scheme text, value text)
            JOIN items i ON i.code = r.item
            LEFT JOIN customers c ON c.code = r.customer
            WHERE r.customer IS NULL OR c.id IS NOT NULL
            ON CONFLICT (scheme, value, customer_id) DO UPDATE SET item_id = excluded.item_id
            """,
        ),
        drop="""
            DELETE FROM item_names n
            USING jsonb_to_recordset(%s) AS r (scheme text, value text, customer text)
            WHERE (n.scheme, n.value) = (r.scheme, r.value) AND n.customer_id IS NOT DISTINCT FROM
                (SELECT id FROM customers WHERE code = r.customer)
            """,
    ),
    CUSTOMER_NAMES.name: Statements(
        read="""
            SELECT c.code AS customer, n.scheme, n.value
            FROM customer_names n
            JOIN customers c ON c.id = n.customer_id
                AND c.retired_at IS NULL AND NOT c.provisional
            """,
        put=(
            """
            INSERT INTO customer_names (customer_id, scheme, value)
            SELECT c.id, r.scheme, r.value
            FROM jsonb_to_recordset(%s) AS r (customer text, scheme text, value text)
            JOIN customers c ON c.code = r.customer
            ON CONFLICT (scheme, value) DO UPDATE SET customer_id = excluded.customer_id
            """,
        ),
        drop="""
            DELETE FROM customer_names n
            USING jsonb_to_recordset(%s) AS r (scheme text, value text)
            WHERE (n.scheme, n.value) = (r.scheme, r.value)
            """,
    ),
}

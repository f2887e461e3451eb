"""Rows of master data: items, how they are had, what they are made of and how."""

from __future__ import annotations

from typing import Final

from domain.master_data.kinds import BILLS, ITEM_SITES, ITEMS, ROUTINGS
from store.master_data.tables.statements import Statements

STATEMENTS: Final[dict[str, Statements]] = {
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
                        'quantity', l.quantity_per::text, 'scrap_factor', l.scrap_factor::text,
                        'step', l.step)
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
            INSERT INTO bill_lines
                (bill_id, number, component_item_id, quantity_per, scrap_factor, step)
            SELECT b.id, l.number, c.id, l.quantity, l.scrap_factor, l.step
            FROM jsonb_to_recordset(%s) AS r (item text, site text, version text, lines jsonb)
            JOIN items i ON i.code = r.item
            LEFT JOIN sites s ON s.code = r.site
            JOIN bills b ON b.item_id = i.id AND b.version = r.version
                AND b.site_id IS NOT DISTINCT FROM s.id
            CROSS JOIN ROWS FROM (jsonb_to_recordset(r.lines)
                AS (component text, quantity numeric, scrap_factor numeric, step integer))
                WITH ORDINALITY AS l (component, quantity, scrap_factor, step, number)
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
                        'cycle_ms', t.cycle_ms, 'setup_ms', t.setup_ms,
                        'interruptible', t.interruptible,
                        'transfer_batch', t.transfer_batch::text, 'wait_ms', t.wait_ms,
                        'batch_family', t.batch_family, 'batch_room', t.batch_room::text,
                        'needs', t.needs, 'alternatives',
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
                (routing_id, number, name, machine_id, capability, cycle_ms, setup_ms,
                 interruptible, transfer_batch, wait_ms, batch_family, batch_room, needs)
            SELECT o.id, t.number, t.name, m.id, t.capability, t.cycle_ms, t.setup_ms,
                   t.interruptible, t.transfer_batch, t.wait_ms, t.batch_family, t.batch_room,
                   ARRAY(SELECT jsonb_array_elements_text(t.needs))
            FROM jsonb_to_recordset(%s) AS r (item text, site text, version text, steps jsonb)
            JOIN items i ON i.code = r.item
            JOIN sites s ON s.code = r.site
            JOIN routings o ON (o.item_id, o.site_id, o.version) = (i.id, s.id, r.version)
            CROSS JOIN jsonb_to_recordset(r.steps) AS t (number bigint, name text, machine text,
                capability text, cycle_ms bigint, setup_ms bigint, interruptible boolean,
                transfer_batch numeric, wait_ms bigint, batch_family text, batch_room numeric,
                needs jsonb)
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
}

"""Rows of master data: customers, suppliers, their rules, and what they call things."""

from __future__ import annotations

from typing import Final

from domain.master_data.kinds import (
    CUSTOMER_NAMES,
    CUSTOMERS,
    ITEM_NAMES,
    LEAD_TIME_RULES,
    PRICE_RULES,
    SUPPLIERS,
)
from store.master_data.tables.statements import Statements

STATEMENTS: Final[dict[str, Statements]] = {
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

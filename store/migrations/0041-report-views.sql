-- What others may read (ADR 17): views of the reports' rows in a schema of their own, for Grafana,
-- Metabase or a spreadsheet. Comments, definitions and the role's rights are written after migrating,
-- from the program's own words (`store.report_views`).
--
-- `<name>_revisions` has what was known when; `<name>` what is known now; the function `<name>(as_of)`
-- what was known at a moment. Functions stand on views alone and need no rights of their own.
-- Amounts and wholes stand beside each ratio, so that sums are taken before ratios are.

CREATE SCHEMA gemba_report;

-- The definitions of figures, as the program has them.
CREATE TABLE gemba_report.definitions (
    code        text PRIMARY KEY,
    version     integer NOT NULL,
    name_en     text NOT NULL,
    name_zh     text NOT NULL,
    formula_en  text NOT NULL,
    formula_zh  text NOT NULL,
    note_en     text NOT NULL,
    note_zh     text NOT NULL,
    unit        text NOT NULL,
    better      text NOT NULL,
    source      text NOT NULL
);

-- The floor -----------------------------------------------------------------------------------------

CREATE VIEW gemba_report.machine_shifts_revisions AS
SELECT s.id AS revision,
       site.code AS site,
       array_to_string((string_to_array(m.path, '/'))[1:3], '/') AS line,
       m.path AS machine,
       m.name AS machine_name,
       s.day,
       s.shift,
       to_timestamp(s.from_ms / 1000.0) AS starts_at,
       to_timestamp(s.until_ms / 1000.0) AS ends_at,
       to_timestamp(s.counted_ms / 1000.0) AS counted_until,
       w.number AS work_order,
       i.code AS item,
       s.operation_ms,
       s.planned_stop_ms,
       s.overtime_ms,
       s.operation_ms - s.planned_stop_ms + s.overtime_ms AS busy_ms,
       s.production_ms,
       s.production_ms + CASE WHEN policy.micro_stops = 'performance' THEN s.micro_stop_ms ELSE 0 END
           AS available_ms,
       s.setup_ms,
       s.delay_ms,
       s.micro_stop_ms,
       s.idle_ms,
       s.unknown_ms,
       s.micro_stops,
       s.stops,
       s.good,
       s.scrap,
       s.good + s.scrap AS produced,
       s.reworked_good + s.reworked_scrap AS reworked,
       s.run_ms,
       s.unrated,
       s.recorded_at,
       s.superseded_at
FROM report_machine_shifts s
JOIN machines m ON m.id = s.machine_id
JOIN sites site ON site.id = m.site_id
LEFT JOIN operations o ON o.id = s.operation_id
LEFT JOIN work_orders w ON w.id = o.work_order_id
LEFT JOIN items i ON i.id = w.item_id
LEFT JOIN LATERAL (
    SELECT p.micro_stops FROM report_time_policies p
    WHERE p.site_id = m.site_id ORDER BY p.id DESC LIMIT 1
) policy ON true;

CREATE VIEW gemba_report.machine_shifts AS
SELECT * FROM gemba_report.machine_shifts_revisions WHERE superseded_at IS NULL;

CREATE FUNCTION gemba_report.machine_shifts(as_of timestamptz)
    RETURNS SETOF gemba_report.machine_shifts_revisions LANGUAGE sql STABLE
AS $body$
    SELECT * FROM gemba_report.machine_shifts_revisions r
    WHERE r.recorded_at <= as_of AND (r.superseded_at IS NULL OR r.superseded_at > as_of);
$body$;

CREATE VIEW gemba_report.losses_revisions AS
SELECT s.revision, s.site, s.line, s.machine, s.machine_name, s.day, s.shift, s.starts_at, s.ends_at,
       s.counted_until, s.work_order, s.item,
       l.time_class,
       l.reason,
       coalesce(c.name_en, l.reason) AS reason_en,
       coalesce(c.name_zh, l.reason) AS reason_zh,
       l.lost_ms,
       l.count AS stops,
       s.recorded_at,
       s.superseded_at
FROM gemba_report.machine_shifts_revisions s
JOIN report_machine_losses l ON l.shift_id = s.revision
LEFT JOIN LATERAL (
    SELECT k.name_en, k.name_zh FROM stop_reason_codes k LEFT JOIN sites t ON t.id = k.site_id
    WHERE k.code = l.reason AND (k.site_id IS NULL OR t.code = s.site)
    ORDER BY k.site_id NULLS LAST LIMIT 1
) c ON true;

CREATE VIEW gemba_report.losses AS
SELECT * FROM gemba_report.losses_revisions WHERE superseded_at IS NULL;

CREATE FUNCTION gemba_report.losses(as_of timestamptz)
    RETURNS SETOF gemba_report.losses_revisions LANGUAGE sql STABLE
AS $body$
    SELECT * FROM gemba_report.losses_revisions r
    WHERE r.recorded_at <= as_of AND (r.superseded_at IS NULL OR r.superseded_at > as_of);
$body$;

-- The orders ----------------------------------------------------------------------------------------

CREATE VIEW gemba_report.order_lines_revisions AS
SELECT l.id AS revision,
       o.number AS order_number,
       l.number AS line_number,
       site.code AS site,
       l.made_on AS line,
       c.code AS customer,
       c.name AS customer_name,
       i.code AS item,
       i.name AS item_name,
       l.unit,
       l.ordered,
       l.shipped,
       l.ordered = 0 AS cancelled,
       to_timestamp(l.received_ms / 1000.0) AS received_at,
       to_timestamp(l.confirmed_ms / 1000.0) AS confirmed_at,
       to_timestamp(l.released_ms / 1000.0) AS released_at,
       to_timestamp(l.started_ms / 1000.0) AS started_at,
       to_timestamp(l.produced_ms / 1000.0) AS produced_at,
       to_timestamp(l.packed_ms / 1000.0) AS packed_at,
       to_timestamp(l.shipped_ms / 1000.0) AS shipped_at,
       to_timestamp(l.delivered_ms / 1000.0) AS delivered_at,
       to_timestamp(l.complete_ms / 1000.0) AS complete_at,
       to_timestamp(l.first_due_ms / 1000.0) AS first_due_at,
       to_timestamp(l.due_ms / 1000.0) AS due_at,
       (to_timestamp(l.first_due_ms / 1000.0) AT TIME ZONE site.time_zone)::date AS first_due_day,
       (to_timestamp(l.due_ms / 1000.0) AT TIME ZONE site.time_zone)::date AS due_day,
       (l.first_on_time AND l.complete_ms IS NOT NULL) AS first_on_time_in_full,
       (l.due_on_time AND l.complete_ms IS NOT NULL) AS on_time_in_full,
       l.first_by_date AS first_quantity_by_date,
       l.due_by_date AS quantity_by_date,
       l.shipped_ms - l.received_ms AS lead_ms,
       l.confirmed_ms - l.received_ms AS processing_ms,
       l.delay_ms,
       l.makes_late,
       l.recorded_at,
       l.superseded_at
FROM report_order_lines l
JOIN orders o ON o.id = l.order_id
JOIN sites site ON site.id = l.site_id
JOIN customers c ON c.id = l.customer_id
JOIN items i ON i.id = l.item_id;

CREATE VIEW gemba_report.order_lines AS
SELECT * FROM gemba_report.order_lines_revisions WHERE superseded_at IS NULL;

CREATE FUNCTION gemba_report.order_lines(as_of timestamptz)
    RETURNS SETOF gemba_report.order_lines_revisions LANGUAGE sql STABLE
AS $body$
    SELECT * FROM gemba_report.order_lines_revisions r
    WHERE r.recorded_at <= as_of AND (r.superseded_at IS NULL OR r.superseded_at > as_of);
$body$;

CREATE VIEW gemba_report.delay_shares_revisions AS
SELECT l.id AS revision,
       o.number AS order_number,
       l.number AS line_number,
       site.code AS site,
       l.made_on AS line,
       c.code AS customer,
       i.code AS item,
       to_timestamp(l.first_due_ms / 1000.0) AS first_due_at,
       (to_timestamp(l.first_due_ms / 1000.0) AT TIME ZONE site.time_zone)::date AS first_due_day,
       s.cause,
       s.subject,
       s.share_ms,
       l.delay_ms,
       l.recorded_at,
       l.superseded_at
FROM report_order_lines l
CROSS JOIN LATERAL unnest(l.share_causes, l.share_subjects, l.share_ms)
    AS s (cause, subject, share_ms)
JOIN orders o ON o.id = l.order_id
JOIN sites site ON site.id = l.site_id
JOIN customers c ON c.id = l.customer_id
JOIN items i ON i.id = l.item_id
WHERE l.makes_late AND l.ordered > 0;

CREATE VIEW gemba_report.delay_shares AS
SELECT * FROM gemba_report.delay_shares_revisions WHERE superseded_at IS NULL;

CREATE FUNCTION gemba_report.delay_shares(as_of timestamptz)
    RETURNS SETOF gemba_report.delay_shares_revisions LANGUAGE sql STABLE
AS $body$
    SELECT * FROM gemba_report.delay_shares_revisions r
    WHERE r.recorded_at <= as_of AND (r.superseded_at IS NULL OR r.superseded_at > as_of);
$body$;

-- As domain.reports.lead_times: a milestone that nobody recorded gives its time to the next one, and
-- one that is earlier than those before it takes none.
CREATE VIEW gemba_report.lead_times_revisions AS
SELECT l.id AS revision,
       o.number AS order_number,
       l.number AS line_number,
       site.code AS site,
       l.made_on AS line,
       c.code AS customer,
       i.code AS item,
       s.stage,
       s.position,
       to_timestamp(s.begins_ms / 1000.0) AS begins_at,
       to_timestamp(greatest(s.reached_ms, s.begins_ms) / 1000.0) AS ends_at,
       (to_timestamp(s.reached_ms / 1000.0) AT TIME ZONE site.time_zone)::date AS ends_day,
       greatest(s.reached_ms - s.begins_ms, 0) AS stage_ms,
       l.recorded_at,
       l.superseded_at
FROM report_order_lines l
CROSS JOIN LATERAL (
    SELECT m.stage, m.position, m.reached_ms,
           greatest(l.received_ms, max(m.reached_ms) OVER (
               ORDER BY m.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS begins_ms
    FROM (VALUES ('confirmation', 1, l.confirmed_ms), ('release', 2, l.released_ms),
                 ('start', 3, l.started_ms), ('production', 4, l.produced_ms),
                 ('packing', 5, l.packed_ms), ('shipping', 6, l.shipped_ms),
                 ('delivery', 7, l.delivered_ms)) AS m (stage, position, reached_ms)
    WHERE m.reached_ms IS NOT NULL
) s
JOIN orders o ON o.id = l.order_id
JOIN sites site ON site.id = l.site_id
JOIN customers c ON c.id = l.customer_id
JOIN items i ON i.id = l.item_id
WHERE l.ordered > 0;

CREATE VIEW gemba_report.lead_times AS
SELECT * FROM gemba_report.lead_times_revisions WHERE superseded_at IS NULL;

CREATE FUNCTION gemba_report.lead_times(as_of timestamptz)
    RETURNS SETOF gemba_report.lead_times_revisions LANGUAGE sql STABLE
AS $body$
    SELECT * FROM gemba_report.lead_times_revisions r
    WHERE r.recorded_at <= as_of AND (r.superseded_at IS NULL OR r.superseded_at > as_of);
$body$;

-- Stock ---------------------------------------------------------------------------------------------

-- The books' rows as changes of an item's stock at a site. They are never rewritten.
CREATE VIEW gemba_report.stock_moves AS
SELECT g.id AS move,
       site.code AS site,
       site.time_zone,
       i.code AS item,
       i.name AS item_name,
       i.unit,
       p.kind,
       p.occurred_at,
       (p.occurred_at AT TIME ZONE site.time_zone)::date AS day,
       CASE WHEN g.to_account = 'stock' THEN g.quantity ELSE 0 END
           - CASE WHEN g.from_account = 'stock' THEN g.quantity ELSE 0 END AS change,
       CASE WHEN g.from_account = 'stock' AND g.to_account IN ('customer', 'production')
            THEN g.quantity ELSE 0 END AS used,
       g.recorded_at
FROM stock_ledger g
JOIN stock_postings p ON p.id = g.posting_id
JOIN sites site ON site.id = g.site_id
JOIN items i ON i.id = g.item_id;

-- A row per site, item and day of the plant, from the item's first move on; as long as a day is
-- (23 or 25 hours when clocks change) the level weighs in the average.
CREATE FUNCTION gemba_report.stock_days(first_day date, last_day date, as_of timestamptz)
    RETURNS TABLE (site text, item text, item_name text, unit text, day date, quantity numeric,
                   quantity_ms numeric, day_ms numeric, used numeric)
    LANGUAGE sql STABLE
AS $body$
    WITH moves AS MATERIALIZED (
        SELECT v.site, v.time_zone, v.item, v.item_name, v.unit, v.day,
               greatest(v.occurred_at, first_day::timestamp AT TIME ZONE v.time_zone) AS at,
               v.day < first_day AS before, v.change, v.used
        FROM gemba_report.stock_moves v
        WHERE v.recorded_at <= as_of AND v.day <= last_day AND v.occurred_at < as_of
    ), places AS (
        SELECT m.site, m.time_zone, m.item, min(m.item_name) AS item_name, min(m.unit) AS unit,
               greatest(min(m.day), first_day) AS since
        FROM moves m GROUP BY m.site, m.time_zone, m.item
    ), days AS (
        SELECT p.site, p.time_zone, p.item, d::date AS day,
               d::date::timestamp AT TIME ZONE p.time_zone AS begins
        FROM places p CROSS JOIN LATERAL generate_series(p.since, last_day, interval '1 day') AS d
        WHERE d::date::timestamp AT TIME ZONE p.time_zone < as_of
    ), events AS (
        SELECT d.site, d.time_zone, d.item, d.day, d.begins AS at, 0::numeric AS change,
               0::numeric AS used
        FROM days d
        UNION ALL
        SELECT m.site, m.time_zone, m.item, greatest(m.day, first_day), m.at, sum(m.change),
               sum(m.used) FILTER (WHERE NOT m.before)
        FROM moves m WHERE m.before GROUP BY m.site, m.time_zone, m.item, m.day, m.at
        UNION ALL
        SELECT m.site, m.time_zone, m.item, m.day, m.at, m.change, m.used
        FROM moves m WHERE NOT m.before
    ), levels AS (
        SELECT e.*, sum(e.change) OVER moments AS level,
               coalesce(lead(e.at) OVER moments,
                        least((e.day + 1)::timestamp AT TIME ZONE e.time_zone, as_of)) AS until
        FROM events e WINDOW moments AS (PARTITION BY e.site, e.item ORDER BY e.at)
    )
    SELECT l.site, l.item, p.item_name, p.unit, l.day,
           (array_agg(l.level ORDER BY l.at DESC))[1],
           sum(greatest(l.level, 0) * extract(epoch FROM l.until - l.at) * 1000),
           sum(extract(epoch FROM l.until - l.at) * 1000),
           coalesce(sum(l.used), 0)
    FROM levels l JOIN places p ON p.site = l.site AND p.item = l.item
    WHERE l.day::timestamp AT TIME ZONE l.time_zone < as_of
    GROUP BY l.site, l.item, p.item_name, p.unit, l.day;
$body$;

-- The last quarter of a year.
CREATE VIEW gemba_report.stock_days AS
SELECT * FROM gemba_report.stock_days(current_date - 92, current_date + 1, now());

-- The product itself --------------------------------------------------------------------------------

CREATE VIEW gemba_report.answers AS
SELECT a.question,
       a.counted_from,
       a.recorded_at,
       a.within_100_ms + a.within_500_ms + a.within_1_s + a.within_2_s + a.within_5_s
           AS in_time,
       a.within_100_ms + a.within_500_ms + a.within_1_s + a.within_2_s + a.within_5_s
           + a.within_10_s + a.beyond + a.failed AS asked,
       a.failed
FROM api_answers a;

-- Nobody has a right to it but its owner, until the role is given some.
REVOKE ALL ON SCHEMA gemba_report FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gemba_report FROM PUBLIC;

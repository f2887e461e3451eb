-- The orders' side of the reports (ADR 17): how each order line did, with the date of knowledge;
-- targets of figures; how long the product's own answers took.

-- Orders of which something changed, until the reports' job has looked at them again. Not unique:
-- whoever changes an order only adds a row and waits for nobody.
CREATE TABLE report_order_notes (
    order_id  bigint NOT NULL
);
CREATE INDEX report_order_notes_order ON report_order_notes (order_id);

CREATE FUNCTION report_orders_of_entries() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO report_order_notes
    SELECT DISTINCT order_id FROM new_entries WHERE order_id IS NOT NULL;
    RETURN NULL;
END
$body$;
-- Whatever is told of an order is an entry of the audit log, in the transaction of the change.
CREATE TRIGGER report_notes AFTER INSERT ON audit_log
    REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT
    EXECUTE FUNCTION report_orders_of_entries();

-- What late objects correct without a word: when a line was begun and made.
CREATE FUNCTION report_orders_of_lines() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO report_order_notes VALUES (NEW.order_id);
    RETURN NULL;
END
$body$;
CREATE TRIGGER report_notes AFTER UPDATE OF started_at, produced_at, due_at, quantity ON order_lines
    FOR EACH ROW WHEN ((OLD.started_at, OLD.produced_at, OLD.due_at, OLD.quantity)
                       IS DISTINCT FROM
                       (NEW.started_at, NEW.produced_at, NEW.due_at, NEW.quantity))
    EXECUTE FUNCTION report_orders_of_lines();

CREATE FUNCTION report_orders_of_shipments() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO report_order_notes VALUES (coalesce(NEW.order_id, OLD.order_id));
    RETURN NULL;
END
$body$;
CREATE TRIGGER report_notes AFTER INSERT OR UPDATE OR DELETE ON shipments
    FOR EACH ROW EXECUTE FUNCTION report_orders_of_shipments();
CREATE TRIGGER report_notes AFTER INSERT OR UPDATE OR DELETE ON shipment_lines
    FOR EACH ROW EXECUTE FUNCTION report_orders_of_shipments();

INSERT INTO report_order_notes SELECT id FROM orders;

-- Plans that came into force, until the job has looked whether they are the first with an order.
CREATE TABLE report_plan_notes (
    plan_id  bigint NOT NULL
);
CREATE FUNCTION report_plans_published() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO report_plan_notes VALUES (NEW.id);
    RETURN NULL;
END
$body$;
CREATE TRIGGER report_notes_new AFTER INSERT ON plans
    FOR EACH ROW WHEN (NEW.published_at IS NOT NULL) EXECUTE FUNCTION report_plans_published();
CREATE TRIGGER report_notes AFTER UPDATE OF published_at ON plans
    FOR EACH ROW WHEN (OLD.published_at IS NULL AND NEW.published_at IS NOT NULL)
    EXECUTE FUNCTION report_plans_published();
INSERT INTO report_plan_notes SELECT id FROM plans WHERE published_at IS NOT NULL;

-- What the first plan in force foresaw for an order: it outlasts the plan's own rows, which are
-- dropped a month after it went out of force (`store.planning.retention`).
CREATE TABLE report_first_plans (
    order_id      bigint PRIMARY KEY REFERENCES orders,
    plan_id       bigint NOT NULL,
    published_ms  bigint NOT NULL,
    end_ms        bigint NOT NULL,
    -- As in `plan_orders`.
    shares        jsonb NOT NULL DEFAULT '[]'
);

-- When revisions were recorded last, by whoever has the turn to write them (`store.reports.writing`).
CREATE TABLE report_writer (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    recorded_at  timestamptz NOT NULL
);
INSERT INTO report_writer (recorded_at) VALUES (clock_timestamp());

-- How an order line did, as it was known from `recorded_at` to `superseded_at`. A row is written
-- once; that another one follows it is the only thing that is ever written into it. Times are epoch
-- milliseconds; quantities are of the line's unit.
CREATE TABLE report_order_lines (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at      timestamptz NOT NULL,
    superseded_at    timestamptz CHECK (superseded_at > recorded_at),
    -- Which rules it was judged by (domain/reports/order_lines.py).
    policy           smallint NOT NULL,
    order_id         bigint NOT NULL REFERENCES orders,
    order_line_id    bigint NOT NULL REFERENCES order_lines,
    number           integer NOT NULL,
    site_id          integer NOT NULL REFERENCES sites,
    customer_id      integer NOT NULL REFERENCES customers,
    item_id          integer NOT NULL REFERENCES items,
    unit             text NOT NULL,
    -- The line of the factory on which it was made, or is to be: `site/area/line`.
    made_on          text,
    -- What the customer wants; 0: it was cancelled.
    ordered          numeric NOT NULL,
    shipped          numeric NOT NULL,
    received_ms      bigint NOT NULL,
    confirmed_ms     bigint,
    released_ms      bigint,
    started_ms       bigint,
    produced_ms      bigint,
    packed_ms        bigint,
    shipped_ms       bigint,
    delivered_ms     bigint,
    -- The date that was agreed first, the same moved by the customer's own changes, the one that
    -- holds.
    first_due_ms     bigint,
    customer_due_ms  bigint,
    due_ms           bigint,
    -- When the last piece that was needed left; null: it is not complete.
    complete_ms      bigint,
    -- Against the date that was agreed first, and against the one that holds.
    first_on_time    boolean NOT NULL,
    first_by_date    numeric NOT NULL,
    due_on_time      boolean NOT NULL,
    due_by_date      numeric NOT NULL,
    -- When it was planned first, and for when.
    planned_ms       bigint,
    planned_end_ms   bigint,
    -- Of a line that is late and not complete: up to when its delay is divided.
    judged_ms        bigint,
    -- Since the first date, and what it is made of: the shares add up to it.
    delay_ms         bigint NOT NULL DEFAULT 0 CHECK (delay_ms >= 0),
    -- Of the order's lines the one that makes it late: an order counts once.
    makes_late       boolean NOT NULL,
    share_causes     text[] NOT NULL DEFAULT '{}',
    share_subjects   text[] NOT NULL DEFAULT '{}',
    share_ms         bigint[] NOT NULL DEFAULT '{}',
    -- What plans said of the order's end, so many days before it came; of the line that ends it.
    forecast_days    integer[] NOT NULL DEFAULT '{}',
    forecast_made_ms bigint[] NOT NULL DEFAULT '{}',
    forecast_end_ms  bigint[] NOT NULL DEFAULT '{}',
    CHECK (cardinality(share_causes) = cardinality(share_ms)
           AND cardinality(share_subjects) = cardinality(share_ms)),
    CHECK (cardinality(forecast_days) = cardinality(forecast_end_ms)
           AND cardinality(forecast_made_ms) = cardinality(forecast_end_ms))
);
CREATE UNIQUE INDEX report_order_lines_newest ON report_order_lines (order_line_id)
    WHERE superseded_at IS NULL;
CREATE INDEX report_order_lines_line ON report_order_lines (order_line_id, recorded_at);
CREATE INDEX report_order_lines_order ON report_order_lines (order_id, recorded_at);
CREATE INDEX report_order_lines_recorded ON report_order_lines (recorded_at);
CREATE INDEX report_order_lines_due ON report_order_lines (site_id, due_ms);
CREATE INDEX report_order_lines_first_due ON report_order_lines (site_id, first_due_ms);
CREATE INDEX report_order_lines_shipped ON report_order_lines (site_id, shipped_ms);
CREATE INDEX report_order_lines_open_late ON report_order_lines (judged_ms)
    WHERE superseded_at IS NULL AND judged_ms IS NOT NULL;
-- Lines whose first date passes while nothing else happens to them.
CREATE INDEX report_order_lines_awaited ON report_order_lines (first_due_ms)
    WHERE superseded_at IS NULL AND complete_ms IS NULL AND judged_ms IS NULL;

-- By row: emptying what is empty is no rewriting (`gemba transfer`).
CREATE FUNCTION report_revisions_stay() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
       AND to_jsonb(NEW) - 'superseded_at' = to_jsonb(OLD) - 'superseded_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'revisions of reports are append-only: a row is superseded once, and never'
        ' changed or removed' USING ERRCODE = 'insufficient_privilege';
END
$body$;
CREATE TRIGGER report_order_lines_append_only BEFORE UPDATE OR DELETE ON report_order_lines
    FOR EACH ROW EXECUTE FUNCTION report_revisions_stay();

-- What a figure is to reach, from a day of the plant's on; the newest entry for that day holds, and
-- one without a number takes the target back.
CREATE TABLE report_targets (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code         text NOT NULL,
    -- null: every site that has none of its own.
    site_id      integer REFERENCES sites,
    target       numeric,
    valid_from   date NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by  text NOT NULL
);
CREATE INDEX report_targets_code ON report_targets (code, site_id, valid_from, id);
CREATE TRIGGER report_targets_append_only BEFORE UPDATE OR DELETE ON report_targets
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- What moved in a period (inventory turns).
CREATE INDEX stock_postings_occurred ON stock_postings (site_id, occurred_at);

-- How long answers to questions about orders took, as each process of the API counted them from
-- `counted_from` to `recorded_at`.
CREATE TABLE api_answers (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    question      text NOT NULL,
    counted_from  timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    within_100_ms bigint NOT NULL DEFAULT 0,
    within_500_ms bigint NOT NULL DEFAULT 0,
    within_1_s    bigint NOT NULL DEFAULT 0,
    within_2_s    bigint NOT NULL DEFAULT 0,
    within_5_s    bigint NOT NULL DEFAULT 0,
    within_10_s   bigint NOT NULL DEFAULT 0,
    beyond        bigint NOT NULL DEFAULT 0,
    failed        bigint NOT NULL DEFAULT 0
);
CREATE INDEX api_answers_counted ON api_answers (counted_from);

ALTER TABLE report_order_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_writer ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_plan_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_first_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_order_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_targets ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_answers ENABLE ROW LEVEL SECURITY;

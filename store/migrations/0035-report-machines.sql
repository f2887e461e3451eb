-- The floor's side of reports (ADR 17): what a machine made by operation and time, and which operation
-- was on it; what its shifts came to, as revisions with a date of knowledge; reasons of stops that
-- people give; what makes a shift be reckoned again.

-- Rows of one fold, beside piece_slots and state_changes, and cut by time as these. They refer to
-- operations by no foreign key: one that nobody planned goes when nothing names it any more, in the
-- transaction that takes its rows here, too.
DO $flavour$
DECLARE
    month timestamp;
BEGIN
    -- Good and scrap pieces by operation; what is missing to piece_slots belongs to none.
    CREATE TABLE operation_slots_shape (
        machine_id    integer NOT NULL,
        slot_ms       bigint NOT NULL,
        operation_id  bigint NOT NULL,
        good          numeric NOT NULL,
        scrap         numeric NOT NULL,
        PRIMARY KEY (machine_id, slot_ms, operation_id)
    );
    -- Which operation is on the machine from a time on, running or paused; null: none.
    CREATE TABLE operation_changes_shape (
        machine_id    integer NOT NULL,
        e_ms          bigint NOT NULL,
        nth           integer NOT NULL,
        operation_id  bigint,
        PRIMARY KEY (machine_id, e_ms, nth)
    );
    IF EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass) THEN
        -- Partitions are made by `store.telemetry.adoption`, by month.
        CREATE TABLE operation_slots (LIKE operation_slots_shape INCLUDING ALL)
            PARTITION BY RANGE (slot_ms);
        CREATE TABLE operation_changes (LIKE operation_changes_shape INCLUDING ALL)
            PARTITION BY RANGE (e_ms);
    ELSE
        CREATE TABLE operation_slots (LIKE operation_slots_shape INCLUDING ALL);
        CREATE TABLE operation_changes (LIKE operation_changes_shape INCLUDING ALL);
        PERFORM create_hypertable('operation_slots', 'slot_ms',
            chunk_time_interval => 2592000000::bigint, create_default_indexes => false);
        PERFORM create_hypertable('operation_changes', 'e_ms',
            chunk_time_interval => 2592000000::bigint, create_default_indexes => false);
        PERFORM set_integer_now_func('operation_slots', 'gemba_now_ms');
        PERFORM set_integer_now_func('operation_changes', 'gemba_now_ms');
        ALTER TABLE operation_slots SET (timescaledb.compress,
            timescaledb.compress_segmentby = 'machine_id',
            timescaledb.compress_orderby = 'slot_ms, operation_id');
        ALTER TABLE operation_changes SET (timescaledb.compress,
            timescaledb.compress_segmentby = 'machine_id',
            timescaledb.compress_orderby = 'e_ms, nth');
        PERFORM add_compression_policy('operation_slots', compress_after => 5184000000::bigint);
        PERFORM add_compression_policy('operation_changes', compress_after => 5184000000::bigint);
    END IF;
    DROP TABLE operation_slots_shape, operation_changes_shape;
END
$flavour$;

ALTER TABLE history_dropped DROP CONSTRAINT history_dropped_relation_check;
ALTER TABLE history_dropped ADD CONSTRAINT history_dropped_relation_check CHECK (relation IN
    ('samples', 'piece_slots', 'state_changes', 'operation_slots', 'operation_changes'));

-- Revisions of machines' shifts -----------------------------------------------------------------

-- A machine in a shift (or between two, or on a day without any), by the operation that was on it.
-- A revision holds from `recorded_at` until `superseded_at`, and is closed once, when what was
-- reckoned anew differs. Times in ms, the elements of ISO 22400-2 (domain.reports.machine_time).
CREATE TABLE report_machine_shifts (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id       integer NOT NULL REFERENCES machines,
    -- The plant's day on which the shift begins.
    day              date NOT NULL,
    -- Empty: outside of shifts.
    shift            text NOT NULL,
    from_ms          bigint NOT NULL,
    until_ms         bigint NOT NULL CHECK (until_ms > from_ms),
    -- Before the end: the shift was running, and is counted up to here.
    counted_ms       bigint NOT NULL CHECK (counted_ms > from_ms AND counted_ms <= until_ms),
    -- Null: none, or it is not known which.
    operation_id     bigint,
    recorded_at      timestamptz NOT NULL,
    superseded_at    timestamptz CHECK (superseded_at > recorded_at),
    -- POT, planned downtime in it, and production and set-up outside of it.
    operation_ms     bigint NOT NULL,
    planned_stop_ms  bigint NOT NULL,
    overtime_ms      bigint NOT NULL,
    -- What planned busy time went into: together operation_ms - planned_stop_ms + overtime_ms.
    production_ms    bigint NOT NULL,
    setup_ms         bigint NOT NULL,
    delay_ms         bigint NOT NULL,
    micro_stop_ms    bigint NOT NULL,
    idle_ms          bigint NOT NULL,
    unknown_ms       bigint NOT NULL,
    micro_stops      integer NOT NULL,
    stops            integer NOT NULL,
    -- Pieces; those of rework orders apart. `run_ms`: what all should have taken (PRI x PQ);
    -- `unrated`: pieces without a planned run time.
    good             numeric NOT NULL,
    scrap            numeric NOT NULL,
    reworked_good    numeric NOT NULL,
    reworked_scrap   numeric NOT NULL,
    run_ms           numeric NOT NULL,
    unrated          numeric NOT NULL
);
CREATE UNIQUE INDEX report_machine_shifts_newest
    ON report_machine_shifts (machine_id, from_ms, operation_id) NULLS NOT DISTINCT
    WHERE superseded_at IS NULL;
CREATE INDEX report_machine_shifts_time ON report_machine_shifts (machine_id, from_ms);
CREATE INDEX report_machine_shifts_operation ON report_machine_shifts (operation_id)
    WHERE operation_id IS NOT NULL;

-- What of it was lost to which reason, and how often that began; `planned` stops besides.
CREATE TABLE report_machine_losses (
    shift_id    bigint NOT NULL REFERENCES report_machine_shifts,
    time_class  text NOT NULL,
    -- As the machine told it, or somebody by hand; null: nobody told one.
    reason      text,
    lost_ms     bigint NOT NULL,
    count       integer NOT NULL,
    UNIQUE NULLS NOT DISTINCT (shift_id, time_class, reason)
);

-- A revision is only ever closed, and once.
CREATE FUNCTION close_revision_once() RETURNS trigger LANGUAGE plpgsql AS $once$
BEGIN
    IF OLD.superseded_at IS NOT NULL OR NEW.superseded_at IS NULL
       OR to_jsonb(NEW) - 'superseded_at' IS DISTINCT FROM to_jsonb(OLD) - 'superseded_at' THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('%s keeps what was known: a revision is only closed, once', TG_TABLE_NAME);
    END IF;
    RETURN NEW;
END
$once$;
CREATE TRIGGER report_machine_shifts_closed_once BEFORE UPDATE ON report_machine_shifts
    FOR EACH ROW EXECUTE FUNCTION close_revision_once();
-- By row: emptying what is empty is no rewriting (`gemba transfer`).
CREATE TRIGGER report_machine_shifts_kept BEFORE DELETE ON report_machine_shifts
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER report_machine_losses_append_only BEFORE UPDATE OR DELETE ON report_machine_losses
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Up to where machines are reckoned: a full hour. Null: they are not yet.
CREATE TABLE report_machine_state (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    reckoned_ms  bigint
);
INSERT INTO report_machine_state DEFAULT VALUES;

-- What is to be reckoned again, and since when; written in the transaction that changes it. Rows of
-- their own, so that nobody waits for somebody else's note.
CREATE TABLE report_machine_notes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id  integer NOT NULL REFERENCES machines,
    since_ms    bigint NOT NULL
);
CREATE INDEX report_machine_notes_machine ON report_machine_notes (machine_id);

-- Planned run times, and what is dated of calendars, change in many places: noted by the table, but
-- while `gemba transfer` carries rows, with which their notes come.
CREATE FUNCTION note_report_operation(operation bigint, machine integer) RETURNS void
    LANGUAGE sql AS $note$
    INSERT INTO report_machine_notes (machine_id, since_ms)
    SELECT machine_id, min(from_ms) FROM report_machine_shifts
    WHERE operation_id = operation AND superseded_at IS NULL
      AND (machine IS NULL OR machine_id = machine)
      AND current_setting('gemba.carrying', true) IS DISTINCT FROM 'on'
    GROUP BY machine_id ORDER BY machine_id
$note$;

CREATE FUNCTION note_report_cycle() RETURNS trigger LANGUAGE plpgsql AS $note$
BEGIN
    IF TG_TABLE_NAME = 'operations' THEN
        PERFORM note_report_operation(NEW.id, NULL);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM note_report_operation(OLD.operation_id, OLD.machine_id);
    ELSE
        PERFORM note_report_operation(NEW.operation_id, NEW.machine_id);
    END IF;
    RETURN NULL;
END
$note$;
CREATE TRIGGER operations_report_cycle AFTER UPDATE OF cycle_ms ON operations
    FOR EACH ROW WHEN (OLD.cycle_ms IS DISTINCT FROM NEW.cycle_ms)
    EXECUTE FUNCTION note_report_cycle();
CREATE TRIGGER operation_alternatives_report_cycle
    AFTER INSERT OR DELETE OR UPDATE OF cycle_ms ON operation_alternatives
    FOR EACH ROW EXECUTE FUNCTION note_report_cycle();

-- Machines of a place (`site[/area[/line[/machine]]]`), from a time on, as far as it is reckoned.
CREATE FUNCTION note_report_place(site integer, place text, since bigint) RETURNS void
    LANGUAGE sql AS $note$
    INSERT INTO report_machine_notes (machine_id, since_ms)
    SELECT m.id, since FROM machines m, report_machine_state r
    WHERE m.site_id = site AND (place IS NULL OR m.path = place OR starts_with(m.path, place || '/'))
      AND since < r.reckoned_ms
      AND current_setting('gemba.carrying', true) IS DISTINCT FROM 'on'
    ORDER BY m.id
$note$;

CREATE FUNCTION note_report_calendar() RETURNS trigger LANGUAGE plpgsql AS $note$
DECLARE
    changed record;
    since bigint;
    place text;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    FOR changed IN
        SELECT * FROM unnest(ARRAY[
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
            CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END]) AS t (body)
        WHERE body IS NOT NULL
    LOOP
        IF TG_TABLE_NAME = 'calendar_exceptions' THEN
            since := extract(epoch FROM (changed.body ->> 'starts_at')::timestamptz) * 1000;
            place := (SELECT path FROM machines WHERE id = (changed.body ->> 'machine_id')::integer);
        ELSE
            -- Days on the clock of the place: a day more is taken. Without a beginning it has held
            -- always, and was not planned for the past: from today on.
            since := extract(epoch FROM coalesce(
                coalesce(changed.body ->> 'day', changed.body ->> 'valid_from')::date,
                current_date) - interval '1 day') * 1000;
            place := changed.body ->> 'place';
        END IF;
        PERFORM note_report_place((changed.body ->> 'site_id')::integer, place, since);
    END LOOP;
    RETURN NULL;
END
$note$;
CREATE TRIGGER calendar_exceptions_report AFTER INSERT OR UPDATE OR DELETE ON calendar_exceptions
    FOR EACH ROW EXECUTE FUNCTION note_report_calendar();
CREATE TRIGGER special_days_report AFTER INSERT OR UPDATE OR DELETE ON special_days
    FOR EACH ROW EXECUTE FUNCTION note_report_calendar();
CREATE TRIGGER shift_plans_report AFTER INSERT OR UPDATE OR DELETE ON shift_plans
    FOR EACH ROW EXECUTE FUNCTION note_report_calendar();

-- Reasons of stops ------------------------------------------------------------------------------

-- The plant's list: what a reason is called, and what it counts as. `code` is what machines tell.
CREATE TABLE stop_reason_codes (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Null: every site that has no entry of its own under the code.
    site_id     integer REFERENCES sites,
    code        text NOT NULL,
    name_en     text NOT NULL,
    name_zh     text NOT NULL,
    counts_as   text NOT NULL CHECK (counts_as IN
                    ('setup', 'delay', 'idle', 'unknown', 'planned', 'micro_stop')),
    retired_at  timestamptz,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (site_id, code)
);

-- To begin with; a plant changes what does not fit.
INSERT INTO stop_reason_codes (code, name_en, name_zh, counts_as, changed_by) VALUES
    ('breakdown', 'Breakdown', '设备故障', 'delay', 'gemba'),
    ('tool', 'Tool change', '换刀', 'delay', 'gemba'),
    ('setup', 'Set-up', '换型调试', 'setup', 'gemba'),
    ('no_material', 'No material', '缺料', 'delay', 'gemba'),
    ('no_operator', 'No operator', '缺人', 'delay', 'gemba'),
    ('quality', 'Quality problem', '质量问题', 'delay', 'gemba'),
    ('no_order', 'No order', '无订单', 'idle', 'gemba'),
    ('maintenance', 'Planned maintenance', '计划保养', 'planned', 'gemba'),
    ('break', 'Break', '休息', 'planned', 'gemba');

-- What people say of stretches of time, laid over what machines told (domain.reports.stop_reasons).
CREATE TABLE stop_reasons (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id   integer NOT NULL REFERENCES machines,
    from_ms      bigint NOT NULL,
    until_ms     bigint NOT NULL CHECK (until_ms > from_ms),
    -- Null: what people said of this time before is taken back.
    reason       text,
    note         text,
    -- The entry that this one undoes: neither counts any more.
    undoes       bigint UNIQUE REFERENCES stop_reasons,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by  text NOT NULL
);
CREATE INDEX stop_reasons_time ON stop_reasons (machine_id, until_ms);
CREATE TRIGGER stop_reasons_append_only BEFORE UPDATE OR DELETE ON stop_reasons
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- How a site classes micro-stops, as entries: the newest holds.
CREATE TABLE report_time_policies (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id        integer NOT NULL REFERENCES sites,
    -- At most ten minutes: what is still open that long is none.
    micro_stop_ms  integer NOT NULL CHECK (micro_stop_ms BETWEEN 0 AND 600000),
    micro_stops    text NOT NULL CHECK (micro_stops IN ('availability', 'performance')),
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by    text NOT NULL
);
CREATE INDEX report_time_policies_site ON report_time_policies (site_id, id);
CREATE TRIGGER report_time_policies_append_only BEFORE UPDATE OR DELETE ON report_time_policies
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- What a piece of an item costs, as entries: of those for a day the one recorded last holds.
CREATE TABLE item_costs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id      integer NOT NULL REFERENCES items,
    -- Null: every site without an entry of its own.
    site_id      integer REFERENCES sites,
    valid_from   date NOT NULL,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Null: not known from that day on.
    cost         numeric CHECK (cost >= 0),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by  text NOT NULL
);
CREATE INDEX item_costs_item ON item_costs (item_id, site_id, valid_from, id);
CREATE TRIGGER item_costs_append_only BEFORE UPDATE OR DELETE ON item_costs
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Customers see none of it: no right, and no row.
ALTER TABLE report_machine_shifts ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_machine_losses ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_machine_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_machine_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE stop_reason_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE stop_reasons ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_time_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_costs ENABLE ROW LEVEL SECURITY;

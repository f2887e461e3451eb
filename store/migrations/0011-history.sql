-- What is kept of the floor's past, for reports: readings, told states, pieces (HIST-… in
-- docs/protocol.md). Every table is cut by time, so that old parts can be compressed and dropped:
-- a hypertable with TimescaleDB, else partitions by month, as `samples` is since its beginning.
-- None of them refers to `machines` by a foreign key: each new part would lock that table.

-- A reading's name on a machine; the unit that was told last, and the event time of who told it.
CREATE TABLE metrics (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id  integer NOT NULL REFERENCES machines,
    name        text NOT NULL,
    unit        text,
    unit_ms     bigint,
    UNIQUE (machine_id, name)
);

-- Set for readings of a finite number, or of true (1) and false (0).
ALTER TABLE samples ADD COLUMN metric_id integer, ADD COLUMN value double precision;

-- Since when a machine's history has to be rolled up again: what came late is noted here.
CREATE TABLE history_touched (
    machine_id  integer PRIMARY KEY REFERENCES machines,
    since_ms    bigint NOT NULL
);

CREATE FUNCTION gemba_now_ms() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM now()) * 1000)::bigint $$;

ALTER TABLE piece_slots RENAME TO piece_slots_before;
ALTER TABLE piece_slots_before RENAME CONSTRAINT piece_slots_pkey TO piece_slots_before_pkey;

DO $flavour$
DECLARE
    month timestamp;
BEGIN
    CREATE TABLE piece_slots_shape (
        machine_id  integer NOT NULL,
        slot_ms     bigint NOT NULL,
        good        numeric NOT NULL,
        scrap       numeric NOT NULL,
        PRIMARY KEY (machine_id, slot_ms)
    );
    -- A machine's told states in order of effective time: a row wherever state or reason changed,
    -- and what they were before. `nth` tells rows of the same millisecond apart (not a smallint:
    -- while a clock that stepped back catches up, every change has the same effective time).
    CREATE TABLE state_changes_shape (
        machine_id   integer NOT NULL,
        e_ms         bigint NOT NULL,
        nth          integer NOT NULL,
        left_state   text,
        left_reason  text,
        state        text NOT NULL,
        reason       text,
        PRIMARY KEY (machine_id, e_ms, nth)
    );
    IF EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass) THEN
        CREATE TABLE piece_slots (LIKE piece_slots_shape INCLUDING ALL)
            PARTITION BY RANGE (slot_ms);
        CREATE TABLE state_changes (LIKE state_changes_shape INCLUDING ALL)
            PARTITION BY RANGE (e_ms);
        -- Later ones are made by `store.telemetry.adoption`, under the same names.
        FOR month IN
            SELECT DISTINCT date_trunc('month', to_timestamp(slot_ms / 1000) AT TIME ZONE 'UTC')
            FROM piece_slots_before
        LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF piece_slots FOR VALUES FROM (%s) TO (%s)',
                'piece_slots_' || to_char(month, 'YYYY_MM'),
                (extract(epoch FROM month) * 1000)::bigint,
                (extract(epoch FROM month + interval '1 month') * 1000)::bigint
            );
        END LOOP;
    ELSE
        CREATE TABLE piece_slots (LIKE piece_slots_shape INCLUDING ALL);
        CREATE TABLE state_changes (LIKE state_changes_shape INCLUDING ALL);
        PERFORM create_hypertable('piece_slots', 'slot_ms',
            chunk_time_interval => 2592000000::bigint, create_default_indexes => false);
        PERFORM create_hypertable('state_changes', 'e_ms',
            chunk_time_interval => 2592000000::bigint, create_default_indexes => false);
        PERFORM set_integer_now_func('samples', 'gemba_now_ms');
        PERFORM set_integer_now_func('piece_slots', 'gemba_now_ms');
        PERFORM set_integer_now_func('state_changes', 'gemba_now_ms');
        -- Late rows still go in, change and go: by decompressing what they touch.
        ALTER TABLE samples SET (timescaledb.compress, timescaledb.compress_segmentby = 'machine_id',
            timescaledb.compress_orderby = 't_ms, publisher_id, seq');
        ALTER TABLE piece_slots SET (timescaledb.compress,
            timescaledb.compress_segmentby = 'machine_id', timescaledb.compress_orderby = 'slot_ms');
        ALTER TABLE state_changes SET (timescaledb.compress,
            timescaledb.compress_segmentby = 'machine_id',
            timescaledb.compress_orderby = 'e_ms, nth');
        PERFORM add_compression_policy('samples', compress_after => 1209600000::bigint);
        PERFORM add_compression_policy('piece_slots', compress_after => 5184000000::bigint);
        PERFORM add_compression_policy('state_changes', compress_after => 5184000000::bigint);
    END IF;
    DROP TABLE piece_slots_shape, state_changes_shape;
    INSERT INTO piece_slots SELECT machine_id, slot_ms, good, scrap FROM piece_slots_before;
END
$flavour$;

DROP TABLE piece_slots_before;

-- Roll-ups of the floor's past, under the same names and columns in both flavours: continuous
-- aggregates with TimescaleDB; else tables that `store.history.rollups` fills, and views that add
-- what is above its watermark. In both, what is newer than the last refresh is there all the same.

-- Plain PostgreSQL only: up to where the tables are filled, and up to where they will be. Whoever
-- writes below `announced_ms` notes it in `history_touched`. With TimescaleDB both stay null.
CREATE TABLE rollup_state (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    announced_ms  bigint,
    rolled_ms     bigint,
    refreshed_at  timestamptz,
    CHECK (rolled_ms <= announced_ms)
);
INSERT INTO rollup_state DEFAULT VALUES;

-- What retention dropped: roll-ups of these times are not made again, for their rows are gone. What
-- arrives there afterwards is added by the reader.
CREATE TABLE history_dropped (
    relation  text NOT NULL CHECK (relation IN ('samples', 'piece_slots', 'state_changes')),
    from_ms   bigint NOT NULL,
    to_ms     bigint NOT NULL CHECK (from_ms < to_ms),
    PRIMARY KEY (relation, from_ms)
);

-- Since when all accepted objects of a machine are kept: its past cannot be folded from before.
CREATE TABLE history_horizons (
    machine_id   integer PRIMARY KEY REFERENCES machines,
    raw_from_ms  bigint NOT NULL
);

-- Sums of readings near the end of what a double holds would fail: such values are not rolled up.
DO $flavour$
DECLARE
    stored regclass;
BEGIN
    IF EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass) THEN
        -- What was noted and is being worked off.
        CREATE TABLE history_refresh (
            machine_id  integer PRIMARY KEY,
            since_ms    bigint NOT NULL
        );
        CREATE TABLE rolled_readings_5m (
            machine_id  integer NOT NULL,
            metric_id   integer NOT NULL,
            bucket_ms   bigint NOT NULL,
            n           bigint NOT NULL,
            sum         double precision NOT NULL,
            min         double precision NOT NULL,
            max         double precision NOT NULL,
            PRIMARY KEY (machine_id, metric_id, bucket_ms)
        );
        CREATE TABLE rolled_readings_1h (LIKE rolled_readings_5m INCLUDING ALL);
        CREATE TABLE rolled_pieces_1h (
            machine_id  integer NOT NULL,
            bucket_ms   bigint NOT NULL,
            good        numeric NOT NULL,
            scrap       numeric NOT NULL,
            PRIMARY KEY (machine_id, bucket_ms)
        );
        CREATE TABLE rolled_states_1h (
            machine_id   integer NOT NULL,
            bucket_ms    bigint NOT NULL,
            left_state   text,
            left_reason  text,
            state        text NOT NULL,
            reason       text,
            n            bigint NOT NULL,
            sum_ms       numeric NOT NULL
        );
        CREATE INDEX rolled_states_1h_machine ON rolled_states_1h (machine_id, bucket_ms);

        CREATE VIEW readings_5m AS
        SELECT machine_id, metric_id, bucket_ms, n, sum, min, max FROM rolled_readings_5m
        UNION ALL
        SELECT machine_id, metric_id, t_ms - t_ms % 300000, count(*), sum(value), min(value),
               max(value)
        FROM samples
        WHERE metric_id IS NOT NULL AND value BETWEEN -1e290 AND 1e290
          AND t_ms >= (SELECT coalesce(rolled_ms, 0) FROM rollup_state)
        GROUP BY 1, 2, 3;

        CREATE VIEW readings_1h AS
        SELECT machine_id, metric_id, bucket_ms, n, sum, min, max FROM rolled_readings_1h
        UNION ALL
        SELECT machine_id, metric_id, t_ms - t_ms % 3600000, count(*), sum(value), min(value),
               max(value)
        FROM samples
        WHERE metric_id IS NOT NULL AND value BETWEEN -1e290 AND 1e290
          AND t_ms >= (SELECT coalesce(rolled_ms, 0) FROM rollup_state)
        GROUP BY 1, 2, 3;

        CREATE VIEW pieces_1h AS
        SELECT machine_id, bucket_ms, good, scrap FROM rolled_pieces_1h
        UNION ALL
        SELECT machine_id, slot_ms - slot_ms % 3600000, sum(good), sum(scrap)
        FROM piece_slots
        WHERE slot_ms >= (SELECT coalesce(rolled_ms, 0) FROM rollup_state)
        GROUP BY 1, 2;

        CREATE VIEW states_1h AS
        SELECT machine_id, bucket_ms, left_state, left_reason, state, reason, n, sum_ms
        FROM rolled_states_1h
        UNION ALL
        SELECT machine_id, e_ms - e_ms % 3600000, left_state, left_reason, state, reason, count(*),
               sum(e_ms)
        FROM state_changes
        WHERE e_ms >= (SELECT coalesce(rolled_ms, 0) FROM rollup_state)
        GROUP BY 1, 2, 3, 4, 5, 6;
    ELSE
        -- A refresh reads short ranges of time, of all machines: small indexes that say roughly
        -- where they stand, since rows come nearly in order of time.
        CREATE INDEX samples_time ON samples USING brin (t_ms) WITH (pages_per_range = 32);
        CREATE INDEX piece_slots_time ON piece_slots USING brin (slot_ms)
            WITH (pages_per_range = 32);
        CREATE INDEX state_changes_time ON state_changes USING brin (e_ms)
            WITH (pages_per_range = 32);

        CREATE MATERIALIZED VIEW readings_5m
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT machine_id, metric_id, time_bucket(300000::bigint, t_ms) AS bucket_ms,
               count(*) AS n, sum(value) AS sum, min(value) AS min, max(value) AS max
        FROM samples
        WHERE metric_id IS NOT NULL AND value BETWEEN -1e290 AND 1e290
        GROUP BY 1, 2, 3
        WITH NO DATA;

        CREATE MATERIALIZED VIEW readings_1h
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT machine_id, metric_id, time_bucket(3600000::bigint, bucket_ms) AS bucket_ms,
               sum(n)::bigint AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max
        FROM readings_5m
        GROUP BY 1, 2, 3
        WITH NO DATA;

        CREATE MATERIALIZED VIEW pieces_1h
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT machine_id, time_bucket(3600000::bigint, slot_ms) AS bucket_ms,
               sum(good) AS good, sum(scrap) AS scrap
        FROM piece_slots
        GROUP BY 1, 2
        WITH NO DATA;

        CREATE MATERIALIZED VIEW states_1h
            WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT machine_id, time_bucket(3600000::bigint, e_ms) AS bucket_ms,
               left_state, left_reason, state, reason, count(*) AS n, sum(e_ms) AS sum_ms
        FROM state_changes
        GROUP BY 1, 2, 3, 4, 5, 6
        WITH NO DATA;

        -- Without it, policies on a continuous aggregate fail when they run.
        FOR stored IN
            SELECT format('%I.%I', materialization_hypertable_schema,
                          materialization_hypertable_name)::regclass
            FROM timescaledb_information.continuous_aggregates
            WHERE view_schema = current_schema()
        LOOP
            PERFORM set_integer_now_func(stored, 'gemba_now_ms');
        END LOOP;

        -- Most rows are those of readings by 5 minutes; after 60 days they hardly change.
        ALTER MATERIALIZED VIEW readings_5m SET (timescaledb.compress = true,
            timescaledb.compress_segmentby = 'machine_id, metric_id');
        PERFORM add_compression_policy('readings_5m', compress_after => 5184000000::bigint);
    END IF;
END
$flavour$;

-- The partitioned log of the embedded installation (`embedded://`); empty on Kafka.

CREATE TABLE log_partitions (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    head        bigint NOT NULL DEFAULT 0,  -- the offset that the next record gets
    tail        bigint NOT NULL DEFAULT 0,  -- the lowest offset that is still kept
    PRIMARY KEY (topic, partition),
    CHECK (0 <= tail AND tail <= head)
) WITH (
    -- Few rows, each updated by every append: room for updates in place, and early cleaning.
    fillfactor = 20,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 20000
);

CREATE TABLE log_records (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    timestamp_ms bigint NOT NULL,
    key          bytea,
    value        bytea,
    headers      bytea,
    PRIMARY KEY (topic, partition, "offset")
) WITH (
    -- What is trimmed makes room for what is appended.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.2
);
-- Packed and often compressed already; and its length can be read without its bytes.
ALTER TABLE log_records ALTER COLUMN value SET STORAGE EXTERNAL;

-- What a consumer group has acknowledged to the engine (Kafka's committed offsets): the next offset
-- that it wants. A group is known from its first assignment on, and nothing it wants is trimmed.
CREATE TABLE log_commits (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    committed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

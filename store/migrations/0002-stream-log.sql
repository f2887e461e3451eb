-- The partitioned log of the embedded installation (`embedded://`); empty on Kafka.

CREATE TABLE log_partitions (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    head        bigint NOT NULL DEFAULT 0,  -- the offset that the next record gets
    tail        bigint NOT NULL DEFAULT 0,  -- the lowest offset that is still kept
    PRIMARY KEY (topic, partition)
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
);
ALTER TABLE log_records ALTER COLUMN value SET STORAGE EXTERNAL;

-- What a consumer group has acknowledged to the engine (Kafka's committed offsets).
CREATE TABLE log_commits (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
);

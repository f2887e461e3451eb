-- What taking orders in and the operators' terminals need beside the spine's tables.

-- The installation's own name: the `boot` under which its terminals publish. It lives and is
-- restored together with the counters below, so a number is never used twice under one name.
CREATE TABLE installation (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id        uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- The next `seq` of the terminals' objects, per machine; the row is locked while one is appended.
CREATE TABLE terminal_counters (
    machine_id  integer PRIMARY KEY REFERENCES machines,
    next_seq    bigint NOT NULL DEFAULT 0
);

CREATE SEQUENCE order_numbers;
CREATE SEQUENCE work_order_numbers;

-- What was asked for at intake, as a SHA-256: the same request again is the same order, also after
-- the order has changed since.
ALTER TABLE orders ADD COLUMN intake_digest bytea;
ALTER TABLE work_orders ADD COLUMN intake_digest bytea;

CREATE INDEX order_lines_state ON order_lines (state, order_id);

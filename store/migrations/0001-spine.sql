-- The tables of the spine: hierarchy, orders and work, telemetry, delivery, access.
-- Text is compared by code point (the database is created with the C collation).

-- Hierarchy (ISA-95) -----------------------------------------------------------------------------

CREATE TABLE sites (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL UNIQUE,
    name        text NOT NULL,
    time_zone   text NOT NULL DEFAULT 'UTC',
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE machines (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      integer NOT NULL REFERENCES sites,
    path         text NOT NULL UNIQUE,
    area         text NOT NULL,
    line         text NOT NULL,
    name         text NOT NULL,
    position     integer NOT NULL DEFAULT 0,
    configured   boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX machines_site ON machines (site_id, line, position);

-- Customers, orders, work ------------------------------------------------------------------------

CREATE TABLE customers (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code   text NOT NULL UNIQUE,
    name   text NOT NULL
);

CREATE TABLE items (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code   text NOT NULL UNIQUE,
    name   text NOT NULL,
    unit   text NOT NULL DEFAULT 'pcs'
);

-- The standard way an item is made at a site; copied into a work order when it is released.
CREATE TABLE routing_steps (
    item_id      integer NOT NULL REFERENCES items ON DELETE CASCADE,
    site_id      integer NOT NULL REFERENCES sites,
    number       bigint NOT NULL,
    name         text NOT NULL,
    machine_id   integer NOT NULL REFERENCES machines,
    cycle_ms     bigint NOT NULL CHECK (cycle_ms > 0),
    setup_ms     bigint NOT NULL DEFAULT 0 CHECK (setup_ms >= 0),
    PRIMARY KEY (item_id, site_id, number)
);

CREATE TABLE orders (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id          integer NOT NULL REFERENCES sites,
    customer_id      integer NOT NULL REFERENCES customers,
    number           text NOT NULL UNIQUE,
    external_source  text,
    external_id      text,
    customer_reference text,
    version          bigint NOT NULL DEFAULT 1,
    priority         integer NOT NULL DEFAULT 0,
    received_at      timestamptz NOT NULL DEFAULT now(),
    changed_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (external_source, external_id)
);
CREATE INDEX orders_site ON orders (site_id, id);
CREATE INDEX orders_customer ON orders (customer_id, id);

CREATE TABLE order_lines (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL REFERENCES orders,
    number      integer NOT NULL,
    item_id     integer NOT NULL REFERENCES items,
    quantity    numeric NOT NULL CHECK (quantity > 0),
    unit        text NOT NULL,
    due_at      timestamptz,
    state       text NOT NULL CHECK (state IN ('received', 'under_review', 'confirmed', 'released',
                    'in_production', 'produced', 'on_hold', 'cancelled')),
    -- Good pieces attributed to this line through its pegs; kept by the progress agent.
    good_quantity numeric NOT NULL DEFAULT 0,
    scrap_pieces  bigint NOT NULL DEFAULT 0,
    started_at  timestamptz,
    produced_at timestamptz,
    UNIQUE (order_id, number)
);

CREATE TABLE work_orders (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id           integer NOT NULL REFERENCES sites,
    number            text NOT NULL,
    external_source   text,
    external_id       text,
    item_id           integer REFERENCES items,
    item_text         text,
    quantity_ordered  numeric,
    unit              text NOT NULL DEFAULT 'pcs',
    due_at            timestamptz,
    planned           boolean NOT NULL,
    cancelled_at      timestamptz,
    version           bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, number)
);
CREATE UNIQUE INDEX work_orders_external ON work_orders (site_id, external_source, external_id)
    WHERE planned;

-- Any demand to any supply, with a quantity. The spine pegs order lines to work orders.
CREATE TABLE pegs (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_line_id  bigint NOT NULL REFERENCES order_lines,
    work_order_id  bigint NOT NULL REFERENCES work_orders,
    quantity       numeric NOT NULL CHECK (quantity > 0),
    UNIQUE (order_line_id, work_order_id)
);
CREATE INDEX pegs_work_order ON pegs (work_order_id);

CREATE TABLE operations (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_order_id   bigint NOT NULL REFERENCES work_orders,
    number          bigint NOT NULL,
    name            text,
    planned         boolean NOT NULL,
    machine_id      integer REFERENCES machines,
    cycle_ms        bigint,
    setup_ms        bigint NOT NULL DEFAULT 0,
    quantity        numeric,
    -- What the join says, summed over machines; written by the telemetry agent only.
    state           text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'released', 'running',
                        'paused', 'interrupted', 'completed', 'aborted', 'cancelled')),
    good_pieces     numeric NOT NULL DEFAULT 0,
    scrap_pieces    numeric NOT NULL DEFAULT 0,
    runs            bigint NOT NULL DEFAULT 0,
    requested       numeric,
    started_ms      bigint,
    ended_ms        bigint,
    version         bigint NOT NULL DEFAULT 1,
    UNIQUE (work_order_id, number)
);
CREATE INDEX operations_machine ON operations (machine_id) WHERE state NOT IN ('completed', 'aborted', 'cancelled');

-- The contribution of one machine to one operation: a function of that machine's accepted objects.
CREATE TABLE contributions (
    operation_id   bigint NOT NULL REFERENCES operations,
    machine_id     integer NOT NULL REFERENCES machines,
    good           numeric NOT NULL,
    scrap          numeric NOT NULL,
    runs           bigint NOT NULL,
    requested      numeric,
    requested_ms   bigint,
    started_ms     bigint,
    -- The place of the last change of state here, and the state after it; null if never changed.
    change_e       bigint,
    change_source  text,
    change_boot    text,
    change_seq     bigint,
    state          text,
    -- The `source` of the first object that named the operation here: an unplanned work order's
    -- external source.
    named_e        bigint NOT NULL,
    named_source   text NOT NULL,
    PRIMARY KEY (operation_id, machine_id)
);
CREATE INDEX contributions_machine ON contributions (machine_id);

-- Telemetry --------------------------------------------------------------------------------------

CREATE TABLE publishers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id  integer NOT NULL REFERENCES machines,
    source      text NOT NULL,
    boot        text NOT NULL,
    -- The most by which this publisher's clock ever stood before its own maximum.
    clock_back_ms bigint NOT NULL DEFAULT 0,
    UNIQUE (machine_id, source, boot)
);

-- Which numbers of a publisher were accepted, as ranges: not a row per sample.
CREATE TABLE seen_ranges (
    publisher_id  bigint NOT NULL REFERENCES publishers,
    first_seq     bigint NOT NULL,
    last_seq      bigint NOT NULL,
    PRIMARY KEY (publisher_id, first_seq),
    CHECK (first_seq <= last_seq)
);

-- Every accepted object as it was sent. The time stands in the key, as partitioned tables require.
-- This is where the flavours are told apart: a hypertable with TimescaleDB, else range partitions
-- that the stream worker makes as times arrive.
DO $flavour$
BEGIN
    CREATE TABLE samples_shape (
        machine_id    integer NOT NULL,
        t_ms          bigint NOT NULL,
        publisher_id  bigint NOT NULL,
        seq           bigint NOT NULL,
        kind          smallint NOT NULL,
        received_ms   bigint NOT NULL,
        body          bytea NOT NULL
    );
    -- A plain owner may not see what is preloaded; the extension may have been made for it then.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') OR EXISTS (
        SELECT FROM pg_settings
        WHERE name = 'shared_preload_libraries' AND setting LIKE '%timescaledb%'
    ) THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        CREATE TABLE samples (LIKE samples_shape INCLUDING ALL);
        PERFORM create_hypertable('samples', 't_ms', chunk_time_interval => 604800000::bigint,
                                  create_default_indexes => false);
    ELSE
        CREATE TABLE samples (LIKE samples_shape INCLUDING ALL) PARTITION BY RANGE (t_ms);
    END IF;
    DROP TABLE samples_shape;
END
$flavour$;
CREATE UNIQUE INDEX samples_identity ON samples (machine_id, t_ms, publisher_id, seq);

-- The live row of a machine: what screens show, and what the fold of its past has come to.
CREATE TABLE machine_states (
    machine_id        integer PRIMARY KEY REFERENCES machines,
    version           bigint NOT NULL DEFAULT 0,
    state             text NOT NULL DEFAULT 'offline',
    reason            text,
    state_since_ms    bigint,
    last_seen_ms      bigint,
    operation_id      bigint REFERENCES operations ON DELETE SET NULL,
    paused            boolean NOT NULL DEFAULT false,
    operator          text,
    unassigned_good   numeric NOT NULL DEFAULT 0,
    unassigned_scrap  numeric NOT NULL DEFAULT 0,
    objects           bigint NOT NULL DEFAULT 0
);

-- Places in a machine's order from which its past can be folded again.
CREATE TABLE checkpoints (
    machine_id   integer NOT NULL REFERENCES machines,
    e_ms         bigint NOT NULL,
    source       text NOT NULL,
    boot         text NOT NULL,
    seq          bigint NOT NULL,
    state        bytea NOT NULL,
    PRIMARY KEY (machine_id, e_ms, source, boot, seq)
);

-- Good and scrap pieces of a machine by five minutes of effective time, for pace and shift figures.
CREATE TABLE piece_slots (
    machine_id   integer NOT NULL REFERENCES machines,
    slot_ms      bigint NOT NULL,
    good         numeric NOT NULL,
    scrap        numeric NOT NULL,
    PRIMARY KEY (machine_id, slot_ms)
);

CREATE TABLE dead_letters (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site          text NOT NULL,
    mqtt_topic    text,
    origin_topic  text NOT NULL,
    origin_partition integer NOT NULL,
    origin_offset bigint NOT NULL,
    received_ms   bigint NOT NULL,
    payload       bytea NOT NULL,
    size          bigint NOT NULL,
    code          text NOT NULL,
    reason        text NOT NULL,
    stored_at     timestamptz NOT NULL DEFAULT now(),
    replayed_at   timestamptz,
    replayed_by   text
);
CREATE INDEX dead_letters_site ON dead_letters (site, id);

-- Where every consumer's effects stand. A worker writes only under the epoch that it raised.
CREATE TABLE effect_offsets (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL DEFAULT -1,
    epoch           bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer_group, topic, partition)
);

-- The last arrival of a gateway that a partition holds: a bundle sent twice counts once.
CREATE TABLE gateway_positions (
    gateway     text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    arrival_id  bigint NOT NULL,
    PRIMARY KEY (gateway, topic, partition)
);

-- How many messages and objects were stored, per site.
CREATE TABLE ingest_totals (
    site        text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    arrivals    bigint NOT NULL DEFAULT 0,
    accepted    bigint NOT NULL DEFAULT 0,
    repeats     bigint NOT NULL DEFAULT 0,
    refused     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (site, topic, partition)
);

-- Access, audit ----------------------------------------------------------------------------------

CREATE TABLE users (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    display_name   text NOT NULL,
    password_hash  text NOT NULL,
    role           text NOT NULL,
    sites          text[] NOT NULL DEFAULT '{}',
    disabled_at    timestamptz
);

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,
    user_id      integer NOT NULL REFERENCES users,
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);

CREATE TABLE tracking_links (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE,
    order_id     bigint NOT NULL REFERENCES orders,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX tracking_links_order ON tracking_links (order_id);

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text NOT NULL,
    origin      text NOT NULL,
    site_id     integer REFERENCES sites,
    order_id    bigint REFERENCES orders,
    work_order_id bigint REFERENCES work_orders,
    action      text NOT NULL,
    reason      text,
    before      jsonb,
    after       jsonb
);
CREATE INDEX audit_log_order ON audit_log (order_id, id);

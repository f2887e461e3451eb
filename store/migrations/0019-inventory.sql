-- Stock and what is promised of it: lots, the ledger, reservations, purchases, counts.

-- Where goods lie. A move may name a place that nobody described: it is kept as such.
CREATE TABLE locations (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     integer NOT NULL REFERENCES sites,
    code        text NOT NULL,
    name        text,
    configured  boolean NOT NULL DEFAULT false,
    UNIQUE (site_id, code)
);

-- One row per item and site: the sums that decide on a reservation, and the lock under which stock,
-- reservations and supplies of the two change. Several heads are locked in order of (item, site).
CREATE TABLE stock_heads (
    item_id        integer NOT NULL REFERENCES items,
    site_id        integer NOT NULL REFERENCES sites,
    -- Of lots that are `available`.
    available      numeric NOT NULL DEFAULT 0 CHECK (available >= 0),
    -- Open reservations, what is consumed of them left out.
    hard_reserved  numeric NOT NULL DEFAULT 0 CHECK (hard_reserved >= 0),
    soft_reserved  numeric NOT NULL DEFAULT 0 CHECK (soft_reserved >= 0),
    -- Reserved hard and no longer there: goods were lost, blocked or taken by somebody else.
    uncovered      numeric NOT NULL DEFAULT 0 CHECK (uncovered >= 0),
    -- Taken although the books had none (`stock_shortfalls`).
    shortfall      numeric NOT NULL DEFAULT 0 CHECK (shortfall >= 0),
    -- Counts the changes: the committed order of everything that happened to this item here.
    version        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, site_id),
    -- No program, however wrong, reserves more than is there.
    CONSTRAINT stock_heads_no_oversell CHECK (hard_reserved <= available + uncovered)
);

CREATE TABLE stock_lots (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id      integer NOT NULL REFERENCES items,
    site_id      integer NOT NULL REFERENCES sites,
    location_id  integer NOT NULL REFERENCES locations,
    -- Empty: goods without a lot.
    lot          text NOT NULL DEFAULT '',
    status       text NOT NULL CHECK (status IN ('available', 'quality', 'blocked')),
    quantity     numeric NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    -- Of the oldest that lies there now: first in, first out.
    received_at  timestamptz NOT NULL DEFAULT now(),
    expires_on   date,
    UNIQUE (item_id, site_id, location_id, lot, status)
);
CREATE INDEX stock_lots_site ON stock_lots (site_id, item_id);
CREATE INDEX stock_lots_location ON stock_lots (location_id) WHERE quantity > 0;

-- What was ordered from suppliers.
CREATE TABLE purchases (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number         text NOT NULL UNIQUE,
    site_id        integer NOT NULL REFERENCES sites,
    supplier_id    integer REFERENCES suppliers,
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'received', 'cancelled')),
    version        bigint NOT NULL DEFAULT 1,
    digest         bytea,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL
);
CREATE SEQUENCE purchase_numbers;

CREATE TABLE purchase_lines (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purchase_id  bigint NOT NULL REFERENCES purchases,
    number       integer NOT NULL,
    item_id      integer NOT NULL REFERENCES items,
    site_id      integer NOT NULL REFERENCES sites,
    supplier_id  integer REFERENCES suppliers,
    quantity     numeric NOT NULL CHECK (quantity > 0),
    received     numeric NOT NULL DEFAULT 0 CHECK (received >= 0),
    due_at       timestamptz NOT NULL,
    -- Nothing more of it comes.
    closed       boolean NOT NULL DEFAULT false,
    UNIQUE (purchase_id, number)
);
CREATE INDEX purchase_lines_open ON purchase_lines (item_id, site_id, due_at) WHERE NOT closed;

-- Why stock moved: who, when, from where. `reference` makes a repeat of the same call no second one.
CREATE TABLE stock_postings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      integer NOT NULL REFERENCES sites,
    kind         text NOT NULL CHECK (kind IN ('receipt', 'issue', 'adjustment', 'transfer',
                     'count', 'status', 'production', 'consumption', 'pick', 'shipment', 'return',
                     'settlement')),
    reference    text,
    digest       bytea,
    reason       text,
    actor        text NOT NULL,
    origin       text NOT NULL,
    -- When it happened; `recorded_at` is when it was booked.
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (site_id, kind, reference)
);

-- Double entry: every row takes a quantity from one account and gives it to another, so that the
-- books cannot but balance. `stock` is a lot; the other accounts are the world outside of it.
CREATE TABLE stock_ledger (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    posting_id        bigint NOT NULL REFERENCES stock_postings,
    item_id           integer NOT NULL REFERENCES items,
    site_id           integer NOT NULL REFERENCES sites,
    quantity          numeric NOT NULL CHECK (quantity > 0),
    from_account      text NOT NULL,
    from_lot_id       bigint REFERENCES stock_lots,
    to_account        text NOT NULL,
    to_lot_id         bigint REFERENCES stock_lots,
    -- What the lots held afterwards.
    from_left         numeric CHECK (from_left >= 0),
    to_left           numeric CHECK (to_left >= 0),
    order_line_id     bigint REFERENCES order_lines,
    work_order_id     bigint REFERENCES work_orders,
    purchase_line_id  bigint REFERENCES purchase_lines,
    -- The head's version that this row belongs to.
    head_version      bigint NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (from_account IN ('stock', 'supplier', 'customer', 'production', 'use', 'difference',
        'shortfall', 'transit')),
    CHECK (to_account IN ('stock', 'supplier', 'customer', 'production', 'use', 'difference',
        'shortfall', 'transit')),
    CHECK ((from_account = 'stock') = (from_lot_id IS NOT NULL)),
    CHECK ((to_account = 'stock') = (to_lot_id IS NOT NULL)),
    CHECK (from_account <> to_account OR from_lot_id <> to_lot_id)
);
CREATE INDEX stock_ledger_item ON stock_ledger (item_id, site_id, id);
CREATE INDEX stock_ledger_site ON stock_ledger (site_id, id);
CREATE INDEX stock_ledger_posting ON stock_ledger (posting_id);
CREATE INDEX stock_ledger_from ON stock_ledger (from_lot_id, id) WHERE from_lot_id IS NOT NULL;
CREATE INDEX stock_ledger_to ON stock_ledger (to_lot_id, id) WHERE to_lot_id IS NOT NULL;
CREATE INDEX stock_ledger_work_order ON stock_ledger (work_order_id, item_id)
    WHERE work_order_id IS NOT NULL;
CREATE INDEX stock_ledger_order_line ON stock_ledger (order_line_id)
    WHERE order_line_id IS NOT NULL;

CREATE FUNCTION refuse_change_of_books() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION '% is append-only: book a correction instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$refuse$;
CREATE TRIGGER stock_ledger_append_only BEFORE UPDATE OR DELETE ON stock_ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_books();
CREATE TRIGGER stock_postings_append_only BEFORE UPDATE OR DELETE ON stock_postings
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_books();
CREATE TRIGGER stock_ledger_not_emptied BEFORE TRUNCATE ON stock_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_books();
CREATE TRIGGER stock_postings_not_emptied BEFORE TRUNCATE ON stock_postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_books();

-- Goods that left although the books had none: the floor and the warehouse are right, and somebody
-- has to find out where the books were wrong. What comes in later settles the oldest first.
CREATE TABLE stock_shortfalls (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id        integer NOT NULL REFERENCES items,
    site_id        integer NOT NULL REFERENCES sites,
    posting_id     bigint NOT NULL REFERENCES stock_postings,
    work_order_id  bigint REFERENCES work_orders,
    order_line_id  bigint REFERENCES order_lines,
    quantity       numeric NOT NULL CHECK (quantity > 0),
    open_quantity  numeric NOT NULL CHECK (open_quantity >= 0 AND open_quantity <= quantity),
    occurred_at    timestamptz NOT NULL,
    settled_at     timestamptz,
    CHECK ((open_quantity = 0) = (settled_at IS NOT NULL))
);
CREATE INDEX stock_shortfalls_open ON stock_shortfalls (item_id, site_id, id)
    WHERE open_quantity > 0;

-- Who was promised what. Hard: out of what lies there. Soft: out of what will be there by `need_at`.
CREATE TABLE reservations (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id        integer NOT NULL REFERENCES items,
    site_id        integer NOT NULL REFERENCES sites,
    quantity       numeric NOT NULL CHECK (quantity >= 0),
    consumed       numeric NOT NULL DEFAULT 0 CHECK (consumed >= 0 AND consumed <= quantity),
    kind           text NOT NULL CHECK (kind IN ('soft', 'hard')),
    state          text NOT NULL DEFAULT 'open'
                       CHECK (state IN ('open', 'consumed', 'released', 'expired')),
    -- Who asked: a person or program; the pieces made for a line; a work order's components;
    -- a promise that is held.
    origin         text NOT NULL DEFAULT 'request'
                       CHECK (origin IN ('request', 'production', 'work_order', 'promise')),
    need_at        timestamptz NOT NULL,
    expires_at     timestamptz,
    order_line_id  bigint REFERENCES order_lines,
    work_order_id  bigint REFERENCES work_orders,
    customer_id    integer REFERENCES customers,
    reference      text,
    digest         bytea,
    note           text,
    -- The head's version when it was accepted, and when it was given up or used up.
    head_version   bigint NOT NULL,
    closed_version bigint,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by     text NOT NULL,
    closed_at      timestamptz,
    UNIQUE (site_id, reference),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE INDEX reservations_open ON reservations (item_id, site_id, need_at) WHERE state = 'open';
CREATE INDEX reservations_line ON reservations (order_line_id) WHERE order_line_id IS NOT NULL;
CREATE INDEX reservations_work_order ON reservations (work_order_id)
    WHERE work_order_id IS NOT NULL;
CREATE INDEX reservations_expiry ON reservations (expires_at)
    WHERE state = 'open' AND expires_at IS NOT NULL;
-- The pieces a work order made for a line, and the components it needs: a row each, kept up to date.
CREATE UNIQUE INDEX reservations_production ON reservations (work_order_id, order_line_id)
    WHERE origin = 'production';
CREATE UNIQUE INDEX reservations_components ON reservations (work_order_id, item_id)
    WHERE origin = 'work_order';

-- What of a work order's counted pieces is in the books. A function of the rows of the floor: what
-- differs is booked, so late and corrected counts come to the same.
CREATE TABLE work_order_stock (
    work_order_id  bigint PRIMARY KEY REFERENCES work_orders,
    item_id        integer NOT NULL REFERENCES items,
    site_id        integer NOT NULL REFERENCES sites,
    -- Good pieces of the last operation that were received into stock.
    produced       numeric NOT NULL DEFAULT 0 CHECK (produced >= 0),
    -- Pieces, good and scrap, for which components were taken.
    pieces         numeric NOT NULL DEFAULT 0 CHECK (pieces >= 0)
);

-- The bill of materials as it was when the work order was first met.
CREATE TABLE work_order_components (
    work_order_id  bigint NOT NULL REFERENCES work_order_stock ON DELETE CASCADE,
    item_id        integer NOT NULL REFERENCES items,
    quantity_per   numeric NOT NULL CHECK (quantity_per >= 0),
    scrap_factor   numeric NOT NULL DEFAULT 0 CHECK (scrap_factor >= 0),
    -- By the bill, beyond what was issued to the work order by hand or scanner.
    consumed       numeric NOT NULL DEFAULT 0 CHECK (consumed >= 0),
    issued         numeric NOT NULL DEFAULT 0 CHECK (issued >= 0),
    PRIMARY KEY (work_order_id, item_id)
);

-- Every move that warehouse devices told, once, and what became of it.
CREATE TABLE stock_moves (
    publisher_id   bigint NOT NULL REFERENCES publishers,
    seq            bigint NOT NULL,
    site_id        integer NOT NULL REFERENCES sites,
    device_id      integer NOT NULL REFERENCES machines,
    t_ms           bigint NOT NULL,
    event          text NOT NULL CHECK (event IN ('received', 'issued', 'transferred', 'picked',
                       'packed', 'shipped', 'counted')),
    item           text NOT NULL,
    quantity       numeric NOT NULL CHECK (quantity >= 0),
    unit           text,
    lot            text,
    from_location  text,
    to_location    text,
    work_order     text,
    order_number   text,
    stored_at      timestamptz NOT NULL DEFAULT now(),
    -- Null: booked. Else why stock did not change, for now.
    unmatched      text CHECK (unmatched IN ('unknown_item', 'unit')),
    posting_id     bigint REFERENCES stock_postings,
    PRIMARY KEY (publisher_id, seq)
);
CREATE INDEX stock_moves_unmatched ON stock_moves (item) WHERE unmatched IS NOT NULL;

CREATE TABLE stock_counts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      integer NOT NULL REFERENCES sites,
    location_id  integer NOT NULL REFERENCES locations,
    reference    text,
    digest       bytea,
    -- `waiting`: a difference is to be approved; `applied`: the books say what was counted.
    state        text NOT NULL CHECK (state IN ('waiting', 'applied', 'rejected')),
    counted_at   timestamptz NOT NULL,
    counted_by   text NOT NULL,
    decided_at   timestamptz,
    decided_by   text,
    reason       text,
    posting_id   bigint REFERENCES stock_postings,
    UNIQUE (site_id, reference)
);
CREATE INDEX stock_counts_waiting ON stock_counts (site_id, id) WHERE state = 'waiting';

CREATE TABLE stock_count_lines (
    count_id   bigint NOT NULL REFERENCES stock_counts ON DELETE CASCADE,
    number     integer NOT NULL,
    item_id    integer NOT NULL REFERENCES items,
    lot        text NOT NULL DEFAULT '',
    status     text NOT NULL CHECK (status IN ('available', 'quality', 'blocked')),
    counted    numeric NOT NULL CHECK (counted >= 0),
    -- What the books said at the moment of counting.
    booked     numeric NOT NULL,
    PRIMARY KEY (count_id, number)
);

CREATE TABLE replenishment_proposals (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id        integer NOT NULL REFERENCES items,
    site_id        integer NOT NULL REFERENCES sites,
    kind           text NOT NULL CHECK (kind IN ('purchase', 'work_order')),
    supplier_id    integer REFERENCES suppliers,
    quantity       numeric NOT NULL CHECK (quantity > 0),
    -- When it has to be there, and by when it has to be ordered for that.
    need_at        timestamptz NOT NULL,
    order_by       timestamptz NOT NULL,
    reason         text NOT NULL,
    state          text NOT NULL DEFAULT 'open'
                       CHECK (state IN ('open', 'accepted', 'dismissed', 'superseded')),
    purchase_id    bigint REFERENCES purchases,
    work_order_id  bigint REFERENCES work_orders,
    created_at     timestamptz NOT NULL DEFAULT now(),
    decided_at     timestamptz,
    decided_by     text
);
CREATE UNIQUE INDEX replenishment_open ON replenishment_proposals (item_id, site_id)
    WHERE state = 'open';

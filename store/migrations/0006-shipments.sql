-- Goods on their way out: the warehouse's moves as they were told, and the shipments made of them.

-- Every accepted move of picked, packed or shipped that names an order or a work order; written by
-- the warehouse agent only. The identity is the sample's, so that a repeat has no effect.
CREATE TABLE goods_moves (
    publisher_id   bigint NOT NULL REFERENCES publishers,
    seq            bigint NOT NULL,
    site_id        integer NOT NULL REFERENCES sites,
    device_id      integer NOT NULL REFERENCES machines,
    t_ms           bigint NOT NULL,
    event          text NOT NULL CHECK (event IN ('picked', 'packed', 'shipped')),
    item           text NOT NULL,
    quantity       numeric NOT NULL CHECK (quantity >= 0),
    unit           text,
    lot            text,
    from_location  text,
    to_location    text,
    work_order     text,
    order_number   text,
    stored_at      timestamptz NOT NULL DEFAULT now(),
    -- Whose goods these are, by the names above and the orders' rows as they stand; looked at again
    -- whenever an order or a work order of these names comes or changes.
    order_id       bigint REFERENCES orders,
    -- Why it counts for nobody, for now; null: it counts.
    unmatched      text CHECK (unmatched IN ('unknown_order', 'no_order', 'several_orders',
                                             'unknown_item', 'unit')),
    PRIMARY KEY (publisher_id, seq),
    CHECK (order_number IS NOT NULL OR work_order IS NOT NULL),
    CHECK (order_id IS NOT NULL OR unmatched IS NOT NULL)
);
CREATE INDEX goods_moves_order ON goods_moves (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX goods_moves_order_number ON goods_moves (order_number) WHERE order_number IS NOT NULL;
CREATE INDEX goods_moves_work_order ON goods_moves (site_id, work_order)
    WHERE order_number IS NULL;
CREATE INDEX goods_moves_unmatched ON goods_moves (site_id, t_ms) WHERE unmatched IS NOT NULL;

-- A function of an order's moves (`domain.shipping`); written by the warehouse agent only.
CREATE TABLE shipments (
    order_id      bigint NOT NULL REFERENCES orders,
    number        integer NOT NULL CHECK (number > 0),
    state         text NOT NULL CHECK (state IN ('picking', 'packed', 'shipped', 'delivered')),
    picking_ms    bigint,
    packed_ms     bigint,
    shipped_ms    bigint,
    -- Told by the carrier, not by the warehouse.
    delivered_ms  bigint,
    device        text NOT NULL,
    version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (order_id, number)
);

CREATE TABLE shipment_lines (
    order_id       bigint NOT NULL,
    number         integer NOT NULL,
    order_line_id  bigint NOT NULL REFERENCES order_lines,
    picked         numeric NOT NULL,
    packed         numeric NOT NULL,
    shipped        numeric NOT NULL,
    PRIMARY KEY (order_id, number, order_line_id),
    FOREIGN KEY (order_id, number) REFERENCES shipments ON DELETE CASCADE
);
CREATE INDEX shipment_lines_line ON shipment_lines (order_line_id);

-- Pegs from any demand to any supply; what split and merge did, so that it can be undone.

-- A peg means a quantity of a supply for a demand: an order line or the need of a work order for
-- its components; a work order, a lot in stock or a line of a purchase.
ALTER TABLE pegs
    ALTER COLUMN order_line_id DROP NOT NULL,
    ALTER COLUMN work_order_id DROP NOT NULL,
    ADD COLUMN demand_work_order_id bigint REFERENCES work_orders,
    ADD COLUMN stock_lot_id bigint REFERENCES stock_lots,
    ADD COLUMN purchase_line_id bigint REFERENCES purchase_lines,
    -- Good pieces of the work order that are attributed to the demand (docs/protocol.md, PEG-1 to
    -- PEG-6); written by the roll-up only.
    ADD COLUMN made numeric NOT NULL DEFAULT 0 CHECK (made >= 0),
    ADD CONSTRAINT pegs_one_demand CHECK (num_nonnulls(order_line_id, demand_work_order_id) = 1),
    ADD CONSTRAINT pegs_one_supply
        CHECK (num_nonnulls(work_order_id, stock_lot_id, purchase_line_id) = 1),
    ADD CONSTRAINT pegs_not_itself CHECK (demand_work_order_id <> work_order_id);
-- Of the lines and work orders the table has its UNIQUE (order_line_id, work_order_id) already.
CREATE UNIQUE INDEX pegs_line_lot ON pegs (order_line_id, stock_lot_id)
    WHERE order_line_id IS NOT NULL AND stock_lot_id IS NOT NULL;
CREATE UNIQUE INDEX pegs_line_purchase ON pegs (order_line_id, purchase_line_id)
    WHERE order_line_id IS NOT NULL AND purchase_line_id IS NOT NULL;
CREATE UNIQUE INDEX pegs_work_work ON pegs (demand_work_order_id, work_order_id)
    WHERE demand_work_order_id IS NOT NULL AND work_order_id IS NOT NULL;
CREATE UNIQUE INDEX pegs_work_lot ON pegs (demand_work_order_id, stock_lot_id)
    WHERE demand_work_order_id IS NOT NULL AND stock_lot_id IS NOT NULL;
CREATE UNIQUE INDEX pegs_work_purchase ON pegs (demand_work_order_id, purchase_line_id)
    WHERE demand_work_order_id IS NOT NULL AND purchase_line_id IS NOT NULL;
CREATE INDEX pegs_stock_lot ON pegs (stock_lot_id) WHERE stock_lot_id IS NOT NULL;
CREATE INDEX pegs_purchase_line ON pegs (purchase_line_id) WHERE purchase_line_id IS NOT NULL;

ALTER TABLE work_orders
    -- What it is for: customers' orders, the repair of what was scrapped, or the stock.
    ADD COLUMN kind text NOT NULL DEFAULT 'make' CHECK (kind IN ('make', 'rework', 'stock')),
    -- What is asked of the floor when work that has begun is wanted no more: to stop it, or to
    -- finish it for the stock.
    ADD COLUMN closing text CHECK (closing IN ('stop', 'to_stock')),
    ADD COLUMN closing_at timestamptz,
    ADD COLUMN closing_reason text,
    -- What was taken off its quantity since it was planned.
    ADD COLUMN trimmed numeric NOT NULL DEFAULT 0 CHECK (trimmed >= 0),
    -- Good pieces that are attributed to nobody: they go to stock; written by the roll-up only.
    ADD COLUMN to_stock numeric NOT NULL DEFAULT 0 CHECK (to_stock >= 0),
    ADD COLUMN split_from bigint REFERENCES work_orders,
    ADD COLUMN merged_into bigint REFERENCES work_orders;
CREATE INDEX work_orders_item ON work_orders (site_id, item_id, id) WHERE cancelled_at IS NULL;

-- What splits, merges and moves of pegs did. `before` and `after` hold the work orders and pegs
-- concerned as they stood and stand; it is undone by putting `before` back.
CREATE TABLE rearrangements (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     integer NOT NULL REFERENCES sites,
    kind        text NOT NULL CHECK (kind IN ('split', 'merge', 'arrange', 'move')),
    made_at     timestamptz NOT NULL DEFAULT now(),
    made_by     text NOT NULL,
    reason      text,
    request     jsonb NOT NULL,
    before      jsonb NOT NULL,
    after       jsonb NOT NULL,
    undone_at   timestamptz,
    undone_by   text
);
CREATE INDEX rearrangements_site ON rearrangements (site_id, id);
CREATE TABLE rearrangement_works (
    rearrangement_id  bigint NOT NULL REFERENCES rearrangements ON DELETE CASCADE,
    work_order_id     bigint NOT NULL REFERENCES work_orders,
    -- The version that it left the work order at: a later one forbids to undo it.
    version           bigint NOT NULL,
    PRIMARY KEY (rearrangement_id, work_order_id)
);
CREATE INDEX rearrangement_works_work ON rearrangement_works (work_order_id);

-- `domain.pegging.policy.Policy` of a site; a site without a row has the default.
CREATE TABLE work_order_policies (
    site_id     integer PRIMARY KEY REFERENCES sites,
    policy      jsonb NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL
);

-- What is past its date, what is held for whom, what machines used, and what work orders lack.

-- Goods whose last day is over lie there still, and are promised to nobody.
ALTER TABLE stock_lots
    DROP CONSTRAINT stock_lots_status_check,
    ADD CONSTRAINT stock_lots_status_check
        CHECK (status IN ('available', 'quality', 'blocked', 'expired'));
ALTER TABLE stock_count_lines
    DROP CONSTRAINT stock_count_lines_status_check,
    ADD CONSTRAINT stock_count_lines_status_check
        CHECK (status IN ('available', 'quality', 'blocked', 'expired'));
ALTER TABLE stock_heads
    -- When the first of the available lots expires: its last day is over in the site's zone. Whoever
    -- locks a head later than that takes it out of what is available first.
    ADD COLUMN expires_at timestamptz;

CREATE FUNCTION first_expiry(of_item integer, at_site integer) RETURNS timestamptz
LANGUAGE sql STABLE AS $first$
    SELECT (min(l.expires_on) + 1)::timestamp AT TIME ZONE
           (SELECT s.time_zone FROM sites s WHERE s.id = at_site)
    FROM stock_lots l
    WHERE l.item_id = of_item AND l.site_id = at_site AND l.status = 'available' AND l.quantity > 0
$first$;
CREATE FUNCTION expired_stock(of_item integer, at_site integer, moment timestamptz)
RETURNS numeric LANGUAGE sql STABLE AS $past$
    SELECT coalesce(sum(l.quantity), 0) FROM stock_lots l JOIN sites s ON s.id = l.site_id
    WHERE l.item_id = of_item AND l.site_id = at_site AND l.status = 'available'
      AND l.expires_on < (moment AT TIME ZONE s.time_zone)::date
$past$;
UPDATE stock_heads SET expires_at = first_expiry(item_id, site_id);
CREATE INDEX stock_heads_expiry ON stock_heads (expires_at) WHERE expires_at IS NOT NULL;

CREATE FUNCTION move_expiries() RETURNS trigger LANGUAGE plpgsql AS $move$
BEGIN
    UPDATE stock_heads SET expires_at = first_expiry(item_id, site_id) WHERE site_id = NEW.id;
    RETURN NULL;
END
$move$;
CREATE TRIGGER sites_move_expiries AFTER UPDATE OF time_zone ON sites
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone)
    EXECUTE FUNCTION move_expiries();

-- A peg on a lot is held by a hard reservation: one per line, item and site.
ALTER TABLE reservations
    DROP CONSTRAINT reservations_origin_check,
    ADD CONSTRAINT reservations_origin_check
        CHECK (origin IN ('request', 'production', 'work_order', 'promise', 'peg'));
CREATE UNIQUE INDEX reservations_pegs ON reservations (order_line_id, item_id, site_id)
    WHERE origin = 'peg';

-- What machines told that they used for a work order (`material`). Where they tell it, the bill's
-- quantity is not taken any more: what was measured prevails over what was reckoned.
ALTER TABLE work_order_components
    ADD COLUMN measured numeric CHECK (measured >= 0);
ALTER TABLE stock_moves
    DROP CONSTRAINT stock_moves_event_check,
    ADD CONSTRAINT stock_moves_event_check
        CHECK (event IN ('received', 'issued', 'transferred', 'picked', 'packed', 'shipped',
                         'counted', 'consumed'));

ALTER TABLE work_orders
    DROP CONSTRAINT work_orders_kind_check,
    ADD CONSTRAINT work_orders_kind_check
        CHECK (kind IN ('make', 'rework', 'replacement', 'stock')),
    -- Who at the machine has seen what is asked of the floor (`closing`).
    ADD COLUMN closing_seen_at timestamptz,
    ADD COLUMN closing_seen_by text,
    -- Of a replacement or a rework: whose lost pieces it makes up for.
    ADD COLUMN makes_up_for bigint REFERENCES work_orders;
CREATE INDEX work_orders_makes_up_for ON work_orders (makes_up_for)
    WHERE makes_up_for IS NOT NULL;

-- Work orders that cannot make any more what is pegged to them: so many pieces are lost. Open until
-- something makes up for them, the loss is corrected, or somebody says that it is to stay.
CREATE TABLE work_order_shortages (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    work_order_id  bigint NOT NULL REFERENCES work_orders,
    quantity       numeric NOT NULL CHECK (quantity > 0),
    state          text NOT NULL DEFAULT 'open'
                       CHECK (state IN ('open', 'made_up', 'gone', 'dismissed')),
    opened_at      timestamptz NOT NULL,
    made_up_by     bigint REFERENCES work_orders,
    decided_at     timestamptz,
    decided_by     text,
    reason         text,
    CHECK ((state = 'open') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX work_order_shortages_open ON work_order_shortages (work_order_id)
    WHERE state = 'open';
CREATE INDEX work_order_shortages_work ON work_order_shortages (work_order_id, id);

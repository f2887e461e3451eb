-- Review before release: findings, policies, what a hold and a rejection leave behind; lists of
-- orders that stay fast with many orders; saved views of such lists.

-- What is kept of an order's lines ---------------------------------------------------------------

ALTER TABLE order_lines
    -- Where a line that is on hold goes on, and why it was held; null: it is not on hold.
    ADD COLUMN held_from text CHECK (held_from IN ('received', 'under_review', 'confirmed',
                     'released', 'in_production')),
    ADD COLUMN hold_reason text,
    -- Why the order desk refused the line; it is cancelled then. Null: it was not refused.
    ADD COLUMN rejected_reason text;

ALTER TABLE orders
    -- The rest of this part is a function of the order's lines, written by the triggers below only.
    -- `domain.orders.order_state`; null as long as the order has no line.
    ADD COLUMN state text,
    -- The next due date of what is open; null: nothing that is open has one.
    ADD COLUMN next_due_at timestamptz,
    -- As screens show it: `next_due_at`, or the last due date there was once nothing open has one.
    ADD COLUMN due_at timestamptz,
    -- Of items and quantities that are not cancelled, whatever their order: the same order twice.
    ADD COLUMN lines_digest uuid,
    -- When people or a policy confirmed it first; written by whoever confirms.
    ADD COLUMN confirmed_at timestamptz,
    -- What a search looks into, in lower case.
    ADD COLUMN search_text text GENERATED ALWAYS AS (
        lower(number || E'\n' || coalesce(customer_reference, '') || E'\n'
              || coalesce(external_id, ''))) STORED;

-- Bring these columns of some orders up to date. Whoever changes lines holds the orders' locks
-- already (order first, then its lines), so that nothing is waited for here.
CREATE FUNCTION sum_up_orders(ids bigint[]) RETURNS void LANGUAGE sql AS $body$
    UPDATE orders o
    SET state = s.state, next_due_at = s.next_due_at, due_at = coalesce(s.next_due_at, s.last_due_at),
        lines_digest = s.lines_digest
    FROM (
        SELECT l.order_id,
               -- A test holds this and `domain.orders.order_state` together.
               CASE
                   WHEN NOT bool_or(l.state <> 'cancelled') THEN 'cancelled'
                   WHEN bool_and(l.state IN ('produced', 'cancelled')) THEN 'produced'
                   WHEN bool_or(l.state IN ('in_production', 'produced')) THEN 'in_production'
                   WHEN bool_or(l.state = 'on_hold') THEN 'on_hold'
                   WHEN bool_or(l.state = 'received') THEN 'received'
                   WHEN bool_or(l.state = 'under_review') THEN 'under_review'
                   WHEN bool_or(l.state = 'confirmed') THEN 'confirmed'
                   ELSE 'released' END AS state,
               min(l.due_at) FILTER (WHERE l.state NOT IN ('produced', 'cancelled')) AS next_due_at,
               coalesce(max(l.due_at) FILTER (WHERE l.state <> 'cancelled'),
                        CASE WHEN bool_and(l.state = 'cancelled') THEN max(l.due_at) END
               ) AS last_due_at,
               md5(string_agg(l.item_id::text || ':' || trim_scale(l.quantity)::text, ','
                              ORDER BY l.item_id, l.quantity)
                   FILTER (WHERE l.state <> 'cancelled'))::uuid AS lines_digest
        FROM order_lines l WHERE l.order_id = ANY(ids) GROUP BY l.order_id) s
    WHERE o.id = s.order_id
      AND (o.state, o.next_due_at, o.due_at, o.lines_digest) IS DISTINCT FROM
          (s.state, s.next_due_at, coalesce(s.next_due_at, s.last_due_at), s.lines_digest)
$body$;

CREATE FUNCTION order_lines_came() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM sum_up_orders(ARRAY(SELECT DISTINCT order_id FROM new_lines));
    RETURN NULL;
END
$body$;

-- Counted pieces change lines all the time, and change nothing here.
CREATE FUNCTION order_lines_changed() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    ids bigint[];
BEGIN
    ids := ARRAY(
        SELECT DISTINCT n.order_id FROM new_lines n JOIN old_lines o USING (id)
        WHERE (n.state, n.due_at, n.item_id, n.quantity) IS DISTINCT FROM
              (o.state, o.due_at, o.item_id, o.quantity));
    IF cardinality(ids) > 0 THEN
        PERFORM sum_up_orders(ids);
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION order_lines_went() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM sum_up_orders(ARRAY(SELECT DISTINCT order_id FROM old_lines));
    RETURN NULL;
END
$body$;

CREATE TRIGGER order_lines_came AFTER INSERT ON order_lines
    REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT EXECUTE FUNCTION order_lines_came();
CREATE TRIGGER order_lines_changed AFTER UPDATE ON order_lines
    REFERENCING OLD TABLE AS old_lines NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION order_lines_changed();
CREATE TRIGGER order_lines_went AFTER DELETE ON order_lines
    REFERENCING OLD TABLE AS old_lines FOR EACH STATEMENT EXECUTE FUNCTION order_lines_went();

DO $fill$
BEGIN
    PERFORM sum_up_orders(ARRAY(SELECT id FROM orders));
END
$fill$;
UPDATE orders o SET confirmed_at = a.at
FROM (SELECT order_id, min(at) AS at FROM audit_log
      WHERE action IN ('OrderConfirmed', 'OrderReleased') GROUP BY order_id) a
WHERE a.order_id = o.id;

CREATE INDEX orders_state ON orders (state, id);
CREATE INDEX orders_open ON orders (id) WHERE state NOT IN ('produced', 'cancelled');
CREATE INDEX orders_next_due ON orders (next_due_at, id DESC);
CREATE INDEX orders_due ON orders (due_at);
CREATE INDEX orders_received ON orders (received_at);
CREATE INDEX orders_same_lines ON orders (customer_id, lines_digest, id);
CREATE INDEX orders_same_reference ON orders (customer_id, customer_reference, id)
    WHERE customer_reference IS NOT NULL;

-- Findings and policies --------------------------------------------------------------------------

-- Why an order waits for people. One row per cause (`key`), opened again when the cause comes back.
CREATE TABLE review_findings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id     bigint NOT NULL REFERENCES orders,
    -- Null: it concerns the order as a whole.
    line_number  integer,
    code         text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('error', 'warning')),
    -- Names the cause within the order, together with the values as they were told: another price
    -- is another cause, a median that moved is not.
    key          text NOT NULL,
    -- The values compared; `domain.review` says which by code.
    detail       jsonb NOT NULL,
    found_at     timestamptz NOT NULL DEFAULT now(),
    settled_at   timestamptz,
    settled_by   text,
    -- `gone`: it is not found any more; `by_hand`: somebody settled it; `overruled`: the order was
    -- confirmed in spite of it; `confirmed`: it was confirmed, and the warning with it.
    settled_how  text CHECK (settled_how IN ('gone', 'by_hand', 'overruled', 'confirmed')),
    settled_reason text,
    UNIQUE (order_id, key),
    CHECK ((settled_at IS NULL) = (settled_how IS NULL))
);
CREATE INDEX review_findings_open ON review_findings (code, order_id) WHERE settled_at IS NULL;

-- Thresholds and who passes by himself: fields of `domain.review.Policy` that differ from what is
-- more general. A customer's row goes before a channel's, a channel's before a site's; a row
-- without any of them holds for all.
CREATE TABLE review_policies (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id      integer REFERENCES sites,
    channel_id   integer REFERENCES channels ON DELETE CASCADE,
    customer_id  integer REFERENCES customers,
    policy       jsonb NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (site_id, channel_id, customer_id),
    CHECK (num_nonnulls(site_id, channel_id, customer_id) <= 1)
);

-- Saved views ------------------------------------------------------------------------------------

-- A list's filters, sort and columns under a name, for one person or, shared, for all.
CREATE TABLE saved_views (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list        text NOT NULL DEFAULT 'orders',
    owner       text NOT NULL,
    name        text NOT NULL,
    shared      boolean NOT NULL DEFAULT false,
    query       jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (list, owner, name)
);

-- Who may see and do what: customers' accounts, limits to lines, OpenID Connect, API keys, a scope for
-- tracking links, an audit log that nobody rewrites, and row-level security for customers.

-- The role under which a customer's requests read ------------------------------------------------

-- It owns nothing and cannot sign in: the API takes it on within a transaction (SET LOCAL ROLE), says
-- whose request it is (`gemba.customer_id`), and the policies below let it see that customer's rows.
-- Roles belong to the whole cluster, so another database may have made it, or be making it just now.
DO $role$
DECLARE
    advice text := format(
        'as a superuser run: CREATE ROLE gemba_customer NOLOGIN; GRANT gemba_customer TO %I;'
        ' then migrate again', current_user);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gemba_customer') THEN
        BEGIN
            CREATE ROLE gemba_customer NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING MESSAGE =
                    format('the role gemba_customer is missing, and %I may not make roles; ',
                           current_user) || advice;
        END;
    END IF;
    BEGIN
        SET LOCAL ROLE gemba_customer;
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege THEN
        BEGIN
            EXECUTE format('GRANT gemba_customer TO %I', current_user);
        EXCEPTION
            WHEN unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING MESSAGE =
                    format('%I may not take on the role gemba_customer; ', current_user) || advice;
        END;
    END;
END
$role$;

-- People -----------------------------------------------------------------------------------------

ALTER TABLE users
    -- Who signs in with the company's provider only has no password.
    ALTER COLUMN password_hash DROP NOT NULL,
    -- Whose orders they see; customers' people have it, nobody else does.
    ADD COLUMN customer_id integer REFERENCES customers,
    -- ISA-95 lines that they are limited to, `site/area/line`; empty: every line of their sites.
    ADD COLUMN lines text[] NOT NULL DEFAULT '{}',
    -- Who they are at the OpenID provider.
    ADD COLUMN issuer text,
    ADD COLUMN subject text,
    ADD COLUMN email text,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN last_sign_in_at timestamptz,
    -- Set: the password is good for one sign-in until then, at which another one has to be chosen.
    ADD COLUMN password_once_until timestamptz,
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD CONSTRAINT users_customer CHECK ((role = 'customer') = (customer_id IS NOT NULL)),
    ADD CONSTRAINT users_subject CHECK ((issuer IS NULL) = (subject IS NULL)),
    ADD CONSTRAINT users_identity UNIQUE (issuer, subject);
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX users_customer_id ON users (customer_id) WHERE customer_id IS NOT NULL;

ALTER TABLE sessions
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN method text NOT NULL DEFAULT 'password' CHECK (method IN ('password', 'oidc')),
    ADD COLUMN address text,
    ADD COLUMN agent text,
    ADD CONSTRAINT sessions_id UNIQUE (id);
CREATE INDEX sessions_user ON sessions (user_id);

-- Programs' keys: `gk_` and 256 random bits, of which only a hash and the beginning are kept.
CREATE TABLE api_keys (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    prefix        text NOT NULL,
    key_hash      bytea NOT NULL UNIQUE,
    role          text NOT NULL,
    sites         text[] NOT NULL DEFAULT '{}',
    lines         text[] NOT NULL DEFAULT '{}',
    customer_id   integer REFERENCES customers,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz,
    CONSTRAINT api_keys_customer CHECK ((role = 'customer') = (customer_id IS NOT NULL))
);
-- A key's name stands in the audit log: no two that open anything share one.
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

-- Tracking links ---------------------------------------------------------------------------------

-- What a link shows: the whole order, or one line, or one shipment of it, by their numbers.
ALTER TABLE tracking_links
    ADD COLUMN line_number integer,
    ADD COLUMN shipment_number integer,
    ADD CONSTRAINT tracking_links_scope CHECK (line_number IS NULL OR shipment_number IS NULL);

-- The audit log ----------------------------------------------------------------------------------

-- What was changed: `order` SO-1, `user` anna, `machine` plant-1/cutting/line1/m01.
ALTER TABLE audit_log
    ADD COLUMN object_kind text,
    ADD COLUMN object_key text;
UPDATE audit_log a SET object_kind = 'order', object_key = o.number
FROM orders o WHERE o.id = a.order_id;
UPDATE audit_log a SET object_kind = 'work_order', object_key = w.number
FROM work_orders w WHERE w.id = a.work_order_id AND a.object_kind IS NULL;
CREATE INDEX audit_log_object ON audit_log (object_kind, object_key, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_at ON audit_log (at);

-- Entries are written and never changed: by no statement, and the services' role has no right to.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE insufficient_privilege USING MESSAGE =
        format('%s is append-only: %s is refused', TG_TABLE_NAME, lower(TG_OP));
END
$refuse$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
DO $grants$
BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, %I', current_user);
    -- Deleting what entries refer to (a work order that only the floor named) looks for them with a
    -- row lock, which needs the right to update some column; nobody can update this one.
    EXECUTE format('GRANT UPDATE (id) ON audit_log TO %I', current_user);
END
$grants$;

-- Row-level security -----------------------------------------------------------------------------

-- Default deny: the role sees the columns granted here, in the rows that a policy names, and nothing
-- else of the database. Owners are not subject to it. Any other role sees no row of these tables.
CREATE FUNCTION own_customer_id() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('gemba.customer_id', true), '')::integer;

GRANT USAGE ON SCHEMA public TO gemba_customer;

ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_parties ENABLE ROW LEVEL SECURITY;
ALTER TABLE shipments ENABLE ROW LEVEL SECURITY;
ALTER TABLE shipment_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE tracking_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE sites ENABLE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_orders ON orders FOR SELECT TO gemba_customer
    USING (customer_id = (SELECT own_customer_id()));
CREATE POLICY own_lines ON order_lines FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_parties ON order_parties FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_shipments ON shipments FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_shipment_lines ON shipment_lines FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_links ON tracking_links FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_entries ON audit_log FOR SELECT TO gemba_customer
    USING (action IN ('OrderReceived', 'OrderConfirmed', 'OrderReleased', 'OrderChanged',
                      'OrderCancelled', 'LineStateChanged', 'ShipmentPacked', 'ShipmentShipped',
                      'ShipmentCorrected', 'ExpectedDateMoved')
           AND EXISTS (SELECT FROM orders o WHERE o.id = order_id));
CREATE POLICY own_self ON customers FOR SELECT TO gemba_customer
    USING (id = (SELECT own_customer_id()));
-- What they ordered, and where it is made: not the catalogue, not the other plants.
CREATE POLICY own_items ON items FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM order_lines l WHERE l.item_id = items.id));
CREATE POLICY own_sites ON sites FOR SELECT TO gemba_customer
    USING (EXISTS (SELECT FROM orders o WHERE o.site_id = sites.id)
           OR EXISTS (SELECT FROM order_lines l WHERE l.site_id = sites.id));

GRANT SELECT (id, site_id, customer_id, number, customer_reference, version, priority, received_at,
              changed_at) ON orders TO gemba_customer;
GRANT SELECT (id, order_id, number, item_id, site_id, description, quantity, unit, due_at,
              promised_at, state, good_quantity, scrap_pieces, started_at, produced_at)
    ON order_lines TO gemba_customer;
GRANT SELECT ON order_parties TO gemba_customer;
GRANT SELECT (order_id, number, state, picking_ms, packed_ms, shipped_ms, delivered_ms, version)
    ON shipments TO gemba_customer;
GRANT SELECT ON shipment_lines TO gemba_customer;
GRANT SELECT (id, order_id, created_at, expires_at, revoked_at, line_number, shipment_number)
    ON tracking_links TO gemba_customer;
GRANT SELECT (id, at, order_id, action, before, after) ON audit_log TO gemba_customer;
GRANT SELECT (id, code, name) ON customers TO gemba_customer;
GRANT SELECT (id, code, name, unit) ON items TO gemba_customer;
GRANT SELECT (id, code, time_zone) ON sites TO gemba_customer;

-- Master data: who supplies and buys, what is made of what and how, what it costs and how long it
-- takes. What somebody might still refer to is retired, never deleted; it may come back.

-- Places -----------------------------------------------------------------------------------------

ALTER TABLE sites ADD COLUMN retired_at timestamptz;
ALTER TABLE machines ADD COLUMN retired_at timestamptz;

-- What areas and lines are called, and their order on screens. Machines keep their path's levels;
-- a level without a row here goes by its code.
CREATE TABLE areas (
    site_id   integer NOT NULL REFERENCES sites,
    code      text NOT NULL,
    name      text NOT NULL,
    position  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (site_id, code)
);

CREATE TABLE lines (
    site_id   integer NOT NULL REFERENCES sites,
    area      text NOT NULL,
    code      text NOT NULL,
    name      text NOT NULL,
    position  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (site_id, area, code)
);

-- What a machine can do. A routing's step that names a capability can be done by every machine of
-- the site that has it.
CREATE TABLE machine_capabilities (
    machine_id  integer NOT NULL REFERENCES machines ON DELETE CASCADE,
    capability  text NOT NULL,
    PRIMARY KEY (machine_id, capability)
);
CREATE INDEX machine_capabilities_capability ON machine_capabilities (capability, machine_id);

CREATE TABLE transport_times (
    from_site_id  integer NOT NULL REFERENCES sites,
    to_site_id    integer NOT NULL REFERENCES sites,
    hours         numeric NOT NULL CHECK (hours >= 0),
    PRIMARY KEY (from_site_id, to_site_id),
    CHECK (from_site_id <> to_site_id)
);

-- How long goods take from a site to customers of a country; the longest fitting prefix of the
-- postal code counts, an empty one fits all.
CREATE TABLE shipping_zones (
    site_id        integer NOT NULL REFERENCES sites,
    country        text NOT NULL,
    postal_prefix  text NOT NULL DEFAULT '',
    zone           text NOT NULL,
    days           numeric NOT NULL CHECK (days >= 0),
    PRIMARY KEY (site_id, country, postal_prefix)
);

-- Partners ---------------------------------------------------------------------------------------

ALTER TABLE customers
    ADD COLUMN street text,
    ADD COLUMN city text,
    ADD COLUMN region text,
    ADD COLUMN postal_code text,
    ADD COLUMN country text,
    ADD COLUMN email text,
    ADD COLUMN phone text,
    ADD COLUMN currency text,
    -- Who handles their orders, unless an order says otherwise.
    ADD COLUMN default_site_id integer REFERENCES sites,
    -- By how much a delivery may exceed or fall short of what was ordered, in percent.
    ADD COLUMN over_percent numeric NOT NULL DEFAULT 0 CHECK (over_percent >= 0),
    ADD COLUMN under_percent numeric NOT NULL DEFAULT 0 CHECK (under_percent BETWEEN 0 AND 100),
    ADD COLUMN retired_at timestamptz;

CREATE TABLE suppliers (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code         text NOT NULL UNIQUE,
    name         text NOT NULL,
    street       text,
    city         text,
    region       text,
    postal_code  text,
    country      text,
    email        text,
    phone        text,
    currency     text,
    -- From order to receipt, where an item says nothing else.
    lead_days    numeric NOT NULL DEFAULT 0 CHECK (lead_days >= 0),
    retired_at   timestamptz
);

-- Items ------------------------------------------------------------------------------------------

ALTER TABLE items
    ADD COLUMN kind text NOT NULL DEFAULT 'made' CHECK (kind IN ('made', 'bought', 'both')),
    -- What splitting, prices and lead times group by; `setup_family` is the machines'.
    ADD COLUMN family text,
    ADD COLUMN description text,
    ADD COLUMN weight_kg numeric CHECK (weight_kg >= 0),
    -- Quantities are rounded up to multiples of it; null: any.
    ADD COLUMN lot_size numeric CHECK (lot_size > 0),
    ADD COLUMN batch_min numeric CHECK (batch_min > 0),
    ADD COLUMN batch_max numeric CHECK (batch_max > 0),
    ADD COLUMN retired_at timestamptz,
    ADD CONSTRAINT items_batch CHECK (batch_min <= batch_max);
CREATE INDEX items_family ON items (family) WHERE family IS NOT NULL;

-- How an item is had at a site, and what is kept of it there. Without a row: as its kind says.
CREATE TABLE item_sites (
    item_id             integer NOT NULL REFERENCES items ON DELETE CASCADE,
    site_id             integer NOT NULL REFERENCES sites,
    source              text NOT NULL CHECK (source IN ('make', 'buy')),
    min_stock           numeric CHECK (min_stock >= 0),
    max_stock           numeric CHECK (max_stock >= 0),
    reorder_point       numeric CHECK (reorder_point >= 0),
    order_multiple      numeric CHECK (order_multiple > 0),
    supplier_id         integer REFERENCES suppliers,
    -- From order to receipt; null: the supplier's.
    supplier_lead_days  numeric CHECK (supplier_lead_days >= 0),
    safety_days         numeric NOT NULL DEFAULT 0 CHECK (safety_days >= 0),
    PRIMARY KEY (item_id, site_id),
    CHECK (min_stock <= max_stock)
);
CREATE INDEX item_sites_site ON item_sites (site_id);
CREATE INDEX item_sites_supplier ON item_sites (supplier_id) WHERE supplier_id IS NOT NULL;

-- Versions ---------------------------------------------------------------------------------------
-- Of a bill or routing at most one version is effective on a day, in the zone of the site (both
-- days included; null: without end). One that was retired was effective until then. Ranges of one
-- value stand for equality: that needs no extension.

CREATE TABLE bills (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id     integer NOT NULL REFERENCES items ON DELETE CASCADE,
    -- Null: wherever there is none of the site's own.
    site_id     integer REFERENCES sites,
    version     text NOT NULL,
    valid_from  date,
    valid_to    date,
    retired_at  timestamptz,
    UNIQUE NULLS NOT DISTINCT (item_id, site_id, version),
    CHECK (valid_from <= valid_to),
    CONSTRAINT bills_one_effective EXCLUDE USING gist (
        int4range(item_id, item_id, '[]') WITH &&,
        int4range(coalesce(site_id, 0), coalesce(site_id, 0), '[]') WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (retired_at IS NULL) DEFERRABLE INITIALLY IMMEDIATE
);

CREATE TABLE bill_lines (
    bill_id            bigint NOT NULL REFERENCES bills ON DELETE CASCADE,
    number             integer NOT NULL,
    component_item_id  integer NOT NULL REFERENCES items,
    -- Of the component's unit, for one of the item's.
    quantity_per       numeric NOT NULL CHECK (quantity_per > 0),
    -- The share that is lost: 0.02 takes 2 % more.
    scrap_factor       numeric NOT NULL DEFAULT 0 CHECK (scrap_factor >= 0),
    PRIMARY KEY (bill_id, number),
    UNIQUE (bill_id, component_item_id)
);
CREATE INDEX bill_lines_component ON bill_lines (component_item_id);

CREATE TABLE routings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id     integer NOT NULL REFERENCES items ON DELETE CASCADE,
    site_id     integer NOT NULL REFERENCES sites,
    version     text NOT NULL,
    valid_from  date,
    valid_to    date,
    retired_at  timestamptz,
    UNIQUE (item_id, site_id, version),
    CHECK (valid_from <= valid_to),
    CONSTRAINT routings_one_effective EXCLUDE USING gist (
        int4range(item_id, item_id, '[]') WITH &&,
        int4range(site_id, site_id, '[]') WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (retired_at IS NULL) DEFERRABLE INITIALLY IMMEDIATE
);

CREATE TABLE routing_version_steps (
    routing_id  bigint NOT NULL REFERENCES routings ON DELETE CASCADE,
    number      bigint NOT NULL,
    name        text NOT NULL,
    -- The preferred machine; or a capability: any machine of the site that has it.
    machine_id  integer REFERENCES machines,
    capability  text,
    cycle_ms    bigint NOT NULL CHECK (cycle_ms > 0),
    setup_ms    bigint NOT NULL DEFAULT 0 CHECK (setup_ms >= 0),
    PRIMARY KEY (routing_id, number),
    CHECK ((machine_id IS NULL) <> (capability IS NULL))
);
CREATE INDEX routing_version_steps_machine ON routing_version_steps (machine_id);

CREATE TABLE routing_version_alternatives (
    routing_id  bigint NOT NULL,
    number      bigint NOT NULL,
    machine_id  integer NOT NULL REFERENCES machines,
    cycle_ms    bigint NOT NULL CHECK (cycle_ms > 0),
    setup_ms    bigint NOT NULL DEFAULT 0 CHECK (setup_ms >= 0),
    PRIMARY KEY (routing_id, number, machine_id),
    FOREIGN KEY (routing_id, number) REFERENCES routing_version_steps ON DELETE CASCADE
);

-- What there was becomes the first version.
INSERT INTO routings (item_id, site_id, version)
SELECT DISTINCT item_id, site_id, '1' FROM routing_steps;
INSERT INTO routing_version_steps (routing_id, number, name, machine_id, cycle_ms, setup_ms)
SELECT r.id, s.number, s.name, s.machine_id, s.cycle_ms, s.setup_ms
FROM routing_steps s JOIN routings r ON (r.item_id, r.site_id) = (s.item_id, s.site_id);
INSERT INTO routing_version_alternatives (routing_id, number, machine_id, cycle_ms, setup_ms)
SELECT r.id, a.number, a.machine_id, a.cycle_ms, a.setup_ms
FROM routing_alternatives a JOIN routings r ON (r.item_id, r.site_id) = (a.item_id, a.site_id);
DROP TABLE routing_alternatives, routing_steps;

-- The versions that are effective at a moment, with machines for capabilities: the machine that
-- stands first on the floor is preferred, the others may do it in the same time. A routing with a
-- step that no machine can do is none. Of these items only; null: of all.
CREATE FUNCTION routing_ways(moment timestamptz, wanted integer[]) RETURNS TABLE (
    routing_id bigint, item_id integer, site_id integer, number bigint, name text,
    machine_id integer, cycle_ms bigint, setup_ms bigint, preference bigint
) LANGUAGE sql STABLE AS $$
    WITH effective AS (
        SELECT r.id, r.item_id, r.site_id FROM routings r JOIN sites s ON s.id = r.site_id
        WHERE (wanted IS NULL OR r.item_id = ANY (wanted))
            AND (r.retired_at IS NULL OR moment < r.retired_at)
            AND daterange(r.valid_from, r.valid_to, '[]') @> (moment AT TIME ZONE s.time_zone)::date
            AND NOT EXISTS (
                SELECT FROM routing_version_steps t
                WHERE t.routing_id = r.id AND t.capability IS NOT NULL AND NOT EXISTS (
                    SELECT FROM machine_capabilities c JOIN machines m ON m.id = c.machine_id
                    WHERE c.capability = t.capability AND m.site_id = r.site_id
                        AND m.retired_at IS NULL))
    )
    SELECT e.id, e.item_id, e.site_id, t.number, t.name, t.machine_id, t.cycle_ms, t.setup_ms, 1
    FROM effective e JOIN routing_version_steps t ON t.routing_id = e.id
    WHERE t.machine_id IS NOT NULL
    UNION ALL
    SELECT e.id, e.item_id, e.site_id, t.number, t.name, m.id, t.cycle_ms, t.setup_ms,
           row_number() OVER (PARTITION BY e.id, t.number ORDER BY m.position, m.path)
    FROM effective e
    JOIN routing_version_steps t ON t.routing_id = e.id
    JOIN machine_capabilities c ON c.capability = t.capability
    JOIN machines m ON m.id = c.machine_id AND m.site_id = e.site_id AND m.retired_at IS NULL
    UNION ALL
    SELECT e.id, e.item_id, e.site_id, a.number, t.name, a.machine_id, a.cycle_ms, a.setup_ms, 2
    FROM effective e
    JOIN routing_version_steps t ON t.routing_id = e.id
    JOIN routing_version_alternatives a ON (a.routing_id, a.number) = (t.routing_id, t.number)
    JOIN machines m ON m.id = a.machine_id AND m.retired_at IS NULL
$$;

-- What is effective now, under the names and columns of old.
CREATE VIEW routing_steps AS
SELECT item_id, site_id, number, name, machine_id, cycle_ms, setup_ms
FROM routing_ways(now(), NULL) WHERE preference = 1;
CREATE VIEW routing_alternatives AS
SELECT item_id, site_id, number, machine_id, cycle_ms, setup_ms
FROM routing_ways(now(), NULL) WHERE preference > 1;

-- Rules ------------------------------------------------------------------------------------------

-- What something costs from a quantity on. An item's own rule counts before its family's, among these
-- a customer's before those for everybody, then the one with the highest quantity reached.
CREATE TABLE price_rules (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id            integer REFERENCES items ON DELETE CASCADE,
    family             text,
    -- Null: any customer.
    customer_id        integer REFERENCES customers ON DELETE CASCADE,
    currency           text NOT NULL,
    from_quantity      numeric NOT NULL DEFAULT 0 CHECK (from_quantity >= 0),
    -- For `price_basis` units.
    price              numeric NOT NULL CHECK (price >= 0),
    price_basis        numeric NOT NULL DEFAULT 1 CHECK (price_basis > 0),
    -- Days, both included; null: without end.
    valid_from         date,
    valid_to           date,
    -- By how much an order's price may differ before somebody has to look at it.
    tolerance_percent  numeric NOT NULL DEFAULT 0 CHECK (tolerance_percent >= 0),
    CHECK ((item_id IS NULL) <> (family IS NULL)),
    CHECK (valid_from <= valid_to),
    UNIQUE NULLS NOT DISTINCT
        (item_id, family, customer_id, currency, from_quantity, valid_from)
);
CREATE INDEX price_rules_family ON price_rules (family) WHERE family IS NOT NULL;

-- Days from order to delivery: fixed, and by quantity. The most special rule counts: item before
-- family before any, and among these a site's own before that of all.
CREATE TABLE lead_time_rules (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id         integer REFERENCES items ON DELETE CASCADE,
    family          text,
    site_id         integer REFERENCES sites,
    days            numeric NOT NULL CHECK (days >= 0),
    -- How much of the item's unit is made in a day; null: the quantity does not matter.
    units_per_day   numeric CHECK (units_per_day > 0),
    CHECK (item_id IS NULL OR family IS NULL),
    UNIQUE NULLS NOT DISTINCT (item_id, family, site_id)
);

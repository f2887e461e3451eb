-- Orders as documents tell them: channels, the register of documents, names by which others call
-- our items and customers, remembered answers.

-- Who is unknown is kept, and looked at by people: the row was made by intake, not by master data.
ALTER TABLE customers ADD COLUMN provisional boolean NOT NULL DEFAULT false;
ALTER TABLE items
    ADD COLUMN provisional boolean NOT NULL DEFAULT false,
    ADD COLUMN gtin text;
CREATE INDEX items_gtin ON items (gtin) WHERE gtin IS NOT NULL;

-- Where documents come in, and what holds for all that come in there.
CREATE TABLE channels (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    format         text NOT NULL,
    site_id        integer REFERENCES sites,
    -- Who orders there, where the documents do not say.
    customer_id    integer REFERENCES customers,
    -- What else holds: `policy` of review, `mapping` of columns, `source`, addresses to poll.
    settings       jsonb NOT NULL DEFAULT '{}',
    -- AES-GCM under a key of the installation (`runtime.sealed`); what signs the channel's webhooks.
    sealed_secret  bytea,
    enabled        boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE orders
    -- The newest applied version of the source's documents; null: no document told of the order.
    ADD COLUMN source_version bigint,
    ADD COLUMN channel_id integer REFERENCES channels,
    ADD COLUMN currency text,
    ADD COLUMN document_date date,
    ADD COLUMN notes text[] NOT NULL DEFAULT '{}';
CREATE INDEX orders_channel ON orders (channel_id) WHERE channel_id IS NOT NULL;

ALTER TABLE order_lines
    -- Who makes or delivers the line; null: the order's site.
    ADD COLUMN site_id integer REFERENCES sites,
    -- The line's number as the document writes it.
    ADD COLUMN source_position text,
    ADD COLUMN description text,
    -- In the order's currency, for `price_basis` of the line's units (as told).
    ADD COLUMN price numeric,
    ADD COLUMN price_basis numeric NOT NULL DEFAULT 1 CHECK (price_basis > 0),
    ADD COLUMN promised_at timestamptz,
    ADD COLUMN unit_as_told text,
    ADD COLUMN quantity_as_told numeric;
CREATE INDEX order_lines_item ON order_lines (item_id, order_id);

-- The bytes that came in, once however many orders they tell of. Compressed by zlib.
CREATE TABLE intake_files (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256       bytea NOT NULL UNIQUE,
    format       text NOT NULL,
    name         text,
    size         bigint NOT NULL,
    content      bytea NOT NULL,
    -- What the format needs to answer: separators, control numbers; as its connector wrote it.
    envelope     jsonb,
    received_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE intake_files ALTER COLUMN content SET STORAGE EXTERNAL;

-- One row per order that documents tell of, locked while one of its documents is decided on.
CREATE TABLE intake_heads (
    source  text NOT NULL,
    number  text NOT NULL,
    PRIMARY KEY (source, number)
);

-- The register: every document of an order once, and what became of it.
CREATE TABLE intake_documents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id   integer REFERENCES channels,
    source       text NOT NULL,
    number       text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('order', 'change', 'cancel')),
    version      bigint NOT NULL,
    -- Of what the document says, whatever envelope it came in.
    sha256       bytea NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('created', 'changed', 'cancelled', 'outdated',
                     'waiting', 'conflict', 'refused')),
    order_id     bigint REFERENCES orders,
    format       text NOT NULL,
    file_id      bigint NOT NULL REFERENCES intake_files,
    -- `domain.documents.OrderDocument`; null when it could not be read.
    document     jsonb,
    -- `domain.documents.Problem`s, those found by intake included.
    problems     jsonb NOT NULL DEFAULT '[]',
    reason       text,
    message      text,
    -- For whom it waits: the site a caller named, and those whom it may be limited to.
    site_id      integer REFERENCES sites,
    received_at  timestamptz NOT NULL DEFAULT now(),
    received_by  text NOT NULL,
    applied_at   timestamptz,
    -- A document that waits is refused then.
    expires_at   timestamptz,
    repeats      integer NOT NULL DEFAULT 0,
    repeated_at  timestamptz,
    UNIQUE (source, number, version, sha256)
);
CREATE INDEX intake_documents_order ON intake_documents (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX intake_documents_waiting ON intake_documents (source, expires_at)
    WHERE outcome = 'waiting';
CREATE INDEX intake_documents_outcome ON intake_documents (outcome, id);
CREATE INDEX intake_documents_file ON intake_documents (file_id);

-- Partners of an order as its newest document has them, in the document's order.
CREATE TABLE order_parties (
    order_id     bigint NOT NULL REFERENCES orders,
    place        integer NOT NULL,
    role         text NOT NULL CHECK (role IN ('sold_to', 'ship_to', 'bill_to', 'supplier',
                     'other')),
    role_code    text NOT NULL,
    -- `[{"scheme", "value"}]`
    names        jsonb NOT NULL DEFAULT '[]',
    name         text,
    street       text[] NOT NULL DEFAULT '{}',
    city         text,
    region       text,
    postal_code  text,
    country      text,
    phone        text,
    PRIMARY KEY (order_id, place)
);

-- What others call an item; with a customer: that customer only.
CREATE TABLE item_names (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id      integer NOT NULL REFERENCES items ON DELETE CASCADE,
    scheme       text NOT NULL,
    customer_id  integer REFERENCES customers ON DELETE CASCADE,
    value        text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (scheme, value, customer_id)
);
CREATE INDEX item_names_item ON item_names (item_id);

-- What others call a customer.
CREATE TABLE customer_names (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id  integer NOT NULL REFERENCES customers ON DELETE CASCADE,
    scheme       text NOT NULL,
    value        text NOT NULL,
    UNIQUE (scheme, value)
);
CREATE INDEX customer_names_customer ON customer_names (customer_id);

-- Which column of a table means what, by the name that people gave it.
CREATE TABLE column_mappings (
    name        text PRIMARY KEY,
    format      text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    mapping     jsonb NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL
);

-- Control numbers of the interchanges that answer documents (ISA13, UNB 0020, DOCNUM).
CREATE SEQUENCE interchange_numbers;

-- Answers to requests that carried an `Idempotency-Key`, so that a repeat gets the same answer.
CREATE TABLE idempotency_keys (
    principal     text NOT NULL,
    key           text NOT NULL,
    -- Of method, path, query and body: another request under the same key is refused.
    sha256        bytea NOT NULL,
    -- Until then it counts as under way, unless it has an answer.
    locked_until  timestamptz NOT NULL,
    -- Its rows were committed: it is not carried out again, even if its answer was lost.
    effective     boolean NOT NULL DEFAULT false,
    status        smallint,
    media_type    text,
    -- Sealed (`runtime.sealed`): an answer may hold what is shown once.
    sealed_body   bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

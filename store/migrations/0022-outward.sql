-- Shipping by hand beside shipments made of moves, carriers, returns; and what goes outward: events
-- in one order for whoever subscribes, webhooks with their deliveries, documents for partners.

-- An order's shipments are told by devices or by people: whoever begins has it. Devices' moves of an
-- order that is shipped by hand make no shipments; stock takes the greater of what both told.
ALTER TABLE shipments
    ADD COLUMN by_hand boolean NOT NULL DEFAULT false,
    ADD COLUMN carrier text,
    ADD COLUMN tracking_number text,
    ADD COLUMN expected_at timestamptz,
    -- The carrier's newest word, by its own time.
    ADD COLUMN carrier_status text,
    ADD COLUMN carrier_at timestamptz;
ALTER TABLE shipment_lines
    ADD COLUMN planned numeric NOT NULL DEFAULT 0 CHECK (planned >= 0),
    ADD COLUMN returned numeric NOT NULL DEFAULT 0 CHECK (returned >= 0);
GRANT SELECT (carrier, tracking_number, expected_at, carrier_status, carrier_at)
    ON shipments TO gemba_customer;

-- What a carrier said. `reference` is the carrier's own id of the event: a repeat is dropped.
CREATE TABLE carrier_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL,
    number      integer NOT NULL,
    status      text NOT NULL CHECK (status IN ('label_printed', 'picked_up', 'in_transit',
                    'out_for_delivery', 'delivered', 'delayed', 'attempted', 'failed')),
    at          timestamptz NOT NULL,
    place       text,
    detail      text,
    expected_at timestamptz,
    reference   text,
    told_by     text NOT NULL,
    told_at     timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (order_id, number) REFERENCES shipments ON DELETE CASCADE,
    UNIQUE NULLS NOT DISTINCT (order_id, number, status, at, reference)
);

-- Entries of the audit log that somebody outside may want to know of, until `notify` has made events
-- of them. Written with the entry, so that none is lost and none is told that did not happen.
CREATE TABLE outward_queue (
    audit_id bigint PRIMARY KEY
);

-- Events as the outside sees them. `seq` rises without holes in the order of commits, because one
-- process at a time gives it: a reader that has seen n misses nothing at or below n.
CREATE TABLE outward_events (
    seq          bigint PRIMARY KEY,
    id           uuid NOT NULL UNIQUE,
    type         text NOT NULL,
    site_id      integer REFERENCES sites,
    subject      text,
    occurred_at  timestamptz NOT NULL,
    told_at      timestamptz NOT NULL DEFAULT now(),
    data         jsonb NOT NULL
);
CREATE INDEX outward_events_type ON outward_events (type, seq);
CREATE INDEX outward_events_told_at ON outward_events (told_at);

CREATE TABLE webhooks (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    url            text NOT NULL,
    -- Empty: all types.
    event_types    text[] NOT NULL DEFAULT '{}',
    site_id        integer REFERENCES sites,
    sealed_secret  bytea NOT NULL,
    -- What the secret is sealed for; stays when the name changes.
    secret_id      uuid NOT NULL,
    state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    disabled_at    timestamptz,
    disabled_reason text,
    -- Attempts that failed since the last success, and since when.
    failures       integer NOT NULL DEFAULT 0,
    failing_since  timestamptz,
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL
);

CREATE TABLE webhook_deliveries (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id    bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    -- The header `webhook-id`: the same at each attempt and replay.
    message_id    text NOT NULL,
    event_type    text NOT NULL,
    body          text NOT NULL,
    state         text NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    last_status   integer,
    last_error    text,
    last_at       timestamptz,
    delivered_at  timestamptz,
    made_at       timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, message_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_made ON webhook_deliveries (webhook_id, id);

-- Documents for partners: order answers, ship notices, confirmations for an ERP.
CREATE TABLE outbound_documents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    format      text NOT NULL,
    media_type  text NOT NULL,
    site_id     integer NOT NULL REFERENCES sites,
    channel_id  bigint,
    order_id    bigint NOT NULL REFERENCES orders,
    shipment    integer,
    -- What it was made for: the same cause makes no second one.
    cause       text NOT NULL UNIQUE,
    content     bytea NOT NULL,
    state       text NOT NULL DEFAULT 'made' CHECK (state IN ('made', 'fetched', 'sent')),
    made_at     timestamptz NOT NULL DEFAULT now(),
    fetched_at  timestamptz,
    fetched_by  text
);
CREATE INDEX outbound_documents_state ON outbound_documents (state, id);
CREATE INDEX outbound_documents_order ON outbound_documents (order_id);

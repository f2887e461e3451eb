-- Documents for partners on their way: what causes them, who gets which, how they are pushed and
-- what became of them. What subscribers and the ERP have been told of progress and of shortages.

-- Which documents a channel's orders cause, and where they are pushed to. A channel without a row
-- has the documents of its format, and they wait to be fetched.
CREATE TABLE outbound_settings (
    channel_id      integer PRIMARY KEY REFERENCES channels ON DELETE CASCADE,
    -- `domain.outbound.DocumentKind`.
    documents       text[] NOT NULL,
    -- How often an ERP is told what was made, at most; an operation that ends is told at once.
    production_every_s integer NOT NULL CHECK (production_every_s > 0),
    -- Null: nothing is pushed.
    url             text,
    sealed_secret   bytea,
    secret_id       uuid,
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    disabled_at     timestamptz,
    disabled_reason text,
    -- Attempts that failed since the last success, and since when.
    failures        integer NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    version         bigint NOT NULL DEFAULT 1,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL,
    CHECK (num_nulls(url, sealed_secret, secret_id) IN (0, 3))
);

-- What a document has to be made for: written with the event that caused it, gone with the
-- document. One that cannot be made stays, with why, and is tried again.
CREATE TABLE outbound_tasks (
    -- The entry of the audit log.
    audit_id  bigint PRIMARY KEY,
    kind      text NOT NULL CHECK (kind IN ('order_answer', 'ship_notice')),
    order_id  bigint NOT NULL REFERENCES orders,
    shipment  integer,
    attempts  integer NOT NULL DEFAULT 0,
    next_at   timestamptz NOT NULL DEFAULT now(),
    error     text
);
CREATE INDEX outbound_tasks_due ON outbound_tasks (next_at, audit_id);

-- Nothing has ever written the table before.
ALTER TABLE outbound_documents DROP CONSTRAINT outbound_documents_state_check;
ALTER TABLE outbound_documents
    ALTER COLUMN order_id DROP NOT NULL,
    ADD COLUMN work_order_id bigint REFERENCES work_orders,
    ADD CONSTRAINT outbound_documents_of_something CHECK (num_nonnulls(order_id, work_order_id) > 0),
    -- As the trade calls it: 855, ORDRSP, 856, DESADV.
    ADD COLUMN name text NOT NULL,
    -- The customer's own number of the order, as the document has it.
    ADD COLUMN reference text,
    -- Of what is said, whatever the time and the number of the interchange: the same is not said twice.
    ADD COLUMN digest bytea NOT NULL,
    ADD COLUMN control bigint,
    -- The header `webhook-id` of a push: the same at each attempt.
    ADD COLUMN message_id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN pushed boolean NOT NULL DEFAULT false,
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN next_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN last_status integer,
    ADD COLUMN last_error text,
    ADD COLUMN last_at timestamptz,
    ADD COLUMN sent_at timestamptz,
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled_by text,
    ADD COLUMN reason text,
    DROP COLUMN fetched_at,
    DROP COLUMN fetched_by,
    -- made: waits to be fetched or pushed; sent: a push arrived; given_up: pushes failed;
    -- taken, failed: the partner's system said so.
    ADD CONSTRAINT outbound_documents_state_check
        CHECK (state IN ('made', 'sent', 'given_up', 'taken', 'failed')),
    ADD CONSTRAINT outbound_documents_channel FOREIGN KEY (channel_id) REFERENCES channels;
CREATE INDEX outbound_documents_due ON outbound_documents (channel_id, next_at, id)
    WHERE state = 'made' AND pushed;
CREATE INDEX outbound_documents_work ON outbound_documents (work_order_id)
    WHERE work_order_id IS NOT NULL;
CREATE INDEX outbound_documents_made ON outbound_documents (made_at);

-- What the ERP has been told of an operation, in sum: a confirmation has what came since.
CREATE TABLE production_told (
    operation_id bigint PRIMARY KEY REFERENCES operations ON DELETE CASCADE,
    good         numeric NOT NULL,
    scrap        numeric NOT NULL,
    final        boolean NOT NULL,
    told_at      timestamptz NOT NULL
);

-- What subscribers have been told of an order's progress, and of shortages.
CREATE TABLE progress_told (
    order_id bigint PRIMARY KEY REFERENCES orders,
    good     numeric NOT NULL,
    scrap    bigint NOT NULL,
    produced boolean NOT NULL DEFAULT false,
    told_at  timestamptz NOT NULL
);
CREATE TABLE shortages_told (
    reservation_id bigint PRIMARY KEY REFERENCES reservations ON DELETE CASCADE,
    missing        numeric NOT NULL,
    comes_at       timestamptz,
    told_at        timestamptz NOT NULL
);

-- What is kept for so long only is looked for by its time.
CREATE INDEX webhook_deliveries_made_at ON webhook_deliveries (made_at) WHERE state <> 'waiting';
CREATE INDEX carrier_events_told_at ON carrier_events (told_at);

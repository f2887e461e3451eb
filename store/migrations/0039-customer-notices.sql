-- Customers are told by themselves when a date moves: whom, what each of them knows of each line's
-- date, and the messages, which are letters as `store.notification.letters` has them.

-- Who is told of a customer's dates. Without an order: of all of them; with one, of that order or
-- one line of it (who asked on a tracking page).
CREATE TABLE customer_contacts (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What links are signed for, and what the API names it by.
    contact_id         uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    customer_id        integer NOT NULL REFERENCES customers ON DELETE CASCADE,
    order_id           bigint REFERENCES orders ON DELETE CASCADE,
    line_number        integer,
    name               text NOT NULL,
    channel            text NOT NULL CHECK (channel IN ('email', 'sms', 'web_push')),
    address            text NOT NULL,
    language           text NOT NULL CHECK (language IN ('en', 'zh-CN')),
    tolerance_minutes  integer NOT NULL CHECK (tolerance_minutes > 0),
    counted            text NOT NULL CHECK (counted IN ('clock', 'working')),
    -- Hours in which nothing is sent (`domain.alarms.rotas.Hours`), in `time_zone`.
    quiet              jsonb NOT NULL DEFAULT '[]',
    time_zone          text NOT NULL DEFAULT 'UTC',
    -- What they take for their date (`domain.customer_notices.dates.Basis`).
    basis              text NOT NULL CHECK (basis IN ('promised', 'shown')),
    -- Nobody is told anything before the address is confirmed, nor after they left.
    confirmed_at       timestamptz,
    confirmed_by       text,
    unsubscribed_at    timestamptz,
    unsubscribed_by    text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    created_by         text NOT NULL,
    version            integer NOT NULL DEFAULT 1,
    CHECK (line_number IS NULL OR order_id IS NOT NULL),
    UNIQUE NULLS NOT DISTINCT (customer_id, order_id, line_number, channel, address)
);
CREATE INDEX customer_contacts_order ON customer_contacts (order_id) WHERE order_id IS NOT NULL;

-- What somebody knows of a line's date (`domain.customer_notices.dates.Known`). Epoch milliseconds.
-- `number` rises with every message; who raises it has made that message, and nobody else.
CREATE TABLE customer_dates (
    contact_id     bigint NOT NULL REFERENCES customer_contacts ON DELETE CASCADE,
    order_line_id  bigint NOT NULL REFERENCES order_lines ON DELETE CASCADE,
    told_ms        bigint,
    number         integer NOT NULL DEFAULT 0,
    direction      smallint NOT NULL DEFAULT 0,
    turns          smallint NOT NULL DEFAULT 0,
    noticed_ms     bigint,
    moving_ms      bigint,
    moving         smallint NOT NULL DEFAULT 0,
    -- Since when they know `told_ms`: what happened before is no reason why it moved.
    known_ms       bigint NOT NULL,
    PRIMARY KEY (contact_id, order_line_id)
);
CREATE INDEX customer_dates_line ON customer_dates (order_line_id);

-- Messages to customers' people, and what became of them.
CREATE TABLE customer_notices (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    contact_id  bigint REFERENCES customer_contacts ON DELETE SET NULL,
    order_id    bigint REFERENCES orders ON DELETE CASCADE,
    cause       text NOT NULL,
    -- `date_moved`, or `confirm`: is this address yours?
    why         text NOT NULL CHECK (why IN ('date_moved', 'confirm')),
    recipient   text NOT NULL,
    channel     text NOT NULL,
    address     text NOT NULL,
    language    text NOT NULL,
    priority    text NOT NULL DEFAULT 'medium',
    -- `withdrawn`: the date moved again, or they left, before it was sent.
    state       text NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up', 'withdrawn')),
    next_at     timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    body        jsonb NOT NULL,
    decided_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    reference   text,
    last_error  text,
    way         text,
    note        text
);
CREATE INDEX customer_notices_due ON customer_notices (channel, next_at) WHERE state = 'waiting';
CREATE INDEX customer_notices_order ON customer_notices (order_id, id);
CREATE INDEX customer_notices_contact ON customer_notices (contact_id, id);
CREATE INDEX customer_notices_decided ON customer_notices (decided_at);
CREATE TRIGGER customer_notices_wake AFTER INSERT ON customer_notices
    FOR EACH STATEMENT EXECUTE FUNCTION wake_courier();

-- Which dates a message tells of. The key is what makes it one message.
CREATE TABLE customer_notice_lines (
    contact_id     bigint NOT NULL,
    order_line_id  bigint NOT NULL,
    number         integer NOT NULL,
    notice_id      bigint NOT NULL REFERENCES customer_notices ON DELETE CASCADE,
    from_ms        bigint NOT NULL,
    to_ms          bigint NOT NULL,
    PRIMARY KEY (contact_id, order_line_id, number)
);
CREATE INDEX customer_notice_lines_notice ON customer_notice_lines (notice_id);

-- A customer sees who of their own people is told, and nothing of the rest.
ALTER TABLE customer_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_dates ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_notice_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_contacts ON customer_contacts FOR SELECT TO gemba_customer
    USING (customer_id = (SELECT own_customer_id()));
GRANT SELECT ON customer_contacts TO gemba_customer;

-- Delivery of messages: ways out of the installation, words that people have changed, addresses
-- that bounce, and messages that try a way. Letters are rows of their source's own table; all of
-- these have the columns that `store.notification.letters` names.

-- The courier is told that there is something to send. To be called AFTER INSERT OR UPDATE.
CREATE FUNCTION wake_courier() RETURNS trigger LANGUAGE plpgsql AS $wake$
BEGIN
    PERFORM pg_notify('gemba_letters', TG_TABLE_NAME);
    RETURN NULL;
END
$wake$;

ALTER TABLE alarm_messages
    -- By which way it was sent, or tried last.
    ADD COLUMN way text,
    -- What has to be known of how it was written: that the built-in words had to do.
    ADD COLUMN note text;
CREATE INDEX alarm_messages_waiting ON alarm_messages (channel, next_at) WHERE state = 'waiting';
CREATE TRIGGER alarm_messages_wake AFTER INSERT ON alarm_messages
    FOR EACH STATEMENT EXECUTE FUNCTION wake_courier();

-- What an installation has configured to reach people by a channel.
CREATE TABLE notification_ways (
    code         text PRIMARY KEY,
    name         text NOT NULL,
    kind         text NOT NULL,
    channel      text NOT NULL,
    -- `people`: by the API; `environment`: by settings, and not to be changed by the API; `gemba`:
    -- made by the program for itself.
    origin       text NOT NULL DEFAULT 'people'
                     CHECK (origin IN ('people', 'environment', 'gemba')),
    enabled      boolean NOT NULL DEFAULT true,
    -- Of several ways that serve an address the least one that is not broken.
    rank         integer NOT NULL DEFAULT 100,
    -- Of addresses that it serves, as `+86`; empty: all.
    prefixes     text[] NOT NULL DEFAULT '{}',
    settings     jsonb NOT NULL,
    -- A JSON object of its secrets, sealed for `secret_id`; null: it has none.
    sealed       bytea,
    secret_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The names of the secrets that are set.
    secrets      text[] NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text NOT NULL,
    -- How it does: `failures` in a row; while it is broken letters wait or go by another way.
    failures     integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    broken_until timestamptz,
    last_error   text,
    last_sent_at timestamptz
);

-- Words that people have changed; the newest version of each is in force.
CREATE TABLE notification_templates (
    name         text NOT NULL,
    language     text NOT NULL,
    version      integer NOT NULL,
    -- Null: the built-in words are in force again.
    words        jsonb,
    made_at      timestamptz NOT NULL DEFAULT now(),
    made_by      text NOT NULL,
    reason       text,
    PRIMARY KEY (name, language, version)
);
CREATE TRIGGER notification_templates_append_only BEFORE UPDATE OR DELETE ON notification_templates
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER notification_templates_kept BEFORE TRUNCATE ON notification_templates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Versions that could not be used for a letter: the built-in words went instead.
CREATE TABLE notification_template_faults (
    name         text NOT NULL,
    language     text NOT NULL,
    version      integer NOT NULL,
    problem      text NOT NULL,
    times        integer NOT NULL DEFAULT 1,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    PRIMARY KEY (name, language, version)
);

-- Addresses that refused letters for good. What is suppressed is sent nothing until it is released.
CREATE TABLE notification_addresses (
    channel        text NOT NULL,
    address        text NOT NULL,
    -- Refusals for good since the last letter that was taken.
    bounces        integer NOT NULL,
    first_at       timestamptz NOT NULL,
    last_at        timestamptz NOT NULL,
    last_error     text NOT NULL,
    suppressed_at  timestamptz,
    PRIMARY KEY (channel, address)
);

-- Letters that try a way.
CREATE TABLE notification_tests (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- The way to be tried.
    cause        text NOT NULL,
    why          text NOT NULL DEFAULT 'test',
    recipient    text NOT NULL,
    channel      text NOT NULL,
    address      text NOT NULL,
    language     text NOT NULL,
    priority     text NOT NULL DEFAULT 'critical',
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up')),
    next_at      timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    body         jsonb NOT NULL DEFAULT '{}',
    decided_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    reference    text,
    last_error   text,
    way          text,
    note         text
);
CREATE INDEX notification_tests_waiting ON notification_tests (channel, next_at)
    WHERE state = 'waiting';
CREATE TRIGGER notification_tests_wake AFTER INSERT ON notification_tests
    FOR EACH STATEMENT EXECUTE FUNCTION wake_courier();

-- Customers see none of it: no right, and no row.
ALTER TABLE notification_ways ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_template_faults ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_tests ENABLE ROW LEVEL SECURITY;

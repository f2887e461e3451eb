-- Alarms (ISA-18.2, ADR 16): what is watched for, alarms as rows that move by one statement, their
-- journal, who is told, and every message with its cause.

-- What is defined: rules, escalations, rotas, recipients ------------------------------------------

CREATE TABLE alarm_definitions (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('rules', 'escalations', 'rotas', 'recipients')),
    code        text NOT NULL,
    -- Rises with every change; `body` is how it stands.
    version     integer NOT NULL DEFAULT 1,
    body        jsonb NOT NULL,
    retired_at  timestamptz,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL,
    UNIQUE (kind, code)
);

-- Every version of what decides. People's addresses are not kept in old versions.
CREATE TABLE alarm_definition_versions (
    definition_id  integer NOT NULL REFERENCES alarm_definitions,
    version        integer NOT NULL,
    body           jsonb,
    made_at        timestamptz NOT NULL DEFAULT now(),
    made_by        text NOT NULL,
    reason         text,
    PRIMARY KEY (definition_id, version)
);
-- By row: emptying what is empty is no rewriting (`gemba transfer`).
CREATE TRIGGER alarm_definition_versions_append_only
    BEFORE UPDATE OR DELETE ON alarm_definition_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER alarm_definition_versions_kept BEFORE TRUNCATE ON alarm_definition_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- The state machine, the same as domain.alarms.states ---------------------------------------------

-- Bits: 1 active, 2 unacknowledged, 4 latched, 8 shelved, 16 suppressed by design, 32 out of service.

-- What is let go of and still holds is told to people as if it were new.
CREATE FUNCTION alarm_freed(standing integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN standing & 57 = 1 THEN standing | 2 ELSE standing END;

-- What is so after an event; null: the event means nothing now.
CREATE FUNCTION alarm_after(standing smallint, event text, latching boolean) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE event
        WHEN 'raise' THEN CASE WHEN standing & 1 = 0
            THEN standing | 3 | CASE WHEN latching THEN 4 ELSE 0 END END
        WHEN 'clear' THEN CASE WHEN standing & 1 = 1
            THEN CASE WHEN standing & 56 <> 0 THEN standing & 60 ELSE standing & 62 END END
        WHEN 'acknowledge' THEN CASE WHEN standing & 58 = 2 THEN standing & 61 END
        WHEN 'reset' THEN CASE WHEN standing & 61 = 4 THEN standing & 59 END
        WHEN 'shelve' THEN CASE WHEN standing & 8 = 0 THEN standing | 8 END
        WHEN 'suppress' THEN CASE WHEN standing & 16 = 0 THEN standing | 16 END
        WHEN 'remove' THEN CASE WHEN standing & 32 = 0 THEN standing | 32 END
        WHEN 'unshelve' THEN CASE WHEN standing & 8 = 8 THEN alarm_freed(standing & 55) END
        WHEN 'unsuppress' THEN CASE WHEN standing & 16 = 16 THEN alarm_freed(standing & 47) END
        WHEN 'return' THEN CASE WHEN standing & 32 = 32 THEN alarm_freed(standing & 31) END
    END::smallint;

-- ISA-18.2's nine states.
CREATE FUNCTION alarm_state(standing smallint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN standing & 32 = 32 THEN 'out_of_service'
        WHEN standing & 16 = 16 THEN 'suppressed'
        WHEN standing & 8 = 8 THEN 'shelved'
        WHEN standing & 3 = 3 THEN 'unacknowledged'
        WHEN standing & 1 = 1 THEN 'acknowledged'
        WHEN standing & 6 = 6 THEN 'latched_unacknowledged'
        WHEN standing & 4 = 4 THEN 'latched_acknowledged'
        WHEN standing & 2 = 2 THEN 'returned'
        ELSE 'normal'
    END;

-- Alarms ------------------------------------------------------------------------------------------

CREATE TABLE alarms (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Condition, variant and subject: one row for good, however often it is raised, by whomever.
    cause            text NOT NULL UNIQUE,
    rule_id          integer NOT NULL,
    rule_version     integer NOT NULL,
    subject_kind     text NOT NULL,
    subject_key      text NOT NULL,
    subject_id       bigint,
    site_id          integer REFERENCES sites,
    -- `site[/area[/line[/machine]]]`, the empty text for everywhere, null for nowhere.
    place            text,
    priority         text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    latching         boolean NOT NULL,
    standing         smallint NOT NULL CHECK (standing BETWEEN 0 AND 63),
    -- The standing before the last event, for the journal.
    before           smallint NOT NULL DEFAULT 0,
    state            text NOT NULL GENERATED ALWAYS AS (alarm_state(standing)) STORED,
    -- How often it was raised.
    occurrence       integer NOT NULL DEFAULT 1,
    raised_at        timestamptz NOT NULL,
    -- When the condition began by the subject's own clock.
    since            timestamptz,
    cleared_at       timestamptz,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    shelved_until    timestamptz,
    shelved_by       text,
    -- The cause that explains it.
    suppressed_by    text,
    assigned_to      text,
    value            double precision,
    value_limit      double precision,
    detail           jsonb NOT NULL DEFAULT '{}',
    changed_at       timestamptz NOT NULL,
    version          bigint NOT NULL DEFAULT 1,
    FOREIGN KEY (rule_id, rule_version) REFERENCES alarm_definition_versions
);
CREATE INDEX alarms_standing ON alarms (site_id, id) WHERE standing <> 0;
CREATE INDEX alarms_shelved ON alarms (shelved_until) WHERE shelved_until IS NOT NULL;
CREATE INDEX alarms_raised_at ON alarms (raised_at);

-- Everything that happened to alarms, once each.
CREATE TABLE alarm_journal (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id      bigint NOT NULL REFERENCES alarms,
    occurrence    integer NOT NULL,
    at            timestamptz NOT NULL,
    -- An event of the state machine, or `assign`.
    event         text NOT NULL,
    before        smallint NOT NULL,
    after         smallint NOT NULL,
    -- Whether people were told anew by it: it counts as an annunciation.
    annunciated   boolean NOT NULL GENERATED ALWAYS AS
                      (alarm_state(after) = 'unacknowledged'
                       AND alarm_state(before) <> 'unacknowledged') STORED,
    priority      text NOT NULL,
    rule_id       integer NOT NULL,
    rule_version  integer NOT NULL,
    actor         text NOT NULL,
    origin        text NOT NULL,
    reason        text,
    detail        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX alarm_journal_alarm ON alarm_journal (alarm_id, id);
CREATE INDEX alarm_journal_at ON alarm_journal (at);

-- Nothing in it is changed; what is old enough may go.
CREATE FUNCTION refuse_forgetting() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    IF old.at > now() - interval '90 days' THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('%s is kept for 90 days at least: entry %s is younger', TG_TABLE_NAME, old.id);
    END IF;
    RETURN old;
END
$refuse$;
CREATE TRIGGER alarm_journal_append_only BEFORE UPDATE OR TRUNCATE ON alarm_journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER alarm_journal_kept BEFORE DELETE ON alarm_journal
    FOR EACH ROW EXECUTE FUNCTION refuse_forgetting();

-- Conditions that are not as their alarm has it, until a delay is over.
CREATE TABLE alarm_pending (
    cause     text PRIMARY KEY,
    holds     boolean NOT NULL,
    since_ms  bigint NOT NULL
);

-- Gateways that were heard of, so that one that is silent is missed.
CREATE TABLE alarm_gateways (
    name           text PRIMARY KEY,
    last_heard_at  timestamptz NOT NULL
);

-- Telling people ----------------------------------------------------------------------------------

-- Steps of escalations that were made: whoever writes the row makes the step.
CREATE TABLE alarm_steps (
    alarm_id    bigint NOT NULL REFERENCES alarms ON DELETE CASCADE,
    occurrence  integer NOT NULL,
    -- The annunciation that it counts from: what was put aside and comes back begins anew.
    raised_at   timestamptz NOT NULL,
    step        integer NOT NULL,
    due_at      timestamptz NOT NULL,
    made_at     timestamptz NOT NULL,
    -- Rotas that had nobody on call, and recipients that do not exist.
    uncovered   text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (alarm_id, occurrence, raised_at, step)
);

-- A message to one person by one way, and what became of it. The row is the record that it was
-- decided once; sending it is at least once, under the same id.
CREATE TABLE alarm_messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- Null: a digest, which others name.
    alarm_id     bigint REFERENCES alarms ON DELETE CASCADE,
    occurrence   integer,
    -- `step <n>`, `cleared`, `digest`; with the moment that it counts from it is made once.
    why          text NOT NULL,
    counts_from  timestamptz,
    recipient    text NOT NULL,
    channel      text NOT NULL,
    address      text NOT NULL,
    language     text NOT NULL,
    priority     text NOT NULL,
    -- `held`: until quiet hours end; `gathered`: for a digest; `told`: in a digest; `waiting`: for
    -- its next attempt; `withdrawn`: over before it was sent.
    state        text NOT NULL CHECK (state IN
                     ('held', 'gathered', 'told', 'waiting', 'sent', 'given_up', 'withdrawn')),
    -- Why it is so: `allowed`, `critical`, `quiet_hours`, `flood`, `limit`, …
    because      text NOT NULL,
    next_at      timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    digest_id    bigint REFERENCES alarm_messages ON DELETE SET NULL,
    -- What the templates say, as it was when it was decided.
    body         jsonb NOT NULL,
    decided_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    -- The provider's own id.
    reference    text,
    last_error   text,
    UNIQUE NULLS NOT DISTINCT (alarm_id, occurrence, counts_from, why, recipient, channel, address)
);
CREATE INDEX alarm_messages_due ON alarm_messages (next_at)
    WHERE state IN ('held', 'gathered', 'waiting');
CREATE INDEX alarm_messages_recipient ON alarm_messages (recipient, decided_at);

-- Customers see none of it: no right, and no row.
ALTER TABLE alarm_definitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_definition_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarms ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_gateways ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm_messages ENABLE ROW LEVEL SECURITY;

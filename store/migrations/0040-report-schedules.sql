-- Reports by e-mail: schedules, what was sent for which period, and the letters.

CREATE TABLE report_schedules (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code         text NOT NULL,
    name         text NOT NULL,
    -- Names of `GET /v1/reports/<name>`, in the order in which they are sent.
    reports      text[] NOT NULL CHECK (cardinality(reports) > 0),
    -- Null: every site.
    site_id      integer REFERENCES sites,
    -- `site/area/line` of that site; null: all of them.
    line         text,
    recipients   text[] NOT NULL CHECK (cardinality(recipients) > 0),
    language     text NOT NULL CHECK (language IN ('en', 'zh-CN')),
    formats      text[] NOT NULL CHECK (cardinality(formats) > 0),
    every        text NOT NULL CHECK (every IN ('day', 'week')),
    -- Of the day, on the plant's clock.
    minute       smallint NOT NULL CHECK (minute BETWEEN 0 AND 1439),
    -- Of weekly ones; 0 is Monday.
    weekday      smallint NOT NULL DEFAULT 0 CHECK (weekday BETWEEN 0 AND 6),
    -- On whose clock; null: the site's.
    time_zone    text,
    active       boolean NOT NULL DEFAULT true,
    -- What is due after this moment is sent: when it was made, changed or begun with again, then
    -- when it was looked at last.
    since        timestamptz NOT NULL,
    -- When it is due next; null: never (it rests, or was taken away).
    next_at      timestamptz,
    version      integer NOT NULL DEFAULT 1,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text NOT NULL,
    removed_at   timestamptz,
    CHECK (line IS NULL OR site_id IS NOT NULL),
    CHECK (site_id IS NOT NULL OR time_zone IS NOT NULL)
);
CREATE UNIQUE INDEX report_schedules_code ON report_schedules (code) WHERE removed_at IS NULL;
CREATE INDEX report_schedules_next ON report_schedules (next_at) WHERE next_at IS NOT NULL;

-- One row per schedule and period, for good: who writes it sends it, nobody else does.
CREATE TABLE report_sendings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id  integer NOT NULL REFERENCES report_schedules,
    first_day    date NOT NULL,
    last_day     date NOT NULL CHECK (last_day >= first_day),
    due_at       timestamptz NOT NULL,
    made_at      timestamptz NOT NULL,
    -- Whether letters were written for it. Else nobody was there to do it when it was due, and a
    -- later period was due already.
    sent         boolean NOT NULL,
    UNIQUE (schedule_id, first_day, last_day)
);

CREATE TABLE report_letters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- Null: somebody wanted it at once.
    sending_id   bigint REFERENCES report_sendings,
    schedule_id  integer NOT NULL REFERENCES report_schedules,
    cause        text NOT NULL,
    why          text NOT NULL,
    recipient    text NOT NULL,
    channel      text NOT NULL,
    address      text NOT NULL,
    language     text NOT NULL,
    priority     text NOT NULL DEFAULT 'low',
    state        text NOT NULL DEFAULT 'waiting',
    next_at      timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    -- What it was to say when it was decided: reports, scope, period, as of when.
    body         jsonb NOT NULL,
    decided_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    reference    text,
    last_error   text,
    way          text,
    note         text,
    UNIQUE (sending_id, address)
);
CREATE INDEX report_letters_waiting ON report_letters (channel, next_at) WHERE state = 'waiting';
CREATE INDEX report_letters_schedule ON report_letters (schedule_id, id);
CREATE INDEX report_letters_decided ON report_letters (decided_at);
CREATE TRIGGER report_letters_wake AFTER INSERT ON report_letters
    FOR EACH STATEMENT EXECUTE FUNCTION wake_courier();

-- Customers see none of it: no right, and no row.
ALTER TABLE report_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_sendings ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_letters ENABLE ROW LEVEL SECURITY;

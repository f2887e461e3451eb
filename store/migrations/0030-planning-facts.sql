-- What planning knows beside machines and their times: people and tools, how a step is done, what a
-- planner has decided, and from when on something can begin.

-- Secondary resources ----------------------------------------------------------------------------

-- Whoever or whatever work needs beside its machine. An operator works by a shift pattern of their
-- own, else by the calendar of their place; a tool is there whenever its machine works.
CREATE TABLE resources (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     integer NOT NULL REFERENCES sites,
    code        text NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('operator', 'tool')),
    -- How many of it there are, all alike: so many operations can have one at once.
    quantity    integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    -- Where an operator works: the site, or an area or line of it, as a path; null: the site.
    place       text,
    pattern_id  integer REFERENCES shift_patterns,
    retired_at  timestamptz,
    UNIQUE (site_id, code)
);

-- What it is good for. Its own code counts as one of its skills.
CREATE TABLE resource_skills (
    resource_id  integer NOT NULL REFERENCES resources ON DELETE CASCADE,
    skill        text NOT NULL,
    PRIMARY KEY (resource_id, skill)
);
CREATE INDEX resource_skills_skill ON resource_skills (skill, resource_id);

-- When a resource is not there: all of it, from a moment until another or until further notice.
CREATE TABLE resource_absences (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource_id  integer NOT NULL REFERENCES resources ON DELETE CASCADE,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz CHECK (ends_at > starts_at),
    reason       text NOT NULL,
    told_by      text NOT NULL,
    told_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX resource_absences_resource ON resource_absences (resource_id, starts_at);

-- How a step is done -----------------------------------------------------------------------------

-- An oven: how much fits in at once, in the room that its steps give a piece. Null: one operation
-- at a time, whatever its size.
ALTER TABLE machines
    ADD COLUMN batch_capacity numeric CHECK (batch_capacity > 0),
    -- What all work on it needs beside it: skills, as in `routing_version_steps.needs`.
    ADD COLUMN needs text[] NOT NULL DEFAULT '{}';

ALTER TABLE routing_version_steps
    -- Whether a break may fall into it.
    ADD COLUMN interruptible boolean NOT NULL DEFAULT true,
    -- So many pieces go on to the next step together; null: all of them when the last is made.
    ADD COLUMN transfer_batch numeric CHECK (transfer_batch > 0),
    -- How long pieces wait after it before the next step: they cool, dry or travel.
    ADD COLUMN wait_ms bigint NOT NULL DEFAULT 0 CHECK (wait_ms >= 0),
    -- What may be in an oven together. The cycle of such a step is that of a load, not of a piece.
    ADD COLUMN batch_family text,
    -- The room that a piece takes.
    ADD COLUMN batch_room numeric NOT NULL DEFAULT 1 CHECK (batch_room > 0),
    -- What it needs beside its machine: skills; `welder=2` are two of it, `setter@setup` is needed
    -- for the set-up only (`domain.master_data.needs`).
    ADD COLUMN needs text[] NOT NULL DEFAULT '{}';

-- Copied from the routing at release.
ALTER TABLE operations
    ADD COLUMN interruptible boolean NOT NULL DEFAULT true,
    ADD COLUMN transfer_batch numeric CHECK (transfer_batch > 0),
    ADD COLUMN wait_ms bigint NOT NULL DEFAULT 0 CHECK (wait_ms >= 0),
    ADD COLUMN batch_family text,
    ADD COLUMN batch_room numeric NOT NULL DEFAULT 1 CHECK (batch_room > 0),
    ADD COLUMN needs text[] NOT NULL DEFAULT '{}';

-- What a planner decided -------------------------------------------------------------------------

-- An operation stays on a machine, and starts no earlier than somebody wants it to.
CREATE TABLE operation_locks (
    operation_id  bigint PRIMARY KEY REFERENCES operations ON DELETE CASCADE,
    machine_id    integer NOT NULL REFERENCES machines,
    not_before    timestamptz,
    -- Among the machine's locked operations that have one, rising: others may come between them.
    turn          integer,
    reason        text,
    locked_by     text NOT NULL,
    locked_at     timestamptz NOT NULL DEFAULT now()
);

-- Nothing of it is begun earlier, whatever it is for.
ALTER TABLE work_orders ADD COLUMN not_before timestamptz;

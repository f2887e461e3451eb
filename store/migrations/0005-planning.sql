-- What planning needs: alternatives, setups, calendars, policies; plans, disruptions, projections.

-- Master data ------------------------------------------------------------------------------------

ALTER TABLE items ADD COLUMN setup_family text;

-- Other machines that can do a routing's step, beside the preferred one in routing_steps.
CREATE TABLE routing_alternatives (
    item_id     integer NOT NULL,
    site_id     integer NOT NULL,
    number      bigint NOT NULL,
    machine_id  integer NOT NULL REFERENCES machines,
    cycle_ms    bigint NOT NULL CHECK (cycle_ms > 0),
    setup_ms    bigint NOT NULL DEFAULT 0 CHECK (setup_ms >= 0),
    PRIMARY KEY (item_id, site_id, number, machine_id),
    FOREIGN KEY (item_id, site_id, number) REFERENCES routing_steps ON DELETE CASCADE
);

-- Every machine that may do an operation, the one it is planned on included, copied from the
-- routing at release. An operation without rows here has no choice but `operations.machine_id`.
CREATE TABLE operation_alternatives (
    operation_id  bigint NOT NULL REFERENCES operations ON DELETE CASCADE,
    machine_id    integer NOT NULL REFERENCES machines,
    cycle_ms      bigint NOT NULL CHECK (cycle_ms > 0),
    setup_ms      bigint NOT NULL DEFAULT 0 CHECK (setup_ms >= 0),
    PRIMARY KEY (operation_id, machine_id)
);

CREATE TABLE setup_times (
    machine_id   integer NOT NULL REFERENCES machines,
    from_family  text NOT NULL,
    to_family    text NOT NULL,
    setup_ms     bigint NOT NULL CHECK (setup_ms >= 0),
    PRIMARY KEY (machine_id, from_family, to_family)
);

-- When a site works, by weekday in its own time zone; breaks are the gaps. A machine with rows of
-- its own goes by those alone; a site without any row works always.
CREATE TABLE working_times (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id       integer NOT NULL REFERENCES sites,
    machine_id    integer REFERENCES machines,
    shift         text NOT NULL,
    weekday       smallint NOT NULL CHECK (weekday BETWEEN 0 AND 6),        -- 0 is Monday
    start_minute  smallint NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
    end_minute    smallint NOT NULL CHECK (end_minute > start_minute AND end_minute <= 2880)
);
CREATE INDEX working_times_site ON working_times (site_id);

-- Maintenance, holidays, extra shifts: they prevail over working_times.
CREATE TABLE calendar_exceptions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id     integer NOT NULL REFERENCES sites,
    machine_id  integer REFERENCES machines,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
    working     boolean NOT NULL DEFAULT false,
    reason      text NOT NULL
);
CREATE INDEX calendar_exceptions_site ON calendar_exceptions (site_id, ends_at);

-- A planning scope is one site, or several that are planned together: coalesce(planning_scope, code).
ALTER TABLE sites ADD COLUMN planning_scope text;
CREATE INDEX sites_planning_scope ON sites (coalesce(planning_scope, code));

-- `domain.plan.policy.Policy`; a scope without a row has the default.
CREATE TABLE planning_policies (
    scope       text PRIMARY KEY,
    policy      jsonb NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL
);

-- Plans ------------------------------------------------------------------------------------------

CREATE TABLE plans (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope          text NOT NULL,
    number         bigint NOT NULL,
    state          text NOT NULL CHECK (state IN ('draft', 'published', 'superseded', 'discarded')),
    -- The plan that was in force when this one was made; what it differs from.
    base_id        bigint REFERENCES plans,
    as_of_ms       bigint NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    published_at   timestamptz,
    published_by   text,
    superseded_at  timestamptz,
    method         text NOT NULL,
    solve_ms       bigint NOT NULL,
    -- Why it was made: the disruptions as they were told. A list of objects, see contracts.plan.
    reasons        jsonb NOT NULL,
    metrics        jsonb NOT NULL,
    -- What waiting (right-shift of the plan in force) would have come to.
    waiting        jsonb,
    -- Operations that could not be planned, with a code.
    unplanned      jsonb NOT NULL DEFAULT '[]',
    UNIQUE (scope, number)
);
CREATE UNIQUE INDEX plans_published ON plans (scope) WHERE state = 'published';

CREATE TABLE plan_operations (
    plan_id         bigint NOT NULL REFERENCES plans ON DELETE CASCADE,
    operation_id    bigint NOT NULL REFERENCES operations,
    machine_id      integer NOT NULL REFERENCES machines,
    setup_start_ms  bigint NOT NULL,
    start_ms        bigint NOT NULL,
    end_ms          bigint NOT NULL,
    -- `running`, `frozen`, `locked`, or null for what the planner placed freely.
    pin             text,
    PRIMARY KEY (plan_id, operation_id)
);
CREATE INDEX plan_operations_operation ON plan_operations (operation_id);

-- What a plan means for customers' orders: the end of their last open operation, and why late.
CREATE TABLE plan_orders (
    plan_id   bigint NOT NULL REFERENCES plans ON DELETE CASCADE,
    order_id  bigint NOT NULL REFERENCES orders,
    end_ms    bigint NOT NULL,
    due_ms    bigint,
    chain     jsonb,
    PRIMARY KEY (plan_id, order_id)
);
CREATE INDEX plan_orders_order ON plan_orders (order_id);

-- What makes today's plan wrong. Open until a plan has answered it, in that plan's transaction.
CREATE TABLE disruptions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope         text NOT NULL,
    site_id       integer REFERENCES sites,
    kind          text NOT NULL,
    -- Names the cause: the same cause is told once, however often it is seen.
    key           text NOT NULL,
    machine_id    integer REFERENCES machines,
    operation_id  bigint REFERENCES operations,
    order_id      bigint REFERENCES orders,
    occurred_ms   bigint NOT NULL,
    raised_at     timestamptz NOT NULL DEFAULT now(),
    detail        jsonb NOT NULL DEFAULT '{}',
    handled_at    timestamptz,
    -- `planned` (by plan_id), `no_change` (looked at; the plan in force stays), `failed`.
    outcome       text CHECK (outcome IN ('planned', 'no_change', 'failed')),
    plan_id       bigint REFERENCES plans,
    UNIQUE (scope, key)
);
CREATE INDEX disruptions_open ON disruptions (scope, id) WHERE handled_at IS NULL;
CREATE INDEX disruptions_scope ON disruptions (scope, id);

-- The ETA projection: the plan in force and what really happened. Changes without a plan version.
CREATE TABLE operation_projections (
    operation_id  bigint PRIMARY KEY REFERENCES operations ON DELETE CASCADE,
    machine_id    integer NOT NULL REFERENCES machines,
    start_ms      bigint NOT NULL,
    end_ms        bigint NOT NULL,
    plan_id       bigint REFERENCES plans ON DELETE SET NULL
);

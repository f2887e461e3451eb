-- Channels that are asked what changed: how far each was read, how the last round went, when the
-- next one is due. What to ask and how often stands in `channels.settings`, under `poll`. And which
-- work is held with the lines that it is for.

CREATE TABLE channel_polls (
    channel_id       integer PRIMARY KEY REFERENCES channels ON DELETE CASCADE,
    -- Whose clock and ids the position is of: format, server and account. Another one begins anew.
    system           text NOT NULL,
    -- `connectors.polling.Position`; null: no round has ended well yet.
    position         jsonb,
    -- Rises with every round that is settled: whoever settles names the one that he began with.
    round            bigint NOT NULL DEFAULT 0,
    next_at          timestamptz NOT NULL DEFAULT now(),
    last_at          timestamptz,
    last_success_at  timestamptz,
    last_error       text,
    last_error_at    timestamptz,
    -- In a row, up to now.
    failures         integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- What became of the last round that ended well: counts by outcome, and what was refused.
    last_told        jsonb
);
CREATE INDEX channel_polls_next ON channel_polls (next_at);

-- Work that is for held lines alone, through however many levels of parts: nobody begins it before
-- the lines are resumed. A work order that somebody else waits for goes on.
CREATE INDEX order_lines_on_hold ON order_lines (id) WHERE state = 'on_hold';

CREATE FUNCTION work_order_on_hold(work bigint, level integer DEFAULT 0) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF level > 50 THEN
        RETURN false;
    END IF;
    RETURN (
        SELECT coalesce(bool_or(d.held), false) AND NOT coalesce(bool_or(d.live), false)
        FROM (
            SELECT l.state = 'on_hold' AS held,
                   l.state NOT IN ('on_hold', 'produced', 'cancelled') AS live
            FROM pegs p JOIN order_lines l ON l.id = p.order_line_id
            WHERE p.work_order_id = work
            UNION ALL
            SELECT above.held, NOT above.held
            FROM pegs p
            CROSS JOIN LATERAL (
                SELECT work_order_on_hold(p.demand_work_order_id, level + 1) AS held) AS above
            WHERE p.work_order_id = work AND p.demand_work_order_id IS NOT NULL
        ) AS d
    );
END
$$;

CREATE VIEW work_orders_on_hold AS
WITH RECURSIVE touched (id) AS (
    SELECT p.work_order_id
    FROM order_lines l JOIN pegs p ON p.order_line_id = l.id
    WHERE l.state = 'on_hold' AND p.work_order_id IS NOT NULL
    UNION
    SELECT p.work_order_id
    FROM touched t JOIN pegs p ON p.demand_work_order_id = t.id
    WHERE p.work_order_id IS NOT NULL
)
SELECT id FROM touched WHERE work_order_on_hold(id);

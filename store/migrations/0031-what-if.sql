-- Drafts that somebody thinks of: what would the plan be if …

ALTER TABLE plans
    -- What is thought of, and what came of it for work that is not there yet; see
    -- store.planning.drafts. Null: a plan that the planner made by itself.
    ADD COLUMN what_if     jsonb,
    ADD COLUMN created_by  text,
    -- It is discarded then, if nobody wanted it until then.
    ADD COLUMN expires_at  timestamptz,
    -- Names the request that it answers: asked again, it is the same draft.
    ADD COLUMN request     text UNIQUE;
CREATE INDEX plans_drafts ON plans (scope, id) WHERE state = 'draft';

-- What each cause has of the delay of an order that ends late; they add up to it.
ALTER TABLE plan_orders ADD COLUMN shares jsonb;

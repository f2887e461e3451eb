-- Web push: the browsers that people, and customers by a tracking link, want to be told on.

CREATE TABLE push_subscriptions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id        integer REFERENCES users ON DELETE CASCADE,
    link_id        bigint REFERENCES tracking_links ON DELETE CASCADE,
    -- SHA-256 of the endpoint: whoever knows that address may send to it, so it is sealed.
    endpoint_hash  bytea NOT NULL,
    -- Endpoint and the browser's keys, sealed for `secret_id`.
    sealed         bytea NOT NULL,
    secret_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The installation's public key that the browser was told: no other one can send to it.
    public_key     text NOT NULL,
    -- Of the push service, to be shown.
    host           text NOT NULL,
    device         text NOT NULL DEFAULT '',
    language       text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_sent_at   timestamptz,
    CHECK (num_nonnulls(user_id, link_id) = 1),
    UNIQUE NULLS NOT DISTINCT (endpoint_hash, user_id, link_id)
);
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX push_subscriptions_link ON push_subscriptions (link_id) WHERE link_id IS NOT NULL;

-- Customers see none of it: no right, and no row.
ALTER TABLE push_subscriptions ENABLE ROW LEVEL SECURITY;

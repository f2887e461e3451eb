-- Which log the offsets in `effect_offsets` are places in: `embedded`, or `kafka:<cluster id>`.
-- Another log's offsets would make the workers skip its records in silence; so whoever is pointed
-- at another one refuses, until `gemba transfer` has carried the installation over.
CREATE TABLE stream_identity (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    identity    text NOT NULL CHECK (identity = 'embedded' OR identity LIKE 'kafka:_%'),
    adopted_at  timestamptz NOT NULL DEFAULT now()
);

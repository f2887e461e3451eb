-- A move to another database and stream (`gemba transfer`): while it goes on the target is arriving,
-- and once its rows are there the source has departed, for the stream in `moved_to`. Services work on
-- a settled database only.
ALTER TABLE stream_identity
    ADD COLUMN phase text NOT NULL DEFAULT 'settled'
        CHECK (phase IN ('settled', 'arriving', 'departed')),
    ADD COLUMN moved_to text CHECK ((moved_to IS NULL) = (phase = 'settled'));

-- A database that is restored to an older state gives offsets in the outbox once more, while Kafka
-- still holds what the lost future told under them. So what the relay tells bears a number,
-- timeline << 39 | offset, and `gemba restored` begins a new timeline: from `begins` on the
-- partition's records belong to it, below that to the one before. Timelines are minutes since
-- 2026-01-01 UTC; a partition that is not here is on timeline 0.
CREATE TABLE outbox_timelines (
    topic      text NOT NULL,
    partition  integer NOT NULL,
    timeline   integer NOT NULL CHECK (timeline BETWEEN 1 AND 16777215),
    begins     bigint NOT NULL CHECK (begins BETWEEN 0 AND 549755813887),
    PRIMARY KEY (topic, partition, timeline),
    FOREIGN KEY (topic, partition) REFERENCES log_partitions ON DELETE CASCADE
);

-- Behind: somebody has met what this database must have told, and does not know. No service works
-- until `gemba restored` has said what to make of it.
ALTER TABLE stream_identity
    DROP CONSTRAINT stream_identity_phase_check,
    DROP CONSTRAINT stream_identity_check,
    ADD CONSTRAINT stream_identity_phase_check
        CHECK (phase IN ('settled', 'behind', 'arriving', 'departed')),
    ADD CONSTRAINT stream_identity_check
        CHECK ((moved_to IS NULL) = (phase IN ('settled', 'behind')));

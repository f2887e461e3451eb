-- On Kafka `log_records` is the outbox: a relay sends its records on, and may send one twice (it is
-- killed between Kafka's acknowledgement and its own note of it; or two relays are at work for a
-- moment). Every record that it sends carries its offset in the outbox, and each consumer notes the
-- highest one whose effects it has made, in the transaction that makes them: what is at or below it
-- is skipped. The numbers rise without holes within a partition; -1: none yet.
ALTER TABLE effect_offsets ADD COLUMN relayed bigint NOT NULL DEFAULT -1;

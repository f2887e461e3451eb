-- The newest breakdown of each machine, asked for in every round of the projection.
CREATE INDEX disruptions_breakdowns ON disruptions (machine_id, id DESC)
    WHERE kind = 'machine_down';

-- What ended within the last hours stays on the planning board.
CREATE INDEX operations_ended ON operations (ended_ms) WHERE ended_ms IS NOT NULL;

-- The newest breakdown of each machine, asked for in every round of the projection.
CREATE INDEX disruptions_breakdowns ON disruptions (machine_id, id DESC)
    WHERE kind = 'machine_down';

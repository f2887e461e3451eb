-- What storing plans needs beside 0005.

-- The end that was last told of an order in this scope: the first plan's, or where it stood when it
-- last moved by more than the tolerance. Carried from version to version.
ALTER TABLE plan_orders ADD COLUMN told_ms bigint;
-- The worst of the order's work orders: end after due date; negative is early, null: nothing is due.
ALTER TABLE plan_orders ADD COLUMN lateness_ms bigint;

-- An operation that only the floor named goes when a late object takes its reason away; no plan or
-- disruption may keep the telemetry agent from that.
ALTER TABLE plan_operations DROP CONSTRAINT plan_operations_operation_id_fkey,
    ADD CONSTRAINT plan_operations_operation_id_fkey
        FOREIGN KEY (operation_id) REFERENCES operations ON DELETE CASCADE;
ALTER TABLE disruptions DROP CONSTRAINT disruptions_operation_id_fkey,
    ADD CONSTRAINT disruptions_operation_id_fkey
        FOREIGN KEY (operation_id) REFERENCES operations ON DELETE SET NULL;
CREATE INDEX disruptions_operation ON disruptions (operation_id) WHERE operation_id IS NOT NULL;
CREATE INDEX disruptions_plan ON disruptions (plan_id) WHERE plan_id IS NOT NULL;

-- What a machine worked on last is what it is set up for.
CREATE INDEX contributions_change ON contributions (machine_id, change_e);
DROP INDEX contributions_machine;

-- How many orders a plan ended after a due date; told when its plan_orders are long gone.
ALTER TABLE plans ADD COLUMN late_orders integer NOT NULL DEFAULT 0;

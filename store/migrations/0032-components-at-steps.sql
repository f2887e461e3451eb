-- What a plan needs to know more exactly: at which step a component is taken, and how many of
-- several people or tools are away.

-- The number of a step of the item's routing. Null: the first one takes it. A step that a work order
-- has not is the next one that it has.
ALTER TABLE bill_lines ADD COLUMN step integer CHECK (step > 0);
ALTER TABLE work_order_components ADD COLUMN step integer CHECK (step > 0);

-- Of a resource that is several alike; null: all of it.
ALTER TABLE resource_absences ADD COLUMN quantity integer CHECK (quantity > 0);

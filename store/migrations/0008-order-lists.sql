-- Lists of orders by the next due date, by lateness, by priority.

CREATE INDEX order_lines_open_due ON order_lines (due_at, order_id)
    WHERE state NOT IN ('produced', 'cancelled');
CREATE INDEX orders_priority ON orders (priority DESC, id DESC);

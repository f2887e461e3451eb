-- How good a plan is known to be: when the planner has gone on searching, what the best plan that it
-- found costs, and what it has proven that no plan of the same work can be below. In units of the
-- policy's objective, both of the moment that the search began at; null: nothing is proven.
ALTER TABLE plans
    ADD COLUMN searched_cost bigint CHECK (searched_cost >= 0),
    ADD COLUMN cost_bound bigint CHECK (cost_bound >= 0),
    ADD CONSTRAINT plans_bound_check CHECK (
        (searched_cost IS NULL) = (cost_bound IS NULL) AND cost_bound <= searched_cost
    );

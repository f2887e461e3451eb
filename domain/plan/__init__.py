"""Planning: the problem, the plan, and the decisions between them. Solver-free at both ends."""

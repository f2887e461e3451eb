"""The planner: solves a scope's problem, and the worker that answers disruptions with plans."""

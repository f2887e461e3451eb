"""Decisions as pure functions: no framework, no clock, nothing opened."""

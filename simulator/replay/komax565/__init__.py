"""Replay of the logs that a Komax Alpha 565 wire-cutting and crimping machine writes."""

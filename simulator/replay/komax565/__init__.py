"""Replay of the logs that a Komax Alpha 565 wire-cutting and crimping machine writes.

`run` is the command; `day.read_days` and `messages.day_messages` are its pure part.
"""

from simulator.replay.komax565.replay import DEFAULT_MACHINE, run

__all__ = ["DEFAULT_MACHINE", "run"]

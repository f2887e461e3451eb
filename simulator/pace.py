"""How much faster than life the factory works. The clock on the wall stays as it is."""

from __future__ import annotations

from typing import Final, NamedTuple

SLOWEST: Final = 1.0
FASTEST: Final = 1_000.0
_MINUTE_MS: Final = 60_000


class Pace(NamedTuple):
    """Turns the factory's times into the clock's: at speed 60 a minute takes a second.

    What is loaded (standard times, set-ups, breaks, due dates, the planner's thresholds) is turned
    by the same pace as what the simulated people and machines do, so plan, Gantt and floor agree.
    """

    speed: float = 1.0

    def ms(self, factory_ms: float) -> int:
        """A duration of the factory on the clock; at least 1 ms."""
        return max(1, round(factory_ms / self.speed))

    def minutes(self, factory_minutes: float) -> int:
        """Minutes of the factory as milliseconds of the clock; 0 only for 0."""
        return self.ms(factory_minutes * _MINUTE_MS) if factory_minutes > 0 else 0

    def factory_ms(self, clock_ms: float) -> float:
        """What passes in the factory meanwhile."""
        return clock_ms * self.speed

"""When a scope's projection is made anew."""

from __future__ import annotations

import math
from typing import Final

PROGRESS_S: Final = 1.0
"""Progress alone makes a scope's projection anew at most this often."""
REGULAR_S: Final = 15.0
"""While a plan is in force it is looked at this often, whatever happens."""
REST: Final = 1.0
"""After a round progress waits for as long as it took: rounds never take all the time ..."""
URGENT_REST: Final = 0.25
"""... and what is urgent for so much of that."""


class ScopeTiming:
    """When a scope is due. Times are seconds of a monotonic clock.

    Attributes:
        in_force: whether a plan is in force, or work waits for the first one.
    """

    def __init__(self) -> None:
        self.in_force = False
        self._urgent = True
        self._dirty = False
        self._ended = -math.inf
        self._took = 0.0
        self._began = -math.inf
        self._moment = math.inf

    def mark(self, *, urgent: bool) -> None:
        """Something changed."""
        self._urgent = self._urgent or urgent
        self._dirty = True

    def look_at(self, moment: float) -> None:
        """Look again at a moment, whatever happens until then."""
        self._moment = moment

    def due_at(self) -> float:
        """When the next round is due; infinite when nothing asks for one."""
        due = self._moment
        if self._urgent:
            return self._ended + URGENT_REST * self._took
        if self._dirty:
            due = min(due, self._began + PROGRESS_S)
        if self.in_force:
            due = min(due, self._began + REGULAR_S)
        return max(due, self._ended + REST * self._took)

    def begin(self, now: float) -> None:
        """A round begins: it sees everything up to here."""
        self._urgent = self._dirty = False
        self._moment = math.inf
        self._began = now

    def end(self, now: float) -> None:
        """The round has ended."""
        self._ended = now
        self._took = now - self._began

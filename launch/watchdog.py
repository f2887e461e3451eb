"""Notices a service that lives but does nothing, by what it says (or not) of its health."""

from __future__ import annotations

from dataclasses import dataclass, field

from runtime.health import Health, HealthState

START_GRACE_S = 120.0
"""A loaded machine starts a service slowly, and starting it again does not make that faster."""
PATIENCE_S = 20.0
STALLED = "stalled"


@dataclass
class Watch:
    """One service under watch. Pure: it is told the time."""

    start_grace_s: float = START_GRACE_S
    patience_s: float = PATIENCE_S
    _pid: int | None = field(default=None, init=False)
    _since_s: float = field(default=0.0, init=False)
    _silent_since_s: float | None = field(default=None, init=False)

    def judge(self, now_s: float, pid: int | None, health: Health | None) -> str | None:
        """Why the service should be restarted now, or None.

        `health` is what Redis, which answers, has of the service. What an earlier process said
        does not count.
        """
        if pid != self._pid:
            self._pid, self._since_s, self._silent_since_s = pid, now_s, None
        if pid is None or now_s - self._since_s < self.start_grace_s:
            return None
        problem = _problem(pid, health)
        if problem is None:
            self._silent_since_s = None
            return None
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        silent_s = now_s - self._silent_since_s
        return f"{problem} for {silent_s:.0f} s" if silent_s > self.patience_s else None

    def unknown(self) -> None:
        """Redis does not answer: nothing can be held against the service."""
        self._silent_since_s = None


def _problem(pid: int, health: Health | None) -> str | None:
    if health is None or health.pid != pid:
        return "has said nothing of its health"
    if health.state is HealthState.FAILED and (health.reason or "").startswith(STALLED):
        return "has been stalled"
    return None

"""How often something may be tried, in memory: a restart forgives, a flood cannot fill the memory.

One API process serves an installation; with several of them each counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from runtime.clock import Clock

_MOST_KEYS = 10_000


class RateLimit:
    """At most `tries` within any `seconds`, for each key."""

    def __init__(self, clock: Clock, *, tries: int, seconds: float) -> None:
        self._clock = clock
        self._tries = tries
        self._seconds = seconds
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """How long until the key may try again; 0 when it may now."""
        times = self._recent(key)
        if len(times) < self._tries:
            return 0.0
        return max(0.0, times[0] + self._seconds - self._clock.monotonic())

    def note(self, key: str) -> None:
        """A try."""
        times = self._recent(key)
        times.append(self._clock.monotonic())
        self._times[key] = times
        self._times.move_to_end(key)
        while len(self._times) > _MOST_KEYS:
            self._times.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forget the key's tries: it has shown that it may."""
        self._times.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        times = self._times.get(key)
        if times is None:
            return deque(maxlen=self._tries)
        oldest = self._clock.monotonic() - self._seconds
        while times and times[0] <= oldest:
            times.popleft()
        return times

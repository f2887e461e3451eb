"""How fast robots of chats may speak, so that a group is not shut off for minutes."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

import msgspec

from domain.notification.letters import Fault, TryAgain
from domain.notification.ways import Way
from runtime.clock import Clock


class Limit(msgspec.Struct, frozen=True):
    """At most so many messages within so many seconds."""

    count: int
    seconds: float


TWENTY_A_MINUTE: Final = (Limit(20, 60.0),)
"""WeCom and DingTalk. DingTalk shuts a robot off for ten minutes that says more."""
FEISHU: Final = (Limit(100, 60.0), Limit(5, 1.0))


class RobotPace:
    """Counts what robots of this process have said.

    Args:
        clock: the time.
        limits: of every robot.
    """

    def __init__(self, clock: Clock, limits: tuple[Limit, ...]) -> None:
        self._clock = clock
        self._limits = limits
        self._most = max(limit.count for limit in limits)
        self._said: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=self._most))

    def begin(self, way: Way) -> TryAgain | None:
        """Count a message that a robot is about to say; or say when it may."""
        now = self._clock.monotonic()
        said = self._said[way.code]
        wait_s = max((self._wait_s(said, limit, now) for limit in self._limits), default=0.0)
        if wait_s > 0:
            return TryAgain(
                problem=f"{way.code}: the robot has said as much as it may, for {wait_s:.0f} s",
                fault=Fault.LETTER,
                after_s=wait_s,
            )
        said.append(now)
        return None

    @staticmethod
    def _wait_s(said: deque[float], limit: Limit, now: float) -> float:
        if len(said) < limit.count:
            return 0.0
        return said[-limit.count] + limit.seconds - now

"""How long to wait before the next attempt to reach a server that is away."""

from __future__ import annotations

import random
from typing import Final

_FACTOR: Final = 2.0
_SPREAD: Final = 0.5


class Backoff:
    """Pauses that double from attempt to attempt, each cut by chance to half of it at most.

    The chance keeps apart what lost the same server at the same moment: a plant's devices and
    services do not all come back in one instant, and a server that is still starting is not
    overrun.
    """

    def __init__(
        self, *, first_s: float, last_s: float, chance: random.Random | None = None
    ) -> None:
        """The pauses before any attempt.

        Args:
            first_s: the first pause, in seconds, before chance.
            last_s: no pause is longer, in seconds.
            chance: where chance comes from; the machine's entropy when left out.
        """
        self._first_s = first_s
        self._last_s = last_s
        self._chance = random.SystemRandom() if chance is None else chance
        self._next_s = first_s

    def pause_s(self) -> float:
        """The pause after an attempt that failed, in seconds; the next one is twice as long."""
        whole_s = self._next_s
        self._next_s = min(_FACTOR * whole_s, self._last_s)
        return whole_s * (1.0 - _SPREAD * self._chance.random())

    def reset(self) -> None:
        """It worked: begin again with the first pause."""
        self._next_s = self._first_s

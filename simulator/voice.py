"""What machines and devices say, published in the order in which they said it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from contracts.ids import EpochMs
from contracts.topics import PREFIX
from runtime.clock import Clock
from simulator.plant import Said
from simulator.publisher import OutboxPublisher

Act: TypeAlias = Callable[[EpochMs], Sequence[Said]]
"""Something done at a moment, and what machines say to it."""


class Voice:
    """A publisher that several tasks use: who acts and speaks is not interrupted."""

    def __init__(self, publisher: OutboxPublisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._speaking = asyncio.Lock()

    def now_ms(self) -> EpochMs:
        """The present."""
        return EpochMs(self._clock.now_ms())

    async def say(self, act: Act) -> list[Said]:
        """Act at this moment, and publish what machines say to it; answers that."""
        async with self._speaking:
            said = list(act(self.now_ms()))
            for machine, emitted in said:
                topic = f"{PREFIX}{machine}/{emitted.kind}"
                await self._publisher.publish(topic, emitted.fields, t=int(emitted.t_ms))
        return said

    async def unheard(self) -> bool:
        """Whether something that was said is not known to be received."""
        return await self._publisher.waiting() > 0

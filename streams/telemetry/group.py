"""Group commit: batches of different partitions that wait at the same time are handled together.

A transaction costs about as much for four partitions as for one, and a gateway that sends to all of
them does so at the same moment. Two groups may be under way, so that one is computed while the
other waits for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from streams.consumption import Message

Batch: TypeAlias = Sequence[Message]
"""Records of one (topic, partition), in order, at least one."""

HandleGroup: TypeAlias = Callable[[Sequence[Batch]], Awaitable[list[Exception | None]]]
"""Handles batches of different partition numbers; per batch what went wrong, if anything did."""

GATHER_S: Final = 0.002
"""How long the first batch of a group waits for others."""

AT_ONCE: Final = 2


class Groups:
    """Gathers what is submitted at the same time into groups, one batch per partition number."""

    def __init__(self, handle: HandleGroup) -> None:
        self._handle = handle
        self._waiting: list[tuple[Batch, asyncio.Future[None]]] = []
        self._busy: set[int] = set()
        self._freed = asyncio.Condition()
        self._runners: set[asyncio.Task[None]] = set()
        self._at_work = 0

    @asynccontextmanager
    async def alone(self, partition: int) -> AsyncIterator[None]:
        """While this is held, no batch of the partition number is handled."""
        async with self._freed:
            await self._freed.wait_for(lambda: partition not in self._busy)
            self._busy.add(partition)
        try:
            yield
        finally:
            await self._free({partition})
            self._start()

    async def submit(self, batch: Batch) -> None:
        """Have a batch handled; raises what its handling ended with."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, done))
        self._start()
        await done

    def _start(self) -> None:
        if self._waiting and self._at_work < AT_ONCE:
            self._at_work += 1
            runner = asyncio.create_task(self._run(), name="group-commit")
            self._runners.add(runner)  # the loop itself keeps no strong reference
            runner.add_done_callback(self._runners.discard)

    async def _run(self) -> None:
        """Handle groups until nothing can be taken up."""
        try:
            await asyncio.sleep(GATHER_S)
            while group := self._take():
                await self._handle_one(group)
        finally:
            # Nothing may be awaited between an empty `_take` and this: who submits in between must
            # find either a runner that will look again, or room to start one.
            self._at_work -= 1

    async def _handle_one(self, group: list[tuple[Batch, asyncio.Future[None]]]) -> None:
        try:
            results = await self._handle([batch for batch, _ in group])
        except BaseException:
            for _, done in group:
                done.cancel()
            raise
        finally:
            await self._free({batch[0].partition for batch, _ in group})
        for (_, done), error in zip(group, results, strict=True):
            if done.cancelled():
                continue  # nobody waits any more; the effects are made all the same
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def _take(self) -> list[tuple[Batch, asyncio.Future[None]]]:
        """What waits and whose partition number is free, one batch each; it is busy from now on."""
        group, left = [], []
        for waiting in self._waiting:
            partition = waiting[0][0].partition
            if partition in self._busy:
                left.append(waiting)
            else:
                self._busy.add(partition)
                group.append(waiting)
        self._waiting = left
        return group

    async def _free(self, partitions: set[int]) -> None:
        async with self._freed:
            self._busy -= partitions
            self._freed.notify_all()

"""The planning agent: hears what happens, keeps the projection, tells what makes plans wrong.

Orders' events become disruptions in the transaction of their batch (`streams.planning.changes`).
Everything else only says where to look: a scope that something happened in gets a round
(`streams.planning.rounds`), which reads the rows. So nothing but orders' events has an offset of
effects, and after a restart every scope is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeAlias

import msgspec

from contracts.streams import (
    ORDERS,
    MachineChanged,
    OperationProgressed,
    OrderEvent,
    PlanStored,
    decode_events,
)
from runtime import tasks
from runtime.clock import Clock
from store.database import Pool
from store.log import StreamLog
from store.planning.policies import scopes
from store.planning.standing import busy_scopes, machines_down
from streams.consumption import Message
from streams.planning.changes import GROUP, OrderChanges
from streams.planning.rounds import Round, RoundResult
from streams.planning.timing import ScopeTiming
from streams.transport.patience import AWAY, pause_s, said

__all__ = ["GROUP", "PlanningAgent"]

_SCOPES_S: Final = 30.0
"""Which site is planned in which scope is read again after so long, and when a site is unknown."""
STANDBY_S: Final = 0.25
"""A worker that stands by looks this often whether it is its turn."""
FLOOR_S: Final = 0.05
"""Machines' states are read at most this often, however many counts arrive."""
_log = logging.getLogger(__name__)


class PlanningAgent:
    """Handles batches of the topics ORDERS, FLOOR, PROGRESS and PLANS, and makes the rounds.

    Args:
        pool: where the rows are.
        log: where disruptions' events go, within the same transaction.
        clock: the time.
        at_work: whether partitions are this worker's; one that stands by makes no rounds.
        on_order_changed: told of site and id of orders whose projected end moved by a minute.
        on_plan_changed: told of a scope and the operations whose projection changed.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        log: StreamLog,
        clock: Clock,
        at_work: Callable[[], bool],
        on_order_changed: Callable[[str, int], None],
        on_plan_changed: Callable[[str, Collection[int]], None],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._at_work = at_work
        self._on_order_changed = on_order_changed
        self._on_plan_changed = on_plan_changed
        self._changes = OrderChanges(pool=pool, log=log)
        self._round = Round(pool=pool, log=log, clock=clock)
        self._timings: dict[str, ScopeTiming] = {}
        self._scope_of: dict[str, str] = {}
        self._scopes_until = -math.inf
        self._down: dict[int, int | None] = {}
        self._troubles: dict[str, str] = {}
        self._moved: dict[int, str] = {}
        """Machines that changed, with their sites; looked at by `_watch_floor`."""
        self._floor_moved = asyncio.Event()
        self._wake = asyncio.Event()
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def trouble(self) -> str | None:
        """What is wrong; None when nothing is."""
        for scope, error in self._troubles.items():
            return f"the projection of scope {scope!r} failed: {error}"
        return None

    # What it hears --------------------------------------------------------------------------

    async def on_assigned(self, topic: str, partition: int) -> None:
        """A partition is this worker's from here on."""
        if topic == ORDERS:
            await self._changes.on_assigned(topic, partition)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Tell what orders' events mean; of all others note which scopes they concern.

        Raises:
            Fenced: another worker has the partition of orders.
        """
        if batch[0].topic == ORDERS:
            raised = await self._changes.handle(batch)
            self.metrics["disruptions_raised"] += raised
        events = _events(batch)
        await self._know_scopes(
            {event.site for event in events if not isinstance(event, PlanStored)}
        )
        for event in events:
            match event:
                case PlanStored():
                    self._mark(event.scope, urgent=True)
                case OrderEvent():
                    self._mark_site(event.site, urgent=True)
                case OperationProgressed():
                    self._mark_site(event.site, urgent=False)
                case MachineChanged():
                    self._moved[event.machine_id] = event.site
                    self._floor_moved.set()

    async def _machines_changed(self, machines: dict[int, str]) -> None:
        """A breakdown, or its end, is urgent; whatever else a machine does is progress."""
        async with self._pool.connection() as connection:
            down = await machines_down(connection, list(machines))
        for machine, site in machines.items():
            was, is_ = machine in self._down, machine in down
            moved = self._down.get(machine) != down.get(machine)
            self._mark_site(site, urgent=was != is_ or moved)
            if is_:
                self._down[machine] = down[machine]
            else:
                self._down.pop(machine, None)

    async def _know_scopes(self, sites: Collection[str]) -> None:
        now = self._clock.monotonic()
        if now < self._scopes_until and all(site in self._scope_of for site in sites):
            return
        async with self._pool.connection() as connection:
            rows = await scopes(connection)
        self._scope_of = {site: row.scope for row in rows for site in row.sites}
        self._scopes_until = now + _SCOPES_S

    def _mark_site(self, site: str, *, urgent: bool) -> None:
        if site in self._scope_of:
            self._mark(self._scope_of[site], urgent=urgent)

    def _mark(self, scope: str, *, urgent: bool) -> None:
        timing = self._timings.get(scope)
        if timing is None:
            timing = self._timings[scope] = ScopeTiming()
        timing.mark(urgent=urgent)
        self._wake.set()

    # What it does ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled."""
        work = [
            asyncio.create_task(self._make_rounds(), name="planning-rounds"),
            asyncio.create_task(self._watch_floor(), name="planning-floor"),
        ]
        try:
            await asyncio.gather(*work)
        finally:
            await tasks.end(work)

    async def _watch_floor(self) -> None:
        """See which machines broke down or work again, of those that changed."""
        failures = 0
        while True:
            await self._floor_moved.wait()
            self._floor_moved.clear()
            machines, self._moved = self._moved, {}
            try:
                await self._machines_changed(machines)
                failures = 0
            except AWAY as error:
                self._moved = machines | self._moved
                self._floor_moved.set()
                await self._wait(error, failures)
                failures += 1
            await asyncio.sleep(FLOOR_S)

    async def _make_rounds(self) -> None:
        failures = 0
        looked = False
        while True:
            if not self._at_work():
                looked = False
                await asyncio.sleep(STANDBY_S)
                continue
            try:
                if not looked:
                    await self._look_around()
                    looked = True
                scope = await self._next_due()
                if self._at_work():
                    await self._make_round(scope)
                failures = 0
            except AWAY as error:
                await self._wait(error, failures)
                failures += 1

    async def _wait(self, error: BaseException, failures: int) -> None:
        _log.warning("the projection waits for the database: %s", said(error))
        self.metrics["failures"] += 1
        await asyncio.sleep(pause_s(failures))

    async def _look_around(self) -> None:
        """After a start, or a time on standby, nobody knows what was missed."""
        async with self._pool.connection() as connection:
            for scope in await busy_scopes(connection):
                self._mark(scope, urgent=True)

    async def _next_due(self) -> str:
        """Wait for the scope that is due first."""
        while True:
            self._wake.clear()
            due, scope = min(
                ((timing.due_at(), scope) for scope, timing in self._timings.items()),
                default=(math.inf, ""),
            )
            wait_s = due - self._clock.monotonic()
            if wait_s <= 0:
                return scope
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if wait_s == math.inf else wait_s)

    async def _make_round(self, scope: str) -> None:
        timing = self._timings[scope]
        began = self._clock.monotonic()
        timing.begin(began)
        try:
            result = await self._round.make(scope)
        except AWAY:
            timing.mark(urgent=True)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said
            # A scope whose rows nobody understands must not stop the others.
            if self._troubles.get(scope) != repr(error):
                _log.exception("the projection of scope %r failed", scope)
            self._troubles[scope] = repr(error)
            timing.in_force = True  # whatever it was, it is tried again
            self.metrics["failed_rounds"] += 1
        else:
            self._troubles.pop(scope, None)
            self._heed(timing, result, began)
        finally:
            ended = self._clock.monotonic()
            timing.end(ended)
            self.metrics["rounds"] += 1
            self.metrics["round_ms"] += (ended - began) * 1_000

    def _heed(self, timing: ScopeTiming, result: RoundResult, began: float) -> None:
        """Tell what a round came to, and see to the next one."""
        self.metrics["disruptions_raised"] += result.raised
        timing.in_force = result.busy
        if result.stale:
            timing.mark(urgent=True)
        if result.look_at_ms is not None:
            timing.look_at(began + (result.look_at_ms - result.now_ms) / 1_000)
        for site, order_id in result.orders:
            self._on_order_changed(site, order_id)
        if result.operations:
            self._on_plan_changed(result.scope, result.operations)


_Heard: TypeAlias = MachineChanged | OperationProgressed | OrderEvent | PlanStored


def _events(batch: Sequence[Message]) -> list[_Heard]:
    """The events that concern a plan."""
    found: list[_Heard] = []
    for each in batch:
        try:
            events = decode_events(each.value or b"")
        except msgspec.DecodeError:
            continue  # the agent whose topic it is sets it aside
        found += [event for event in events if isinstance(event, _Heard)]
    return found

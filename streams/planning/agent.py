"""The planning agent: hears what happens, keeps the projection, tells what makes plans wrong.

Orders' events become disruptions in the transaction of their batch (`streams.planning.changes`).
Everything else only says where to look: a scope that something happened in gets a round
(`streams.planning.rounds`), which reads the rows. So nothing but orders' events has an offset of
effects, and after a restart every scope is looked at.

One worker makes the rounds: the leader (`streams.presence`). What the others hear they pass on to
it (`streams.planning.notes`); who becomes the leader looks at every scope, and remembers nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from contracts.streams import (
    BEFORE_WORK,
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
from store.planning.standing import AtWork, busy_scopes, machines_at_work
from streams.consumption import Message
from streams.planning.changes import GROUP, OrderChanges
from streams.planning.notes import (
    Anything,
    MachineMoved,
    Note,
    PassingOn,
    ScopeMoved,
    read_notes,
)
from streams.planning.rounds import Round, RoundResult
from streams.planning.timing import ScopeTiming
from streams.presence import Presence
from streams.transport.patience import AWAY, pause_s, said
from streams.turn import Gained

__all__ = ["GROUP", "PlanningAgent"]

_SCOPES_S: Final = 30.0
"""Which site is planned in which scope is read again after so long, and when a site is unknown."""
ASSIGNMENT_S: Final = 0.5
"""Whether partitions came to this worker is looked at this often."""
FLOOR_S: Final = 0.05
"""Machines' states are read at most this often, however many counts arrive."""
_log = logging.getLogger(__name__)


class PlanningAgent:
    """Handles batches of the topics ORDERS, FLOOR, PROGRESS and PLANS, and makes the rounds.

    Args:
        pool: where the rows are.
        log: where disruptions' events go, within the same transaction.
        clock: the time.
        presence: says whether this worker leads, and hears what others note for the leader.
        assigned: the partitions (topic, partition) that are the worker's now.
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
        presence: Presence,
        assigned: Callable[[], Collection[tuple[str, int]]],
        on_order_changed: Callable[[str, int], None],
        on_plan_changed: Callable[[str, Collection[int]], None],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._presence = presence
        presence.on_note = self._hear
        presence.on_term = self._term_changed
        self._on_order_changed = on_order_changed
        self._on_plan_changed = on_plan_changed
        self._changes = OrderChanges(pool=pool, log=log)
        self._round = Round(pool=pool, log=log, clock=clock)
        self._timings: dict[str, ScopeTiming] = {}
        self._scope_of: dict[str, str] = {}
        self._scopes_until = -math.inf
        self._floor: dict[int, AtWork] = {}
        """What machines did when they were last looked at."""
        self._troubles: dict[str, str] = {}
        self._gained = Gained(assigned)
        self._passing_on = PassingOn(pool)
        self._moved: dict[int, str] = {}
        """Machines that changed, with their scopes; looked at by `_watch_floor`."""
        self._floor_moved = asyncio.Event()
        self._wake = asyncio.Event()
        self._term_began = asyncio.Event()
        self._looked: int | None = None
        """The term in which every scope was looked at."""
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def trouble(self) -> str | None:
        """What is wrong; None when nothing is, or when another worker makes the rounds."""
        if self._presence.term is None:
            return None
        for scope, error in self._troubles.items():
            return f"the projection of scope {scope!r} failed: {error}"
        return None

    @property
    def stopped(self) -> Mapping[tuple[str, int], str]:
        """Which partitions stand still, and why."""
        return self._changes.stopped

    # What it hears --------------------------------------------------------------------------

    async def on_assigned(self, topic: str, partition: int) -> None:
        """A partition is this worker's from here on."""
        if topic == ORDERS:
            await self._changes.on_assigned(topic, partition)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Tell what orders' events mean; of all others note which scopes they concern.

        Those of orders are told once (`FencedPartitions` skips what the relay repeats). A note made
        twice costs a round that finds nothing new.

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
            note = self._note_of(event)
            if note is not None:
                self._note(note)

    def _note_of(self, event: _Heard) -> Note | None:
        """Where an event says to look; None where nothing is planned."""
        if isinstance(event, PlanStored):
            return ScopeMoved(event.scope, urgent=True)
        scope = self._scope_of.get(event.site)
        if scope is None or (isinstance(event, OrderEvent) and event.name in BEFORE_WORK):
            return None
        if isinstance(event, MachineChanged):
            return MachineMoved(scope, event.machine_id)
        return ScopeMoved(scope, urgent=isinstance(event, OrderEvent))

    def _note(self, note: Note) -> None:
        """Heed a note, or pass it on to the worker that makes the rounds."""
        if self._presence.term is None:
            self._passing_on.add(note)
            return
        match note:
            case ScopeMoved():
                self._mark(note.scope, urgent=note.urgent)
            case MachineMoved():
                self._moved[note.machine_id] = note.scope
                self._floor_moved.set()
            case Anything():
                self._looked = None
                self._wake.set()

    def _hear(self, payload: str) -> None:
        """Heed what another worker noted."""
        try:
            notes = read_notes(payload)
        except msgspec.DecodeError as error:
            _log.warning("a note that nobody understands: %s", error)
            notes = [Anything()]
        for note in notes:
            self._note(note)

    def _term_changed(self) -> None:
        """This worker leads from here on, or does not any more."""
        self._passing_on.clear()
        self._wake.set()
        self._term_began.set()

    async def _machines_changed(self, machines: dict[int, str]) -> None:
        """A breakdown, or its end, is urgent; whatever else a machine does is progress.

        One that counts while it works on nothing that anybody named, as it did before, moves no
        date: a site that is counted but not planned asks for no rounds.
        """
        async with self._pool.connection() as connection:
            floor = await machines_at_work(connection, list(machines))
        for machine, scope in machines.items():
            before, now = self._floor.get(machine), floor.get(machine)
            if now is not None:
                self._floor[machine] = now
                if now == before and now.operation_id is None:
                    continue
            broken = before.since_ms if before is not None and before.is_down else None
            is_broken = now.since_ms if now is not None and now.is_down else None
            self._mark(scope, urgent=broken != is_broken)

    async def _know_scopes(self, sites: Collection[str]) -> None:
        now = self._clock.monotonic()
        if now < self._scopes_until and all(site in self._scope_of for site in sites):
            return
        async with self._pool.connection() as connection:
            rows = await scopes(connection)
        self._scope_of = {site: row.scope for row in rows for site in row.sites}
        self._scopes_until = now + _SCOPES_S

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
            asyncio.create_task(self._passing_on.run(), name="planning-notes"),
            asyncio.create_task(self._watch_assignment(), name="planning-assignment"),
        ]
        try:
            await asyncio.gather(*work)
        finally:
            await tasks.end(work)

    async def _watch_assignment(self) -> None:
        """Whoever had partitions before may have ended with something noted and not passed on."""
        while True:
            if self._gained.look():
                self._note(Anything())
            await asyncio.sleep(ASSIGNMENT_S)

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
        while True:
            self._term_began.clear()
            term = self._presence.term
            self.metrics["leading"] = float(term is not None)
            if term is None:
                await self._term_began.wait()
                continue
            try:
                if self._looked != term:
                    await self._look_around(term)
                scope = await self._next_due(term)
                if scope is not None:
                    await self._make_round(scope)
                failures = 0
            except AWAY as error:
                await self._wait(error, failures)
                failures += 1

    async def _wait(self, error: BaseException, failures: int) -> None:
        _log.warning("the projection waits for the database: %s", said(error))
        self.metrics["failures"] += 1
        await asyncio.sleep(pause_s(failures))

    async def _look_around(self, term: int) -> None:
        """Another worker, or nobody, made the rounds until now: nobody knows what was missed."""
        self._looked = term
        self._round.forget()
        self._floor.clear()
        try:
            async with self._pool.connection() as connection:
                for scope in await busy_scopes(connection):
                    self._mark(scope, urgent=True)
        except AWAY:
            self._looked = None
            raise

    async def _next_due(self, term: int) -> str | None:
        """Wait for the scope that is due first; None when all have to be looked at instead."""
        while self._presence.term == term == self._looked:
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
        return None

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

"""The live projector: committed rows become the state and the deltas of watched channels.

It is told what may have changed (`machine_changed`, `order_changed`, `work_changed`, or by events
through `handle`), reads the rows and writes what differs to Redis. Nothing is projected that was
not read from committed rows, and nothing is read for a channel that nobody watches. What it was
told lives in memory only: whoever starts reads every watched channel in full.

PostgreSQL or Redis may be away: what was to be told is then read again in full when they are back,
and `health` says so meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import msgspec
import psycopg
import psycopg_pool
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.live import ChannelKind
from contracts.streams import decode_events
from runtime import tasks
from runtime.clock import Clock
from runtime.health import HealthState
from store.database import Connection, Pool
from store.live_channels import (
    MARKS,
    WANT_LIFETIME_S,
    WANTS,
    ChannelNameError,
    FencedProjectorError,
    LiveChannels,
    Lost,
    parse_channel,
)
from store.live_site import read_site
from streams.consumption import Message
from streams.marks import Mark, MarkKind, marks_of
from streams.projections import (
    REFRESH_S,
    AlarmsProjection,
    Due,
    PlanProjection,
    Projection,
    SiteCache,
)
from streams.reading import Changes, Reading, resolve
from streams.turn import Gained, PassingOn, Turn
from streams.watched import ORDER_KINDS, Watched

_GAP_S: Final = 0.02
"""Rounds of reading begin at least this far apart, so that channels share a round."""
_SWEEP_S: Final = 10.0
_HOLD_S: Final = 0.5
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0)
_AWAY: Final = (RedisError, OSError, psycopg.OperationalError, psycopg_pool.PoolTimeout)
_WHOLE: Final = (*ORDER_KINDS, ChannelKind.ALARMS)
_log = logging.getLogger(__name__)


class LiveProjector:
    """Writes the watched channels.

    One projector of an installation writes, when it is its turn (`streams.turn`). Any other stands
    by; what it is told (a topic's partitions are spread over the workers) it passes on to that one.

    Args:
        pool: where the rows are.
        redis: where the channels are; see `store.live_channels.connect_redis`.
        clock: the time.
        assigned: the partitions (topic, partition) that the worker consumes now.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        redis: Redis,
        clock: Clock,
        assigned: Callable[[], Collection[tuple[str, int]]] = tuple,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._channels = LiveChannels(redis)
        self._turn = Turn(self._channels)
        self._passing_on = PassingOn(self._channels)
        self._gained = Gained(assigned)
        self._asked = False
        self._watched = Watched()
        self._refreshed = -math.inf
        self._wake = asyncio.Event()
        self._troubles: dict[str, str] = {}
        self.metrics: dict[str, float] = defaultdict(float)

    # What others tell it --------------------------------------------------------------------

    def machine_changed(self, site: str, machine_id: int) -> None:
        """A machine's committed rows changed."""
        self._told(Mark(MarkKind.MACHINE, site, machine_id))

    def order_changed(self, site: str, order_id: int) -> None:
        """An order's committed rows (or those of its operations) changed."""
        self._told(Mark(MarkKind.ORDER, site, order_id))

    def work_changed(self, site: str) -> None:
        """Work was planned, released, changed or cancelled: tiles, queues and counts may differ."""
        self._told(Mark(MarkKind.WORK, site))

    def plan_changed(self, scope: str, operation_ids: Collection[int]) -> None:
        """The projection of some of a scope's operations changed."""
        for operation_id in operation_ids:
            self._told(Mark(MarkKind.PROJECTION, scope, operation_id))

    def dead_letters_changed(self, site: str) -> None:
        """Dead letters were stored or replayed."""
        self._told(Mark(MarkKind.DEAD_LETTERS, site))

    def _told(self, mark: Mark) -> None:
        if self.writes:
            self._note(mark)
        else:
            self._passing_on.add(mark)

    def _note(self, mark: Mark) -> None:
        if self._watched.note(mark):
            self._wake.set()

    async def handle(self, batch: Sequence[Message]) -> None:
        """Mark what a batch of events names.

        Topics: FLOOR, PROGRESS, ORDERS, PLANS, DISRUPTIONS, DEAD_LETTERS, ALARMS.
        It may be acknowledged at once: after a restart everything watched is read in full. A
        record that the relay tells again marks what is then read once more and found the same, so
        its number in the outbox is not asked for.
        """
        for record in batch:
            try:
                events = decode_events(record.value or b"")
            except msgspec.DecodeError as error:
                # The agent whose topic it is sets the record aside; here it names nothing.
                _log.warning("%s[%d]@%d: %s", record.topic, record.partition, record.offset, error)
                continue
            for event in events:
                for mark in marks_of(event):
                    self._told(mark)

    @property
    def writes(self) -> bool:
        """Whether it is the one that writes; another one does, or Redis is away, when it is not."""
        return self._turn.token is not None

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is, and what is wrong."""
        if self._troubles:
            return HealthState.DEGRADED, "; ".join(self._troubles.values())
        return HealthState.OK, None

    # Running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Project until cancelled."""
        work = [
            asyncio.create_task(self._hold(), name="live-hold"),
            asyncio.create_task(self._passing_on.run(), name="live-forward"),
            asyncio.create_task(self._listen(), name="live-wants"),
            asyncio.create_task(self._sweep(), name="live-sweep"),
            asyncio.create_task(self._project(), name="live-project"),
        ]
        try:
            await asyncio.gather(*work)
        finally:
            await tasks.end(work)
            await self._turn.release()

    async def _hold(self) -> None:
        """Be the one that writes, or become it when there is none."""
        while True:
            if self._gained.look():
                self._told(Mark(MarkKind.ALL))
            try:
                await self._claim()
            except (RedisError, OSError) as error:
                await self._trouble("lease", error, 0)
            else:
                self._well("lease")
            await asyncio.sleep(_HOLD_S)

    async def _claim(self) -> None:
        wrote = self.writes
        try:
            if await self._turn.claim():
                self._passing_on.clear()
                self._watched.begin_anew()
                self._asked = False
        finally:
            if wrote and not self.writes:
                # What was told here while the turn had ended unnoticed has reached nobody.
                self._passing_on.everything()
            self.metrics["writing"] = float(self.writes)
            self._wake.set()
        if self.writes and not self._asked:
            self._want(await self._channels.wanted())
            self._asked = True

    async def _listen(self) -> None:
        """Learn what is watched, and hear of what else is; again after every outage."""
        failures = 0
        while True:
            try:
                async with self._channels.listen(WANTS, MARKS) as messages:
                    self._want(await self._channels.wanted())
                    self._watched.begin_anew()
                    self._well("wants")
                    failures = 0
                    self._wake.set()
                    async for name, message in messages:
                        if name == WANTS:
                            self._want(msgspec.json.decode(message, type=list[str]))
                        elif self.writes:
                            for mark in msgspec.json.decode(message, type=list[Mark]):
                                self._note(mark)
            except (RedisError, OSError, msgspec.DecodeError) as error:
                await self._trouble("wants", error, failures)
                failures += 1

    def _want(self, names: Iterable[str]) -> None:
        """Note that channels are watched."""
        self._watched.want(names, self._clock.monotonic() + WANT_LIFETIME_S)
        if self._watched.new:
            self._wake.set()

    async def _sweep(self) -> None:
        """Keep what is watched, forget what is not, refresh by the minute."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                await self._sweep_once()
            except (RedisError, OSError) as error:
                await self._trouble("sweep", error, 0)
            else:
                self._well("sweep")

    async def _sweep_once(self) -> None:
        turn = self._turn.token
        now = self._clock.monotonic()
        gone = [name for name, until in self._watched.expires.items() if until <= now]
        if turn is None:
            # Whoever takes the turn asks what is watched.
            for name in gone:
                self._watched.forget(name)
            return
        if now - self._refreshed >= REFRESH_S:
            self._refreshed = now
            self._watched.mark_all()
            self._well("views")
        if gone:
            await self._drop(gone, turn)
        await self._channels.keep(self._watched.names)
        self._wake.set()

    async def _drop(self, gone: Sequence[str], turn: str) -> None:
        """Drop the channels that really nobody watches any more."""
        still = await self._channels.wanted()
        self._want(name for name in gone if name in still)
        dropped = [name for name in gone if name not in still]
        for name in dropped:
            self._watched.forget(name)
        with contextlib.suppress(FencedProjectorError):
            await self._channels.drop(dropped, turn=turn)

    async def _project(self) -> None:
        """Read and write what is due, round by round."""
        failures = 0
        while True:
            turn = await self._until_due()
            began = self._clock.monotonic()
            try:
                await self._round(began, turn)
                self._well("projection")
                failures = 0
            except FencedProjectorError:
                await self._reclaim()
            except _AWAY as error:
                self._watched.begin_anew()
                await self._trouble("projection", error, failures)
                failures += 1
            took = self._clock.monotonic() - began
            self.metrics["rounds"] += 1
            self.metrics["seconds"] += took
            await asyncio.sleep(max(_GAP_S - took, 0.0))

    async def _until_due(self) -> str:
        """Wait until it is this one's turn and something is due; answers the turn's token."""
        while True:
            self._wake.clear()
            wait_s = math.inf
            turn = self._turn.token
            if turn is not None:
                due = min((projection.due_at() for projection in self._watched), default=math.inf)
                wait_s = -math.inf if self._watched.new else due - self._clock.monotonic()
                if wait_s <= 0:
                    return turn
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if wait_s == math.inf else wait_s)

    async def _reclaim(self) -> None:
        """The turn has ended: Redis forgot whose it was, or another projector has it."""
        self._watched.begin_anew()
        try:
            await self._claim()
        except (RedisError, OSError) as error:
            await self._trouble("lease", error, 0)

    async def _round(self, now: float, turn: str) -> None:
        """Read and write everything that is due, under the turn that it began in."""
        if self._watched.new:
            # Names that fail here are said again by whoever watches.
            names, self._watched.new = self._watched.new, set()
            async with self._pool.connection() as connection:
                for found in await resolve(connection, _parsed(names)):
                    self._watched.add(found)
        due = [
            (projection, projection.take(now))
            for projection in self._watched
            if projection.due_at() <= now
        ]
        try:
            # A planning board is a thousand bars: a customer's date does not wait for them.
            await self._flush([one for one in due if one[0].kind is not ChannelKind.PLAN], turn)
            await self._flush([one for one in due if one[0].kind is ChannelKind.PLAN], turn)
        except (*_AWAY, FencedProjectorError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is found out channel by channel
            _log.warning("live projector: a view failed; each is tried by itself")
            await self._flush_one_by_one(due, turn)

    async def _flush_one_by_one(self, due: Sequence[tuple[Projection, Due]], turn: str) -> None:
        """Give up the channels whose view fails: they must not stop the others."""
        for projection, what in due:
            try:
                await self._flush([(projection, what)], turn)
            except (*_AWAY, FencedProjectorError):
                raise
            except Exception:  # noqa: BLE001 - one view must not stop the rest
                _log.exception("live projector: the view of %s failed", projection.name)
                self._troubles["views"] = f"the view of {projection.name} failed; see the log"
                self.metrics["failed_views"] += 1
                self._watched.forget(projection.name)

    async def _flush(self, due: Sequence[tuple[Projection, Due]], turn: str) -> None:
        if not due:
            return
        async with self._pool.connection() as connection:
            changes = await self._read(connection, due)
        for projection, what in due:
            await self._write(projection, what, changes[projection.name], turn)

    async def _read(
        self, connection: Connection, due: Sequence[tuple[Projection, Due]]
    ) -> dict[str, Changes]:
        """The rows of all that is due: one reading per site and kind."""
        reading = Reading(connection, now_ms=self._clock.now_ms(), clock=self._clock)
        orders = [each for each, _ in due if each.kind in ORDER_KINDS]
        machines = [(each, what) for each, what in due if each.kind is ChannelKind.MACHINE]
        changes: dict[str, Changes] = {}
        for each, what in due:
            if isinstance(each, PlanProjection):
                changes[each.name] = await reading.plan(each, what)
                if each.board is not None:
                    self._watched.stands(each, [site.code for site in each.board.sites])
            elif isinstance(each, AlarmsProjection):
                changes[each.name] = await reading.alarms(each)
            elif each.kind is ChannelKind.FLOOR:
                cache = await self._site(connection, each.site)
                changes[each.name] = await reading.floor(each, what, cache)
        for code in {machine.site for machine, _ in machines}:
            cache = await self._site(connection, code)
            here = [(each, what) for each, what in machines if each.site == code]
            changes |= await reading.machines(here, cache)
        if orders:
            changes |= await reading.orders(orders)
        return changes

    async def _site(self, connection: Connection, code: str) -> SiteCache:
        site = await read_site(connection, code)
        if site is None:
            raise LookupError(f"site {code!r} is gone")
        cache = self._watched.sites.get(code)
        if cache is None or cache.site != site:
            cache = self._watched.sites[code] = SiteCache(site)
        return cache

    async def _write(self, projection: Projection, due: Due, changes: Changes, turn: str) -> None:
        # Changes of orders and alarms are always the whole state: what left it is taken away.
        written = await self._channels.write(
            projection.name,
            changes,
            turn=turn,
            expected=projection.position,
            full=due.full or projection.kind in _WHOLE,
            fresh_epoch=uuid.uuid4().hex,
        )
        self.metrics["writes"] += 1
        if isinstance(written, Lost):
            projection.lost()
            return
        if projection.position != written.position:
            self.metrics["deltas"] += 1
        projection.position = written.position

    async def _trouble(self, part: str, error: Exception, failures: int) -> None:
        """Say what is wrong and wait a little longer each time."""
        reason = f"{part}: {type(error).__name__}: {error}".strip().splitlines()[0]
        if self._troubles.get(part) != reason:
            _log.warning("live projector: %s", reason)
        self._troubles[part] = reason
        self.metrics["failures"] += 1
        await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    def _well(self, part: str) -> None:
        if self._troubles.pop(part, None) is not None:
            _log.info("live projector: %s works again", part)


def _parsed(names: Iterable[str]) -> list[tuple[ChannelKind, str]]:
    parsed = []
    for name in names:
        try:
            parsed.append(parse_channel(name))
        except ChannelNameError as error:
            _log.warning("%s", error)
    return parsed

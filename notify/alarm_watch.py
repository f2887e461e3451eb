"""Looks whether the conditions of alarm rules hold, raises, clears, silences, and tells people.

Conditions are looked at, not listened to: what the log says only makes the next look come at once.
One process looks at a time, by a lease; if two did, no alarm would be raised twice
(`store.alarms.moving`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.streams import PARTITIONS, TOPICS
from domain.alarms.conditions import (
    Condition,
    DeadLetters,
    GatewayOffline,
    LineDown,
    MachineDown,
    MachineSilent,
    OrderAtRisk,
    OrderLate,
    PaceBelow,
    PlanInfeasible,
    ReadingOutside,
    ScrapRate,
    Shortage,
)
from domain.alarms.deciding import Decision, Pending, decide
from domain.alarms.escalations import Counted
from domain.alarms.facts import needs_of
from domain.alarms.observing import observe
from domain.alarms.rules import During
from domain.alarms.states import AlarmEvent
from notify.alarm_telling import Teller
from notify.alarm_wakes import listen
from runtime.clock import Clock
from runtime.health import KEY_PREFIX, Health, HealthState
from store.alarms import definitions, pruning, reading
from store.alarms.definitions import InForce
from store.alarms.events import records_of
from store.alarms.facts import note_gateways, read_facts
from store.alarms.moving import Move, Moved, move_alarms, raise_alarms
from store.alarms.shifts import Shifts, read_shifts
from store.alarms.starting import begin_with_starter
from store.audit import Actor
from store.database import Connection, Pool
from store.leases import AWAY, Leases
from store.log import LogError, StreamLog, UnknownTopicError

_log = logging.getLogger(__name__)

ACTOR: Final = Actor("alarms", "notify")
Kind = type[Condition]

PERIODS_S: Final[dict[Kind, float]] = {
    MachineDown: 2.0,
    LineDown: 2.0,
    PlanInfeasible: 2.0,
    MachineSilent: 5.0,
    ReadingOutside: 5.0,
    DeadLetters: 5.0,
    GatewayOffline: 5.0,
    PaceBelow: 15.0,
    ScrapRate: 15.0,
    OrderAtRisk: 15.0,
    OrderLate: 15.0,
    Shortage: 60.0,
}
"""How often each kind of condition is looked at; by how much it costs to read."""
WOKEN: Final[frozenset[Kind]] = frozenset({MachineDown, LineDown, PlanInfeasible})
"""What is looked at as soon as something happened."""
ALL_KINDS: Final = frozenset(PERIODS_S)

_LEASE: Final = "alarms"
_GATHER_S: Final = 0.05
_LEAST_S: Final = 0.2
"""Looks follow each other by so much at least, however much happens on the floor."""
_LONGEST_S: Final = 1.0
_AWAY_S: Final = 2.0
_PRUNING_S: Final = 3_600.0
_NOT_READY: Final = (*AWAY, psycopg.errors.UndefinedTable, LogError)
_PORTION: Final = 2_000
_PORTION_PAUSE_S: Final = 0.2
_SHIFTS_S: Final = 60
_PROCESS: Final = re.compile(r"-\d+$")
_GATEWAY: Final = "gateway"


class AlarmWatch:
    """Looks after the alarms of an installation.

    Args:
        pool: where the rows are.
        log: where it is told that alarms moved.
        redis: where gateways say how they are.
        leases: keep other processes from looking meanwhile.
        clock: the time.
        url: of the database, to be woken by.
        keep: for how long what happened is kept.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        log: StreamLog,
        redis: Redis,
        leases: Leases,
        clock: Clock,
        url: str,
        keep: timedelta = timedelta(days=400),
    ) -> None:
        self._pool = pool
        self._log = log
        self._keep = keep
        self._redis = redis
        self._leases = leases
        self._clock = clock
        self._url = url
        self._happened = asyncio.Event()
        self._looked: dict[Kind, float] = {}
        self._look_at_ms: int | None = None
        self._in_force: tuple[tuple[int, datetime | None], InForce] | None = None
        self._shifts: Shifts | None = None
        self._away: str | None = None
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is."""
        if self._away is not None:
            return HealthState.DEGRADED, self._away
        return HealthState.OK, None

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [self.keep_watching(), self.keep_pruning(), listen(self._url, self._happened.set)]

    async def keep_watching(self) -> None:
        """Look again and again, until cancelled. The database away is a pause, no end."""
        while True:
            woken = await self._woken()
            # What happens from here on is for the next look: this one may have read before it.
            self._happened.clear()
            try:
                await self._in_turn(woken=woken)
                self._away = None
            except _NOT_READY as error:
                self._away = f"alarms are not looked after: {type(error).__name__}"
                _log.info("alarms are not looked after meanwhile: %s", str(error).strip())
                await asyncio.sleep(_AWAY_S)

    async def keep_pruning(self) -> None:
        """Drop what is kept no longer, now and then, until cancelled."""
        while True:
            try:
                await self.prune()
            except (*AWAY, psycopg.errors.UndefinedTable) as error:
                _log.debug("the database does not answer: %s", error)
            await asyncio.sleep(_PRUNING_S)

    async def prune(self) -> int:
        """Drop what is older than it is kept, in portions; answers how many rows."""
        before = datetime.fromtimestamp(self._clock.now_ms() / 1_000, UTC) - self._keep
        dropped = 0
        for table in pruning.TABLES:
            portion = _PORTION
            while portion == _PORTION:
                async with self._pool.connection() as connection, connection.transaction():
                    portion = await pruning.drop_older(connection, table, before, at_once=_PORTION)
                dropped += portion
                await asyncio.sleep(_PORTION_PAUSE_S)
        self.metrics["alarm_rows_pruned"] += dropped
        return dropped

    async def _woken(self) -> bool:
        """Wait for the next look; True: something happened."""
        await asyncio.sleep(_LEAST_S)
        pause_s = _LONGEST_S
        if self._look_at_ms is not None:
            pause_s = min(pause_s, max((self._look_at_ms - self._clock.now_ms()) / 1_000, 0.0))
        try:
            async with asyncio.timeout(max(pause_s - _LEAST_S, 0.0)):
                await self._happened.wait()
        except TimeoutError:
            return self._happened.is_set()
        await asyncio.sleep(_GATHER_S)
        return True

    async def _in_turn(self, *, woken: bool) -> None:
        if not await self._leases.take(_LEASE):
            self._looked.clear()
            return
        try:
            await self.look(self._due(woken=woken))
        except UnknownTopicError:
            # Of an older release, or nobody has begun to read it yet.
            await self._log.create_topics(TOPICS, PARTITIONS)
        finally:
            await self._leases.release(_LEASE)

    def _due(self, *, woken: bool) -> frozenset[Kind]:
        """The kinds that are to be looked at now."""
        now_s = self._clock.monotonic()
        over = self._look_at_ms is not None and self._look_at_ms <= self._clock.now_ms()
        return frozenset(
            kind
            for kind, period_s in PERIODS_S.items()
            if over
            or (woken and kind in WOKEN)
            or now_s - self._looked.get(kind, float("-inf")) >= period_s
        )

    async def look(self, kinds: Collection[Kind] = ALL_KINDS) -> list[Moved]:
        """Look at some kinds of conditions now, and tell people; answers the alarms that moved."""
        now_ms = self._clock.now_ms()
        self._look_at_ms = None
        looking = set(kinds)
        async with self._pool.connection() as connection:
            in_force = await self._read_definitions(connection)
            if GatewayOffline in looking and not await self._hear_gateways(connection):
                looking.discard(GatewayOffline)
            shifts = await self._read_shifts(connection, in_force, now_ms)
            decision = await self._decide(connection, in_force, looking, shifts, now_ms)
            async with connection.transaction():
                moved = await self._apply(connection, in_force, decision, now_ms)
                told = await Teller(connection, in_force, shifts, now_ms=now_ms).tell(moved)
                if moved:
                    # Last: it locks the partitions' heads.
                    await self._log.append_in(connection, records_of(moved, now_ms=now_ms))
        monotonic = self._clock.monotonic()
        self._looked.update(dict.fromkeys(looking, monotonic))
        looks = [each for each in (decision.look_at_ms, told.next_ms) if each is not None]
        self._look_at_ms = min(looks, default=None)
        self.metrics["alarm_looks"] += 1
        self.metrics["alarm_messages"] += told.messages
        self.metrics["alarm_steps_uncovered"] += told.uncovered
        for each in moved:
            self.metrics[f"alarms_{each.event}"] += 1
        return moved

    # What is known -------------------------------------------------------------------------------

    async def _read_definitions(self, connection: Connection) -> InForce:
        stamp = await definitions.stamp(connection)
        if self._in_force is None or self._in_force[0] != stamp:
            if await definitions.is_empty(connection):
                await begin_with_starter(connection, ACTOR)
                stamp = await definitions.stamp(connection)
            self._in_force = stamp, await definitions.in_force(connection)
        return self._in_force[1]

    async def _read_shifts(
        self, connection: Connection, in_force: InForce, now_ms: int
    ) -> Shifts | None:
        by_rules = any(rule.enabled and rule.during is During.SHIFT for rule in in_force.rules)
        by_steps = any(
            step.counted is Counted.SHIFT
            for each in in_force.escalations.values()
            for step in each.steps
        )
        if not by_rules and not by_steps:
            return None
        if self._shifts is None or now_ms - self._shifts.read_ms >= _SHIFTS_S * 1_000:
            self._shifts = await read_shifts(connection, now_ms=now_ms)
        return self._shifts

    async def _hear_gateways(self, connection: Connection) -> bool:
        """Note which gateways speak; False: Redis is away, so nobody is heard."""
        heard: dict[str, int] = {}
        try:
            async for key in self._redis.scan_iter(match=f"{KEY_PREFIX}edge*", count=500):
                word = await self._redis.get(key)
                if word is None:
                    continue
                health = msgspec.json.decode(word, type=Health)
                # One of an older release has no name: its machine's has to do.
                name = health.name or _PROCESS.sub("", health.instance) or _GATEWAY
                heard[name] = max(heard.get(name, 0), health.at_ms)
        except (RedisError, OSError, msgspec.DecodeError) as error:
            _log.debug("gateways are not heard: %s", error)
            return False
        await note_gateways(connection, heard)
        return True

    async def _decide(
        self,
        connection: Connection,
        in_force: InForce,
        looking: Collection[Kind],
        shifts: Shifts | None,
        now_ms: int,
    ) -> _Decided:
        rules = [rule for rule in in_force.rules if rule.enabled]
        looked = [rule for rule in rules if type(rule.condition) in looking]
        needs = needs_of(rule.condition for rule in looked)
        facts = await read_facts(connection, needs, now_ms=now_ms, shifts=shifts)
        known = await reading.known(connection)
        pending = await reading.pending(connection)
        active = {cause for cause, (_, each) in known.items() if each.active}
        decision = decide(
            observe(looked, facts, active),
            [each for _, each in known.values()],
            rules,
            pending=pending,
            now_ms=now_ms,
            unknown=[_kind_of(kind) for kind in ALL_KINDS if kind not in looking],
        )
        return _Decided(
            decision=decision,
            ids={cause: alarm_id for cause, (alarm_id, _) in known.items()},
            pending=pending,
        )

    # What is done --------------------------------------------------------------------------------

    async def _apply(
        self, connection: Connection, in_force: InForce, decided: _Decided, now_ms: int
    ) -> list[Moved]:
        decision, ids = decided.decision, decided.ids
        moved = await raise_alarms(
            connection,
            decision.raised,
            rule_ids=in_force.rule_ids,
            now_ms=now_ms,
            actor=ACTOR,
        )
        over = await reading.shelves_over(connection, now_ms=now_ms)
        for moves in (
            [Move(id=ids[cause], event=AlarmEvent.CLEAR) for cause in decision.cleared],
            [
                Move(id=ids[cause], event=AlarmEvent.SUPPRESS, by_cause=by)
                for cause, by in decision.suppressed.items()
            ],
            [Move(id=ids[cause], event=AlarmEvent.UNSUPPRESS) for cause in decision.unsuppressed],
            [Move(id=each, event=AlarmEvent.UNSHELVE) for each in over],
        ):
            moved += await move_alarms(connection, moves, now_ms=now_ms, actor=ACTOR)
        await reading.write_pending(connection, decided.pending, decision.pending)
        return moved


class _Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, the ids of the alarms that it is about, and what waited before."""

    decision: Decision
    ids: dict[str, int]
    pending: dict[str, Pending]

    @property
    def look_at_ms(self) -> int | None:
        """When the first delay is over."""
        return self.decision.look_at_ms


def _kind_of(kind: Kind) -> str:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, str)  # noqa: S101 - each of them has one
    return tag

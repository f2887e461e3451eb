"""The courier: takes letters that are due from all sources, writes them, sends them, settles them.

A letter is taken on with a lease, sent while no transaction is open, then settled. Whoever is
killed in between leaves it to be sent again under the same id: at least once on the wire, once in
the books. Each channel has places of its own, each way fewer than that, so a provider that hangs
holds up only what goes by it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from domain.alarms.recipients import Channel
from domain.notification.letters import Fault, Letter, Outcome, Refused, Rendered, Taken, TryAgain
from domain.notification.retrying import Policy, next_attempt
from domain.notification.ways import Way
from notify.courier_ports import Driver, LetterError, NotYetError, Source
from notify.letter_words import Writer
from notify.way_choice import Blocked, Ways
from runtime.clock import Clock
from runtime.health import HealthState
from store.database import Connection, Pool
from store.leases import AWAY
from store.notification import addresses, letter_lists, trials, ways

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 1.0
_AWAY_S: Final = 2.0
_LEASE_MARGIN_S: Final = 30.0
"""Beyond the longest attempt, for composing it and for the transaction that settles it."""
_BUSY_S: Final = 1.0
_BLOCKED_S: Final = 60.0
_LOOK_S: Final = 10.0
_TRIALS_KEPT: Final = timedelta(days=90)


class Courier:
    """Sends letters.

    Args:
        pool: where the rows are.
        clock: the time.
        sources: what has letters, in the order in which they are taken on.
        drivers: by kind of way.
        ways: what is configured.
        writer: puts letters into words.
        policy: when to give up.
        timeout_s: how long an attempt may take.

    Attributes:
        metrics: counters since the start, and gauges, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        sources: Sequence[Source],
        drivers: Mapping[str, Driver],
        ways: Ways,
        writer: Writer,
        policy: Policy,
        timeout_s: float,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._sources = {each.table.name: each for each in sources}
        self._drivers = drivers
        self._ways = ways
        self._writer = writer
        self._policy = policy
        self._timeout_s = timeout_s
        self._woken = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Channel] = {}
        self._looked_at: datetime | None = None
        self._closed: dict[str, str] = {}
        self._random = random.Random()  # noqa: S311 - spreads attempts, hides nothing
        self._away: str | None = None
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is: a channel whose ways are broken while letters wait is a reason to look."""
        if self._away is not None:
            return HealthState.DEGRADED, self._away
        for problem in self._closed.values():
            return HealthState.DEGRADED, f"messages wait: {problem}"
        return HealthState.OK, None

    def wake(self) -> None:
        """There may be letters: look at once."""
        self._woken.set()

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [self.keep_sending()]

    async def keep_sending(self) -> None:
        """Send what is due, until cancelled; what is under way then is given back by its lease."""
        try:
            while True:
                try:
                    started = await self.round()
                    self._away = None
                except (*AWAY, psycopg.errors.UndefinedTable) as error:
                    self._away = f"the database does not answer: {type(error).__name__}"
                    await asyncio.sleep(_AWAY_S)
                    continue
                if not started:
                    await self._wait()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def round(self) -> int:
        """Take on what is due and has a place; answers how many letters."""
        self._woken.clear()
        now = self._now()
        if self._looked_at is None or now - self._looked_at >= timedelta(seconds=_LOOK_S):
            await self._look(now)
        async with self._pool.connection() as connection:
            due = await letter_lists.due_channels(connection, now=now)
        if not due:
            return 0
        await self._ways.refresh()
        await self._writer.refresh()
        free = Counter({channel: self._ways.places(channel, now) for channel in Channel})
        free.subtract(self._under_way.values())
        started = 0
        for name, source in self._sources.items():
            for channel in Channel:
                if (name, channel) not in due or free[channel] <= 0:
                    continue
                # A way that is broken may well be tried.
                if source.table is not trials.TRIALS and self._ways.closed(channel, now):
                    continue
                taken = await self._take(source, channel, now, free[channel])
                free[channel] -= len(taken)
                started += len(taken)
        return started

    async def _take(
        self, source: Source, channel: Channel, now: datetime, total: int
    ) -> list[Letter]:
        """Take on letters of a channel; each goes on in a task of its own."""
        async with self._pool.connection() as connection, connection.transaction():
            letters = await source.table.take_due(
                connection, channel, now=now, lease=self._lease, total=total
            )
            stopped = await addresses.suppressed(
                connection, channel, {each.address for each in letters if each.only_by is None}
            )
            for letter in letters:
                if letter.only_by is None and letter.address in stopped:
                    self.metrics["letters_suppressed"] += 1
                    await source.table.settle_unsent(
                        connection,
                        letter,
                        way=None,
                        error=_suppressed(stopped[letter.address]),
                        next_at=None,
                    )
        going = [
            each for each in letters if each.only_by is not None or each.address not in stopped
        ]
        for letter in going:
            task = asyncio.create_task(self._carry(source, letter), name="letter")
            self._under_way[task] = channel
            task.add_done_callback(self._done)
        return going

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error(
                "a letter broke off; it goes when its lease is over", exc_info=task.exception()
            )

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE_S):
                await self._woken.wait()
        except TimeoutError:
            return

    # One letter ----------------------------------------------------------------------------------

    async def _carry(self, source: Source, letter: Letter) -> None:
        """Send one letter and settle it."""
        chosen = self._ways.choose(letter, self._now())
        if isinstance(chosen, Blocked):
            await self._blocked(source, letter, chosen)
            return
        try:
            outcome, note = await self._attempt(source, letter, chosen)
        finally:
            self._ways.free(chosen)
        await self._persist(partial(self._settle, source, letter, chosen, outcome, note))

    async def _attempt(
        self, source: Source, letter: Letter, way: Way
    ) -> tuple[Outcome, str | None]:
        """Write and send a letter; whatever goes wrong is an outcome."""
        driver = self._drivers.get(way.kind)
        if driver is None:
            return TryAgain(problem=f"this program has no driver for {way.kind}"), None
        written = await self._write(source, letter)
        if not isinstance(written, Rendered):
            return written, None
        outcome: Outcome
        try:
            async with asyncio.timeout(self._timeout_s):
                outcome = await driver.deliver(letter, written, way)
        except TimeoutError:
            outcome = TryAgain(problem=f"{way.code}: nothing within {self._timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - one driver must not end all others
            _log.error("letter %s by %s broke off", letter.message_id, way.code, exc_info=error)
            outcome = TryAgain(problem=f"{way.code}: {type(error).__name__}: {error}")
        return outcome, written.note

    async def _write(self, source: Source, letter: Letter) -> Rendered | Refused | TryAgain:
        """Put a letter into words."""
        try:
            async with asyncio.timeout(self._timeout_s):
                composed = await source.compose(letter)
                return await self._writer.write(letter, composed, now=self._now())
        except LetterError as error:
            return Refused(problem=str(error), fault=Fault.LETTER)
        except NotYetError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - one letter must not end all others
            _log.error("letter %s is not written", letter.message_id, exc_info=error)
            problem = f"it cannot be written: {type(error).__name__}: {error}"
        return TryAgain(problem=problem, fault=Fault.LETTER)

    async def _blocked(self, source: Source, letter: Letter, blocked: Blocked) -> None:
        """No way now: it goes back, or counts as tried where somebody has to change something."""
        now = self._now()
        if blocked.until is None:
            outcome = TryAgain(problem=blocked.problem, fault=Fault.LETTER, after_s=_BLOCKED_S)
            await self._persist(partial(self._settle, source, letter, None, outcome, None))
            return
        next_at = max(blocked.until, now + timedelta(seconds=_BUSY_S))
        async with self._pool.connection() as connection, connection.transaction():
            await source.table.put_back(
                connection, [letter], next_at=next_at, error=blocked.problem
            )

    async def _settle(
        self, source: Source, letter: Letter, way: Way | None, outcome: Outcome, note: str | None
    ) -> None:
        now = self._now()
        async with self._pool.connection() as connection, connection.transaction():
            if isinstance(outcome, Taken):
                self.metrics["letters_sent"] += 1
                assert way is not None  # noqa: S101 - what has no way is not taken by any
                await source.table.settle_sent(
                    connection,
                    letter,
                    way=way.code,
                    reference=outcome.reference,
                    note=note,
                    now=now,
                )
                await ways.note_works(connection, way.code, now=now, sent=True)
                await addresses.clear(connection, letter.channel, letter.address)
                return
            next_at = self._next_at(letter, outcome, now)
            self.metrics["letters_failed" if next_at else "letters_given_up"] += 1
            await source.table.settle_unsent(
                connection,
                letter,
                way=None if way is None else way.code,
                error=outcome.problem,
                next_at=next_at,
            )
            if outcome.fault is Fault.WAY and way is not None:
                until = await ways.note_fails(
                    connection, way.code, version=way.version, error=outcome.problem, now=now
                )
                if until is not None:
                    self.metrics["ways_broken_off"] += 1
                    _log.warning("%s is left alone until %s: %s", way.code, until, outcome.problem)
            elif way is not None and outcome.fault is Fault.ADDRESS:
                await ways.note_works(connection, way.code, now=now, sent=False)
            if isinstance(outcome, Refused) and outcome.fault is Fault.ADDRESS:
                await self._bounced(connection, letter, outcome, now)

    async def _bounced(
        self, connection: Connection, letter: Letter, outcome: Refused, now: datetime
    ) -> None:
        stopped = await addresses.note_bounce(
            connection,
            letter.channel,
            letter.address,
            error=outcome.problem,
            now=now,
            most=self._policy.bounces,
        )
        self.metrics["letters_bounced"] += 1
        if stopped:
            self.metrics["addresses_suppressed"] += 1
            _log.warning(
                "the %s address of %s is sent nothing more: %s",
                letter.channel, letter.recipient, outcome.problem,
            )  # fmt: skip

    def _next_at(
        self, letter: Letter, outcome: TryAgain | Refused, now: datetime
    ) -> datetime | None:
        """When it is tried again; None: never. What tries a way is tried once."""
        if isinstance(outcome, Refused) or letter.only_by is not None:
            return None
        return next_attempt(
            self._policy,
            attempts=letter.attempts,
            decided_at=letter.decided_at,
            now=now,
            chance=self._random.random(),
            after_s=outcome.after_s,
        )

    async def _persist(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Settle, and while the database is away again and again, until the lease is over.

        What was sent and is not settled is sent once more.
        """
        until = self._now() + self._lease - timedelta(seconds=self._timeout_s)
        while True:
            try:
                await settle()
            except AWAY as error:
                if self._now() >= until:
                    raise
                _log.info("a letter is not settled yet: %s", str(error).strip())
                await asyncio.sleep(_AWAY_S)
            else:
                return

    # What waits ----------------------------------------------------------------------------------

    async def _look(self, now: datetime) -> None:
        """Say of what waits why it does, give up what is too old, and count."""
        await self._ways.refresh()
        closed: dict[str, str] = {}
        async with self._pool.connection() as connection, connection.transaction():
            waiting = await letter_lists.counts(connection)
            for channel in waiting:
                blocked = self._ways.closed(channel, now)
                if blocked is None:
                    continue
                if blocked.until is not None:  # else somebody has not configured it yet
                    closed[channel] = blocked.problem
                for source in self._sources.values():
                    if source.table is trials.TRIALS:
                        continue
                    self.metrics["letters_given_up"] += await source.table.hold_up(
                        connection,
                        channel,
                        error=blocked.problem,
                        now=now,
                        older_than=now - self._policy.age,
                    )
            await trials.drop_older(connection, now - _TRIALS_KEPT)
        self._closed = closed
        self._looked_at = now
        self.metrics["letters_waiting"] = sum(waiting.values())
        self.metrics["letters_under_way"] = len(self._under_way)
        self.metrics["ways_broken"] = len(self._ways.broken(now))
        self.metrics["template_fallbacks"] = self._writer.fallbacks

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=2 * self._timeout_s + _LEASE_MARGIN_S)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)


def _suppressed(address: addresses.BadAddress) -> str:
    return (
        f"{address.address} is sent nothing since {address.suppressed_at:%Y-%m-%d %H:%M} UTC:"
        f" {address.bounces} messages in a row were refused for good, the last one as"
        f" {address.last_error!r}; put the address right, or release it with"
        " POST /v1/notification-addresses/release, and retry the message"
    )

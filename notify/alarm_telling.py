"""Whom a round tells: steps that are due become messages, and what is over is told as over."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from domain.alarms.escalations import Escalation, steps_due, told_by
from domain.alarms.recipients import Handled, Handling, Recipient, Sent, handle
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmEvent
from store.alarms import telling
from store.alarms.definitions import InForce
from store.alarms.moving import Moved
from store.alarms.shifts import Shifts
from store.alarms.telling import NewMessage, Open
from store.database import Connection
from store.notification import addresses

_log = logging.getLogger(__name__)

_STATES = {Handling.SEND: "waiting", Handling.HOLD: "held", Handling.DIGEST: "gathered"}


class Telling(msgspec.Struct, kw_only=True):
    """What a round told.

    Attributes:
        messages: how many were decided.
        uncovered: how often a step found nobody.
        next_ms: when the next step is due.
    """

    messages: int = 0
    uncovered: int = 0
    next_ms: int | None = None


class Teller:
    """Tells people of the alarms of a moment; within one transaction.

    Args:
        connection: of the transaction in which the alarms moved.
        in_force: escalations, rotas, recipients.
        shifts: for steps that are counted in working time; None: it is always worked.
        now_ms: the moment.
    """

    def __init__(
        self, connection: Connection, in_force: InForce, shifts: Shifts | None, *, now_ms: int
    ) -> None:
        self._connection = connection
        self._in_force = in_force
        self._shifts = shifts
        self._now_ms = now_ms
        self._sent: dict[str, Sent] = {}
        self._suppressed: frozenset[tuple[str, str]] | None = None
        self.told = Telling()

    async def tell(self, moved: Iterable[Moved]) -> Telling:
        """Make the steps that are due, and tell of what is over."""
        over = [each for each in moved if each.event == AlarmEvent.CLEAR]
        await self._tell_over(over)
        for alarm in await telling.open_alarms(self._connection):
            escalation = self._in_force.escalations.get(alarm.escalation)
            if escalation is not None:
                await self._tell_steps(alarm, escalation)
        await telling.gather(self._connection, now_ms=self._now_ms)
        return self.told

    async def _tell_steps(self, alarm: Open, escalation: Escalation) -> None:
        shifts = self._shifts
        steps = steps_due(
            escalation,
            alarm.state,
            raised_ms=alarm.raised_ms,
            now_ms=self._now_ms,
            done=alarm.done,
            advance=(
                None
                if shifts is None
                else lambda at_ms, work_ms: shifts.advance(alarm.site, at_ms, work_ms)
            ),
        )
        if steps.next_ms is not None:
            self.told.next_ms = min(self.told.next_ms or steps.next_ms, steps.next_ms)
        for due in steps.due:
            step = escalation.steps[due.step]
            reached = told_by(step, self._in_force.rotas, self._now_ms)
            people, missing = await self._known(reached.recipients, AlarmPriority(alarm.priority))
            uncovered = [*(f"on-call:{each}" for each in reached.uncovered), *missing]
            made = await telling.make_step(
                self._connection,
                alarm,
                due.step,
                due_ms=due.at_ms,
                now_ms=self._now_ms,
                uncovered=uncovered,
            )
            if not made:
                continue
            if uncovered:
                self.told.uncovered += len(uncovered)
                _log.warning(
                    "alarm %s, step %d: nobody is reached by %s; change the escalation %r,"
                    " its rota, or the recipient's addresses",
                    alarm.cause, due.step, ", ".join(uncovered), escalation.code,
                )  # fmt: skip
            for person in people:
                await self._message(alarm, person, why=f"step {due.step}", step=due.step)

    async def _known(
        self, codes: Sequence[str], priority: AlarmPriority
    ) -> tuple[list[Recipient], list[str]]:
        """Recipients who have a way for a priority, and the codes of those who are not reached.

        Whose addresses are all suppressed is among both: their messages say why they did not go.
        """
        if self._suppressed is None:
            self._suppressed = await addresses.all_suppressed(self._connection)
        people, missing = [], []
        for code in codes:
            person = self._in_force.recipients.get(code)
            ways = () if person is None else person.ways(priority)
            if person is not None and ways:
                people.append(person)
            if all((way.channel, way.to) in self._suppressed for way in ways):
                missing.append(code)
        return people, missing

    async def _message(self, alarm: Open, person: Recipient, *, why: str, step: int) -> None:
        priority = AlarmPriority(alarm.priority)
        handled = await self._handled(person, priority)
        self.told.messages += len(
            await telling.add_messages(
                self._connection,
                [
                    NewMessage(
                        alarm_id=alarm.id,
                        occurrence=alarm.occurrence,
                        counts_from=alarm.raised_at,
                        why=why,
                        recipient=person.code,
                        channel=way.channel,
                        address=way.to,
                        language=person.language,
                        priority=priority,
                        state=_STATES[handled.handling],
                        because=handled.because,
                        next_at=_moment(handled.until_ms or self._now_ms),
                        body=alarm.body(step=step, recipient_name=person.name),
                    )
                    for way in person.ways(priority)
                ],
                now_ms=self._now_ms,
            )
        )

    async def _handled(self, person: Recipient, priority: AlarmPriority) -> Handled:
        """What becomes of one more message to somebody; it counts for the next one."""
        if person.code not in self._sent:
            self._sent.update(
                await telling.sent_lately(self._connection, [person.code], now_ms=self._now_ms)
            )
        sent = self._sent[person.code]
        handled = handle(person, priority, sent, self._now_ms)
        alone = (self._now_ms,) if handled.handling is Handling.SEND else ()
        self._sent[person.code] = msgspec.structs.replace(
            sent,
            decided_ms=(*sent.decided_ms, self._now_ms),
            sent_ms=(*sent.sent_ms, *alone),
            flooded=handled.because == "flood",
        )
        return handled

    async def _tell_over(self, over: Sequence[Moved]) -> None:
        """Those who were told are told that it is over; those who were not, are not any more."""
        if not over:
            return
        alarms = await telling.of_ids(self._connection, [each.id for each in over])
        for alarm in alarms:
            await telling.withdraw(self._connection, alarm.id, alarm.occurrence)
            escalation = self._in_force.escalations.get(alarm.escalation)
            if escalation is None or not escalation.tell_cleared:
                continue
            told = await telling.told_of(self._connection, alarm.id, alarm.occurrence)
            messages = [
                NewMessage(
                    alarm_id=alarm.id,
                    occurrence=alarm.occurrence,
                    counts_from=alarm.raised_at,
                    why="cleared",
                    recipient=recipient,
                    channel=channel,
                    address=address,
                    language=language,
                    priority=alarm.priority,
                    state="waiting",
                    because="allowed",
                    next_at=_moment(self._now_ms),
                    body=alarm.body(cleared_at=_moment(self._now_ms).isoformat()),
                )
                for recipient, channel, address, language in told
            ]
            added = await telling.add_messages(self._connection, messages, now_ms=self._now_ms)
            self.told.messages += len(added)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)

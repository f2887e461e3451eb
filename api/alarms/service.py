"""What people do to alarms: one statement each, and an entry in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.alarms.schemas import (
    Alarm,
    AlarmAcknowledgement,
    AlarmFlood,
    AlarmMeasure,
    AlarmRates,
    AlarmsAcknowledged,
    AlarmShelving,
    AlarmWithMessages,
    FrequentAlarm,
    StaleAlarm,
    alarm_of,
    message_of,
    step_of,
)
from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from domain.alarms import rates
from domain.alarms.rates import TARGETS, Rates
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmEvent
from store import audit
from store.alarms import messages, moving, reading
from store.alarms.events import records_of
from store.alarms.moving import Move
from store.alarms.reading import AlarmRow, Wanted
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Page


async def known(connection: Connection, principal: Principal, alarm_id: int) -> AlarmRow:
    """An alarm that one may see.

    Raises:
        NotFoundError: there is none.
    """
    wanted = Wanted(alarm_id=alarm_id, limited_to=principal.sites, lines=principal.lines)
    rows, _ = await reading.alarms(connection, Page(1, 0), wanted)
    if not rows:
        raise NotFoundError("alarm", str(alarm_id))
    return rows[0]


async def with_messages(context: Context, principal: Principal, alarm_id: int) -> AlarmWithMessages:
    """An alarm and who was told of it."""
    async with context.connection() as connection:
        row = await known(connection, principal, alarm_id)
        told = await messages.of_alarm(connection, alarm_id)
        made = await reading.steps(connection, alarm_id)
    return AlarmWithMessages(
        **alarm_of(row).model_dump(),
        messages=[message_of(each) for each in told],
        steps=[step_of(each) for each in made],
    )


async def acknowledge(
    context: Context, principal: Principal, wanted: AlarmAcknowledgement
) -> AlarmsAcknowledged:
    """Acknowledge what one may see, as one saw it."""
    now_ms = context.clock.now_ms()
    async with context.transaction() as connection:
        seen: dict[int, AlarmRow] = {}
        for each in wanted.alarms:
            asked = Wanted(alarm_id=each.id, limited_to=principal.sites, lines=principal.lines)
            rows, _ = await reading.alarms(connection, Page(1, 0), asked)
            seen.update({row.id: row for row in rows})
        moved = await moving.move_alarms(
            connection,
            [
                Move(id=each.id, event=AlarmEvent.ACKNOWLEDGE, occurrence=each.occurrence)
                for each in {seen_.id: seen_ for seen_ in wanted.alarms}.values()
                if each.id in seen
            ],
            now_ms=now_ms,
            actor=principal.actor,
            reason=wanted.reason,
        )
        for one in moved:
            await _tell(
                connection,
                principal,
                seen[one.id],
                one.state,
                reason=wanted.reason,
                word="Acknowledged",
            )
        await context.log.append_in(connection, records_of(moved, now_ms=now_ms))
    done = [one.id for one in moved]
    refused = {each.id for each in wanted.alarms}.difference(done)
    return AlarmsAcknowledged(acknowledged=done, refused=sorted(refused))


async def shelve(
    context: Context, principal: Principal, alarm_id: int, wanted: AlarmShelving
) -> Alarm:
    """Put an alarm aside.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is shelved already, or may not be for so long.
    """
    async with context.transaction() as connection:
        row = await known(connection, principal, alarm_id)
        if wanted.minutes > row.shelve_minutes:
            raise ConflictError(
                f"alarm {row.name!r} of {row.subject} may be shelved for {row.shelve_minutes}"
                f" minutes at most, not {wanted.minutes}; its rule says so",
                code="shelved-too-long",
                params={"most": row.shelve_minutes, "asked": wanted.minutes},
            )
        now_ms = context.clock.now_ms()
        until = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(minutes=wanted.minutes)
        return await _moved(
            context,
            connection,
            principal,
            row,
            Move(id=alarm_id, event=AlarmEvent.SHELVE, until=until),
            now_ms=now_ms,
            reason=wanted.reason,
            needs="not shelved",
        )


async def move(
    context: Context,
    principal: Principal,
    alarm_id: int,
    event: AlarmEvent,
    *,
    reason: str | None,
    needs: str,
) -> Alarm:
    """Let an event happen to an alarm; `needs`: how it has to stand, in words.

    Raises:
        NotFoundError: there is none.
        ConflictError: it does not stand like that.
    """
    async with context.transaction() as connection:
        row = await known(connection, principal, alarm_id)
        return await _moved(
            context,
            connection,
            principal,
            row,
            Move(id=alarm_id, event=event),
            now_ms=context.clock.now_ms(),
            reason=reason,
            needs=needs,
        )


async def _moved(
    context: Context,
    connection: Connection,
    principal: Principal,
    row: AlarmRow,
    move_: Move,
    *,
    now_ms: int,
    reason: str | None,
    needs: str,
) -> Alarm:
    moved = await moving.move_alarms(
        connection, [move_], now_ms=now_ms, actor=principal.actor, reason=reason
    )
    if not moved:
        now = await known(connection, principal, row.id)
        raise ConflictError(
            f"alarm {row.name!r} of {row.subject} is {now.state}; it has to be {needs}",
            code="alarm-state",
            params={"state": now.state, "event": move_.event.value},
        )
    await _tell(
        connection,
        principal,
        row,
        moved[0].state,
        reason=reason,
        word=_WORDS[move_.event],
    )
    shown = alarm_of(await known(connection, principal, row.id))
    await context.log.append_in(connection, records_of(moved, now_ms=now_ms))
    return shown


_WORDS = {
    AlarmEvent.SHELVE: "Shelved",
    AlarmEvent.UNSHELVE: "Unshelved",
    AlarmEvent.RESET: "Reset",
    AlarmEvent.REMOVE: "Removed",
    AlarmEvent.RETURN: "Returned",
}


async def assign(context: Context, principal: Principal, alarm_id: int, to: str | None) -> Alarm:
    """Say who sees to an alarm.

    Raises:
        NotFoundError: there is none.
    """
    async with context.transaction() as connection:
        row = await known(connection, principal, alarm_id)
        now_ms = context.clock.now_ms()
        changed = await moving.assign(
            connection, alarm_id, to, now_ms=now_ms, actor=principal.actor
        )
        if changed:
            await audit.write(
                connection,
                actor=principal.actor,
                action="AlarmAssigned",
                site_id=await _site_id(connection, row.site),
                object_kind="alarm",
                object_key=row.cause,
                before={"assigned_to": row.assigned_to},
                after={"assigned_to": to},
            )
        shown = alarm_of(await known(connection, principal, alarm_id))
        await context.log.append_in(connection, records_of(changed, now_ms=now_ms))
        return shown


async def _tell(
    connection: Connection,
    principal: Principal,
    row: AlarmRow,
    state: str,
    *,
    reason: str | None,
    word: str,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=f"Alarm{word}",
        site_id=await _site_id(connection, row.site),
        object_kind="alarm",
        object_key=row.cause,
        reason=reason,
        before={"state": row.state, "occurrence": row.occurrence},
        after={"state": state},
    )


async def _site_id(connection: Connection, code: str | None) -> int | None:
    cursor = await connection.execute("SELECT id FROM sites WHERE code = %s", (code,))
    row = await cursor.fetchone()
    return row[0] if row else None


# Rates -------------------------------------------------------------------------------------------


async def rates_of(context: Context, asked: Wanted, *, operators: int) -> AlarmRates:
    """The measures of a period, beside their targets."""
    assert asked.since is not None  # noqa: S101 - the endpoint says both
    assert asked.until is not None  # noqa: S101 - likewise
    async with context.connection() as connection:
        told = await reading.annunciations(connection, asked)
        active = await reading.lasting(connection, asked)
    found = rates.rates(
        told,
        active,
        from_ms=round(asked.since.timestamp() * 1000),
        until_ms=round(asked.until.timestamp() * 1000),
        operators=operators,
    )
    return AlarmRates(
        start=asked.since,
        end=asked.until,
        operators=operators,
        count=found.count,
        worst_hour=found.worst_hour,
        measures=_measures(found),
        priorities=found.priorities,
        floods=[
            AlarmFlood(
                start=required_moment(each.from_ms),
                end=required_moment(each.until_ms),
                count=each.count,
                peak=each.peak,
            )
            for each in found.floods
        ],
        stale=[
            StaleAlarm(cause=each.cause, since=required_moment(each.since_ms))
            for each in found.stale
        ],
        chattering=list(found.chattering),
        frequent=[
            FrequentAlarm(cause=each.cause, rule=each.rule, count=each.count)
            for each in found.frequent
        ],
    )


def _measures(found: Rates) -> dict[str, AlarmMeasure]:
    of = found.priorities
    share = 100 / found.count if found.count else 0.0
    few = not found.count
    values = {
        "per_hour": (found.per_hour, found.per_hour <= TARGETS["per_hour"]),
        "flood_percent": (found.flood_percent, found.flood_percent <= TARGETS["flood_percent"]),
        "stale": (float(len(found.stale)), len(found.stale) < TARGETS["stale"]),
        "chattering": (float(len(found.chattering)), not found.chattering),
        "top_ten_percent": (
            found.top_ten_percent,
            found.top_ten_percent <= TARGETS["top_ten_percent"],
        ),
        "low_percent": (low := share * of[AlarmPriority.LOW], few or low >= TARGETS["low_percent"]),
        "medium_percent": (
            medium := share * of[AlarmPriority.MEDIUM],
            medium <= TARGETS["medium_percent"],
        ),
        "high_percent": (
            high := share * (of[AlarmPriority.HIGH] + of[AlarmPriority.CRITICAL]),
            high <= TARGETS["high_percent"],
        ),
    }
    return {
        name: AlarmMeasure(value=round(value, 2), target=TARGETS[name], met=met)
        for name, (value, met) in values.items()
    }

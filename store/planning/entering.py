"""What publishing a draft enters (`domain.plan.entering`), and how it is taken back.

What is to be entered is worked out from the rows as they are: a span of which a part is entered
already is entered for the rest. Who enters and takes back writes the audit log and tells the
planner (`api.plans.entering`); locks are taken in this order: sites, the scope, orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from contracts.what_if import (
    MachineDown,
    OrderRaised,
    Overtime,
    PolicyInstead,
    ResourceAway,
)
from domain.plan.entering import LEFT, EntryKind, uncovered
from domain.plan.fact_words import Said
from domain.plan.problem import Interval
from domain.plan.what_if import changed_policy
from store.database import Connection
from store.planning import calendar_rows, plan_rows, policies, resources
from store.planning.calendar_reading import read_calendars
from store.planning.calendar_rows import AddedException
from store.planning.plan_rows import EnteredRow, PlanRow


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """A change that cannot be entered: which one, of what kind, and what to do instead."""

    change: int
    kind: str
    words: Said


class ToEnter(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft enters.

    Attributes:
        entries: in the order of its changes.
        obstacles: what it takes for granted and cannot enter.
        settled: of its changes, by index, those that are so once the entries are made.
    """

    entries: list[EnteredRow]
    obstacles: list[Obstacle]
    settled: list[int]


async def lock_sites(connection: Connection, scope: str) -> None:
    """Wait for whoever changes calendars of a scope's sites; held until the transaction ends."""
    await connection.execute(
        """
        SELECT FROM sites WHERE coalesce(planning_scope, code) = %s
        ORDER BY id FOR NO KEY UPDATE
        """,
        (scope,),
    )


async def to_enter(connection: Connection, row: PlanRow, *, now_ms: int) -> ToEnter:
    """What publishing a draft that somebody thought of enters, as things are now."""
    assert row.what_if is not None  # noqa: S101 - only of drafts that somebody thought of
    working = _Working(connection, row, now_ms)
    for index, change in enumerate(row.what_if.changes):
        match change:
            case MachineDown() | Overtime():
                await working.machine(index, change)
            case ResourceAway():
                await working.away(index, change)
            case PolicyInstead():
                await working.policy(index, change)
            case OrderRaised():
                await working.priority(index, change)
            case _ if index in row.what_if.assumed and type(change) in LEFT:
                words = LEFT[type(change)]
                kind = row.what_if.told[index].kind
                working.obstacles.append(Obstacle(change=index, kind=kind, words=words))
    refused = {each.change for each in working.obstacles}
    return ToEnter(
        entries=[each for each in working.entries if each.change not in refused],
        obstacles=working.obstacles,
        settled=[index for index in row.what_if.assumed if index not in refused],
    )


class _Working:
    """Entries one after the other: each counts for those behind it."""

    def __init__(self, connection: Connection, row: PlanRow, now_ms: int) -> None:
        assert row.what_if is not None  # noqa: S101 - see `to_enter`
        self.entries: list[EnteredRow] = []
        self.obstacles: list[Obstacle] = []
        self._connection = connection
        self._scope = row.scope
        self._told = row.what_if.told
        self._reason = row.what_if.name
        self._now_ms = now_ms
        self._stops: dict[int, list[Interval]] = defaultdict(list)
        """By machine, the stops that are entered with this draft."""

    async def machine(self, index: int, change: MachineDown | Overtime) -> None:
        """A stop, or overtime; what of it is there already is not entered again."""
        span = Interval(max(change.from_ms, self._now_ms), change.until_ms)
        found = await self._machine(change.machine)
        if span.start_ms >= span.end_ms or found is None:
            return
        site, path = found
        calendars = await read_calendars(self._connection, [site], since_ms=self._now_ms)
        closures = calendars.closures(change.machine, span.start_ms, span.end_ms)
        stops = self._stops[change.machine]
        if isinstance(change, MachineDown):
            there = [Interval(start, end) for start, end, own in closures if own]
            kind, spans = EntryKind.MAINTENANCE, uncovered(span, [*there, *stops])
            stops += spans
        else:
            closed = [Interval(start, end) for start, end, _ in closures]
            if any(
                each.end_ms > span.start_ms and each.start_ms < span.end_ms
                for each in (*closed, *stops)
            ):
                self._prevails(index, path)
                return
            idle = calendars.unavailable(span.start_ms, span.end_ms).get(change.machine, ())
            kind, spans = EntryKind.EXTRA_SHIFT, list(idle)
        self.entries += [
            EnteredRow(
                change=index,
                kind=kind.value,
                site_id=site,
                machine_id=change.machine,
                machine=path,
                from_ms=each.start_ms,
                until_ms=each.end_ms,
                reason=self._reason,
            )
            for each in spans
        ]

    def _prevails(self, index: int, path: str) -> None:
        words = Said(
            f"{path} is closed by an exception of the calendar within that time, which prevails"
            " over overtime: give the maintenance or the holiday up, or choose another time",
            f"{path} 在该时段内有停工例外（保养或假日），优先于加班：请先取消该例外，或改选时段",
        )
        self.obstacles.append(Obstacle(change=index, kind=self._told[index].kind, words=words))

    async def away(self, index: int, change: ResourceAway) -> None:
        """An absence, for as long as none is told."""
        span = Interval(max(change.from_ms, self._now_ms), change.until_ms)
        resource = await resources.by_id(self._connection, change.resource)
        if span.start_ms >= span.end_ms or resource is None:
            return
        told = await resources.absences(
            self._connection, [resource.id], since=moment(span.start_ms)
        )
        there = [
            Interval(
                _ms(each.starts_at), span.end_ms if each.ends_at is None else _ms(each.ends_at)
            )
            for each in told[resource.id]
            if each.quantity is None or each.quantity >= (change.count or resource.quantity)
        ]
        self.entries += [
            EnteredRow(
                change=index,
                kind=EntryKind.ABSENCE.value,
                site_id=resource.site_id,
                resource_id=resource.id,
                resource=resource.name,
                resource_key=f"{resource.site}/{resource.code}",
                count=change.count,
                from_ms=each.start_ms,
                until_ms=each.end_ms,
                reason=self._reason,
            )
            for each in uncovered(span, there)
        ]

    async def policy(self, index: int, change: PolicyInstead) -> None:
        """The fields that are not so already."""
        before = msgspec.to_builtins(await policies.policy_of(self._connection, self._scope))
        policy = await policies.policy_of(self._connection, self._scope)
        after = msgspec.to_builtins(changed_policy(policy, change.fields))
        fields = [name for name in change.fields if before[name] != after[name]]
        if fields:
            self.entries.append(
                EnteredRow(
                    change=index,
                    kind=EntryKind.POLICY.value,
                    reason=self._reason,
                    before={name: before[name] for name in fields},
                    after={name: after[name] for name in fields},
                )
            )

    async def priority(self, index: int, change: OrderRaised) -> None:
        """Another priority of an order, if it has not got it."""
        cursor = await self._connection.execute(
            "SELECT number, site_id, priority FROM orders WHERE id = %s", (change.order,)
        )
        found = await cursor.fetchone()
        if found is None or found[2] == change.priority:
            return
        number, site, priority = found
        self.entries.append(
            EnteredRow(
                change=index,
                kind=EntryKind.PRIORITY.value,
                site_id=site,
                order=number,
                reason=self._reason,
                before={"priority": priority},
                after={"priority": change.priority},
            )
        )

    async def _machine(self, machine: int) -> tuple[int, str] | None:
        cursor = await self._connection.execute(
            "SELECT site_id, path FROM machines WHERE id = %s", (machine,)
        )
        found = await cursor.fetchone()
        return None if found is None else (found[0], found[1])


def exception_of(entry: EnteredRow) -> AddedException:
    """A stop or an extra shift as a row of the calendar."""
    assert entry.site_id is not None  # noqa: S101 - of a machine, and for a time
    assert entry.machine_id is not None  # noqa: S101
    starts_at, ends_at = span_of(entry)
    return AddedException(
        site_id=entry.site_id,
        machine_id=entry.machine_id,
        starts_at=starts_at,
        ends_at=ends_at,
        working=entry.kind == EntryKind.EXTRA_SHIFT,
        reason=entry.reason,
    )


def span_of(entry: EnteredRow) -> tuple[datetime, datetime]:
    """From when until when it holds."""
    assert entry.from_ms is not None  # noqa: S101 - of what holds for a time
    assert entry.until_ms is not None  # noqa: S101
    return moment(entry.from_ms), moment(entry.until_ms)


async def enter(connection: Connection, entry: EnteredRow, *, by: str) -> EnteredRow:
    """Make a stop, an extra shift or an absence so; answers it with what finds it again."""
    match EntryKind(entry.kind):
        case EntryKind.MAINTENANCE | EntryKind.EXTRA_SHIFT:
            await calendar_rows.add_exception(connection, exception_of(entry))
        case EntryKind.ABSENCE:
            assert entry.resource_id is not None  # noqa: S101 - of an absence
            starts_at, ends_at = span_of(entry)
            absence = await resources.add_absence(
                connection,
                entry.resource_id,
                starts_at=starts_at,
                ends_at=ends_at,
                reason=entry.reason,
                told_by=by,
                quantity=entry.count,
            )
            return msgspec.structs.replace(entry, absence_id=absence.id)
        case EntryKind.POLICY | EntryKind.PRIORITY:
            pass
    return entry


async def take_back(connection: Connection, entry: EnteredRow, *, now: datetime) -> bool:
    """Take a stop, an extra shift or an absence back; False: it is not there any more.

    What has begun ends now.
    """
    if entry.kind in (EntryKind.MAINTENANCE, EntryKind.EXTRA_SHIFT):
        return await calendar_rows.take_back_exception(connection, exception_of(entry), now=now)
    if entry.kind == EntryKind.ABSENCE and entry.resource_id and entry.absence_id:
        found = await resources.end_absence(
            connection, entry.resource_id, entry.absence_id, ends_at=now
        )
        return found is not None and (found.ends_at is None or found.ends_at > now)
    return False


async def note(connection: Connection, plan_id: int, entries: Sequence[EnteredRow]) -> None:
    """Keep what was entered with a plan, in place of what was noted before."""
    told: list[dict[str, Any]] = msgspec.to_builtins(list(entries))
    await connection.execute(
        "UPDATE plans SET what_if = jsonb_set(what_if, '{entered}', %s) WHERE id = %s",
        (Jsonb(told), plan_id),
    )


async def noted(connection: Connection, plan_id: int) -> list[EnteredRow]:
    """What was entered with a plan."""
    row = await plan_rows.plan_row(connection, plan_id)
    return [] if row is None or row.what_if is None else list(row.what_if.entered)


def moment(ms: int) -> datetime:
    """Epoch milliseconds as a moment."""
    return datetime.fromtimestamp(ms / 1_000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)

"""Stops of machines, reasons that people give for them, and the plant's list of reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from api.auth.principal import Principal, forbidden
from api.context import Context
from api.errors import ProblemError
from api.fields import required_moment
from api.reports.asked import ReportQuery
from api.reports.envelope import Language
from api.reports.machine_asked import machines_asked
from api.reports.stop_schemas import (
    MachineStop,
    MachineStopList,
    NewStopReason,
    NewStopReasons,
    StopReason,
    StopReasonDefined,
    StopReasonEntries,
    StopReasonEntry,
    StopReasonGiven,
    StopReasonList,
    StopReasonsToUndo,
)
from domain.reports.machine_time import TimeClass
from store import audit, machines
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.machines import MachineRow
from store.reports import stops as rows
from store.reports.scope import sites_in
from store.reports.stops import Entry, Looked, NewEntry, ReasonCode, Stop

_ONE_MACHINE_DAYS: Final = 100
_MANY_MACHINES_DAYS: Final = 8
_LONGEST: Final = timedelta(days=31)
_AHEAD: Final = timedelta(days=1)


async def list_stops(
    context: Context,
    principal: Principal,
    query: ReportQuery,
    language: Language,
    *,
    looked: Looked,
    limit: int,
) -> MachineStopList:
    """Stops of a period, newest first, as they stand now.

    Raises:
        NotFoundError: there is no such site, line or machine for them.
        ProblemError: the period is too long for so many machines (422).
    """
    found = await machines_asked(context, principal, query, language)
    days = sum((last - first).days + 1 for first, last in found.asked.days)
    most = _ONE_MACHINE_DAYS if len(found.scope.machines) == 1 else _MANY_MACHINES_DAYS
    if days > most:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{days} days of {len(found.scope.machines)} machines: ask for {most} days at most, or"
            f" for one machine, whose stops are told of {_ONE_MACHINE_DAYS}",
            code="period",
        )
    now_ms = context.clock.now_ms()
    spans = {each.site_id: each.whole for each in found.asked.scope.sites}
    async with context.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        some = await rows.stops(connection, found.scope.machines, spans, looked, now_ms=now_ms)
        page = _page(some, limit)
        entries = {
            each.id: each
            for each in await rows.entries(
                connection, [each.entry for each in page if each.entry is not None]
            )
        }
        orders = await rows.orders_of(
            connection, [each.operation for each in page if each.operation is not None]
        )
        codes = await rows.reason_codes(connection, list(spans))
    return MachineStopList(
        items=[_stop(each, entries, orders, codes, language) for each in page],
        next=required_moment(page[-1].from_ms) if len(page) < len(some) else None,
        as_of=required_moment(now_ms),
    )


def _page(some: Sequence[Stop], limit: int) -> Sequence[Stop]:
    """The first ones, with all that began in the same millisecond as the last."""
    end = min(limit, len(some))
    while 0 < end < len(some) and some[end].from_ms == some[end - 1].from_ms:
        end += 1
    return some[:end]


def _stop(
    stop: Stop,
    entries: Mapping[int, Entry],
    orders: Mapping[int, str],
    codes: Mapping[str, ReasonCode],
    language: Language,
) -> MachineStop:
    entry = None if stop.entry is None else entries.get(stop.entry)
    code = codes.get(stop.reason or "")
    return MachineStop(
        machine=stop.machine,
        **{"from": required_moment(stop.from_ms)},
        until=None if stop.until_ms is None else required_moment(stop.until_ms),
        state=stop.state,
        time_class=stop.time_class,
        reason=stop.reason,
        reason_words=None if code is None else _named(code, language),
        own_reason=stop.own_reason,
        by_hand=(
            None
            if entry is None or entry.reason is None
            else StopReasonGiven(
                id=entry.id,
                reason=entry.reason,
                note=entry.note,
                by=entry.recorded_by,
                at=entry.recorded_at,
            )
        ),
        order=None if stop.operation is None else orders.get(stop.operation),
        shift=stop.shift,
        day=stop.day,
    )


def _named(code: ReasonCode, language: Language) -> str:
    return code.name_en if language == "en" else code.name_zh


async def give_reasons(
    context: Context, principal: Principal, wanted: NewStopReasons
) -> StopReasonEntries:
    """Give reasons for stretches of machines' time, or take back what was said of them.

    Raises:
        NotFoundError: there is no such machine for them.
        UnknownReferenceError: a reason is not in the plant's list, or retired (422).
        ProblemError: a stretch is too long, or lies in the future (422).
    """
    for each in wanted.entries:
        principal.require_machine(each.machine)
        _require_span(context, each)
    async with context.transaction() as connection:
        known = {
            path: await _known(connection, path)
            for path in sorted({each.machine for each in wanted.entries})
        }
        for site, some in _by_site(wanted.entries, known).items():
            await _require_reasons(connection, site, some)
        entries = await rows.give_reasons(
            connection,
            [
                NewEntry(
                    machine_id=known[each.machine].id,
                    from_ms=_ms(each.from_.timestamp()),
                    until_ms=_ms(each.until.timestamp()),
                    reason=each.reason,
                    note=each.note,
                )
                for each in wanted.entries
            ],
            recorded_by=principal.actor.name,
        )
        await _audit(connection, principal, "StopReasonsGiven", known.values(), entries)
    return _entries(entries)


async def undo(
    context: Context, principal: Principal, wanted: StopReasonsToUndo
) -> StopReasonEntries:
    """Undo entries: what was said before them holds again.

    Raises:
        NotFoundError: there is no such entry for them.
        ConflictError: one was undone already, or is itself an undoing.
    """
    async with context.transaction() as connection:
        some = await rows.entries(connection, sorted(set(wanted.ids)))
        seen = {each.id for each in some if principal.sees_machine(each.machine)}
        for number in wanted.ids:
            if number not in seen:
                raise NotFoundError("reason of a stop", str(number))
        for each in some:
            if each.undoes is not None or each.undone_by is not None:
                raise ConflictError(
                    f"entry {each.id} of {each.machine} is"
                    f" {'undone already' if each.undoes is None else 'itself an undoing'}:"
                    " give the reason anew instead",
                    code="stop-reason-undone",
                    params={"entry": str(each.id)},
                )
        known = {path: await _known(connection, path) for path in {each.machine for each in some}}
        entries = await rows.undo_entries(connection, some, recorded_by=principal.actor.name)
        await _audit(connection, principal, "StopReasonsUndone", known.values(), entries)
    return _entries(entries)


async def _known(connection: Connection, path: str) -> MachineRow:
    machine = await machines.find_machine(connection, path)
    if machine is None:
        raise NotFoundError("machine", path)
    return machine


def _require_span(context: Context, entry: NewStopReason) -> None:
    latest = required_moment(context.clock.now_ms()) + _AHEAD
    if entry.until - entry.from_ > _LONGEST or entry.until > latest:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{entry.machine}: {entry.from_.isoformat()} to {entry.until.isoformat()} must be at"
            f" most {_LONGEST.days} days, and not lie in the future",
            code="span",
        )


def _by_site(
    entries: Iterable[NewStopReason], known: Mapping[str, MachineRow]
) -> dict[int, list[NewStopReason]]:
    found: dict[int, list[NewStopReason]] = defaultdict(list)
    for each in entries:
        found[known[each.machine].site_id].append(each)
    return found


async def _require_reasons(
    connection: Connection, site: int, entries: Iterable[NewStopReason]
) -> None:
    codes = await rows.reason_codes(connection, [site])
    usable = sorted(each.code for each in codes.values() if not each.retired)
    for each in entries:
        if each.reason is not None and each.reason not in usable:
            raise UnknownReferenceError(
                "reason",
                each.reason,
                f"is not in the list of reasons of {each.machine}: {', '.join(usable)}",
                code="unknown-stop-reason",
                params={"reason": each.reason},
            )


async def _audit(
    connection: Connection,
    principal: Principal,
    action: str,
    known: Iterable[MachineRow],
    entries: Sequence[Entry],
) -> None:
    """An entry of the audit log for each machine."""
    for machine in known:
        told = [
            _entry(each).model_dump(mode="json", by_alias=True)
            for each in entries
            if each.machine_id == machine.id
        ]
        await audit.write(
            connection,
            actor=principal.actor,
            action=action,
            site_id=machine.site_id,
            object_kind="machine",
            object_key=machine.path,
            after={"entries": told},
        )


def _entries(entries: Sequence[Entry]) -> StopReasonEntries:
    return StopReasonEntries(items=[_entry(each) for each in entries], total=len(entries))


def _entry(entry: Entry) -> StopReasonEntry:
    return StopReasonEntry(
        id=entry.id,
        machine=entry.machine,
        **{"from": required_moment(entry.from_ms)},
        until=required_moment(entry.until_ms),
        reason=entry.reason,
        note=entry.note,
        undoes=entry.undoes,
        by=entry.recorded_by,
        at=entry.recorded_at,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


async def list_reasons(
    context: Context, principal: Principal, language: Language, *, site: str | None
) -> StopReasonList:
    """The plant's list: of a site, or of all that somebody may see."""
    if site is not None:
        principal.require_site(site)
    async with context.connection() as connection:
        sites = await sites_in(
            connection, site=site, limited_to=principal.sites, lines=principal.lines
        )
        found = await rows.list_reasons(connection, [each.id for each in sites])
    items = [
        StopReason(
            site=each.site,
            code=each.code,
            name=_named(each, language),
            name_en=each.name_en,
            name_zh=each.name_zh,
            counts_as=TimeClass(each.counts_as),
            retired=each.retired,
            changed_at=each.changed_at,
            changed_by=each.changed_by,
        )
        for each in found
    ]
    return StopReasonList(items=items, total=len(items))


async def put_reason(
    context: Context,
    principal: Principal,
    language: Language,
    code: str,
    wanted: StopReasonDefined,
) -> StopReasonList:
    """Enter or change a reason of the plant's list; answers the list.

    Raises:
        NotFoundError: there is no such site for them.
        ProblemError: they may not enter it for every site (403).
    """
    if wanted.site is not None:
        principal.require_site(wanted.site)
    elif principal.sites:
        raise forbidden("A reason for every site is entered by somebody who sees every site.")
    async with context.transaction() as connection:
        site_id = None
        if wanted.site is not None:
            site_id = (await machines.known_site(connection, wanted.site)).id
        before = await rows.reason_codes(connection, [] if site_id is None else [site_id])
        await rows.put_reason(
            connection,
            site_id,
            code,
            names=(wanted.name_en, wanted.name_zh),
            counts_as=TimeClass(wanted.counts_as),
            retired=wanted.retired,
            changed_by=principal.actor.name,
        )
        old = before.get(code)
        await audit.write(
            connection,
            actor=principal.actor,
            action="StopReasonChanged",
            site_id=site_id,
            object_kind="stop_reason",
            object_key=code,
            before=None if old is None or old.site != wanted.site else _told(old),
            after=wanted.model_dump(mode="json"),
        )
    return await list_reasons(context, principal, language, site=wanted.site)


def _told(code: ReasonCode) -> dict[str, object]:
    return {
        "site": code.site,
        "name_en": code.name_en,
        "name_zh": code.name_zh,
        "counts_as": code.counts_as,
        "retired": code.retired,
    }

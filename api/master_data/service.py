"""Master data imported and exported as a whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Fields
from http import HTTPStatus
from typing import Any, Final

import msgspec

from api.auth.principal import Principal, forbidden
from api.context import Context
from api.errors import ProblemError
from api.master_data import consequences
from api.master_data.schemas import (
    ImportChange,
    ImportFault,
    ImportOutcome,
    KindOutcome,
    RecordList,
    RecordShown,
)
from api.master_data.single import node_of, problem_of
from api.orders.releasing import release_judged
from domain.master_data.faults import Fault, Faults, Place
from domain.master_data.files import read_file, write_zip
from domain.master_data.judging import judge
from domain.master_data.kinds import (
    BY_NAME,
    CUSTOMERS,
    ITEMS,
    KINDS,
    SHIFT_PATTERNS,
    SHIFT_PLANS,
    Key,
    Kind,
    site_of,
)
from domain.master_data.merging import Change, ChangeKind, MasterData, Wanted, merge
from domain.master_data.nodes import Section
from domain.master_data.reading import Document, read_sections
from domain.master_data.records import Record
from domain.master_data.writing import write_yaml
from store import audit
from store.database import Connection
from store.filters import Page
from store.master_data import applying, browsing, journal
from store.review.judging import Judged

_MOST_SHOWN: Final = 1_000


async def import_(
    context: Context,
    principal: Principal,
    name: str,
    content: bytes,
    *,
    dry_run: bool,
    remove_missing: bool,
    remove: bool = False,
    reason: str | None,
) -> ImportOutcome:
    """Take in a file of master data: all of it, or nothing.

    Args:
        context: of the request.
        principal: whoever imports.
        name: what to call the file; its ending says what it is (`domain.master_data.files`).
        content: the file.
        dry_run: only say what would happen, faults included.
        remove_missing: give up what the file's kinds hold no more.
        remove: give up the records that the file names.
        reason: why, for the audit log.

    Raises:
        ProblemError: something is wrong with the file (422, each fault named), or they are limited
            to sites and want things removed (403).
    """
    if remove_missing and principal.sites:
        raise forbidden("Only somebody who sees every site may remove what a file leaves out.")
    if remove_missing and remove:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            "remove: is what the file names to be given up, or what it leaves out"
            " (remove_missing)? Say one of both.",
        )
    faults = Faults()
    document = await asyncio.to_thread(_read, name, content, faults)
    how = _How(name=name, dry_run=dry_run, remove_missing=remove_missing, remove=remove)
    return await change(context, principal, document, faults, how=how, reason=reason)


class _How(msgspec.Struct, frozen=True, kw_only=True):
    """How a document is taken."""

    name: str
    dry_run: bool = False
    remove_missing: bool = False
    remove: bool = False


async def change_one(
    context: Context,
    principal: Principal,
    kind: Kind[Record],
    fields: Fields[str, Any],
    *,
    remove: bool = False,
    reason: str | None = None,
) -> ImportOutcome:
    """Make, change or give up one record as an import would.

    Raises:
        ProblemError: something is wrong with it (422); each field is named.
    """
    faults = Faults()
    document = read_sections([Section(kind.name, Place("body"), [node_of(fields)])], faults)
    how = _How(name="one record", remove=remove)
    return await change(context, principal, document, faults, how=how, reason=reason)


async def change(
    context: Context,
    principal: Principal,
    document: Document,
    faults: Faults,
    *,
    how: _How,
    reason: str | None,
) -> ImportOutcome:
    """Judge a document against everything there is, and write what it changes."""
    dry_run = how.dry_run
    async with context.transaction() as connection:
        await applying.lock(connection)
        existing = await applying.read(connection)
        known_by_orders = await applying.provisional(connection)
        wanted = await asyncio.to_thread(_judged, existing, document, faults, principal, how=how)
        found = faults.sorted()
        if found and not dry_run:
            raise problem_of(found)
        definite = [
            change
            for change in wanted.changes
            if change.key in known_by_orders.get(change.kind, ())
        ]
        judged: Sequence[Judged] = ()
        if not dry_run and wanted.changes:
            judged = await _apply(
                connection,
                context,
                principal,
                wanted,
                definite=definite,
                name=how.name,
                reason=reason,
            )
    await release_judged(context, principal, judged)
    return _outcome(wanted, found, definite, dry_run=dry_run, judged=len(judged))


def _read(name: str, content: bytes, faults: Faults) -> Document:
    return read_sections(read_file(name, content, faults), faults)


def _judged(
    existing: MasterData,
    document: Document,
    faults: Faults,
    principal: Principal,
    *,
    how: _How,
) -> Wanted:
    wanted = merge(existing, document, faults, remove_missing=how.remove_missing, remove=how.remove)
    for kind in KINDS:
        for key in document.of(kind):
            record = wanted.records.of(kind).get(key) or existing.of(kind).get(key)
            site = None if record is None else site_of(kind, record)
            if site is not None and not principal.sees(site):
                place = wanted.place(kind, key) or Place(kind.name)
                faults.add(place, f"there is no site {site!r} for you", site)
    _refuse_patterns_elsewhere(existing, wanted, principal, faults)
    judge(wanted, faults)
    return wanted


def _refuse_patterns_elsewhere(
    existing: MasterData, wanted: Wanted, principal: Principal, faults: Faults
) -> None:
    """A shift pattern is of no site; another one's hours are not to be changed by it."""
    changed = {change.key for change in wanted.changes if change.kind == SHIFT_PATTERNS.name}
    for plan in existing.of(SHIFT_PLANS).values():
        key: Key = (plan.pattern,)
        if key in changed and not principal.sees(plan.at.partition("/")[0]):
            changed.discard(key)
            faults.add(
                wanted.place(SHIFT_PATTERNS, key) or Place(SHIFT_PATTERNS.name),
                "is worked at a site that is not yours; make a pattern of your own",
                plan.pattern,
            )


async def _apply(
    connection: Connection,
    context: Context,
    principal: Principal,
    wanted: Wanted,
    *,
    definite: Sequence[Change],
    name: str,
    reason: str | None,
) -> Sequence[Judged]:
    """Write everything, and what follows from it; answers the orders that were judged again."""
    before = await consequences.before(connection, wanted.changes)
    await applying.apply(connection, wanted.changes)
    await journal.write(connection, wanted.changes, actor=principal.actor, reason=reason)
    counted = Counter(f"{change.kind} {change.change}" for change in wanted.changes)
    await audit.write(
        connection,
        actor=principal.actor,
        action="MasterDataImported",
        object_kind="master_data",
        object_key=name,
        reason=reason,
        after={"file": name, **dict(sorted(counted.items()))},
    )
    records = await consequences.follow(
        connection, context, principal, wanted.changes, before=before
    )
    judged, events = await consequences.judge_again(connection, context, wanted.changes, definite)
    # The log last: its partitions stay locked until the transaction ends.
    await context.log.append_in(connection, [*records, *events])
    return judged


def _outcome(
    wanted: Wanted,
    faults: Sequence[Fault],
    definite: Sequence[Change],
    *,
    dry_run: bool,
    judged: int,
) -> ImportOutcome:
    counts = Counter((change.kind, change.change) for change in wanted.changes)
    shown = []
    for change in wanted.changes[:_MOST_SHOWN]:
        before, after = change.differences()
        shown.append(
            ImportChange(
                kind=change.kind,
                name=BY_NAME[change.kind].called(change.key),
                change=change.change,
                before=before,
                after=after,
            )
        )
    return ImportOutcome(
        dry_run=dry_run,
        applied=not dry_run,
        kinds=[
            KindOutcome(
                kind=name,
                added=counts[name, ChangeKind.ADDED],
                changed=counts[name, ChangeKind.CHANGED],
                unchanged=unchanged,
                retired=counts[name, ChangeKind.RETIRED],
            )
            for name, unchanged in wanted.unchanged.items()
        ],
        changes=shown,
        total_changes=len(wanted.changes),
        definite=[
            BY_NAME[change.kind].called(change.key)
            for change in definite
            if change.kind in (ITEMS.name, CUSTOMERS.name)
        ],
        judged_orders=judged,
        faults=[
            ImportFault(
                file=fault.place.file,
                line=fault.place.line,
                column=fault.place.column,
                problem=fault.problem,
                value=fault.value,
            )
            for fault in faults
        ],
    )


def kinds_of(names: Collection[str]) -> list[Kind[Record]]:
    """Kinds by their names; all without any.

    Raises:
        ProblemError: there is no such kind (422).
    """
    for name in names:
        if name not in BY_NAME:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid",
                f"kinds: {name!r} is no kind of master data; known are {', '.join(BY_NAME)}",
            )
    return [kind for kind in KINDS if not names or kind.name in names]


async def records(
    context: Context,
    principal: Principal,
    kind: Kind[Record],
    page: Page,
    *,
    search: str | None,
    site: str | None,
) -> RecordList:
    """Records of a kind at the sites that one may see."""
    sites = [site] if site is not None else list(principal.sites)
    async with context.connection() as connection:
        found, total = await browsing.records(
            connection, kind, page, search=search, sites=sites, of_no_site=site is None
        )
    return RecordList(
        items=[
            RecordShown(
                name=kind.called(kind.key_of(record)),
                key={field: plain[field] for field in kind.key},
                record=plain,
            )
            for record in found
            for plain in [msgspec.to_builtins(record)]
        ],
        total=total,
    )


async def export(
    context: Context, principal: Principal, kinds: Sequence[Kind[Record]], *, as_zip: bool
) -> bytes:
    """Master data of some kinds at the sites that one may see, as YAML or as a zip of tables."""
    async with context.connection() as connection, connection.transaction():
        # One snapshot: what the kinds name of each other fits together.
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        everything = await applying.read(connection, kinds)
    visible = MasterData(
        {
            kind.name: {
                key: record
                for key, record in everything.of(kind).items()
                if (site := site_of(kind, record)) is None or principal.sees(site)
            }
            for kind in kinds
        }
    )
    if as_zip:
        return await asyncio.to_thread(write_zip, visible, kinds)
    return (await asyncio.to_thread(write_yaml, visible, kinds)).encode()

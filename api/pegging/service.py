"""Previewing, applying and undoing what is done to work orders and their pegs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from api.auth.principal import Principal
from api.context import Context
from api.fields import moment_of, required_moment
from api.pegging import projecting
from api.pegging.deciding import Concerned, Decided, concerned, decide
from api.pegging.projecting import Projection
from api.pegging.schemas import (
    ApplyRequest,
    Arrange,
    ConcernedGoods,
    ConcernedLine,
    Merge,
    Move,
    PeggedLine,
    Preview,
    RearrangedWork,
    Rearrangement,
    RearrangementList,
    Split,
)
from api.work_orders.service import order_event
from domain.inventory.books import Key
from domain.pegging.book import Book, DemandKind, SupplyId, SupplyKind, line
from store import audit, orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Page
from store.inventory import holding
from store.inventory.reservations import NotAvailableError
from store.inventory.stock import Stock
from store.log import NewRecord
from store.pegging import books, rearrangements, writing
from store.pegging.books import epoch_ms
from store.pegging.rearrangements import RearrangementRow

_NAMES = {
    "split": "WorkOrdersSplit",
    "merge": "WorkOrdersMerged",
    "arrange": "WorkOrdersArranged",
    "move": "PegsMoved",
}
_MINUTE_MS = 60_000


async def preview(
    context: Context, principal: Principal, wish: Split | Merge | Arrange | Move
) -> Preview:
    """What a wish would do; nothing is changed.

    Raises:
        NotFoundError: there is no such work order or site.
        ConflictError: pegs do not allow it.
    """
    async with context.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        about = await concerned(connection, principal, wish)
        decided = await decide(connection, principal, wish, about, now=_now(context))
        prepared = await projecting.prepare(context, connection, decided)
    projection = await projecting.project(prepared)
    return _preview(decided, projection)


async def apply(context: Context, principal: Principal, wanted: ApplyRequest) -> Rearrangement:
    """Do what was previewed.

    Raises:
        NotFoundError: there is no such work order or site.
        ConflictError: something has changed since the preview, or there is nothing to do.
    """
    async with context.transaction() as connection:
        about = await concerned(connection, principal, wanted.wish)
        now = _now(context)
        await books.lock(connection, about.works, about.lines)
        if about.goods:
            await _lock_goods(connection, about, now)
        decided = await decide(connection, principal, wanted.wish, about, now=now)
        if decided.token != wanted.token:
            raise ConflictError(
                "work orders or orders have changed since the preview, or it was another wish: "
                "preview it again",
                code="preview-stale",
            )
        if decided.nothing:
            raise ConflictError("there is nothing to rearrange", code="nothing-to-rearrange")
        row, records = await carry_out(
            context, connection, principal, decided, wanted.wish, reason=wanted.reason
        )
        await _hold(connection, about.lines, now)
        await context.log.append_in(connection, records)
    return shown(row)


def _now(context: Context) -> datetime:
    return required_moment(context.clock.now_ms())


async def _lock_goods(connection: Connection, about: Concerned, now: datetime) -> None:
    """Lock the items of goods that pegs are moved from or to, before what is free is looked at."""
    rows = await books.goods_rows(connection, about.goods, free=(), now=now)
    keys = {Key(row.item_id, row.site_id) for row in rows.values()}
    keys |= await holding.keys_of(connection, about.lines)
    if keys:
        await Stock.lock(connection, keys, now=now, lots=False)


async def _hold(connection: Connection, line_ids: Collection[int], now: datetime) -> None:
    """Let what is held in stock follow the pegs.

    Raises:
        ConflictError: somebody else was promised it meanwhile.
    """
    try:
        await holding.hold(connection, line_ids, now=now)
    except NotAvailableError as error:
        raise ConflictError(
            f"the goods are not free any more: {error}; preview it again"
        ) from error


async def arrange(context: Context, principal: Principal, *, site: str, item: str) -> None:
    """Put a site's rules to work on the work orders of an item that have not begun."""
    wish = Arrange(action="arrange", site=site, item=item)
    async with context.transaction() as connection:
        about = await concerned(connection, principal, wish)
        await books.lock(connection, about.works)
        decided = await decide(connection, principal, wish, about, now=_now(context))
        if decided.nothing:
            return
        _, records = await carry_out(
            context, connection, principal, decided, wish, reason="by the site's rules at release"
        )
        await context.log.append_in(connection, records)


async def carry_out(
    context: Context,
    connection: Connection,
    principal: Principal,
    decided: Decided,
    wish: Split | Merge | Arrange | Move,
    *,
    reason: str | None,
) -> tuple[RearrangementRow, list[NewRecord]]:
    """Write what was decided, on locked rows; answers it with the events to append."""
    book, after = decided.loaded.book, decided.rearranged.book
    there = [id_.id for id_ in book.supplies if id_.kind is SupplyKind.WORK]
    moved = sorted(
        {
            demand.id
            for demand, supply in book.pegs.keys() | after.pegs.keys()
            if supply.kind is not SupplyKind.WORK
            and book.pegs.get((demand, supply)) != after.pegs.get((demand, supply))
        }
    )
    standing = await rearrangements.standing(connection, there, moved)
    written = await writing.write(
        connection,
        decided.loaded,
        after,
        origins=decided.rearranged.origins,
        merged_into=decided.rearranged.merged,
    )
    now = await rearrangements.standing(connection, written.changed, moved)
    changed = {*written.changed, None}
    before = rearrangements.Standing(
        works=[work for work in standing.works if work.id in changed],
        pegs=[peg for peg in standing.pegs if peg.work_order_id in changed],
        lines=moved,
    )
    rearrangement_id = await rearrangements.record(
        connection,
        site_id=decided.site_id,
        kind=decided.kind,
        made_by=principal.actor.name,
        reason=reason,
        request=wish.model_dump(mode="json", exclude_none=True),
        before=before,
        after=now,
    )
    row = await rearrangements.find(connection, rearrangement_id)
    assert row is not None  # noqa: S101 - it was just stored
    records = await _tell(
        context,
        connection,
        principal,
        row,
        action=_NAMES[decided.kind],
        before=_numbers(before),
        after=_numbers(now),
    )
    return row, records


async def undo(
    context: Context, principal: Principal, rearrangement_id: int, reason: str | None
) -> Rearrangement:
    """Put back what there was before a rearrangement.

    Raises:
        NotFoundError: there is no such rearrangement.
        ConflictError: it is undone already, or the work orders have changed or begun since.
    """
    async with context.transaction() as connection:
        row = await rearrangements.find(connection, rearrangement_id)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("rearrangement", str(rearrangement_id))
        now = _now(context)
        await rearrangements.undo(connection, row, undone_by=principal.actor.name, now=now)
        await _hold(connection, row.after.lines, now)
        records = await _tell(
            context,
            connection,
            principal,
            row,
            action="RearrangementUndone",
            before=_numbers(row.after),
            after=_numbers(row.before),
            reason=reason,
        )
        undone = await rearrangements.find(connection, rearrangement_id)
        assert undone is not None  # noqa: S101 - its row is locked
        await context.log.append_in(connection, records)
    return shown(undone)


async def rearrangement_list(
    context: Context,
    page: Page,
    *,
    site: str | None,
    work_order_id: int | None,
    limited_to: Collection[str],
) -> RearrangementList:
    """Rearrangements, newest first."""
    async with context.connection() as connection:
        rows, total = await rearrangements.rearrangements(
            connection, page, site=site, work_order_id=work_order_id, limited_to=limited_to
        )
    return RearrangementList(items=[shown(row) for row in rows], total=total)


def shown(row: RearrangementRow) -> Rearrangement:
    """A rearrangement as the API shows it."""
    return Rearrangement.model_validate(
        {
            "id": row.id,
            "site": row.site,
            "kind": row.kind,
            "made_at": row.made_at,
            "made_by": row.made_by,
            "reason": row.reason,
            "wish": row.request,
            "before": _numbers(row.before),
            "after": _numbers(row.after),
            "undone_at": row.undone_at,
            "undone_by": row.undone_by,
        }
    )


def _numbers(standing: rearrangements.Standing) -> list[str]:
    return [work.number for work in standing.works if work.cancelled_at is None]


async def _tell(
    context: Context,
    connection: Connection,
    principal: Principal,
    row: RearrangementRow,
    *,
    action: str,
    before: Sequence[str],
    after: Sequence[str],
    reason: str | None = None,
) -> list[NewRecord]:
    """Raise the versions of the orders concerned, write the audit log; the events to append."""
    work_order_ids = [work.id for work in row.after.works]
    line_ids = {
        peg.order_line_id
        for peg in (*row.before.pegs, *row.after.pegs)
        if peg.order_line_id is not None
    } | set(row.after.lines)
    loaded = await books.load(connection, line_ids=line_ids)
    found = {one.order_id: one for one in loaded.lines.values() if one.id in line_ids}
    records = []
    for order_id in sorted(found):
        version = await orders.touch(connection, order_id)
        records.append(
            order_event(
                context,
                action,
                site=row.site,
                order_id=order_id,
                version=version,
                work_order_ids=work_order_ids,
            )
        )
    told: dict[str, Any] = {"rearrangement": row.id}
    told_to: list[int | None] = [*sorted(found)]
    for subject in told_to or [None]:
        await audit.write(
            connection,
            actor=principal.actor,
            action=action,
            site_id=row.site_id,
            order_id=subject,
            work_order_id=work_order_ids[0] if len(work_order_ids) == 1 else None,
            reason=reason or row.reason,
            before={**told, "work_orders": before},
            after={**told, "work_orders": after},
        )
    if not found:
        records.append(
            order_event(
                context,
                action,
                site=row.site,
                order_id=0,
                version=row.id,
                work_order_ids=work_order_ids,
            )
        )
    return records


def _preview(decided: Decided, projection: Projection) -> Preview:
    book, after = decided.loaded.book, decided.rearranged.book
    before_ms = projection.before.setup_ms if projection.before else None
    after_ms = projection.after.setup_ms if projection.after else None
    moved = [
        id_
        for id_ in sorted(book.supplies.keys() | after.supplies.keys(), key=_place)
        if book.supplies.get(id_) != after.supplies.get(id_) or book.on(id_) != after.on(id_)
    ]
    changed = [id_ for id_ in moved if id_.kind is SupplyKind.WORK]
    known = not projection.estimated and before_ms is not None and after_ms is not None
    return Preview(
        token=decided.token,
        nothing=decided.nothing,
        work_orders_before=sum(id_ in book.supplies for id_ in changed),
        work_orders_after=sum(id_ in after.supplies for id_ in changed),
        setup_minutes_before=_minutes(before_ms) if known else None,
        setup_minutes_after=_minutes(after_ms) if known else None,
        setup_saved_minutes=_minutes((before_ms or 0) - (after_ms or 0)) if known else None,
        setups_before=projection.before.setups if known and projection.before else None,
        setups_after=projection.after.setups if known and projection.after else None,
        estimated=projection.estimated,
        work_orders=[_work(decided, projection, id_) for id_ in changed],
        goods=[_goods(decided, id_) for id_ in moved if id_.kind is not SupplyKind.WORK],
        lines=_lines(decided, projection, moved),
    )


def _goods(decided: Decided, id_: SupplyId) -> ConcernedGoods:
    row, after = decided.loaded.goods[id_], decided.rearranged.book
    return ConcernedGoods.model_validate(
        {
            "kind": id_.kind.value,
            "id": id_.id,
            "name": row.name,
            "item": row.item,
            "site": row.site,
            "unit": row.unit,
            "free_before": decided.loaded.book.surplus(id_),
            "free_after": after.surplus(id_),
            "lines": _pegged_lines(decided, id_),
        }
    )


def _pegged_lines(decided: Decided, id_: SupplyId) -> list[PeggedLine]:
    """Whom a supply is for afterwards."""
    lines = decided.loaded.lines
    return [
        PeggedLine(
            order=lines[demand.id].order,
            line=lines[demand.id].number,
            customer=lines[demand.id].customer,
            quantity=peg.quantity,
            due=lines[demand.id].due_at,
        )
        for demand, peg in sorted(decided.rearranged.book.on(id_).items())
        if demand.kind is DemandKind.LINE
    ]


def _work(decided: Decided, projection: Projection, id_: SupplyId) -> RearrangedWork:
    book, after = decided.loaded.book, decided.rearranged.book
    was, now = book.supplies.get(id_), after.supplies.get(id_)
    works, origins = decided.loaded.works, decided.rearranged.origins
    row = works[origins.get(id_, id_.id)]
    into = decided.rearranged.merged.get(id_.id)
    return RearrangedWork(
        id=id_.id if was is not None else None,
        number=row.number if was is not None else None,
        change="new" if was is None else "gone" if now is None else "changed",
        item=row.item,
        site=row.site,
        unit=row.unit,
        started=was is not None and was.started,
        quantity_before=was.quantity if was else None,
        quantity_after=now.quantity if now else None,
        split_from=row.number if id_ in origins else None,
        merged_into=works[into].number if into is not None else None,
        due=moment_of(now.due_ms if now else was.due_ms if was else None),
        projected_end_before=moment_of(projection.ends_before.get(id_.id)) if was else None,
        projected_end=moment_of(projection.ends.get(id_.id)) if now else None,
        lines=_pegged_lines(decided, id_) if now else [],
        surplus=after.surplus(id_) if now else 0,
    )


def _lines(
    decided: Decided, projection: Projection, changed: Sequence[SupplyId]
) -> list[ConcernedLine]:
    book, after = decided.loaded.book, decided.rearranged.book
    found = []
    for row in decided.loaded.lines.values():
        served_before = [id_ for id_ in book.of(line(row.id)) if id_ in changed]
        served = [id_ for id_ in after.of(line(row.id)) if id_ in changed]
        if not served_before and not served:
            continue
        end_before = _end(book, projection.ends_before, served_before)
        end = _end(after, projection.ends, served)
        due_ms = epoch_ms(row.due_at)
        found.append(
            ConcernedLine(
                order=row.order,
                line=row.number,
                customer=row.customer,
                item=row.item,
                quantity=row.quantity,
                unit=row.unit,
                due=row.due_at,
                projected_end_before=moment_of(end_before),
                projected_end=moment_of(end),
                late_before=_late(end_before, due_ms),
                late=_late(end, due_ms),
            )
        )
    return found


def _end(book: Book, ends: Mapping[int, int], served: Sequence[SupplyId]) -> int | None:
    """When the last of these supplies is there; what lies in stock is there already."""
    known = [
        ends.get(id_.id) if id_.kind is SupplyKind.WORK else book.supplies[id_].due_ms
        for id_ in served
        if id_.kind is not SupplyKind.LOT
    ]
    found = [end for end in known if end is not None]
    return max(found) if found and len(found) == len(known) else None


def _late(end_ms: int | None, due_ms: int | None) -> bool | None:
    return None if end_ms is None or due_ms is None else end_ms > due_ms


def _minutes(ms: int | None) -> float:
    return round((ms or 0) / _MINUTE_MS, 1)


def _place(id_: SupplyId) -> tuple[bool, bool, SupplyKind, int]:
    """Work orders that there are first, then new ones in their order, then goods."""
    return (id_.kind is not SupplyKind.WORK, id_.id < 0, id_.kind, abs(id_.id))

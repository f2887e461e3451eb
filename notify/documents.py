"""Documents for partners: answers to orders, notices of shipments, what was made for an ERP.

Tasks are written with the events that cause them, and gone in the transaction that keeps their
documents: each is made once, whenever this process is killed. A document says how things stand when
it is made, so that what happens in a row is said once.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from connectors import outward as writers
from connectors.outward import NoWayBackError, Sent
from connectors.sap_idoc import Confirmation, production_confirmation
from domain import answering
from domain.documents import Answer, Format, OrderAnswer, ShipNotice
from domain.outbound import PRODUCTION_EVERY_S, DocumentKind, digest, wanted
from domain.units import code_of
from store.database import Connection
from store.outbound import documents, production, sources, tasks
from store.outbound.documents import NewDocument
from store.outbound.production import Made, Work
from store.outbound.sources import Source
from store.outbound.tasks import Task

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 50
_OPERATIONS_AT_ONCE: Final = 500


async def make_due(connection: Connection, *, now: datetime) -> tuple[int, int]:
    """Make the documents that are due; answers how many tasks were done, and how many put off.

    Within one transaction. A document that cannot be made holds up no other one.
    """
    done = failed = 0
    for task in await tasks.take(connection, now=now, at_once=_AT_ONCE):
        try:
            async with connection.transaction():
                await _make(connection, task, now=now)
                await tasks.done(connection, task)
            done += 1
        except (LookupError, ValueError, TypeError, msgspec.MsgspecError) as error:
            failed += 1
            words = f"{type(error).__name__}: {error}"
            _log.warning("no %s for order %d: %s", task.kind, task.order_id, words)
            await tasks.put_off(connection, task, error=words, now=now)
    return done, failed


async def _make(connection: Connection, task: Task, *, now: datetime) -> None:
    """Make a task's document, unless nothing (new) is to be said."""
    kind = DocumentKind(task.kind)
    source = await sources.source(connection, task.order_id)
    if source is None or kind not in wanted(source.told.spoken, source.chosen):
        return
    before = await documents.newest(connection, task.order_id, kind, task.shipment)
    told = await _told(connection, task, source, replaces=before is not None, now=now)
    if told is None or digest(told) == before:
        return
    control = await documents.control(connection)
    try:
        answer = _written(told, source, control=control, now=now)
    except NoWayBackError as error:
        _log.info("order %s is not answered: %s", source.number, error)
        return
    await documents.insert(
        connection,
        NewDocument(
            kind=kind,
            name=answer.kind,
            spoken=source.told.spoken,
            media_type=answer.media_type,
            site_id=source.site_id,
            channel_id=source.channel_id,
            order_id=task.order_id,
            shipment=task.shipment,
            reference=source.told.document.number,
            cause=f"audit/{task.audit_id}",
            digest=digest(told),
            control=control,
            content=answer.content,
            pushed=source.pushed,
        ),
    )


async def _told(
    connection: Connection, task: Task, source: Source, *, replaces: bool, now: datetime
) -> OrderAnswer | ShipNotice | None:
    """What is to be said of a task's order, or of its shipment; None: nothing."""
    lines = await sources.lines(connection, task.order_id)
    if task.kind == DocumentKind.ORDER_ANSWER:
        if not lines or not answering.is_decided(lines):
            return None
        return answering.order_answer(
            source.told,
            lines,
            our_number=source.number,
            answered_at=now,
            zone=ZoneInfo(source.time_zone),
            replaces=replaces,
        )
    if task.shipment is None:
        return None
    dispatch = await sources.dispatch(connection, task.order_id, task.shipment)
    if dispatch is None or (not dispatch.gone and not replaces):
        return None
    return answering.ship_notice(
        source.told, lines, dispatch, our_number=source.number, replaces=replaces
    )


def _written(
    told: OrderAnswer | ShipNotice, source: Source, *, control: int, now: datetime
) -> Answer:
    sent = Sent(
        spoken=source.told.spoken, envelope=source.envelope, message=source.told.document.message
    )
    zone = ZoneInfo(source.time_zone)
    if isinstance(told, OrderAnswer):
        return writers.order_answer(told, sent, control=control, at=now, zone=zone)
    return writers.ship_notice(told, sent, control=control, at=now, zone=zone)


async def confirm_production(
    connection: Connection, *, now: datetime, every: timedelta | None = None
) -> int:
    """Tell ERPs what was made of their production orders; answers how many operations.

    Within one transaction: what is told is noted with the document.
    """
    works = await production.due(
        connection,
        now=now,
        kind=DocumentKind.PRODUCTION,
        spoken=Format.SAP_IDOC,
        every_s=PRODUCTION_EVERY_S if every is None else int(every.total_seconds()),
        at_once=_OPERATIONS_AT_ONCE,
    )
    for work in works:
        await production.note(connection, work.operations, now=now)
        tickets = [_ticket(work, made, now) for made in work.operations]
        answer = production_confirmation(tickets, zone=ZoneInfo(work.time_zone))
        control = await documents.control(connection)
        await documents.insert(
            connection,
            NewDocument(
                kind=DocumentKind.PRODUCTION,
                name=answer.kind,
                spoken=Format.SAP_IDOC,
                media_type=answer.media_type,
                site_id=work.site_id,
                channel_id=work.channel_id,
                order_id=work.order_id,
                work_order_id=work.id,
                reference=work.external_id,
                cause=f"production/{work.id}/{control}",
                digest=b"",
                control=control,
                content=answer.content,
                pushed=work.pushed,
            ),
        )
    return sum(len(work.operations) for work in works)


def _ticket(work: Work, made: Made, now: datetime) -> Confirmation:
    return Confirmation(
        order=work.external_id,
        operation=str(made.number),
        good=made.good - made.good_told,
        scrap=made.scrap - made.scrap_told,
        rework=Decimal(0),
        unit=code_of(work.unit, Format.EDIFACT),
        final=made.over,
        started_at=_moment(made.started_ms),
        ended_at=_moment(made.ended_ms) if made.over else now,
        posted_at=now,
    )


def _moment(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC)

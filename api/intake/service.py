"""Taking documents in: read, decided on in one transaction, answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from api.auth.principal import Principal
from api.context import CLAIM, Context
from api.errors import FieldProblem, ProblemError, safe_value
from api.gathering import Apart
from api.intake import receiving, tables
from api.intake.receiving import Receipt, Sending, Taken, is_error
from api.intake.schemas import Intake
from api.orders.releasing import release_judged
from connectors.mapping import Mapping as ColumnMapping
from connectors.options import ReadOptions
from connectors.registry import reader_of
from domain.document_values import LONGEST_CODE
from domain.documents import Format, Problem, Reading
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.intake import channels
from store.intake.channels import ChannelRow

_MOST_TOLD: Final = 1_000
"""Problems in a problem document; the rest is counted."""
_IN_THREAD_BYTES: Final = 64 * 1024
"""Larger ones are read beside the event loop."""
_FEW: Final = 10
"""Files with more documents are taken in for themselves: nobody else shall wait for them."""
_PATIENCE_MS: Final = 500
"""So long those who are taken in together wait for a lock; then each waits for its own."""

_SILENT: Final = frozenset({Format.CSV, Format.XLSX, Format.KINGDEE, Format.YONYOU})
"""Formats whose documents do not name their sender."""


async def take_in(context: Context, principal: Principal, sending: Sending) -> Intake:
    """Take documents in.

    What is sent by several at the same moment is taken in together: one transaction instead of
    many (`api.gathering`). Each gets its own answer, the same as alone.

    Raises:
        NotFoundError: there is no such channel, or no such mapping.
        UnknownReferenceError: there is no such site.
        ConflictError: the channel is disabled, or for another format.
        ProblemError: nothing could be read (422).
    """
    channel, mapping = None, None
    if sending.channel is not None or sending.mapping is not None:
        async with context.connection() as connection:
            channel = await known_channel(connection, principal, sending)
            mapping = await tables.known_mapping(
                connection, sending.format, sending.mapping, channel
            )
    if sending.columns is not None:
        mapping = tables.told_mapping(sending.columns)
    reading = await _read(sending, channel, mapping)
    refused = _refused(reading)
    if not reading.documents and not refused:
        raise unreadable(reading.problems)
    receipt = Receipt(principal, sending, channel, reading, refused, CLAIM.get())
    taken = await _taken_in(context, receipt)
    if not reading.documents:
        raise unreadable(reading.problems)
    if sending.dry_run or not await release_judged(context, principal, taken.confirmed.values()):
        return taken.intake
    async with context.connection() as connection:
        return await receiving.as_they_stand(connection, taken)


async def _taken_in(context: Context, receipt: Receipt) -> Taken:
    """Take one sender's documents in, with others' where they are few."""
    if not receipt.sending.dry_run and 0 < len(receipt.reading.documents) <= _FEW:

        async def carry_out(receipts: Sequence[Receipt]) -> Sequence[Taken | Exception]:
            return await receiving.take_in(context, receipts, patience_ms=_PATIENCE_MS)

        heads = frozenset((one.source, one.number) for one in receipt.reading.documents)
        with contextlib.suppress(Apart):
            return await context.intake.take(
                receipt, carry_out, keys=heads, weight=len(receipt.reading.documents)
            )
    (taken,) = await receiving.take_in(context, [receipt], rehearsal=receipt.sending.dry_run)
    if isinstance(taken, Exception):
        raise taken
    return taken


async def known_channel(
    connection: Connection, principal: Principal, sending: Sending
) -> ChannelRow | None:
    """The channel by which something is sent.

    Raises:
        NotFoundError: there is no such channel.
        ConflictError: it is disabled, or for another format.
    """
    if sending.channel is None:
        return None
    row = await channels.channel(connection, sending.channel)
    if row is None or (row.site is not None and not principal.sees(row.site)):
        raise NotFoundError("channel", sending.channel)
    if not row.enabled:
        raise ConflictError(f"channel {row.name!r} is disabled")
    if row.format != sending.format:
        raise ConflictError(f"channel {row.name!r} is for {row.format}, not for {sending.format}")
    return row


def unreadable(problems: Sequence[Problem]) -> ProblemError:
    """The answer where nothing could be read: every problem, by its place."""
    errors = [
        FieldProblem(field=problem.place, value=safe_value(problem.value), problem=problem.problem)
        for problem in problems[:_MOST_TOLD]
    ]
    first = problems[0] if problems else None
    detail = "Nothing in it could be taken in" + (
        "." if first is None else f": {first.place}: {first.problem}"
    )
    if len(problems) > 1:
        detail += f" ({len(problems)} problems in all)"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", detail, errors=errors)


async def _read(
    sending: Sending, channel: ChannelRow | None, mapping: ColumnMapping | None
) -> Reading:
    """What the connector makes of the bytes."""
    options = ReadOptions(source=sending.source or _source_of(channel), mapping=mapping)
    read = reader_of(sending.format)
    if len(sending.content) < _IN_THREAD_BYTES:
        return read(sending.content, options)
    return await asyncio.to_thread(read, sending.content, options)


def _source_of(channel: ChannelRow | None) -> str | None:
    """Who numbers the orders of a channel; None: their documents say so."""
    if channel is None:
        return None
    told = channel.settings.get("source")
    if told is None and channel.format in _SILENT:
        return f"channel:{channel.name}"[:LONGEST_CODE]
    return told


def _refused(reading: Reading) -> dict[str, list[Problem]]:
    """The problems of orders that the connector could not read, by their numbers."""
    read = {document.number for document in reading.documents}
    found: dict[str, list[Problem]] = {}
    for problem in reading.problems:
        if problem.document is not None and problem.document not in read:
            found.setdefault(problem.document, []).append(problem)
    return {number: told for number, told in found.items() if any(map(is_error, told))}

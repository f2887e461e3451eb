"""Documents at work: each decided on, applied, registered and reviewed, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import psycopg

from api.context import Context
from api.errors import ProblemError
from api.fields import required_moment
from api.intake import changes
from api.intake.resolving import Asked, Origin, Resolved, resolve
from api.work_orders.service import order_event
from domain import document_storage
from domain.document_order import (
    Apply,
    Create,
    Decision,
    KnownOrder,
    Leave,
    Outcome,
    counts_in_seconds,
    decide,
    digest,
)
from domain.document_values import faults
from domain.documents import DocumentKind, Format, OrderDocument, Problem, Severity
from domain.orders import LineState
from domain.review import Finding, explain
from store import audit, new_orders
from store.audit import OrderEntry
from store.database import Connection
from store.errors import StoreError
from store.intake import register
from store.intake.names import NamedSite
from store.intake.register import Head, NewDocument, OrderOfDocuments, Registered, Waiting
from store.log import NewRecord
from store.new_orders import Inserted
from store.review.judging import CONFIRMED, Judged, examine_orders

logger: Final = logging.getLogger("gemba.api")


@dataclass(kw_only=True)
class Result:
    """What became of a document. One that waited has the origin of the order it waited for."""

    origin: Origin
    document: OrderDocument
    outcome: Outcome
    problems: list[Problem]
    order_id: int | None = None
    reasons: list[str] = field(default_factory=list)
    document_id: int | None = None
    sha256: bytes = b""

    @property
    def head(self) -> Head:
        """The order that it names."""
        return self.document.source, self.document.number


class Received(msgspec.Struct, frozen=True):
    """A document as it was read, and where it came from."""

    origin: Origin
    document: OrderDocument
    problems: Sequence[Problem]


class Work:
    """Documents, of one sender or several, taken in one after the other within a transaction.

    New orders are stored together, in few statements; what changes an order is applied for itself.
    A document that cannot be stored is refused and leaves the others alone (a savepoint).
    """

    def __init__(
        self, context: Context, connection: Connection, sites: Mapping[str, NamedSite]
    ) -> None:
        self.results: list[Result] = []
        self.records: list[NewRecord] = []
        self.confirmed: dict[int, Judged] = {}
        """Orders that the review has just confirmed by itself."""
        self._context = context
        self._connection = connection
        self._sites = sites
        self._now = required_moment(context.clock.now_ms())
        self._orders: dict[Head, OrderOfDocuments] = {}
        self._registered: dict[register.Identity, Registered] = {}
        self._early: dict[Head, list[Waiting]] = {}
        self._waiting: dict[str, int] = {}
        self._here: set[register.Identity] = set()
        self._pending: dict[Head, Result] = {}
        self._created: set[Head] = set()
        """Made by this work, and not in `_orders`: seldom is another document of theirs here."""
        self._touched: set[int] = set()
        self._repeats: list[int] = []

    async def take(self, documents: Sequence[Received]) -> None:
        """Take documents in, in their order."""
        connection = self._connection
        results = [
            Result(
                origin=one.origin,
                document=one.document,
                outcome=Outcome.REFUSED,
                problems=list(one.problems),
            )
            for one in documents
        ]
        self.results.extend(results)
        usable = [result for result in results if self._is_usable(result)]
        if usable:
            heads = {result.head for result in usable}
            await register.lock_heads(connection, heads)
            self._registered, self._early = await register.known_documents(
                connection, heads, self._now
            )
            self._orders = await register.orders_of(connection, heads)
            if any(result.document.kind is not DocumentKind.ORDER for result in usable):
                sources = {source for source, _ in heads}
                self._waiting = await register.count_waiting(connection, sources)
        for result in _by_age(usable):
            await self._one(result)
        await self._create()
        await self._register(results)
        await register.note_repeats(connection, self._repeats, self._now)
        await self._judge()

    def _is_usable(self, result: Result) -> bool:
        found = faults(result.document)
        result.problems.extend(found)
        result.reasons.extend(problem.problem for problem in found)
        result.sha256 = digest(result.document)
        return not found

    async def _one(self, result: Result) -> None:
        """Decide on a document, and do what is decided."""
        if self._is_repeat(result):
            return
        if result.head in self._pending:
            await self._create()
        if result.head in self._created:
            await self._look_up({result.head})
        order = self._orders.get(result.head)
        if order is not None and not result.origin.principal.sees(order.site):
            result.reasons.append("the order is handled where you may not change it")
            return
        match _decision(result.document, order, result.origin.format):
            case Create():
                self._pending[result.head] = result
            case Apply(whole=whole):
                assert order is not None  # noqa: S101 - only then there is something to apply to
                await self._apply(result, order, whole=whole)
            case Leave(outcome=outcome, reason=reason):
                self._leave(result, order, outcome, reason)

    def _is_repeat(self, result: Result) -> bool:
        identity = _identity(result)
        before = self._registered.get(identity)
        if identity in self._here:
            result.outcome = Outcome.REPEATED
            result.reasons.append("the same document stands in the file before")
            return True
        self._here.add(identity)
        if before is None or before.outcome is Outcome.REFUSED:
            return False
        result.outcome = Outcome.REPEATED
        result.order_id, result.document_id = before.order_id, before.id
        result.reasons.append(f"it has been here before; what became of it: {before.outcome}")
        self._repeats.append(before.id)
        return True

    def _leave(
        self, result: Result, order: OrderOfDocuments | None, outcome: Outcome, reason: str
    ) -> None:
        result.outcome = outcome
        result.order_id = None if order is None else order.id
        result.reasons.append(reason)
        if outcome is Outcome.CONFLICT and order is not None:
            self._touched.add(order.id)
        if outcome is Outcome.WAITING:
            waiting = self._waiting.get(result.document.source, 0)
            if waiting >= register.MOST_WAITING:
                result.outcome = Outcome.REFUSED
                result.reasons.insert(
                    0,
                    f"{waiting} documents of {result.document.source!r} wait for their orders"
                    " already; send the orders first",
                )
                return
            self._waiting[result.document.source] = waiting + 1

    async def _create(self) -> None:
        """Store the new orders that have come together, then apply what waited for them."""
        if not self._pending:
            return
        pending, self._pending = list(self._pending.values()), {}
        if not await self._tried(pending):
            for result in pending:
                await self._tried([result])
        created = [result for result in pending if result.outcome is Outcome.CREATED]
        if not created:
            return
        heads = {result.head: result.origin for result in created}
        self._created |= heads.keys()
        if known := heads.keys() & self._early.keys():
            await self._look_up(known)
        for head in sorted(heads):
            for waiting in self._early.pop(head, ()):
                await self._apply_waiting(waiting, heads[head])

    async def _look_up(self, heads: set[Head]) -> None:
        """Read orders that were made for documents of the same file."""
        self._created -= heads
        self._orders.update(await register.orders_of(self._connection, heads))

    async def _tried(self, results: Sequence[Result]) -> bool:
        """Store new orders within a savepoint; False if one of several cannot be stored."""
        try:
            async with self._connection.transaction():
                await self._store(results)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(results) > 1:
                for result in results:
                    result.outcome, result.order_id = Outcome.REFUSED, None
                return False
            logger.warning("an order could not be stored: %s", type(error).__name__)
            results[0].order_id = None
            _refuse(results[0], "not_storable", "a value of the order cannot be stored")
        return True

    async def _store(self, results: Sequence[Result]) -> None:
        connection = self._connection
        asked = [Asked(result.origin, result.document) for result in results]
        resolved = await resolve(connection, asked, self._sites)
        ready: list[tuple[Result, Resolved]] = []
        for result, one in zip(results, resolved, strict=True):
            found = [*result.problems]
            result.problems = [*found, *(p for p in one.problems if p not in found)]
            if one.order is None:
                result.reasons.extend(p.problem for p in one.problems if p.severity == "error")
            else:
                ready.append((result, one))
        insertions = await new_orders.insert_many(
            connection, [one.order for _, one in ready if one.order is not None]
        )
        stored: list[tuple[Origin, Resolved, Inserted]] = []
        for (result, one), insertion in zip(ready, insertions, strict=True):
            if isinstance(insertion, Inserted):
                result.outcome, result.order_id = Outcome.CREATED, insertion.id
                stored.append((result.origin, one, insertion))
            else:  # entered by hand under this very id, in the same moment
                result.outcome = Outcome.CONFLICT
                result.reasons.append("the order is known already, and not from a document")
        await self._complete(stored)

    async def _complete(self, stored: Sequence[tuple[Origin, Resolved, Inserted]]) -> None:
        """Lines, partners, audit entries and events of orders whose rows are there."""
        if not stored:
            return
        connection = self._connection
        rows = [
            (order.id, [line.row for line in one.lines if line.row is not None])
            for _, one, order in stored
        ]
        await new_orders.insert_lines(connection, rows, LineState.RECEIVED)
        await new_orders.add_parties(
            connection, [(order.id, one.parties) for _, one, order in stored]
        )
        entries = [
            OrderEntry(
                order_id=order.id,
                site_id=one.order.site_id,
                after=_told(one, order.number, origin.format),
                actor=origin.principal.actor,
            )
            for origin, one, order in stored
            if one.order is not None
        ]
        await audit.write_of_orders(connection, entries, action="OrderReceived")
        for _, one, order in stored:
            assert one.site is not None  # noqa: S101 - it has an order
            self._touched.add(order.id)
            self.records.append(
                order_event(
                    self._context,
                    "OrderReceived",
                    site=one.site.code,
                    order_id=order.id,
                    version=1,
                )
            )

    async def _apply(self, result: Result, order: OrderOfDocuments, *, whole: bool) -> None:
        """Change or cancel an order, within a savepoint."""
        result.order_id = order.id
        site = NamedSite(id=order.site_id, code=order.site, time_zone=order.time_zone)
        origin = msgspec.structs.replace(result.origin, site=site)
        try:
            async with self._connection.transaction():
                asked = Asked(origin, result.document, order.customer_id)
                [resolved] = await resolve(self._connection, [asked], self._sites)
                channel = origin.channel
                case = changes.Case(
                    order=order,
                    resolved=resolved,
                    whole=whole,
                    spoken=origin.format,
                    of_customer=channel is not None and channel.customer_id is not None,
                )
                change = await changes.apply(
                    self._context, origin.principal, self._connection, case
                )
                await register.note_version(
                    self._connection,
                    order.id,
                    version=result.document.version,
                    currency=result.document.currency,
                )
        except (StoreError, ProblemError, psycopg.DataError, psycopg.IntegrityError) as error:
            known = isinstance(error, StoreError | ProblemError)
            problem = str(error) if known else "a value of the change cannot be stored"
            if not known:
                logger.warning("a change could not be stored: %s", type(error).__name__)
            _refuse(result, "change_refused", problem)
            return
        result.problems.extend(change.problems)
        self.records.extend(change.records)
        self._note_confirmed(change.judged)
        self._touched.add(order.id)
        cancels = result.document.kind is DocumentKind.CANCEL
        result.outcome = Outcome.CANCELLED if cancels else Outcome.CHANGED
        self._orders[result.head] = msgspec.structs.replace(
            order,
            source_version=max(order.source_version or 0, result.document.version),
            unversioned_change=order.unversioned_change or result.document.version == 0,
        )

    async def _apply_waiting(self, waiting: Waiting, origin: Origin) -> None:
        """Look again at a document whose order has come in, from that origin."""
        document = document_storage.read(waiting.document)
        problems = msgspec.convert(waiting.problems, list[Problem])
        result = Result(
            origin=origin, document=document, outcome=Outcome.REFUSED, problems=problems
        )
        result.document_id = waiting.id
        order = self._orders[result.head]
        match _decision(document, order, Format(waiting.format)):
            case Apply(whole=whole):
                result.origin = msgspec.structs.replace(origin, format=Format(waiting.format))
                await self._apply(result, order, whole=whole)
                result.origin = origin
            case Leave(outcome=outcome, reason=reason):
                result.outcome, result.order_id = outcome, order.id
                result.reasons.append(reason)
        await register.settle(
            self._connection,
            waiting.id,
            outcome=result.outcome,
            order_id=order.id,
            problems=result.problems,
            reason="; ".join(result.reasons) or "it waited for its order",
            now=self._now,
        )
        self.results.append(result)

    async def _register(self, results: Sequence[Result]) -> None:
        new = [
            result
            for result in results
            if result.document_id is None and result.outcome is not Outcome.REPEATED
        ]
        rows = [self._row(result) for result in new]
        storable = [(result, row) for result, row in zip(new, rows, strict=True) if row is not None]
        ids = await register.insert(self._connection, [row for _, row in storable], now=self._now)
        for (result, _), document_id in zip(storable, ids, strict=True):
            result.document_id = document_id

    def _row(self, result: Result) -> NewDocument | None:
        """What the register keeps; None of a document whose own name no row can hold."""
        document = result.document
        if any(problem.code in _UNUSABLE for problem in result.problems):
            return None
        origin = result.origin
        return NewDocument(
            channel_id=None if origin.channel is None else origin.channel.id,
            source=document.source,
            number=document.number,
            kind=document.kind,
            version=document.version,
            sha256=result.sha256,
            outcome=result.outcome,
            order_id=result.order_id,
            format=origin.format,
            file_id=origin.file_id,
            document=without_nul(document_storage.written(document)),
            problems=without_nul(msgspec.to_builtins(result.problems)),
            reason="; ".join(result.reasons).replace("\x00", "") or None,
            message=None if document.message is None else document.message.replace("\x00", ""),
            site_id=None if origin.site is None else origin.site.id,
            received_by=origin.received_by,
        )

    async def _judge(self) -> None:
        """Review the orders that came or changed; findings become the reasons people read."""
        if not self._touched:
            return
        judged = await examine_orders(
            self._connection, sorted(self._touched), now=self._now, portions=self._portions()
        )
        for each in judged.values():
            self._note_confirmed(each)
            if each.moved is not None:
                self.records.append(
                    order_event(
                        self._context,
                        each.moved,
                        site=each.site,
                        order_id=each.order_id,
                        version=each.version,
                    )
                )
        for result in self.results:
            if result.order_id is not None and (found := judged.get(result.order_id)) is not None:
                result.reasons.extend(_words(finding) for finding in found.findings)

    def _note_confirmed(self, judged: Judged | None) -> None:
        if judged is not None and judged.moved == CONFIRMED:
            self.confirmed[judged.order_id] = judged

    def _portions(self) -> dict[int, int]:
        """Which orders came together: what review does of so many lines, it does of each file."""
        files = {id(origin): place for place, origin in enumerate(self._origins())}
        return {
            result.order_id: files[id(result.origin)]
            for result in self.results
            if result.order_id is not None
        }

    def _origins(self) -> list[Origin]:
        return list({id(result.origin): result.origin for result in self.results}.values())


_UNUSABLE: Final = frozenset({"number_unusable", "source_unusable", "version_unusable"})


def _decision(document: OrderDocument, order: OrderOfDocuments | None, spoken: Format) -> Decision:
    later_wins = counts_in_seconds(spoken, document.version)
    return decide(document, _known(order), later_wins=later_wins)


def _known(order: OrderOfDocuments | None) -> KnownOrder | None:
    if order is None:
        return None
    return KnownOrder(version=order.source_version, unversioned_change=order.unversioned_change)


def _by_age(results: Sequence[Result]) -> list[Result]:
    """What makes an order before all that changes it, then older versions before newer ones."""
    first: dict[Head, int] = {}
    for result in results:
        if result.document.kind is DocumentKind.ORDER:
            version = result.document.version
            first[result.head] = min(first.get(result.head, version), version)

    def age(result: Result) -> tuple[bool, int, bool]:
        changes = result.document.kind is not DocumentKind.ORDER
        version = result.document.version
        return changes or version > first[result.head], version, changes

    return sorted(results, key=age)


def _identity(result: Result) -> register.Identity:
    return *result.head, result.document.version, result.sha256


def _refuse(result: Result, code: str, problem: str) -> None:
    result.outcome = Outcome.REFUSED
    result.reasons.append(problem)
    result.problems.append(
        Problem(
            severity=Severity.ERROR,
            code=code,
            place="document",
            problem=problem,
            document=result.document.number,
        )
    )


def _words(finding: Finding) -> str:
    words = explain(finding.code, finding.detail)
    place = "" if finding.line is None else f"line {finding.line}: "
    return f"{place}{words.problem} {words.advice}".strip()


def _told(resolved: Resolved, number: str, spoken: Format) -> dict[str, Any]:
    """An order as the audit log tells that it came in."""
    document = resolved.document
    return {
        "number": number,
        "document": {
            "format": spoken,
            "source": document.source,
            "number": document.number,
            "version": document.version,
        },
        "lines": [
            {
                "position": line.told.position,
                "item": line.item.code,
                "quantity": line.row.quantity,
                "unit": line.row.unit,
                "due_at": line.row.due_at,
            }
            for line in resolved.lines
            if line.row is not None and line.item is not None
        ],
    }


def without_nul(value: Any) -> Any:
    """JSON without the one character that PostgreSQL's jsonb cannot hold."""
    match value:
        case str():
            return value.replace("\x00", "") if "\x00" in value else value
        case dict():
            return {key: without_nul(one) for key, one in value.items()}
        case list() | tuple():
            return [without_nul(one) for one in value]
        case _:
            return value

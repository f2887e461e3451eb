"""What the names, units and dates of documents mean here: rows to be stored, and what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from api.auth.principal import Principal
from api.intake.matching import (
    CODES,
    buyer_of,
    find_customer,
    gtin_spellings,
    item_code,
    item_of,
    names_an_item,
    provisional_customer,
    provisional_unit,
    storable,
)
from domain.document_order import digest
from domain.document_values import (
    LONGEST_CODE,
    amount_of,
    day_of,
    moment_of,
    one_line,
    some_lines,
)
from domain.documents import (
    DocumentLine,
    Format,
    LineAction,
    NameScheme,
    OrderDocument,
    Party,
    Problem,
    Severity,
)
from store.database import Connection
from store.intake import names
from store.intake.channels import ChannelRow
from store.intake.names import (
    Items,
    NamedCustomer,
    NamedItem,
    NamedSite,
    NewCustomer,
    NewItem,
)
from store.new_orders import NewLine, NewOrder


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where documents came from, and what was said about them by whoever sent them.

    `principal` is who sent them; documents go to sites that they may see.
    """

    principal: Principal
    format: Format
    channel: ChannelRow | None
    site: NamedSite | None
    received_by: str
    file_id: int


class Asked(msgspec.Struct, frozen=True):
    """A document to be resolved; `customer_id` is whose the order is where that is known."""

    origin: Origin
    document: OrderDocument
    customer_id: int | None = None


class ResolvedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A document's line with the row that it comes to; `row` is None for a line to be cancelled."""

    told: DocumentLine
    item: NamedItem | None
    row: NewLine | None


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A document with the rows that it comes to; without `order` it cannot be taken in."""

    document: OrderDocument
    order: NewOrder | None
    site: NamedSite | None
    customer: NamedCustomer | None
    lines: list[ResolvedLine]
    parties: tuple[Party, ...]
    problems: list[Problem]


class _Terms(msgspec.Struct, frozen=True):
    """What holds for all lines of a document; `problems` is added to."""

    document: OrderDocument
    spoken: Format
    zone: tzinfo
    due: datetime | None
    problems: list[Problem]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the names in some documents."""

    sites: Mapping[str, NamedSite]
    items: Items
    makers: Mapping[int, Collection[int]]


async def resolve(
    connection: Connection, asked: Sequence[Asked], sites: Mapping[str, NamedSite]
) -> list[Resolved]:
    """Look up everything that some documents name; who is unknown gets a provisional row.

    Args:
        connection: the transaction in which the orders will be stored.
        asked: the documents, without faults.
        sites: all sites there are, by code.
    """
    customers = await _customers(connection, asked)
    items = await _items(connection, asked, [customer.id for customer in customers])
    makers: Mapping[int, Collection[int]] = {}
    if len(sites) > 1 and not all(_says_site(one.origin) for one in asked):
        makers = await names.makers(connection, _item_ids(items))
    visible: dict[int, dict[str, NamedSite]] = {}
    resolved = []
    for one, customer in zip(asked, customers, strict=True):
        who = one.origin.principal
        if id(who) not in visible:
            visible[id(who)] = {code: site for code, site in sites.items() if who.sees(code)}
        known = _Known(sites=visible[id(who)], items=items, makers=makers)
        resolved.append(_resolved(one.origin, one.document, customer, known))
    return resolved


def _says_site(origin: Origin) -> bool:
    """Whether it is said which site handles the orders."""
    return origin.site is not None or bool(origin.channel is not None and origin.channel.site)


async def _customers(connection: Connection, asked: Sequence[Asked]) -> list[NamedCustomer]:
    """Whose each order is."""
    documents = [one.document for one in asked]
    buyers = [buyer_of(document) for document in documents]
    told = [buyer for buyer in buyers if buyer is not None]
    known = await names.customers(
        connection,
        names={name for buyer in told for name in buyer.names},
        codes={name.value for buyer in told for name in buyer.names if name.scheme in CODES}
        | {provisional_customer(document).code for document in documents},
    )
    strangers = [buyer for buyer in told if find_customer(known, buyer) is None]
    if texts := {one_line(buyer.name) for buyer in strangers if buyer.name}:
        known.by_text = await names.customers_called(connection, texts)
    found: list[NamedCustomer | None] = []
    unknown: dict[int, NewCustomer] = {}
    for place, (one, buyer) in enumerate(zip(asked, buyers, strict=True)):
        origin = one.origin
        customer = _of_channel(origin, one.customer_id) or find_customer(known, buyer)
        if customer is None and origin.channel is not None:
            customer = _of_channel(origin, origin.channel.customer_id)
        if customer is None:
            unknown[place] = provisional_customer(one.document)
        found.append(customer)
    if unknown:
        made = await names.add_customers(connection, list(unknown.values()))
        for place, new in unknown.items():
            found[place] = made[new.code]
    return [customer for customer in found if customer is not None]


def _of_channel(origin: Origin, customer_id: int | None) -> NamedCustomer | None:
    """A customer of whom the id is all that matters: the channel's, or the changed order's."""
    if customer_id is None:
        return None
    channel = origin.channel
    code = channel.customer if channel is not None and channel.customer_id == customer_id else None
    return NamedCustomer(id=customer_id, code=code or "", name=code or "", provisional=False)


async def _items(
    connection: Connection, asked: Sequence[Asked], customer_ids: Sequence[int]
) -> Items:
    """The items of all lines; those that nobody knows are made."""
    lines = [
        (customer_id, one, line)
        for customer_id, one in zip(customer_ids, asked, strict=True)
        for line in one.document.lines
    ]
    told = {name for _, _, line in lines for name in line.names}
    found = await names.items(
        connection,
        names=set(storable(told)),
        codes={name.value for name in set(storable(told)) if name.scheme in CODES}
        | {item_code(one.document, line) for _, one, line in lines},
        gtins={
            spelling
            for name in told
            if name.scheme is NameScheme.GTIN
            for spelling in gtin_spellings(name.value)
        },
    )
    unknown = [
        NewItem(
            code=item_code(one.document, line),
            name=one_line(line.description or "") or item_code(one.document, line),
            unit=provisional_unit(line, one.origin.format),
        )
        for customer_id, one, line in lines
        if names_an_item(line) and item_of(found, one.document, line, customer_id)[0] is None
    ]
    if unknown:
        found.by_code.update(await names.add_items(connection, unknown))
    return found


def _item_ids(items: Items) -> set[int]:
    return {
        item.id
        for found in (items.by_name, items.by_code, items.by_gtin)
        for item in found.values()
    }


def _resolved(
    origin: Origin, document: OrderDocument, customer: NamedCustomer, known: _Known
) -> Resolved:
    problems: list[Problem] = []
    found = [item_of(known.items, document, line, customer.id) for line in document.lines]
    site = _site(origin, document, known, [item for item, _ in found if item], problems)
    lines: list[ResolvedLine] = []
    zone = ZoneInfo(site.time_zone) if site is not None else ZoneInfo("UTC")
    due = moment_of(document.due, zone) if document.due is not None else None
    terms = _Terms(document, origin.format, zone, due, problems)
    for line, (item, by_chance) in zip(document.lines, found, strict=True):
        if by_chance and item is not None:
            problems.append(_by_chance(document, line, item))
        row = None
        if line.action is not LineAction.CANCEL and item is not None:
            row = _row(line, item, terms, number=len(lines) + 1)
        lines.append(ResolvedLine(told=line, item=item, row=row))
    _repeated_positions(document, problems)
    order = None if site is None else _order(origin, document, site, customer, zone)
    return Resolved(
        document=document,
        order=order,
        site=site,
        customer=customer,
        lines=lines,
        parties=tuple(_party(party) for party in document.parties),
        problems=problems,
    )


def _site(
    origin: Origin,
    document: OrderDocument,
    known: _Known,
    items: Sequence[NamedItem],
    problems: list[Problem],
) -> NamedSite | None:
    """The site that handles the order: the one told, the channel's, the only one, the maker's."""
    if origin.site is not None:
        return origin.site
    given = origin.channel.site if origin.channel is not None else None
    allowed = known.sites if given is None else {k: v for k, v in known.sites.items() if k == given}
    if len(allowed) == 1:
        return next(iter(allowed.values()))
    if not allowed:
        problem = "there is no site that could handle the order; make one, or name one by ?site="
        problems.append(_problem(document, "site_missing", Severity.ERROR, problem, value=given))
        return None
    makes = Counter(site_id for item in items for site_id in known.makers.get(item.id, ()))
    ranked = sorted(known.sites.values(), key=lambda site: (-makes[site.id], site.code))
    best, second = ranked[0], ranked[1]
    if makes[best.id] == makes[second.id]:
        problem = (
            f"nothing says which site handles the order, so {best.code!r} was taken;"
            " name it by ?site=, or give the channel a site"
        )
        problems.append(
            _problem(document, "site_guessed", Severity.WARNING, problem, value=best.code)
        )
    return best


def _order(
    origin: Origin,
    document: OrderDocument,
    site: NamedSite,
    customer: NamedCustomer,
    zone: tzinfo,
) -> NewOrder:
    channel = origin.channel
    usual = int(channel.settings.get("priority") or 0) if channel is not None else 0
    reference = one_line(document.customer_reference or "")
    return NewOrder(
        site_id=site.id,
        customer_id=customer.id,
        number=None,
        external_source=document.source,
        external_id=document.number,
        customer_reference=reference or None,
        priority=usual if document.priority is None else document.priority,
        intake_digest=digest(document),
        source_version=document.version,
        channel_id=None if channel is None else channel.id,
        currency=one_line(document.currency or "", 3) or None,
        document_date=None if document.issued is None else day_of(document.issued, zone),
        notes=tuple(note for note in map(some_lines, document.notes) if note),
    )


def _row(line: DocumentLine, item: NamedItem, terms: _Terms, *, number: int) -> NewLine | None:
    """The row of a line; None where a change says nothing of its quantity."""
    if line.quantity is None:
        return None
    amount = amount_of(line.quantity, line.unit, item.unit, terms.spoken)
    if amount.problem is not None:
        code, problem = amount.problem
        terms.problems.append(
            _problem(
                terms.document,
                code,
                Severity.WARNING,
                problem,
                value=line.unit,
                place=place_of(line),
            )
        )
    return NewLine(
        number=number,
        item_id=item.id,
        quantity=amount.quantity,
        unit=amount.unit,
        due_at=moment_of(line.due, terms.zone) if line.due is not None else terms.due,
        source_position=line.position,
        description=some_lines(line.description or "") or None,
        price=line.price,
        price_basis=line.price_basis,
        unit_as_told=None if amount.unit_told is None else one_line(amount.unit_told, LONGEST_CODE),
        quantity_as_told=amount.told,
    )


def _party(party: Party) -> Party:
    """A partner as rows keep it."""

    def short(text: str | None) -> str | None:
        return one_line(text) or None if text is not None else None

    return msgspec.structs.replace(
        party,
        role_code=one_line(party.role_code, LONGEST_CODE),
        names=storable(party.names),
        name=short(party.name),
        street=tuple(line for line in map(one_line, party.street) if line),
        city=short(party.city),
        region=short(party.region),
        postal_code=short(party.postal_code),
        country=short(party.country),
        phone=short(party.phone),
    )


def _by_chance(document: OrderDocument, line: DocumentLine, item: NamedItem) -> Problem:
    problem = (
        f"the buyer's item code is the same as our item {item.code!r}, which may be chance; settle"
        " it, or teach the buyer's code to the item that is meant"
    )
    value = next(name.value for name in line.names if name.scheme is NameScheme.BUYER)
    return _problem(
        document,
        "item_by_buyers_code",
        Severity.WARNING,
        problem,
        value=value,
        place=place_of(line),
    )


def _repeated_positions(document: OrderDocument, problems: list[Problem]) -> None:
    for position, times in Counter(line.position for line in document.lines).items():
        if times > 1:
            problem = f"{times} lines have this number; a change cannot tell which one it means"
            problems.append(
                _problem(document, "position_repeated", Severity.WARNING, problem, value=position)
            )


def place_of(line: DocumentLine) -> str:
    """Where a line stands in its document."""
    return line.place or f"line {line.position}"


def _problem(
    document: OrderDocument,
    code: str,
    severity: Severity,
    problem: str,
    *,
    value: str | None = None,
    place: str = "document",
) -> Problem:
    return Problem(
        severity=severity,
        code=code,
        place=place,
        value=value,
        problem=problem,
        document=document.number,
    )

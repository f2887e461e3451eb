"""Items of an IDoc (E1EDP01 and what stands below it) as lines.

An item with several schedule lines (E1EDP20) becomes as many lines: the one at position `000010`
becomes `000010/1`, `000010/2` and so on, each with its own quantity and date. With one it stays.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from connectors.sap_idoc.report import Report
from connectors.sap_idoc.segments import (
    ITEM_ADDED,
    ITEM_CANCELLED,
    ITEM_CHANGED,
    ITEM_LOCKED,
    ITEM_NOT_CHANGED,
    ITEM_SCHEMES,
    REQUESTED_DELIVERY,
)
from connectors.sap_idoc.stream import Node
from connectors.sap_idoc.values import BadValueError, decimal, due, named
from domain.documents import DocumentKind, DocumentLine, Due, LineAction, Name, NameScheme


class Part(msgspec.Struct, frozen=True):
    """A part of an item with a date of its own (E1EDP20)."""

    node: Node
    quantity: Decimal | None
    due: Due | None


_ACTIONS = {
    ITEM_ADDED: LineAction.ADD,
    ITEM_CHANGED: LineAction.CHANGE,
    ITEM_CANCELLED: LineAction.CANCEL,
    ITEM_NOT_CHANGED: LineAction.CHANGE,
    ITEM_LOCKED: LineAction.CHANGE,
}


def lines_of(item: Node, kind: DocumentKind, report: Report) -> list[DocumentLine]:
    """The lines of an item; none: it cannot be one, as the report says, or the order does without.

    Args:
        item: the segment E1EDP01.
        kind: of the document.
        report: takes down what is wrong.
    """
    action = _action(item, kind, report)
    if action is None:
        return []
    if action is LineAction.CHANGE and item.field("MENGE") and not item.field("MENGE").strip("0."):
        report.warning(
            "quantity_zero", item, "MENGE", "a quantity of zero was taken as a cancellation"
        )
        action = LineAction.CANCEL
    names = _names(item)
    description = next(
        (text for one in item.all("E1EDP19") if (text := one.field("KTEXT"))), item.field("ARKTX")
    )
    if action is LineAction.ADD and not names:
        _item_unnamed(item, description, report)
    schedule = _schedule(item, report)
    quantity = _quantity(item, schedule, action, report)
    price, basis = _price(item, quantity, report)
    line = DocumentLine(
        position=item.field("POSEX"),
        action=action,
        names=names,
        description=description or None,
        quantity=quantity,
        unit=item.field("MENEE") or None,
        price=price,
        price_basis=basis,
        due=next((one.due for one in schedule if one.due is not None), None)
        or _item_date(item, report),
        place=item.place,
    )
    parts = [one for one in schedule if one.quantity is not None and one.quantity > 0]
    if len(parts) < 2 or action is LineAction.CANCEL:  # noqa: PLR2004 - one part is the whole
        return [line]
    return [
        msgspec.structs.replace(
            line,
            position=f"{line.position}/{rank}",
            quantity=part.quantity,
            due=part.due,
            place=part.node.place,
        )
        for rank, part in enumerate(parts, start=1)
    ]


def _action(item: Node, kind: DocumentKind, report: Report) -> LineAction | None:
    code = item.field("ACTION").strip()
    if kind is DocumentKind.ORDER:
        if code == ITEM_CANCELLED:
            report.note("item_cancelled", item, "ACTION", "the item is cancelled: it makes no line")
            return None
        return LineAction.ADD
    if code in {"", "000"}:
        report.warning(
            "action_missing", item, "ACTION",
            "the change does not say whether the item is new (001), changed (002) or cancelled"
            " (003); it is read as changed",
        )  # fmt: skip
        return LineAction.CHANGE
    if code == ITEM_LOCKED:
        report.warning("item_locked", item, "ACTION", "the item is locked by the sender")
    action = _ACTIONS.get(code)
    if action is None:
        report.error(
            "action_unknown", item, "ACTION",
            "expected 001 (added), 002 (changed), 003 (cancelled), 004 (not changed) or 005"
            " (locked)",
        )  # fmt: skip
    return action


def _item_unnamed(item: Node, description: str, report: Report) -> None:
    if description:
        report.warning(
            "item_unnamed", item, "E1EDP19", "the item has a description and no number", value=""
        )
    else:
        report.error(
            "item_missing", item, "E1EDP19",
            "the item has neither a number (IDTNR) nor a description", value="",
        )  # fmt: skip


def _names(item: Node) -> tuple[Name, ...]:
    """What the item is called, ours first; the number as people say it before the filled one."""
    told: list[tuple[int, Name]] = []
    order = list(ITEM_SCHEMES)
    for one in item.all("E1EDP19"):
        code = one.field("QUALF")
        rank = order.index(code) if code in ITEM_SCHEMES else len(order)
        value = one.field("IDTNR_LONG") or one.field("IDTNR_EXTERNAL") or one.field("IDTNR")
        told += [(rank, name) for name in named(ITEM_SCHEMES.get(code, NameScheme.OTHER), value)]
    if not told:
        told = [(0, name) for name in named(NameScheme.BUYER, item.field("MATNR"))]
    return tuple(dict.fromkeys(name for _, name in sorted(told, key=lambda pair: pair[0])))


def _quantity(
    item: Node, schedule: list[Part], action: LineAction, report: Report
) -> Decimal | None:
    quantity = _number(item, "MENGE", report)
    scheduled = sum((one.quantity for one in schedule if one.quantity is not None), Decimal(0))
    if quantity is None and not item.field("MENGE") and scheduled:
        quantity = scheduled
    elif quantity is not None and scheduled and scheduled != quantity:
        tell = report.error if len(schedule) > 1 else report.warning
        tell(
            "quantities_differ", item, "MENGE",
            f"the schedule lines (E1EDP20) add up to {scheduled}, and the item is for {quantity}",
        )  # fmt: skip
    if quantity is not None and quantity <= 0:
        if action is not LineAction.CANCEL:
            report.error("quantity_not_positive", item, "MENGE", "expected a quantity above zero")
        return None
    if quantity is None and action is LineAction.ADD and not item.field("MENGE"):
        report.error("quantity_missing", item, "MENGE", "the item has no quantity")
    return quantity


def _schedule(item: Node, report: Report) -> list[Part]:
    parts = [
        Part(one, _number(one, "WMENG", report), dated(one, "EDATU", "EZEIT", report))
        for one in item.all("E1EDP20")
    ]
    for part in parts:
        if part.quantity is not None and part.quantity < 0:
            report.error("quantity_not_positive", part.node, "WMENG", "expected a quantity above 0")
    return parts


def _item_date(item: Node, report: Report) -> Due | None:
    """The requested delivery date of the item as a whole."""
    for one in item.all("E1EDP03"):
        if one.field("IDDAT") == REQUESTED_DELIVERY:
            return dated(one, "DATUM", "UZEIT", report)
    return None


def _price(item: Node, quantity: Decimal | None, report: Report) -> tuple[Decimal | None, Decimal]:
    price = _number(item, "VPREI", report)
    basis = _number(item, "PEINH", report) or Decimal(1)
    net = _number(item, "NETWR", report)
    if basis < 0:
        report.error("price_unit_wrong", item, "PEINH", "expected a price unit above zero")
        return None, Decimal(1)
    priced_in = item.field("PMENE")
    other_unit = bool(priced_in) and priced_in != item.field("MENEE")
    if (price is None or other_unit) and net and quantity:
        # The value of the item says the same of the unit that is ordered.
        return net, quantity
    if price is not None and other_unit:
        report.warning(
            "price_unit_differs", item, "PMENE",
            f"the price is per {priced_in}, and the item is ordered in {item.field('MENEE')!r};"
            " the price was left out",
        )  # fmt: skip
        return None, Decimal(1)
    return price, basis


def _number(node: Node, field: str, report: Report) -> Decimal | None:
    text = node.field(field)
    if not text:
        return None
    try:
        return decimal(text)
    except BadValueError as fault:
        report.error("number_wrong", node, field, str(fault))
        return None


def dated(node: Node, day: str, clock: str, report: Report) -> Due | None:
    """A date with its time; None: there is none, or it is wrong, which the report says."""
    try:
        return due(node.field(day), node.field(clock))
    except BadValueError as fault:
        wrong = clock if "HHMMSS" in str(fault) else day
        report.error("date_wrong", node, wrong, str(fault))
        return None

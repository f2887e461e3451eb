"""The order resource of Shopify's Admin REST API, which its order webhooks carry, → orders.

Every webhook of an order (`orders/create`, `orders/updated`, `orders/cancelled`, …) carries the
order as a whole, arrives at least once and in any order. So each is read as the order, and
`updated_at` says which is newer. `orders/edited` carries differences only and is passed over:
`orders/updated` comes with it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from connectors.json_documents import Refused, decoded
from connectors.json_fields import Object, Report, moment_of, objects_of, text_of
from connectors.options import ReadOptions
from connectors.problems import Problems, whole_file
from connectors.shopify.lines import lines_of
from connectors.shopify.people import parties_of
from connectors.shopify.wishes import due_of, notes_of, priority_of
from connectors.texts import MAX_CODE_CHARACTERS
from domain.documents import DocumentKind, OrderDocument, Problem, Reading, Severity

_CURRENCY_LETTERS = 3
_TOO_LONG = f"expected {MAX_CODE_CHARACTERS} characters at most"


def read(content: bytes, options: ReadOptions) -> Reading:
    """The order of a webhook, or the orders of `{"orders": […]}` as the Admin API lists them.

    Args:
        content: the body as it came in; whether its signature fits is `verify`'s business.
        options: `source` should be `shopify:<X-Shopify-Shop-Domain>`; without it the shop is taken
            from the order's status page.
    """
    try:
        found = _orders(content, options)
    except Refused as refused:
        return Reading(documents=(), problems=(refused.problem,))
    problems = Problems()
    documents = [
        document
        for place, order in found
        if (document := _document(order, place, options, problems)) is not None
    ]
    return Reading(documents=tuple(documents), problems=problems.told())


def _orders(content: bytes, options: ReadOptions) -> list[tuple[str, Any]]:
    """The orders with their paths."""
    told = decoded(content, options)
    if not isinstance(told, dict):
        raise Refused(whole_file("not_an_order", "expected an order: a JSON object", place="$"))
    if isinstance(told.get("order_edit"), dict):
        raise Refused(_edit(told["order_edit"]))
    if "orders" in told:
        orders = objects_of(told, "orders")
        if len(orders) > options.max_orders:
            raise Refused(
                whole_file(
                    "too_many_orders",
                    f"no more than {options.max_orders} orders are read of one document",
                    place="$.orders",
                    value=str(len(orders)),
                )
            )
        return [(f"$.orders[{place}]", order) for place, order in enumerate(orders)]
    if isinstance(told.get("order"), dict):
        return [("$.order", told["order"])]
    return [("$", told)]


def _edit(edit: Object) -> Problem:
    return Problem(
        severity=Severity.NOTE,
        code="edit_passed_over",
        place="$.order_edit",
        problem="orders/edited tells only what was added and removed; the order as a whole comes"
        " with orders/updated, so this was passed over",
        value=text_of(edit, "order_id"),
    )


def _document(
    order: object, place: str, options: ReadOptions, problems: Problems
) -> OrderDocument | None:
    if not isinstance(order, dict):
        Report(problems, place).error("not_an_order", place, "expected an order: a JSON object")
        return None
    number = text_of(order, "name") or text_of(order, "order_number") or text_of(order, "number")
    identity = text_of(order, "id")
    report = Report(problems, number or identity or place)
    if number is None:
        report.error("number_missing", f"{place}.name", "the order has no name like #1001")
    elif len(number) > MAX_CODE_CHARACTERS:
        report.error("text_too_long", f"{place}.name", _TOO_LONG, number)
    lines = lines_of(order, place, options, report)
    updated = _updated(order, place, report)
    is_cancelled = order.get("cancelled_at") is not None
    if not lines and not is_cancelled and not report.has_errors:
        if not objects_of(order, "line_items"):
            report.error("lines_missing", f"{place}.line_items", "the order has no lines")
        else:
            report.note(
                "lines_removed", f"{place}.line_items", "nothing of the order is left to be made"
            )
            is_cancelled = True
    if order.get("test") is True:
        report.warning("test_document", f"{place}.test", "the shop marked the order as a test")
    document = OrderDocument(
        kind=DocumentKind.CANCEL if is_cancelled else DocumentKind.ORDER,
        source=options.source or _shop(order, place, report),
        number=number or "",
        version=updated,
        message=identity,
        issued=moment_of(order, "processed_at") or moment_of(order, "created_at"),
        parties=parties_of(order, place, report),
        currency=_currency(order, place, report),
        customer_reference=text_of(order, "po_number"),
        due=due_of(order, place, report),
        lines=() if is_cancelled else lines,
        complete=True,
        priority=priority_of(order),
        notes=notes_of(order),
    )
    return None if report.has_errors else document


def _updated(order: Object, place: str, report: Report) -> int:
    """`updated_at` in milliseconds: what a source says by itself is newer."""
    moment = moment_of(order, "updated_at")
    if moment is None:
        report.warning(
            "version_unknown", f"{place}.updated_at",
            "expected a time like 2026-11-22T10:00:00+01:00; without it nobody can say which of two"
            " webhooks is newer", order.get("updated_at"),
        )  # fmt: skip
        return 0
    # To the millisecond by whole numbers: a float of seconds is not exact.
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _shop(order: Object, place: str, report: Report) -> str:
    page = text_of(order, "order_status_url") or ""
    try:
        host = urlsplit(page).hostname
    except ValueError:
        host = None
    if host:
        return f"shopify:{host}"
    report.warning(
        "sender_missing", f"{place}.order_status_url",
        "which shop the order comes from is not said; its name is taken as unique",
    )  # fmt: skip
    return "shopify"


def _currency(order: Object, place: str, report: Report) -> str | None:
    stated = text_of(order, "currency")
    if stated is None:
        return None
    if len(stated) != _CURRENCY_LETTERS or not (stated.isascii() and stated.isalpha()):
        report.warning(
            "currency_unknown", f"{place}.currency", "expected three letters of ISO 4217", stated
        )
        return None
    return stated.upper()

"""Line items → lines."""

from __future__ import annotations

from decimal import Decimal

from connectors.json_fields import Object, Report, decimal_of, objects_of, text_of
from connectors.options import ReadOptions
from connectors.texts import MAX_CODE_CHARACTERS
from domain.documents import DocumentLine, Name, NameScheme


def lines_of(
    order: Object, place: str, options: ReadOptions, report: Report
) -> tuple[DocumentLine, ...]:
    """What of the order is to be made and sent, by line item id."""
    items = objects_of(order, "line_items")
    if len(items) > options.max_lines:
        report.error(
            "too_many_lines", f"{place}.line_items",
            f"no more than {options.max_lines} lines are read of one order", len(items),
        )  # fmt: skip
        return ()
    lines: dict[str, DocumentLine] = {}
    for index, item in enumerate(items):
        where = f"{place}.line_items[{index}]"
        if not isinstance(item, dict):
            report.error("not_a_line", where, "expected a line item: a JSON object")
            continue
        line = _line(item, where, index, report)
        if line is None:
            continue
        if line.position in lines:
            report.error(
                "position_repeated", f"{where}.id",
                f"the line item stands at {lines[line.position].place} already", line.position,
            )  # fmt: skip
        lines[line.position] = line
    return tuple(lines.values())


def _line(item: Object, where: str, index: int, report: Report) -> DocumentLine | None:
    if item.get("gift_card") is True:
        report.note("gift_card", where, "a gift card is not made or sent: it makes no line")
        return None
    position = text_of(item, "id")
    if position is None:
        position = str(index + 1)
        report.warning(
            "position_missing", f"{where}.id",
            f"the line item has no id; it is called {position} here",
        )  # fmt: skip
    names = _names(item)
    description = text_of(item, "name") or text_of(item, "title")
    if not names and description is None:
        report.error("item_missing", f"{where}.sku", "the line item has no SKU and no title")
    elif text_of(item, "sku") is None:
        report.warning(
            "item_unnamed", f"{where}.sku", "the line item has no SKU: the shop's variant needs one"
        )
    for key in ("id", "sku"):
        if len(text_of(item, key) or "") > MAX_CODE_CHARACTERS:
            report.error(
                "text_too_long", f"{where}.{key}",
                f"expected {MAX_CODE_CHARACTERS} characters at most", item[key],
            )  # fmt: skip
    quantity = _quantity(item, where, report)
    if quantity == 0:
        report.note(
            "line_removed", f"{where}.current_quantity",
            "the line item was removed from the order: it makes no line", 0,
        )  # fmt: skip
        return None
    return DocumentLine(
        position=position,
        names=names,
        description=description,
        quantity=quantity,
        price=_price(item, where, report),
        place=where,
    )


def _names(item: Object) -> tuple[Name, ...]:
    sku = text_of(item, "sku")
    variant = text_of(item, "variant_id")
    told = [Name(NameScheme.SUPPLIER, sku)] if sku else []
    return (*told, Name(NameScheme.OTHER, f"variant {variant}")) if variant else tuple(told)


def _quantity(item: Object, where: str, report: Report) -> Decimal | None:
    """What is left of the line after edits and refunds; older API versions tell the first only."""
    key = "current_quantity" if item.get("current_quantity") is not None else "quantity"
    quantity = decimal_of(item, key)
    if quantity is None or quantity < 0 or (quantity == 0 and key == "quantity"):
        report.error(
            "quantity_wrong", f"{where}.{key}", "expected a quantity above zero", item.get(key)
        )
        return None
    return quantity


def _price(item: Object, where: str, report: Report) -> Decimal | None:
    if item.get("price") is None:
        return None
    price = decimal_of(item, "price")
    if price is None:
        report.error(
            "price_wrong", f"{where}.price", 'expected a price like "19.90"', item.get("price")
        )
    return price

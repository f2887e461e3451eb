"""Details of a sales order → lines."""

from __future__ import annotations

from decimal import Decimal

from connectors.json_fields import Object, Report, decimal_of, object_of, text_of
from connectors.options import ReadOptions
from connectors.texts import MAX_CODE_CHARACTERS
from connectors.wall_times import wanted
from connectors.yonyou.bodies import Bill
from domain.documents import DocumentLine, Name, NameScheme

_UNITS = ("unit_code", "qtyName", "productUnitName", "unit_name", "unitName", "unit")
_DATES = ("sendDate", "hopeReceiveDate", "consignTime")


def lines_of(bill: Bill, options: ReadOptions, report: Report) -> tuple[DocumentLine, ...]:
    """What of the order is wanted, by the line numbers that people see."""
    if len(bill.lines) > options.max_lines:
        report.error(
            "too_many_lines", bill.place,
            f"no more than {options.max_lines} lines are read of one order", len(bill.lines),
        )  # fmt: skip
        return ()
    lines: dict[str, DocumentLine] = {}
    for at, (place, detail) in enumerate(bill.lines):
        if not isinstance(detail, dict):
            report.error("not_a_line", place, "expected a line: a JSON object")
            continue
        if detail.get("iDeleted") is True:
            report.note("line_deleted", f"{place}.iDeleted", "the line was deleted in YonBIP")
            continue
        line = _line(detail, place, at, report)
        if line.position in lines:
            report.error(
                "position_repeated", f"{place}.lineno",
                f"the line stands at {lines[line.position].place} already", line.position,
            )  # fmt: skip
        lines[line.position] = line
    return tuple(lines.values())


def _line(detail: Object, place: str, at: int, report: Report) -> DocumentLine:
    code = text_of(detail, "productCode") or text_of(detail, "productId_code")
    sku = text_of(detail, "skuCode")
    description = text_of(detail, "productName") or text_of(detail, "skuName")
    names = [Name(NameScheme.SUPPLIER, one) for one in dict.fromkeys((code, sku)) if one]
    if not names and description is None:
        report.error("item_missing", f"{place}.productCode", "the line names no product")
    elif not names:
        report.warning(
            "item_unnamed", f"{place}.productCode", "the product is told without its code"
        )
    for name in names:
        if len(name.value) > MAX_CODE_CHARACTERS:
            report.error(
                "text_too_long", f"{place}.productCode",
                f"expected {MAX_CODE_CHARACTERS} characters at most", name.value,
            )  # fmt: skip
    quantity = decimal_of(detail, "qty")
    if quantity is None or quantity <= 0:
        report.error(
            "quantity_wrong", f"{place}.qty", "expected a quantity above zero", detail.get("qty")
        )
        quantity = None
    told = [key for key in _DATES if detail.get(key)]
    return DocumentLine(
        position=_position(detail, at),
        names=tuple(names),
        description=description,
        quantity=quantity,
        unit=next((unit for key in _UNITS if (unit := text_of(detail, key))), None),
        price=_price(detail, place, report),
        due=wanted(detail, told[0], place, report) if told else None,
        place=place,
    )


def _position(detail: Object, at: int) -> str:
    """The line number (`10`, told as 10 or 10.0), else the line's id."""
    number = decimal_of(detail, "lineno")
    if number is not None and number > 0:
        return format(number, "f")
    for key in ("orderDetailId", "id"):
        told = text_of(detail, key, limit=MAX_CODE_CHARACTERS)
        if told and told != "0":
            return told
    return str(at + 1)


def _price(detail: Object, place: str, report: Report) -> Decimal | None:
    """Without tax; else with it."""
    prices = object_of(detail, "orderDetailPrices") or {}
    for holder, key in (
        (detail, "oriUnitPrice"),
        (prices, "oriUnitPrice"),
        (detail, "oriTaxUnitPrice"),
        (prices, "oriTaxUnitPrice"),
    ):
        if holder.get(key) is None:
            continue
        price = decimal_of(holder, key)
        if price is None or price < 0:
            report.error(
                "price_wrong", f"{place}.{key}", "expected a price like 19.90", holder.get(key)
            )
        return price
    return None

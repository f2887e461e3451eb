"""Entries of a sales order → lines."""

from __future__ import annotations

from decimal import Decimal

from connectors.json_fields import Object, Report, decimal_of, text_of
from connectors.kingdee.bills import Bill, reference
from connectors.options import ReadOptions
from connectors.texts import MAX_CODE_CHARACTERS
from connectors.wall_times import wanted
from domain.documents import DocumentLine, Name, NameScheme

_YES = "B"
"""Kingdee's states of closing, cancelling and terminating: A is no, B is yes."""


def is_set(fields: Object, key: str) -> bool:
    """Whether something was closed, cancelled or terminated."""
    return text_of(fields, key) == _YES


def lines_of(bill: Bill, options: ReadOptions, report: Report) -> tuple[DocumentLine, ...]:
    """What of the order is wanted, by the entries' ids."""
    entries = bill.entries or []
    if len(entries) > options.max_lines:
        report.error(
            "too_many_lines", bill.place,
            f"no more than {options.max_lines} lines are read of one order", len(entries),
        )  # fmt: skip
        return ()
    closed = is_set(bill.head, "closestatus")
    lines: dict[str, DocumentLine] = {}
    for at, (place, entry) in enumerate(entries):
        if not isinstance(entry, dict):
            report.error("not_a_line", place, "expected an entry: a JSON object")
            continue
        line = _line(entry, place, at, report, closed=closed)
        if line is None:
            continue
        if line.position in lines:
            report.error(
                "position_repeated", place,
                f"the entry stands at {lines[line.position].place} already", line.position,
            )  # fmt: skip
        lines[line.position] = line
    return tuple(lines.values())


def _line(
    entry: Object, place: str, at: int, report: Report, *, closed: bool
) -> DocumentLine | None:
    quantity = _quantity(entry, place, report, closed=closed)
    if quantity == 0:
        return None
    code, name = reference(entry, "materialid")
    description = name or text_of(entry, "materialname")
    material = entry.get("materialid")
    names = [Name(NameScheme.SUPPLIER, code)] if code else []
    if not code and isinstance(material, int) and not isinstance(material, bool):
        names = [Name(NameScheme.OTHER, f"material {material}")]
    if not names and description is None:
        report.error("item_missing", f"{place}.MaterialId", "the entry names no material")
    elif not code:
        report.warning(
            "item_unnamed", f"{place}.MaterialId",
            "the material is told without its code: ask for FMaterialId.FNumber",
        )  # fmt: skip
    elif len(code) > MAX_CODE_CHARACTERS:
        report.error(
            "text_too_long", f"{place}.MaterialId.Number",
            f"expected {MAX_CODE_CHARACTERS} characters at most", code,
        )  # fmt: skip
    unit, unit_name = reference(entry, "unitid")
    return DocumentLine(
        position=_position(entry, at),
        names=tuple(names),
        description=description,
        quantity=quantity,
        unit=unit or unit_name,
        price=_price(entry, place, report),
        due=wanted(entry, "deliverydate", place, report),
        place=place,
    )


def _position(entry: Object, at: int) -> str:
    """The entry's id: `Seq` counts anew when an entry before it is deleted."""
    for key in ("entryid", "id", "seq"):
        told = text_of(entry, key, limit=MAX_CODE_CHARACTERS)
        if told and told != "0":
            return told
    return str(at + 1)


def _quantity(entry: Object, place: str, report: Report, *, closed: bool) -> Decimal | None:
    """What is wanted; of a closed or terminated entry only what has left already. 0: nothing."""
    quantity = decimal_of(entry, "qty")
    if quantity is None or quantity <= 0:
        report.error(
            "quantity_wrong", f"{place}.Qty", "expected a quantity above zero", entry.get("qty")
        )
        return None
    is_terminated = is_set(entry, "mrpterminatestatus")
    if not (closed or is_terminated or is_set(entry, "mrpclosestatus")):
        return quantity
    shipped = decimal_of(entry, "stockoutqty")
    if shipped is None and not is_terminated:
        report.warning(
            "line_closed", f"{place}.MrpCloseStatus",
            "the entry was closed, and what left of it (StockOutQty) is not told: its quantity"
            " stays as it is", text_of(entry, "seq"),
        )  # fmt: skip
        return quantity
    left = min(max(shipped or Decimal(0), Decimal(0)), quantity)
    if left < quantity:
        report.note(
            "line_terminated" if is_terminated else "line_cut", f"{place}.StockOutQty",
            f"the entry ended after {left} of {quantity}: no more is wanted", left,
        )  # fmt: skip
    return left


def _price(entry: Object, place: str, report: Report) -> Decimal | None:
    """With tax, as people know it; else without."""
    key = "taxprice" if entry.get("taxprice") is not None else "price"
    if entry.get(key) is None:
        return None
    price = decimal_of(entry, key)
    if price is None or price < 0:
        report.error("price_wrong", f"{place}.{key}", "expected a price like 19.90", entry.get(key))
    return price

"""Which orders an answer of the OpenAPI holds: rows of a list, one for each line, or details."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.json_documents import Refused
from connectors.json_fields import Object, text_of
from connectors.options import ReadOptions
from connectors.problems import whole_file

SUCCESSES: Final = frozenset({"200", "00000", ""})
_DETAILS: Final = "orderDetails"
_LINE_MARKS: Final = ("productCode", "productName", "orderDetailId", "qty")
_TOTAL: Final = "合计"


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """An order and its lines, each with its path."""

    place: str
    head: Object
    lines: list[tuple[str, object]]


def bills_of(told: Any, options: ReadOptions) -> list[Bill]:
    """The orders of a body.

    Raises:
        Refused: it holds none, or says that the call failed.
    """
    bills: dict[str, Bill] = {}
    for place, one in _parts(told, "$"):
        if one.get("vouchdate") == _TOTAL:
            continue
        details = one.get(_DETAILS)
        if isinstance(details, list):
            lines: list[tuple[str, object]] = [
                (f"{place}.{_DETAILS}[{at}]", line) for at, line in enumerate(details)
            ]
            # A body may tell the same order twice; each telling is a document of its own.
            bills[place] = Bill(place=place, head=one, lines=lines)
            continue
        number = text_of(one, "code") or place
        bill = bills.setdefault(f"row of {number}", Bill(place=place, head=one, lines=[]))
        if any(mark in one for mark in _LINE_MARKS):
            bill.lines.append((place, one))
    if len(bills) > options.max_orders:
        raise Refused(
            whole_file(
                "too_many_orders",
                f"no more than {options.max_orders} orders are read of one document",
                value=str(len(bills)),
            )
        )
    return list(bills.values())


def _parts(told: Any, place: str) -> list[tuple[str, Object]]:
    if isinstance(told, list):
        return [part for at, one in enumerate(told) for part in _parts(one, f"{place}[{at}]")]
    if not isinstance(told, dict):
        raise Refused(whole_file("not_an_order", "expected an order: a JSON object", place=place))
    if "recordList" in told:
        return _parts(told["recordList"], f"{place}.recordList")
    if "vouchdate" in told or _DETAILS in told:
        return [(place, told)]
    if "code" in told and ("data" in told or "message" in told):
        code = text_of(told, "code") or ""
        if code not in SUCCESSES:
            reason = text_of(told, "message") or "no reason told"
            problem = f"the call that this is the answer to failed: {reason}"
            raise Refused(whole_file("answer_failed", problem, place=f"{place}.code", value=code))
    if isinstance(told.get("data"), (dict, list)):
        return _parts(told["data"], f"{place}.data")
    return [(place, told)]

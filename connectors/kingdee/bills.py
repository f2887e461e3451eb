"""Which bills a body of the WebAPI holds, in whichever of its shapes.

The same field is called `BillNo` by View, `FBillNo` by Save, and `FCustId.FNumber` reaches into the
customer in rows of ExecuteBillQuery. Here all of them become View's shape, in small letters.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.json_documents import Refused
from connectors.json_fields import Object, text_of
from connectors.options import ReadOptions
from connectors.problems import whole_file

_HEAD: Final = (
    "id", "billno", "date", "documentstatus", "closestatus", "cancelstatus", "modifydate", "custid",
    "receiveid", "linkman", "linkphone", "receiveaddress", "note", "saleorderentry",
    "saleorderfinance", "settlecurrid", "number", "name", "code",
)  # fmt: skip
_BODY: Final = (
    "entryid", "seq", "materialid", "materialname", "qty", "unitid", "price", "taxprice",
    "deliverydate", "mrpclosestatus", "mrpterminatestatus", "stockoutqty", "entrynote",
)  # fmt: skip
_FIELDS: Final = frozenset(_HEAD + _BODY)
_ENTRY: Final = "saleorderentry"
_LOCALE_CHINESE: Final = 2052


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill: its head and its entries, each with its path. `entries` None: the body told none."""

    place: str
    head: Object
    entries: list[tuple[str, object]] | None


def bills_of(told: Any, options: ReadOptions) -> list[Bill]:
    """The bills of a body.

    Raises:
        Refused: it holds no bills, or an answer that says that the call failed.
    """
    bills: list[Bill] = []
    rows: list[tuple[str, Object]] = []
    for place, one in _parts(told, "$"):
        head = named(one)
        if _ENTRY in head or "materialid" not in head:
            bills.append(_bill(place, head))
        else:
            rows.append((place, head))
    bills += _grouped(rows)
    if len(bills) > options.max_orders:
        raise Refused(
            whole_file(
                "too_many_orders",
                f"no more than {options.max_orders} orders are read of one document",
                value=str(len(bills)),
            )
        )
    return bills


def _parts(told: Any, place: str) -> list[tuple[str, Object]]:
    """Objects that are bills or rows of bills, unwrapped from what the WebAPI puts around them."""
    if isinstance(told, list):
        if any(isinstance(one, list) for one in told):
            return _nested(told, place)
        return [part for at, one in enumerate(told) for part in _parts(one, f"{place}[{at}]")]
    if not isinstance(told, dict):
        raise Refused(whole_file("not_an_order", "expected a bill: a JSON object", place=place))
    result = told.get("Result")
    if isinstance(result, dict):
        _require_success(result, f"{place}.Result")
        if result.get("Result") is None:
            raise Refused(
                whole_file("not_an_order", "the answer holds no bill", place=f"{place}.Result")
            )
        return _parts(result["Result"], f"{place}.Result.Result")
    if "FieldKeys" in told:
        return _table(told, place)
    for wrapper in ("data", "Model"):
        if isinstance(told.get(wrapper), (dict, list)):
            return _parts(told[wrapper], f"{place}.{wrapper}")
    return [(place, told)]


def _nested(told: list[Any], place: str) -> list[tuple[str, Object]]:
    """ExecuteBillQuery answers a failed call with `[[{"Result": …}]]`, else with bare values."""
    first = told[0]
    if isinstance(first, list) and len(first) == 1 and isinstance(first[0], dict):
        return _parts(first[0], f"{place}[0][0]")
    raise Refused(
        whole_file(
            "fields_missing",
            "rows of ExecuteBillQuery do not say what their columns are: send"
            ' {"FieldKeys": "FBillNo,…", "Rows": [[…]]} with the keys that were asked for',
            place=place,
        )
    )


def _require_success(result: Object, place: str) -> None:
    status = result.get("ResponseStatus")
    if not isinstance(status, dict) or status.get("IsSuccess") is not False:
        return
    errors = status.get("Errors")
    told = [
        text
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict) and (text := text_of(one, "Message"))
    ]
    problem = "the call that this is the answer to failed: " + ("; ".join(told) or "no reason told")
    raise Refused(whole_file("answer_failed", problem, place=f"{place}.ResponseStatus"))


def _table(told: Object, place: str) -> list[tuple[str, Object]]:
    keys = told["FieldKeys"]
    columns = [key.strip() for key in keys.split(",")] if isinstance(keys, str) else keys
    rows = told.get("Rows")
    if not isinstance(columns, list) or not all(isinstance(key, str) for key in columns):
        problem = "expected the keys that were asked for: FBillNo,FDate,…"
        raise Refused(whole_file("fields_missing", problem, place=f"{place}.FieldKeys"))
    if not isinstance(rows, list):
        problem = "expected rows: a list of lists of values"
        raise Refused(whole_file("not_an_order", problem, place=f"{place}.Rows"))
    found = []
    for at, row in enumerate(rows):
        where = f"{place}.Rows[{at}]"
        if not isinstance(row, list) or len(row) != len(columns):
            problem = f"expected a row of {len(columns)} values, one for each key"
            raise Refused(whole_file("row_wrong", problem, place=where))
        found.append((where, dict(zip(columns, row, strict=True))))
    return found


def _grouped(rows: list[tuple[str, Object]]) -> list[Bill]:
    """Rows of a query, one for each entry, as bills; the first row of each tells its head."""
    found: dict[str, Bill] = {}
    for place, row in rows:
        number = text_of(row, "billno") or place
        bill = found.setdefault(number, Bill(place=place, head=row, entries=[]))
        assert bill.entries is not None  # noqa: S101 - made so in the line above
        # In rows FID is the bill's.
        entry = {key: value for key, value in row.items() if key not in {"id", "note"}}
        bill.entries.append((place, entry))
    return list(found.values())


def _bill(place: str, head: Object) -> Bill:
    finance = head.get("saleorderfinance")
    if isinstance(finance, list) and finance:
        finance = finance[0]
    if isinstance(finance, dict):
        head = {**named(finance), **head}
    entries = head.get(_ENTRY)
    if not isinstance(entries, list):
        return Bill(place=place, head=head, entries=None)
    return Bill(
        place=place,
        head=head,
        entries=[
            (f"{place}.SaleOrderEntry[{at}]", named(one) if isinstance(one, dict) else one)
            for at, one in enumerate(entries)
        ],
    )


def named(told: Object) -> Object:
    """The fields that are known, by View's names in small letters."""
    fields: Object = {}
    for key, value in told.items():
        *into, last = [_name(part) for part in key.split(".", maxsplit=2)]
        if last not in _FIELDS:
            continue
        if not into:
            # What a query tells of a customer (`FCustId.FNumber`) goes before its bare id.
            if not isinstance(fields.get(last), dict):
                fields[last] = value
            continue
        inner = fields.get(into[0])
        if not isinstance(inner, dict):
            inner = fields[into[0]] = {}
        inner[last] = value
    return fields


def _name(key: str) -> str:
    name = key.lower().removeprefix(f"f{_ENTRY}_").removeprefix(f"{_ENTRY}_")
    plain = name.removeprefix("f")
    return plain if plain in _FIELDS else name


def reference(holder: Object, key: str) -> tuple[str | None, str | None]:
    """The code and the name of base data; a bare value is a code if it is a text."""
    told = holder.get(key)
    if isinstance(told, str):
        return text_of(holder, key), None
    if not isinstance(told, dict):
        return None, None
    fields = named(told)
    return text_of(fields, "number"), _localised(fields)


def _localised(fields: Object) -> str | None:
    """A name, of which View tells one for each language."""
    told = fields.get("name")
    if not isinstance(told, list):
        return text_of(fields, "name")
    names = [one for one in told if isinstance(one, dict)]
    names.sort(key=lambda one: one.get("Key") != _LOCALE_CHINESE)
    return next((text for one in names if (text := text_of(one, "Value"))), None)

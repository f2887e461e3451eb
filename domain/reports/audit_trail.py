"""Entries of the audit log as changes of order lines.

`OrderChanged`, `OrderCancelled`, `OrderRejected`, `OrderHeld` and `OrderResumed` tell of the lines
that they concern before and after, each with its number and the fields that changed; a line that
was added stands after and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from domain.orders import LineState
from domain.reports.line_past import Change, DueMs

ACTIONS: Final = ("OrderChanged", "OrderCancelled", "OrderRejected", "OrderHeld", "OrderResumed")
"""Entries that may tell of lines."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of one of ACTIONS.

    Attributes:
        number: its id.
        at_ms: when it was written.
        by_customer: it was made by a document or an account of the customer's.
        before, after: as stored.
    """

    number: int
    at_ms: int
    by_customer: bool
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class LineChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry says of lines, by their numbers.

    Attributes:
        changed: fields of lines that were there.
        added: lines that began with it.
    """

    changed: Mapping[int, Change]
    added: frozenset[int]


def line_changes(entry: Entry) -> LineChanges:
    """What an entry says of lines. What concerns neither date, quantity nor cancelling is nothing.

    Raises:
        ValueError: a quantity or a date is none.
    """
    before = _lines(entry.before)
    changed: dict[int, Change] = {}
    added = set()
    for number, now in _lines(entry.after).items():
        was = before.get(number)
        if was is None:
            added.add(number)
            continue
        change = Change(
            at_ms=entry.at_ms,
            number=entry.number,
            by_customer=entry.by_customer,
            due=_due(was, now),
            quantity=_quantity(was, now),
            cancelled=_cancelled(was, now),
        )
        if (change.due, change.quantity, change.cancelled) != (UNSET, UNSET, UNSET):
            changed[number] = change
    return LineChanges(changed=changed, added=frozenset(added))


def _lines(told: Mapping[str, Any] | None) -> dict[int, Mapping[str, Any]]:
    lines = (told or {}).get("lines") or []
    return {line["number"]: line for line in lines if isinstance(line.get("number"), int)}


def _due(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[DueMs, DueMs] | UnsetType:
    if "due_at" not in now or "due_at" not in was or was["due_at"] == now["due_at"]:
        return UNSET
    return _ms(was["due_at"]), _ms(now["due_at"])


def _ms(told: str | None) -> DueMs:
    if told is None:
        return None
    moment = datetime.fromisoformat(told)
    if moment.tzinfo is None:
        raise ValueError(f"the date {told!r} has no zone")
    return round(moment.timestamp() * 1_000)


def _quantity(
    was: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Decimal, Decimal] | UnsetType:
    if "quantity" not in now or "quantity" not in was or was["quantity"] == now["quantity"]:
        return UNSET
    found = [Decimal(str(told["quantity"])) for told in (was, now)]
    if not all(each.is_finite() for each in found):
        raise ValueError(f"the quantities {found} are none")
    return found[0], found[1]


def _cancelled(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[bool, bool] | UnsetType:
    if "state" not in now or "state" not in was:
        return UNSET
    gone = was["state"] == LineState.CANCELLED, now["state"] == LineState.CANCELLED
    return UNSET if gone[0] == gone[1] else gone

"""Documents as JSON keeps them, and back.

A `Due` is a day or a moment; JSON has text for both, told apart by whether it has a time.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from domain.documents import DocumentLine, Due, OrderDocument


class _StoredLine(DocumentLine, frozen=True, kw_only=True):
    # Read by `_due`: msgspec reads no union of days and moments.
    due: str | None = None  # type: ignore[assignment]


class _Stored(OrderDocument, frozen=True, kw_only=True):
    issued: str | None = None  # type: ignore[assignment]  # likewise
    due: str | None = None  # type: ignore[assignment]  # likewise
    lines: tuple[_StoredLine, ...] = ()


def written(document: OrderDocument) -> dict[str, Any]:
    """A document as JSON keeps it; exact numbers are text."""
    told: dict[str, Any] = msgspec.to_builtins(document, str_keys=True)
    return told


def read(told: object) -> OrderDocument:
    """A document that `written` wrote.

    Raises:
        msgspec.ValidationError: it is none.
    """
    stored = msgspec.convert(told, _Stored)
    fields = msgspec.structs.asdict(stored)
    return OrderDocument(
        **{
            **fields,
            "issued": _due(stored.issued),
            "due": _due(stored.due),
            "lines": tuple(map(_line, stored.lines)),
        }
    )


def _line(stored: _StoredLine) -> DocumentLine:
    return DocumentLine(**{**msgspec.structs.asdict(stored), "due": _due(stored.due)})


def _due(text: object) -> Due | None:
    if text is None:
        return None
    told = str(text)
    try:
        return datetime.fromisoformat(told) if "T" in told else date.fromisoformat(told)
    except ValueError as error:
        raise msgspec.ValidationError(f"{told!r} is no date") from error

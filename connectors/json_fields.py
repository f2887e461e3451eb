"""Reading fields of JSON objects that may hold anything, with the path of whatever is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from connectors.problems import Problems
from connectors.texts import MAX_TEXT_CHARACTERS, clean
from connectors.values import number
from domain.documents import Problem, Severity

Object: TypeAlias = dict[str, Any]
_MAX_BITS = 256
"""Of a whole number. Python refuses to write very long ones."""


class Report:
    """The problems of one order, by path."""

    def __init__(self, problems: Problems, document: str) -> None:
        self._problems = problems
        self.document = document
        self.has_errors = False

    def tell(
        self, severity: Severity, code: str, place: str, problem: str, value: object = None
    ) -> None:
        """Take a problem down."""
        self.has_errors |= severity is Severity.ERROR
        self._problems.add(
            Problem(
                severity=severity,
                code=code,
                place=place,
                problem=problem,
                value=None if value is None else str(value),
                document=self.document,
            )
        )

    def error(self, code: str, place: str, problem: str, value: object = None) -> None:
        """The order is not taken in because of this."""
        self.tell(Severity.ERROR, code, place, problem, value)

    def warning(self, code: str, place: str, problem: str, value: object = None) -> None:
        """Somebody has to look at this."""
        self.tell(Severity.WARNING, code, place, problem, value)

    def note(self, code: str, place: str, problem: str, value: object = None) -> None:
        """Said for completeness."""
        self.tell(Severity.NOTE, code, place, problem, value)


def text_of(holder: Object, key: str, *, limit: int = MAX_TEXT_CHARACTERS) -> str | None:
    """A text without blanks around it; numbers as they are written; None: empty, or neither.

    What is longer than `limit` is cut: the systems' own limits for such texts are lower.
    """
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return None
    return clean(str(value))[:limit].strip() or None


def object_of(holder: Object, key: str) -> Object | None:
    """An object; None: there is none."""
    value = holder.get(key)
    return value if isinstance(value, dict) else None


def objects_of(holder: Object, key: str) -> list[Any]:
    """A list, whatever it holds."""
    value = holder.get(key)
    return value if isinstance(value, list) else []


def decimal_of(holder: Object, key: str) -> Decimal | None:
    """An exact number, written as one or as a text; None: it is none."""
    text = text_of(holder, key)
    return None if text is None else number(text)


def moment_of(holder: Object, key: str) -> datetime | None:
    """A moment of RFC 3339 with its offset; without one, UTC. None: it is none."""
    text = text_of(holder, key)
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is not None and moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment

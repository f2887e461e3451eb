"""Conditions of a query that were asked for, joined from fixed texts and bound parameters."""

from __future__ import annotations

from collections.abc import Collection
from typing import LiteralString

from psycopg import sql

_LIKE_SIGNS = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def containing(text: str) -> str:
    """A pattern for LIKE that finds the text as it stands, anywhere."""
    return f"%{text.translate(_LIKE_SIGNS)}%"


class Filters:
    """A WHERE clause in the making. `None` means: not asked for."""

    def __init__(self) -> None:
        self._conditions: list[sql.SQL] = []
        self.parameters: dict[str, object] = {}

    def add(self, condition: LiteralString, **parameters: object) -> None:
        """Add a condition with its parameters, unless one of them is None."""
        if any(value is None for value in parameters.values()):
            return
        self._conditions.append(sql.SQL(condition))
        self.parameters.update(parameters)

    def limit_to_sites(self, sites: Collection[str]) -> None:
        """Only rows of these sites (the query calls its site `s`); an empty limit is none."""
        if sites:
            self.add("s.code = ANY(%(limited_to)s)", limited_to=list(sites))

    def limit_to_lines(self, lines: Collection[str]) -> None:
        """Only machines of these lines, `site/area/line` (the query calls its machine `m`)."""
        if lines:
            self.add("s.code || '/' || m.area || '/' || m.line = ANY(%(lines)s)", lines=list(lines))

    @property
    def where(self) -> sql.Composable:
        """The clause, empty when nothing was asked for."""
        if not self._conditions:
            return sql.SQL("")
        return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(self._conditions)


class Page:
    """Which part of a list is wanted."""

    def __init__(self, limit: int, offset: int) -> None:
        self.limit = limit
        self.offset = offset

    @property
    def parameters(self) -> dict[str, object]:
        """For `LIMIT %(limit)s OFFSET %(offset)s`."""
        return {"limit": self.limit, "offset": self.offset}

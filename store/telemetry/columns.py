"""What columns can hold."""

from __future__ import annotations

from typing import overload


@overload
def text(value: str) -> str: ...


@overload
def text(value: None) -> None: ...


@overload
def text(value: str | None) -> str | None: ...


def text(value: str | None) -> str | None:
    """Text for a column: PostgreSQL has no NUL, so it is shown by its symbol."""
    return None if value is None else value.replace("\x00", "\u2400")

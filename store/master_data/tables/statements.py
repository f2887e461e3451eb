"""What the rows of a kind are read and written with."""

from __future__ import annotations

from typing import LiteralString

import msgspec


class Statements(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of a kind.

    Attributes:
        read: all its records, a column per field; a list as JSON.
        put: make or change those of a list; several statements are run in turn.
        drop: give up those of a list.
    """

    read: LiteralString
    put: tuple[LiteralString, ...]
    drop: LiteralString

"""What an alarm is about, and where that stands."""

from __future__ import annotations

import enum

import msgspec


class SubjectKind(enum.StrEnum):
    """Kinds of things that alarms are about."""

    MACHINE = "machine"
    LINE = "line"
    ORDER = "order"
    ITEM = "item"
    SCOPE = "scope"
    SITE = "site"
    GATEWAY = "gateway"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that an alarm is about.

    Attributes:
        kind: what it is.
        key: what people call it: a machine's path, an order's number, `<site>/<item>`.
        site: the code of the site that it belongs to; None: to none alone.
        place: where it stands, `site[/area[/line[/machine]]]`; the empty place holds all others.
            None: nowhere in particular.
        id: of its row, where it has one.
    """

    kind: SubjectKind
    key: str
    site: str | None = None
    place: str | None = None
    id: int | None = None


def contains(outer: str | None, inner: str | None) -> bool:
    """Whether a place is another one, or holds it."""
    if outer is None or inner is None:
        return False
    return not outer or inner == outer or inner.startswith(f"{outer}/")

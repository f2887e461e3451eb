"""Which document of an order wins: repeats, late ones, early ones, contradictions.

A source names an order by (source, number) for good and says by `version` which of its documents
is newer; 0 says nothing. Documents arrive twice and out of order. Deciding is a pure function of
what is known of the order when the document is looked at, under the lock of the order's head.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Final, TypeAlias

import msgspec

from domain.documents import DocumentKind, Format, OrderDocument


class Outcome(enum.StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REPEATED = "repeated"
    """It has been here before, and changes nothing."""
    OUTDATED = "outdated"
    """A newer one has been applied: it changes nothing."""
    WAITING = "waiting"
    """The order that it changes is not here yet."""
    CONFLICT = "conflict"
    """It contradicts what is known and nobody can say which is newer: people decide."""
    REFUSED = "refused"
    """It could not be taken in, as its problems say."""


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the order that a document names.

    Attributes:
        version: of the newest applied document; None: no document told of it.
        unversioned_change: a change or cancellation without a version was applied.
    """

    version: int | None
    unversioned_change: bool = False


class Create(msgspec.Struct, frozen=True):
    """The document makes a new order."""


class Apply(msgspec.Struct, frozen=True):
    """The document changes or cancels the order; `whole`: it names every line there is."""

    whole: bool


class Leave(msgspec.Struct, frozen=True):
    """The document changes nothing, or not yet."""

    outcome: Outcome
    reason: str


Decision: TypeAlias = Create | Apply | Leave


def decide(
    document: OrderDocument, known: KnownOrder | None, *, later_wins: bool = False
) -> Decision:
    """What to do with a document that has not been here before.

    Args:
        document: what came in.
        known: the order that it names; None: there is none.
        later_wins: of two documents with the same version, the one that comes in later is the newer
            one (see `counts_in_seconds`).
    """
    if known is None:
        if document.kind is DocumentKind.ORDER:
            return Create()
        return Leave(Outcome.WAITING, f"order {document.number!r} has not come in yet")
    applied = known.version or 0
    if document.kind is DocumentKind.ORDER:
        return _again(document, known, later_wins=later_wins)
    if document.version == 0:
        if applied == 0 and not known.unversioned_change:
            return Apply(whole=document.complete)
        return Leave(
            Outcome.CONFLICT,
            "the document has no version, so nobody can say whether it is newer than what was"
            " applied before",
        )
    return _by_version(document, applied, whole=document.complete, later_wins=later_wins)


def counts_in_seconds(spoken: Format, version: int) -> bool:
    """Whether a version is a time in whole seconds of a system that tells how an order stands.

    Kingdee and YonBIP stamp an order with the second of its last change, and are asked for the
    order as it stands. Of two readings that bear the same second and differ, the later one was made
    after another change in that very second: it is the newer one.
    """
    return spoken in _STATES_BY_SECOND and version > 0 and version % _MS_PER_SECOND == 0


_STATES_BY_SECOND: Final = frozenset({Format.KINGDEE, Format.YONYOU})
_MS_PER_SECOND: Final = 1_000


def _again(document: OrderDocument, known: KnownOrder, *, later_wins: bool) -> Decision:
    """The order as a whole once more, with another content."""
    if known.version is None:
        return Leave(Outcome.CONFLICT, "the order is known already, and not from a document")
    if document.version == 0:
        return Leave(
            Outcome.CONFLICT, "the order came in before with another content, and without a version"
        )
    return _by_version(document, known.version, whole=True, later_wins=later_wins)


def _by_version(
    document: OrderDocument, applied: int, *, whole: bool, later_wins: bool
) -> Decision:
    if document.version > applied or (later_wins and document.version == applied):
        return Apply(whole=whole)
    if document.version < applied:
        return Leave(
            Outcome.OUTDATED, f"version {applied} was applied before version {document.version}"
        )
    return Leave(Outcome.CONFLICT, f"version {applied} was applied before, and said something else")


def digest(document: OrderDocument) -> bytes:
    """SHA-256 of what a document says, whatever envelope it came in and wherever it stood there.

    The document's own identity (`message`) and the places of its lines are left out: a source that
    sends an order again does so under a new control number.
    """
    told = msgspec.structs.replace(
        document,
        message=None,
        lines=tuple(msgspec.structs.replace(line, place="") for line in document.lines),
    )
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).digest()

"""What one plan does differently from another."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from domain.plan.plan import Assignment


class DifferenceKind(enum.StrEnum):
    """How an operation's place differs."""

    ADDED = "added"
    REMOVED = "removed"
    REASSIGNED = "reassigned"
    """It is on another machine; its times may differ, too."""
    EARLIER = "earlier"
    LATER = "later"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that the later plan has elsewhere.

    Attributes:
        operation: which one.
        kind: how.
        before, after: where; None where it is not in the plan.
        shift_ms: by how much it starts later (negative: earlier); if the start stays within the
            tolerance, by how much it ends later. 0 for one that only one plan contains.
    """

    operation: int
    kind: DifferenceKind
    before: Assignment | None
    after: Assignment | None
    shift_ms: int = 0


def differences(
    before: Mapping[int, Assignment], after: Mapping[int, Assignment], tolerance_ms: int
) -> list[Difference]:
    """How `after` differs from `before`, both by operation id.

    Args:
        before: the plan compared with.
        after: the plan that is looked at.
        tolerance_ms: neither start nor end has to differ by more than this to be the same.

    Returns:
        The differences, by start in the later plan; what it does not contain comes last.
    """
    found = [
        difference
        for operation in before.keys() | after.keys()
        if (
            difference := _difference(
                operation, before.get(operation), after.get(operation), tolerance_ms
            )
        )
    ]
    return sorted(found, key=_order)


def _difference(
    operation: int, before: Assignment | None, after: Assignment | None, tolerance_ms: int
) -> Difference | None:
    """How one operation's places differ; None if they do not."""
    shift = 0
    if before is None:
        kind = DifferenceKind.ADDED
    elif after is None:
        kind = DifferenceKind.REMOVED
    else:
        shift = after.start_ms - before.start_ms
        if abs(shift) <= tolerance_ms:
            shift = after.end_ms - before.end_ms
        if before.machine != after.machine:
            kind = DifferenceKind.REASSIGNED
        elif abs(shift) <= tolerance_ms:
            return None
        else:
            kind = DifferenceKind.LATER if shift > 0 else DifferenceKind.EARLIER
    return Difference(operation=operation, kind=kind, before=before, after=after, shift_ms=shift)


def _order(difference: Difference) -> tuple[bool, int, int]:
    place = difference.after or difference.before
    return difference.after is None, place.start_ms if place else 0, difference.operation

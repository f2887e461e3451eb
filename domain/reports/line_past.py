"""An order line as it was known at a past moment, from what it is now and what was changed since.

The audit log is append-only and tells of each change what was before and after, so the past is the
present with the younger changes undone, newest first. Dates are told apart by who moved them:

    first date      the one that held when the order was confirmed first; without a confirmation
                    the first there was
    customer's date the first date, moved by what the customer's own changes moved it by
    date            the one that held
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

DueMs: TypeAlias = int | None
"""Epoch ms; None: no date was agreed."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry of the audit log says of a line; UNSET: nothing.

    Attributes:
        at_ms: when it was written: known from then on.
        number: of the entry, which tells those of one millisecond apart.
        by_customer: a document or an account of the customer's told it.
        due, quantity, cancelled: before and after.
    """

    at_ms: int
    number: int
    by_customer: bool = False
    due: tuple[DueMs, DueMs] | UnsetType = UNSET
    quantity: tuple[Decimal, Decimal] | UnsetType = UNSET
    cancelled: tuple[bool, bool] | UnsetType = UNSET


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a line."""

    due_ms: DueMs
    quantity: Decimal
    cancelled: bool = False


class LineThen(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was known.

    Attributes:
        state: how it stood.
        first_due_ms: see the module; None: no date was ever agreed by then.
        customer_due_ms: the same.
    """

    state: Standing
    first_due_ms: DueMs
    customer_due_ms: DueMs

    @property
    def ordered(self) -> Decimal:
        """What the customer wanted; nothing once it is cancelled."""
        return Decimal(0) if self.state.cancelled else self.state.quantity


def as_of(
    now: Standing,
    changes: Iterable[Change],
    moment_ms: int,
    *,
    made_ms: int,
    confirmed_ms: int | None,
) -> LineThen | None:
    """A line as it was known just before a moment; None: there was none yet.

    Args:
        now: how it stands with all changes.
        changes: all of the line's, in any order.
        moment_ms: what was written at it or later was not known.
        made_ms: when the line was written.
        confirmed_ms: when its order was confirmed first; None: never.
    """
    if made_ms >= moment_ms:
        return None
    ordered = sorted(changes, key=lambda each: (each.at_ms, each.number))
    known = [each for each in ordered if each.at_ms < moment_ms]
    state = now
    for each in reversed(ordered[len(known) :]):
        state = _applied(state, each, after=False)
    first, since = _first(state, known, confirmed_ms, moment_ms)
    return LineThen(state=state, first_due_ms=first, customer_due_ms=_moved(first, since))


def _first(
    state: Standing, known: Sequence[Change], confirmed_ms: int | None, moment_ms: int
) -> tuple[DueMs, Sequence[Change]]:
    """The first date that was agreed, and the changes since."""
    begun = state
    for each in reversed(known):
        begun = _applied(begun, each, after=False)
    confirmed = confirmed_ms if confirmed_ms is not None and confirmed_ms < moment_ms else None
    due = begun.due_ms
    for index, each in enumerate(known):
        agreed = confirmed is None or each.at_ms > confirmed
        if due is not None and agreed:
            return due, known[index:]
        due = _applied(begun, each, after=True).due_ms if each.due is not UNSET else due
    return due, ()


def _moved(first: DueMs, since: Iterable[Change]) -> DueMs:
    if first is None:
        return None
    moved = first
    for each in since:
        if not each.by_customer or isinstance(each.due, UnsetType):
            continue
        before, after = each.due
        if before is not None and after is not None:
            moved += after - before
    return moved


def _applied(state: Standing, change: Change, *, after: bool) -> Standing:
    """The state with what the change says was there after or before it."""
    place = 1 if after else 0
    return Standing(
        due_ms=state.due_ms if isinstance(change.due, UnsetType) else change.due[place],
        quantity=(
            state.quantity if isinstance(change.quantity, UnsetType) else change.quantity[place]
        ),
        cancelled=(
            state.cancelled if isinstance(change.cancelled, UnsetType) else change.cancelled[place]
        ),
    )

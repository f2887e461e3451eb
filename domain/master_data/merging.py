"""What is there and what is told become what is wanted, and the changes that lead to it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from domain.master_data.faults import Faults, Place
from domain.master_data.kinds import KINDS, Key, Kind, R_co
from domain.master_data.reading import Document, Told, complete
from domain.master_data.records import Record


class ChangeKind(enum.StrEnum):
    """What becomes of a record."""

    ADDED = "added"
    CHANGED = "changed"
    RETIRED = "retired"
    """It is given up: kept as something of the past, or deleted if nothing can refer to it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one record, with what it says before and after."""

    kind: str
    key: Key
    change: ChangeKind
    before: Record | None = None
    after: Record | None = None

    def differences(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fields that differ, before and after; of an added or retired record all it says."""
        before = {} if self.before is None else said(self.before)
        after = {} if self.after is None else said(self.after)
        if self.before is None or self.after is None:
            return before, after
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        return (
            {name: before.get(name) for name in names},
            {name: after.get(name) for name in names},
        )


class MasterData:
    """Records by kind and key."""

    def __init__(self, records: Mapping[str, Mapping[Key, Record]] | None = None) -> None:
        self._records = {name: dict(each) for name, each in (records or {}).items()}

    def of(self, kind: Kind[R_co]) -> dict[Key, R_co]:
        """The records of a kind, by key."""
        return cast("dict[Key, R_co]", self._records.setdefault(kind.name, {}))

    def copy(self) -> MasterData:
        """The same records, to be changed."""
        return MasterData(self._records)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be, and how that differs from what is.

    Attributes:
        existing: everything there is.
        records: everything there is to be.
        removed: by kind, what is given up.
        told: by kind and key, what the documents say and where.
        sections: where each kind's records begin.
        changes: in the order of kinds.
        unchanged: how many records of each kind are told as they are.
    """

    existing: MasterData
    records: MasterData
    removed: dict[str, frozenset[Key]]
    told: Mapping[str, Mapping[Key, Told]]
    sections: Mapping[str, Place]
    changes: tuple[Change, ...]
    unchanged: dict[str, int]

    def place(self, kind: Kind[Record], key: Key, field: str = "") -> Place | None:
        """Where a record, or a field of it, is told; None: nowhere."""
        told = self.told.get(kind.name, {}).get(key)
        return None if told is None else told.at(field)

    def knows(self, kind: Kind[Record], key: Key) -> bool:
        """Whether there is to be such a record, also if not all that is told of it can be read."""
        if key in self.records.of(kind):
            return True
        removed = self.removed.get(kind.name, ())
        return key in self.told.get(kind.name, {}) and key not in removed


def said(record: Record) -> dict[str, Any]:
    """What a record says, as JSON has it, without what is empty."""
    told: dict[str, Any] = msgspec.to_builtins(record)
    return {name: value for name, value in told.items() if value not in (None, [])}


def merge(
    existing: MasterData,
    document: Document,
    faults: Faults,
    *,
    remove_missing: bool = False,
    remove: bool = False,
) -> Wanted:
    """Lay what is told over what is there.

    Args:
        existing: what is there.
        document: what is told.
        faults: where what is wrong goes.
        remove_missing: give up what the document's kinds hold no more.
        remove: give up what is told; only what it is known by counts.
    """
    records = existing.copy()
    removed: dict[str, frozenset[Key]] = {}
    changes: list[Change] = []
    unchanged: dict[str, int] = {}
    for kind in KINDS:
        if kind.name not in document.told:
            continue
        there, told = records.of(kind), document.of(kind)
        unchanged[kind.name] = 0
        if remove:
            gone = _given_up(kind, there, told, faults)
            removed[kind.name] = frozenset(change.key for change in gone)
            changes += gone
            continue
        for key, one in told.items():
            before = there.get(key)
            after = complete(kind, one, before, faults)
            if after is None:
                continue
            if before == after:
                unchanged[kind.name] += 1
                continue
            change = ChangeKind.ADDED if before is None else ChangeKind.CHANGED
            there[key] = after
            changes.append(
                Change(kind=kind.name, key=key, change=change, before=before, after=after)
            )
        if remove_missing:
            missing = [key for key in there if key not in told]
            removed[kind.name] = frozenset(missing)
            changes += [
                Change(kind=kind.name, key=key, change=ChangeKind.RETIRED, before=there.pop(key))
                for key in missing
            ]
    return Wanted(
        existing=existing,
        records=records,
        removed=removed,
        told=document.told,
        sections=document.places,
        changes=tuple(changes),
        unchanged=unchanged,
    )


def _given_up(
    kind: Kind[R_co], there: dict[Key, R_co], told: Mapping[Key, Told], faults: Faults
) -> list[Change]:
    """Take out of what is there what is told."""
    gone = []
    for key, one in told.items():
        before = there.pop(key, None)
        if before is None:
            faults.add(one.place, f"there is no {kind.called(key)}, so it cannot be removed")
        else:
            gone.append(Change(kind=kind.name, key=key, change=ChangeKind.RETIRED, before=before))
    return gone

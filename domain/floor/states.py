"""A machine's told states, and the operation on it, as they changed, in order of effective time.

A row stands wherever an object told another state or reason than the one before it in the order, or
put another operation on the machine. `ChangeLog` keeps the rows of a window and tells how they
differ from what was told of them before.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from contracts.telemetry import MachineState

ChangeKey: TypeAlias = tuple[int, int]
"""(e_ms, nth): effective time, and the number among the machine's changes of that millisecond."""


class _Change(Protocol):
    """A row that has its place in time."""

    @property
    def e_ms(self) -> int: ...

    @property
    def key(self) -> ChangeKey: ...


RowT = TypeVar("RowT", bound=_Change)


class StateChange(NamedTuple):
    """What the machine left and what it told instead; the first has left None."""

    e_ms: int
    nth: int
    left_state: MachineState | None
    left_reason: str | None
    state: MachineState
    reason: str | None

    @property
    def key(self) -> ChangeKey:
        """Where the row stands."""
        return self.e_ms, self.nth


class OperationChange(NamedTuple):
    """Which operation (work order, number) is on the machine from then on; None: none."""

    e_ms: int
    nth: int
    operation: tuple[str, int] | None

    @property
    def key(self) -> ChangeKey:
        """Where the row stands."""
        return self.e_ms, self.nth


class Changed(NamedTuple, Generic[RowT]):
    """How the rows differ from what was told before: what went, and what stands from there on."""

    gone: list[ChangeKey]
    rows: list[RowT]

    @property
    def since_ms(self) -> int:
        """The earliest effective time that is not as it was."""
        first = [self.rows[0].e_ms] if self.rows else []
        return min([*first, *(e_ms for e_ms, _ in self.gone)])


class ChangeLog(Generic[RowT]):
    """The changes after a base. Lengths count from the log's beginning, for good.

    Args:
        before: the last change before the base, if it is known.
    """

    __slots__ = ("_before", "_dropped", "_lost", "_rows", "_told")

    def __init__(self, before: ChangeKey | None = None) -> None:
        self._before = before
        self._rows: list[RowT] = []
        self._dropped = 0  # rows that stood in front of these
        self._told = 0  # as many of `_rows` stand as they were told
        self._lost: list[RowT] = []  # what was told to stand after them

    def __len__(self) -> int:
        return self._dropped + len(self._rows)

    def key_at(self, e_ms: int) -> ChangeKey:
        """The key of a change that comes next, at a time."""
        last = self._rows[-1].key if self._rows else self._before
        return e_ms, last[1] + 1 if last is not None and last[0] == e_ms else 0

    def append(self, row: RowT) -> None:
        """Take a change at the end, under the key of `key_at`."""
        self._rows.append(row)

    def cut(self, length: int) -> None:
        """Forget what stands after the first `length` rows."""
        keep = length - self._dropped
        if keep < self._told:
            self._lost = self._rows[keep : self._told] + self._lost
            self._told = keep
        del self._rows[keep:]

    def last_before(self, length: int) -> ChangeKey | None:
        """The last of the first `length` rows."""
        at = length - self._dropped
        return self._rows[at - 1].key if at > 0 else self._before

    def drop(self, length: int) -> None:
        """Keep no more of the first `length` rows than is still to be told."""
        count = min(length - self._dropped, self._told)
        if count > 0:
            self._before = self._rows[count - 1].key
            self._dropped += count
            self._told -= count
            del self._rows[:count]

    def changed(self) -> Changed[RowT] | None:
        """What differs since the last call; None if nothing does."""
        lost, rows = self._lost, self._rows[self._told :]
        if not lost and not rows:
            return None
        self._lost, self._told = [], len(self._rows)
        same = 0
        for one, other in zip(lost, rows, strict=False):
            if one != other:
                break
            same += 1
        lost, rows = lost[same:], rows[same:]
        if not lost and not rows:
            return None
        standing = {row.key for row in rows}
        return Changed([row.key for row in lost if row.key not in standing], rows)


ChangedStates: TypeAlias = Changed[StateChange]
ChangedOperations: TypeAlias = Changed[OperationChange]

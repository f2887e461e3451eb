"""What the rows say no to. These carry values and know no HTTP."""

from __future__ import annotations


class StoreError(Exception):
    """Something that was asked of the rows cannot be done."""


class NotFoundError(StoreError):
    """There is no such thing, or whoever asks may not know of it."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"there is no {kind} {name!r}")
        self.kind = kind
        self.name = name


class UnknownReferenceError(StoreError):
    """A request names something that does not exist; `field` says where it stands in it."""

    def __init__(self, field: str, value: str, problem: str) -> None:
        super().__init__(f"{field} {value!r}: {problem}")
        self.field = field
        self.value = value
        self.problem = problem


class ConflictError(StoreError):
    """The rows are in a state that does not allow it."""


class StaleVersionError(ConflictError):
    """Somebody else changed it since the caller looked."""

    def __init__(self, kind: str, name: str, *, expected: int, actual: int) -> None:
        super().__init__(
            f"{kind} {name!r} is at version {actual}, not {expected}: somebody changed it meanwhile"
        )
        self.expected = expected
        self.actual = actual

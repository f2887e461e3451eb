"""What the rows say no to. These carry values and know no HTTP.

Besides its words an error may carry a `code` and `params`: the same in a form that somebody else
can say it in, in another language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

Param: TypeAlias = "str | int | float"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One of several reasons: what it is about, in words, and as code with parameters."""

    place: str
    problem: str
    code: str | None = None
    params: dict[str, Param] = {}


class StoreError(Exception):
    """Something that was asked of the rows cannot be done.

    Attributes:
        code: a word for programs, `kebab-case`, the same for the same reason; None: the class says
            all that there is.
        params: the values that its words are made with.
        faults: the reasons one by one, where there are several.
    """

    code: str | None = None
    params: Mapping[str, Param] = {}
    faults: Sequence[Fault] = ()


class NotFoundError(StoreError):
    """There is no such thing, or whoever asks may not know of it."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"there is no {kind} {name!r}")
        self.kind = kind
        self.name = name


class UnknownReferenceError(StoreError):
    """A request names something that does not exist; `field` says where it stands in it."""

    def __init__(
        self,
        field: str,
        value: str,
        problem: str,
        *,
        code: str | None = None,
        params: Mapping[str, Param] | None = None,
    ) -> None:
        super().__init__(f"{field} {value!r}: {problem}")
        self.field = field
        self.value = value
        self.problem = problem
        self.code = code
        self.params = params or {}


class ConflictError(StoreError):
    """The rows are in a state that does not allow it."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        params: Mapping[str, Param] | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.params = params or {}
        self.faults = faults


class StaleVersionError(ConflictError):
    """Somebody else changed it since the caller looked."""

    def __init__(self, kind: str, name: str, *, expected: int, actual: int) -> None:
        super().__init__(
            f"{kind} {name!r} is at version {actual}, not {expected}:"
            " somebody changed it meanwhile",
            code="stale-version",
            params={"kind": kind, "name": name, "expected": expected, "actual": actual},
        )
        self.expected = expected
        self.actual = actual

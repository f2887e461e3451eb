"""What makes a plan wrong, with the key by which it is told once."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.plan import DisruptionKind


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Something that makes a plan wrong.

    Attributes:
        kind: see `DisruptionKind`.
        key: names the cause within its scope.
        occurred_ms: when it came about.
        machine, operation, order: whose it is.
        successor: of a late operation, the one that has to wait.
        detail: what `DisruptionKind` says of the kind.
    """

    kind: DisruptionKind
    key: str
    occurred_ms: int
    machine: int | None = None
    operation: int | None = None
    order: int | None = None
    successor: int | None = None
    detail: dict[str, Any] = {}

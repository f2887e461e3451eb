"""Rows of the telemetry: what was accepted, what it came to, and how a machine is read back.

`reading` loads a machine into memory, `writing` puts a batch's telemetry rows, `operations` puts
what machines contribute and sums it up. All of it runs inside the caller's transaction, but for
what `adoption` makes beforehand.
"""

from __future__ import annotations

from typing import Final

from contracts.topics import Kind

KIND_CODES: Final[dict[Kind, int]] = {
    Kind.COUNT: 1,
    Kind.JOB: 2,
    Kind.STATE: 3,
    Kind.READING: 4,
    Kind.MESSAGE: 5,
    Kind.OPERATOR: 6,
    Kind.MATERIAL: 7,
    Kind.HEARTBEAT: 8,
    Kind.MOVE: 9,
}
"""How kinds stand in `samples.kind`: for good, whatever the order of the enum."""

KINDS: Final = {code: kind for kind, code in KIND_CODES.items()}

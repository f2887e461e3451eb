"""What a machine has to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Task:
    """An operation on the machine. Times are the clock's, as the installation has them.

    Attributes:
        available: good pieces of the operation before it; None when there is none before.
        family: what the machine has to be set up for; None when nobody knows.
    """

    work_order: str
    operation: int
    quantity: int
    cycle_ms: int
    setup_ms: int
    good: int = 0
    scrap: int = 0
    available: int | None = None
    family: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Which operation it is, within the site."""
        return self.work_order, self.operation

    @property
    def starved(self) -> bool:
        """Whether there is no piece to work on."""
        return self.available is not None and self.good >= self.available

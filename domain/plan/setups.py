"""The set-up rule: what a machine needs between two operations."""

from __future__ import annotations

from collections.abc import Iterable

from domain.plan.problem import SetupTime


class Setups:
    """The setup matrix of all machines."""

    __slots__ = ("_matrix",)

    def __init__(self, setups: Iterable[SetupTime]) -> None:
        self._matrix = {
            (entry.machine, entry.from_family, entry.to_family): entry.setup_ms for entry in setups
        }

    def ms(
        self,
        machine: int,
        from_family: str | None,
        operation_family: str | None,
        mode_setup_ms: int,
    ) -> int:
        """The set-up before an operation, in milliseconds of working time.

        The matrix's entry for the change if there is one; else 0 between operations of one known
        family; else what the mode says.

        Args:
            machine: the machine's id.
            from_family: what it is set up for; None when nobody knows.
            operation_family: the operation's family, if it has one.
            mode_setup_ms: the mode's own set-up.
        """
        if from_family is None or operation_family is None:
            return mode_setup_ms
        entry = self._matrix.get((machine, from_family, operation_family))
        if entry is not None:
            return entry
        return 0 if from_family == operation_family else mode_setup_ms

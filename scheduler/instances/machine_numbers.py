"""Whether a file counts its machines from 0 or from 1."""

from __future__ import annotations

from typing import Final

from scheduler.instances.text import InstanceError, Numbers

CHOICES: Final = (0, 1)


class MachineNumbers:
    """The machines that a file names, noted while it is read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._zero: str | None = None
        self._count: str | None = None

    def take(self, numbers: Numbers) -> int:
        """The next number of a file, a machine's."""
        machine = numbers.number("a machine", 0, self.count)
        if machine == 0 and self._zero is None:
            self._zero = numbers.place()
        if machine == self.count and self._count is None:
            self._count = numbers.place()
        return machine

    def first(self, name: str, *, usual: int, said: int | None) -> int:
        """The number of the first machine.

        A machine 0 says 0, a machine with the number of machines says 1. If there is neither (one
        machine is not used), it is what somebody said, or what is usual.

        Raises:
            InstanceError: there are both, or what is there contradicts what was said.
        """
        if self._zero is not None and self._count is not None:
            raise InstanceError(
                f"{name}, {self._count}: machine {self.count} where machines count from 0, because "
                f"there is a machine 0 in {self._zero}: {self.count} machines are 0 to "
                f"{self.count - 1} or 1 to {self.count}; correct one, or the number of machines"
            )
        if self._zero is None and self._count is None:
            return usual if said is None else said
        found = 0 if self._zero is not None else 1
        if said is not None and said != found:
            raise InstanceError(
                f"{name}, {self._zero or self._count}: machines were said to count from {said}, "
                f"but there is a machine {0 if found == 0 else self.count}: say {found}"
            )
        return found

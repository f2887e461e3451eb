"""A log file that is rotated by size and never fails its writer."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO


class LogFile:
    """What a program prints, as it prints it; older parts are `<name>.1`, `<name>.2` and so on.

    A full disk loses lines (their number is written when there is room again), not the program.
    """

    def __init__(self, path: Path, *, limit_bytes: int = 10 * 1024 * 1024, keep: int = 3) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._keep = keep
        self._file: BinaryIO | None = None
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Append; rotate first when the file has reached its limit."""
        try:
            file = self._opened()
            if file.tell() >= self._limit_bytes:
                self._rotate()
                file = self._opened()
            if self._lost:
                file.write(b"[%d pieces of output could not be written]\n" % self._lost)
            file.write(data)
            file.flush()
            self._lost = 0
        except OSError:
            self._lost += 1
            self.close()

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                self._lost += 1

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        return self._file

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            older = self._part(number)
            if older.exists():
                older.replace(self._part(number + 1))
        self._path.replace(self._part(1))

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

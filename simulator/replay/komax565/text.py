"""Bytes of a log file to lines, losing nothing silently.

The machine's software writes in the Windows code page of its country (cp1250: the factory is
Polish) with CRLF line ends. After a power cut a file may hold a run of NUL bytes and may end in the
middle of a line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_CODE_PAGE = "cp1250"
_BOM = b"\xef\xbb\xbf"
_NULS = re.compile(rb"\x00+")


class Problem(NamedTuple):
    """Something in a log file that could not be read, and where."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.what}"


class Line(NamedTuple):
    """One line without its end. `cut`: its end is missing, so its last characters may be too."""

    number: int
    text: str
    cut: bool


class LogError(Exception):
    """A directory or file of logs that cannot be replayed at all; says which and why."""


def decode(data: bytes) -> str:
    """One line's characters: UTF-8 where it is that, else cp1250.

    The five bytes that cp1250 leaves undefined become the control characters of the same number, so
    that no two different byte strings of the code page read as the same text.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode(_CODE_PAGE)
    except UnicodeDecodeError:
        return "".join(
            bytes([byte]).decode(_CODE_PAGE if byte not in _UNDEFINED else "latin-1")
            for byte in data
        )


_UNDEFINED = frozenset((0x81, 0x83, 0x88, 0x90, 0x98))


def read_lines(path: Path, name: str) -> tuple[list[Line], list[Problem]]:
    """The lines of a file, and where NUL bytes broke into a line.

    Raises:
        LogError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LogError(f"{name}: cannot be read: {error.strerror or error}") from error
    lines: list[Line] = []
    problems: list[Problem] = []
    number = 1
    pieces = _NULS.split(data.removeprefix(_BOM))
    for place, piece in enumerate(pieces):
        parts = piece.split(b"\n")
        for part in parts[:-1]:
            lines.append(Line(number, decode(part.removesuffix(b"\r")), cut=False))
            number += 1
        rest = parts[-1]
        if rest.strip():
            # With the first half of its end the line's text is all there.
            cut = not rest.endswith(b"\r")
            lines.append(Line(number, decode(rest.removesuffix(b"\r")), cut=cut))
            if cut and place < len(pieces) - 1:
                problems.append(Problem(name, number, "NUL bytes break the line off"))
    return lines, problems

"""The numbers of a text file, one after another, and where they stand when one is wrong.

What files bring along is passed over: a byte-order mark, any kind of line end, tabs, comments (from
`#` or `//` to the line's end, lines that begin with `%`, `!`, `;` or `*`), lines of punctuation,
and the words before the first number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

LONGEST: Final = 1 << 40
"""A number above this is taken for a mistake; sums stay far from the end of 64 bits."""
_SAFE_DIGITS: Final = 12
"""So few digits are below `LONGEST`."""
_SHOWN: Final = 30
_WORD: Final = re.compile(r"\S+")
_COMMENT: Final = re.compile(r"#|//")
_NUMBER: Final = re.compile(r"[+-]?\.?\d")
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_SIGNS: Final = "%!;*"
_MARKS: Final = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig"))


class InstanceError(ValueError):
    """A file is not what it should be; the message says where, what, and what to do."""


class Line(NamedTuple):
    """A line that means something: its number in the file, counted from 1, and its text."""

    number: int
    text: str

    @property
    def is_of_numbers(self) -> bool:
        """Whether it is meant to be numbers: it begins with one, and is not mostly words."""
        told = [_NUMBER.match(word) is not None for word in self.text.split()]
        return told[0] and 2 * sum(told) >= len(told)


def lines_of(content: bytes) -> list[Line]:
    """The lines of a file that are neither blank nor comments."""
    lines = []
    text = _decoded(content).removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, raw in enumerate(text.split("\n"), start=1):
        comment = _COMMENT.search(raw)
        line = raw if comment is None else raw[: comment.start()]
        line = line.replace("\x1a", " ").replace("\0", " ")
        first = line.lstrip()[:1]
        if first and first not in _SIGNS and any(each.isalnum() for each in line):
            lines.append(Line(number, line))
    return lines


def _decoded(content: bytes) -> str:
    """Text in UTF-8 or UTF-16; else every byte is a letter, since numbers are what counts."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                break
    return content.decode("latin-1")


class Numbers:
    """The numbers of some lines, taken one after another across the lines' ends."""

    def __init__(self, name: str, lines: list[Line]) -> None:
        self.name = name
        self._lines = lines
        self._at = 0
        self._words = lines[0].text.split() if lines else []
        self._next = 0

    @property
    def over(self) -> bool:
        """Whether there are no more."""
        self._turn()
        return self._next >= len(self._words)

    def number(self, what: str, low: int = 0, high: int = LONGEST) -> int:
        """The next one.

        Args:
            what: how messages call it.
            low: the least that it may be.
            high: the most.

        Raises:
            InstanceError: there is none, or it is none of these.
        """
        if self.over:
            self._missing(what)
        word = self._words[self._next]
        try:
            value = int(word) if word.isdecimal() else self._whole(word, what)
        except ValueError:  # digits of other scripts that `int` does not know, or too many of them
            value = self._whole(word, what)
        if not low <= value <= high:
            raise self.wrong(f"{what} is {value}, but has to be from {low} to {high}: correct it")
        self._next += 1
        return value

    def many(self, count: int, what: str, lows: Sequence[int]) -> list[int]:
        """The next so many; lines of digits are read at once.

        Args:
            count: how many.
            what: how messages call each.
            lows: what each has to be at least; at most 0.
        """
        found: list[int] = []
        while len(found) < count:
            if self.over:
                self._missing(what)
            words = self._words[self._next : self._next + count - len(found)]
            joined = "".join(words)
            if joined.isdecimal() and joined.isascii() and max(map(len, words)) <= _SAFE_DIGITS:
                found += map(int, words)
                self._next += len(words)
            else:
                found.append(self.number(what, lows[len(found)]))
        return found

    def rest(self) -> list[Line]:
        """The lines that are left; words that have been taken are blanks."""
        if self.over:
            return []
        line = self._lines[self._at]
        begin = [each.start() for each in _WORD.finditer(line.text)][self._next]
        left = Line(line.number, " " * begin + line.text[begin:])
        return [left, *self._lines[self._at + 1 :]]

    def place(self) -> str:
        """Where the last number stands."""
        line = self._lines[self._at]
        spans = [each.start() for each in _WORD.finditer(line.text)]
        return f"line {line.number}, position {spans[self._next - 1] + 1}"

    def end(self, because: str) -> None:
        """Refuse numbers that are too many."""
        if not self.over:
            word = self._words[self._next][:_SHOWN]
            raise self.wrong(f"{word!r} is one too many: {because}")

    def wrong(self, message: str, *, back: int = 0) -> InstanceError:
        """What is wrong with the next word, or with one of the same line before it."""
        line = self._lines[self._at]
        spans = [(each.start(), each.end()) for each in _WORD.finditer(line.text)]
        index = self._next - back
        column = spans[index][0] if index < len(spans) else (spans[-1][1] if spans else 0)
        return InstanceError(f"{self.name}, line {line.number}, position {column + 1}: {message}")

    def _whole(self, word: str, what: str) -> int:
        """A word that is not just digits as a whole number; `5.0` is one too."""
        if not _WHOLE.fullmatch(word):
            raise self.wrong(
                f"{word[:_SHOWN]!r} where {what} is expected: write a whole number of at most 18 "
                "digits (comments begin with #)"
            )
        return int(word.split(".", maxsplit=1)[0])

    def _missing(self, what: str) -> NoReturn:
        if not self._lines:
            raise InstanceError(f"{self.name}, line 1, position 1: no number, {what} is expected")
        end = "line" if len(self._lines) == 1 else "file"
        raise self.wrong(f"the {end} ends where {what} is expected: add what is missing")

    def _turn(self) -> None:
        """Go on to the line that holds the next word."""
        while self._next >= len(self._words) and self._at + 1 < len(self._lines):
            self._at += 1
            self._words = self._lines[self._at].text.split()
            self._next = 0

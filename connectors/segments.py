"""Segments, elements and components: what X12 and EDIFACT have in common.

The scanner walks a text once, from terminator to terminator, and knows of every segment which one
it is, on which line and at which byte it stands. Everything is linear in the length of the text,
whatever it contains.
"""

from __future__ import annotations

import codecs
import re

import msgspec

from connectors.texts import unmarked_utf16

MAX_SEGMENT_CHARACTERS = 65_536
"""The longest segments of the standards have a few thousand; whoever sends more sends no order."""

MAX_ELEMENTS = 1_000

_BY_LINE_WINDOW = 4_096
"""Within so many characters a file with a segment on each line shows that it is one."""

_BLANK = "\\s\ufeff\x00\x1a"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Separators(msgspec.Struct, frozen=True, kw_only=True):
    """The characters that have a meaning. What a standard lacks is None."""

    element: str
    component: str | None
    terminator: str
    repetition: str | None = None
    release: str | None = None
    decimal: str = "."

    def all(self) -> frozenset[str]:
        """Every character that must not stand in a value as it is."""
        marks = (self.element, self.component, self.terminator, self.repetition, self.release)
        return frozenset(mark for mark in marks if mark is not None)


class Text(msgspec.Struct, frozen=True):
    """Decoded bytes.

    Attributes:
        characters: without a byte order mark.
        encoding: Python's name of it; offsets are counted in its bytes.
        first_byte: of the first character (3 after a byte order mark of UTF-8).
        doubtful: the bytes do not fit what was declared or expected.
    """

    characters: str
    encoding: str
    first_byte: int
    doubtful: bool


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as it stands in the file.

    Attributes:
        elements: as written, releases included; the tag is the first.
        number: which one it is in the file, from 1.
        offset: of its first byte in the file, from 0.
        line: from 1.
        terminated: a terminator ends it; else a line break before the next tag, or the file's end.
        too_long: longer, or with more elements, than any segment is; it was cut.
    """

    elements: tuple[str, ...]
    number: int
    offset: int
    line: int
    encoding: str
    separators: Separators
    terminated: bool = True
    too_long: bool = False

    @property
    def tag(self) -> str:
        """Which segment it is, without what follows it in its composite."""
        first = self.elements[0]
        component = self.separators.component
        return clean(first.partition(component)[0] if component else first)

    def get(self, number: int) -> str:
        """An element's value without blanks around it; "" when it is missing."""
        if number >= len(self.elements):
            return ""
        return clean(_unescaped(self.elements[number], self.separators.release))

    def components(self, number: int) -> tuple[str, ...]:
        """An element's components (of its first repetition); () when it is missing."""
        if number >= len(self.elements) or not self.elements[number]:
            return ()
        value, marks = self.elements[number], self.separators
        if marks.repetition is not None:
            value = split(value, marks.repetition, marks.release)[0]
        parts = [value] if marks.component is None else split(value, marks.component, marks.release)
        return tuple(clean(_unescaped(part, marks.release)) for part in parts)

    def component(self, number: int, index: int) -> str:
        """A component's value, both numbers from 1; "" when it is missing."""
        parts = self.components(number)
        return parts[index - 1] if index <= len(parts) else ""

    def element_offset(self, number: int) -> int:
        """The byte at which an element begins, or would begin."""
        before = self.separators.element.join(self.elements[:number])
        if number:
            before += self.separators.element
        return self.offset + len(before.encode(self.encoding, "replace"))

    @property
    def has_control_characters(self) -> bool:
        """Something stands in it that is neither text, nor a separator, nor a line break."""
        marks = self.separators.all() | {"\r", "\n"}
        return any(
            character not in marks
            for element in self.elements
            for found in _CONTROL.findall(element.strip())
            for character in found
        )

    @property
    def has_line_breaks(self) -> bool:
        """A line breaks within it, and not only at its end."""
        marks = self.separators.all()
        return any(
            mark not in marks and any(mark in element.strip() for element in self.elements)
            for mark in "\r\n"
        )


def clean(value: str) -> str:
    """A value without blanks around it.

    Line breaks vanish, for there are files that are broken after every 80 characters; other
    characters that are no text become blanks.
    """
    value = value.strip()
    if not _CONTROL.search(value):
        return value
    return _CONTROL.sub(" ", value.replace("\r", "").replace("\n", "")).strip()


def split(value: str, separator: str, release: str | None) -> list[str]:
    """The parts between separators that no release character precedes; releases stay."""
    if release is None or release not in value:
        return value.split(separator)
    parts, start, at = [], 0, 0
    while at < len(value):
        if value[at] == release:
            at += 2
            continue
        if value[at] == separator:
            parts.append(value[start:at])
            start = at + 1
        at += 1
    parts.append(value[start:])
    return parts


def _unescaped(value: str, release: str | None) -> str:
    if release is None or release not in value:
        return value
    return re.sub(f"{re.escape(release)}(.?)", r"\1", value, flags=re.DOTALL)


def decode(content: bytes, declared: str | None = None) -> Text:
    """Bytes as text: as their mark or NULs say, else as UTF-8, as declared, or as ISO 8859-1.

    Args:
        content: the bytes of a file.
        declared: the encoding that the file itself names; None: it names none.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if content.startswith(mark):
            text = content[len(mark) :].decode(encoding, "replace")
            return Text(text, encoding, len(mark), doubtful="\ufffd" in text)
    if (wide := unmarked_utf16(content)) is not None:
        text = content.decode(wide, "replace")
        return Text(text, wide, 0, doubtful="\ufffd" in text)
    if content.isascii():
        return Text(content.decode("ascii"), "ascii", 0, doubtful=False)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        fallback = "latin-1" if declared in (None, "ascii", "utf-8") else declared
        text = content.decode(fallback, "replace")
        return Text(text, fallback, 0, doubtful=fallback != declared)
    return Text(text, "utf-8", 0, doubtful=declared not in (None, "utf-8"))


class Scanner:
    """Walks a text segment by segment.

    Attributes:
        is_wrapped: line breaks stand anywhere, not behind terminators.

    Args:
        text: what to walk.
        tags: those that begin a segment even where only a line break stands before them.
    """

    def __init__(self, text: Text, tags: frozenset[str]) -> None:
        self._text = text.characters
        self._encoding = text.encoding
        self._ascii = text.characters.isascii()
        self._tags = "|".join(sorted(map(re.escape, tags), key=len, reverse=True))
        self._breaks: dict[str, re.Pattern[str]] = {}
        self._blanks: dict[str, re.Pattern[str]] = {}
        self._place = 0
        self._counted = 0
        self._offset = text.first_byte
        self._line = 1
        self._number = 0
        self.is_wrapped = False
        self._searched: tuple[Separators | None, int] = (None, 0)
        self._found = -1

    @property
    def place(self) -> int:
        """The next character's index."""
        return self._place

    def at_end(self, terminator: str = "") -> bool:
        """Pass over blanks and stray terminators between segments; whether nothing is left."""
        pattern = self._blanks.get(terminator)
        if pattern is None:
            pattern = re.compile(f"[{_BLANK}{re.escape(terminator)}]*")
            self._blanks[terminator] = pattern
        blanks = pattern.match(self._text, self._place)
        if blanks is not None:
            self._place = blanks.end()
        return self._place >= len(self._text)

    def starts_with(self, prefix: str) -> bool:
        """Whether the rest begins so."""
        return self._text.startswith(prefix, self._place)

    def window(self, characters: int) -> str:
        """A look at what comes."""
        return self._text[self._place : self._place + characters]

    def skip(self, characters: int) -> None:
        """Pass over characters that are no segment (EDIFACT's UNA)."""
        self._place = min(self._place + characters, len(self._text))

    def skip_to(self, mark: re.Pattern[str]) -> str | None:
        """Pass over everything up to a match; what was passed over, or None: there is no match."""
        found = mark.search(self._text, self._place)
        if found is None:
            return None
        passed = self._text[self._place : found.start()]
        self._place = found.start()
        return passed

    def take(self, separators: Separators, length: int | None = None) -> Segment:
        """The next segment. Blanks before it have been passed over (`at_end`).

        Args:
            separators: of the interchange that it stands in.
            length: how long it is, where no terminator ends it.
        """
        start = self._place
        end = self._terminator(separators, start)
        terminated = self._text[end : end + 1] == separators.terminator
        broken = self._break(separators).search(self._text, start, end)
        after = end + 1
        if length is not None:
            end = after = min(start + length, len(self._text))
            terminated = False
        elif broken is not None:
            end = after = broken.start()
            terminated = False
        raw = self._text[start : min(end, start + MAX_SEGMENT_CHARACTERS + 1)]
        self._count_to(start)
        self._number += 1
        self._place = min(after, len(self._text))
        elements = split(raw.rstrip("\r\n"), separators.element, separators.release)
        return Segment(
            elements=tuple(elements[: MAX_ELEMENTS + 1]),
            number=self._number,
            offset=self._offset,
            line=self._line,
            encoding=self._encoding,
            separators=separators,
            terminated=terminated,
            too_long=end - start > MAX_SEGMENT_CHARACTERS or len(elements) > MAX_ELEMENTS,
        )

    def _terminator(self, separators: Separators, start: int) -> int:
        """Where the next terminator stands, or where a segment would be too long without one.

        What was searched is remembered, so that no character is looked at twice.
        """
        if self._searched[0] != separators:
            self._searched = (separators, start)
            self._found = -1
        if self._found >= start:
            return self._found
        limit = min(start + MAX_SEGMENT_CHARACTERS + 2, len(self._text))
        end = self._text.find(separators.terminator, max(start, self._searched[1]), limit)
        while end > start and _is_released(self._text, end, start, separators.release):
            end = self._text.find(separators.terminator, end + 1, limit)
        self._found = end
        self._searched = (separators, limit if end < 0 else end + 1)
        return limit if end < 0 else end

    def _break(self, separators: Separators) -> re.Pattern[str]:
        """A line break with a segment's beginning behind it: there a terminator lacks.

        Only in files with a segment on each line: one that is broken after every 80 characters has
        line breaks anywhere.
        """
        key = separators.element + separators.terminator
        found = self._breaks.get(key)
        if found is None:
            ended_line = re.compile(f"{re.escape(separators.terminator)}[ \t\r]?\n")
            by_line = ended_line.search(self._text, self._place, self._place + _BY_LINE_WINDOW)
            self.is_wrapped = by_line is None
            tags = self._tags if by_line is not None else "(?!)"
            found = re.compile(f"[\r\n][ \t]*(?=(?:{tags}){re.escape(separators.element)})")
            self._breaks[key] = found
        return found

    def _count_to(self, place: int) -> None:
        self._line += self._text.count("\n", self._counted, place)
        if self._ascii and not self._encoding.startswith("utf-16"):
            self._offset += place - self._counted
        else:
            passed = self._text[self._counted : place]
            self._offset += len(passed.encode(self._encoding, "replace"))
        self._counted = place


def _is_released(text: str, at: int, start: int, release: str | None) -> bool:
    """Whether an odd number of release characters stands before."""
    if release is None:
        return False
    count = 0
    while at - count - 1 >= start and text[at - count - 1] == release:
        count += 1
    return count % 2 == 1

"""Writes EDIFACT: segments, counts, the envelope."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from connectors.edifact.partner import CHARSETS, DEFAULT_SEPARATORS, Partner
from connectors.segments import clean
from domain.documents import Due

MEDIA_TYPE = "application/edifact"
_LEVEL_A = re.compile(r"[A-Z0-9 .,\-()/=!\"%&*;<>'+:?\r\n]*")
_FOR_MANY = (("UNOC", "latin-1"), ("UNOY", "utf-8"))

Element: TypeAlias = str | Sequence[str | None] | None
"""A value, the components of a composite, or nothing."""


class Writer:
    """An interchange with one message, from us to a partner.

    Args:
        partner: who gets it; the separators are the partner's. The character set is, too, unless
            something has to be said that does not fit into it.
        message: S009 of the message, `("ORDRSP", "D", "96A", "UN")`.
        control: of the interchange (0020).
        at: when it is written.
    """

    def __init__(
        self, partner: Partner, *, message: Sequence[str], control: int, at: datetime
    ) -> None:
        self._partner = partner
        self._marks = partner.separators
        self._control = str(control)
        self._at = at.astimezone(UTC)
        self._segments: list[str] = []
        self.add("UNH", "1", message)

    def add(self, tag: str, *elements: Element) -> None:
        """A segment. What is missing at the end of a composite or of the segment is left out."""
        values = [self._value(element) for element in elements]
        while values and not values[-1]:
            values.pop()
        self._segments.append(self._marks.element.join((tag, *values)))

    def _value(self, element: Element) -> str:
        if element is None:
            return ""
        parts = [element] if isinstance(element, str) else [part or "" for part in element]
        written = [self._escaped(part) for part in parts]
        while written and not written[-1]:
            written.pop()
        return (self._marks.component or ":").join(written)

    def _escaped(self, text: str) -> str:
        """Separators in a value get a release character; without one they become blanks."""
        text = clean(text)
        release = self._marks.release
        marks = self._marks.all() - {release}
        if release is None:
            return "".join(" " if character in marks else character for character in text)
        return "".join(
            release + character if character in marks or character == release else character
            for character in text
        )

    def content(self) -> bytes:
        """The whole interchange."""
        partner = self._partner
        body = list(self._segments)
        body.append(self._joined("UNT", str(len(body) + 1), "1"))
        syntax, charset = self._charset("".join(body))
        version = "3" if syntax == "UNOC" and partner.syntax_version < "3" else None
        header = self._joined(
            "UNB",
            (syntax, version or ("4" if syntax == "UNOY" else partner.syntax_version)),
            (partner.our_identity, partner.our_qualifier),
            (partner.identity, partner.qualifier),
            (self._at.strftime("%y%m%d"), self._at.strftime("%H%M")),
            self._control,
            *((None, None, None, None, None, "1") if partner.test else ()),
        )
        lines = [header, *body, self._joined("UNZ", "1", self._control)]
        end = (
            self._marks.terminator
            if self._marks.terminator in "\r\n"
            else (self._marks.terminator + "\n")
        )
        whole = self._advice() + end.join(lines) + end
        return self._fitting(whole, charset).encode(charset)

    def _joined(self, tag: str, *elements: Element) -> str:
        values = [self._value(element) for element in elements]
        while values and not values[-1]:
            values.pop()
        return self._marks.element.join((tag, *values))

    def _advice(self) -> str:
        """UNA, where the separators are not the usual ones."""
        marks = self._marks
        usual = (
            DEFAULT_SEPARATORS.element,
            DEFAULT_SEPARATORS.component,
            DEFAULT_SEPARATORS.terminator,
            DEFAULT_SEPARATORS.release,
        )
        if (marks.element, marks.component, marks.terminator, marks.release) == usual:
            return ""
        if marks.element == "\x1d":
            return ""
        return (
            f"UNA{marks.component or ':'}{marks.element}.{marks.release or ' '}"
            f"{marks.repetition or ' '}{marks.terminator}"
        )

    def _charset(self, text: str) -> tuple[str, str]:
        """The partner's character set if everything fits into it, else a larger one."""
        syntax = self._partner.syntax
        if syntax == "UNOA" and _LEVEL_A.fullmatch(text):
            return syntax, "ascii"
        if syntax != "UNOA" and syntax in CHARSETS:
            charset = CHARSETS[syntax]
            if self._fits(text, charset) and not _looks_like_utf_8(text, charset):
                return syntax, charset
        for larger, charset in _FOR_MANY:
            if self._fits(text, charset) and not _looks_like_utf_8(text, charset):
                return larger, charset
        return _FOR_MANY[-1]

    @staticmethod
    def _fits(text: str, charset: str) -> bool:
        try:
            text.encode(charset)
        except UnicodeEncodeError:
            return False
        return True

    def _fitting(self, text: str, charset: str) -> str:
        """What the envelope has beyond the body's character set, without its accents."""
        if self._fits(text, charset):
            return text
        plain = unicodedata.normalize("NFKD", text)
        return "".join(
            character if self._fits(character, charset) else "_"
            for character in plain
            if not unicodedata.combining(character)
        )


def date_element(qualifier: str, told: Due) -> tuple[str, str, str]:
    """C507 of a DTM: a day as 102, a time as 203, in UTC where it has a zone."""
    if not isinstance(told, datetime):
        return qualifier, told.strftime("%Y%m%d"), "102"
    at = told.astimezone(UTC) if told.tzinfo is not None else told
    return qualifier, at.strftime("%Y%m%d%H%M"), "203"


def _looks_like_utf_8(text: str, charset: str) -> bool:
    """Whether a reader who tries UTF-8 first, as many do, would read other letters than we wrote.

    Two letters such as "Ã©" in Latin-1 are the bytes of one in UTF-8.
    """
    if charset == "utf-8" or text.isascii():
        return False
    try:
        text.encode(charset).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

"""Writes X12: segments, counts, the envelope."""

from __future__ import annotations

from datetime import UTC, date, datetime

from connectors.segments import Separators, clean
from connectors.x12.partner import Partner
from domain.documents import Due

MEDIA_TYPE = "application/edi-x12"
_CENTURY_SINCE = "004010"
_REPETITION_SINCE = "00402"


class Writer:
    """An interchange with one functional group, from us to a partner.

    Args:
        partner: who gets it; separators, version and release are the partner's.
        functional: GS01, `FA`, `PR`, `SH`.
        control: of the interchange and the group (ISA13, GS06), 1 to 999999999.
        at: when it is written.
    """

    def __init__(self, partner: Partner, *, functional: str, control: int, at: datetime) -> None:
        self._partner = partner
        self._marks: Separators = partner.separators
        self._functional = functional
        self._control = control
        self._at = at.astimezone(UTC)
        self._segments: list[str] = []
        self._set_start = 0
        self._sets = 0

    def begin(self, kind: str) -> None:
        """A transaction set begins."""
        self._sets += 1
        self._set_start = len(self._segments)
        self.add("ST", kind, f"{self._sets:04}")

    def end(self) -> None:
        """The transaction set ends: SE with its count."""
        count = len(self._segments) - self._set_start + 1
        self.add("SE", str(count), f"{self._sets:04}")

    def add(self, tag: str, *elements: str | None) -> None:
        """A segment. Missing elements at its end are left out."""
        values = [self._value(element or "") for element in elements]
        while values and not values[-1]:
            values.pop()
        self._segments.append(self._marks.element.join((tag, *values)))

    def _value(self, text: str) -> str:
        """X12 has no escape: a separator within a value becomes a blank."""
        for mark in self._marks.all():
            text = text.replace(mark, " ")
        return clean(text)

    def day(self, told: Due) -> str:
        """A date as this release writes it."""
        return told.strftime("%Y%m%d" if self._partner.release[:6] >= _CENTURY_SINCE else "%y%m%d")

    def content(self) -> bytes:
        """The whole interchange."""
        partner, marks, element = self._partner, self._marks, self._marks.element
        control = f"{self._control % 1_000_000_000:09}"
        group = str(int(control))
        repetition = marks.repetition or "^"
        if repetition in {marks.element, marks.component, marks.terminator}:
            repetition = "U"
        header = element.join(
            (
                "ISA",
                "00",
                " " * 10,
                "00",
                " " * 10,
                f"{partner.our_qualifier or 'ZZ':2.2}",
                f"{self._value(partner.our_identity):15.15}",
                f"{partner.qualifier or 'ZZ':2.2}",
                f"{self._value(partner.identity):15.15}",
                self._at.strftime("%y%m%d"),
                self._at.strftime("%H%M"),
                repetition if partner.version >= _REPETITION_SINCE else "U",
                f"{partner.version:5.5}",
                control,
                "0",
                f"{partner.usage or 'P':1.1}",
                marks.component or (">" if marks.terminator != ">" else ":"),
            )
        )
        opening = element.join(
            (
                "GS",
                self._functional,
                self._value(partner.our_group_identity)[:15],
                self._value(partner.group_identity)[:15],
                self.day(self._at),
                self._at.strftime("%H%M"),
                group,
                "X",
                partner.release,
            )
        )
        closing = (
            element.join(("GE", str(self._sets), group)),
            element.join(("IEA", "1", control)),
        )
        end = marks.terminator if marks.terminator in "\r\n" else marks.terminator + "\n"
        whole = end.join((header, opening, *self._segments, *closing)) + end
        return whole.encode("utf-8")


def due_elements(writer: Writer, told: date) -> tuple[str, str]:
    """Date and time of a DTM."""
    if isinstance(told, datetime):
        at = told.astimezone(UTC) if told.tzinfo is not None else told
        return writer.day(at), at.strftime("%H%M")
    return writer.day(told), ""

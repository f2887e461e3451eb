"""ISA: the separators of an X12 interchange, also where its fixed widths were not kept."""

from __future__ import annotations

import itertools
import re

import msgspec

from connectors.segments import Scanner, Separators

WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
"""Of ISA01 to ISA16, in characters: ISA is the one segment of X12 with fixed widths."""

_ELEMENTS = len(WIDTHS)
_WINDOW = 600
_REPETITION_SINCE = "00402"
_BLANKS = " \r\n"
_NO_MARK = "\x00 \r\n"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What ISA says of its interchange's form.

    Attributes:
        length: characters up to the segment terminator (itself not counted).
        terminated: False: nothing ends ISA, and the terminator was taken from the segments behind.
        wrong_widths: the numbers of elements that are wider or narrower than they should be.
    """

    separators: Separators
    length: int
    terminated: bool
    wrong_widths: tuple[int, ...]
    lacks_component: bool


def header_at(scanner: Scanner) -> Header | None:
    """The form of the interchange that begins here (`ISA`); None: it cannot be told."""
    window = scanner.window(_WINDOW)
    element = window[3:4]
    if not element or element.isalnum() or element in _BLANKS:
        return None
    places = [at for at, character in enumerate(window) if character == element][:_ELEMENTS]
    if len(places) < _ELEMENTS:
        return None
    values = [window[start + 1 : end] for start, end in itertools.pairwise(places)]
    component, terminator, length, terminated = _tail(window, places[-1] + 1, element)
    if terminator is None or "\x00" in {element, component, terminator}:
        return None
    widths = [len(value) for value in values]
    wrong = [at + 1 for at, width in enumerate(widths) if width != WIDTHS[at]]
    version = values[11].strip()
    mark = values[10].strip()
    repeats = version >= _REPETITION_SINCE and len(mark) == 1 and mark not in _NO_MARK
    repeats = repeats and not mark.isalnum()
    return Header(
        separators=Separators(
            element=element,
            component=component,
            terminator=terminator,
            repetition=mark if repeats and mark not in {element, component, terminator} else None,
        ),
        length=length,
        terminated=terminated,
        wrong_widths=tuple(wrong),
        lacks_component=component is None,
    )


def _tail(window: str, at: int, element: str) -> tuple[str | None, str | None, int, bool]:
    """Component separator, segment terminator, ISA's length, and whether the terminator is there.

    After ISA15 stand one character (the component separator) and the terminator. Files exist in
    which the first one is missing: then what stands there ends the next segment as well.
    """
    first, second = window[at : at + 1], window[at + 1 : at + 2]
    if first in {"", element}:
        return None, None, 0, False
    if first in "\r\n":
        return None, "\n" if "\n" in window[at : at + 2] else first, at, True
    component = first if first != " " else None
    if second not in _BLANKS + "\t" and not second.isalnum() and second != element:
        return component, second, at + 1, True
    mark = _before_first_set(window, at + 1, element)
    if mark == first:
        return None, first, at, True
    if mark is not None:
        return component, mark, at + 1, False
    newline = "\n" if "\n" in window[at + 1 : at + 3] else second
    return component, newline if newline in {"\r", "\n"} else None, at + 1, True


def _before_first_set(window: str, at: int, element: str) -> str | None:
    """The character between the functional group's header, if it follows, and ST."""
    mark = re.escape(element)
    header = re.compile(rf"\s*GS{mark}.*?([^\w \t\r\n])\s*ST{mark}", re.DOTALL)
    found = header.match(window, at)
    return found.group(1) if found is not None and found.group(1) != element else None

"""Texts with placeholders: `{subject}`, and `[[ {value}]]`, which goes when a value in it is empty.

`{{`, `}}`, `[[[` and `]]]` are written for `{`, `}`, `[[` and `]]`. There is nothing else: a text
can neither reach into values nor run for long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, TypeAlias

import msgspec

_TOKENS: Final = re.compile(
    r"(?P<open>\{\{)|(?P<close>\}\})|(?P<from>\[\[\[)|(?P<to>\]\]\])"
    r"|\{(?P<slot>[^{}]*)\}|(?P<begin>\[\[)|(?P<end>\]\])|(?P<stray>[{}])"
)
_LITERAL: Final = {"open": "{", "close": "}", "from": "[[", "to": "]]"}
_SLOT: Final = re.compile(r"^[a-z][a-z0-9_]{0,49}\Z")


class Slot(msgspec.Struct, frozen=True):
    """A placeholder."""

    name: str


class Section(msgspec.Struct, frozen=True):
    """Text that goes when one of its placeholders is empty."""

    parts: tuple[str | Slot, ...]


Part: TypeAlias = str | Slot | Section


class TextError(ValueError):
    """A text that is no template: `what` is wrong with `found`, at a line and column from 1."""

    def __init__(self, problem: str, found: str, *, text: str, at: int) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        self.found = found
        super().__init__(f"line {self.line}, column {self.column}: {problem}")


class MissingValueError(LookupError):
    """A placeholder that there is no value for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{{{name}}} has no value")
        self.name = name


def read_parts(text: str) -> tuple[Part, ...]:
    """The parts of a text.

    Raises:
        TextError: a brace or bracket stands alone, a section is within another, or a placeholder
            is no name.
    """
    whole: list[Part] = []
    section: list[str | Slot] | None = None
    begun = 0
    end = 0
    for token in _TOKENS.finditer(text):
        into: list[Part] | list[str | Slot] = whole if section is None else section
        _add(into, text[end : token.start()])
        end = token.end()
        kind = token.lastgroup or ""
        if kind in _LITERAL:
            _add(into, _LITERAL[kind])
        elif kind == "slot":
            name = token["slot"].strip()
            if not _SLOT.match(name):
                raise TextError(
                    f"{token[0]!r} is no placeholder; write '{{{{' for a brace itself",
                    token[0], text=text, at=token.start(),
                )  # fmt: skip
            into.append(Slot(name))
        elif kind == "begin" and section is None:
            section, begun = [], token.start()
        elif kind == "end" and section is not None:
            whole.append(Section(tuple(section)))
            section = None
        else:
            raise TextError(f"{token[0]!r} stands alone", token[0], text=text, at=token.start())
    if section is not None:
        raise TextError("'[[' is not closed by ']]'", "[[", text=text, at=begun)
    _add(whole, text[end:])
    return tuple(whole)


def slots_of(parts: Collection[Part]) -> Iterator[str]:
    """The placeholders of a text, in their order."""
    for part in parts:
        if isinstance(part, Slot):
            yield part.name
        elif isinstance(part, Section):
            yield from slots_of(part.parts)


def filled(
    parts: Collection[Part], values: Mapping[str, str], escape: Callable[[str], str] | None = None
) -> str:
    """A text with its placeholders replaced.

    Args:
        parts: of the text.
        values: by placeholder; the empty text is an empty value.
        escape: makes values harmless where the text goes.

    Raises:
        MissingValueError: a placeholder is not among the values.
    """
    made = []
    for part in parts:
        if isinstance(part, str):
            made.append(part)
        elif isinstance(part, Slot):
            value = _value(values, part.name)
            made.append(escape(value) if escape is not None else value)
        else:
            # All of them are looked up: one that is missing is told even beside an empty one.
            inside = [_value(values, name) for name in slots_of(part.parts)]
            if all(inside):
                made.append(filled(part.parts, values, escape))
    return "".join(made)


def unknown_slot(name: str, known: Collection[str]) -> str:
    """What to say of a placeholder that there is none of."""
    close = get_close_matches(name, known, n=1)
    maybe = f"; maybe {{{close[0]}}}" if close else ""
    there = ", ".join(f"{{{each}}}" for each in sorted(known))
    return f"there is no {{{name}}} here{maybe}; there are {there}"


def _value(values: Mapping[str, str], name: str) -> str:
    try:
        return values[name]
    except KeyError:
        raise MissingValueError(name) from None


def _add(into: list[Part] | list[str | Slot], text: str) -> None:
    if text:
        into.append(text)

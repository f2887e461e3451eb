"""Where in a JSON document a value stands: line and position of a path like `$.jobs[0].due`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_OPENING: Final = ("{", "[")
_CLOSING: Final = ("}", "]")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def place_of(text: str, path: str) -> tuple[int, int] | None:
    """Line and position of a value, both counted from 1; of what holds it, if it is not there.

    Args:
        text: a document that a parser accepts.
        path: keys and places from the root (`$`) on; `[...]` of any place is the first one.
    """
    wanted = [key or int(index) for key, index in _STEP.findall(path.replace("[...]", "[0]"))]
    tokens = list(_TOKEN.finditer(text))
    at = 0
    if not tokens:
        return None
    for step in wanted:
        found = _child(tokens, at, step)
        if found is None:
            break
        at = found
    begin = tokens[at].start()
    return text.count("\n", 0, begin) + 1, begin - text.rfind("\n", 0, begin)


def byte_place(content: bytes, at: int) -> tuple[int, int]:
    """Line and position of a byte."""
    at = min(at, len(content))
    return content.count(b"\n", 0, at) + 1, at - content.rfind(b"\n", 0, at)


def _child(words: list[re.Match[str]], at: int, step: str | int) -> int | None:
    """The word that a member of an object, or an element of an array, begins with."""
    return next((place for name, place in _members(words, at) if name == step), None)


def _members(words: list[re.Match[str]], at: int) -> Iterator[tuple[str | int, int]]:
    """Keys or places of what an object or array holds, and the word where each begins."""
    is_array = words[at].group() == "["
    depth = 0 if words[at].group() in _OPENING else -1
    name: str | int | None = 0 if is_array else None
    fresh = True
    for place in range(at + 1, len(words)):
        word = words[place].group()
        if depth < 0 or (depth == 0 and word in _CLOSING):
            return
        if depth == 0 and word == ",":
            name = name + 1 if isinstance(name, int) else None
            fresh = True
            continue
        if depth == 0 and name is None:
            name = word.strip('"')
            continue
        if depth == 0 and word != ":" and fresh and name is not None:
            yield name, place
            fresh = False
        depth += (word in _OPENING) - (word in _CLOSING)

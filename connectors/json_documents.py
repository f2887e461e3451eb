"""Bytes → JSON, as cheap for hostile documents as for friendly ones."""

from __future__ import annotations

import codecs
from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.options import ReadOptions
from connectors.problems import too_large, whole_file
from connectors.texts import unmarked_utf16
from domain.documents import Problem

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Refused(Exception):  # noqa: N818 - an outcome, caught where the bytes are read
    """Nothing of the bytes is read, because of `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.problem)
        self.problem = problem


def decode_json(content: bytes) -> Any:
    """What JSON says, numbers exact; with or without a byte order mark, also in UTF-16.

    Raises:
        UnicodeDecodeError: the bytes are no text.
        msgspec.DecodeError: they are no JSON.
        RecursionError: it is nested too deep.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _DECODER.decode(content[len(mark) :].decode(encoding))
    if (wide := unmarked_utf16(content)) is not None:
        return _DECODER.decode(content.decode(wide))
    return _DECODER.decode(content)


def decoded(content: bytes, options: ReadOptions) -> Any:
    """What the JSON says, numbers exact.

    Raises:
        Refused: too many bytes, no JSON, or nested too deep.
    """
    if len(content) > options.max_bytes:
        raise Refused(too_large(len(content), options.max_bytes))
    try:
        told = decode_json(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Refused(whole_file("not_json", f"expected JSON: {fault}")) from fault
    except RecursionError as fault:
        raise Refused(whole_file("too_deep", "objects are nested too deep")) from fault
    if _deeper(told, options.max_depth):
        problem = f"objects are nested more than {options.max_depth} deep"
        raise Refused(whole_file("too_deep", problem))
    return told


def _deeper(value: object, limit: int) -> bool:
    """Whether something is nested deeper than that."""
    level = [value]
    for _ in range(limit + 1):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        if not inner:
            return False
        level = inner
    return True

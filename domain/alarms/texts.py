r"""Texts of definitions, with what they may hold: what a database stores and a line shows.

The patterns end with `(?![\s\S])` and not with `$`, which a line break may follow; other languages'
regular expressions, which read them in the JSON Schema, do not know `\Z`.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

_ON_A_LINE: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
_ON_LINES: Final = r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
_LEVEL: Final = r"[^/\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}"
_END: Final = r"(?![\s\S])"

_CODE: Final = rf"^[a-z0-9][a-z0-9_.-]{{0,99}}{_END}"
_NAME: Final = rf"^{_ON_A_LINE}{{1,200}}{_END}"
_TEXT: Final = rf"^{_ON_LINES}{{1,2000}}{_END}"
_WORD: Final = rf"^{_ON_A_LINE}{{1,100}}{_END}"
_ADDRESS: Final = rf"^{_ON_A_LINE}{{1,500}}{_END}"
_PLACE: Final = rf"^{_LEVEL}(/{_LEVEL}){{0,3}}{_END}"
_TARGET: Final = rf"^(on-call:)?[a-z0-9][a-z0-9_.-]{{0,99}}{_END}"

Code = Annotated[str, msgspec.Meta(pattern=_CODE)]
"""What programs and other definitions call a thing."""

Name = Annotated[str, msgspec.Meta(pattern=_NAME)]
"""What people read, on one line."""

Text = Annotated[str, msgspec.Meta(pattern=_TEXT)]
"""What people read, on several lines maybe."""

Word = Annotated[str, msgspec.Meta(pattern=_WORD)]
"""A state, a reason, the name of a reading."""

AddressText = Annotated[str, msgspec.Meta(pattern=_ADDRESS)]
"""A mail address, a telephone number, the name of a robot."""

PlaceText = Annotated[str, msgspec.Meta(pattern=_PLACE)]
"""`site[/area[/line[/machine]]]`."""

Target = Annotated[str, msgspec.Meta(pattern=_TARGET)]
"""A recipient, or whoever a rota has on call."""

_SAID: Final = {
    _CODE: "must be a code: small letters, digits, '-', '_' and '.', as 'machine-down'",
    _NAME: "must be text on one line, 1 to 200 characters",
    _TEXT: "must be text of 1 to 2,000 characters",
    _WORD: "must be text on one line, 1 to 100 characters",
    _ADDRESS: "must be text on one line, 1 to 500 characters",
    _PLACE: "must be site, site/area, site/area/line or site/area/line/machine",
    _TARGET: "must be the code of a recipient, or 'on-call:' and the code of a rota",
}


def explained(problem: str) -> str:
    """What msgspec says of a value, in words for people where it names one of these patterns."""
    for pattern, said in _SAID.items():
        if repr(pattern) in problem:
            return said
    return problem[:1].lower() + problem[1:]

"""What settings of all kinds of ways are made of."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*(?![\s\S])"

Line = Annotated[str, msgspec.Meta(pattern=_LINE, max_length=500)]


class WaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be shown of a way's settings; each kind has its own."""

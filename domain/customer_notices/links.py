"""Links in messages to customers: signed, so that nothing has to be kept to know them again.

A token is the contact's id, what it allows, until when, and an HMAC-SHA-256 over these under the
installation's key. It stands in mails: who has it may confirm or leave for that contact, no more.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import struct
from typing import Final
from uuid import UUID

_MAC_BYTES: Final = 16
_FORMAT: Final = struct.Struct(">B16sQ")
_NEVER: Final = 2**64 - 1


class Purpose(enum.IntEnum):
    """What a link is for."""

    CONFIRM = 1
    UNSUBSCRIBE = 2


def signed(
    installation_key: str, purpose: Purpose, contact: UUID, *, until_s: int | None = None
) -> str:
    """A token for a link. `until_s`: Unix seconds after which it is void; None: never."""
    told = _FORMAT.pack(purpose, contact.bytes, _NEVER if until_s is None else until_s)
    return _text(told + _mac(installation_key, b"contact", told))


def contact_of(installation_key: str, purpose: Purpose, token: str, *, now_s: int) -> UUID | None:
    """Whose link a token is; None: it is none of ours, for something else, or too old."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    if len(data) != _FORMAT.size + _MAC_BYTES or _text(data) != token:
        return None
    told, mac = data[: _FORMAT.size], data[_FORMAT.size :]
    if not hmac.compare_digest(mac, _mac(installation_key, b"contact", told)):
        return None
    found, contact, until_s = _FORMAT.unpack(told)
    if found != purpose or now_s > until_s:
        return None
    return UUID(bytes=contact)


def tracking_token(installation_key: str, message_id: UUID) -> str:
    """The token of the tracking link that a message carries: the same at each attempt to send it.

    What is kept of it is a hash, as of every tracking link's.
    """
    key = hmac.new(installation_key.encode(), b"gemba notice link", hashlib.sha256).digest()
    return _text(hmac.new(key, message_id.bytes, hashlib.sha256).digest())


def _mac(installation_key: str, of: bytes, told: bytes) -> bytes:
    key = hmac.new(installation_key.encode(), b"gemba notice " + of, hashlib.sha256).digest()
    return hmac.new(key, told, hashlib.sha256).digest()[:_MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""Whether a webhook comes from whom it says: Shopify's `X-Shopify-Hmac-SHA256`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_DIGEST_BYTES = 32
_MAX_HEADER_CHARACTERS = 100


def verify(body: bytes, header: str | None, secret: str | bytes) -> bool:
    """Whether the header is the base64 HMAC-SHA256 of the body under the app's client secret.

    Takes the same time wherever a wrong signature differs.

    Args:
        body: the bytes as they came over the wire, before any parsing.
        header: the value of `X-Shopify-Hmac-SHA256`; None: there was none.
        secret: the app's client secret; an empty one verifies nothing.
    """
    key = secret.encode() if isinstance(secret, str) else secret
    if not header or not key or len(header) > _MAX_HEADER_CHARACTERS:
        return False
    try:
        told = base64.b64decode(header.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    made = hmac.new(key, body, hashlib.sha256).digest()
    return len(told) == _DIGEST_BYTES and hmac.compare_digest(told, made)

"""Secrets that have to be read again: AES-256-GCM under a key derived from the installation's key.

Passwords are hashed; a webhook's secret is needed in clear each time, so it is sealed instead.
`purpose` goes into both the key and the seal: what was sealed for one place opens nowhere else.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class SealError(Exception):
    """The seal does not open: another key, another purpose, or damaged bytes."""


def seal(installation_key: str, secret: bytes, *, purpose: str) -> bytes:
    """The secret as bytes that only this installation can open.

    Args:
        installation_key: as `runtime.secrets.installation_key` gives it.
        secret: what to hide.
        purpose: what it is for and whose it is (`channel web-shop`).
    """
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(_key(installation_key, purpose))
    return _VERSION + nonce + cipher.encrypt(nonce, secret, purpose.encode())


def unseal(installation_key: str, sealed: bytes, *, purpose: str) -> bytes:
    """What was sealed.

    Raises:
        SealError: it was sealed under another key or for another purpose, or is damaged.
    """
    start = len(_VERSION) + _NONCE_BYTES
    if not sealed.startswith(_VERSION) or len(sealed) < start:
        raise SealError("these bytes are no seal of this program")
    cipher = AESGCM(_key(installation_key, purpose))
    try:
        return cipher.decrypt(sealed[len(_VERSION) : start], sealed[start:], purpose.encode())
    except InvalidTag as error:
        raise SealError(
            "the seal does not open; maybe the installation's key was replaced: set the secret anew"
        ) from error


def _key(installation_key: str, purpose: str) -> bytes:
    derivation = HKDF(
        algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"gemba sealed " + purpose.encode()
    )
    return derivation.derive(installation_key.encode())

"""Web push's cryptography: a message that only one browser can read, from who it knows.

Encryption is RFC 8291 over RFC 8188's `aes128gcm`, identification RFC 8292 (VAPID). Both parties
have keys on the curve P-256; everything that goes by text is base64url without padding.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MOST_BYTES: Final = 3_993
"""Of a message's text: push services take 4,096 bytes of what is encrypted (RFC 8291, 4)."""
TOKEN_S: Final = 12 * 3_600
"""How long a token is good for; a day is the most that is taken (RFC 8292, 2)."""

_CURVE: Final = ec.SECP256R1()
_POINT_BYTES: Final = 65
_SECRET_BYTES: Final = 16
_SALT_BYTES: Final = 16
_NUMBER_BYTES: Final = 32
_RECORD: Final = 4_096
_LAST: Final = b"\x02"


class BadKeyError(ValueError):
    """A key or secret that is none."""


def encoded(content: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What was so encoded; with padding too.

    Raises:
        BadKeyError: it was not.
    """
    try:
        standard = text.rstrip("=").replace("-", "+").replace("_", "/")
        padding = "=" * (-len(standard) % 4)
        return base64.b64decode(standard + padding, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKeyError("this is no base64url") from error


def new_keys() -> tuple[str, str]:
    """A new pair: the private key, and the public one that browsers are told."""
    private = ec.generate_private_key(_CURVE)
    number = private.private_numbers().private_value.to_bytes(_NUMBER_BYTES, "big")
    return encoded(number), encoded(_point_of(private.public_key()))


def check_subscription(public_key: str, secret: str) -> None:
    """Refuse what a browser cannot have said (`p256dh` and `auth`).

    Raises:
        BadKeyError: the key is no point of the curve, or the secret has not 16 bytes.
    """
    _public(decoded(public_key))
    if len(decoded(secret)) != _SECRET_BYTES:
        raise BadKeyError("the secret has to have 16 bytes")


def encrypt(
    content: bytes,
    public_key: str,
    secret: str,
    *,
    private: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """A message as one record that one browser can read.

    Args:
        content: at most MOST_BYTES.
        public_key: the browser's (`p256dh`).
        secret: the browser's (`auth`).
        private: of this message alone; None: a new one, as it has to be but in tests.
        salt: of this message alone; None: a new one, likewise.

    Raises:
        BadKeyError: the key or secret is none.
        ValueError: the content is too long.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content)} bytes are more than {MOST_BYTES}")
    theirs, auth = decoded(public_key), decoded(secret)
    if len(auth) != _SECRET_BYTES:
        raise BadKeyError("the secret has to have 16 bytes")
    private = private or ec.generate_private_key(_CURVE)
    salt = salt or os.urandom(_SALT_BYTES)
    ours = _point_of(private.public_key())
    shared = private.exchange(ec.ECDH(), _public(theirs))
    key, nonce = _key_and_nonce(shared, auth, theirs, ours, salt)
    sealed = AESGCM(key).encrypt(nonce, content + _LAST, None)
    return salt + _RECORD.to_bytes(4, "big") + bytes((len(ours),)) + ours + sealed


def decrypt(message: bytes, private: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """What a browser reads of a message; the other side of `encrypt`.

    Raises:
        cryptography.exceptions.InvalidTag: it was not meant for this browser.
    """
    salt, rest = message[:_SALT_BYTES], message[_SALT_BYTES + 4 :]
    theirs = rest[1 : 1 + rest[0]]
    shared = private.exchange(ec.ECDH(), _public(theirs))
    key, nonce = _key_and_nonce(shared, secret, _point_of(private.public_key()), theirs, salt)
    return AESGCM(key).decrypt(nonce, rest[1 + rest[0] :], None).rstrip(b"\x00")[: -len(_LAST)]


def vapid(
    endpoint: str, *, private_key: str, public_key: str, now_s: int, contact: str | None
) -> str:
    """The header `Authorization` for a push service.

    Args:
        endpoint: of the subscription; the token is good for its origin.
        private_key: the installation's, as of `new_keys`.
        public_key: likewise.
        now_s: the moment, in seconds since 1970.
        contact: `mailto:` or `https:`; None: nobody is named.
    """
    parts = urlsplit(endpoint)
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_s + TOKEN_S}
    if contact is not None:
        claims["sub"] = contact
    signed = ".".join(
        encoded(json.dumps(part, separators=(",", ":")).encode())
        for part in ({"typ": "JWT", "alg": "ES256"}, claims)
    )
    private = ec.derive_private_key(int.from_bytes(decoded(private_key), "big"), _CURVE)
    r, s = decode_dss_signature(private.sign(signed.encode(), ec.ECDSA(SHA256())))
    signature = r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")
    return f"vapid t={signed}.{encoded(signature)}, k={public_key}"


def _key_and_nonce(
    shared: bytes, auth: bytes, browsers: bytes, servers: bytes, salt: bytes
) -> tuple[bytes, bytes]:
    """RFC 8291, 3.4: both secrets become one, and that a key and a nonce."""
    material = _derived(shared, auth, b"WebPush: info\x00" + browsers + servers, 32)
    key = _derived(material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    return key, _derived(material, salt, b"Content-Encoding: nonce\x00", 12)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    if len(point) != _POINT_BYTES:
        raise BadKeyError(f"a public key has {_POINT_BYTES} bytes, not {len(point)}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError as error:
        raise BadKeyError("this is no point of the curve P-256") from error


def _point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

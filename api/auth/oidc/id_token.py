"""Judging an ID token (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

ASYMMETRIC: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What may be allowed at all: with a shared secret, whoever can check a token can make one."""
LEEWAY_S: Final = 60
"""By so much the provider's clock may differ from ours."""
OLDEST_S: Final = 600
"""A token was made for this sign-in, which takes no longer."""
_KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

Claims = Mapping[str, Any]


class IdTokenError(Exception):
    """A token that proves nothing; the message says why and holds no part of it."""


def key_id(token: str, allowed: Sequence[str]) -> tuple[str, str | None]:
    """How a token says that it is signed, and with which key.

    Raises:
        IdTokenError: it is no token, or signed in a way that is not allowed.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise IdTokenError("it is no signed token") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC or algorithm not in allowed:
        raise IdTokenError(f"it is signed by {str(algorithm)[:20]!r}, which is not allowed here")
    if kid is not None and not isinstance(kid, str):
        raise IdTokenError("its key's name is no text")
    return algorithm, kid


def matching_key(
    keys: Sequence[Mapping[str, Any]], algorithm: str, kid: str | None
) -> jwt.PyJWK | None:
    """The provider's key that a token was signed with, if it is one for that algorithm.

    A token that names none is taken only where there is no choice.
    """
    kind = _KEY_TYPES[algorithm[:2]]
    found = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    ]
    if len(found) != 1:
        return None
    try:
        return jwt.PyJWK(dict(found[0]), algorithm=algorithm)
    except (jwt.PyJWKError, jwt.InvalidKeyError, ValueError, TypeError):
        return None


def judge(
    token: str,
    key: jwt.PyJWK,
    *,
    algorithm: str,
    issuer: str,
    client_id: str,
    nonce: str,
) -> Claims:
    """What the token says, when this provider made it for us, for this sign-in, just now.

    Raises:
        IdTokenError: it did not.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.InvalidTokenError as error:
        raise IdTokenError(f"it is not valid ({type(error).__name__})") from error
    audience, party = claims["aud"], claims.get("azp")
    if party not in (None, client_id) or (
        isinstance(audience, list) and len(audience) > 1 and party is None
    ):
        raise IdTokenError("it was made for another client")
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise IdTokenError("it belongs to another sign-in")
    if claims["iat"] < time.time() - OLDEST_S - LEEWAY_S:
        raise IdTokenError("it was made long ago")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:  # noqa: PLR2004 - Core 1.0, section 2
        raise IdTokenError("it names nobody")
    return claims

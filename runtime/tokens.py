"""Bearer tokens of programs: JWTs signed (HS256) with the installation's key.

Claims: `aud` "gemba", `sub` (who asked for it), `role`, `sites` (empty: all), `lines` (left out:
all), `customer` (the code of whose orders it opens; left out: nobody's), `iat`, `exp`, `jti`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt

ALGORITHM = "HS256"
AUDIENCE = "gemba"


class TokenError(Exception):
    """A token that opens nothing; the message says why and holds no part of it."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a valid token says."""

    subject: str
    role: str
    sites: tuple[str, ...]
    """Codes of the sites the token is limited to; empty means all."""
    expires_at: datetime
    lines: tuple[str, ...] = ()
    """Lines (`site/area/line`) it is limited to; empty means all."""
    customer: str | None = None
    """The code of the customer whose orders it opens."""


def issue_token(
    secret: str,
    *,
    role: str,
    sites: Sequence[str] = (),
    days: float = 1,
    subject: str = "token",
    lines: Sequence[str] = (),
    customer: str | None = None,
) -> str:
    """A signed token for a role, valid for `days` from now.

    It is limited to `sites` and `lines` (none: all); one for the role `customer` names whose orders
    it opens.
    """
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "aud": AUDIENCE,
        "sub": subject,
        "role": role,
        "sites": list(sites),
        "iat": now,
        "exp": now + timedelta(days=days),
        "jti": uuid4().hex,
    }
    if lines:
        claims["lines"] = list(lines)
    if customer is not None:
        claims["customer"] = customer
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def verify_token(secret: str, token: str) -> Claims:
    """What a token says, when the installation signed it and it has not expired.

    Raises:
        TokenError: it is not a token, not ours, expired, or lacks a claim.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["aud", "sub", "iat", "exp"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenError("the token has expired") from error
    except jwt.InvalidTokenError as error:
        raise TokenError("the token is not valid here") from error
    role, sites = claims.get("role"), claims.get("sites")
    if not isinstance(role, str) or not isinstance(sites, list):
        raise TokenError("the token names no role or no sites")
    if not all(isinstance(site, str) for site in sites):
        raise TokenError("the token's sites are not text")
    lines, customer = claims.get("lines", []), claims.get("customer")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise TokenError("the token's lines are not text")
    if customer is not None and not isinstance(customer, str):
        raise TokenError("the token's customer is not text")
    return Claims(
        subject=claims["sub"],
        role=role,
        sites=tuple(sites),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        lines=tuple(lines),
        customer=customer,
    )

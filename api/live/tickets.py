"""Tickets: what lets a socket in. Single use, short-lived, kept in Redis by their hash.

A browser cannot put a bearer token into a WebSocket's request, and what stands in a URL ends up in
logs; so whoever is signed in gets a ticket that is worth nothing once it was used.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, Literal

import msgspec
from redis.asyncio import Redis

LIFETIME_S: Final = 30
_PREFIX: Final = "gemba:ticket:"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Who a socket belongs to.

    Attributes:
        kind: `user` signed in with a session, `token` with a bearer token, `key` with an API key,
            `link` has a tracking link.
        subject: the name of the user or token; for a link, nothing.
        role: what they may do; none for a link.
        sites: the sites they are limited to; empty: all.
        lines: the lines (`site/area/line`) they are limited to; empty: all.
        customer_id: whose orders they see; customers only.
        key: the API key, which has to stay valid.
        channel: the only channel it opens, as the client names it.
        session: the hash of the session (hex), which has to stay open.
        expires_ms: when the socket ends at the latest.
    """

    kind: Literal["user", "token", "key", "link"]
    subject: str = ""
    role: str | None = None
    sites: list[str] = []
    lines: list[str] = []
    customer_id: int | None = None
    key: int | None = None
    channel: str | None = None
    session: str | None = None
    expires_ms: int | None = None


def _key(ticket: str) -> str:
    return _PREFIX + hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()


async def issue(redis: Redis, ticket: Ticket) -> str:
    """A ticket's word, good for LIFETIME_S seconds. Raises `RedisError` when Redis is away."""
    word = secrets.token_urlsafe(32)
    await redis.set(_key(word), msgspec.json.encode(ticket), ex=LIFETIME_S)
    return word


async def redeem(redis: Redis, word: str) -> Ticket | None:
    """Who a ticket stands for; None when it was used, has expired, or never was."""
    stored = await redis.getdel(_key(word))
    return msgspec.json.decode(stored, type=Ticket) if stored else None

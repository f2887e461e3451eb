"""People's accounts, their sessions, and customers' tracking links. Secrets are stored as hashes.

A session's or link's token is 256 random bits, so an unsalted SHA-256 hides it well enough; a
password is not, so it goes through Argon2id.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from domain.access import Role
from store.database import Connection
from store.errors import ConflictError, NotFoundError

SHORTEST_PASSWORD: Final = 10

_hasher = PasswordHasher()
_hashing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Argon2 takes 64 MiB each time: a flood of sign-ins must not take the memory."""


class WeakPasswordError(ValueError):
    """A password that would be guessed."""


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A person's account. `sites` empty: all of them."""

    id: int
    name: str
    display_name: str
    role: str
    sites: list[str]


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tracking link, without its token, which nobody keeps."""

    id: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None


class LinkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What an unexpired, unrevoked link leads to."""

    link_id: int
    order_id: int
    order_number: str


def new_token() -> str:
    """A token that nobody guesses: 256 random bits, as text for URLs and cookies."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def hash_password(password: str) -> str:
    """Argon2id of a password, worked out beside the event loop.

    Raises:
        WeakPasswordError: it is shorter than SHORTEST_PASSWORD.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPasswordError(f"a password needs at least {SHORTEST_PASSWORD} characters")
    return await asyncio.get_running_loop().run_in_executor(_hashing, _hasher.hash, password)


async def create_user(
    connection: Connection,
    *,
    name: str,
    password: str,
    role: Role,
    display_name: str | None = None,
    sites: Sequence[str] = (),
) -> int:
    """Make an account; answers its id.

    Raises:
        ConflictError: the name is taken.
        WeakPasswordError: the password is too short.
    """
    hashed = await hash_password(password)
    try:
        cursor = await connection.execute(
            """
            INSERT INTO users (name, display_name, password_hash, role, sites)
            VALUES (%s, %s, %s, %s, %s) RETURNING id
            """,
            (name, display_name or name, hashed, role.value, list(sites)),
        )
    except UniqueViolation:
        raise ConflictError(f"there is a user {name!r} already") from None
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    user_id: int = row[0]
    return user_id


async def set_password(connection: Connection, *, name: str, password: str) -> None:
    """Give an account another password, and end its sessions.

    Raises:
        NotFoundError: there is no such account.
        WeakPasswordError: the password is too short.
    """
    hashed = await hash_password(password)
    async with connection.transaction():
        cursor = await connection.execute(
            "UPDATE users SET password_hash = %s WHERE name = %s RETURNING id", (hashed, name)
        )
        row = await cursor.fetchone()
        if row is None:
            raise NotFoundError("user", name)
        await connection.execute("DELETE FROM sessions WHERE user_id = %s", (row[0],))


async def find_user(connection: Connection, name: str) -> UserRow | None:
    """An account by its name, unless it is disabled."""
    cursor = connection.cursor(row_factory=class_row(UserRow))
    await cursor.execute(
        """
        SELECT id, name, display_name, role, sites FROM users
        WHERE name = %s AND disabled_at IS NULL
        """,
        (name,),
    )
    return await cursor.fetchone()


async def password_hash(connection: Connection, name: str) -> str | None:
    """The hash to check a sign-in against, unless the account is missing or disabled."""
    cursor = await connection.execute(
        "SELECT password_hash FROM users WHERE name = %s AND disabled_at IS NULL", (name,)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def password_matches(hashed: str | None, password: str) -> bool:
    """Whether a password is the one hashed; takes as long when there is none to compare with."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_hashing, _matches, hashed, password)


def _matches(hashed: str | None, password: str) -> bool:
    try:
        if hashed is None:
            _hasher.hash(password)
            return False
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


async def open_session(connection: Connection, user_id: int, *, lasting: timedelta) -> str:
    """Begin a session; answers its token. Sessions that ended are swept on the way."""
    token = new_token()
    async with connection.transaction():
        await connection.execute("DELETE FROM sessions WHERE expires_at < now()")
        await connection.execute(
            """
            INSERT INTO sessions (token_hash, user_id, expires_at)
            VALUES (%s, %s, now() + %s)
            """,
            (token_hash(token), user_id, lasting),
        )
    return token


async def session_user(connection: Connection, token: str) -> UserRow | None:
    """Whose session a token is; None when it ended or never was."""
    cursor = connection.cursor(row_factory=class_row(UserRow))
    await cursor.execute(
        """
        SELECT u.id, u.name, u.display_name, u.role, u.sites
        FROM sessions s JOIN users u ON u.id = s.user_id
        WHERE s.token_hash = %s AND s.expires_at > now() AND u.disabled_at IS NULL
        """,
        (token_hash(token),),
    )
    return await cursor.fetchone()


async def close_session(connection: Connection, token: str) -> None:
    """End a session; one that is over already stays so."""
    await connection.execute("DELETE FROM sessions WHERE token_hash = %s", (token_hash(token),))


async def create_link(
    connection: Connection, order_id: int, *, created_by: str, lasting: timedelta
) -> tuple[LinkRow, str]:
    """Make a tracking link; its token is told here and never again."""
    token = new_token()
    cursor = connection.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        """
        INSERT INTO tracking_links (token_hash, order_id, created_by, expires_at)
        VALUES (%s, %s, %s, now() + %s)
        RETURNING id, created_at, created_by, expires_at, revoked_at
        """,
        (token_hash(token), order_id, created_by, lasting),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    return row, token


async def links(connection: Connection, order_id: int) -> list[LinkRow]:
    """An order's links, newest first, also the expired and the revoked."""
    cursor = connection.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        """
        SELECT id, created_at, created_by, expires_at, revoked_at
        FROM tracking_links WHERE order_id = %s ORDER BY id DESC
        """,
        (order_id,),
    )
    return await cursor.fetchall()


async def linked_order(connection: Connection, token: str) -> LinkedOrder | None:
    """Where a link leads; None when it expired, was revoked or never was."""
    cursor = connection.cursor(row_factory=class_row(LinkedOrder))
    await cursor.execute(
        """
        SELECT l.id AS link_id, o.id AS order_id, o.number AS order_number
        FROM tracking_links l JOIN orders o ON o.id = l.order_id
        WHERE l.token_hash = %s AND l.expires_at > now() AND l.revoked_at IS NULL
        """,
        (token_hash(token),),
    )
    return await cursor.fetchone()


async def link_order(connection: Connection, link_id: int) -> tuple[int, int, str, str] | None:
    """The order a link belongs to: its id, site id, site code and number."""
    cursor = await connection.execute(
        """
        SELECT o.id, o.site_id, s.code, o.number
        FROM tracking_links l JOIN orders o ON o.id = l.order_id JOIN sites s ON s.id = o.site_id
        WHERE l.id = %s
        """,
        (link_id,),
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1], row[2], row[3])


async def revoke_link(connection: Connection, link_id: int) -> None:
    """Make a link lead nowhere from now on."""
    await connection.execute(
        "UPDATE tracking_links SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s",
        (link_id,),
    )

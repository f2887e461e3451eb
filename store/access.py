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
from psycopg import sql
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
    """A person's account. `sites` and `lines` empty: all of them."""

    id: int
    name: str
    display_name: str
    role: str
    sites: list[str]
    lines: list[str] = []
    customer_id: int | None = None
    """Whose orders they see; customers' people only."""
    customer: str | None = None
    """That customer's code."""
    must_change: bool = False
    """The password was good for this once: another one has to be chosen."""


class SessionUser(UserRow, frozen=True, kw_only=True):
    """Whose session it is, and which."""

    session_id: int
    method: str
    stale: bool
    """Whether it was noted long ago that the session is used."""


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tracking link, without its token, which nobody keeps."""

    id: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    line: int | None = None
    """The only line that it shows."""
    shipment: int | None = None
    """The only shipment that it shows."""


class LinkedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What an unexpired, unrevoked link leads to: an order, or one line or shipment of it."""

    link_id: int
    order_id: int
    order_number: str
    line: int | None = None
    shipment: int | None = None


_USER: Final = sql.SQL(
    """
    SELECT u.id, u.name, u.display_name, u.role, u.sites, u.lines, u.customer_id,
           c.code AS customer, u.password_once_until IS NOT NULL AS must_change
    FROM users u LEFT JOIN customers c ON c.id = u.customer_id
    """
)
_LINK: Final = sql.SQL(
    """
    id, created_at, created_by, expires_at, revoked_at, line_number AS line,
    shipment_number AS shipment
    """
)


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
    password: str | None,
    role: Role,
    display_name: str | None = None,
    sites: Sequence[str] = (),
    lines: Sequence[str] = (),
    customer_id: int | None = None,
    email: str | None = None,
    identity: tuple[str, str] | None = None,
    once_until: datetime | None = None,
) -> int:
    """Make an account; answers its id.

    Args:
        connection: where.
        name: under which they sign in.
        password: theirs; None: they sign in with the OpenID provider only.
        role: what they are here for.
        display_name: how people call them; by default the name.
        sites: what they are limited to; none: every site.
        lines: likewise (`site/area/line`).
        customer_id: whose orders they see; with the role `customer` only.
        email: by which the OpenID provider may know them.
        identity: their issuer and subject there.
        once_until: the password is good for one sign-in until then.

    Raises:
        ConflictError: the name, the address or the identity is taken.
        WeakPasswordError: the password is too short.
    """
    hashed = await hash_password(password) if password is not None else None
    issuer, subject = identity or (None, None)
    try:
        async with connection.transaction():
            cursor = await connection.execute(
                """
                INSERT INTO users (name, display_name, password_hash, role, sites, lines,
                                   customer_id, email, issuer, subject, password_once_until)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                (
                    name,
                    display_name or name,
                    hashed,
                    role.value,
                    list(sites),
                    list(lines),
                    customer_id,
                    email,
                    issuer,
                    subject,
                    once_until,
                ),
            )
    except UniqueViolation as error:
        raise taken(error, name=name, email=email) from None
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    user_id: int = row[0]
    return user_id


def taken(error: UniqueViolation, *, name: str, email: str | None) -> ConflictError:
    """Which of an account's names somebody else has."""
    match error.diag.constraint_name:
        case "users_email":
            return ConflictError(f"there is a user with the address {email!r} already")
        case "users_identity":
            return ConflictError("there is a user for that person of the OpenID provider already")
        case _:
            return ConflictError(f"there is a user {name!r} already")


async def set_password(
    connection: Connection, *, name: str, password: str, once_until: datetime | None = None
) -> None:
    """Give an account another password, and end its sessions.

    With `once_until` it is good for one sign-in until then, at which another one has to be chosen.

    Raises:
        NotFoundError: there is no such account.
        WeakPasswordError: the password is too short.
    """
    hashed = await hash_password(password)
    async with connection.transaction():
        cursor = await connection.execute(
            """
            UPDATE users SET password_hash = %s, password_once_until = %s WHERE name = %s
            RETURNING id
            """,
            (hashed, once_until, name),
        )
        row = await cursor.fetchone()
        if row is None:
            raise NotFoundError("user", name)
        await connection.execute("DELETE FROM sessions WHERE user_id = %s", (row[0],))


async def find_user(connection: Connection, name: str) -> UserRow | None:
    """An account by its name, unless it is disabled."""
    cursor = connection.cursor(row_factory=class_row(UserRow))
    await cursor.execute(_USER + sql.SQL(" WHERE u.name = %s AND u.disabled_at IS NULL"), (name,))
    return await cursor.fetchone()


async def password_hash(connection: Connection, name: str) -> str | None:
    """The hash to check a sign-in against, unless the account is missing or disabled.

    A password for one sign-in has none any more when its time is over.
    """
    cursor = await connection.execute(
        """
        SELECT password_hash FROM users WHERE name = %s AND disabled_at IS NULL
            AND (password_once_until IS NULL OR password_once_until > now())
        """,
        (name,),
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


async def open_session(
    connection: Connection,
    user_id: int,
    *,
    lasting: timedelta,
    method: str = "password",
    address: str | None = None,
    agent: str | None = None,
) -> str:
    """Begin a session; answers its token. Sessions that ended are swept on the way.

    Args:
        connection: where.
        user_id: whose.
        lasting: until it ends by itself.
        method: how they signed in, `password` or `oidc`.
        address: from where.
        agent: with which browser, as it calls itself.
    """
    token = new_token()
    async with connection.transaction():
        await connection.execute("DELETE FROM sessions WHERE expires_at < now()")
        await connection.execute(
            """
            INSERT INTO sessions (token_hash, user_id, expires_at, method, address, agent)
            VALUES (%s, %s, now() + %s, %s, %s, %s)
            """,
            (token_hash(token), user_id, lasting, method, address, agent),
        )
        await connection.execute(
            "UPDATE users SET last_sign_in_at = now() WHERE id = %s", (user_id,)
        )
    return token


async def session_user(connection: Connection, token: str) -> SessionUser | None:
    """Whose session a token is; None when it ended or never was."""
    cursor = connection.cursor(row_factory=class_row(SessionUser))
    await cursor.execute(
        """
        SELECT u.id, u.name, u.display_name, u.role, u.sites, u.lines, u.customer_id,
               c.code AS customer, s.id AS session_id, s.method,
               s.seen_at < now() - interval '5 minutes' AS stale
        FROM sessions s JOIN users u ON u.id = s.user_id
        LEFT JOIN customers c ON c.id = u.customer_id
        WHERE s.token_hash = %s AND s.expires_at > now() AND u.disabled_at IS NULL
        """,
        (token_hash(token),),
    )
    return await cursor.fetchone()


async def note_use(connection: Connection, session_id: int) -> None:
    """A session is being used."""
    await connection.execute("UPDATE sessions SET seen_at = now() WHERE id = %s", (session_id,))


async def close_session(connection: Connection, token: str) -> None:
    """End a session; one that is over already stays so."""
    await connection.execute("DELETE FROM sessions WHERE token_hash = %s", (token_hash(token),))


async def create_link(
    connection: Connection,
    order_id: int,
    *,
    created_by: str,
    lasting: timedelta,
    line: int | None = None,
    shipment: int | None = None,
) -> tuple[LinkRow, str]:
    """Make a tracking link; its token is told here and never again.

    It shows the order, or only the line or the shipment of that number.
    """
    token = new_token()
    cursor = connection.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        sql.SQL(
            """
            INSERT INTO tracking_links
                (token_hash, order_id, created_by, expires_at, line_number, shipment_number)
            VALUES (%s, %s, %s, now() + %s, %s, %s) RETURNING
            """
        )
        + _LINK,
        (token_hash(token), order_id, created_by, lasting, line, shipment),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    return row, token


async def links(connection: Connection, order_id: int) -> list[LinkRow]:
    """An order's links, newest first, also the expired and the revoked."""
    cursor = connection.cursor(row_factory=class_row(LinkRow))
    await cursor.execute(
        sql.SQL("SELECT {} FROM tracking_links WHERE order_id = %s ORDER BY id DESC").format(_LINK),
        (order_id,),
    )
    return await cursor.fetchall()


async def linked_order(connection: Connection, token: str) -> LinkedOrder | None:
    """Where a link leads; None when it expired, was revoked or never was."""
    cursor = connection.cursor(row_factory=class_row(LinkedOrder))
    await cursor.execute(
        """
        SELECT l.id AS link_id, o.id AS order_id, o.number AS order_number,
               l.line_number AS line, l.shipment_number AS shipment
        FROM tracking_links l JOIN orders o ON o.id = l.order_id
        WHERE l.token_hash = %s AND l.expires_at > now() AND l.revoked_at IS NULL
        """,
        (token_hash(token),),
    )
    return await cursor.fetchone()


async def has_part(
    connection: Connection, order_id: int, *, line: int | None, shipment: int | None
) -> bool:
    """Whether an order has the line or the shipment that a link shall show."""
    cursor = await connection.execute(
        """
        SELECT (%(line)s::integer IS NULL OR EXISTS (
                    SELECT FROM order_lines WHERE order_id = %(order)s AND number = %(line)s))
           AND (%(shipment)s::integer IS NULL OR EXISTS (
                    SELECT FROM shipments WHERE order_id = %(order)s AND number = %(shipment)s))
        """,
        {"order": order_id, "line": line, "shipment": shipment},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


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

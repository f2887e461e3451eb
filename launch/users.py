"""`gemba user` and `gemba key`: accounts and keys, straight in the database.

So the first one can be made. Each change leaves its audit entry.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import psycopg
from psycopg.rows import class_row

from domain.access import Role
from store import api_keys, audit
from store import users as accounts
from store.access import UserRow, create_user, set_password
from store.api_keys import KeyRow
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.filters import Page
from store.users import Changed

_ORIGIN: Final = "command line"
_LEVELS: Final = 3
_ALL: Final = Page(1_000_000, 0)


@asynccontextmanager
async def _transaction(database_url: str) -> AsyncIterator[Connection]:
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection,
        connection.transaction(),
    ):
        yield connection


async def add(
    database_url: str,
    *,
    name: str,
    role: Role,
    password: str | None,
    sites: Sequence[str],
    lines: Sequence[str] = (),
    customer: str | None = None,
    email: str | None = None,
) -> None:
    """Make an account; without a password they sign in with the OpenID provider.

    Raises:
        store.errors.ConflictError: the name or the address is taken.
        store.errors.NotFoundError: there is no such customer.
        store.access.WeakPasswordError: the password is too short.
        ValueError: role and customer do not go together, or a line is none.
    """
    async with _transaction(database_url) as connection:
        await create_user(
            connection,
            name=name,
            password=password,
            role=role,
            sites=sites,
            lines=_checked(lines),
            customer_id=await _customer_id(connection, role, customer),
            email=email,
        )
        after = {"role": role, "sites": sites, "lines": lines, "customer": customer}
        await _note(connection, "UserCreated", "user", name, after)


async def change_password(database_url: str, *, name: str, password: str) -> None:
    """Give an account another password and end its sessions.

    Raises:
        store.errors.NotFoundError: there is no such account.
        store.access.WeakPasswordError: the password is too short.
    """
    async with _transaction(database_url) as connection:
        await set_password(connection, name=name, password=password)
        await _note(connection, "PasswordReset", "user", name)


async def disable(database_url: str, *, name: str) -> None:
    """Keep somebody out, and end their sessions; who is out already stays out.

    Raises:
        store.errors.NotFoundError: there is no such account.
        store.errors.ConflictError: nobody could administer any more.
    """
    async with _transaction(database_url) as connection:
        account = await accounts.find(connection, name, for_update=True)
        if account is None:
            raise NotFoundError("user", name)
        if account.disabled_at is not None:
            return
        if account.role == Role.ADMIN and not await accounts.other_admins(connection, account.id):
            raise ConflictError(f"{name!r} is the last one who may administer everything")
        wanted = Changed(
            display_name=account.display_name,
            role=account.role,
            sites=account.sites,
            lines=account.lines,
            customer_id=account.customer_id,
            email=account.email,
            disabled=True,
        )
        await accounts.change(connection, account, wanted)
        await _note(connection, "UserChanged", "user", name, {"disabled": True})


async def listed(database_url: str) -> list[UserRow]:
    """All accounts that are not disabled, by name."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = connection.cursor(row_factory=class_row(UserRow))
        await cursor.execute(
            """
            SELECT u.id, u.name, u.display_name, u.role, u.sites, u.lines, u.customer_id,
                   c.code AS customer
            FROM users u LEFT JOIN customers c ON c.id = u.customer_id
            WHERE u.disabled_at IS NULL ORDER BY u.name
            """
        )
        return await cursor.fetchall()


def as_json(users: Sequence[UserRow]) -> str:
    """The accounts for programs."""
    return msgspec.json.encode(users).decode()


async def add_key(
    database_url: str,
    *,
    name: str,
    role: Role,
    sites: Sequence[str] = (),
    lines: Sequence[str] = (),
    customer: str | None = None,
    days: int | None = None,
) -> str:
    """Make an API key; answers its text, which nobody keeps.

    Raises:
        store.errors.ConflictError: there is a key of that name.
        store.errors.NotFoundError: there is no such customer.
        ValueError: role and customer do not go together, or a line is none.
    """
    async with _transaction(database_url) as connection:
        row, text = await api_keys.create(
            connection,
            name=name,
            role=role.value,
            created_by=_ORIGIN,
            sites=sites,
            lines=_checked(lines),
            customer_id=await _customer_id(connection, role, customer),
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
        after = {"id": row.id, "prefix": row.prefix, "role": role, "sites": sites, "lines": lines}
        await _note(connection, "ApiKeyCreated", "api_key", name, after)
    return text


async def keys(database_url: str) -> list[KeyRow]:
    """All keys that are not revoked, newest first."""
    async with _transaction(database_url) as connection:
        rows, _ = await api_keys.keys(connection, _ALL, revoked=False)
        return rows


async def revoke_key(database_url: str, *, name: str) -> None:
    """Make a key open nothing from now on.

    Raises:
        store.errors.NotFoundError: no key of that name opens anything.
    """
    async with _transaction(database_url) as connection:
        rows, _ = await api_keys.keys(connection, _ALL, revoked=False)
        row = next((row for row in rows if row.name == name), None)
        if row is None:
            raise NotFoundError("API key", name)
        await api_keys.revoke(connection, row.id)
        await _note(connection, "ApiKeyRevoked", "api_key", name)


async def _customer_id(connection: Connection, role: Role, customer: str | None) -> int | None:
    if (role is Role.CUSTOMER) != (customer is not None):
        raise ValueError("--customer goes with --role customer, and with no other")
    if customer is None:
        return None
    customer_id = await accounts.customer_id_of(connection, customer)
    if customer_id is None:
        raise NotFoundError("customer", customer)
    return customer_id


def _checked(lines: Sequence[str]) -> Sequence[str]:
    for line in lines:
        levels = line.split("/")
        if len(levels) != _LEVELS or not all(levels):
            raise ValueError(f"--line {line!r}: has to be <site>/<area>/<line>")
    return lines


async def _note(
    connection: Connection,
    action: str,
    kind: str,
    name: str,
    after: Mapping[str, object] | None = None,
) -> None:
    await audit.write(
        connection,
        actor=Actor("gemba", _ORIGIN),
        action=action,
        object_kind=kind,
        object_key=name,
        after=after,
    )

"""`gemba user`: people's accounts, straight in the database (so that the first one can be made)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import psycopg
from psycopg.rows import class_row

from domain.access import Role
from store.access import UserRow, create_user, set_password


async def add(
    database_url: str, *, name: str, role: Role, password: str, sites: Sequence[str]
) -> None:
    """Make an account.

    Raises:
        store.errors.ConflictError: the name is taken.
        store.access.WeakPasswordError: the password is too short.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await create_user(connection, name=name, password=password, role=role, sites=sites)


async def change_password(database_url: str, *, name: str, password: str) -> None:
    """Give an account another password and end its sessions.

    Raises:
        store.errors.NotFoundError: there is no such account.
        store.access.WeakPasswordError: the password is too short.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await set_password(connection, name=name, password=password)


async def listed(database_url: str) -> list[UserRow]:
    """All accounts that are not disabled, by name."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = connection.cursor(row_factory=class_row(UserRow))
        await cursor.execute(
            "SELECT id, name, display_name, role, sites FROM users "
            "WHERE disabled_at IS NULL ORDER BY name"
        )
        return await cursor.fetchall()


def as_json(users: Sequence[UserRow]) -> str:
    """The accounts for programs."""
    return msgspec.json.encode(users).decode()

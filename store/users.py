"""People's accounts as those see them who look after them, and everybody's sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from store.access import taken
from store.database import Connection
from store.filters import Filters, Page, containing


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `sites` and `lines` empty: all of them."""

    id: int
    name: str
    display_name: str
    role: str
    sites: list[str]
    lines: list[str]
    customer_id: int | None
    customer: str | None
    """The code of the customer whose orders they see."""
    email: str | None
    issuer: str | None
    subject: str | None
    has_password: bool
    password_once_until: datetime | None
    created_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None
    version: int


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is open."""

    id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    method: str
    address: str | None
    agent: str | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What an account shall be."""

    display_name: str
    role: str
    sites: Sequence[str]
    lines: Sequence[str]
    customer_id: int | None
    email: str | None
    disabled: bool


_ACCOUNT: Final = sql.SQL(
    """
    SELECT u.id, u.name, u.display_name, u.role, u.sites, u.lines, u.customer_id,
           c.code AS customer, u.email, u.issuer, u.subject,
           u.password_hash IS NOT NULL AS has_password, u.password_once_until, u.created_at,
           u.last_sign_in_at, u.disabled_at, u.version
    FROM users u LEFT JOIN customers c ON c.id = u.customer_id
    """
)


async def accounts(
    connection: Connection,
    page: Page,
    *,
    search: str | None = None,
    role: str | None = None,
    disabled: bool | None = None,
    within_sites: Sequence[str] = (),
    within_lines: Sequence[str] = (),
) -> tuple[list[Account], int]:
    """Accounts by name, and how many there are.

    Args:
        connection: where.
        page: which part of the list.
        search: text in the name, the displayed name or the address.
        role: of this role only.
        disabled: only (not) disabled ones.
        within_sites: only those limited to some of these sites; none: all.
        within_lines: likewise lines.
    """
    filters = Filters()
    filters.add(
        "(u.name ILIKE %(search)s OR u.display_name ILIKE %(search)s OR u.email ILIKE %(search)s)",
        search=containing(search) if search else None,
    )
    filters.add("u.role = %(role)s", role=role)
    filters.add("(u.disabled_at IS NOT NULL) = %(disabled)s", disabled=disabled)
    if within_sites:
        filters.add(
            "u.sites <@ %(within_sites)s AND u.sites <> '{}'", within_sites=list(within_sites)
        )
    if within_lines:
        filters.add(
            "u.lines <@ %(within_lines)s AND u.lines <> '{}'", within_lines=list(within_lines)
        )
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            _ACCOUNT
            + filters.where
            + sql.SQL(" ORDER BY u.name LIMIT %(limit)s OFFSET %(offset)s"),
            {**filters.parameters, **page.parameters},
        )
        rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM users u") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(connection: Connection, name: str, *, for_update: bool = False) -> Account | None:
    """An account by its name, disabled or not; its row locked if asked."""
    lock = sql.SQL(" FOR UPDATE OF u" if for_update else "")
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(_ACCOUNT + sql.SQL(" WHERE u.name = %s") + lock, (name,))
        return await cursor.fetchone()


async def find_person(connection: Connection, *, issuer: str, subject: str) -> Account | None:
    """The account of a person of the OpenID provider, disabled or not; its row locked."""
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            _ACCOUNT + sql.SQL(" WHERE u.issuer = %s AND u.subject = %s FOR UPDATE OF u"),
            (issuer, subject),
        )
        return await cursor.fetchone()


async def find_awaited(connection: Connection, email: str) -> Account | None:
    """The account that was made for whoever has this address at the OpenID provider.

    One with a password, or of another person there, is not waiting for anybody.
    """
    async with connection.cursor(row_factory=class_row(Account)) as cursor:
        await cursor.execute(
            _ACCOUNT
            + sql.SQL(
                """
                WHERE lower(u.email) = lower(%s) AND u.subject IS NULL
                    AND u.password_hash IS NULL FOR UPDATE OF u
                """
            ),
            (email,),
        )
        return await cursor.fetchone()


async def bind(connection: Connection, user_id: int, *, issuer: str, subject: str) -> None:
    """An account is this person's of the OpenID provider from now on."""
    await connection.execute(
        "UPDATE users SET issuer = %s, subject = %s, version = version + 1 WHERE id = %s",
        (issuer, subject, user_id),
    )


async def change(connection: Connection, account: Account, wanted: Changed) -> None:
    """Change an account. Who is disabled, or may do something else, is signed out.

    What is so already stays as it is, its version too.

    Raises:
        ConflictError: the address is somebody else's.
    """
    if wanted == _as_it_is(account):
        return
    try:
        async with connection.transaction():
            await connection.execute(
                """
                UPDATE users
                SET display_name = %s, role = %s, sites = %s, lines = %s, customer_id = %s,
                    email = %s, version = version + 1,
                    disabled_at = CASE WHEN %s THEN coalesce(disabled_at, now()) END
                WHERE id = %s
                """,
                (
                    wanted.display_name,
                    wanted.role,
                    list(wanted.sites),
                    list(wanted.lines),
                    wanted.customer_id,
                    wanted.email,
                    wanted.disabled,
                    account.id,
                ),
            )
    except UniqueViolation as error:
        raise taken(error, name=account.name, email=wanted.email) from None
    may_before = (account.role, account.sites, account.lines, account.customer_id)
    may_now = (wanted.role, list(wanted.sites), list(wanted.lines), wanted.customer_id)
    if wanted.disabled or may_before != may_now:
        await end_sessions(connection, account.id)


def _as_it_is(account: Account) -> Changed:
    return Changed(
        display_name=account.display_name,
        role=account.role,
        sites=account.sites,
        lines=account.lines,
        customer_id=account.customer_id,
        email=account.email,
        disabled=account.disabled_at is not None,
    )


async def other_admins(connection: Connection, user_id: int) -> int:
    """How many other people may administer everything; their rows are locked.

    Two admins who disable each other at the same moment: the second one waits, and is refused.
    """
    cursor = await connection.execute(
        """
        SELECT id FROM users
        WHERE role = 'admin' AND sites = '{}' AND lines = '{}' AND disabled_at IS NULL
        ORDER BY id FOR UPDATE
        """
    )
    return sum(row[0] != user_id for row in await cursor.fetchall())


async def sessions(connection: Connection, user_id: int) -> list[SessionRow]:
    """Somebody's open sessions, the one used last first."""
    async with connection.cursor(row_factory=class_row(SessionRow)) as cursor:
        await cursor.execute(
            """
            SELECT id, created_at, seen_at, expires_at, method, address, agent
            FROM sessions WHERE user_id = %s AND expires_at > now()
            ORDER BY seen_at DESC, id DESC
            """,
            (user_id,),
        )
        return await cursor.fetchall()


async def end_session(connection: Connection, user_id: int, session_id: int) -> bool:
    """End one of somebody's sessions; false when they have no such session."""
    cursor = await connection.execute(
        "DELETE FROM sessions WHERE user_id = %s AND id = %s", (user_id, session_id)
    )
    return cursor.rowcount > 0


async def end_sessions(connection: Connection, user_id: int, *, but: int | None = None) -> int:
    """End somebody's sessions, all or all but one; answers how many."""
    cursor = await connection.execute(
        "DELETE FROM sessions WHERE user_id = %s AND id IS DISTINCT FROM %s", (user_id, but)
    )
    return cursor.rowcount


async def customer_id_of(connection: Connection, code: str) -> int | None:
    """A customer's id by its code."""
    if "\x00" in code:
        return None
    cursor = await connection.execute("SELECT id FROM customers WHERE code = %s", (code,))
    row = await cursor.fetchone()
    return row[0] if row else None

"""The role under which customers' requests read: what is wrong with it on a server, and the remedy.

A role belongs to the whole server, not to a database: whoever may not make roles has to ask, and a
dump does not carry it. What was restored without it lacks its grants and policies as well.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

ROLE: Final = "gemba_customer"
SINCE: Final = "0021-access"
"""The migration that needs it."""

_SHOWN: Final = ("orders", "order_lines", "shipments", "audit_log", "customers", "items", "sites")
"""Tables of which a policy lets customers see their rows, among others."""


class RoleProblem(msgspec.Struct, frozen=True):
    """What is wrong, and what to do."""

    problem: str
    advice: str

    def __str__(self) -> str:
        """Both in a line."""
        return f"{self.problem}; {self.advice}"


_FACTS: Final = """
SELECT current_user, current_database(),
       EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s),
       (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user),
       coalesce((SELECT pg_has_role(current_user, r.oid, 'MEMBER') FROM pg_roles r
                 WHERE r.rolname = %(role)s), false)
"""
_RIGHTS: Final = """
SELECT has_schema_privilege(r.oid, 'public', 'USAGE')
       AND has_any_column_privilege(r.oid, 'public.orders', 'SELECT')
       AND has_any_column_privilege(r.oid, 'public.audit_log', 'SELECT'),
       (SELECT count(DISTINCT p.polrelid) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE r.oid = ANY (p.polroles) AND c.relnamespace = 'public'::regnamespace
          AND c.relname = ANY (%(tables)s))
FROM pg_roles r WHERE r.rolname = %(role)s
"""


def before_migrating(connection: psycopg.Connection[Any]) -> RoleProblem | None:
    """What keeps the one who is connected from migrating to where the role is needed."""
    row = connection.execute(_FACTS, {"role": ROLE}).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    user, database, exists, may_make, is_member = row
    return _missing(user, database, exists=exists, may_make=may_make, is_member=is_member)


async def of_database(connection: psycopg.AsyncConnection[Any]) -> RoleProblem | None:
    """What is wrong with the role for a database that was migrated, or restored from a dump."""
    cursor = await connection.execute(_FACTS, {"role": ROLE})
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    user, database, exists, _, is_member = row
    if not exists or not is_member:
        return _missing(user, database, exists=exists, may_make=False, is_member=is_member)
    cursor = await connection.execute(_RIGHTS, {"role": ROLE, "tables": list(_SHOWN)})
    rights = await cursor.fetchone()
    if rights is None or not rights[0] or rights[1] < len(_SHOWN):
        return RoleProblem(
            f"the role {ROLE!r} has not all of its grants and policies in {database!r}: it was"
            " restored from a dump where the role was missing, or without privileges",
            f"restore it once more, now that the role is there, without --no-privileges (-x):"
            f" customers see nothing of {database!r} until then, everybody else works on",
        )
    return None


def _missing(
    user: str, database: str, *, exists: bool, may_make: bool, is_member: bool
) -> RoleProblem | None:
    grant = f"GRANT {ROLE} TO {_quoted(user)};"
    then = "then run `gemba migrate` again"
    if not exists and not may_make:
        return RoleProblem(
            f"the role {ROLE!r} is missing on this server, and {user!r}, who owns {database!r},"
            " may not make roles",
            f"as a superuser run: CREATE ROLE {ROLE} NOLOGIN; {grant} {then}",
        )
    if exists and not is_member and not may_make:
        return RoleProblem(
            f"{user!r} may not take on the role {ROLE!r}", f"as a superuser run: {grant} {then}"
        )
    return None


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None) if not name.islower() else name

"""Words that people have put in the place of the built-in ones; each change is a new version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.notification.templates import Words
from store.database import Connection

_LONGEST_PROBLEM: Final = 500


class StoredWords(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a template's words; `words`: null where the built-in ones are in force."""

    name: str
    language: str
    version: int
    words: dict[str, Any] | None
    made_at: datetime
    made_by: str
    reason: str | None


class FailedWords(msgspec.Struct, frozen=True, kw_only=True):
    """A version that could not be used for letters: the built-in words went instead."""

    name: str
    language: str
    version: int
    problem: str
    times: int
    first_at: datetime
    last_at: datetime


async def in_force(connection: Connection) -> dict[tuple[str, str], StoredWords]:
    """The newest version of each template's words by name and language, if there is any."""
    cursor = connection.cursor(row_factory=class_row(StoredWords))
    await cursor.execute(
        """
        SELECT DISTINCT ON (name, language) name, language, version, words, made_at, made_by,
               reason
        FROM notification_templates ORDER BY name, language, version DESC
        """
    )
    return {(row.name, row.language): row for row in await cursor.fetchall()}


async def versions(connection: Connection, name: str, language: str) -> list[StoredWords]:
    """The versions of a template's words, newest first."""
    cursor = connection.cursor(row_factory=class_row(StoredWords))
    await cursor.execute(
        """
        SELECT name, language, version, words, made_at, made_by, reason
        FROM notification_templates WHERE name = %s AND language = %s ORDER BY version DESC
        """,
        (name, language),
    )
    return await cursor.fetchall()


async def add(
    connection: Connection,
    name: str,
    language: str,
    words: Words | None,
    *,
    version: int,
    by: str,
    reason: str | None,
) -> bool:
    """Keep a version; False: there is one of that number."""
    cursor = await connection.execute(
        """
        INSERT INTO notification_templates (name, language, version, words, made_by, reason)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING version
        """,
        (
            name,
            language,
            version,
            None if words is None else Jsonb(msgspec.to_builtins(words)),
            by,
            reason,
        ),
    )
    return await cursor.fetchone() is not None


async def note_failed(
    connection: Connection, name: str, language: str, version: int, *, problem: str, now: datetime
) -> None:
    """A version could not be used for a letter."""
    await connection.execute(
        """
        INSERT INTO notification_template_faults AS f
            (name, language, version, problem, first_at, last_at)
        VALUES (%(name)s, %(language)s, %(version)s, %(problem)s, %(now)s, %(now)s)
        ON CONFLICT (name, language, version) DO UPDATE SET problem = excluded.problem,
            times = f.times + 1, last_at = excluded.last_at
        """,
        {
            "name": name,
            "language": language,
            "version": version,
            "problem": problem[:_LONGEST_PROBLEM],
            "now": now,
        },
    )


async def failed(connection: Connection) -> Mapping[tuple[str, str, int], FailedWords]:
    """Versions that could not be used, by name, language and version."""
    cursor = connection.cursor(row_factory=class_row(FailedWords))
    await cursor.execute(
        "SELECT name, language, version, problem, times, first_at, last_at"
        " FROM notification_template_faults"
    )
    return {(row.name, row.language, row.version): row for row in await cursor.fetchall()}

"""What goes with the views for others (schema `gemba_report`): comments, definitions, their reader.

Written after migrating, whenever the program's words are others than the database's: so a release
that words a definition better needs no migration. The role that may read is made where whoever
migrates may make roles; where not, the views are there, nobody else can read them, and
`gemba doctor` says what a superuser has to do.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import sql

from domain.reports.definitions import DEFINITIONS
from domain.reports.views import READER, SCHEMA, VIEWS, View
from domain.reports.words import Words
from store.customer_role import RoleProblem

_REVISIONS: Final = "_revisions"
_TABLES: Final = frozenset(("definitions",))
_EVERYTHING: Final = Words("everything that was ever known", "包含全部修订")


def refresh(connection: psycopg.Connection[Any]) -> None:
    """Bring comments, definitions and rights to this program's state; blocks, one transaction."""
    with connection.transaction():
        if connection.execute("SELECT to_regnamespace(%s) IS NULL", (SCHEMA,)).fetchone() == (
            True,
        ):
            return
        told = connection.execute(
            "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", (SCHEMA,)
        ).fetchone()
        comment = f"gemba, words {_digest()}"
        if told != (comment,):
            _write_definitions(connection)
            for view in VIEWS.values():
                _comment(connection, view)
            connection.execute(
                sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
                    sql.Identifier(SCHEMA), sql.Literal(comment)
                )
            )
        _make_reader(connection)
        _grant(connection)


async def problem_of(connection: psycopg.AsyncConnection[Any]) -> RoleProblem | None:
    """What keeps others from reading the views of a database that was migrated."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s),"
        " to_regnamespace(%(schema)s) IS NULL,"
        " coalesce((SELECT has_schema_privilege(oid, to_regnamespace(%(schema)s), 'USAGE')"
        "           FROM pg_roles WHERE rolname = %(role)s), false)",
        {"role": READER, "schema": SCHEMA},
    )
    row = await cursor.fetchone()
    if row is None or row[1] or row[2]:
        return None
    make = "" if row[0] else f"as a superuser run: CREATE ROLE {READER} NOLOGIN; then "
    return RoleProblem(
        f"the role {READER!r} is missing on this server"
        if not row[0]
        else f"the role {READER!r} may not read the schema {SCHEMA!r}",
        f"{make}run `gemba migrate`: until then nobody reads the reports' views by SQL",
    )


def comment_of(words: Words) -> str:
    """Words in both languages, as they stand in the database."""
    return f"{words.en} | {words.zh}"


def _digest() -> str:
    words = msgspec.json.encode([list(VIEWS.values()), list(DEFINITIONS.values())])
    return hashlib.sha256(words).hexdigest()[:16]


def _write_definitions(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        sql.SQL("DELETE FROM {}").format(sql.Identifier(SCHEMA, "definitions")),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL(
                "INSERT INTO {} (code, version, name_en, name_zh, formula_en, formula_zh,"
                " note_en, note_zh, unit, better, source)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            ).format(sql.Identifier(SCHEMA, "definitions")),
            [
                (
                    *(one.code, one.version, one.name.en, one.name.zh),
                    *(one.formula.en, one.formula.zh, one.note.en, one.note.zh),
                    *(one.unit.value, one.better.value, one.source),
                )
                for one in DEFINITIONS.values()
            ],
        )


def _comment(connection: psycopg.Connection[Any], view: View) -> None:
    names = [view.name, view.name + _REVISIONS] if view.as_of else [view.name]
    for name in names:
        about = comment_of(view.words)
        if name != view.name:
            about = f"{about} ({comment_of(_EVERYTHING)})"
        kind: LiteralString = "TABLE" if name in _TABLES else "VIEW"
        connection.execute(
            sql.SQL("COMMENT ON {} {} IS {}").format(
                sql.SQL(kind), sql.Identifier(SCHEMA, name), sql.Literal(about)
            )
        )
        for column in view.columns:
            connection.execute(
                sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                    sql.Identifier(SCHEMA, name, column.name),
                    sql.Literal(comment_of(column.words)),
                )
            )


def _make_reader(connection: psycopg.Connection[Any]) -> None:
    """Make the role where that is allowed; another database may be making it just now."""
    row = connection.execute(
        "SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
        " AND (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)",
        (READER,),
    ).fetchone()
    if row != (True,):
        return
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(READER)))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return


def _grant(connection: psycopg.Connection[Any]) -> None:
    """The right to read the schema, and nothing else; again is the same."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", (READER,)
    ).fetchone()
    if row != (True,):
        return
    schema, reader = sql.Identifier(SCHEMA), sql.Identifier(READER)
    for statement in (
        "GRANT USAGE ON SCHEMA {schema} TO {reader}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {reader}",
        "GRANT CONNECT ON DATABASE {database} TO {reader}",
    ):
        database = connection.info.dbname
        connection.execute(
            sql.SQL(statement).format(
                schema=schema, reader=reader, database=sql.Identifier(database)
            )
        )

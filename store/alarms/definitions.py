"""Rules, escalations, rotas and recipients, each with its versions.

A change is a new version; what is retired stays, because alarms name the version that raised them.
Of recipients only the newest version keeps its body: people's addresses are not collected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.alarms.escalations import Escalation
from domain.alarms.recipients import Recipient
from domain.alarms.rotas import Rota
from domain.alarms.rules import Rule
from store.database import Connection

Definition: TypeAlias = Rule | Escalation | Rota | Recipient
_D = TypeVar("_D", Rule, Escalation, Rota, Recipient)

KIND_OF: Final[Mapping[type[Definition], str]] = {
    Rule: "rules",
    Escalation: "escalations",
    Rota: "rotas",
    Recipient: "recipients",
}
_PRIVATE: Final = "recipients"
_TURN: Final = 0x67656D62_00000032
"""Of whoever changes definitions: sets are judged as a whole, so one at a time."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A definition as it stands."""

    id: int
    kind: str
    code: str
    version: int
    body: Any
    retired_at: datetime | None
    changed_at: datetime
    changed_by: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a definition; `body` is null where it is not kept."""

    version: int
    body: Any
    made_at: datetime
    made_by: str
    reason: str | None


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is in force, and the ids and versions of rules by code."""

    rules: tuple[Rule, ...]
    escalations: Mapping[str, Escalation]
    rotas: Mapping[str, Rota]
    recipients: Mapping[str, Recipient]
    rule_ids: Mapping[str, tuple[int, int]]


async def take_turn(connection: Connection) -> None:
    """Wait until nobody else changes definitions; until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))


async def listed(connection: Connection, kind: str, *, retired: bool = False) -> list[Stored]:
    """The definitions of a kind by code; `retired`: those that are not in force any more too."""
    cursor = connection.cursor(row_factory=class_row(Stored))
    await cursor.execute(
        """
        SELECT id, kind, code, version, body, retired_at, changed_at, changed_by
        FROM alarm_definitions WHERE kind = %s AND (%s OR retired_at IS NULL) ORDER BY code
        """,
        (kind, retired),
    )
    return await cursor.fetchall()


async def find(connection: Connection, kind: str, code: str) -> Stored | None:
    """A definition, retired or not; None: there never was one."""
    cursor = connection.cursor(row_factory=class_row(Stored))
    await cursor.execute(
        """
        SELECT id, kind, code, version, body, retired_at, changed_at, changed_by
        FROM alarm_definitions WHERE kind = %s AND code = %s
        """,
        (kind, code),
    )
    return await cursor.fetchone()


async def versions(connection: Connection, definition_id: int) -> list[Version]:
    """The versions of a definition, newest first."""
    cursor = connection.cursor(row_factory=class_row(Version))
    await cursor.execute(
        """
        SELECT version, body, made_at, made_by, reason FROM alarm_definition_versions
        WHERE definition_id = %s ORDER BY version DESC
        """,
        (definition_id,),
    )
    return await cursor.fetchall()


async def put(
    connection: Connection,
    definition: Definition,
    *,
    by: str,
    reason: str | None = None,
) -> int | None:
    """Store a definition; answers its new version, None when it stands like that already."""
    kind = KIND_OF[type(definition)]
    body = Jsonb(msgspec.to_builtins(definition))
    cursor = await connection.execute(
        """
        INSERT INTO alarm_definitions AS d (kind, code, body, changed_by)
        VALUES (%(kind)s, %(code)s, %(body)s, %(by)s)
        ON CONFLICT (kind, code) DO UPDATE SET version = d.version + 1, body = excluded.body,
            changed_by = excluded.changed_by, changed_at = now(), retired_at = NULL
        WHERE d.body <> excluded.body OR d.retired_at IS NOT NULL
        RETURNING id, version
        """,
        {"kind": kind, "code": definition.code, "body": body, "by": by},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    version: int = row[1]
    kept = None if kind == _PRIVATE else body
    await _note(connection, row[0], version, kept, by=by, reason=reason)
    return version


async def retire(
    connection: Connection, kind: str, code: str, *, by: str, reason: str | None = None
) -> bool:
    """Put a definition out of force; False: there is none in force."""
    cursor = await connection.execute(
        """
        UPDATE alarm_definitions SET version = version + 1, retired_at = now(), changed_at = now(),
            changed_by = %(by)s, body = CASE WHEN %(private)s THEN '{}'::jsonb ELSE body END
        WHERE kind = %(kind)s AND code = %(code)s AND retired_at IS NULL
        RETURNING id, version
        """,
        {"by": by, "kind": kind, "code": code, "private": kind == _PRIVATE},
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    await _note(connection, row[0], row[1], None, by=by, reason=reason)
    return True


async def _note(
    connection: Connection,
    definition_id: int,
    version: int,
    body: Jsonb | None,
    *,
    by: str,
    reason: str | None,
) -> None:
    await connection.execute(
        """
        INSERT INTO alarm_definition_versions (definition_id, version, body, made_by, reason)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (definition_id, version, body, by, reason),
    )


async def is_empty(connection: Connection) -> bool:
    """Whether there never was any rule."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM alarm_definitions WHERE kind = 'rules')"
    )
    row = await cursor.fetchone()
    return row is not None and not row[0]


async def in_force(connection: Connection) -> InForce:
    """Everything that is in force."""
    cursor = await connection.execute(
        "SELECT kind, id, version, body FROM alarm_definitions WHERE retired_at IS NULL"
        " ORDER BY kind, code"
    )
    rows = await cursor.fetchall()
    rules = _of_kind(rows, Rule)
    ids = {
        body["code"]: (definition_id, version)
        for kind, definition_id, version, body in rows
        if kind == KIND_OF[Rule]
    }
    return InForce(
        rules=rules,
        escalations={each.code: each for each in _of_kind(rows, Escalation)},
        rotas={each.code: each for each in _of_kind(rows, Rota)},
        recipients={each.code: each for each in _of_kind(rows, Recipient)},
        rule_ids=ids,
    )


async def stamp(connection: Connection) -> tuple[int, datetime | None]:
    """What changes whenever a definition does."""
    cursor = await connection.execute(
        "SELECT coalesce(sum(version), 0), max(changed_at) FROM alarm_definitions"
    )
    row = await cursor.fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def _of_kind(rows: Collection[tuple[Any, ...]], type_: type[_D]) -> tuple[_D, ...]:
    kind = KIND_OF[type_]
    return tuple(msgspec.convert(body, type_) for found, _, _, body in rows if found == kind)

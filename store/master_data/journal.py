"""Changes of master data in the audit log: one entry each, written together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from domain.master_data.kinds import BY_NAME, site_of
from domain.master_data.merging import Change
from store.audit import Actor
from store.database import Connection


async def write(
    connection: Connection,
    changes: Sequence[Change],
    *,
    actor: Actor,
    reason: str | None = None,
) -> None:
    """Write an entry for each change, in the transaction of the changes.

    Args:
        connection: the changes' transaction.
        changes: what was done.
        actor: who, and from where.
        reason: why, in the actor's words.
    """
    if not changes:
        return
    entries = []
    for change in changes:
        kind = BY_NAME[change.kind]
        record = change.after or change.before
        before, after = change.differences()
        named = kind.called(change.key)
        entries.append(
            {
                "action": _action(kind.singular, change.change.value),
                "site": site_of(kind, record) if record is not None else None,
                "before": {"of": named, **before} if change.before is not None else None,
                "after": {"of": named, **after} if change.after is not None else None,
            }
        )
    await connection.execute(
        """
        INSERT INTO audit_log (actor, origin, site_id, action, reason, before, after)
        SELECT %s, %s, s.id, e.action, %s, e.before, e.after
        FROM ROWS FROM (jsonb_to_recordset(%s)
            AS (action text, site text, before jsonb, after jsonb))
            WITH ORDINALITY AS e (action, site, before, after, place)
        LEFT JOIN sites s ON s.code = e.site
        ORDER BY e.place
        """,
        (
            actor.name,
            actor.origin,
            reason,
            Jsonb(entries, dumps=lambda content: msgspec.json.encode(content).decode()),
        ),
    )


def _action(singular: str, change: str) -> str:
    """As `ItemAdded`, `BillOfMaterialRetired`."""
    words = singular.replace("-", " ").split()
    return "".join(word.capitalize() for word in words) + change.capitalize()

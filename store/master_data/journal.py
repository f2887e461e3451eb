"""Changes of master data in the audit log: one entry each, written together."""

from __future__ import annotations

from collections.abc import Sequence

from domain.master_data.kinds import BY_NAME, site_of
from domain.master_data.merging import Change
from store import audit
from store.audit import Actor, ThingEntry
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
            ThingEntry(
                action=_action(kind.singular, change.change.value),
                site=site_of(kind, record) if record is not None else None,
                object_kind=kind.singular.replace(" ", "_").replace("-", "_"),
                object_key=named.removeprefix(f"{kind.singular} "),
                before={"of": named, **before} if change.before is not None else None,
                after={"of": named, **after} if change.after is not None else None,
            )
        )
    await audit.write_of_things(connection, entries, actor=actor, reason=reason)


def _action(singular: str, change: str) -> str:
    """As `ItemAdded`, `BillOfMaterialRetired`."""
    words = singular.replace("-", " ").split()
    return "".join(word.capitalize() for word in words) + change.capitalize()

"""Policies of review: what differs for a site, a channel or a customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.review import Policy
from store.database import Connection

_FIELDS: Final = frozenset(Policy.__struct_fields__)


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's own fields, and for whom they hold (codes and names; at most one of the three)."""

    site: str | None
    channel: str | None
    customer: str | None
    policy: dict[str, Any]
    changed_at: datetime
    changed_by: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a policy is for, by ids; none of them: for all."""

    site_id: int | None = None
    channel_id: int | None = None
    customer_id: int | None = None


class Policies:
    """All policies, to ask for the one that holds for an order."""

    def __init__(self, rows: Iterable[tuple[Subject, Mapping[str, Any]]]) -> None:
        self._rows = dict(rows)
        self._known: dict[tuple[int, int | None, int], Policy] = {}

    def of(self, *, site_id: int, channel_id: int | None, customer_id: int) -> Policy:
        """What holds for an order: field by field, the most special that says something."""
        key = (site_id, channel_id, customer_id)
        if key not in self._known:
            subjects = [Subject(), Subject(site_id=site_id)]
            if channel_id is not None:
                subjects.append(Subject(channel_id=channel_id))
            subjects.append(Subject(customer_id=customer_id))
            self._known[key] = combined(self._rows.get(subject, {}) for subject in subjects)
        return self._known[key]


def combined(policies: Iterable[Mapping[str, Any]]) -> Policy:
    """A policy from what each says, the most general first; severities are joined by code."""
    fields: dict[str, Any] = {}
    severities: dict[str, Any] = {}
    for policy in policies:
        fields.update({name: value for name, value in policy.items() if name in _FIELDS})
        severities.update(policy.get("severities") or {})
    return msgspec.convert({**fields, "severities": severities}, Policy)


async def policies(connection: Connection) -> Policies:
    """Every policy there is: they are few."""
    cursor = await connection.execute(
        "SELECT site_id, channel_id, customer_id, policy FROM review_policies"
    )
    return Policies(
        (Subject(site_id=site, channel_id=channel, customer_id=customer), policy)
        for site, channel, customer, policy in await cursor.fetchall()
    )


async def policy_rows(connection: Connection) -> Sequence[PolicyRow]:
    """Every policy with the names that belong to it, the most general first."""
    cursor = connection.cursor(row_factory=class_row(PolicyRow))
    await cursor.execute(
        """
        SELECT s.code AS site, h.name AS channel, c.code AS customer, p.policy, p.changed_at,
               p.changed_by
        FROM review_policies p
        LEFT JOIN sites s ON s.id = p.site_id
        LEFT JOIN channels h ON h.id = p.channel_id
        LEFT JOIN customers c ON c.id = p.customer_id
        ORDER BY num_nonnulls(s.code, h.name, c.code), s.code, h.name, c.code
        """
    )
    return await cursor.fetchall()


async def put_policy(
    connection: Connection, subject: Subject, policy: Mapping[str, Any], *, changed_by: str
) -> Mapping[str, Any] | None:
    """Keep a policy's own fields in place of what was there, which is answered.

    Nothing at all takes the row away.
    """
    cursor = await connection.execute(
        """
        SELECT id, policy FROM review_policies
        WHERE (site_id, channel_id, customer_id) IS NOT DISTINCT FROM (%s, %s, %s) FOR UPDATE
        """,
        (subject.site_id, subject.channel_id, subject.customer_id),
    )
    row = await cursor.fetchone()
    if row is not None and not policy:
        await connection.execute("DELETE FROM review_policies WHERE id = %s", (row[0],))
    elif policy:
        await connection.execute(
            """
            INSERT INTO review_policies (site_id, channel_id, customer_id, policy, changed_by)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (site_id, channel_id, customer_id) DO UPDATE
            SET policy = excluded.policy, changed_by = excluded.changed_by, changed_at = now()
            """,
            (
                subject.site_id,
                subject.channel_id,
                subject.customer_id,
                Jsonb(dict(policy)),
                changed_by,
            ),
        )
    return row[1] if row is not None else None


async def subject_id(connection: Connection, kind: str, name: str) -> int | None:
    """The id of a `site`, a `channel` or a `customer` by its code or name."""
    queries = {
        "site": "SELECT id FROM sites WHERE code = %s",
        "channel": "SELECT id FROM channels WHERE name = %s",
        "customer": "SELECT id FROM customers WHERE code = %s",
    }
    cursor = await connection.execute(queries[kind].encode(), (name,))
    row = await cursor.fetchone()
    return row[0] if row else None

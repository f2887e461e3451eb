"""How sites want their work orders cut and put together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from domain.pegging.policy import Policy
from store.database import Connection


async def policy_of(connection: Connection, site_id: int) -> Policy:
    """A site's policy; the default where nobody has set one."""
    cursor = await connection.execute(
        "SELECT policy FROM work_order_policies WHERE site_id = %s", (site_id,)
    )
    row = await cursor.fetchone()
    # Decimals stand in the row as text, so that they come back as they were.
    return msgspec.convert(row[0], Policy, strict=False) if row is not None else Policy()


async def released_at_confirmation(connection: Connection, numbers: Sequence[str]) -> list[str]:
    """Those of some orders whose site releases them as soon as they are confirmed."""
    cursor = await connection.execute(
        """
        SELECT o.number FROM orders o JOIN work_order_policies p ON p.site_id = o.site_id
        WHERE o.number = ANY(%s) AND o.state = 'confirmed'
          AND (p.policy ->> 'at_confirmation')::boolean
        ORDER BY o.id
        """,
        (list(numbers),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def put_policy(
    connection: Connection, site_id: int, policy: Policy, *, changed_by: str
) -> None:
    """Set a site's policy."""
    content = msgspec.to_builtins(policy)
    await connection.execute(
        """
        INSERT INTO work_order_policies (site_id, policy, changed_by) VALUES (%s, %s, %s)
        ON CONFLICT (site_id) DO UPDATE
        SET policy = excluded.policy, changed_by = excluded.changed_by, changed_at = now()
        """,
        (site_id, Jsonb(content), changed_by),
    )

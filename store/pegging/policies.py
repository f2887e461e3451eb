"""How sites want their work orders cut and put together."""

from __future__ import annotations

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

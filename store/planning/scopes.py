"""Planning scopes: which ones something concerns, and those that come to an end."""

from __future__ import annotations

from contracts.plan import DisruptionOutcome
from store.database import Connection
from store.planning import disruptions
from store.planning.plans import lock_scope


async def working_on(connection: Connection, item_id: int) -> list[str]:
    """The scopes that have released work on an item which is not over, by name."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT coalesce(s.planning_scope, s.code)
        FROM work_orders w JOIN sites s ON s.id = w.site_id
        WHERE w.item_id = %s AND w.planned AND w.cancelled_at IS NULL AND EXISTS (
            SELECT FROM operations o WHERE o.work_order_id = w.id
            AND o.state NOT IN ('completed', 'aborted', 'cancelled'))
        """,
        (item_id,),
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def retire(connection: Connection, scope: str) -> None:
    """Take a scope's plans out of force: it has no sites any more, others plan what they make.

    Its history stays. What made its plan wrong needs no answer now.
    """
    await lock_scope(connection, scope)
    await connection.execute(
        """
        UPDATE plans
        SET state = CASE state WHEN 'published' THEN 'superseded' ELSE 'discarded' END,
            superseded_at = CASE state WHEN 'published' THEN now() END
        WHERE scope = %s AND state IN ('published', 'draft')
        """,
        (scope,),
    )
    left = await disruptions.open_disruptions(connection, scope)
    await disruptions.answer(
        connection, [each.id for each in left], outcome=DisruptionOutcome.NO_CHANGE
    )

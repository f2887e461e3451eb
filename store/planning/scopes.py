"""Planning scopes that come to an end."""

from __future__ import annotations

from contracts.plan import DisruptionOutcome
from store.database import Connection
from store.planning import disruptions
from store.planning.plans import lock_scope


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

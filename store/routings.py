"""The routing of an item at a site that is effective now, replaced by hand.

Versions with their days come with master data (`store.master_data`); this is for whoever changes
how something is made from now on, without a version.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from store.catalogue import Alternative
from store.database import Connection


class NewStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step to be stored."""

    number: int
    name: str
    machine_id: int
    cycle_ms: int
    setup_ms: int
    alternatives: Sequence[Alternative] = ()


async def put_routing(
    connection: Connection, *, item_id: int, site_id: int, steps: Sequence[NewStep]
) -> None:
    """Replace the way an item is made at a site. Work orders that exist keep their operations.

    The version that is effective today gets other steps; where there is none, a new one is made
    that fills the gap between those before and after. Without steps the version is given up. How a
    step is handled beside where and how fast stays what master data says of its number.
    """
    routing_id = await _effective(connection, item_id, site_id)
    if not steps:
        await connection.execute(
            "UPDATE routings SET retired_at = now() WHERE id = %s", (routing_id,)
        )
        return
    if routing_id is None:
        routing_id = await _new_version(connection, item_id, site_id)
    await connection.execute(
        "DELETE FROM routing_version_steps WHERE routing_id = %s AND number <> ALL (%s)",
        (routing_id, [step.number for step in steps]),
    )
    await connection.execute(
        "DELETE FROM routing_version_alternatives WHERE routing_id = %s", (routing_id,)
    )
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO routing_version_steps
            (routing_id, number, name, machine_id, cycle_ms, setup_ms)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (routing_id, number) DO UPDATE
        SET name = excluded.name, machine_id = excluded.machine_id, capability = NULL,
            cycle_ms = excluded.cycle_ms, setup_ms = excluded.setup_ms
        """,
        [(routing_id, s.number, s.name, s.machine_id, s.cycle_ms, s.setup_ms) for s in steps],
    )
    await cursor.executemany(
        """
        INSERT INTO routing_version_alternatives
            (routing_id, number, machine_id, cycle_ms, setup_ms)
        VALUES (%s, %s, %s, %s, %s)
        """,
        [
            (routing_id, step.number, other.machine_id, other.cycle_ms, other.setup_ms)
            for step in steps
            for other in step.alternatives
        ],
    )


async def _effective(connection: Connection, item_id: int, site_id: int) -> int | None:
    cursor = await connection.execute(
        """
        SELECT r.id FROM routings r JOIN sites s ON s.id = r.site_id
        WHERE (r.item_id, r.site_id) = (%s, %s) AND r.retired_at IS NULL
            AND daterange(r.valid_from, r.valid_to, '[]')
                @> (now() AT TIME ZONE s.time_zone)::date
        FOR UPDATE OF r
        """,
        (item_id, site_id),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def _new_version(connection: Connection, item_id: int, site_id: int) -> int:
    cursor = await connection.execute(
        """
        WITH known AS (
            SELECT r.version, r.valid_from, r.valid_to, r.retired_at,
                   (now() AT TIME ZONE s.time_zone)::date AS today
            FROM routings r JOIN sites s ON s.id = r.site_id
            WHERE (r.item_id, r.site_id) = (%(item)s, %(site)s)
        )
        INSERT INTO routings (item_id, site_id, version, valid_from, valid_to)
        SELECT %(item)s, %(site)s,
               (coalesce(max(version::integer) FILTER (WHERE version ~ '^[0-9]{1,9}$'), 0)
                + 1)::text,
               max(valid_to) FILTER (WHERE retired_at IS NULL AND valid_to < today) + 1,
               min(valid_from) FILTER (WHERE retired_at IS NULL AND valid_from > today) - 1
        FROM known RETURNING id
        """,
        {"item": item_id, "site": site_id},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert gives a row
    return int(row[0])

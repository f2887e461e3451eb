"""What machines contribute to operations, and the sum of it over machines.

An operation may run on several machines, whose partitions may belong to several workers. So the
operations' rows are locked, in order of their ids, before their sums are read anew; then the work
orders that nobody planned, which other operations' contributions name too. The locks are an
update's, no more: whoever only refers to them (a plan being stored) keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contracts.ids import SiteCode
from contracts.streams import OperationProgressed
from domain.floor.machine import Machine
from domain.floor.standing import OperationKey, Tally
from store.database import Connection


class Contribution(NamedTuple):
    """A machine's changed contribution to an operation; no tally: it has none any more."""

    machine: Machine
    operation: OperationKey
    tally: Tally | None


class Progress(NamedTuple):
    """What `put_contributions` did."""

    operation_ids: dict[tuple[SiteCode, OperationKey], int]
    events: list[OperationProgressed]


async def put_contributions(
    connection: Connection,
    contributions: list[Contribution],
    current: Iterable[tuple[SiteCode, OperationKey]],
) -> Progress:
    """Write contributions and sum their operations up.

    Args:
        connection: in the batch's transaction.
        contributions: what changed.
        current: operations whose ids are wanted as well (machines' current ones).

    Returns:
        The ids of all operations named and still there, and an event per operation changed.
    """
    named = {(one.machine.site, one.operation) for one in contributions if one.tally is not None}
    changed = {(one.machine.site, one.operation) for one in contributions}
    ids = await _resolve(connection, named, changed | named | set(current))
    touched = sorted({ids[key] for key in changed if key in ids})
    if not touched:
        return Progress(ids, [])
    await connection.execute(
        "SELECT id FROM operations WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (touched,)
    )
    await _write(connection, contributions, ids)
    events = await _sum_up(connection, touched)
    gone = await _drop_unfounded(connection, touched)
    return Progress({key: one for key, one in ids.items() if one not in gone}, events)


async def _resolve(
    connection: Connection,
    create: set[tuple[SiteCode, OperationKey]],
    wanted: set[tuple[SiteCode, OperationKey]],
) -> dict[tuple[SiteCode, OperationKey], int]:
    """The ids of operations, made where they are to be created and are not there."""
    ids = await _ids(connection, wanted)
    missing = sorted(create - ids.keys())
    if not missing:
        return ids
    arrays = _arrays(missing)
    await connection.execute(
        """
        INSERT INTO work_orders (site_id, number, external_id, planned)
        SELECT DISTINCT s.id, k.work_order, k.work_order, false
        FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS k (site, work_order, operation)
        JOIN sites s ON s.code = k.site
        ORDER BY s.id, k.work_order
        ON CONFLICT (site_id, number) DO NOTHING
        """,
        arrays,
    )
    await connection.execute(
        """
        INSERT INTO operations (work_order_id, number, planned)
        SELECT w.id, k.operation, false
        FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS k (site, work_order, operation)
        JOIN sites s ON s.code = k.site
        JOIN work_orders w ON w.site_id = s.id AND w.number = k.work_order
        ORDER BY w.id, k.operation
        ON CONFLICT (work_order_id, number) DO NOTHING
        """,
        arrays,
    )
    return ids | await _ids(connection, set(missing))


async def _ids(
    connection: Connection, keys: set[tuple[SiteCode, OperationKey]]
) -> dict[tuple[SiteCode, OperationKey], int]:
    if not keys:
        return {}
    cursor = await connection.execute(
        """
        SELECT k.site, k.work_order, k.operation, o.id
        FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS k (site, work_order, operation)
        JOIN sites s ON s.code = k.site
        JOIN work_orders w ON w.site_id = s.id AND w.number = k.work_order
        JOIN operations o ON o.work_order_id = w.id AND o.number = k.operation
        """,
        _arrays(sorted(keys)),
    )
    return {
        (SiteCode(site), (work_order, operation)): operation_id
        for site, work_order, operation, operation_id in await cursor.fetchall()
    }


def _arrays(
    keys: list[tuple[SiteCode, OperationKey]],
) -> tuple[list[SiteCode], list[str], list[int]]:
    return (
        [site for site, _ in keys],
        [operation[0] for _, operation in keys],
        [operation[1] for _, operation in keys],
    )


async def _write(
    connection: Connection,
    contributions: list[Contribution],
    ids: dict[tuple[SiteCode, OperationKey], int],
) -> None:
    rows = []
    gone: tuple[list[int], list[int]] = ([], [])
    for machine, key, tally in contributions:
        operation_id = ids.get((machine.site, key))
        if operation_id is None:
            continue  # it lost its reason before it was ever written
        if tally is None:
            gone[0].append(operation_id)
            gone[1].append(machine.id)
        else:
            rows.append((operation_id, machine.id, *_columns(tally)))
    if gone[0]:
        await connection.execute(
            """
            DELETE FROM contributions c USING unnest(%s::bigint[], %s::integer[]) AS g (o, m)
            WHERE c.operation_id = g.o AND c.machine_id = g.m
            """,
            gone,
        )
    if rows:
        await connection.execute(
            """
            INSERT INTO contributions (operation_id, machine_id, good, scrap, runs, requested,
                requested_ms, started_ms, change_e, change_source, change_boot, change_seq, state,
                named_e, named_source)
            SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::numeric[], %s::numeric[],
                %s::bigint[], %s::numeric[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
                %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[])
            ON CONFLICT (operation_id, machine_id) DO UPDATE SET
                good = excluded.good, scrap = excluded.scrap, runs = excluded.runs,
                requested = excluded.requested, requested_ms = excluded.requested_ms,
                started_ms = excluded.started_ms, change_e = excluded.change_e,
                change_source = excluded.change_source, change_boot = excluded.change_boot,
                change_seq = excluded.change_seq, state = excluded.state,
                named_e = excluded.named_e, named_source = excluded.named_source
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


def _columns(tally: Tally) -> tuple[object, ...]:
    changed = tally.changed_at or (None, None, None, None)
    return (
        tally.good,
        tally.scrap,
        tally.runs,
        tally.requested,
        tally.requested_at,
        tally.started_at,
        *changed,
        tally.state,
        tally.named_at.e_ms,
        tally.named_at.source,
    )


async def _sum_up(connection: Connection, operation_ids: list[int]) -> list[OperationProgressed]:
    """Sum contributions into their operations, and answer the events that tell of it.

    An operation's state is the last change over all machines by (e, machine, source, boot, seq),
    strings by code point.
    """
    if not operation_ids:
        return []
    await connection.execute(
        """
        UPDATE operations o SET
            good_pieces = s.good, scrap_pieces = s.scrap, runs = s.runs,
            state = coalesce(s.state, 'planned'), requested = s.requested,
            started_ms = s.started_ms,
            ended_ms = CASE WHEN s.state IN ('completed', 'aborted') THEN s.change_e END,
            version = o.version + 1
        FROM (
            SELECT i.id, coalesce(sum(c.good), 0) AS good, coalesce(sum(c.scrap), 0) AS scrap,
                coalesce(sum(c.runs), 0)::bigint AS runs, min(c.started_ms) AS started_ms,
                max(c.change_e) AS change_e,
                (array_agg(c.state ORDER BY c.change_e DESC, m.path COLLATE "C" DESC,
                    c.change_source COLLATE "C" DESC, c.change_boot COLLATE "C" DESC,
                    c.change_seq DESC) FILTER (WHERE c.state IS NOT NULL))[1] AS state,
                (array_agg(c.requested ORDER BY c.requested_ms DESC, m.path COLLATE "C" DESC)
                    FILTER (WHERE c.requested IS NOT NULL))[1] AS requested
            FROM unnest(%s::bigint[]) AS i (id)
            LEFT JOIN contributions c ON c.operation_id = i.id
            LEFT JOIN machines m ON m.id = c.machine_id
            GROUP BY i.id
        ) s WHERE o.id = s.id
        """,
        (operation_ids,),
    )
    # A statement of its own: what is summed up next has to be seen after the wait for the lock.
    await connection.execute(
        """
        SELECT id FROM work_orders
        WHERE NOT planned AND id IN (SELECT work_order_id FROM operations WHERE id = ANY(%s))
        ORDER BY id FOR NO KEY UPDATE
        """,
        (operation_ids,),
    )
    await connection.execute(
        """
        UPDATE work_orders w SET external_source = n.source, quantity_ordered = n.requested
        FROM (
            SELECT o.work_order_id,
                (array_agg(c.named_source ORDER BY c.named_e, m.path COLLATE "C"))[1] AS source,
                (array_agg(o.requested ORDER BY o.number DESC)
                    FILTER (WHERE o.requested IS NOT NULL))[1] AS requested
            FROM operations o JOIN contributions c ON c.operation_id = o.id
            JOIN machines m ON m.id = c.machine_id
            WHERE o.work_order_id IN (SELECT work_order_id FROM operations WHERE id = ANY(%s))
            GROUP BY o.work_order_id
        ) n
        WHERE w.id = n.work_order_id AND NOT w.planned
          AND (w.external_source, w.quantity_ordered) IS DISTINCT FROM (n.source, n.requested)
        """,
        (operation_ids,),
    )
    cursor = await connection.execute(
        """
        SELECT s.code, o.work_order_id, o.id, o.version,
            least(o.good_pieces, 9223372036854775807)::bigint,
            least(o.scrap_pieces, 9223372036854775807)::bigint, o.runs, o.state,
            ARRAY(SELECT DISTINCT l.order_id FROM pegs p
                  JOIN order_lines l ON l.id = p.order_line_id
                  WHERE p.work_order_id = o.work_order_id ORDER BY l.order_id)
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        JOIN sites s ON s.id = w.site_id WHERE o.id = ANY(%s)
        """,
        (operation_ids,),
    )
    return [OperationProgressed(*row) for row in await cursor.fetchall()]


async def _drop_unfounded(connection: Connection, operation_ids: list[int]) -> set[int]:
    """Delete operations and work orders that nobody planned and nothing names any more."""
    cursor = await connection.execute(
        """
        DELETE FROM operations o WHERE id = ANY(%s) AND NOT planned
        AND NOT EXISTS (SELECT FROM contributions c WHERE c.operation_id = o.id)
        RETURNING id, work_order_id
        """,
        (operation_ids,),
    )
    rows = await cursor.fetchall()
    if rows:
        await connection.execute(
            """
            DELETE FROM work_orders w WHERE id = ANY(%s) AND NOT planned
            AND NOT EXISTS (SELECT FROM operations o WHERE o.work_order_id = w.id)
            """,
            ([row[1] for row in rows],),
        )
    return {row[0] for row in rows}

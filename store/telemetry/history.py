"""Writing what is kept of a machine's past: pieces by slots, changes of state and of operation.

Only rows that differ are touched, each by its whole key: they may stand in compressed chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.floor.states import ChangedStates, ChangeKey
from store.database import Connection
from store.telemetry.columns import text

REASON_CHARACTERS: Final = 200
"""A longer reason is cut here; the object itself is kept whole."""


class Slots(NamedTuple):
    """A machine's slots of pieces that went, and those that are new or other."""

    machine_id: int
    gone: list[int]
    pieces: dict[int, tuple[int, int]]


async def put_slots(connection: Connection, changed: Sequence[Slots]) -> None:
    """Write slots of pieces; nothing is sent if none differ."""
    gone = [(one.machine_id, slot) for one in changed for slot in one.gone]
    if gone:
        await connection.execute(
            """
            DELETE FROM piece_slots p USING unnest(%(ids)s::integer[], %(slots)s::bigint[])
                AS g (machine_id, slot_ms)
            WHERE p.machine_id = g.machine_id AND p.slot_ms = g.slot_ms
                AND p.machine_id = ANY(%(machines)s) AND p.slot_ms BETWEEN %(first)s AND %(last)s
            """,
            {
                "ids": [machine_id for machine_id, _ in gone],
                "slots": [slot for _, slot in gone],
                "machines": sorted({machine_id for machine_id, _ in gone}),
                "first": min(slot for _, slot in gone),
                "last": max(slot for _, slot in gone),
            },
        )
    rows = [
        (one.machine_id, slot, good, scrap)
        for one in changed
        for slot, (good, scrap) in one.pieces.items()
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO piece_slots (machine_id, slot_ms, good, scrap)
            SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::numeric[], %s::numeric[])
            ON CONFLICT (machine_id, slot_ms) DO UPDATE
                SET good = excluded.good, scrap = excluded.scrap
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


class OperationSlots(NamedTuple):
    """A machine's slots of pieces by operation: slots of which some went, and what stands.

    Of a slot in `gone` everything that stands has to be in `pieces`, by slot and operation's id.
    """

    machine_id: int
    gone: list[int]
    pieces: dict[tuple[int, int], tuple[int, int]]


async def put_operation_slots(connection: Connection, changed: Sequence[OperationSlots]) -> None:
    """Write slots of pieces by operation; nothing is sent if none differ."""
    gone = sorted({(one.machine_id, slot) for one in changed for slot in one.gone})
    if gone:
        await connection.execute(
            """
            DELETE FROM operation_slots p
            USING unnest(%(ids)s::integer[], %(slots)s::bigint[]) AS g (machine_id, slot_ms)
            WHERE p.machine_id = g.machine_id AND p.slot_ms = g.slot_ms
                AND p.machine_id = ANY(%(machines)s) AND p.slot_ms BETWEEN %(first)s AND %(last)s
            """,
            {
                "ids": [machine_id for machine_id, _ in gone],
                "slots": [slot for _, slot in gone],
                "machines": sorted({machine_id for machine_id, _ in gone}),
                "first": min(slot for _, slot in gone),
                "last": max(slot for _, slot in gone),
            },
        )
    rows = [
        (one.machine_id, slot, operation_id, good, scrap)
        for one in changed
        for (slot, operation_id), (good, scrap) in one.pieces.items()
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO operation_slots (machine_id, slot_ms, operation_id, good, scrap)
            SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::numeric[],
                %s::numeric[])
            ON CONFLICT (machine_id, slot_ms, operation_id) DO UPDATE
                SET good = excluded.good, scrap = excluded.scrap
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


async def put_operation_changes(
    connection: Connection,
    changed: Sequence[tuple[int, list[ChangeKey], list[tuple[int, int, int | None]]]],
) -> None:
    """Write which operation was on machines when; nothing is sent if nothing differs.

    Args:
        connection: in the batch's transaction.
        changed: machine's id, keys that went, and rows: e_ms, nth, the operation's id.
    """
    gone = [(machine_id, *key) for machine_id, keys, _ in changed for key in keys]
    if gone:
        await connection.execute(
            """
            DELETE FROM operation_changes s
            USING unnest(%(ids)s::integer[], %(es)s::bigint[], %(nths)s::integer[])
                AS g (machine_id, e_ms, nth)
            WHERE s.machine_id = g.machine_id AND s.e_ms = g.e_ms AND s.nth = g.nth
                AND s.machine_id = ANY(%(machines)s) AND s.e_ms BETWEEN %(first)s AND %(last)s
            """,
            {
                "ids": [machine_id for machine_id, _, _ in gone],
                "es": [e_ms for _, e_ms, _ in gone],
                "nths": [nth for _, _, nth in gone],
                "machines": sorted({machine_id for machine_id, _, _ in gone}),
                "first": min(e_ms for _, e_ms, _ in gone),
                "last": max(e_ms for _, e_ms, _ in gone),
            },
        )
    rows = [(machine_id, *row) for machine_id, _, some in changed for row in some]
    if rows:
        await connection.execute(
            """
            INSERT INTO operation_changes AS s (machine_id, e_ms, nth, operation_id)
            SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::integer[], %s::bigint[])
            ON CONFLICT (machine_id, e_ms, nth) DO UPDATE SET operation_id = excluded.operation_id
            WHERE s.operation_id IS DISTINCT FROM excluded.operation_id
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


async def put_state_changes(
    connection: Connection, changed: Sequence[tuple[int, ChangedStates]]
) -> None:
    """Write how machines' changes of state differ; nothing is sent if none do."""
    gone = [(machine_id, *key) for machine_id, states in changed for key in states.gone]
    if gone:
        await connection.execute(
            """
            DELETE FROM state_changes s
            USING unnest(%(ids)s::integer[], %(es)s::bigint[], %(nths)s::integer[])
                AS g (machine_id, e_ms, nth)
            WHERE s.machine_id = g.machine_id AND s.e_ms = g.e_ms AND s.nth = g.nth
                AND s.machine_id = ANY(%(machines)s) AND s.e_ms BETWEEN %(first)s AND %(last)s
            """,
            {
                "ids": [machine_id for machine_id, _, _ in gone],
                "es": [e_ms for _, e_ms, _ in gone],
                "nths": [nth for _, _, nth in gone],
                "machines": sorted({machine_id for machine_id, _, _ in gone}),
                "first": min(e_ms for _, e_ms, _ in gone),
                "last": max(e_ms for _, e_ms, _ in gone),
            },
        )
    rows = [
        (
            machine_id,
            row.e_ms,
            row.nth,
            row.left_state,
            _reason(row.left_reason),
            row.state,
            _reason(row.reason),
        )
        for machine_id, states in changed
        for row in states.rows
    ]
    if rows:
        await connection.execute(
            """
            INSERT INTO state_changes AS s
                (machine_id, e_ms, nth, left_state, left_reason, state, reason)
            SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::integer[], %s::text[],
                %s::text[], %s::text[], %s::text[])
            ON CONFLICT (machine_id, e_ms, nth) DO UPDATE SET
                left_state = excluded.left_state, left_reason = excluded.left_reason,
                state = excluded.state, reason = excluded.reason
            WHERE (s.left_state, s.left_reason, s.state, s.reason) IS DISTINCT FROM
                (excluded.left_state, excluded.left_reason, excluded.state, excluded.reason)
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )


def _reason(reason: str | None) -> str | None:
    return text(reason[:REASON_CHARACTERS] if reason is not None else None)

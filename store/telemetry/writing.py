"""Writing a batch's telemetry rows: publishers, samples, seen ranges, machines, dead letters."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import msgspec

from domain.floor.machine import Machine, Publisher
from domain.floor.past import Base, PublisherKey, superfluous
from domain.floor.standing import SLOT_MS, OperationKey
from store.database import Connection

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_ROW: Final = struct.Struct("!hiiiqiqiqihiqi")
"""Binary COPY: the number of fields, then each field's length and value; the body follows."""


class Sample(NamedTuple):
    """A row of `samples`."""

    machine_id: int
    t_ms: int
    publisher_id: int
    seq: int
    kind: int
    received_ms: int
    body: bytes


class DeadLetter(NamedTuple):
    """A row of `dead_letters`."""

    site: str
    mqtt_topic: str | None
    origin_topic: str
    origin_partition: int
    origin_offset: int
    received_ms: int
    payload: bytes
    size: int
    code: str
    reason: str


class StaleMachineError(Exception):
    """A machine's row was written by somebody else since it was loaded."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(f"machine {machine.path} has moved on from version {machine.version}")
        self.machine = machine


async def put_publishers(
    connection: Connection, machine: Machine, new: Collection[PublisherKey]
) -> None:
    """Make rows for publishers that have none, and set their ids in memory."""
    cursor = await connection.execute(
        """
        INSERT INTO publishers (machine_id, source, boot)
        SELECT %s, source, boot FROM unnest(%s::text[], %s::text[]) AS p (source, boot)
        RETURNING source, boot, id
        """,
        (machine.id, [key[0] for key in new], [key[1] for key in new]),
    )
    for source, boot, publisher_id in await cursor.fetchall():
        machine.publishers[source, boot].id = publisher_id


async def copy_samples(connection: Connection, samples: Iterable[Sample]) -> None:
    """COPY the samples; packing the rows ourselves takes half of what psycopg's writer does."""
    parts = [_COPY_HEADER]
    for machine_id, t_ms, publisher_id, seq, kind, received_ms, body in samples:
        parts.append(
            _ROW.pack(
                7,
                4,
                machine_id,
                8,
                t_ms,
                8,
                publisher_id,
                8,
                seq,
                2,
                kind,
                8,
                received_ms,
                len(body),
            )
        )
        parts.append(body)
    parts.append(_COPY_END)
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            """
            COPY samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body)
            FROM STDIN (FORMAT BINARY)
            """
        ) as copy,
    ):
        await copy.write(b"".join(parts))


async def put_seen(connection: Connection, publishers: Iterable[Publisher]) -> None:
    """Write the ranges that changed since they were last stored; `stored` follows at `confirm`."""
    gone_ids: list[int] = []
    gone_firsts: list[int] = []
    ids: list[int] = []
    firsts: list[int] = []
    lasts: list[int] = []
    for publisher in publishers:
        if publisher.id is None:
            raise ValueError("a publisher without a row cannot have ranges")
        now = dict(publisher.seen.ranges())
        for first in publisher.stored.keys() - now.keys():
            gone_ids.append(publisher.id)
            gone_firsts.append(first)
        for first, last in now.items():
            if publisher.stored.get(first) != last:
                ids.append(publisher.id)
                firsts.append(first)
                lasts.append(last)
    if gone_ids:
        await connection.execute(
            """
            DELETE FROM seen_ranges r USING unnest(%s::bigint[], %s::bigint[]) AS g (id, first_seq)
            WHERE r.publisher_id = g.id AND r.first_seq = g.first_seq
            """,
            (gone_ids, gone_firsts),
        )
    await connection.execute(
        """
        INSERT INTO seen_ranges (publisher_id, first_seq, last_seq)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
        ON CONFLICT (publisher_id, first_seq) DO UPDATE SET last_seq = excluded.last_seq
        """,
        (ids, firsts, lasts),
    )


async def put_clock_back(
    connection: Connection, machine: Machine, back_ms: dict[PublisherKey, int]
) -> None:
    """Keep how far publishers' clocks stood back, so that `reading` looks far enough."""
    ids, backs = [], []
    for key, back in back_ms.items():
        publisher = machine.publishers[key]
        if back > publisher.clock_back_ms:
            ids.append(publisher.id)
            backs.append(back)
            publisher.clock_back_ms = back
    if ids:
        await connection.execute(
            """
            UPDATE publishers p SET clock_back_ms = b.back
            FROM unnest(%s::bigint[], %s::bigint[]) AS b (id, back)
            WHERE p.id = b.id AND p.clock_back_ms < b.back
            """,
            (ids, backs),
        )


async def put_machine_state(
    connection: Connection,
    machine: Machine,
    operation_ids: dict[OperationKey, int],
    accepted: int,
) -> None:
    """Write the machine's live row under the next version.

    Raises:
        StaleMachineError: the row is not as it was loaded; load the machine again.
    """
    standing = machine.past.standing
    current = None if standing.current is None else operation_ids.get(standing.current)
    cursor = await connection.execute(
        """
        INSERT INTO machine_states AS m (machine_id, version, state, reason, state_since_ms,
            last_seen_ms, operation_id, paused, operator, unassigned_good, unassigned_scrap,
            objects)
        VALUES (%(id)s, 1, %(state)s, %(reason)s, %(since)s, %(seen)s, %(operation)s, %(paused)s,
            %(operator)s, %(good)s, %(scrap)s, %(accepted)s)
        ON CONFLICT (machine_id) DO UPDATE SET
            version = m.version + 1, state = excluded.state, reason = excluded.reason,
            state_since_ms = excluded.state_since_ms, last_seen_ms = excluded.last_seen_ms,
            operation_id = excluded.operation_id, paused = excluded.paused,
            operator = excluded.operator, unassigned_good = excluded.unassigned_good,
            unassigned_scrap = excluded.unassigned_scrap, objects = m.objects + excluded.objects
        WHERE m.version = %(version)s
        RETURNING version
        """,
        {
            "id": machine.id,
            "state": standing.state or _state_from(standing.current is not None, standing.paused),
            "reason": _text(standing.reason),
            "since": standing.state_since_ms,
            "seen": standing.last_ms,
            "operation": current,
            "paused": standing.paused,
            "operator": _text(standing.operator),
            "good": standing.unassigned[0],
            "scrap": standing.unassigned[1],
            "accepted": accepted,
            "version": machine.version,
        },
    )
    row = await cursor.fetchone()
    if row is None or row[0] != machine.version + 1:
        raise StaleMachineError(machine)


def _state_from(at_work: bool, paused: bool) -> str:  # noqa: FBT001 - two facts of one standing
    """What a machine that never said its state is taken to do."""
    return "running" if at_work and not paused else "idle"


def _text(value: str | None) -> str | None:
    """Text for a column: PostgreSQL has no NUL, so it is shown by its symbol."""
    return None if value is None else value.replace("\x00", "\u2400")


async def put_slots(
    connection: Connection, machine: Machine, since_ms: int, slots: dict[int, tuple[int, int]]
) -> None:
    """Replace the slots of pieces from the one of `since_ms` on."""
    first = since_ms - since_ms % SLOT_MS
    rows = [(slot, good, scrap) for slot, (good, scrap) in slots.items()]
    await connection.execute(
        """
        WITH now AS (
            SELECT * FROM unnest(%(slots)s::bigint[], %(good)s::numeric[], %(scrap)s::numeric[])
                AS n (slot_ms, good, scrap)
        ), gone AS (
            DELETE FROM piece_slots p WHERE machine_id = %(id)s AND slot_ms >= %(first)s
            AND NOT EXISTS (SELECT FROM now WHERE now.slot_ms = p.slot_ms)
        )
        INSERT INTO piece_slots (machine_id, slot_ms, good, scrap)
        SELECT %(id)s, slot_ms, good, scrap FROM now
        ON CONFLICT (machine_id, slot_ms) DO UPDATE
            SET good = excluded.good, scrap = excluded.scrap
        """,
        {
            "id": machine.id,
            "first": first,
            "slots": [row[0] for row in rows],
            "good": [row[1] for row in rows],
            "scrap": [row[2] for row in rows],
        },
    )


async def put_checkpoint(connection: Connection, machine: Machine, base: Base) -> None:
    """Store a base, and drop the ones that need not be kept."""
    if base.place is None:
        raise ValueError("the beginning needs no checkpoint")
    await connection.execute(
        """
        INSERT INTO checkpoints (machine_id, e_ms, source, boot, seq, state)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (machine.id, *base.place, msgspec.msgpack.encode(base)),
    )
    cursor = await connection.execute(
        "SELECT e_ms FROM checkpoints WHERE machine_id = %s ORDER BY e_ms DESC", (machine.id,)
    )
    gone = superfluous([row[0] for row in await cursor.fetchall()])
    if gone:
        await connection.execute(
            "DELETE FROM checkpoints WHERE machine_id = %s AND e_ms = ANY(%s)", (machine.id, gone)
        )


async def drop_checkpoints_after(connection: Connection, machine: Machine, base: Base) -> None:
    """Delete checkpoints that a late object has made untrue."""
    if base.place is None:
        await connection.execute("DELETE FROM checkpoints WHERE machine_id = %s", (machine.id,))
        return
    await connection.execute(
        """
        DELETE FROM checkpoints WHERE machine_id = %s
        AND (e_ms, source COLLATE "C", boot COLLATE "C", seq) > (%s, %s, %s, %s)
        """,
        (machine.id, *base.place),
    )


async def put_dead_letters(connection: Connection, letters: list[DeadLetter]) -> list[int]:
    """Store dead letters; answers their ids in order."""
    ids: list[int] = []
    if not letters:
        return ids
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO dead_letters (site, mqtt_topic, origin_topic, origin_partition,
                origin_offset, received_ms, payload, size, code, reason)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
            """,
            [
                letter._replace(
                    site=_text(letter.site) or "",
                    mqtt_topic=_text(letter.mqtt_topic),
                    reason=_text(letter.reason) or "",
                )
                for letter in letters
            ],
            returning=True,
        )
        while True:
            row = await cursor.fetchone()
            if row is not None:
                ids.append(int(row[0]))
            if not cursor.nextset():
                return ids


class SiteTotals(NamedTuple):
    """What a batch adds to a site's ingest totals."""

    arrivals: int = 0
    accepted: int = 0
    repeats: int = 0
    refused: int = 0


async def add_ingest_totals(
    connection: Connection, topic: str, partition: int, totals: dict[str, SiteTotals]
) -> None:
    """Count messages and objects per site."""
    sites = sorted(totals)
    await connection.execute(
        """
        INSERT INTO ingest_totals AS i
            (site, topic, partition, arrivals, accepted, repeats, refused)
        SELECT site, %s, %s, a, b, c, d
        FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
            AS t (site, a, b, c, d)
        ON CONFLICT (site, topic, partition) DO UPDATE SET
            arrivals = i.arrivals + excluded.arrivals, accepted = i.accepted + excluded.accepted,
            repeats = i.repeats + excluded.repeats, refused = i.refused + excluded.refused
        """,
        (
            topic,
            partition,
            [_text(site) for site in sites],
            *([totals[site][column] for site in sites] for column in range(4)),
        ),
    )


async def gateway_positions(connection: Connection, topic: str, partition: int) -> dict[str, int]:
    """The highest stored arrival of every gateway in a partition."""
    cursor = await connection.execute(
        "SELECT gateway, arrival_id FROM gateway_positions WHERE topic = %s AND partition = %s",
        (topic, partition),
    )
    return {gateway: arrival_id for gateway, arrival_id in await cursor.fetchall()}  # noqa: C416 - rows are typed as tuples of Any


async def put_gateway_positions(
    connection: Connection, topic: str, partition: int, positions: dict[str, int]
) -> None:
    """Keep the highest stored arrival of gateways in a partition."""
    await connection.execute(
        """
        INSERT INTO gateway_positions (gateway, topic, partition, arrival_id)
        SELECT gateway, %s, %s, arrival_id FROM unnest(%s::text[], %s::bigint[])
            AS p (gateway, arrival_id)
        ON CONFLICT (gateway, topic, partition) DO UPDATE SET arrival_id = excluded.arrival_id
        """,
        (topic, partition, list(positions), list(positions.values())),
    )

"""Writing a batch's telemetry rows: publishers, samples, seen ranges, machines, dead letters."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from domain.floor.machine import Machine, Publisher
from domain.floor.metrics import Metric
from domain.floor.past import Base, PublisherKey, superfluous
from store.database import Connection
from store.telemetry.columns import text

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_MEASURED: Final = struct.Struct("!hiiiqiqiqihiqiiidi")
_ROW: Final = struct.Struct("!hiiiqiqiqihiqiii")
"""Binary COPY: the number of fields, then each field's length and value (-1: null, and no value);
the body follows. Readings of a number have two values more.
"""


INSERT_SAMPLES: Final = 100
"""Up to so many samples of a batch go by INSERT, more by COPY."""


Sample: TypeAlias = tuple[int, int, int, int, int, int, int | None, float | None, bytes]
"""A row of `samples`: machine id, t_ms, publisher id, seq, kind code, received_ms, metric id and
value (both or neither), body.

A plain tuple: tens of thousands are made a second, and a named one takes twice as long to make.
"""


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
    connection: Connection, new: Collection[tuple[Machine, PublisherKey]]
) -> None:
    """Make rows for publishers that have none, and set their ids in memory."""
    if not new:
        return
    machines = {machine.id: machine for machine, _ in new}
    cursor = await connection.execute(
        """
        INSERT INTO publishers (machine_id, source, boot)
        SELECT * FROM unnest(%s::integer[], %s::text[], %s::text[])
        RETURNING machine_id, source, boot, id
        """,
        (
            [machine.id for machine, _ in new],
            [key[0] for _, key in new],
            [key[1] for _, key in new],
        ),
    )
    for machine_id, source, boot, publisher_id in await cursor.fetchall():
        machines[machine_id].publishers[source, boot].id = publisher_id


async def put_metrics(connection: Connection, told: Collection[tuple[int, str, Metric]]) -> None:
    """Write metrics that are new or have another unit, and set their ids in memory.

    Args:
        connection: in the batch's transaction.
        told: machine's id, name, and metric.
    """
    if not told:
        return
    # Names that differ in characters no text can hold are one.
    rows = {(machine_id, text(name)): metric for machine_id, name, metric in told}
    cursor = await connection.execute(
        """
        INSERT INTO metrics AS m (machine_id, name, unit, unit_ms)
        SELECT * FROM unnest(%s::integer[], %s::text[], %s::text[], %s::bigint[])
        ON CONFLICT (machine_id, name) DO UPDATE SET
            unit = coalesce(excluded.unit, m.unit), unit_ms = coalesce(excluded.unit_ms, m.unit_ms)
        RETURNING machine_id, name, id
        """,
        (
            [machine_id for machine_id, _ in rows],
            [name for _, name in rows],
            [text(metric.unit) for metric in rows.values()],
            [None if metric.unit is None else metric.unit_ms for metric in rows.values()],
        ),
    )
    ids = {(machine_id, name): one for machine_id, name, one in await cursor.fetchall()}
    for machine_id, name, metric in told:
        metric.id = ids[machine_id, text(name)]


async def insert_samples(connection: Connection, samples: Sequence[Sample]) -> None:
    """Store a few samples; unlike COPY this can be part of a pipeline."""
    await connection.execute(
        """
        INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, metric_id,
            value, body)
        SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::smallint[], %s::bigint[], %s::integer[], %s::float8[], %b::bytea[])
        """,
        [list(column) for column in zip(*samples, strict=True)],
    )


async def copy_samples(connection: Connection, samples: Sequence[Sample]) -> None:
    """Store many samples by COPY.

    Packing the rows ourselves takes half of what psycopg's writer does.
    """
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            """
            COPY samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, metric_id, value,
                body)
            FROM STDIN (FORMAT BINARY)
            """
        ) as copy,
    ):
        await copy.write(packed(samples))


def packed(samples: Iterable[Sample]) -> bytes:
    """Samples as binary COPY takes them."""
    parts = [_COPY_HEADER]
    row, measured = _ROW.pack, _MEASURED.pack
    for machine, t_ms, publisher, seq, kind, received_ms, metric, value, body in samples:
        if metric is None:
            head = row(
                9,
                4,
                machine,
                8,
                t_ms,
                8,
                publisher,
                8,
                seq,
                2,
                kind,
                8,
                received_ms,
                -1,
                -1,
                len(body),
            )
        else:
            head = measured(
                9,
                4,
                machine,
                8,
                t_ms,
                8,
                publisher,
                8,
                seq,
                2,
                kind,
                8,
                received_ms,
                4,
                metric,
                8,
                value,
                len(body),
            )
        parts.append(head)
        parts.append(body)
    parts.append(_COPY_END)
    return b"".join(parts)


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


async def put_clock_back(connection: Connection, machines: Iterable[Machine]) -> None:
    """Keep how far publishers' clocks stood back, so that `reading` looks far enough."""
    ids, backs = [], []
    for machine in machines:
        for key, back in machine.past.clock_back_ms().items():
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


class MachineRow(NamedTuple):
    """A machine whose live row is to be written: its current operation's id, and new objects."""

    machine: Machine
    operation_id: int | None
    accepted: int


async def put_machine_states(
    connection: Connection, rows: Sequence[MachineRow]
) -> Callable[[], Awaitable[None]]:
    """Write machines' live rows under their next versions.

    Returns:
        What to await before the commit; it raises StaleMachineError when a row is not as it was
        loaded. (In a pipeline the answer comes later than the question.)
    """
    columns = [
        (
            row.machine.id,
            standing.state or _state_from(standing.current is not None, standing.paused),
            text(standing.reason),
            standing.state_since_ms,
            standing.last_ms,
            row.operation_id,
            standing.paused,
            text(standing.operator),
            standing.unassigned[0],
            standing.unassigned[1],
            row.accepted,
            row.machine.version + 1,
        )
        for row in rows
        for standing in (row.machine.past.standing,)
    ]
    cursor = await connection.execute(
        """
        INSERT INTO machine_states AS m (machine_id, state, reason, state_since_ms, last_seen_ms,
            operation_id, paused, operator, unassigned_good, unassigned_scrap, objects, version)
        SELECT * FROM unnest(%s::integer[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::boolean[], %s::text[], %s::numeric[], %s::numeric[], %s::bigint[],
            %s::bigint[])
        ON CONFLICT (machine_id) DO UPDATE SET
            version = excluded.version, state = excluded.state, reason = excluded.reason,
            state_since_ms = excluded.state_since_ms, last_seen_ms = excluded.last_seen_ms,
            operation_id = excluded.operation_id, paused = excluded.paused,
            operator = excluded.operator, unassigned_good = excluded.unassigned_good,
            unassigned_scrap = excluded.unassigned_scrap, objects = m.objects + excluded.objects
        WHERE m.version = excluded.version - 1
        RETURNING machine_id
        """,
        [list(column) for column in zip(*columns, strict=True)],
    )

    async def check() -> None:
        written = {machine_id for (machine_id,) in await cursor.fetchall()}
        for row in rows:
            if row.machine.id not in written:
                raise StaleMachineError(row.machine)

    return check


def _state_from(at_work: bool, paused: bool) -> str:  # noqa: FBT001 - two facts of one standing
    """What a machine that never said its state is taken to do."""
    return "running" if at_work and not paused else "idle"


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
                    site=text(letter.site) or "",
                    mqtt_topic=text(letter.mqtt_topic),
                    reason=text(letter.reason) or "",
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
            [text(site) for site in sites],
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

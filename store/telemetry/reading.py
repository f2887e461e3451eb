"""Loading a machine's memory from its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

import msgspec

from contracts.ids import MachinePath, SiteCode
from domain.floor.machine import Machine, Publisher, Received
from domain.floor.metrics import Metric
from domain.floor.past import Base, Fact, Past, PublisherKey, beginning
from domain.floor.standing import Standing
from domain.intake import Accepted, restore
from store.database import Connection
from store.telemetry import KINDS

_decoder = msgspec.msgpack.Decoder(Base)


async def load_machine(connection: Connection, path: MachinePath) -> Machine:
    """Read a machine: publishers, seen ranges, the newest checkpoint and the objects after it.

    Raises:
        LookupError: the machine does not exist; adopt it first.
    """
    cursor = await connection.execute(
        """
        SELECT m.id, s.code, coalesce(ms.version, 0) FROM machines m
        JOIN sites s ON s.id = m.site_id LEFT JOIN machine_states ms ON ms.machine_id = m.id
        WHERE m.path = %s
        """,
        (path,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"machine {path!r} does not exist")
    machine_id, site, version = row
    publishers = await _publishers(connection, machine_id)
    base = await _base(connection, machine_id, lambda _: True)
    past = await _fold(connection, machine_id, base, publishers)
    return Machine(
        machine_id=machine_id,
        path=path,
        site=SiteCode(site),
        version=version,
        past=past,
        publishers=publishers,
        metrics=await _metrics(connection, machine_id),
    )


async def rebase(connection: Connection, machine: Machine, facts: Sequence[Fact]) -> Standing:
    """Fold a machine's stored past again from a base that precedes the facts.

    Answers the standing before. Checkpoints after the new base will not be true once the facts are
    in: the caller deletes them.
    """
    before = machine.past.standing
    base = await _base(
        connection, machine.id, lambda one: all(one.precedes(fact) for fact in facts)
    )
    machine.past = await _fold(connection, machine.id, base, machine.publishers)
    return before


async def kept_from_ms(connection: Connection, machine: Machine) -> int | None:
    """Since when all accepted objects of a machine are kept; None: since its first."""
    cursor = await connection.execute(
        "SELECT raw_from_ms FROM history_horizons WHERE machine_id = %s", (machine.id,)
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def too_late(
    connection: Connection, machine: Machine, facts: Sequence[Fact]
) -> tuple[list[Fact], int]:
    """Facts that belong before all bases whose objects are kept, and since when those are."""
    kept_ms = await kept_from_ms(connection, machine)
    if kept_ms is None:
        return [], 0
    back_ms = max((one.clock_back_ms for one in machine.publishers.values()), default=0)
    oldest = machine.past.base
    async for base in _bases(connection, machine.id):
        if base.place is None or base.place.e_ms - back_ms < kept_ms:
            break
        oldest = base
    return [fact for fact in facts if not oldest.precedes(fact)], kept_ms


async def stored_bodies(
    connection: Connection, machine: Machine, suspects: Collection[Received]
) -> dict[tuple[str, str, int, int], tuple[int, bytes]]:
    """What is stored under (source, boot, seq, t_ms): kind code and body.

    A suspect whose time is not stored differs from what is, since the time is part of the content.
    """
    wanted = {}
    for suspect in suspects:
        message = suspect.object.message
        publisher = machine.publishers[message.source, message.boot]
        if publisher.id is not None:
            wanted[publisher.id, message.seq, suspect.object.t_ms] = (message.source, message.boot)
    cursor = await connection.execute(
        """
        SELECT s.publisher_id, s.seq, s.t_ms, s.kind, s.body FROM samples s
        JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (publisher_id, seq, t_ms)
          ON s.publisher_id = w.publisher_id AND s.seq = w.seq AND s.t_ms = w.t_ms
        WHERE s.machine_id = %s AND s.t_ms BETWEEN %s AND %s
        """,
        (
            [key[0] for key in wanted],
            [key[1] for key in wanted],
            [key[2] for key in wanted],
            machine.id,
            min((key[2] for key in wanted), default=0),
            max((key[2] for key in wanted), default=0),
        ),
    )
    return {
        (*wanted[publisher_id, seq, t_ms], seq, t_ms): (kind, body)
        for publisher_id, seq, t_ms, kind, body in await cursor.fetchall()
    }


def fact_of(accepted: Accepted) -> Fact:
    """An accepted object as the past takes it."""
    message = accepted.message
    return Fact(message.source, message.boot, message.seq, accepted.t_ms, message)


async def _publishers(connection: Connection, machine_id: int) -> dict[PublisherKey, Publisher]:
    cursor = await connection.execute(
        """
        SELECT p.source, p.boot, p.id, p.clock_back_ms,
               array_agg(r.first_seq ORDER BY r.first_seq) FILTER (WHERE r.first_seq IS NOT NULL),
               array_agg(r.last_seq ORDER BY r.first_seq) FILTER (WHERE r.first_seq IS NOT NULL)
        FROM publishers p LEFT JOIN seen_ranges r ON r.publisher_id = p.id
        WHERE p.machine_id = %s GROUP BY p.id
        """,
        (machine_id,),
    )
    return {
        (source, boot): Publisher(
            publisher_id, list(zip(firsts or (), lasts or (), strict=True)), clock_back_ms
        )
        for source, boot, publisher_id, clock_back_ms, firsts, lasts in await cursor.fetchall()
    }


async def _metrics(connection: Connection, machine_id: int) -> dict[str, Metric]:
    cursor = await connection.execute(
        "SELECT name, id, unit, unit_ms FROM metrics WHERE machine_id = %s", (machine_id,)
    )
    return {name: Metric(*rest) for name, *rest in await cursor.fetchall()}


async def _base(connection: Connection, machine_id: int, suits: Callable[[Base], bool]) -> Base:
    """The newest stored base that suits; else the beginning."""
    async for base in _bases(connection, machine_id):
        if suits(base):
            return base
    return beginning()


async def _bases(connection: Connection, machine_id: int) -> AsyncIterator[Base]:
    """The stored bases, newest first."""
    cursor = await connection.execute(
        """
        SELECT state FROM checkpoints WHERE machine_id = %s
        ORDER BY e_ms DESC, source COLLATE "C" DESC, boot COLLATE "C" DESC, seq DESC
        """,
        (machine_id,),
    )
    async for (state,) in cursor:
        yield _decoder.decode(state)


async def _fold(
    connection: Connection,
    machine_id: int,
    base: Base,
    publishers: dict[PublisherKey, Publisher],
) -> Past:
    """The stored objects after a base, folded.

    An object's effective time is never before its own, and after it by at most the publisher's
    `clock_back_ms`: so a range of times finds all that may belong after the base.
    """
    names = {publisher.id: key for key, publisher in publishers.items()}
    back_ms = max((publisher.clock_back_ms for publisher in publishers.values()), default=0)
    since_ms = 0 if base.place is None else base.place.e_ms - back_ms
    past = Past(base)
    facts = []
    async with connection.transaction(), connection.cursor(name="past") as cursor:
        cursor.itersize = 5_000
        await cursor.execute(
            """
            SELECT publisher_id, seq, t_ms, kind, body FROM samples
            WHERE machine_id = %s AND t_ms >= %s ORDER BY t_ms
            """,
            (machine_id, since_ms),
        )
        async for publisher_id, seq, t_ms, kind, body in cursor:
            source, boot = names[publisher_id]
            if seq > base.consumed.get((source, boot), (-1, 0))[0]:
                facts.append(Fact(source, boot, seq, t_ms, restore(KINDS[kind], body)))
    past.add(facts)
    # What the rows already say is no change.
    past.changes()
    past.state_changes()
    past.operation_changes()
    return past

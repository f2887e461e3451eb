"""After a restoration: database and Kafka are brought together again (`gemba restored`).

A database that was restored to an older state has effects of fewer records than Kafka holds. Those
are read again, which makes them good. But its outbox would give numbers again that stand in Kafka
already, so it gets a new timeline (`store.log.timelines`), which begins in each partition at the
first record that Kafka does not hold as this database does.

Where Kafka was lost instead, what counts as done in the database says nothing about the new topics:
everybody begins at their beginnings (`stream_anew`), and what the outbox still keeps is told again.

Everything is one transaction: broken off, nothing has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
import psycopg

from contracts.streams import PARTITIONS, TOPICS
from launch.company import others_at_work
from runtime.clock import Clock
from runtime.settings import Installation as Settings
from store.database import Connection
from store.log import identity, kafka_address
from store.log.divergence import Comparison, compare
from store.log.embedded import Extent, TopicPartition
from store.log.kafka_told import told_from
from store.log.kafka_topics import cluster_id, prepare_topics
from store.log.outbox import GROUP as RELAY_GROUP
from store.log.outbox import backlog
from store.log.timelines import Timelines, begin_timeline
from store.migrate import migrate
from streams.groups import EFFECTS

_OURSELVES: Final = "gemba-restored"

# Whose order is that of every append, so that both never wait for each other.
_LOCK: Final = """
SELECT topic, partition, tail, head FROM log_partitions
ORDER BY topic, partition FOR NO KEY UPDATE
"""
# Where the slowest group of each partition stands, and up to where the relay has told.
_STANDINGS: Final = """
SELECT w.topic, p.partition, min(coalesce(e."offset", -1)), min(coalesce(e.relayed, -1)),
    max(greatest(c."offset", p.tail))
FROM unnest(%s::text[], %s::text[]) AS w (consumer_group, topic)
JOIN log_partitions p USING (topic)
LEFT JOIN effect_offsets e ON e.consumer_group = w.consumer_group
    AND e.topic = w.topic AND e.partition = p.partition
LEFT JOIN log_commits c ON c.topic = w.topic AND c.partition = p.partition
    AND c.consumer_group = %s
WHERE p.tail < p.head
GROUP BY w.topic, p.partition
"""
_BACK: Final = """
UPDATE log_commits c SET "offset" = least(c."offset", n."offset"), committed_at = now()
FROM unnest(%s::text[], %s::integer[], %s::bigint[]) AS n (topic, partition, "offset")
WHERE c.consumer_group = %s AND c.topic = n.topic AND c.partition = n.partition
"""
_ANEW: Final = 'UPDATE effect_offsets SET "offset" = -1, epoch = epoch + 1'

_NEXT: Final = (
    "Start the services again. Kafka is read on from where this database stands, so what it holds",
    "of telemetry beyond that, of jobs from terminals and of dead letters that were sent again is",
    "taken once more and so recovered. What people had entered since then (orders, plans, users)",
    "is not in Kafka: enter it again. Live status in Redis is made anew by itself.",
)
_LOST: Final = (
    "Start the services again. They begin at the beginnings of Kafka's topics. What was in the",
    "lost topics only is lost: telemetry that gateways had sent and no worker had taken, and",
    "records that the relay had told more than some minutes before and no worker had taken.",
    "Orders, plans and everything else in the database is there, and what its outbox still keeps",
    "is told to the new topics; nothing is counted twice.",
)


class RestoredError(Exception):
    """It cannot be done; the message says why."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    stream: str
    timeline: int
    """The timeline that the outbox's records are told under from now on."""
    differing: int
    """Partitions in which Kafka holds other records under numbers that this database gave too."""
    waiting: int
    """Records that the relay will tell Kafka."""
    stream_anew: bool

    def as_json(self) -> object:
        """For programs."""
        return msgspec.to_builtins(self)

    def lines(self) -> list[str]:
        """For people: what was done, and what follows."""
        told = [
            f"The outbox of this database is on timeline {self.timeline} now, at {self.stream}.",
            f"{self.waiting:,} records of it wait to be told.",
        ]
        if self.differing:
            told.append(
                f"In {self.differing} partitions records were written after the restoration under"
                " numbers that Kafka knows from before: they will be told under new ones."
            )
        return [*told, *(_LOST if self.stream_anew else _NEXT)]


class Restored:
    """What follows a restoration.

    Args:
        settings: of the installation: its database and its Kafka.
        stream_anew: Kafka was lost, or its topics were made anew.
        clock: for the timeline.

    Raises:
        RestoredError: the settings name no database, or no Kafka.
    """

    def __init__(self, settings: Settings, *, stream_anew: bool, clock: Clock) -> None:
        self._url = settings.database_url.get_secret_value()
        if not kafka_address.is_kafka(settings.stream_url):
            raise RestoredError(
                "an embedded installation has its stream in its database: what was restored is"
                " whole, and nothing has to be done"
            )
        if not self._url:
            raise RestoredError("set GEMBA_DATABASE_URL to the database that was restored")
        self._kafka = kafka_address.parse(settings.stream_url)
        self._anew = stream_anew
        self._clock = clock

    async def run(self) -> Outcome:
        """Begin the new timeline.

        Raises:
            RestoredError: services are at work, or it is another installation's database.
            store.log.LogError: Kafka is not there.
            store.migrate.MigrationError: the schema is newer than this program.
            psycopg.Error: the database is away.
        """
        await asyncio.to_thread(migrate, self._url)
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=10, application_name=_OURSELVES
        ) as connection:
            await _refuse_company(connection)
            stream = await self._stream(connection)
            async with connection.transaction():
                timeline, differing = await self._part(connection)
                if self._anew:
                    await connection.execute(_ANEW)
                await identity.settle(connection, stream)
                waiting = (await backlog(connection)).records
        return Outcome(
            stream=stream,
            timeline=timeline,
            differing=differing,
            waiting=waiting,
            stream_anew=self._anew,
        )

    async def _stream(self, connection: Connection) -> str:
        """The Kafka of the settings, if the database may belong to it."""
        known = await identity.standing_of(connection)
        if known is None or known.stream == identity.EMBEDDED:
            raise RestoredError(
                "this database has never worked with Kafka: there is nothing to bring together"
                " (`gemba transfer` carries an installation over)"
            )
        if known.phase in {identity.Phase.ARRIVING, identity.Phase.DEPARTED}:
            raise identity.MovedError(known)
        if self._anew:
            return identity.of_kafka(await prepare_topics(self._kafka, TOPICS, PARTITIONS))
        stream = identity.of_kafka(await cluster_id(self._kafka))
        if stream != known.stream:
            raise RestoredError(
                f"the database belongs to {known.stream}, and GEMBA_STREAM_URL names {stream}."
                " Set it to the Kafka that the database worked with; if that is lost, call"
                " `gemba restored --stream-anew`"
            )
        return stream

    async def _part(self, connection: Connection) -> tuple[int, int]:
        """Begin the timeline; answers it, and in how many partitions Kafka holds other records."""
        cursor = await connection.execute(_LOCK)
        extents = {
            TopicPartition(row[0], row[1]): Extent(row[2], row[3])
            for row in await cursor.fetchall()
        }
        compared = await self._compare(connection, extents)
        begins = {
            at: compared[at].begins if at in compared else extent.head
            for at, extent in extents.items()
        }
        timeline = await begin_timeline(connection, begins, now_ms=self._clock.now_ms())
        again = {at: extent.tail for at, extent in extents.items()} if self._anew else begins
        await connection.execute(
            _BACK,
            (
                [at.topic for at in again],
                [at.partition for at in again],
                list(again.values()),
                RELAY_GROUP,
            ),
        )
        return timeline, sum(one.differs for one in compared.values())

    async def _compare(
        self, connection: Connection, extents: Mapping[TopicPartition, Extent]
    ) -> dict[TopicPartition, Comparison]:
        """Compare what will be read again of Kafka with what the outbox still keeps."""
        timelines = await Timelines.load(connection)
        wanted = [(group, topic) for topic, groups in EFFECTS.items() for group in groups]
        cursor = await connection.execute(
            _STANDINGS,
            ([group for group, _ in wanted], [topic for _, topic in wanted], RELAY_GROUP),
        )
        starts, held_from = {}, {}
        for topic, partition, done, relayed, told in await cursor.fetchall():
            at = TopicPartition(topic, partition)
            starts[at] = 0 if self._anew else done + 1
            # Kafka that was lost holds nothing of what it had acknowledged.
            held_from[at] = max(relayed + 1, 0 if self._anew else timelines.number(at, told))
        return await compare(
            connection, extents, timelines, held_from, told_from(self._kafka, starts)
        )


async def _refuse_company(connection: Connection) -> None:
    others = await others_at_work(connection, ourselves=_OURSELVES)
    if others:
        raise RestoredError(
            f"{', '.join(others)} is at work on this database: stop all services first"
        )

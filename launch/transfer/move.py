"""The steps of a move, in an order that may be broken off anywhere.

1. Both schemas are brought to this program's version; nobody may be at work on the source, and
   nothing may be in the target.
2. Everything is copied in one transaction, which also marks the target as arriving: until the end
   every service refuses to work on it.
3. Rows and their contents are compared.
4. The source is marked as departed, so that nobody goes on working on it.
5. What the old stream had not been through yet is told to Kafka.
6. The target is settled on that Kafka: services may work.

Broken off in step 1 or 2 nothing has happened; in 3 to 6 the same command goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import IsolationLevel

from contracts.streams import PARTITIONS, TOPICS
from launch.backends.postgres import PostgresServer
from launch.backends.running import running
from launch.company import others_at_work
from launch.installation import hold
from launch.transfer.display import MoveDisplay
from runtime.settings import Installation as Settings
from store.database import Connection, build_pool
from store.log import build_log, identity, kafka_address
from store.log.kafka_address import KafkaAddress
from store.log.kafka_topics import prepare_topics, used_topics
from store.log.outbox import GROUP as RELAY_GROUP
from store.log.outbox import backlog
from store.migrate import migrate
from store.transfer import comparing, copying, positions
from store.transfer.tables import Table, TransferError, shared_tables
from streams.relay.draining import drain

_TELL_TIMEOUT_S: Final = 600.0
"""Kafka that takes nothing for so long is not there; the next call goes on."""

_NEXT: Final = (
    "Next:",
    "  1. give the services the new GEMBA_DATABASE_URL and GEMBA_STREAM_URL;",
    "  2. keep of the data directory `outbox` (what the gateway has not sent yet) and",
    "     `secrets/installation.key` (it signs tokens) for gateway and API;",
    "  3. run `gemba run relay` beside the other services, or `gemba up`, which does.",
    "Live status in Redis is made anew by itself. The old database stays as it was, marked as",
    "moved: services refuse to work on it.",
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished move has done."""

    stream: str
    """The stream that the target belongs to."""
    tables: int
    rows: int
    told: int
    """Records that Kafka was told because the old stream had not been through them."""

    def as_json(self) -> object:
        """For programs."""
        return msgspec.to_builtins(self)

    def lines(self) -> list[str]:
        """For people: what was done, and what to do next."""
        done = (
            f"Moved {self.rows:,} rows of {self.tables} tables, compared on both sides; "
            f"{self.told:,} records that waited in the old stream were told to Kafka."
        )
        return [done, *_NEXT]


class Move:
    """A move from the installation of the settings to another database and stream.

    Args:
        settings: of the installation that is moved.
        database_url: the target's.
        stream_url: the target's Kafka.
        contents: compare the contents of rows, not only their number.
    """

    def __init__(
        self, settings: Settings, *, database_url: str, stream_url: str, contents: bool
    ) -> None:
        self._settings = settings
        self._target_url = database_url
        self._stream_url = stream_url
        self._contents = contents

    @contextmanager
    def source(self) -> Iterator[str]:
        """The address of the source's database, started for the time of the move if embedded.

        Raises:
            launch.installation.InstallationError: the installation is running.
            launch.backends.BackendError: its database cannot be started.
        """
        url = self._settings.database_url.get_secret_value()
        if url:
            yield url
            return
        data_dir = self._settings.data_dir.resolve()
        if not (data_dir / "postgres").exists():
            raise TransferError(
                f"{data_dir} holds no embedded installation; set GEMBA_DATA_DIR to the data "
                "directory that is to be moved"
            )
        (data_dir / "logs").mkdir(exist_ok=True)
        with hold(data_dir):
            server = PostgresServer(data_dir)
            with running(server, data_dir / "logs" / "postgres.log"):
                yield server.url

    async def run(self, source_url: str, display: MoveDisplay) -> Outcome:
        """Move everything.

        Raises:
            TransferError: it cannot be done; the message says why.
            store.log.LogError: Kafka is not there, or holds records of somebody else.
            psycopg.Error: a database is away.
        """
        display.say("Bringing both databases to this program's schema")
        await asyncio.to_thread(migrate, source_url)
        await asyncio.to_thread(migrate, self._target_url)
        kafka = kafka_address.parse(self._stream_url)
        stream = identity.of_kafka(await prepare_topics(kafka, TOPICS, PARTITIONS))
        async with _connected(source_url) as source, _connected(self._target_url) as target:
            await _refuse_company(source)
            await self._copy_unless_done(source, target, kafka, stream, display)
            tables = await shared_tables(source, target)
            rows = await self._compare(source, target, tables, display)
            await identity.depart(source, stream)
            told = await self._tell(target, display)
            await identity.settle(target, stream)
        return Outcome(stream=stream, tables=len(tables), rows=rows, told=told)

    async def _copy_unless_done(
        self,
        source: Connection,
        target: Connection,
        kafka: KafkaAddress,
        stream: str,
        display: MoveDisplay,
    ) -> None:
        here, there = await identity.standing_of(source), await identity.standing_of(target)
        if there is not None and there.phase == identity.Phase.ARRIVING:
            if there.stream != stream:
                raise TransferError(
                    f"a move of the target to {there.stream} was begun; finish it with that Kafka,"
                    " or make the database anew"
                )
            display.say("Going on with the move that was broken off")
            return
        if here is not None and here.phase == identity.Phase.DEPARTED:
            raise TransferError(
                f"this installation has been moved already, to {here.moved_to}; start that one"
            )
        if here is not None and here.stream != identity.EMBEDDED:
            raise TransferError(f"only an embedded installation is moved; this is {here.stream}")
        await copying.refuse_unless_empty(target)
        await _refuse_used_topics(kafka)
        display.say("Copying")
        async with _snapshot(source), target.transaction():
            tables = await shared_tables(source, target)
            await copying.copy_all(source, target, tables, display.copied)
            await positions.carry_positions(source, target, relay_group=RELAY_GROUP)
            await identity.arrive(target, stream)

    async def _compare(
        self,
        source: Connection,
        target: Connection,
        tables: list[Table],
        display: MoveDisplay,
    ) -> int:
        display.say("Comparing both sides")
        rows = compared = 0

        def note(table: Table, content: comparing.Content) -> None:
            nonlocal rows, compared
            rows += content.rows
            compared += 1
            display.step("Compared", compared, len(tables), table.name)

        different = await comparing.differences(
            source, target, tables, contents=self._contents, on_compared=note
        )
        if different:
            names = ", ".join(
                f"{one.table} ({one.source.rows} rows here, {one.target.rows} there)"
                for one in different
            )
            raise TransferError(
                f"the two sides differ in {names}: somebody wrote during the move. Make the target"
                " database anew and move again; the installation here is as it was"
            )
        return rows

    async def _tell(self, target: Connection, display: MoveDisplay) -> int:
        """Relay until nothing waits; answers how many records waited."""
        total = (await backlog(target)).records
        if not total:
            return 0
        display.say(f"Telling Kafka {total:,} records that the old stream still held")
        async with build_pool(self._target_url, name="transfer-relay", max_size=2) as pool:
            try:
                async with asyncio.timeout(_TELL_TIMEOUT_S):
                    await drain(
                        pool,
                        database_url=self._target_url,
                        connect=lambda: build_log(self._stream_url, None),
                    )
            except TimeoutError:
                raise TransferError(
                    f"{(await backlog(target)).records} of {total} records could not be told to"
                    f" Kafka in {_TELL_TIMEOUT_S:.0f} s; call again to go on"
                ) from None
        return total


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=10, application_name="gemba-transfer"
    )
    async with connection:
        await connection.execute("SET TIME ZONE 'UTC'")
        yield connection


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[None]:
    """One unchanging view of a database."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            yield
    finally:
        await connection.set_isolation_level(None)


async def _refuse_company(source: Connection) -> None:
    others = await others_at_work(source, ourselves="gemba-transfer")
    if others:
        raise TransferError(
            f"{', '.join(others)} is at work on the database that is to be moved: stop all services"
        )


async def _refuse_used_topics(kafka: KafkaAddress) -> None:
    used = await used_topics(kafka, TOPICS, PARTITIONS)
    if used:
        raise TransferError(
            f"Kafka has records in {', '.join(used)}: a move needs topics that nobody has used;"
            " delete them, or take another cluster"
        )

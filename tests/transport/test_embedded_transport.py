"""The transport `embedded://` on a real PostgreSQL: the contract, and what only it can do."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from contract import (
    GROUP,
    CommitContract,
    DeliveryContract,
    ProcessContract,
    all_of,
    has_committed,
    records,
)
from pydantic import SecretStr
from workers import Worker, WorkerProcess, until

from contracts.streams import PARTITIONS, TELEMETRY
from launch.backends.postgres import PostgresServer
from launch.backends.running import running
from runtime.settings import StreamsSettings
from store.database import build_pool
from store.log.embedded import EmbeddedLog
from store.migrate import migrate
from streams.app import create_topics


class EmbeddedBackend:
    """`workers.Backend` over a database."""

    def __init__(self, url: str, log: EmbeddedLog) -> None:
        self.settings = StreamsSettings(database_url=SecretStr(url), stream_url="embedded://")
        self.log = log

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        offsets = await self.log.committed(group, [topic])
        return {at.partition: offset for at, offset in sorted(offsets.items())}


async def embedded(url: str) -> AsyncIterator[EmbeddedBackend]:
    async with build_pool(url, name="test-backend", max_size=8) as pool:
        backend = EmbeddedBackend(url, EmbeddedLog(pool))
        await create_topics(backend.settings)
        yield backend


@pytest.fixture
async def backend(database_url: str) -> AsyncIterator[EmbeddedBackend]:
    async for backend in embedded(database_url):
        yield backend


class TestDelivery(DeliveryContract):
    async def test_what_was_rolled_back_is_never_seen(
        self, backend: EmbeddedBackend, database_url: str
    ) -> None:
        async with Worker(backend, GROUP) as worker:
            await backend.log.append(records(4))
            await worker.has(4)
            connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
            async with connection:
                async with connection.transaction(force_rollback=True):
                    await backend.log.append_in(connection, records(4))
                async with connection.transaction():
                    await backend.log.append_in(connection, records(8)[4:])
            await worker.has(8)
            await asyncio.sleep(0.4)
        assert worker.offsets() == all_of(8)
        assert sorted(int(m.value or b"") for m in worker.handled) == list(range(8))

    async def test_readers_find_records_that_nobody_told_them_of(
        self, backend: EmbeddedBackend, database_url: str
    ) -> None:
        async with Worker(backend, GROUP) as worker:
            await backend.log.append(records(4))
            await worker.has(4)
            async with await psycopg.AsyncConnection.connect(database_url) as connection:
                await connection.execute(
                    "INSERT INTO log_records VALUES (%s, 0, 1, 0, NULL, 'quiet', NULL)",
                    (TELEMETRY,),
                )
                await connection.execute(
                    "UPDATE log_partitions SET head = 2 WHERE topic = %s AND partition = 0",
                    (TELEMETRY,),
                )
            await worker.has(5, timeout_s=10)
        assert worker.handled[-1].value == b"quiet"


class TestCommit(CommitContract):
    async def test_offsets_outside_the_log_are_told_and_mended(
        self,
        backend: EmbeddedBackend,
        database_url: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        await backend.log.append(records(40))
        await backend.log.register(GROUP, [TELEMETRY])
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            await connection.execute(
                'UPDATE log_commits SET "offset" = 99 WHERE partition = 0 AND topic = %s',
                (TELEMETRY,),
            )
        with caplog.at_level(logging.ERROR):
            async with Worker(backend, GROUP) as worker:
                await worker.has(30)
                await backend.log.append(records(4))
                await worker.has(34)
        assert f"{TELEMETRY}/0: group {GROUP} stands at 99" in caplog.text
        assert worker.offsets()[0] == [10]


class TestProcess(ProcessContract):
    async def test_a_second_worker_stands_by(
        self, backend: EmbeddedBackend, tmp_path: Path
    ) -> None:
        with WorkerProcess(backend, GROUP, tmp_path / "first") as first:
            await backend.log.append(records(40))
            await until(lambda: first.handled() == 40)
            async with Worker(backend, GROUP) as second:
                await backend.log.append(records(40))
                await until(lambda: first.handled() == 80)
                await asyncio.sleep(1.0)
                assert second.handled == []

    async def test_losing_the_lease_is_a_new_assignment(
        self, backend: EmbeddedBackend, database_url: str
    ) -> None:
        async with Worker(backend, GROUP) as worker:
            await backend.log.append(records(40))
            await worker.has(40)
            await has_committed(backend, dict.fromkeys(range(PARTITIONS), 10))
            async with await psycopg.AsyncConnection.connect(
                database_url, autocommit=True
            ) as connection:
                cursor = await connection.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE application_name = %s AND datname = current_database()",
                    (f"gemba-lease-{GROUP}",),
                )
                assert await cursor.fetchall() == [(True,)]
            await backend.log.append(records(40))
            await worker.has(80)
        assert worker.offsets() == all_of(80)
        every = [(TELEMETRY, p) for p in range(PARTITIONS)]
        assert sorted(worker.assigned) == sorted(every * 2)


# The database dies -------------------------------------------------------------------------------


class MortalPostgres:
    """A PostgreSQL of the test's own that is killed and comes back."""

    def __init__(self, folder: Path) -> None:
        self.server = PostgresServer(folder, durable=False, shared_buffers_mb=32)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def _launch(self) -> subprocess.Popen[bytes]:
        program = self.server.program()
        with (self._folder / "again.log").open("ab") as output:
            return subprocess.Popen(
                program.warded(),
                env=dict(program.environment),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    async def start(self) -> subprocess.Popen[bytes]:
        """Start again; the first attempts fail while old backends still live."""
        async with asyncio.timeout(60):
            while True:
                process = self._launch()
                while process.poll() is None:
                    try:
                        await self.server.check()
                    except psycopg.OperationalError:
                        await asyncio.sleep(0.05)
                    else:
                        self._process = process
                        return process
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.server.program().stop_signal)
            self._process.wait(60)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[MortalPostgres, subprocess.Popen[bytes]]]:
    postgres = MortalPostgres(tmp_path)
    with running(postgres.server, tmp_path / "postgres.log") as process:
        migrate(postgres.server.url)
        yield postgres, process
        postgres.stop()


@pytest.mark.kill
async def test_a_killed_database_loses_nothing_and_skips_nothing(
    mortal: tuple[MortalPostgres, subprocess.Popen[bytes]],
) -> None:
    postgres, process = mortal
    async for backend in embedded(postgres.server.url):
        async with Worker(backend, GROUP) as worker:
            for appended in (2_000, 4_000):
                await backend.log.append(records(2_000))
                await worker.has(appended - 1_500)
                postgres.kill(process)
                await asyncio.sleep(0.5)
                process = await postgres.start()
                await until(lambda total=appended: _handled(worker) == all_of(total))  # type: ignore[misc] # mypy cannot infer defaults
            assert len(worker.assigned) >= 2 * PARTITIONS
        # What was acknowledged was handled before; a repeat begins at a committed offset.
        for offsets in worker.offsets().values():
            assert offsets[0] == 0


def _handled(worker: Worker) -> dict[int, list[int]]:
    return {p: sorted(set(offsets)) for p, offsets in worker.offsets().items()}

"""The app's settings and the worker's life: how it starts, waits and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mode.utils.imports import symbol_by_name
from pydantic import SecretStr
from workers import Worker, WorkerProcess, until

from contracts.streams import PARTITIONS, TELEMETRY, TOPICS
from runtime.settings import StreamsSettings
from store.database import build_pool
from store.log import LogError, NewRecord
from store.log.embedded import EmbeddedLog
from store.log.identity import claim
from streams.app import build_app, create_topics, run_worker
from streams.transport import Transport


class Backend:
    """`workers.Backend` for what needs no contract."""

    def __init__(self, url: str, log: EmbeddedLog) -> None:
        self.settings = StreamsSettings(database_url=SecretStr(url))
        self.log = log

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        offsets = await self.log.committed(group, [topic])
        return {at.partition: offset for at, offset in offsets.items()}


@pytest.fixture
async def backend(database_url: str) -> AsyncIterator[Backend]:
    async with build_pool(database_url, name="test-worker", max_size=4) as pool:
        yield Backend(database_url, EmbeddedLog(pool))


@pytest.fixture
def absent() -> Backend:
    """A backend that is not there."""
    url = "postgresql://gemba@127.0.0.1:1/gemba"
    return Backend(url, EmbeddedLog(build_pool(url, name="absent")))


class TestBuildApp:
    def test_nothing_needless_is_switched_on(self, absent: Backend) -> None:
        app = build_app(absent.settings, group="g")
        assert app.conf.id == "g"
        assert not app.conf.web_enabled
        assert app.conf.topic_disable_leader
        assert not app.conf.topic_allow_declare
        assert isinstance(app.transport, Transport)
        assert app.assigned_partitions() == []

    def test_the_entry_point_names_the_transport(self) -> None:
        path = Path(__file__).parents[2] / "pyproject.toml"
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        points = project["entry-points"]["faust.transports"]
        assert symbol_by_name("embedded", aliases=points) is Transport


class TestCreateTopics:
    async def test_all_topics_exist_before_anyone_consumes(self, backend: Backend) -> None:
        await create_topics(backend.settings)
        assert len(await backend.log.extents(TOPICS)) == len(TOPICS) * PARTITIONS

    async def test_a_wrong_number_of_partitions_is_refused(self, backend: Backend) -> None:
        await backend.log.create_topics([TELEMETRY], PARTITIONS + 1)
        with pytest.raises(LogError, match=TELEMETRY):
            await create_topics(backend.settings)


class TestWorker:
    async def test_it_creates_its_topics_itself(self, backend: Backend, tmp_path: Path) -> None:
        with WorkerProcess(backend, "g", tmp_path / "effects") as worker:
            async with asyncio.timeout(60):
                while not await backend.log.extents(TOPICS):  # noqa: ASYNC110 - another process makes them
                    await asyncio.sleep(0.05)
            await backend.log.append([NewRecord(TELEMETRY, 0, None, b"x")])
            await until(lambda: worker.handled() == 1)
            assert worker.terminate() == 0
        assert [entry.name for entry in os.scandir(tmp_path)] == ["effects"]

    async def test_a_standby_ends_cleanly(self, backend: Backend, tmp_path: Path) -> None:
        await create_topics(backend.settings)
        async with Worker(backend, "g") as first:
            await until(lambda: len(first.app.assigned_partitions()) == PARTITIONS)
            with WorkerProcess(backend, "g", tmp_path / "effects") as standby:
                await standby.at_work()
                await asyncio.sleep(1.0)
                assert standby.terminate() == 0
                assert standby.lines() == []

    async def test_it_waits_for_a_database_that_is_away_and_ends_cleanly(
        self, absent: Backend, tmp_path: Path
    ) -> None:
        with WorkerProcess(absent, "g", tmp_path / "effects") as worker:
            await worker.at_work()
            await asyncio.sleep(1.0)
            assert worker.process.poll() is None
            assert worker.terminate() == 0

    async def test_a_signal_ends_it_in_this_process_too(self, backend: Backend) -> None:
        app = build_app(backend.settings, group="g")

        @app.agent(app.topic(TELEMETRY, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
        async def idle(stream: object) -> None:
            assert stream is not None
            await asyncio.Event().wait()

        running = asyncio.create_task(run_worker(app, backend.settings))
        await until(lambda: len(app.assigned_partitions()) == PARTITIONS)
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await running == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    async def test_a_crash_of_the_engine_is_told_by_the_exit_code(self, backend: Backend) -> None:
        await create_topics(backend.settings)
        worker = Worker(backend, "g")
        await worker.__aenter__()
        await until(lambda: len(worker.app.assigned_partitions()) == PARTITIONS)
        await worker.app.crash(RuntimeError("out of order"))
        assert await worker.ended() == 1

    async def test_what_the_engine_sends_itself_is_appended(self, backend: Backend) -> None:
        await create_topics(backend.settings)
        async with Worker(backend, "g") as worker:
            await until(lambda: len(worker.app.assigned_partitions()) == PARTITIONS)
            sent = await worker.app.producer.send_and_wait(
                TELEMETRY, b"key", b"value", 2, None, {"h": b"x"}
            )
            assert (sent.topic, sent.partition, sent.offset) == (TELEMETRY, 2, 0)
            waiting = await worker.app.producer.send("gemba.none", b"", b"", 0, None, None)
            await worker.app.producer.flush()
            with pytest.raises(LogError, match=r"gemba\.none"):
                await waiting
            await worker.has(1)
        (message,) = worker.handled
        assert (message.key, message.value) == (b"key", b"value")

    async def test_a_database_of_another_stream_is_refused_and_told(
        self, backend: Backend, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with build_pool(
            backend.settings.database_url.get_secret_value(), name="other", max_size=1
        ) as pool:
            await claim(pool, "kafka:elsewhere")
        assert await run_worker(build_app(backend.settings, group="g"), backend.settings) == 1
        assert "belongs to the stream 'kafka:elsewhere'" in caplog.text
        assert "gemba transfer" in caplog.text

"""STREAM-5 and STREAM-6: who has gone silent is ended, and one worker leads."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from psycopg.errors import QueryCanceled

from runtime.clock import SystemClock
from runtime.tasks import end
from store.database import Pool, build_pool
from store.effects import take_over
from streams.presence import BLIND_S, SILENT_S, TICK_S, Presence, Sign, Silence

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("presence_process.py")
PATIENCE_S = 60.0


class TestSilence:
    def looks(
        self, silence: Silence, signs: Callable[[float], list[Sign]]
    ) -> dict[float, set[str]]:
        """Look every TICK_S for 10 s; answers when who was found silent."""
        times = [TICK_S * number for number in range(20)]
        return {at: found for at in times if (found := silence.observe(at, signs(at)))}

    def test_who_says_something_is_not_silent(self) -> None:
        assert self.looks(Silence(), lambda at: [Sign("streams-a", 1, at)]) == {}

    def test_who_says_nothing_is_silent_after_its_time(self) -> None:
        found = self.looks(Silence(), lambda _: [Sign("streams-a", 1, 17.0)])
        assert min(found) == SILENT_S
        assert found[SILENT_S] == {"streams-a"}

    def test_a_new_connection_is_a_new_word(self) -> None:
        assert self.looks(Silence(), lambda at: [Sign("streams-a", int(at / 2), 17.0)]) == {}

    def test_what_happened_while_nobody_looked_is_nobodys_silence(self) -> None:
        """The database, or this machine, stood still: workers must not end each other."""
        silence = Silence()
        stopped = [Sign("streams-a", 1, 17.0)]
        assert silence.observe(0.0, stopped) == set()
        assert silence.observe(BLIND_S + 10.0, stopped) == set()
        assert silence.observe(BLIND_S + 11.0, stopped) == set()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test", max_size=3) as opened:
        yield opened


@asynccontextmanager
async def present(url: str, worker: str, *, at_work: bool = True) -> AsyncIterator[Presence]:
    presence = Presence(url=url, worker=worker, clock=SystemClock(), at_work=lambda: at_work)
    task = asyncio.create_task(presence.run())
    try:
        yield presence
    finally:
        await end([task])
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def other(url: str, where: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in a process of its own, with its transaction open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        url,
        "streams-other",
        where,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        await said(process, "open")
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process, word: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert (await process.stdout.readline()).decode().strip() == word


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("where", ["idle", "copying", "pipelined"])
async def test_stream_5_what_a_stopped_worker_had_locked_is_free_in_time(
    database_url: str, pool: Pool, where: str
) -> None:
    async with pool.connection() as connection:
        await take_over(connection, "cluster-test", "a-topic", 0)
    async with other(database_url, where) as stopped, present(database_url, "streams-this"):
        await asyncio.sleep(2 * TICK_S)
        stopped.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        async with pool.connection() as connection:
            _, done = await take_over(connection, "cluster-test", "a-topic", 0)
        # Its last sign may be a little older than the stop; how soon is a matter of the machine.
        assert time.monotonic() - began > SILENT_S / 2
        assert done.offset == -1  # what it had not committed did not happen


async def test_stream_5_who_is_only_quiet_is_left_alone(database_url: str, pool: Pool) -> None:
    """A worker that computes for long, its transaction open, is there all the same."""
    async with pool.connection() as connection:
        await take_over(connection, "cluster-test", "a-topic", 0)
    async with (
        other(database_url, "idle"),
        present(database_url, "streams-this"),
        pool.connection() as connection,
    ):
        await connection.execute("SET statement_timeout = '6500ms'")
        with pytest.raises(QueryCanceled):
            await take_over(connection, "cluster-test", "a-topic", 0)


async def test_stream_6_one_leads_and_another_one_when_it_ends(database_url: str) -> None:
    async with present(database_url, "streams-b") as second:
        async with present(database_url, "streams-a") as first:
            await until(lambda: first.term or second.term)
            await asyncio.sleep(3 * TICK_S)
            assert (first.term is None) != (second.term is None)
        await until(lambda: second.term)


async def test_stream_6_who_has_no_partitions_does_not_lead(database_url: str) -> None:
    async with (
        present(database_url, "streams-a", at_work=False) as idle,
        present(database_url, "streams-b") as working,
    ):
        await until(lambda: working.term)
        await asyncio.sleep(2 * TICK_S)
        assert idle.term is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_stream_6_a_leader_that_is_killed_or_stopped_is_followed(
    database_url: str, how: signal.Signals
) -> None:
    async with (
        other(database_url, "leading") as leader,
        present(database_url, "streams-b") as next_,
    ):
        await asyncio.sleep(3 * TICK_S)
        assert next_.term is None
        leader.send_signal(how)
        terms = iter(lambda: next_.term, object())
        await until(lambda: next(terms))

"""Workers under test: in this process, and in one of their own that may be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from contracts.streams import TELEMETRY
from runtime.settings import StreamsSettings
from store.log import StreamLog
from streams.app import build_app, serve
from streams.consumption import Handler, Message, consume

TIMEOUT_S = 60.0


class Backend(Protocol):
    """A stream log under test, with its topics made."""

    @property
    def settings(self) -> StreamsSettings:
        """An installation that uses it."""
        ...

    @property
    def log(self) -> StreamLog:
        """Opened."""
        ...

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """The next offset that a group wants, per partition that it has committed."""
        ...


async def until(condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


class Worker:
    """An app with one agent in this process; what its handler was given is kept.

    `before` is awaited with each batch before it is taken as handled; raising refuses it.
    """

    def __init__(
        self,
        backend: Backend,
        group: str,
        *,
        topics: Sequence[str] = (TELEMETRY,),
        before: Handler | None = None,
        **options: Any,
    ) -> None:
        self.app = build_app(backend.settings, group=group)
        self.handled: list[Message] = []
        self.batches: list[list[Message]] = []
        self.assigned: list[tuple[str, int]] = []
        self._before = before
        self._options = options
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[int] | None = None

        @self.app.agent(self.app.topic(*topics, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
        async def record(stream: Any) -> None:
            await consume(stream, self._handle, on_assigned=self._on_assigned, **self._options)

    async def _handle(self, messages: Sequence[Message]) -> None:
        if self._before is not None:
            await self._before(messages)
        self.handled.extend(messages)
        self.batches.append(list(messages))

    async def _on_assigned(self, topic: str, partition: int) -> None:
        self.assigned.append((topic, partition))

    def offsets(self, topic: str = TELEMETRY) -> dict[int, list[int]]:
        """What was handled, per partition in the order in which it was."""
        found: dict[int, list[int]] = defaultdict(list)
        for message in self.handled:
            if message.topic == topic:
                found[message.partition].append(message.offset)
        return dict(found)

    async def has(self, count: int, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until so many records have been handled."""
        assert self._serving is not None
        serving = self._serving
        await until(lambda: len(self.handled) >= count or serving.done(), timeout_s)
        assert not serving.done(), "the worker has crashed"

    async def stop(self) -> int:
        """Stop cleanly; returns the exit code."""
        self._stop.set()
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the end; returns the exit code."""
        assert self._serving is not None
        async with asyncio.timeout(TIMEOUT_S):
            return await self._serving

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(serve(self.app, self._stop))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        code = await self.stop()
        if kind is None:
            assert code == 0


def _heeds(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


class WorkerProcess:
    """A worker in a process of its own (`worker_process.py`)."""

    def __init__(self, backend: Backend, group: str, path: Path) -> None:
        self._path = path
        path.touch()
        settings = backend.settings
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker_process.py")), group, str(path)],
            cwd=path.parent,
            env={
                **os.environ,
                "GEMBA_DATABASE_URL": settings.database_url.get_secret_value(),
                "GEMBA_STREAM_URL": settings.stream_url,
            },
        )

    def lines(self) -> list[str]:
        """What it has written; a last line that was torn by a kill is left out."""
        return self._path.read_text(encoding="utf-8").split("\n")[:-1]

    def offsets(self, topic: str = TELEMETRY) -> dict[int, list[int]]:
        """The offsets in the file, per partition in the order in which they were handled."""
        found: dict[int, list[int]] = defaultdict(list)
        for line in self.lines():
            name, *numbers = line.split()
            if name == topic:
                found[int(numbers[0])].append(int(numbers[1]))
        return dict(found)

    def handled(self) -> int:
        """How many records the file tells of; the worker must not have crashed."""
        assert self.process.poll() in {None, 0, -signal.SIGKILL}
        return sum(len(offsets) for offsets in self.offsets().values())

    async def at_work(self) -> None:
        """Wait until it heeds signals: from then on it ends when it is told to."""
        await until(lambda: _heeds(self.process.pid, signal.SIGTERM))

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()

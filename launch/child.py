"""One supervised process: started, watched, started again when it ends, stopped in the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from launch import leftovers
from launch.installation import ProcessState, ProcessStatus
from launch.logfile import LogFile
from launch.programs import Program
from runtime.logging import without_credentials

_log = logging.getLogger(__name__)

_READY_POLL_S = 0.1
_READ_BYTES = 65_536
_LAST_LINE_BYTES = 300


@dataclass(frozen=True)
class BackOff:
    """How long to wait before the next start: doubling, and forgotten after a good run."""

    first_s: float = 0.2
    longest_s: float = 10.0
    forget_after_s: float = 30.0

    def next_s(self, last_s: float | None, alive_s: float) -> float:
        """The wait after a run of `alive_s`, when the wait before that run was `last_s`."""
        if last_s is None or alive_s >= self.forget_after_s:
            return self.first_s
        return min(last_s * 2, self.longest_s)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a child is made of."""

    name: str
    program: Callable[[], Program]
    """The program for the next start; may write its configuration. Raises: it cannot start now."""
    setup_program: Callable[[], Program | None] = lambda: None
    """What must run to its end before, or None."""
    check: Callable[[], Awaitable[None]] | None = None
    """Raises until the process serves. None: it serves as soon as it lives."""


class Child:
    """A process that is kept alive. `changed` is called after every change of its status."""

    def __init__(
        self, plan: Plan, *, logs: Path, run_dir: Path, changed: Callable[[], None]
    ) -> None:
        self.status = ProcessStatus(name=plan.name)
        self.ready = asyncio.Event()
        """Set as long as the process serves."""
        self._plan = plan
        self._log_file = LogFile(logs / f"{plan.name}.log")
        self._run_dir = run_dir
        self._changed = changed
        self._back_off = BackOff()
        self._process: asyncio.subprocess.Process | None = None
        self._program: Program | None = None
        self._stopping = asyncio.Event()
        self._last_line = b""
        self._exit_code = 0
        self._reason: str | None = None

    @property
    def name(self) -> str:
        """The child's name."""
        return self._plan.name

    async def keep(self) -> None:
        """Keep the process alive until `stop`."""
        wait_s: float | None = None
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                problem = await self._run_once()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                problem = str(error) or type(error).__name__
                await self._kill_and_reap()
            if self._stopping.is_set():
                break
            wait_s = self._back_off.next_s(wait_s, time.monotonic() - began)
            self._became(ProcessState.BACKING_OFF, pid=None, problem=problem)
            _log.warning("%s: %s; next start in %.1f s", self.name, problem, wait_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
            self.status.restarts += 1
        self._became(ProcessState.STOPPED, pid=None)
        self._log_file.close()

    def ask_to_stop(self) -> None:
        """Tell the process to end; it is not started again."""
        self._stopping.set()
        if self._program is not None:
            self._signal(self._program.stop_signal)

    async def stop(self, within_s: float) -> None:
        """End the process, by force when it does not within the time."""
        program = self._program
        self.ask_to_stop()
        try:
            async with asyncio.timeout(within_s):
                await self._ended()
        except TimeoutError:
            asked = "being told to stop" if program is None else program.stop_signal.name
            said = self._last_line.decode("utf-8", "replace").strip()
            _log.warning(
                "%s is still running %g s after %s: killing it; %s",
                self.name,
                within_s,
                asked,
                f"the last it said: {without_credentials(said)}" if said else "it said nothing",
            )
            await self.abort()

    async def abort(self) -> None:
        """End the process at once."""
        self._stopping.set()
        if self._program is not None:
            self._signal(self._program.orphan_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ended()
        self.kill()
        await self._ended()

    def kill(self) -> None:
        """SIGKILL the process and its group; `keep` then starts it anew unless it was stopped."""
        self._signal(signal.SIGKILL)

    def restart(self, reason: str) -> None:
        """End a process that lives but does nothing."""
        _log.error("%s: %s: ending it", self.name, reason)
        self._reason = reason
        self.kill()

    async def _run_once(self) -> str:
        """One life of the process; returns how it ended."""
        setup = self._plan.setup_program()
        if setup is not None:
            self._became(ProcessState.STARTING, pid=None)
            problem = await self._run(setup, serves=False)
            if self._stopping.is_set():
                return problem
            if self._exit_code != 0:
                return f"{setup.name}: {problem}"
        return await self._run(self._plan.program(), serves=True)

    async def _run(self, program: Program, *, serves: bool) -> str:
        self._last_line = b""
        self._program = program
        self._process = process = await asyncio.create_subprocess_exec(
            *program.warded(),
            env=dict(program.environment),
            cwd=program.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        leftovers.record(self._run_dir, process.pid, program)
        self.status.started_at_ms = time.time_ns() // 1_000_000
        self._became(ProcessState.STARTING, pid=process.pid)
        reading = asyncio.create_task(self._read_output(process))
        checking = asyncio.create_task(self._wait_ready()) if serves else None
        if self._stopping.is_set():
            self._signal(program.stop_signal)
        try:
            code = await process.wait()
        finally:
            if checking is not None:
                checking.cancel()
            self.ready.clear()
            self._process = self._program = None
        # What it printed last may still be in the pipe; a grandchild may hold that open for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await reading
        leftovers.forget(self._run_dir, program.name)
        self._exit_code = code
        reason, self._reason = self._reason, None
        return reason or _ending(code, self._last_line)

    async def _wait_ready(self) -> None:
        while self._plan.check is not None:
            try:
                await self._plan.check()
            except Exception as error:  # noqa: BLE001 - any failure means: not yet
                _log.debug("%s: not ready: %s", self.name, error)
                await asyncio.sleep(_READY_POLL_S)
            else:
                break
        self.ready.set()
        self._became(ProcessState.RUNNING, pid=self.status.pid)

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while data := await process.stdout.read(_READ_BYTES):
            self._log_file.write(data)
            lines = data.rstrip().rsplit(b"\n", 1)
            if lines[-1].strip():
                self._last_line = lines[-1][:_LAST_LINE_BYTES]

    async def _ended(self) -> None:
        process = self._process
        if process is not None:
            await process.wait()

    async def _kill_and_reap(self) -> None:
        self.kill()
        await self._ended()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, number)
            else:
                # The ward has not made its group yet.
                os.kill(process.pid, number)

    def _became(self, state: ProcessState, *, pid: int | None, problem: str | None = None) -> None:
        self.status.state = state
        self.status.pid = pid
        if problem is not None:
            self.status.problem = problem
        self._changed()


def _ending(code: int, last_line: bytes) -> str:
    """How a process ended, and what it said last where that may be the reason."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    words = without_credentials(last_line.decode("utf-8", "replace").strip())
    return f"ended with code {code}: {words}" if words else f"ended with code {code}"

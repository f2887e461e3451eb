"""What the supervisor shows: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from launch.installation import ProcessState, ProcessStatus
from runtime.health import Health, HealthState

_COLOURS = {
    ProcessState.WAITING: "dim",
    ProcessState.STARTING: "yellow",
    ProcessState.RUNNING: "green",
    ProcessState.BACKING_OFF: "red",
    ProcessState.STOPPED: "dim",
}
_TROUBLE = {HealthState.DEGRADED, HealthState.FAILED, ProcessState.BACKING_OFF}
_MIB = 1024 * 1024
_OTHER_COLUMNS = 72
_LEAST_PROBLEM_COLUMNS = 8


def state_text(status: ProcessStatus, health: Health | None) -> tuple[str, str]:
    """A process's state and what is wrong with it, for people.

    A running service that reports a problem shows that instead of "running".
    """
    if status.state is ProcessState.RUNNING and health is not None:
        if health.state is not HealthState.OK:
            return health.state.value, health.reason or ""
        return status.state.value, status.problem or ""
    return status.state.value, status.problem or ""


def table(
    statuses: Sequence[ProcessStatus],
    health_of: Callable[[str], Health | None],
    *,
    now_ms: int,
    width: int,
) -> Table:
    """One line per process, in a terminal so many columns wide."""
    room = max(_LEAST_PROBLEM_COLUMNS, width - _OTHER_COLUMNS)
    result = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "state", "pid", "restarts", "memory", "uptime", "last problem"):
        right = heading in {"pid", "restarts", "memory", "uptime"}
        result.add_column(
            heading, justify="right" if right else "left", header_style="dim", no_wrap=True
        )
    for status in statuses:
        state, problem = state_text(status, health_of(status.name))
        colour = "red" if state in _TROUBLE else _COLOURS[status.state]
        result.add_row(
            status.name,
            Text(state, colour),
            "" if status.pid is None else str(status.pid),
            str(status.restarts),
            memory_text(status.pid),
            "" if status.pid is None else uptime_text(status.started_at_ms, now_ms),
            Text(_cut(problem, room), "dim"),
        )
    return result


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"


def memory_text(pid: int | None) -> str:
    """Resident memory of a process, or nothing when it is gone."""
    if pid is None:
        return ""
    try:
        process = psutil.Process(pid)
        total = process.memory_info().rss
    except psutil.Error:
        return ""
    return f"{total / _MIB:.0f} MiB"


def uptime_text(started_at_ms: int | None, now_ms: int) -> str:
    """How long ago, in the two largest units."""
    if started_at_ms is None:
        return ""
    seconds = max(0, (now_ms - started_at_ms) // 1_000)
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    if minutes:
        return f"{minutes} min {seconds % 60} s"
    return f"{seconds} s"


class Display:
    """Shows the processes; `refresh` several times a second, `say` for what stays readable."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: dict[str, str] = {}
        self._notes: list[str] = []

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the table; it stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def keep_showing(self, lines: Sequence[str]) -> None:
        """Lines below the table, from now on; where there is no table they are printed once."""
        if self._live is None:
            for line in lines:
                self.say(line)
        self._notes = list(lines)

    def refresh(
        self,
        phase: str,
        statuses: Sequence[ProcessStatus],
        health_of: Callable[[str], Health | None],
    ) -> None:
        """Show how things are now."""
        if self._live is None:
            self._tell_changes(statuses, health_of)
            return
        now_ms = time.time_ns() // 1_000_000
        parts: list[RenderableType] = [
            table(statuses, health_of, now_ms=now_ms, width=self._console.width)
        ]
        parts.append(Text(f"gemba: {phase} · Ctrl-C ends everything", "bold"))
        parts.extend(Text(note) for note in self._notes)
        self._live.update(Group(*parts), refresh=True)

    def _tell_changes(
        self, statuses: Sequence[ProcessStatus], health_of: Callable[[str], Health | None]
    ) -> None:
        for status in statuses:
            state, problem = state_text(status, health_of(status.name))
            line = f"{status.name}: {state}"
            if status.pid is not None:
                line += f" (pid {status.pid})"
            if problem and state in _TROUBLE:
                line += f": {problem}"
            if self._told.get(status.name) != line:
                self._told[status.name] = line
                self.say(f"{time.strftime('%H:%M:%S')} {line}")

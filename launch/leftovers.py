"""Processes that an earlier supervisor left behind.

On Linux the kernel ends a killed supervisor's children (`launch.ward`); this is for the moments
they take, and for other systems. A recorded process is touched only when it provably is the one
that was recorded: same id, same start, same program.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

import msgspec
import psutil

from launch.programs import Program
from runtime.secrets import replace_private

_GO_BY_THEMSELVES_S = 3.0
_GRACE_S = 5.0
_START_TOLERANCE_S = 1.0
_POLL_S = 0.05
_log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was started."""

    pid: int
    started_at: float
    """Seconds since the epoch, as the system tells it."""
    program: str
    """Base name of the program it runs."""
    orphan_signal: int


def record(folder: Path, pid: int, program: Program) -> None:
    """Write down a process just started."""
    try:
        started_at = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    entry = Record(
        pid=pid,
        started_at=started_at,
        program=Path(program.argv[0]).name,
        orphan_signal=int(program.orphan_signal),
    )
    replace_private(_file(folder, program.name), msgspec.json.encode(entry).decode())


def forget(folder: Path, name: str) -> None:
    """The process has ended."""
    _file(folder, name).unlink(missing_ok=True)


def end_leftovers(folder: Path) -> list[str]:
    """End every recorded process that still lives; blocks. Returns their names."""
    ended: list[str] = []
    for path in sorted(folder.glob("*.pid")):
        try:
            entry = msgspec.json.decode(path.read_bytes(), type=Record)
        except msgspec.DecodeError:
            _log.warning("%s is unreadable: ignored", path)
        else:
            process = _living(entry)
            if process is not None:
                _end(process, entry)
                ended.append(path.stem)
        path.unlink(missing_ok=True)
    return ended


def _living(entry: Record) -> psutil.Process | None:
    """The recorded process, if it lives and is the one that was recorded."""
    try:
        process = psutil.Process(entry.pid)
        same_start = abs(process.create_time() - entry.started_at) < _START_TOLERANCE_S
        # A server may have rewritten its command line; it still begins with its own name.
        same_program = entry.program in " ".join(process.cmdline())
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if same_start and same_program and alive else None


def _end(process: psutil.Process, entry: Record) -> None:
    if _gone(process, _GO_BY_THEMSELVES_S):
        return
    _log.warning("process %d (%s) was left behind: ending it", entry.pid, entry.program)
    _signal_group(entry.pid, entry.orphan_signal)
    if not _gone(process, _GRACE_S):
        _signal_group(entry.pid, signal.SIGKILL)
        _gone(process, _GRACE_S)


def _gone(process: psutil.Process, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
    return True


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        # Wards lead their own group; the group of anything else is not ours.
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pid"

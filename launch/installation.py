"""What a running installation writes down about itself, for commands on the same machine.

`<data_dir>/run/installation.json` (0600): addresses with credentials, and the processes.
`<data_dir>/run/supervisor.lock`: held as long as the supervisor lives.
"""

from __future__ import annotations

import enum
import fcntl
import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from runtime.secrets import replace_private


class InstallationError(Exception):
    """The installation is not there, or somebody else runs it; the message says what to do."""


class ProcessState(enum.StrEnum):
    """How a supervised process is."""

    WAITING = "waiting"
    """Not started yet: something it needs is not there."""
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing-off"
    """It ended and will be started again."""
    STOPPED = "stopped"


class ProcessStatus(msgspec.Struct, kw_only=True):
    """One supervised process."""

    name: str
    state: ProcessState = ProcessState.WAITING
    pid: int | None = None
    restarts: int = 0
    started_at_ms: int | None = None
    problem: str | None = None
    """The last thing that went wrong, if anything ever did."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are. Holds credentials: not for showing."""

    database_url: str
    stream_url: str
    redis_url: str
    mqtt_url: str
    """For the gateway."""
    machine_mqtt_url: str
    """For publishers."""
    http_url: str

    def __repr__(self) -> str:
        return f"Addresses(http_url={self.http_url!r}, …)"


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """A running installation."""

    supervisor_pid: int
    started_at_ms: int
    addresses: Addresses
    processes: list[ProcessStatus]


def run_dir(data_dir: Path) -> Path:
    """Where a running installation keeps what matters only while it runs; made when missing."""
    path = data_dir / "run"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_installation(data_dir: Path, installation: Installation) -> None:
    """Write the file anew, complete or not at all."""
    text = msgspec.json.format(msgspec.json.encode(installation), indent=2).decode()
    replace_private(_file(data_dir), text + "\n")


def forget_installation(data_dir: Path) -> None:
    """Remove the file: the installation has ended."""
    _file(data_dir).unlink(missing_ok=True)


def read_installation(data_dir: Path) -> Installation:
    """The installation running on the data directory.

    Raises:
        InstallationError: none is running there.
    """
    if not is_running(data_dir):
        raise InstallationError(
            f"no installation is running on {data_dir}; start one with `gemba up` or `gemba demo`, "
            "or set GEMBA_DATA_DIR to its data directory"
        )
    still_starting = f"the installation on {data_dir} is still starting"
    try:
        installation = msgspec.json.decode(_file(data_dir).read_bytes(), type=Installation)
        holder = (data_dir / "run" / "supervisor.lock").read_text().strip()
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise InstallationError(still_starting) from error
    if holder != str(installation.supervisor_pid):
        # What a supervisor that was killed had written: its processes are gone.
        raise InstallationError(still_starting)
    return installation


def is_running(data_dir: Path) -> bool:
    """Whether a supervisor holds the data directory."""
    try:
        file = (data_dir / "run" / "supervisor.lock").open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def hold(data_dir: Path) -> BinaryIO:
    """Become the data directory's one supervisor, until the file is closed or the process ends.

    What an earlier one, killed, wrote about itself is forgotten.

    Raises:
        InstallationError: another supervisor has it.
    """
    path = run_dir(data_dir) / "supervisor.lock"
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read(20).decode(errors="replace").strip() or "?"
        file.close()
        raise InstallationError(
            f"an installation is already running on {data_dir} (process {pid}); "
            "stop it, or set GEMBA_DATA_DIR to another directory"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    forget_installation(data_dir)
    return file


def _file(data_dir: Path) -> Path:
    return data_dir / "run" / "installation.json"

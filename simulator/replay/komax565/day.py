"""Where the logs lie: a directory of day folders, or one day folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from simulator.replay.komax565.records import (
    ErrorLog,
    Log,
    read_errors,
    read_records,
)
from simulator.replay.komax565.text import LogError, Problem

_FILES = ("job.sdc", "producti.sdc", "error.ldc", "user.sdc")


class Day(NamedTuple):
    """The logs of one folder; what is missing is empty."""

    name: str
    job: Log
    production: Log
    errors: ErrorLog
    user: Log

    @property
    def problems(self) -> list[Problem]:
        """What could not be read."""
        logs = (self.job, self.production, self.errors, self.user)
        return [problem for log in logs for problem in log.problems]


def read_days(directory: Path, zone: ZoneInfo, latest_ms: int) -> list[Day]:
    """All days in a directory, in order of their folders' names.

    Raises:
        LogError: there are no logs here, or a file cannot be read.
    """
    if not directory.is_dir():
        raise LogError(f"{directory}: is no directory")
    try:
        folders = [directory, *sorted(path for path in directory.iterdir() if path.is_dir())]
    except OSError as error:
        raise LogError(f"{directory}: cannot be read: {error.strerror or error}") from error
    days = [
        _read_day(folder, files, zone, latest_ms)
        for folder in folders
        if (files := _files_of(folder))
    ]
    if not days:
        raise LogError(
            f"{directory}: neither it nor a folder in it has a Job.sdc, Producti.sdc, Error.ldc "
            "or User.sdc; maybe the path of a day folder is meant, or of the folder above"
        )
    return days


def _files_of(folder: Path) -> dict[str, Path]:
    return {
        path.name.lower(): path
        for path in sorted(folder.iterdir())
        if path.name.lower() in _FILES and path.is_file()
    }


def _read_day(folder: Path, files: dict[str, Path], zone: ZoneInfo, latest_ms: int) -> Day:
    label = folder.resolve().name

    def records(name: str) -> Log:
        path = files.get(name)
        if path is None:
            return Log([], [Problem(f"{label}/{name}", 0, "is not there")], "")
        return read_records(path, f"{label}/{path.name}", zone, latest_ms)

    path = files.get("error.ldc")
    errors = (
        read_errors(path, f"{label}/{path.name}", zone, latest_ms)
        if path is not None
        else ErrorLog([], [Problem(f"{label}/error.ldc", 0, "is not there")], "")
    )
    return Day(label, records("job.sdc"), records("producti.sdc"), errors, records("user.sdc"))

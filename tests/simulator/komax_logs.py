"""Small logs in the machine's format, and an independent reading of what they must give."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from simulator.replay.komax565.day import read_days
from simulator.replay.komax565.messages import DayMessages, day_messages

WARSAW = ZoneInfo("Europe/Warsaw")
NOW_MS = 1_900_000_000_000
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "komax565"


def reference_truth(reference: Path) -> dict[str, dict[str, str]]:
    with (reference / "truth.csv").open(encoding="utf-8", newline="") as file:
        return {row["job"]: row for row in csv.DictReader(file)}


class LogWriter:
    """Writes a day folder, with the machine's warts."""

    def __init__(self, folder: Path, date: str = "03/02/2025") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.date = date

    def write(self, name: str, data: bytes) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(data)

    def record(self, name: str, section: str, time: str, /, **fields: str | int) -> None:
        stamp = time if "/" in time else f"{self.date},{time}"
        lines = [f"[{section}]", f"DateTimeStamp={stamp}"]
        lines += [f"{key}={value}" for key, value in fields.items()]
        self.write(name, ("\r\n".join(lines) + "\r\n\r\n").encode("cp1250"))

    def started(self, time: str, job: str, requested: int = 50) -> None:
        self._job("JobStarted", time, job, JobRequestedPieces=requested)

    def restarted(self, time: str, job: str, total: int, requested: int = 50) -> None:
        self._job("JobRestarted", time, job, JobRequestedPieces=requested, TotalGoodPieces=total)

    def paused(self, time: str, job: str, total: int, requested: int = 50) -> None:
        self._job("JobPaused", time, job, JobRequestedPieces=requested, TotalGoodPieces=total)

    def terminated(self, time: str, job: str, total: int, requested: int = 50) -> None:
        self._job("JobTerminated", time, job, JobRequestedPieces=requested, TotalGoodPieces=total)

    def aborted(self, time: str, job: str, total: int, requested: int = 50) -> None:
        self._job("JobAborted", time, job, JobRequestedPieces=requested, TotalGoodPieces=total)

    def _job(self, section: str, time: str, job: str, **fields: int) -> None:
        self.record("Job.sdc", section, time, Job=job, ArticleKey="A-1", UserName="OP", **fields)

    def production(
        self, section: str, time: str, job: str, total: int | None = None, **fields: str
    ) -> None:
        named: dict[str, str | int] = {"ArticleKey": "A-1", "Job": job, "UserName": "OP"}
        if total is not None:
            named["TotalGoodPieces"] = total
        self.record("Producti.sdc", section, time, **named, **fields)

    def counter(self, name: str, time: str, *lines: str) -> None:
        stamp = f"{self.date},{time}"
        text = "\r\n".join(["[Counter]", f"DateTimeStamp={stamp}", *lines]) + "\r\n\r\n"
        self.write(name, text.encode("cp1250"))

    def told(self) -> DayMessages:
        """What the folder's logs tell."""
        return told(self.folder)[0]


def told(directory: Path) -> list[DayMessages]:
    return [day_messages(day) for day in read_days(directory, WARSAW, NOW_MS)]


class Operation(NamedTuple):
    """What the join gives an operation."""

    good: int
    scrap: int
    runs: int
    state: str | None


class Joined(NamedTuple):
    """What the join makes of a machine's objects."""

    operations: dict[str, Operation]
    unassigned: int
    requested: dict[str, int]


def join(bodies: Iterable[dict[str, Any]], kinds: Iterable[str]) -> Joined:
    """The as-of join, written from its rules alone: sort everything, then fold."""
    fold = _Fold()
    for kind, body in _ordered(bodies, kinds):
        if kind == "count":
            fold.count(body)
        elif kind == "job":
            fold.job(body["work_order"], body["event"], body.get("requested"))
    return Joined(
        {
            job: Operation(fold.good[job], fold.scrap[job], fold.runs[job], state)
            for job, state in fold.state.items()
        },
        fold.unassigned,
        fold.requested,
    )


def _ordered(
    bodies: Iterable[dict[str, Any]], kinds: Iterable[str]
) -> Iterable[tuple[str, dict[str, Any]]]:
    accepted: dict[tuple[str, str, int], tuple[str, dict[str, Any]]] = {}
    for kind, body in zip(kinds, bodies, strict=True):
        key = (body["source"], body["boot"], body["seq"])
        if key in accepted:
            assert accepted[key] == (kind, body), f"the same identity {key} with other content"
        accepted[key] = (kind, body)
    effective: dict[tuple[str, str], int] = {}
    places = {}
    for key in sorted(accepted):
        effective[key[:2]] = max(effective.get(key[:2], 0), accepted[key][1]["t"])
        places[key] = (effective[key[:2]], *key)
    return [accepted[key] for key in sorted(accepted, key=places.__getitem__)]


class _Fold:
    def __init__(self) -> None:
        self.current: str | None = None
        self.good: dict[str, int] = defaultdict(int)
        self.scrap: dict[str, int] = defaultdict(int)
        self.runs: dict[str, int] = defaultdict(int)
        self.state: dict[str, str] = {}
        self.requested: dict[str, int] = {}
        self.unassigned = 0

    def count(self, body: dict[str, Any]) -> None:
        assert "work_order" not in body, "a count must leave the operation to the join"
        if self.current is None:
            self.unassigned += body.get("good", 0) + body.get("scrap", 0)
        else:
            self.good[self.current] += body.get("good", 0)
            self.scrap[self.current] += body.get("scrap", 0)

    def job(self, job: str, event: str, requested: int | None) -> None:
        if event == "started":
            if self.current not in (None, job):
                self.state[str(self.current)] = "interrupted"
            self.current = job
            self.runs[job] += 1
            self.state[job] = "running"
            if requested is not None:
                self.requested[job] = requested
        elif event in ("completed", "aborted"):
            self.state[job] = event
            self.current = None if self.current == job else self.current
        elif self.current == job:
            self.state[job] = {"paused": "paused", "resumed": "running"}[event]


def joined(days: Iterable[DayMessages]) -> Joined:
    items = [item for day in days for item in day.items]
    return join([item.body for item in items], [str(item.kind) for item in items])


def truth_of(files: Iterable[Path]) -> dict[str, int]:
    """Good pieces per job as a person reading only Job.sdc adds them up."""
    good: dict[str, int] = {}
    for file in files:
        text = file.read_bytes().replace(b"\0", b"").decode("cp1250")
        for block in re.split(r"(?m)^(?=\[)", text):
            header = re.match(r"\[(Job\w+)\]", block)
            job = re.search(r"(?m)^Job=(.*?)\r?$", block)
            if header is None or job is None:
                continue
            if header[1] not in ("JobPaused", "JobInterrupted"):
                good.setdefault(job[1], 0)
            total = re.search(r"(?m)^TotalGoodPieces=(\d+)\r?$", block)
            if header[1] in ("JobTerminated", "JobAborted") and total is not None:
                good[job[1]] += int(total[1])
    return good

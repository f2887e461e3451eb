"""What Job.sdc and Producti.sdc together tell: runs of jobs, and the pieces made in each.

**Runs.** `JobStarted` opens a run of its job, and so does `JobRestarted` when none is open (the
machine takes up what it paused on an earlier day). `JobTerminated` and `JobAborted` end it; the
record's `TotalGoodPieces` is what the run has made. A run that another `JobStarted` of the same job
or the end of the file leaves open was never ended and counts nothing. An end without a start ends a
run that nobody logged the beginning of: it begins with the first sign of work on that job after the
last other thing Job.sdc tells.

**Pieces.** `TotalGoodPieces` of the production records (and of pauses and restarts) is a counter
that shows *when* pieces were made; the end's total says *how many* count. The operator may set the
counter back to zero within a run, and pieces before that are not in the end's total. So only the
stretch after the last fall of the counter counts, each increase at its record's time, and what the
end knows beyond the last record is placed at the end. Where the counter stands at a number already
when it is seen first, these pieces are placed there: when the log first knows of them. The sum of a
run's pieces is always exactly the total of its end.

**Scrap.** A crimp that the force monitoring judged bad (`TerminalEnd1=<n>, FALSE, ...`) is a bad
wire; each such wire of a measurement record is one piece of scrap of the run.

**Times.** Entries of one second are put in order by milliseconds: Job.sdc's records rise strictly,
further ones of the same second (or behind it, when the clock was set back) `SLOT_MS` after the one
before. That is the order the machine lived them in, whatever its clock did.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, NamedTuple

from contracts.ids import EpochMs
from simulator.replay.komax565.records import Record
from simulator.replay.komax565.text import Problem

SLOT_MS: Final = 20
STARTED: Final = "JobStarted"
RESTARTED: Final = "JobRestarted"
PAUSED: Final = frozenset(("JobPaused", "JobInterrupted"))
ENDED: Final = frozenset(("JobTerminated", "JobAborted"))
_JOB_SECTIONS: Final = frozenset((STARTED, RESTARTED)) | PAUSED | ENDED
_MEASURED_ENDS: Final = ("TerminalEnd1", "TerminalEnd2")
_STAYS: Final = PAUSED | {RESTARTED}


class Entry(NamedTuple):
    """A record of Job.sdc in its place: `t_ms` rises strictly from entry to entry."""

    record: Record
    t_ms: EpochMs
    job: str
    requested: int | None
    good_total: int | None

    @property
    def section(self) -> str:
        """What happened."""
        return self.record.section


class Pieces(NamedTuple):
    """Pieces made by a run at a moment."""

    t_ms: EpochMs
    good: int
    scrap: int


@dataclass(slots=True)
class Run:
    """One run of a job. `end` is None for one whose end was never logged.

    Attributes:
        window: the log's times (not `Entry.t_ms`) between which production records belong to it.
    """

    job: str
    requested: int | None
    begun_ms: EpochMs
    window: tuple[int, int]
    inferred: bool = False
    """The log does not have its start."""
    end: Entry | None = None
    counter: list[tuple[EpochMs, int]] = field(default_factory=list)
    """The counter as production records show it."""
    shown: list[tuple[EpochMs, int]] = field(default_factory=list)
    """The counter as pauses and restarts show it."""
    scrap: list[tuple[EpochMs, int]] = field(default_factory=list)
    work: list[EpochMs] = field(default_factory=list)
    """When production records tell of work on it."""

    @property
    def good_total(self) -> int:
        """The pieces that count: what its end says."""
        return (self.end.good_total or 0) if self.end is not None else 0

    def pieces(self) -> list[Pieces]:
        """The pieces of an ended run, in order of time, none outside the run."""
        if self.end is None:
            return []
        made: dict[EpochMs, list[int]] = defaultdict(lambda: [0, 0])
        last = EpochMs(self.end.t_ms - 1)
        counter = list(merge(self.shown, self.counter, key=lambda reading: reading[0]))
        for t_ms, good in increases(counter, last, self.good_total):
            made[self._within(t_ms)][0] += good
        for t_ms, scrap in self.scrap:
            made[self._within(t_ms)][1] += scrap
        return [Pieces(t_ms, *made[t_ms]) for t_ms in sorted(made) if any(made[t_ms])]

    def _within(self, t_ms: EpochMs) -> EpochMs:
        latest = self.end.t_ms - 1 if self.end is not None else t_ms
        return EpochMs(max(self.begun_ms, min(t_ms, latest)))


def increases(
    counter: list[tuple[EpochMs, int]], end_ms: EpochMs, total: int
) -> list[tuple[EpochMs, int]]:
    """When the `total` pieces of an ended run were made, by a counter that may be set back."""
    readings = [*counter, (end_ms, total)]
    first = 0
    for place in range(1, len(readings)):
        if readings[place][1] < readings[place - 1][1]:
            first = place
    made: list[tuple[EpochMs, int]] = []
    before = 0
    for t_ms, reading in readings[first:]:
        if reading > before:
            made.append((t_ms, reading - before))
        before = reading
    return made


def entries_of(records: list[Record], file: str, problems: list[Problem]) -> list[Entry]:
    """The records of Job.sdc that tell of a job, with strictly rising times."""
    entries: list[Entry] = []
    last = 0
    for record in records:
        if record.section not in _JOB_SECTIONS:
            continue
        job = record.get("Job")
        if not job:
            problems.append(Problem(file, record.line, f"[{record.section}] names no Job"))
            continue
        t_ms = record.t_ms if record.t_ms > last else last + SLOT_MS
        last = t_ms
        entries.append(
            Entry(
                record,
                EpochMs(t_ms),
                job,
                _number(record, "JobRequestedPieces", file, problems),
                _number(record, "TotalGoodPieces", file, problems),
            )
        )
        if record.section in ENDED and record.get("TotalGoodPieces") is None:
            problems.append(
                Problem(file, record.line, f"[{record.section}] has no TotalGoodPieces")
            )
    return entries


def _number(record: Record, key: str, file: str, problems: list[Problem]) -> int | None:
    text = record.get(key)
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()):
        problems.append(Problem(file, record.line, f"{key} is no number of pieces: {text!r}"))
        return None
    return int(text)


def runs_of(entries: list[Entry], production: list[Record]) -> list[Run]:
    """All runs in order of their beginning, each with what production tells of it."""
    signs: dict[str, list[EpochMs]] = defaultdict(list)
    for record in production:
        job = record.get("Job")
        if job:
            signs[job].append(record.t_ms)
    runs: list[Run] = []
    open_runs: dict[str, Run] = {}
    other = (0, EpochMs(0))
    """The last entry that could not belong to a run of the present job: its log time, and ours."""
    for place, entry in enumerate(entries):
        run = open_runs.get(entry.job)
        if entry.section == STARTED or (entry.section == RESTARTED and run is None):
            window = (entry.record.t_ms, _forever(entries))
            if run is not None:
                run.window = (run.window[0], entry.record.t_ms)
            run = Run(entry.job, entry.requested, entry.t_ms, window)
            open_runs[entry.job] = run
            runs.append(run)
        elif entry.section in ENDED and run is None:
            other = _last_other(entries, place)
            run = _unlogged(entry, other, sorted(signs[entry.job]))
            runs.append(run)
        if run is not None:
            _take(run, entry)
            if entry.section in ENDED:
                open_runs.pop(entry.job, None)
    _give(runs, production)
    return runs


def _forever(entries: list[Entry]) -> int:
    return max(entry.record.t_ms for entry in entries)


def _last_other(entries: list[Entry], place: int) -> tuple[int, EpochMs]:
    """The last entry before `place` that is not a pause or restart of the same job."""
    job = entries[place].job
    for entry in reversed(entries[:place]):
        if entry.job != job or entry.section not in _STAYS:
            return entry.record.t_ms, entry.t_ms
    return 0, EpochMs(0)


def _unlogged(end: Entry, other: tuple[int, EpochMs], signs: list[EpochMs]) -> Run:
    """The run of an end without a start."""
    since = bisect_right(signs, other[0])
    sign = signs[since] if since < len(signs) else end.t_ms
    latest = EpochMs(end.t_ms - SLOT_MS // 2)
    begun = EpochMs(max(other[1] + 1, min(sign, latest)))
    return Run(end.job, end.requested, begun, (min(sign, end.record.t_ms), 0), inferred=True)


def _take(run: Run, entry: Entry) -> None:
    if entry.section in ENDED:
        run.end = entry
        ends = (run.window[0], entry.record.t_ms)
        run.window = (min(ends), max(ends))
    elif entry.good_total is not None:
        run.shown.append((entry.t_ms, entry.good_total))


def _give(runs: list[Run], production: list[Record]) -> None:
    """Production records to the runs they belong to: by job and time, in the files' order."""
    of_job: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_job[run.job].append(run)
    reached: dict[str, int] = defaultdict(int)
    job: str | None = None
    for record in production:
        job = record.get("Job") or job
        if job is None:
            continue
        fitting = [
            place
            for place, run in enumerate(of_job[job])
            if run.window[0] <= record.t_ms <= run.window[1]
        ]
        if not fitting:
            continue
        place = next((at for at in fitting if at >= reached[job]), fitting[0])
        reached[job] = place
        _tell(of_job[job][place], record)


def _tell(run: Run, record: Record) -> None:
    if record.section.startswith("Production"):
        run.work.append(record.t_ms)
        total = (record.get("TotalGoodPieces") or "").strip()
        if total.isascii() and total.isdigit():
            run.counter.append((record.t_ms, int(total)))
    bad = {
        value.split(",")[0].strip()
        for key, value in record.fields
        if key in _MEASURED_ENDS and _is_bad(value)
    }
    if bad:
        run.scrap.append((record.t_ms, len(bad)))


def _is_bad(measurement: str) -> bool:
    values = measurement.split(",")
    return len(values) > 1 and values[1].strip().upper() == "FALSE"

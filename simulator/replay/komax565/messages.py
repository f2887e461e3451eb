"""A day's logs as native messages.

Every file's story is one `boot`, named by the date and the words of the file's first record (its
mark), so that the same file gives the same identities wherever it lies and whatever other days are
replayed; a log that grows keeps what it had and goes on from there:

=====================  ===================  ======================================================
source                 boot
=====================  ===================  ======================================================
`komax565`             `<mark>/job`         one `job` object per record of Job.sdc, in its order
`komax565`             `<mark>/pieces`      `count` objects (never naming an operation), run by run
                                            in the order of the runs' ends: a run is told when its
                                            end is logged, never before
`komax565-production`  `<mark>/production`  samples, learning, measurements (`reading`) and what
                                            the machine does (`state`)
`komax565-material`    `<mark>/material`    consumption of wire and terminals, from the Counter
                                            blocks of both files
`komax565-error`       `<mark>/error`       machine messages
`komax565-user`        `<mark>/user`        operators
=====================  ===================  ======================================================

What decides where a piece goes speaks as `komax565`. The rest has sources of its own because a
gateway's receipt names only the newest few boots of a source.

`job` sorts before `pieces`, and both keep rising times, so the as-of join sees them in the order in
which things happened, also when the machine's clock was set back (then `logged` holds the log's own
time). Where the machine worked on a job that is not current by the join's rules, because another
job was started and ended in between, `pieces` first tells that the job was `started` again.

Pieces of runs that never ended, and of production that belongs to no run, are in the readings of
the counter (`production.good_pieces`) but in no count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from contracts.ids import EpochMs
from contracts.telemetry import JobEvent, LogOn, MachineState, Severity
from contracts.topics import Kind
from simulator.replay.komax565.day import Day
from simulator.replay.komax565.material import consumption
from simulator.replay.komax565.records import Record
from simulator.replay.komax565.runs import (
    ENDED,
    PAUSED,
    STARTED,
    Entry,
    Run,
    entries_of,
    runs_of,
)
from simulator.replay.komax565.text import Problem

SOURCE: Final = "komax565"
OPERATION: Final = 10

_STAGES: Final = {"Sample": "sample", "Learn": "learn", "Production": "production"}
_STATES: Final = {
    "SampleStarted": MachineState.SETUP,
    "LearnStarted": MachineState.SETUP,
    "ProductionStarted": MachineState.RUNNING,
    "ProductionRestarted": MachineState.RUNNING,
    "SampleTerminated": MachineState.IDLE,
    "LearnTerminated": MachineState.IDLE,
    "ProductionInterrupted": MachineState.IDLE,
    "ProductionTerminated": MachineState.IDLE,
}


class Item(NamedTuple):
    """One native object: its kind and its JSON."""

    kind: Kind
    body: dict[str, Any]

    @property
    def t_ms(self) -> int:
        """Event time."""
        return int(self.body["t"])

    @property
    def publisher(self) -> tuple[str, str]:
        """Source and boot."""
        return str(self.body["source"]), str(self.body["boot"])

    @property
    def seq(self) -> int:
        """Its number within the boot."""
        return int(self.body["seq"])


class DayMessages(NamedTuple):
    """What a day's logs tell.

    Attributes:
        items: boot by boot, rising by `seq` within each.
        problems: what could not be read.
        good: good pieces per job, as published.
    """

    items: list[Item]
    problems: list[Problem]
    good: dict[str, int]


class _Boot:
    """Objects of one boot, numbered as they come."""

    def __init__(self, mark: str, kind: str, source: str | None = None) -> None:
        self._source = source or f"{SOURCE}-{kind}"
        self._boot = f"{mark}/{kind}"
        self.items: list[Item] = []

    def add(self, kind: Kind, t_ms: EpochMs, /, **fields: Any) -> None:
        body = {
            "t": int(t_ms),
            "source": self._source,
            "boot": self._boot,
            "seq": len(self.items),
            **{name: value for name, value in fields.items() if value is not None},
        }
        self.items.append(Item(kind, body))


def day_messages(day: Day) -> DayMessages:
    """All messages of a day."""
    problems = day.problems
    entries = entries_of(day.job.records, f"{day.name}/Job.sdc", problems)
    runs = runs_of(entries, day.production.records)
    jobs = _jobs(day, entries, runs)
    pieces = _pieces(day, jobs.items, runs)
    boots = (jobs, pieces, _production(day), _material(day), _errors(day), _users(day))
    good: dict[str, int] = {entry.job: 0 for entry in entries if _creates(entry)}
    for run in runs:
        good[run.job] = good.get(run.job, 0) + run.good_total
    return DayMessages([item for boot in boots for item in boot.items], problems, good)


def _creates(entry: Entry) -> bool:
    """Whether the entry makes the job known: a pause alone does not."""
    return entry.section not in PAUSED


def _jobs(day: Day, entries: list[Entry], runs: list[Run]) -> _Boot:
    boot = _Boot(day.job.mark, "job", SOURCE)
    beginnings = {run.end.t_ms: run for run in runs if run.inferred and run.end is not None}
    current: str | None = None
    for entry in entries:
        run = beginnings.get(entry.t_ms)
        if run is not None:
            _job(boot, run.begun_ms, JobEvent.STARTED, run.job, requested=run.requested)
            current = run.job
        event = _event(entry, current)
        _job(
            boot,
            entry.t_ms,
            event,
            entry.job,
            requested=entry.requested if event is JobEvent.STARTED else None,
            article=entry.record.get("ArticleKey"),
            user=entry.record.get("UserName") or None,
            reason=entry.record.get("Reason"),
            logged=int(entry.record.t_ms) if entry.t_ms != entry.record.t_ms else None,
        )
        if event is JobEvent.STARTED:
            current = entry.job
        elif entry.section in ENDED and current == entry.job:
            current = None
    return boot


def _event(entry: Entry, current: str | None) -> JobEvent:
    if entry.section == STARTED:
        return JobEvent.STARTED
    if entry.section in PAUSED:
        return JobEvent.PAUSED
    if entry.section in ENDED:
        aborted = entry.section == "JobAborted"
        return JobEvent.ABORTED if aborted else JobEvent.COMPLETED
    return JobEvent.RESUMED if current == entry.job else JobEvent.STARTED


def _job(boot: _Boot, t_ms: EpochMs, event: JobEvent, job: str, **fields: Any) -> None:
    boot.add(Kind.JOB, t_ms, event=event.value, work_order=job, operation=OPERATION, **fields)


def _pieces(day: Day, jobs: list[Item], runs: list[Run]) -> _Boot:
    """Counts, each where the join finds its run's job current."""
    boot = _Boot(day.job.mark, "pieces", SOURCE)
    ended = sorted(
        (run for run in runs if run.end is not None),
        key=lambda run: run.end.t_ms if run.end is not None else 0,
    )
    told = 0
    current: str | None = None
    last = EpochMs(0)
    for run in ended:
        for made in run.pieces():
            t_ms = EpochMs(max(made.t_ms, last))
            since = last
            while told < len(jobs) and jobs[told].t_ms <= t_ms:
                before = current
                current = _follow(current, jobs[told].body)
                since = EpochMs(jobs[told].t_ms) if current != before else since
                told += 1
            if current != run.job:
                at = _first_sign(run, since, t_ms)
                _job(boot, at, JobEvent.STARTED, run.job, requested=run.requested, inferred=True)
                current = run.job
            boot.add(Kind.COUNT, t_ms, good=made.good or None, scrap=made.scrap or None)
            last = t_ms
    return boot


def _follow(current: str | None, body: dict[str, Any]) -> str | None:
    """The job that is current after one more job object."""
    job = str(body["work_order"])
    if body["event"] == JobEvent.STARTED:
        return job
    ended = body["event"] in (JobEvent.COMPLETED, JobEvent.ABORTED)
    return None if ended and current == job else current


def _first_sign(run: Run, since: EpochMs, until: EpochMs) -> EpochMs:
    """When the logs first show work on the run after something else was current."""
    place = bisect_left(run.work, since)
    sign = run.work[place] if place < len(run.work) else until
    return EpochMs(max(since, min(sign, until)))


def _production(day: Day) -> _Boot:
    boot = _Boot(day.production.mark, "production")
    job: str | None = None
    for record in day.production.records:
        job = record.get("Job") or job
        if not record.whole or record.section == "Counter":
            continue
        stage = next((name for name in _STAGES if record.section.startswith(name)), None)
        if stage is None:
            _measurements(boot, record, job)
            continue
        boot.add(
            Kind.READING,
            record.t_ms,
            name=_STAGES[stage],
            value=record.section.removeprefix(stage).lower(),
            job=job,
            article=record.get("ArticleKey"),
            user=record.get("UserName") or None,
            requested=record.get(f"{stage}RequestedPieces"),
        )
        total = (record.get("TotalGoodPieces") or "").strip()
        if total.isascii() and total.isdigit():
            boot.add(
                Kind.READING,
                record.t_ms,
                name="production.good_pieces",
                value=int(total),
                unit="pcs",
                job=job,
            )
        state = _STATES.get(record.section)
        if state is not None:
            boot.add(Kind.STATE, record.t_ms, state=state.value)
    return boot


def _measurements(boot: _Boot, record: Record, job: str | None) -> None:
    """One reading per line: the machine's own judgement where it gives one, else its words."""
    for key, value in record.fields:
        if key == "DateTimeStamp":
            continue
        verdict = _verdict(value)
        boot.add(
            Kind.READING,
            record.t_ms,
            name=f"{record.section}.{key}",
            value=value if verdict is None else verdict,
            text=None if verdict is None else value,
            job=job,
        )


def _verdict(value: str) -> bool | None:
    parts = value.split(",")
    word = parts[1].strip().upper() if len(parts) > 1 else ""
    return {"TRUE": True, "FALSE": False}.get(word)


def _material(day: Day) -> _Boot:
    boot = _Boot(day.job.mark or day.production.mark, "material")
    for used in consumption(day.job.records, day.production.records):
        boot.add(
            Kind.MATERIAL,
            used.t_ms,
            item=used.item,
            quantity=used.quantity,
            quantity_good=used.quantity_good,
            unit=used.unit,
            work_order=used.job,
            operation=OPERATION if used.job is not None else None,
        )
    return boot


def _errors(day: Day) -> _Boot:
    boot = _Boot(day.errors.mark, "error")
    for row in day.errors.rows:
        boot.add(
            Kind.MESSAGE,
            row.t_ms,
            code=row.code,
            severity=Severity.ERROR.value,
            text=row.text,
            job=row.job,
        )
    return boot


def _users(day: Day) -> _Boot:
    """Log-ons and log-offs. A log-on without a name leaves nobody there: it is a reading."""
    boot = _Boot(day.user.mark, "user")
    for record in _log_ons(day.user.records):
        name = record.get("UserName")
        event = LogOn.LOGGED_ON if record.section == "LoggedIn" else LogOn.LOGGED_OFF
        machine = record.get("MachineName")
        if name:
            boot.add(Kind.OPERATOR, record.t_ms, event=event.value, operator=name, device=machine)
        else:
            boot.add(
                Kind.READING,
                record.t_ms,
                name=f"user.{event.value}",
                value="",
                device=machine,
            )
    return boot


def _log_ons(records: list[Record]) -> Iterator[Record]:
    for record in records:
        if record.whole and record.section in ("LoggedIn", "LoggedOut"):
            yield record

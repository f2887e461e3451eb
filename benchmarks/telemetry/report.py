"""What was measured, kept as JSON, and told as Markdown tables and charts."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from benchmarks.telemetry import chart
from benchmarks.telemetry.compare import Session, Summary, ratios, summaries
from benchmarks.telemetry.endurance import Endurance
from benchmarks.telemetry.sizing import Sizing

_GIB: Final = 2**30


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """What generator and Mosquitto carry to a subscriber that only acknowledges."""

    asked: float
    array: int
    messages_per_s: float
    received: int
    sent: int
    generator_cpu_s: float
    subscriber_cpu_s: float
    broker_cpu_s: float


class Results(msgspec.Struct, kw_only=True):
    """All sections; each measurement replaces its own, so they may be made one at a time."""

    machine: dict[str, str] = {}
    options: dict[str, Any] = {}
    summaries: list[Summary] = []
    ratios: dict[str, dict[str, float]] = {}
    sessions: list[Session] = []
    sustained: dict[str, Endurance] = {}
    soak: dict[str, Endurance] = {}
    sizing: dict[str, Sizing] = {}
    generator: list[Ceiling] = []


class Report:
    """The results of a day: `<day>-telemetry.json`, `.md` and charts beside it."""

    def __init__(self, folder: Path, day: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stem = folder / f"{day}-telemetry"
        path = self._stem.with_suffix(".json")
        self.results = (
            msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()
        )
        self.results.machine = _machine()

    @property
    def table(self) -> Path:
        """The Markdown file."""
        return self._stem.with_suffix(".md")

    def save(self) -> None:
        """Write everything anew."""
        results = self.results
        found = results.summaries = summaries(results.sessions)
        results.ratios = ratios(found)
        encoded = msgspec.json.format(msgspec.json.encode(results), indent=1)
        self._stem.with_suffix(".json").write_bytes(encoded + b"\n")
        if found:
            self._chart("rates", chart.bars(_rates(found), title=_RATES, unit="samples/s"))
            self._chart("cpu", chart.bars(_cpu(found), title=_CPU, unit="s"))
        for kind, runs in (("sustained", results.sustained), ("soak", results.soak)):
            for name, one in runs.items():
                title = f"Memory, {name}: {one.step.seconds / 60:,.0f} min at {_offered(one)}"
                self._chart(
                    f"{kind}-{name.replace(' ', '-')}", chart.lines(one.memory, title=title)
                )
        self.table.write_text("\n".join(_markdown(results, found)), encoding="utf-8")

    def _chart(self, name: str, svg: str) -> None:
        self._stem.with_name(f"{self._stem.name}-{name}.svg").write_text(svg, encoding="utf-8")


_RATES: Final = "Highest rate kept up with, in samples a second (medians)"
_CPU: Final = "CPU seconds per 1,000 messages at that rate, servers included (medians)"
_TITLES: Final = {"single": "Single messages", "array": "Arrays of 20"}


def _rates(found: Sequence[Summary]) -> dict[str, dict[str, float]]:
    return _by_mode(found, "samples_per_s")


def _cpu(found: Sequence[Summary]) -> dict[str, dict[str, float]]:
    return _by_mode(found, "cpu_s_per_1000_messages")


def _by_mode(found: Sequence[Summary], field: str) -> dict[str, dict[str, float]]:
    return {
        _TITLES[mode]: {one.system: getattr(one, field) for one in found if one.mode == mode}
        for mode in dict.fromkeys(one.mode for one in found)
    }


def _markdown(results: Results, found: Sequence[Summary]) -> list[str]:
    told = ["# Telemetry, measured", ""]
    told += [", ".join(f"{name}: {value}" for name, value in results.machine.items()) + ".", ""]
    told += _comparison(found)
    for title, runs in (("Sustained", results.sustained), ("Soak", results.soak)):
        told += _endurance(title, runs)
    for name, sizing in results.sizing.items():
        told += _sizing(name, sizing)
    told += _ceiling(results.generator)
    return told


def _comparison(found: Sequence[Summary]) -> list[str]:
    told: list[str] = []
    for mode in dict.fromkeys(one.mode for one in found):
        rows = [
            (
                one.system,
                f"{one.messages_per_s:,.0f}",
                f"{one.samples_per_s:,.0f}",
                f"{one.cpu_s_per_1000_messages:.3f}",
                f"{one.cores_busy:.2f}",
                f"{_whole(one.latency_p50_ms)} / {_whole(one.latency_p99_ms)}",
                f"{one.common_cpu_s_per_1000_messages:.3f}",
                f"{_whole(one.common_latency_p50_ms)} / {_whole(one.common_latency_p99_ms)}",
                f"{one.lost} / {one.doubled}",
                ", ".join(f"{rate:,.0f}" for rate in one.each_run),
            )
            for one in found
            if one.mode == mode
        ]
        common = next(one.common_messages_per_s for one in found if one.mode == mode)
        told += [
            f"## {_TITLES[mode]}",
            "",
            *table(
                (
                    "system",
                    "messages/s",
                    "samples/s",
                    "CPU s per 1,000 messages",
                    "cores",
                    "publish → row p50 / p99 ms",
                    f"CPU s per 1,000 at {common:,.0f}/s",
                    f"p50 / p99 ms at {common:,.0f}/s",
                    "lost / doubled",
                    "runs",
                ),
                rows,
            ),
            "",
        ]
        told += [f"- {pair}: {value}×" for pair, value in ratios(found).get(mode, {}).items()]
        told.append("")
    return told


def _endurance(title: str, runs: dict[str, Endurance]) -> list[str]:
    if not runs:
        return []
    rows = [
        (
            name,
            f"{one.step.seconds / 60:,.0f} min at {_offered(one)}",
            f"{one.step.samples:,}",
            f"{one.lost} / {one.doubled}",
            "yes" if one.step.sustained else "no",
            _milliseconds(one.step.latency_p50_s) + " / " + _milliseconds(one.step.latency_p99_s),
            f"{one.step.cores_busy:.2f}",
            ", ".join(
                f"{process} {memory.slope_percent_per_hour:+.1f}"
                for process, memory in one.memory.items()
                if memory.slope_percent_per_hour is not None
            ),
        )
        for name, one in runs.items()
    ]
    heads = ("run", "load", "samples", "lost / doubled", "kept up", "p50 / p99 ms", "cores")
    return [f"## {title}", "", *table((*heads, "memory, % an hour"), rows), ""]


def _sizing(name: str, sizing: Sizing) -> list[str]:
    processes = list(dict.fromkeys(p for case in sizing.cases for p in case.step.cpu_s))
    rows = [
        (
            f"{case.machines:,}",
            f"{case.sites}",
            f"{case.step.rate:,.0f}",
            f"{case.step.cores_busy:.2f}",
            f"{case.step.cpu_s_per_1000_messages:.3f}",
            _milliseconds(case.step.latency_p99_s),
            *(f"{case.step.cpu_s.get(p, 0.0) / case.step.seconds:.2f}" for p in processes),
        )
        for case in sizing.cases
    ]
    heads = ("machines", "sites", "samples/s", "cores", "CPU s per 1,000", "p99 ms", *processes)
    disk = [
        (what, f"{size:,.1f}", f"{sizing.disk.gib_per_day_at_1000[what]:,.1f}")
        for what, size in sizing.disk.bytes_per_sample.items()
    ]
    return [
        f"## Cost by machines, sites and rate: {name}",
        "",
        *table(heads, rows),
        "",
        f"Disk, after {sizing.disk.samples:,} samples:",
        "",
        *table(("what", "bytes a sample", "GiB a day at 1,000 samples/s"), disk),
        "",
    ]


def _ceiling(ceilings: Sequence[Ceiling]) -> list[str]:
    if not ceilings:
        return []
    rows = [
        (
            "all it can" if not one.asked else f"{one.asked:,.0f}",
            f"{one.array}",
            f"{one.messages_per_s:,.0f}",
            f"{one.received:,} of {one.sent:,}",
            f"{one.generator_cpu_s:.2f}",
            f"{one.broker_cpu_s:.2f}",
        )
        for one in ceilings
    ]
    heads = ("asked/s", "array", "messages/s", "received", "generator CPU s", "Mosquitto CPU s")
    return ["## Generator and broker alone", "", *table(heads, rows), ""]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table's lines."""
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _offered(one: Endurance) -> str:
    return f"{one.step.rate * one.step.array:,.0f} samples/s"


def _milliseconds(seconds: float | None) -> str:
    return _whole(None if seconds is None else seconds * 1_000)


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _machine() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / _GIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

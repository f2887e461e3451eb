"""The systems side by side: each one's highest rate, and all of them at one rate."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.telemetry.measure import Bench, Load, Step, best
from benchmarks.telemetry.systems import Choice, Stored, started

ARRAYS: Final[Mapping[str, int]] = {"single": 1, "array": 20}
"""Objects in a message, by mode."""

COMMON: Final[Mapping[str, float]] = {"single": 300, "array": 50}
"""Messages a second at which all systems are measured: what the naive chain carries too."""

BEGIN: Final[Mapping[str, Mapping[str, float]]] = {
    "single": {"gemba": 10_000, "gemba-embedded": 10_000, "naive": 500, "telegraf": 15_000},
    "array": {"gemba": 2_000, "gemba-embedded": 2_000, "naive": 100, "telegraf": 3_000},
}
"""Where the first run's search begins; further runs begin where the one before ended."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A system's turn in a run: at the common rate, then the search; everything counted."""

    system: str
    mode: str
    run: int
    common: Step
    steps: list[Step]
    highest: Step | None
    stored: Stored
    lost: int
    doubled: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of a system's runs in one mode.

    Attributes:
        messages_per_s, samples_per_s: the highest rate that it kept up with.
        cpu_s_per_1000_messages: at that rate.
        common_…: at the rate of `COMMON`, the same for all.
    """

    system: str
    mode: str
    runs: int
    messages_per_s: float
    samples_per_s: float
    each_run: list[float]
    cpu_s_per_1000_messages: float
    cores_busy: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    common_messages_per_s: float
    common_cpu_s_per_1000_messages: float
    common_latency_p50_ms: float | None
    common_latency_p99_ms: float | None
    generator_cpu_s: float
    lost: int
    doubled: int


class Comparison:
    """Runs the systems in turn, run after run."""

    def __init__(
        self,
        *,
        systems: Sequence[str],
        modes: Sequence[str],
        runs: int,
        base: Load,
        choose: Callable[[Path], Choice],
        say: Callable[[str], None],
        keep: Callable[[Sequence[Session]], None],
    ) -> None:
        self._systems = systems
        self._modes = modes
        self._runs = runs
        self._base = base
        self._choose = choose
        self._say = say
        self._keep = keep
        self._near: dict[tuple[str, str], float] = {}

    def minutes(self) -> float:
        """About how long it takes."""
        sessions = len(self._systems) * len(self._modes)
        steps = 6.0 + 4.0 * (self._runs - 1)
        return sessions * (25 * self._runs + steps * (self._base.seconds + 4)) / 60

    def run(self) -> list[Session]:
        """Make all sessions; `keep` is called after each with all so far."""
        sessions: list[Session] = []
        for run in range(1, self._runs + 1):
            for mode in self._modes:
                for name in self._systems:
                    self._say(f"  run {run} of {self._runs}, {mode}: {name}")
                    sessions.append(self._session(name, mode, run))
                    self._keep(sessions)
        return sessions

    def _session(self, name: str, mode: str, run: int) -> Session:
        base = msgspec.structs.replace(self._base, array=ARRAYS[mode], rate=COMMON[mode])
        near = self._near.get((name, mode))
        with (
            tempfile.TemporaryDirectory(prefix="gemba-telemetry-") as folder,
            started(name, self._choose(Path(folder))) as system,
        ):
            bench = Bench(system, say=self._say)
            # Machines are adopted, caches and the JVM are warm.
            bench.warm_up(msgspec.structs.replace(base, seconds=3))
            common = bench.step(base)
            begin = msgspec.structs.replace(base, rate=near or BEGIN[mode][name])
            steps = bench.highest(begin, narrow=near is not None)
            stored, lost, doubled = bench.stored()
        highest = best(steps)
        if highest is not None:
            self._near[name, mode] = highest.rate
        said = "nothing" if highest is None else f"{highest.rate:,.0f} messages/s"
        self._say(f"    highest: {said}; lost {lost}, doubled {doubled}")
        return Session(
            system=name,
            mode=mode,
            run=run,
            common=common,
            steps=steps,
            highest=highest,
            stored=stored,
            lost=lost,
            doubled=doubled,
        )


def summaries(sessions: Sequence[Session]) -> list[Summary]:
    """The medians, by mode and system, in the order in which they were measured."""
    keys = dict.fromkeys((one.mode, one.system) for one in sessions)
    found = [_summary([s for s in sessions if (s.mode, s.system) == key]) for key in keys]
    return [one for one in found if one is not None]


def ratios(all_of: Sequence[Summary]) -> dict[str, dict[str, float]]:
    """Per mode the samples/s of gemba's systems against each peer's."""
    told: dict[str, dict[str, float]] = {}
    for mode in dict.fromkeys(one.mode for one in all_of):
        by_name = {one.system: one for one in all_of if one.mode == mode}
        told[mode] = {
            f"{name} / {peer}": round(by_name[name].samples_per_s / by_name[peer].samples_per_s, 2)
            for name in ("gemba", "gemba-embedded")
            for peer in ("naive", "telegraf")
            if name in by_name and peer in by_name
        }
    return told


def _summary(sessions: Sequence[Session]) -> Summary | None:
    kept = [one.highest for one in sessions if one.highest is not None]
    if not kept:
        return None
    common = [one.common for one in sessions]
    rate = statistics.median(step.rate for step in kept)
    return Summary(
        system=sessions[0].system,
        mode=sessions[0].mode,
        runs=len(sessions),
        messages_per_s=rate,
        samples_per_s=rate * kept[0].array,
        each_run=[step.rate for step in kept],
        cpu_s_per_1000_messages=statistics.median(step.cpu_s_per_1000_messages for step in kept),
        cores_busy=statistics.median(step.cores_busy for step in kept),
        latency_p50_ms=_median_ms([step.latency_p50_s for step in kept]),
        latency_p99_ms=_median_ms([step.latency_p99_s for step in kept]),
        common_messages_per_s=common[0].rate,
        common_cpu_s_per_1000_messages=statistics.median(
            step.cpu_s_per_1000_messages for step in common
        ),
        common_latency_p50_ms=_median_ms([step.latency_p50_s for step in common]),
        common_latency_p99_ms=_median_ms([step.latency_p99_s for step in common]),
        generator_cpu_s=statistics.median(step.generator_cpu_s for step in kept),
        lost=sum(one.lost for one in sessions),
        doubled=sum(one.doubled for one in sessions),
    )


def _median_ms(seconds: Sequence[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return round(statistics.median(known) * 1_000, 1) if known else None

"""Long runs at a steady rate: is anything lost or doubled, and does memory grow?"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from benchmarks.telemetry.measure import Bench, Load, Step
from benchmarks.telemetry.stack import Processes
from benchmarks.telemetry.systems import Stored

SAMPLE_S: Final = 10.0
WARM_SHARE: Final = 0.25
"""Memory is fitted after this share of the run: caches and heaps have filled then."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A process's memory over the run, in MiB; times in seconds since its beginning."""

    times_s: list[float]
    mib: list[float]
    slope_percent_per_hour: float | None


class Endurance(msgspec.Struct, frozen=True, kw_only=True):
    """A long run: how it went, what is stored, and the memory of every process."""

    step: Step
    stored: Stored
    lost: int
    doubled: int
    memory: dict[str, Memory]


class MemoryWatch:
    """Notes the memory of processes every SAMPLE_S, from a thread of its own."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._stop = threading.Event()
        self._times: list[float] = []
        self._mib: dict[str, list[float]] = {name: [] for name in processes.of}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> dict[str, Memory]:
        """End, and say what was seen."""
        self._stop.set()
        self._thread.join()
        total = [sum(one) for one in zip(*self._mib.values(), strict=True)]
        return {
            name: Memory(
                times_s=self._times,
                mib=mib,
                slope_percent_per_hour=slope_percent_per_hour(self._times, mib),
            )
            for name, mib in (*self._mib.items(), ("all", total))
        }

    def _run(self) -> None:
        began = time.monotonic()
        while True:
            for name, mib in self._processes.memory_mib().items():
                self._mib[name].append(round(mib, 2))
            self._times.append(round(time.monotonic() - began, 1))
            if self._stop.wait(SAMPLE_S):
                return


def slope_percent_per_hour(times_s: Sequence[float], mib: Sequence[float]) -> float | None:
    """Growth by linear regression after the warm-up, against the fit's value at its end.

    None when there is too little to fit.

    >>> slope_percent_per_hour([0, 1800, 3600, 5400, 7200], [50, 100, 101, 102, 103])
    2.0
    """
    first = next(
        (place for place, at in enumerate(times_s) if at >= WARM_SHARE * times_s[-1]), len(times_s)
    )
    times, values = times_s[first:], mib[first:]
    if len(times) < 3:
        return None
    slope, intercept = statistics.linear_regression(times, values)
    level = intercept + slope * times[0]
    return round(slope * 3_600 / level * 100, 2) if level > 0 else None


def endure(bench: Bench, load: Load, *, say: Callable[[str], None]) -> Endurance:
    """Send the load for its whole time and count what came of it."""
    say(f"    {load.rate:,.0f} messages/s × {load.array} for {load.seconds / 60:,.0f} minutes")
    watch = MemoryWatch(bench.system.processes)
    watch.start()
    try:
        step = bench.step(load)
    finally:
        memory = watch.stop()
    say("    counting every row")
    stored, lost, doubled = bench.stored()
    return Endurance(step=step, stored=stored, lost=lost, doubled=doubled, memory=memory)

"""One step of load on a running system, and the search for the highest rate it keeps up with."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from benchmarks.telemetry import stack
from benchmarks.telemetry.generator import Done
from benchmarks.telemetry.probe import SITE
from benchmarks.telemetry.systems import LINE, Stored, System

GROWTH: Final = 1.5
"""The search goes up and down by this factor; then it halves the gap twice (to 11 %)."""

HALVINGS: Final = 2
BACKLOG_S: Final = 0.75
"""A step is kept up with when its last probes are no later than this, …"""

LATE_SHARE: Final = 0.01
"""… the broker took the load on schedule, and nothing is missing afterwards."""

_STUCK_S: Final = 30.0
_HELLO_S: Final = 60.0
_LAST: Final = 0.2


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The load of a step: `rate` messages a second of `array` objects each."""

    rate: float
    array: int
    seconds: float
    machines: int
    sites: int
    kind: str = "reading"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a step.

    Attributes:
        rate: messages a second that were to be published; `array` samples in each.
        late_s: how far the generator was behind its schedule: the broker did not take more.
        backlog_s: the median latency of the last probes: how far the system was behind.
        drained_s: from the last publish until all of it was stored.
        missing: samples that were not stored after patience.
        sustained: it kept up.
        latency_p50_s, latency_p99_s: publish → committed row, of the probes.
        cpu_s: of the system's processes, by name, the servers among them, until it was stored.
        cpu_s_per_1000_messages: their sum against the messages.
        generator_cpu_s: the load's own cost.
    """

    rate: float
    array: int
    seconds: float
    messages: int
    samples: int
    late_s: float
    backlog_s: float | None
    drained_s: float
    missing: int
    sustained: bool
    latency_p50_s: float | None
    latency_p99_s: float | None
    probes_unanswered: int
    cpu_s: dict[str, float]
    cpu_s_per_1000_messages: float
    cores_busy: float
    generator_cpu_s: float


class Bench:
    """A running system, and what has been sent to it so far."""

    def __init__(self, system: System, *, say: Callable[[str], None]) -> None:
        self.system = system
        self.sent_samples = 0
        self.sent_seq_sum = 0
        self._say = say
        self._steps = 0

    def warm_up(self, load: Load) -> None:
        """Wait until a probe comes through, then send a little of the load.

        Raises:
            TimeoutError: no probe ever came through.
        """
        end = time.monotonic() + _HELLO_S
        while not self._hello():
            self.system.processes.check()
            if time.monotonic() > end:
                raise TimeoutError(f"{self.system.name} stores nothing")
            time.sleep(0.5)
        self.step(load)

    def _hello(self) -> bool:
        try:
            latencies = self._probes(0.5, patience_s=3.0).wait_for_result()
        except ProbeError:
            return False  # its tables or topics are not there yet
        return any(latency is not None for _, latency in latencies)

    def step(self, load: Load, *, probes: bool = True) -> Step:
        """Send the load, wait until it is stored, and say how it went."""
        self._steps += 1
        before = self.system.processes.cpu_s()
        started = time.monotonic()
        probing = self._probes(load.seconds) if probes else None
        done = self._publish(load)
        published = time.monotonic()
        latencies = [] if probing is None else probing.wait_for_result()
        missing, drained, after = self._drain()
        self.system.processes.check()
        answered = [latency for _, latency in latencies if latency is not None]
        backlog_s = _backlog(latencies, load.seconds)
        cpu_s = {name: round(after[name] - before[name], 3) for name in after}
        total = sum(cpu_s.values())
        return Step(
            rate=load.rate,
            array=load.array,
            seconds=load.seconds,
            messages=done.messages,
            samples=done.samples,
            late_s=round(done.late_s, 3),
            backlog_s=backlog_s,
            drained_s=round(drained - published, 3),
            missing=missing,
            sustained=(
                missing == 0
                and done.late_s <= max(0.1, LATE_SHARE * load.seconds)
                and (not probes or (backlog_s is not None and backlog_s <= BACKLOG_S))
            ),
            latency_p50_s=_quantile(answered, 0.50),
            latency_p99_s=_quantile(answered, 0.99),
            probes_unanswered=len(latencies) - len(answered),
            cpu_s=cpu_s,
            cpu_s_per_1000_messages=round(total / done.messages * 1_000, 4),
            cores_busy=round(total / (drained - started), 2),
            generator_cpu_s=round(done.cpu_s, 2),
        )

    def highest(self, load: Load, *, narrow: bool) -> list[Step]:
        """Search the highest rate that is kept up with, beginning at the load's own.

        Args:
            load: where to begin.
            narrow: the beginning is known to be near: smaller steps are made from it.

        Returns:
            All steps in the order they were made.
        """
        growth = GROWTH ** (1 / 2**HALVINGS) if narrow else GROWTH
        steps: list[Step] = []
        low: float | None = None
        high: float | None = None
        rate = load.rate
        halvings = 0 if narrow else HALVINGS
        while True:
            step = self.step(msgspec.structs.replace(load, rate=rate))
            steps.append(step)
            self._say(f"    {describe(step)}")
            if step.sustained:
                low = rate
            else:
                high = rate
            if low is None:
                rate = rate / growth
            elif high is None:
                rate = rate * growth
            elif halvings:
                halvings -= 1
                rate = (low * high) ** 0.5
            else:
                return steps
            rate = round(rate, -1) if rate >= 100 else round(rate)
            if rate < 1:
                return steps

    def stored(self) -> tuple[Stored, int, int]:
        """Count what is stored, row by row; with what is lost and what is doubled.

        Lost also when the numbers stored are not those sent.
        """
        stored = self.system.exact(self.system.database)
        lost = self.sent_samples - stored.distinct
        if lost == 0 and stored.seq_sum != self.sent_seq_sum:
            lost = -1
        return stored, lost, stored.rows - stored.distinct

    def _publish(self, load: Load) -> Done:
        command = [sys.executable, "-m", "benchmarks.telemetry.generator"]
        for name, value in (
            ("site", SITE),
            ("sites", load.sites),
            ("line", LINE),
            ("boot", f"step-{self._steps}"),
            ("machines", load.machines),
            ("rate", load.rate),
            ("array", load.array),
            ("kind", load.kind),
            ("seconds", load.seconds),
        ):
            command += [f"--{name}", str(value)]
        answer = subprocess.run(
            command, input=f"{self.system.mqtt_url}\n".encode(), stdout=subprocess.PIPE, check=True
        )
        done = msgspec.json.decode(answer.stdout, type=Done)
        self.sent_samples += done.samples
        self.sent_seq_sum += done.seq_sum
        return done

    def _drain(self) -> tuple[int, float, dict[str, float]]:
        """Wait until everything is stored, or nothing more comes.

        Returns:
            What is missing, when it had come so far, and the CPU seconds then: counting costs some
            too, and that is nobody's work.
        """
        grown = time.monotonic()
        before = -1
        while True:
            now, cpu_s = time.monotonic(), self.system.processes.cpu_s()
            stored = self.system.count(self.system.database)
            if stored >= self.sent_samples:
                return 0, now, cpu_s
            if stored != before:
                before, grown = stored, now
            elif now - grown > _STUCK_S:
                return self.sent_samples - stored, grown, cpu_s
            time.sleep(0.1)

    def _probes(self, seconds: float, *, patience_s: float = 120.0) -> Probing:
        command = [sys.executable, "-m", "benchmarks.telemetry.probe", self.system.probe]
        command += ["--seconds", str(seconds), "--patience", str(patience_s)]
        return Probing(command, self.system.mqtt_url, self.system.database_url)


class ProbeError(Exception):
    """The probes could not be sent or asked for."""


class Probing:
    """The probes' process."""

    def __init__(self, command: Sequence[str], *secrets: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        stack.tell(self._process.stdin, *secrets)
        if self._process.stdout is not None:
            self._process.stdout.readline()  # `ready`, or nothing when it could not begin

    def wait_for_result(self) -> list[tuple[float, float | None]]:
        """The probes' latencies, once all are answered or patience is over.

        Raises:
            ProbeError: they could not be made.
        """
        out, err = self._process.communicate()
        if self._process.returncode:
            raise ProbeError(err.decode(errors="replace")[-500:])
        parsed: list[tuple[float, float | None]] = json.loads(out)
        return parsed


def describe(step: Step) -> str:
    """A step in a line."""
    word = "kept up" if step.sustained else "fell behind"
    behind = "?" if step.backlog_s is None else f"{step.backlog_s:.2f}"
    p99 = "?" if step.latency_p99_s is None else f"{step.latency_p99_s * 1_000:.0f}"
    return (
        f"{step.rate:>8,.0f} messages/s × {step.array}: {word}"
        f" (behind {behind} s, p99 {p99} ms, {step.cpu_s_per_1000_messages:.3f} CPU s per 1,000,"
        f" {step.cores_busy:.2f} cores{f', {step.missing:,} missing' if step.missing else ''})"
    )


def best(steps: Sequence[Step]) -> Step | None:
    """The step with the highest rate that was kept up with."""
    kept = [step for step in steps if step.sustained]
    return max(kept, key=lambda step: step.rate) if kept else None


def _backlog(latencies: Sequence[tuple[float, float | None]], seconds: float) -> float | None:
    last = [latency for sent, latency in latencies if sent >= seconds * (1 - _LAST)]
    known = [latency for latency in last if latency is not None]
    if len(known) < len(last) or not known:
        return None
    return round(statistics.median(known), 3)


def _quantile(values: Sequence[float], share: float) -> float | None:
    if len(values) < 2:
        return None
    cuts: list[Any] = statistics.quantiles(values, n=100, method="inclusive")
    return round(float(cuts[int(share * 100) - 1]), 4)

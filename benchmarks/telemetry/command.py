"""The command line: which measurements, how long they take, and where the results are."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import psutil

from benchmarks.installation import cpu_seconds
from benchmarks.telemetry import stack
from benchmarks.telemetry.compare import ARRAYS, Comparison, Session
from benchmarks.telemetry.endurance import endure
from benchmarks.telemetry.generator import Done
from benchmarks.telemetry.measure import Bench, Load
from benchmarks.telemetry.page import write_pages
from benchmarks.telemetry.report import Ceiling, Report
from benchmarks.telemetry.sizing import CASES, measure_sizing
from benchmarks.telemetry.systems import CHECKOUT, SYSTEMS, TELEGRAF, Choice, started

RESULTS: Final = CHECKOUT / "benchmarks" / "results"
MUST: Final = {"single": 5_000.0, "array": 2_500.0}
"""Messages a second that a long run is made at, unless `--rate` says otherwise."""

_CEILINGS: Final = ((20_000.0, 1), (0.0, 1), (5_000.0, 20), (0.0, 20))


def main() -> int:
    """Measure what the options say; 1 when something was lost or doubled."""
    options = _parser().parse_args()
    systems = _names(options.systems, SYSTEMS)
    modes = _names(options.modes, ARRAYS)
    if "telegraf" in systems and not (options.pages or options.telegraf.exists()):
        print(f"{options.telegraf} is missing: `make telegraf` builds it", file=sys.stderr)
        return 2
    report = Report(options.out, options.day)
    if options.pages:
        _say(f"Written: {', '.join(map(str, write_pages(report.results, CHECKOUT / 'docs')))}")
        return 0
    report.results.options |= {
        # Results are published: they name no folder of the machine.
        name: str(value).replace(f"{CHECKOUT}/", "")
        for name, value in vars(options).items()
        if name != "database_url"
    }
    _say(f"Results: {report.table} and the files beside it")
    long = options.minutes or options.soak
    if options.generator:
        _generator(report)
    if not (options.generator or long or options.sizing) or options.compare:
        _compare(options, systems, modes, report)
    if long:
        _long(options, systems, modes, report)
    if options.sizing:
        _sizing(options, systems, report)
    report.save()
    _say(f"Done: {report.table}")
    return _verdict(report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.telemetry",
        description="Compares the systems unless another measurement is named. Every measurement"
        " replaces its own section of the day's results.",
    )
    add = parser.add_argument
    add("--systems", default="gemba,gemba-embedded,naive,telegraf", help="in this order")
    add("--modes", default="single,array", help="single messages, arrays of 20")
    add("--compare", action="store_true", help="compare also when something else is named")
    add("--runs", type=int, default=3, help="of the comparison; the results are medians")
    add("--seconds", type=float, default=12.0, help="of a step of the comparison")
    add("--minutes", type=float, default=0.0, help="a long run, everything counted")
    add("--soak", type=float, default=0.0, metavar="SECONDS", help="one at half the rate, memory")
    add("--rate", type=float, default=0.0, help="of long runs, in messages/s (one mode)")
    add("--sizing", action="store_true", help="CPU by machines, sites, rate; bytes a sample")
    add("--pages", action="store_true", help="put the day's tables into docs/sizing*.md; no run")
    add("--generator", action="store_true", help="generator and Mosquitto alone")
    add("--machines", type=int, default=50)
    add("--sites", type=int, default=1)
    add("--boards", type=int, default=1, help="boards that watch gemba's floor")
    add("--workers", type=int, default=1, help="gemba's stream workers on Kafka, up to 4")
    add("--database-url", default="", help="a PostgreSQL or TimescaleDB in place of the wheel's")
    add("--telegraf", type=Path, default=TELEGRAF)
    add("--out", type=Path, default=RESULTS)
    add("--day", default=f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}")
    return parser


def _compare(
    options: argparse.Namespace, systems: Sequence[str], modes: Sequence[str], report: Report
) -> None:
    def keep(sessions: Sequence[Session]) -> None:
        report.results.sessions = list(sessions)
        report.save()

    comparison = Comparison(
        systems=systems,
        modes=modes,
        runs=options.runs,
        base=_load(options, rate=0.0, array=1, seconds=options.seconds),
        choose=partial(_choice, options),
        say=_say,
        keep=keep,
    )
    _say(f"Comparing {', '.join(systems)}: about {comparison.minutes():.0f} minutes")
    comparison.run()


def _long(
    options: argparse.Namespace, systems: Sequence[str], modes: Sequence[str], report: Report
) -> None:
    """Sustained runs and soaks, of gemba unless a peer is all that is asked for."""
    names = [name for name in systems if name.startswith("gemba")] or list(systems)
    if options.systems == _parser().get_default("systems"):
        names = ["gemba"]
    for mode in modes:
        full = options.rate or MUST[mode]
        for section, seconds, rate in (
            (report.results.sustained, options.minutes * 60, full),
            (report.results.soak, options.soak, full / 2),
        ):
            for name in names if seconds else ():
                load = _load(options, rate=rate, array=ARRAYS[mode], seconds=seconds)
                _say(f"Long run, {name}, {mode}: about {seconds / 60 + 2:.0f} minutes")
                with (
                    tempfile.TemporaryDirectory(prefix="gemba-telemetry-") as folder,
                    started(name, _choice(options, Path(folder))) as system,
                ):
                    bench = Bench(system, say=_say)
                    warm = msgspec.structs.replace(load, seconds=5, rate=min(rate, 1_000))
                    bench.warm_up(warm)
                    done = endure(bench, load, say=_say)
                section[f"{name} {mode}"] = done
                _say(
                    f"    kept up: {done.step.sustained}; lost {done.lost}, doubled {done.doubled};"
                    f" memory {done.memory['all'].slope_percent_per_hour} %/h"
                )
                report.save()


def _sizing(options: argparse.Namespace, systems: Sequence[str], report: Report) -> None:
    for name in [name for name in systems if name.startswith("gemba")]:
        minutes = sum(case.seconds + 10 for case in CASES) / 60 + 1
        _say(f"Sizing {name}: about {minutes:.0f} minutes")
        with tempfile.TemporaryDirectory(prefix="gemba-telemetry-") as folder:
            choice = _choice(options, Path(folder))
            report.results.sizing[name] = measure_sizing(name, choice, say=_say)
        report.save()


def _generator(report: Report) -> None:
    _say("Generator and Mosquitto alone: about 1 minute")
    report.results.generator = []
    with tempfile.TemporaryDirectory(prefix="gemba-telemetry-") as folder:
        processes = stack.Processes()
        with stack.broker(_reachable(Path(folder)), processes) as broker:
            for rate, array in _CEILINGS:
                ceiling = _ceiling(broker, processes.of["mosquitto"], rate, array)
                report.results.generator.append(ceiling)
                _say(f"    {ceiling.messages_per_s:>9,.0f} messages/s × {array}")
    report.save()


def _ceiling(broker: stack.Broker, process: psutil.Process, rate: float, array: int) -> Ceiling:
    command = [sys.executable, "-m", "benchmarks.telemetry.subscriber"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as subscriber:
        stack.tell(subscriber.stdin, broker.url)
        if subscriber.stdout is not None:
            subscriber.stdout.readline()
        before = cpu_seconds(process)
        load = [sys.executable, "-m", "benchmarks.telemetry.generator", "--rate", str(rate)]
        load += ["--array", str(array), "--seconds", "8"]
        answer = subprocess.run(
            load, input=f"{broker.machine_url}\n".encode(), stdout=subprocess.PIPE, check=True
        )
        time.sleep(2.0)  # what is still on its way to the subscriber
        cpu_s = cpu_seconds(process) - before
        subscriber.terminate()
        told = json.loads(subscriber.communicate()[0])
    done = msgspec.json.decode(answer.stdout, type=Done)
    return Ceiling(
        asked=rate,
        array=array,
        messages_per_s=round(done.messages / done.seconds),
        received=told["received"],
        sent=done.messages,
        generator_cpu_s=round(done.cpu_s, 2),
        subscriber_cpu_s=round(told["cpu_s"], 2),
        broker_cpu_s=round(cpu_s, 2),
    )


def _verdict(report: Report) -> int:
    results = report.results
    told = [(one.system, one.lost, one.doubled) for one in results.sessions]
    for runs in (results.sustained, results.soak):
        told += [(name, one.lost, one.doubled) for name, one in runs.items()]
    ours = [one for one in told if one[0].startswith("gemba")]
    wrong = [name for name, lost, doubled in ours if lost or doubled]
    if wrong:
        _say(f"Lost or doubled something, see the table: {', '.join(wrong)}")
    return 1 if wrong else 0


def _load(options: argparse.Namespace, *, rate: float, array: int, seconds: float) -> Load:
    return Load(
        rate=rate, array=array, seconds=seconds, machines=options.machines, sites=options.sites
    )


def _choice(options: argparse.Namespace, folder: Path) -> Choice:
    return Choice(
        folder=_reachable(folder),
        database_url=options.database_url,
        boards=options.boards,
        sites=options.sites,
        workers=options.workers,
        telegraf=options.telegraf,
    )


def _reachable(folder: Path) -> Path:
    folder.chmod(0o755)  # root's servers run as somebody else
    return folder


def _names(text: str, known: Collection[str]) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SystemExit(f"unknown: {name!r}; there are {', '.join(known)}")
    return names


def _say(text: str) -> None:
    now = dt.datetime.now(tz=dt.UTC)
    print(f"{now:%H:%M:%S} {text}", flush=True)

"""`gemba replay komax565`: logs to messages to a gateway, and the wait until all is stored."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.ids import MachinePath, SiteCode
from contracts.topics import PREFIX, Kind, TopicError, parse_topic
from runtime.mqtt_url import MqttUrlError, parse_mqtt_url
from simulator.replay.komax565.day import read_days
from simulator.replay.komax565.messages import DayMessages, day_messages
from simulator.replay.komax565.schedule import Due, in_order, shuffled
from simulator.replay.komax565.sender import Sender, SendError
from simulator.replay.komax565.stored import Storage, StoreError
from simulator.replay.komax565.text import LogError, Problem

DEFAULT_MACHINE: Final = "komax/wire/cutting/komax565"
ZONE: Final = "Europe/Warsaw"
MAX_SPEED: Final = "max"
_HTTP_TIMEOUT_S: Final = 10.0
_EXAMPLES: Final = 5


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    machine: str
    days: list[str]
    jobs: int
    good_pieces: int
    objects: int
    objects_repeated: int
    messages: int
    unreadable: int
    unreadable_examples: list[str]
    seconds: float
    error: str | None = None


class UsageError(ValueError):
    """An argument that cannot be; names it and its value."""


def run(
    directory: str | Path,
    *,
    mqtt_url: str,
    api_url: str,
    token: str,
    speed: float | str = MAX_SPEED,
    machine: str = DEFAULT_MACHINE,
    shuffle_minutes: float = 0.0,
    seed: int = 1,
    timeout_s: float = 120.0,
    json_output: bool = False,
) -> int:
    """Replay a directory of logs; return the exit code: 0 when everything is stored.

    Args:
        directory: day folders, or one day folder.
        mqtt_url: the broker.
        api_url: the installation's HTTP address, asked whether everything is stored.
        token: a bearer token that may read the machine's site.
        speed: how many times as fast as the log, or `max`. Each day folder begins at once: the
            time between two days is not waited.
        machine: the path under which the machine speaks.
        shuffle_minutes: objects arrive out of order, up to so many minutes of the log's time late.
        seed: of the shuffle.
        timeout_s: give up when for so long nothing goes on.
        json_output: print a summary as JSON instead of words.
    """
    console = Console(stderr=True)
    try:
        arguments = _Arguments(
            mqtt_url=mqtt_url,
            api_url=api_url,
            token=token,
            speed=speed,
            machine=machine,
            shuffle_minutes=shuffle_minutes,
            seed=seed,
        )
        summary = asyncio.run(
            _replay(Path(directory), arguments, timeout_s, console, bars=not json_output)
        )
    except (UsageError, MqttUrlError, LogError, SendError, StoreError) as error:
        if json_output:
            _print(msgspec.json.encode({"error": str(error)}).decode())
        console.print(
            f"[red]replay komax565:[/red] {_plain(str(error))}", highlight=False, soft_wrap=True
        )
        return 2 if isinstance(error, UsageError | MqttUrlError | LogError) else 1
    except KeyboardInterrupt:
        console.print("replay komax565: interrupted")
        return 130
    if json_output:
        _print(msgspec.json.encode(summary).decode())
    else:
        _print(
            f"{summary.machine}: {summary.jobs} jobs, {summary.good_pieces} good pieces, "
            f"{summary.objects} objects stored in {summary.seconds:.1f} s"
        )
    return 0


class _Arguments:
    """The arguments of a run, judged."""

    def __init__(
        self,
        *,
        mqtt_url: str,
        api_url: str,
        token: str,
        speed: float | str,
        machine: str,
        shuffle_minutes: float,
        seed: int,
    ) -> None:
        self.broker = parse_mqtt_url(mqtt_url)
        self.api_url = api_url
        self.token = token
        self.speed = _speed(speed)
        try:
            topic = parse_topic(f"{PREFIX}{machine}/{Kind.COUNT}")
        except TopicError as error:
            raise UsageError(
                f"machine {machine!r} is no <site>/<area>/<line>/<machine>: {error.problem}"
            ) from None
        self.machine: MachinePath = topic.path
        self.site: SiteCode = topic.site
        if not shuffle_minutes >= 0:
            raise UsageError(f"shuffle_minutes {shuffle_minutes!r} must not be negative")
        self.shuffle_minutes = shuffle_minutes
        self.seed = seed


def _speed(speed: float | str) -> float | None:
    if speed == MAX_SPEED:
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise UsageError(f"speed {speed!r} must be a number above 0, or {MAX_SPEED!r}")
    return factor


async def _replay(
    directory: Path, arguments: _Arguments, timeout_s: float, console: Console, *, bars: bool
) -> Summary:
    begun = time.monotonic()
    days = read_days(directory, ZoneInfo(ZONE), int(time.time() * 1_000))
    told = [day_messages(day) for day in days]
    problems = [problem for messages in told for problem in messages.problems]
    _report(problems, console)
    expected: Counter[str] = Counter()
    for messages in _distinct(told):
        expected.update(messages.good)
    objects = sum(len(messages.items) for messages in told)
    headers = {"Authorization": f"Bearer {arguments.token}"}
    async with httpx.AsyncClient(
        base_url=arguments.api_url, headers=headers, timeout=_HTTP_TIMEOUT_S
    ) as client:
        storage = Storage(client, arguments.site, timeout_s=timeout_s)
        before = await storage.objects()
        with _bar(console, objects, shown=bars) as progress:
            sender = Sender(
                arguments.broker, arguments.machine, timeout_s=timeout_s, progress=progress
            )
            for messages in told:
                if messages.items:
                    await sender.send(_schedule(messages, arguments), speed=arguments.speed)
        await storage.wait(
            before=before, at_least=objects, at_most=sender.objects_sent, expected=expected
        )
    return Summary(
        machine=arguments.machine,
        days=[day.name for day in days],
        jobs=len(expected),
        good_pieces=expected.total(),
        objects=objects,
        objects_repeated=sender.objects_repeated,
        messages=sender.messages_sent,
        unreadable=len(problems),
        unreadable_examples=[str(problem) for problem in problems[:_EXAMPLES]],
        seconds=round(time.monotonic() - begun, 3),
    )


def _distinct(told: Sequence[DayMessages]) -> Iterator[DayMessages]:
    """Days that are no copies of one before."""
    seen: set[tuple[str, str]] = set()
    for messages in told:
        publishers = {item.publisher for item in messages.items}
        if not publishers or not publishers <= seen:
            yield messages
        seen |= publishers


def _schedule(messages: DayMessages, arguments: _Arguments) -> list[Due]:
    if arguments.shuffle_minutes:
        return shuffled(messages.items, arguments.shuffle_minutes, arguments.seed)
    return in_order(messages.items)


def _report(problems: Sequence[Problem], console: Console) -> None:
    if not problems:
        return
    console.print(f"[yellow]{len(problems)} places in the logs are unreadable:[/yellow]")
    for problem in problems[:_EXAMPLES]:
        console.print(f"  {_plain(str(problem))}", highlight=False, soft_wrap=True)
    if len(problems) > _EXAMPLES:
        console.print(f"  and {len(problems) - _EXAMPLES} more")


def _plain(text: str) -> str:
    """Text for the console that holds brackets of its own."""
    return text.replace("[", r"\[")


@contextmanager
def _bar(console: Console, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("objects", total=total)
        yield lambda count: bar.advance(task, count)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

"""`gemba replay scenario FILE [--check]`: publish a scenario's messages, compare what comes of it.

Messages go out over MQTT in the order of the file; the replay ends when the API says that all are
stored. Comparing asks the HTTP API only: nothing here knows the rules.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from contracts.topics import site_of
from runtime.mqtt_url import MqttAddress, MqttUrlError, parse_mqtt_url
from simulator.replay.comparison import Shown, differences
from simulator.replay.in_order import InOrder, NotStoredError, Ordered, Progress
from simulator.replay.scenario_file import Named, Scenario, ScenarioError, load, objects_of
from simulator.replay.site_api import ApiError, SiteApi

AS_EXPECTED: Final = 0
DIFFERS: Final = 1
"""Or was not stored in time."""

NOT_POSSIBLE: Final = 2
"""The file is no scenario, or nobody can be reached."""

_CHECK_S: Final = 5.0
_POLL_S: Final = 0.2


class Outcome(msgspec.Struct, kw_only=True):
    """A replay's result, also as JSON.

    Attributes:
        scenario: its name.
        site: where it happened.
        messages: how many it has.
        stored: how many of them are stored.
        checked: whether the result was compared.
        differences: what is not as expected, a line each.
        notes: what a reader of the comparison should know.
        error: why the replay failed, if it did.
        exit_code: 0 as expected, 1 not, 2 not possible.
    """

    scenario: str
    site: str = ""
    messages: int = 0
    stored: int = 0
    checked: bool = False
    differences: list[str] = []
    notes: list[str] = []
    error: str | None = None
    exit_code: int = AS_EXPECTED


def run(
    file: Path,
    *,
    mqtt_url: str,
    api_url: str,
    token: str,
    check: bool = False,
    timeout_s: float = 120.0,
    json_output: bool = False,
) -> int:
    """Replay a scenario file and say how it went; the exit code.

    Args:
        file: the scenario.
        mqtt_url: the broker, with the user that machines have.
        api_url: the API's base address.
        token: a bearer token that may read the site.
        check: compare the result with what the file expects.
        timeout_s: for how long nothing may move before the replay fails.
        json_output: write an `Outcome` as JSON instead of sentences.
    """
    outcome = asyncio.run(
        replay(
            file,
            mqtt_url=mqtt_url,
            api_url=api_url,
            token=token,
            check=check,
            timeout_s=timeout_s,
            console=Console(stderr=True, quiet=json_output),
        )
    )
    if json_output:
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    else:
        _tell(outcome)
    return outcome.exit_code


async def replay(
    file: Path,
    *,
    mqtt_url: str,
    api_url: str,
    token: str,
    check: bool,
    timeout_s: float,
    console: Console,
) -> Outcome:
    """Replay a scenario file; what came of it. Failures are in the outcome, not raised."""
    outcome = Outcome(scenario=str(file))
    try:
        scenario = load(file)
        outcome.scenario, outcome.site = scenario.name, scenario.site
        outcome.messages = len(scenario.messages)
        address = parse_mqtt_url(mqtt_url)
        async with SiteApi(api_url, token, patience_s=timeout_s) as api:
            dead_before = await _before(scenario, api, outcome)
            with _told(console, scenario) as told:
                await _publish(scenario, api, outcome, address, told=told, timeout_s=timeout_s)
            if check:
                await _check(scenario, api, outcome, dead_before)
    except (ScenarioError, ApiError, MqttUrlError) as error:
        outcome.error, outcome.exit_code = str(error), NOT_POSSIBLE
    except NotStoredError as error:
        outcome.error, outcome.exit_code = str(error), DIFFERS
    return outcome


async def _before(scenario: Scenario, api: SiteApi, outcome: Outcome) -> int:
    """Note what the site has already; how many dead letters that are."""
    dead = await api.dead_letters([scenario.site])
    arrived = await api.arrivals([scenario.site])
    if arrived:
        outcome.notes.append(
            f"site {scenario.site} had {arrived} messages before; operations and unassigned pieces"
            " are as expected only if they came from this scenario"
        )
    if dead:
        outcome.notes.append(
            f"site {scenario.site} had {dead} dead letters before (what is refused is refused at"
            " every arrival): their increase is compared"
        )
    return dead


async def _publish(
    scenario: Scenario,
    api: SiteApi,
    outcome: Outcome,
    address: MqttAddress,
    *,
    told: Callable[[Progress], None],
    timeout_s: float,
) -> None:
    sites = sorted({site_of(message.topic) for message in scenario.messages})
    before = await api.arrivals(sites)

    async def stored() -> int:
        return await api.arrivals(sites) - before

    replaying = InOrder(
        address,
        ordered(scenario),
        stored=stored,
        ready=api.ready,
        told=told,
        timeout_s=timeout_s,
    )
    outcome.stored = await replaying.run()
    if outcome.stored > outcome.messages:
        outcome.notes.append(
            f"{outcome.stored - outcome.messages} more messages arrived than were published;"
            " maybe somebody else publishes for the same site"
        )


def ordered(scenario: Scenario) -> list[Ordered]:
    """The messages, with a halt before each that brings an object again in other words."""
    messages = []
    met: dict[Named, bytes] = {}
    for message in scenario.messages:
        brings = objects_of(message)
        differs = any(met.get(named, whole) != whole for named, whole in brings.items())
        messages.append(Ordered(message.topic, message.content, differs))
        for named, whole in brings.items():
            met.setdefault(named, whole)
    return messages


async def _check(scenario: Scenario, api: SiteApi, outcome: Outcome, dead_before: int) -> None:
    """Compare, a few times: what the API shows may follow what is stored by a moment."""
    deadline = time.monotonic() + _CHECK_S
    while True:
        shown = Shown(
            operations=await api.operations(scenario.site),
            machines=await api.machines(scenario.site),
            dead_letters=await api.dead_letters([scenario.site]) - dead_before,
        )
        outcome.differences = differences(scenario.expect, shown)
        if not outcome.differences or time.monotonic() > deadline:
            break
        await asyncio.sleep(_POLL_S)
    outcome.checked = True
    outcome.exit_code = DIFFERS if outcome.differences else AS_EXPECTED


@contextmanager
def _told(console: Console, scenario: Scenario) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, and silence elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        total = len(scenario.messages)
        sent = bar.add_task(f"{scenario.name}: published", total=total)
        stored = bar.add_task(f"{scenario.name}: stored", total=total)

        def told(progress: Progress) -> None:
            bar.update(sent, completed=progress.sent)
            bar.update(stored, completed=progress.stored)

        yield told


def _tell(outcome: Outcome) -> None:
    """Say how it went: the result on standard output, what is wrong on standard error."""
    for note in outcome.notes:
        sys.stderr.write(f"note: {note}\n")
    if outcome.error is not None:
        sys.stderr.write(f"{outcome.scenario}: {outcome.error}\n")
        return
    for line in outcome.differences:
        sys.stderr.write(f"  {line}\n")
    stored = f"{outcome.scenario}: {outcome.stored} of {outcome.messages} messages stored"
    if not outcome.checked:
        sys.stdout.write(stored + "\n")
    elif outcome.differences:
        sys.stdout.write(f"{stored}; {len(outcome.differences)} differences\n")
    else:
        sys.stdout.write(f"{stored}; the result is as expected\n")

"""`gemba simulate …`: simulated machines, and what one may do to them."""

# ruff: noqa: PLC0415 - commands import what they need when called

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from launch.cli_common import fail, find_installation, load_settings

app = typer.Typer(help="Simulated machines beside a running installation.")

Scenario = Annotated[
    str | None,
    typer.Option(help="What happens: calm, breakdown, rush, monday, or a file of your own."),
]
Speed = Annotated[
    float | None,
    typer.Option(min=1, max=1_000, help="How many times faster than life the factory works."),
]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same factory.")]
MachineName = Annotated[
    str, typer.Argument(help="Its path, or the last part of it (`press-01`).", show_default=False)
]


def choose(scenario: str | None, speed: float | None, seed: int | None) -> None:
    """Hand the choice to the simulator, by its environment; ends the command if it is wrong."""
    from pathlib import Path

    from simulator.scenario import ScenarioError, find_scenario

    if scenario is not None:
        path = Path(scenario)
        # The simulator runs elsewhere: a file of one's own is named in full.
        scenario = str(path.resolve()) if path.suffix == ".json" else scenario
        try:
            find_scenario(scenario)
        except ScenarioError as error:
            fail(str(error))
    for name, value in (("SCENARIO", scenario), ("SPEED", speed), ("SEED", seed)):
        if value is not None:
            os.environ[f"GEMBA_SIMULATOR_{name}"] = str(value)


@app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    scenario: Scenario = None,
    speed: Speed = None,
    seed: Seed = None,
) -> None:
    """Be the simulated machines of the running installation, until Ctrl-C.

    Example: `gemba simulate --scenario breakdown --speed 10` beside a running `gemba up`
    """
    if context.invoked_subcommand is not None:
        return
    from launch.services import SIMULATOR, run_service

    choose(scenario, speed, seed)
    found = find_installation()
    os.environ |= {
        "GEMBA_DATA_DIR": str(load_settings().data_dir.resolve()),
        "GEMBA_MQTT_URL": found.addresses.machine_mqtt_url,
        "GEMBA_DATABASE_URL": found.addresses.database_url,
        "GEMBA_REDIS_URL": found.addresses.redis_url,
        "GEMBA_HTTP_PORT": found.addresses.http_url.rsplit(":", 1)[1],
    }
    run_service(SIMULATOR)


@app.command("break", epilog="Example: `gemba simulate break press-01 --minutes 10`")
def break_machine(
    machine: MachineName,
    minutes: Annotated[float, typer.Option(min=0.1, max=600, help="For how long.")] = 10,
    reason: Annotated[str, typer.Option(help="What the machine says.")] = "drive overload",
) -> None:
    """Break a simulated machine, and watch the plan answer. It mends itself when time is up."""
    from simulator import breaking

    path = _path_of(machine)
    mqtt_url = find_installation().addresses.machine_mqtt_url
    _tell(breaking.break_machine(mqtt_url, path, minutes=minutes, reason=reason))
    typer.echo(f"{path} is down for {minutes:g} min: {reason}")
    typer.echo(f"`gemba simulate repair {machine}` mends it at once.")


@app.command("repair", epilog="Example: `gemba simulate repair press-01`")
def repair_machine(machine: MachineName) -> None:
    """Mend a machine that `gemba simulate break` broke."""
    from simulator import breaking

    path = _path_of(machine)
    _tell(breaking.repair_machine(find_installation().addresses.machine_mqtt_url, path))
    typer.echo(f"{path} works again")


def _path_of(name: str) -> str:
    """The path of a configured machine by its name; ends the command when it is not one."""
    import httpx

    found = find_installation()
    try:
        answer = httpx.get(
            f"{found.addresses.http_url}/v1/machines",
            headers={"Authorization": f"Bearer {found.token}"},
            timeout=10,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        fail(f"the installation does not answer: {error}")
    paths = [str(one["machine"]) for one in answer.json()["items"] if one["configured"]]
    fits = [path for path in paths if name in (path, path.rsplit("/", 1)[-1])]
    if not fits:
        known = ", ".join(sorted(path.rsplit("/", 1)[-1] for path in paths)) or "none"
        fail(f"there is no machine {name!r}; there are: {known}")
    if len(fits) > 1:
        fail(f"{name!r} is the name of several machines; say which: {', '.join(fits)}")
    return fits[0]


def _tell(telling: Coroutine[Any, Any, None]) -> None:
    """Publish to the broker; ends the command when that cannot be reached."""
    import aiomqtt

    try:
        asyncio.run(telling)
    except (aiomqtt.MqttError, OSError) as error:
        fail(f"the MQTT broker does not answer: {error}")

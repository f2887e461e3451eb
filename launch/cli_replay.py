"""`gemba replay …`."""

# ruff: noqa: PLC0415, FBT002, PLR0917 - imports when called; options are keywords on the command line

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launch.cli_common import Json, fail, find_installation, print_json

app = typer.Typer(help="Play recorded messages into the running installation.")


@app.command("scenario", epilog="Example: `gemba replay scenario 01-simple.json --check`")
def replay_scenario(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A scenario file.")],
    check: Annotated[bool, typer.Option(help="Compare with what it expects.")] = False,
    json_output: Json = False,
) -> None:
    """Publish a scenario's messages in order; end when all are stored. Exit code 1: differs."""
    from simulator.replay.scenario import run as replay

    found = find_installation()
    raise typer.Exit(
        replay(
            file,
            mqtt_url=found.addresses.machine_mqtt_url,
            api_url=found.addresses.http_url,
            token=found.token,
            check=check,
            json_output=json_output,
        )
    )


@app.command("komax565", epilog="Example: `gemba replay komax565 logs/ --speed max`")
def replay_komax565(
    directory: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Day folders, or one of them.")
    ],
    speed: Annotated[
        str, typer.Option(help="Times as fast as the log, or `max`.", metavar="N|max")
    ] = "max",
    machine: Annotated[
        str | None, typer.Option(help="Path it speaks under: site/area/line/machine.")
    ] = None,
    shuffle_minutes: Annotated[
        float, typer.Option(min=0, help="Let objects arrive up to so many minutes late.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the shuffle.")] = 1,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, help="Give up after so many seconds of silence.")
    ] = 120,
    json_output: Json = False,
) -> None:
    """Play a cutting machine's own logs; end when everything is stored."""
    from simulator.replay.komax565 import run as replay
    from simulator.replay.komax565.replay import DEFAULT_MACHINE

    found = find_installation()
    raise typer.Exit(
        replay(
            directory,
            mqtt_url=found.addresses.machine_mqtt_url,
            api_url=found.addresses.http_url,
            token=found.token,
            speed=speed,
            machine=machine or DEFAULT_MACHINE,
            shuffle_minutes=shuffle_minutes,
            seed=seed,
            timeout_s=timeout_s,
            json_output=json_output,
        )
    )


@app.command("dead-letters", epilog="Example: `gemba replay dead-letters --site plant-1`")
def replay_dead_letters(
    site: Annotated[str, typer.Option(help="Whose.")],
    letter: Annotated[
        list[int] | None, typer.Option("--id", help="Only this one; may be repeated.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Send dead letters through again, after what was wrong with them has been put right."""
    from launch.dead_letters import replay_letters

    found = find_installation()
    try:
        outcome = replay_letters(found.addresses.http_url, found.token, site=site, ids=letter)
    except ConnectionError as error:
        fail(str(error))
    if json_output:
        print_json(outcome)
    else:
        typer.echo(f"sent again: {outcome['replayed']}, failed: {outcome['failed']}")
    raise typer.Exit(1 if outcome["failed"] else 0)

"""`gemba notify …`: whether messages reach people."""

# ruff: noqa: PLC0415, FBT002 - commands import what they need when called; flags are booleans

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from launch.cli_common import Json, fail, find_database_url

app = typer.Typer(help="Messages to people: ways, and a message that tries one.")

_STATES = {"sent": "taken", "given_up": "REFUSED", "waiting": "NOT ANSWERED"}


@app.command("test", epilog="Example: `gemba notify test mei@plant.example --way mail`")
def notify_test(
    address: str,
    way: Annotated[
        str | None, typer.Option(help="By which; left out: the first enabled way for mail.")
    ] = None,
    chinese: Annotated[bool, typer.Option("--chinese", help="In Chinese.")] = False,
    wait_s: Annotated[float, typer.Option(min=1, max=600, help="For the provider's answer.")] = 60,
    json_output: Json = False,
) -> None:
    """Send a message and say what the provider answered. `gemba run notify` has to run."""
    import msgspec

    from launch import notifications
    from store.errors import NotFoundError

    try:
        tried = asyncio.run(
            notifications.try_way(
                find_database_url(),
                way,
                address,
                language="zh-CN" if chinese else "en",
                wait_s=wait_s,
            )
        )
    except NotFoundError as error:
        fail(f"{error}; `gemba notify ways` lists them")
    if json_output:
        typer.echo(msgspec.json.encode(tried).decode())
    else:
        said = tried.last_error or tried.reference or "nothing within the time: does notify run?"
        typer.echo(f"{_STATES[tried.state]}: {said}")
    raise typer.Exit(0 if tried.state == "sent" else 1)


@app.command("ways", epilog="Example: `gemba notify ways --json`")
def notify_ways(json_output: Json = False) -> None:
    """Ways that are configured, in the order in which they are taken, and how they do."""
    import msgspec

    from launch import notifications

    rows = asyncio.run(notifications.listed(find_database_url()))
    if json_output:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        state = "works" if row.enabled else "not enabled"
        if row.failures:
            state = f"fails ({row.failures} in a row): {row.last_error}"
        typer.echo(f"{row.code:<20} {row.channel:<9} {row.kind:<10} {state}")
    if not rows:
        typer.echo("none; see docs/howto/notifications.md")

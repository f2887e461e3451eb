"""`gemba restored`."""

# ruff: noqa: PLC0415, FBT002 - imports when called; options are keywords on the command line

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from launch.cli_common import Json, fail, load_settings, print_json


def restored(
    stream_anew: Annotated[
        bool,
        typer.Option(
            "--stream-anew",
            help="Kafka was lost, or its topics were made anew: begin at their beginnings, and "
            "settle this database on the cluster in `GEMBA_STREAM_URL`.",
        ),
    ] = False,
    json_output: Json = False,
) -> None:
    """Say that the database was restored to an older state than Kafka has, or Kafka was lost.

    Call it once after restoring a backup, or after a fail-over to a replica that lagged, with all
    services stopped. What Kafka holds beyond the database's state is then read again, and what the
    database tells from now on has numbers of its own, so that nothing is skipped. Needed with a
    Kafka of your own only.
    """
    import psycopg

    from launch.restored import Restored, RestoredError
    from runtime.clock import SystemClock
    from runtime.logging import without_credentials
    from store.log import LogError
    from store.migrate import MigrationError

    try:
        command = Restored(load_settings(), stream_anew=stream_anew, clock=SystemClock())
        outcome = asyncio.run(command.run())
    except (LogError, MigrationError, RestoredError) as error:
        fail(str(error))
    except psycopg.Error as error:
        fail(without_credentials(str(error).strip()))
    if json_output:
        print_json(outcome.as_json())
        return
    for line in outcome.lines():
        typer.echo(line)

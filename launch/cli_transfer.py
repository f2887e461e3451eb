"""`gemba transfer`."""

# ruff: noqa: PLC0415, FBT002 - imports when called; options are keywords on the command line

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from launch.cli_common import Json, fail, load_settings, print_json


def transfer(
    to_database: Annotated[
        str,
        typer.Option(
            envvar="GEMBA_TRANSFER_DATABASE_URL",
            help="PostgreSQL or TimescaleDB to move to; an empty database. Best given by the "
            "environment variable: a command line shows its password to others.",
            show_envvar=True,
        ),
    ],
    to_stream: Annotated[
        str,
        typer.Option(
            envvar="GEMBA_TRANSFER_STREAM_URL",
            help="Kafka to move to: `kafka://host:9092`.",
            show_envvar=True,
        ),
    ],
    counts_only: Annotated[
        bool, typer.Option(help="Compare numbers of rows only, not their contents.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Move an embedded installation to a database and a Kafka of your own; nothing is lost.

    Stop the installation first: devices and gateways keep what they have until it is back. What
    the stream had not been through yet is told to Kafka, and nothing is counted twice. The old
    data stay as they are, marked as moved. A move that was broken off is begun again, or gone on
    with, by the same command.
    """
    import psycopg

    from launch.backends import BackendError
    from launch.identity import IdentityError
    from launch.installation import InstallationError
    from launch.transfer import Move, MoveDisplay
    from runtime.logging import without_credentials
    from store.log import LogError
    from store.migrate import MigrationError
    from store.transfer.tables import TransferError

    move = Move(
        load_settings(), database_url=to_database, stream_url=to_stream, contents=not counts_only
    )
    try:
        with move.source() as source_url, MoveDisplay(quiet=json_output) as display:
            outcome = asyncio.run(move.run(source_url, display))
    except (
        BackendError, IdentityError, InstallationError, LogError, MigrationError, TransferError
    ) as error:  # fmt: skip
        fail(str(error))
    except psycopg.Error as error:
        fail(without_credentials(str(error).strip()))
    if json_output:
        print_json(outcome.as_json())
        return
    for line in outcome.lines():
        typer.echo(line)

"""Commands of a distributed installation: before its first start, and for its health checks."""

# ruff: noqa: PLC0415 - commands import what they need when called

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launch.cli_common import fail, load_settings


def secrets(
    directory: Annotated[Path, typer.Argument(help="Where; made when missing.")],
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            help="A name or address by which machines reach the broker; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make the secrets and certificates that `docker-compose.yml` wants, those that are missing.

    What is there stays as it is.
    """
    from launch.certificates import CertificateError
    from launch.deployment import make_secrets

    try:
        made = make_secrets(directory, host or ())
    except (CertificateError, ValueError, OSError) as error:
        fail(str(error))
    for name in made:
        typer.echo(f"made {directory / name}")
    if not made:
        typer.echo(f"{directory} has everything")


def prepare_broker(
    certificates: Annotated[
        Path, typer.Argument(help="Where ca.pem, server.pem and server.key are.")
    ],
    directory: Annotated[
        Path,
        typer.Option(
            "--directory",
            envvar="GEMBA_MQTT_DIR",
            help="What the broker reads.",
            show_default=False,
        ),
    ],
) -> None:
    """Bring certificates and the gateway's user (of GEMBA_MQTT_URL) to a broker of one's own."""
    from launch import deployment
    from launch.devices import DeviceError

    url = load_settings().mqtt_url.get_secret_value()
    try:
        deployment.prepare_broker(directory, certificates, url)
    except (DeviceError, ValueError, OSError) as error:
        fail(str(error))
    typer.echo(f"{directory} is ready")


def healthy(
    service: Annotated[str, typer.Argument(help="edge, streams, relay, scheduler, api, …")],
) -> None:
    """Whether a service is well; exit code 1 if it has failed, says nothing or cannot be heard."""
    from launch.healthy import UnhealthyError, ask

    try:
        typer.echo(ask(load_settings(), service))
    except UnhealthyError as error:
        fail(str(error))

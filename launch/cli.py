"""The command `gemba`. Everything heavy is imported by the command that needs it."""

# ruff: noqa: PLC0415, FBT002 - commands import what they need when called; flags are booleans

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from launch import (
    cli_bench,
    cli_deploy,
    cli_device,
    cli_key,
    cli_master_data,
    cli_notify,
    cli_orders,
    cli_replay,
    cli_restored,
    cli_simulate,
    cli_solve,
    cli_transfer,
    cli_user,
)
from launch.cli_common import (
    CustomerOption,
    Json,
    LineOption,
    RoleName,
    RoleOption,
    SiteOption,
    fail,
    load_settings,
    print_json,
)

app = typer.Typer(
    name="gemba",
    help="Industrial order management and live tracking.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog="Settings come from `GEMBA_*` variables (see `.env.example`). "
    "The data directory is `GEMBA_DATA_DIR`, by default `var` here.",
)
contracts_app = typer.Typer(help="The contracts that cross process boundaries.")
app.add_typer(cli_bench.app, name="bench", no_args_is_help=True)
app.add_typer(cli_device.app, name="device", no_args_is_help=True)
app.add_typer(cli_orders.app, name="orders", no_args_is_help=True)
app.add_typer(cli_master_data.app, name="master-data", no_args_is_help=True)
app.add_typer(cli_key.app, name="key", no_args_is_help=True)
app.add_typer(cli_notify.app, name="notify", no_args_is_help=True)
app.add_typer(cli_replay.app, name="replay", no_args_is_help=True)
app.add_typer(cli_simulate.app, name="simulate")
app.add_typer(cli_user.app, name="user", no_args_is_help=True)
app.add_typer(contracts_app, name="contracts", no_args_is_help=True)
app.command("secrets", epilog="Example: `gemba secrets deploy/secrets --host mqtt.plant.example`")(
    cli_deploy.secrets
)
app.command(
    "prepare-broker",
    epilog="Example: `gemba prepare-broker /run/secrets --directory /mosquitto/secrets`",
)(cli_deploy.prepare_broker)
app.command(
    "transfer",
    epilog="Example: `gemba transfer --to-stream kafka://kafka:9092`, the database by variable",
)(cli_transfer.transfer)
app.command("restored", epilog="Example: `GEMBA_DATABASE_URL=postgresql://… gemba restored`")(
    cli_restored.restored
)
app.command(
    "solve", epilog="Example: `gemba solve ft06.txt --format jobshop --time-limit 2 --json`"
)(cli_solve.solve)
app.command("healthy", epilog="Example: `gemba healthy streams`")(cli_deploy.healthy)


_WIDE = 200
"""Columns where no terminal limits them."""


class Service(StrEnum):
    """What `gemba run` can become."""

    EDGE = "edge"
    STREAMS = "streams"
    SCHEDULER = "scheduler"
    NOTIFY = "notify"
    """Tells the outside: webhooks, alarms, messages to people."""
    API = "api"
    RELAY = "relay"
    """Needed on Kafka only: what was written to the outbox goes on to it."""
    SIMULATOR = "simulator"


@app.command(epilog="Example: `GEMBA_HTTP_PORT=8080 gemba up`")
def up() -> None:
    """Start everything in the foreground: embedded backends, then the services. Ctrl-C ends all."""
    _run_installation(demo=False)


@app.command(epilog="Example: `gemba demo --scenario breakdown`, then open the address it prints")
def demo(
    scenario: cli_simulate.Scenario = None,
    speed: cli_simulate.Speed = None,
    seed: cli_simulate.Seed = None,
) -> None:
    """As `up`, with a factory at work, people who can sign in, and customers who order."""
    cli_simulate.choose(scenario, speed, seed)
    _run_installation(demo=True)


@app.command(epilog="Example: `GEMBA_DATABASE_URL=postgresql://… gemba run api`")
def run(service: Annotated[Service, typer.Argument(help="Which one.")]) -> None:
    """Be one service, until SIGTERM or SIGINT. All addresses come from `GEMBA_*` variables."""
    from launch.services import run_service

    run_service(service.value)


@app.command(epilog="Example: `GEMBA_DATABASE_URL=postgresql://… gemba migrate`")
def migrate(json_output: Json = False) -> None:
    """Bring the database's schema to this program's version. Running twice does no harm."""
    import psycopg

    from launch.installation import InstallationError
    from launch.reach import addresses_of
    from runtime.logging import without_credentials
    from store.migrate import MigrationError, known_versions
    from store.migrate import migrate as bring_up_to_date

    settings = load_settings()
    url = settings.database_url.get_secret_value()
    try:
        applied = bring_up_to_date(url or addresses_of(settings).database_url)
    except (InstallationError, MigrationError) as error:
        fail(str(error))
    except psycopg.Error as error:
        fail(without_credentials(str(error).strip()))
    if json_output:
        print_json({"applied": applied, "version": known_versions()[-1]})
    else:
        for name in applied:
            typer.echo(f"applied {name}")
        typer.echo(f"the schema is at {known_versions()[-1]}")


@app.command(epilog="Example: `gemba doctor --json`")
def doctor(json_output: Json = False) -> None:
    """Look at everything an installation needs; exit code 1 if something is wrong."""
    import msgspec

    from launch.doctor import examine

    findings = asyncio.run(examine(load_settings()))
    if json_output:
        typer.echo(msgspec.json.encode(findings).decode())
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok   " if finding.ok else "WRONG"
            typer.echo(f"{mark}  {finding.name:<{width}}  {finding.detail}")
            if not finding.ok and finding.advice:
                typer.echo(f"{'':<{width + 9}}-> {finding.advice}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command(epilog="Example: `kill -9 $(gemba ps --json | jq .edge.pid)`")
def ps(json_output: Json = False) -> None:
    """The processes of the running installation."""
    import time

    import msgspec
    from rich.console import Console

    from launch.display import table
    from launch.installation import InstallationError, read_installation

    try:
        installation = read_installation(load_settings().data_dir)
    except InstallationError as error:
        fail(str(error))
    if json_output:
        statuses = {status.name: status for status in installation.processes}
        typer.echo(msgspec.json.encode(statuses).decode())
    else:
        now_ms = time.time_ns() // 1_000_000
        console = Console()
        width = console.width if console.is_terminal else _WIDE
        lines = table(installation.processes, lambda _name: None, now_ms=now_ms, width=width)
        console.print(lines, width=width)


class Part(StrEnum):
    """What an address can be asked of."""

    HTTP = "http"
    MQTT = "mqtt"
    DATABASE = "database"
    REDIS = "redis"


@app.command(epilog="Example: `mosquitto_pub -L \"$(gemba address mqtt)/gemba/v1/…/count\" -m '…'`")
def address(part: Annotated[Part, typer.Argument(help="Of which part.")]) -> None:
    """Where a part of the running installation is, with the credentials that machines may use."""
    from launch.installation import InstallationError
    from launch.reach import addresses_of

    try:
        found = addresses_of(load_settings())
    except InstallationError as error:
        fail(str(error))
    typer.echo(
        {
            Part.HTTP: found.http_url,
            Part.MQTT: found.machine_mqtt_url,
            Part.DATABASE: found.database_url,
            Part.REDIS: found.redis_url,
        }[part]
    )


@app.command(epilog='Example: `curl -H "Authorization: Bearer $(gemba token --role viewer)" …`')
def token(
    role: RoleOption,
    site: SiteOption = None,
    days: Annotated[float, typer.Option(min=0.001, help="How long it opens doors.")] = 1,
    line: LineOption = None,
    customer: CustomerOption = None,
) -> None:
    """Print a bearer token of the installation in the data directory, for programs.

    It cannot be revoked: `gemba key add` makes one that can.
    """
    from launch.installation import InstallationError
    from launch.reach import token_of

    settings = load_settings()
    try:
        text = token_of(
            settings.data_dir,
            role=role.value,
            sites=tuple(site or ()),
            days=days,
            key=settings.installation_key.get_secret_value(),
            lines=tuple(line or ()),
            customer=_customer_of(role, customer),
        )
    except InstallationError as error:
        fail(str(error))
    typer.echo(text)


def _customer_of(role: RoleName, customer: str | None) -> str | None:
    if (role is RoleName.CUSTOMER) != (customer is not None):
        fail("--customer goes with --role customer, and with no other")
    return customer


@contracts_app.command("export", epilog="Example: `gemba contracts export docs/contracts`")
def contracts_export(directory: Path) -> None:
    """Write JSON Schemas of all messages and an AsyncAPI document."""
    from contracts.export import write

    for path in write(directory):
        typer.echo(str(path))


def main() -> None:
    """Entry point of `gemba` and of `python -m launch`."""
    app()


def _run_installation(*, demo: bool) -> NoReturn:
    from launch.up import run_installation

    raise typer.Exit(run_installation(load_settings(), demo=demo))

"""What the commands share: options, settings, and the way to the running installation."""

# ruff: noqa: PLC0415 - commands import what they need when called

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from launch.reach import Reach
    from runtime.settings import Installation as Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class RoleName(StrEnum):
    """Roles, as in `domain.access` (a test compares them; importing it would cost start-up)."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    PLANNER = "planner"
    SALES = "sales"
    CUSTOMER_SERVICE = "customer_service"
    PURCHASING = "purchasing"
    WAREHOUSE = "warehouse"
    QUALITY = "quality"
    FINANCE = "finance"
    OPERATOR = "operator"
    VIEWER = "viewer"
    GATEWAY = "gateway"
    CUSTOMER = "customer"


RoleOption = Annotated[RoleName, typer.Option("--role", help="What it is for.")]
SiteOption = Annotated[
    list[str] | None, typer.Option("--site", help="Limit it to this site; may be repeated.")
]
LineOption = Annotated[
    list[str] | None,
    typer.Option("--line", help="Limit it to this line, site/area/line; may be repeated."),
]
CustomerOption = Annotated[
    str | None,
    typer.Option("--customer", help="Whose orders it opens (a code), for the role customer."),
]


def load_settings() -> Settings:
    """Settings from the environment; ends the command when one is wrong."""
    from runtime.settings import Installation as Settings

    return read_settings(Settings)


SettingsKind = TypeVar("SettingsKind", bound="Settings")


def read_settings(kind: type[SettingsKind]) -> SettingsKind:
    """Settings of a kind from the environment; ends the command when one is wrong."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        return kind()
    except ValidationError as error:
        problems = (
            f"GEMBA_{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        fail("; ".join(problems))
    except SettingsError as error:
        fail(str(error))


def find_installation() -> Reach:
    """The running installation; ends the command when there is none."""
    from launch.installation import InstallationError
    from launch.reach import reach

    try:
        return reach(load_settings())
    except InstallationError as error:
        fail(str(error))


def find_database_url() -> str:
    """The address of the database, set or of the running installation; else ends the command."""
    from launch.installation import InstallationError
    from launch.reach import addresses_of

    settings = load_settings()
    url = settings.database_url.get_secret_value()
    try:
        return url or addresses_of(settings).database_url
    except InstallationError as error:
        fail(str(error))


def print_json(value: object) -> None:
    """Print for programs."""
    typer.echo(json.dumps(value))


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with an exit code and say why."""
    typer.secho(f"gemba: {message}", fg="red", err=True)
    raise typer.Exit(code)

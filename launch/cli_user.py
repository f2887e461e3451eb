"""`gemba user …`."""

# ruff: noqa: PLC0415, FBT002 - commands import what they need when called; flags are booleans

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from launch.cli_common import (
    CustomerOption,
    Json,
    LineOption,
    RoleOption,
    SiteOption,
    fail,
    find_database_url,
)

app = typer.Typer(help="People's accounts.")

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("add", epilog="Example: `gemba user add anna --role planner --site plant-1`")
def user_add(  # noqa: PLR0917 - typer calls it by keyword
    name: str,
    role: RoleOption,
    site: SiteOption = None,
    password_stdin: PasswordStdin = False,
    line: LineOption = None,
    customer: CustomerOption = None,
    email: Annotated[
        str | None, typer.Option("--email", help="By which the OpenID provider knows them.")
    ] = None,
    openid: Annotated[
        bool, typer.Option("--openid", help="No password: they sign in with the provider.")
    ] = False,
) -> None:
    """Make an account; asks for the password."""
    from domain.access import Role
    from launch import users
    from store.access import WeakPasswordError
    from store.errors import ConflictError, NotFoundError

    url = find_database_url()
    if openid and email is None:
        fail("--openid needs --email, by which the provider knows them")
    password = None if openid else _ask_password(from_stdin=password_stdin)
    try:
        asyncio.run(
            users.add(
                url,
                name=name,
                role=Role(role.value),
                password=password,
                sites=site or (),
                lines=line or (),
                customer=customer,
                email=email,
            )
        )
    except (ConflictError, NotFoundError, WeakPasswordError, ValueError) as error:
        fail(str(error))
    typer.echo(f"{name} may sign in as {role.value}")


@app.command("list", epilog="Example: `gemba user list --json`")
def user_list(json_output: Json = False) -> None:
    """All accounts."""
    from launch import users

    accounts = asyncio.run(users.listed(find_database_url()))
    if json_output:
        typer.echo(users.as_json(accounts))
        return
    for account in accounts:
        sites = ", ".join(account.sites) or "all sites"
        typer.echo(f"{account.name:<20} {account.role:<18} {sites}")


@app.command("disable", epilog="Example: `gemba user disable anna`")
def user_disable(name: str) -> None:
    """Keep somebody out from now on; ends their sessions."""
    from launch import users
    from store.errors import ConflictError, NotFoundError

    try:
        asyncio.run(users.disable(find_database_url(), name=name))
    except (ConflictError, NotFoundError) as error:
        fail(str(error))
    typer.echo(f"{name} is disabled")


@app.command("passwd", epilog="Example: `gemba user passwd anna`")
def user_passwd(name: str, password_stdin: PasswordStdin = False) -> None:
    """Give an account another password; ends its sessions."""
    from launch import users
    from store.access import WeakPasswordError
    from store.errors import NotFoundError

    url = find_database_url()
    password = _ask_password(from_stdin=password_stdin)
    try:
        asyncio.run(users.change_password(url, name=name, password=password))
    except (NotFoundError, WeakPasswordError) as error:
        fail(str(error))
    typer.echo(f"{name} has a new password")


def _ask_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))

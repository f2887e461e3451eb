"""`gemba key …`: API keys of programs."""

# ruff: noqa: PLC0415, FBT002 - commands import what they need when called; flags are booleans

from __future__ import annotations

import asyncio
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

app = typer.Typer(help="API keys: what programs show instead of a password.")


@app.command("add", epilog="Example: `gemba key add erp --role sales --site plant-1 --days 365`")
def key_add(  # noqa: PLR0917 - typer calls it by keyword
    name: str,
    role: RoleOption,
    site: SiteOption = None,
    line: LineOption = None,
    customer: CustomerOption = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="How long it opens doors; left out: until revoked.")
    ] = None,
) -> None:
    """Make a key and print it, once: nobody keeps it."""
    from domain.access import Role
    from launch import users
    from store.errors import ConflictError, NotFoundError

    try:
        text = asyncio.run(
            users.add_key(
                find_database_url(),
                name=name,
                role=Role(role.value),
                sites=site or (),
                lines=line or (),
                customer=customer,
                days=days,
            )
        )
    except (ConflictError, NotFoundError, ValueError) as error:
        fail(str(error))
    typer.echo(text)


@app.command("list", epilog="Example: `gemba key list --json`")
def key_list(json_output: Json = False) -> None:
    """All keys that are not revoked, newest first."""
    import msgspec

    from launch import users

    rows = asyncio.run(users.keys(find_database_url()))
    if json_output:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        sites = ", ".join(row.sites) or "all sites"
        used = f"used {row.last_used_at:%Y-%m-%d}" if row.last_used_at else "never used"
        typer.echo(f"{row.name:<24} {row.prefix}…  {row.role:<18} {sites}, {used}")


@app.command("revoke", epilog="Example: `gemba key revoke erp`")
def key_revoke(name: str) -> None:
    """Make a key open nothing from now on."""
    from launch import users
    from store.errors import NotFoundError

    try:
        asyncio.run(users.revoke_key(find_database_url(), name=name))
    except NotFoundError as error:
        fail(str(error))
    typer.echo(f"{name} is revoked")

"""`gemba master-data …`."""

# ruff: noqa: PLC0415 - commands import what they need when called

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from launch.cli_common import Json, fail, find_installation, print_json

app = typer.Typer(help="Sites, machines, items, bills, routings, partners and rules as files.")


class Format(StrEnum):
    """How master data is written."""

    YAML = "yaml"
    CSV = "csv"


@app.command(
    "import",
    epilog="Examples: `gemba master-data import plant.yaml --dry-run`,"
    " `gemba master-data import tables/` (a directory of `items.csv`, `bills.csv`, …)",
)
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            exists=True,
            metavar="FILE|DIR",
            help="YAML, JSON, a table named for its kind (`items.csv`), a zip or a directory of"
            " these.",
        ),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
    ] = False,
    remove_missing: Annotated[
        bool,
        typer.Option("--remove-missing", help="Give up what the kinds in the files hold no more."),
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit log.")] = None,
    json_output: Json = False,
) -> None:
    """Import master data: all of it, or nothing. Exit code 1: something is wrong with the files."""
    from launch.master_data import MasterDataError, import_files

    found = find_installation()
    try:
        outcome = import_files(
            found.addresses.http_url,
            found.token,
            source,
            dry_run=dry_run,
            remove_missing=remove_missing,
            reason=reason,
        )
    except MasterDataError as error:
        if json_output and error.faults:
            print_json({"applied": False, "faults": error.faults})
            raise typer.Exit(1) from error
        _say_faults((one["field"], one["problem"], one.get("value")) for one in error.faults)
        fail(str(error))
    if json_output:
        print_json(outcome)
    else:
        _say_outcome(outcome)
    raise typer.Exit(1 if outcome["faults"] else 0)


@app.command(
    "export",
    epilog="Examples: `gemba master-data export plant.yaml`,"
    " `gemba master-data export tables.zip --format csv --kinds items,bills`",
)
def export(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Where to; without: standard output.")
    ] = None,
    *,
    format_: Annotated[
        Format, typer.Option("--format", help="YAML, or a zip of tables.")
    ] = Format.YAML,
    kinds: Annotated[
        str | None, typer.Option(help="Only these, separated by commas: `items,bills`.")
    ] = None,
) -> None:
    """Write all master data, or some kinds of it, so that it can be imported again."""
    from launch.master_data import MasterDataError
    from launch.master_data import export as exported

    if format_ is Format.CSV and path is None and sys.stdout.isatty():
        fail("a zip is nothing for a terminal; name a file: gemba master-data export tables.zip")
    found = find_installation()
    try:
        content = exported(
            found.addresses.http_url, found.token, format_=format_.value, kinds=kinds
        )
        if path is None:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        else:
            path.write_bytes(content)
    except MasterDataError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror or error}")


def _say_outcome(outcome: dict[str, Any]) -> None:
    _say_faults((_place(one), one["problem"], one["value"]) for one in outcome["faults"])
    header = ("", "added", "changed", "unchanged", "retired")
    rows = [(one["kind"], *(str(one[name]) for name in header[1:])) for one in outcome["kinds"]]
    for line in _table([header, *rows]):
        typer.echo(line)
    for name in outcome["definite"]:
        typer.echo(f"known now: {name}")
    if outcome["judged_orders"]:
        typer.echo(f"orders judged again: {outcome['judged_orders']}")
    if outcome["dry_run"]:
        typer.echo("Nothing was changed: this was a dry run.")


def _place(fault: dict[str, Any]) -> str:
    parts = [fault["file"], *(str(fault[name]) for name in ("line", "column") if fault[name])]
    return ":".join(parts)


def _say_faults(faults: Iterable[tuple[str, str, object]]) -> None:
    """A line per fault, as compilers write them."""
    for place, problem, value in faults:
        shown = "" if value is None else f" ({value})"
        typer.secho(f"{place}: {problem}{shown}", err=True)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with the first column to the left and the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

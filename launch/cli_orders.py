"""`gemba orders`."""

# ruff: noqa: PLC0415 - commands import what they need when called

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from launch.cli_common import Json, fail, find_installation, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.orders_import import Outcome

app = typer.Typer(help="Orders.")

_MOST_SHOWN = 50


class FormatName(StrEnum):
    """Formats, as in `domain.documents` (a test compares them; importing it costs start-up)."""

    SAP_IDOC = "sap-idoc"
    X12 = "x12"
    EDIFACT = "edifact"
    KINGDEE = "kingdee"
    YONYOU = "yonyou"
    SHOPIFY = "shopify"
    CSV = "csv"
    XLSX = "xlsx"


@app.callback()
def orders() -> None:
    """Orders from files."""


@app.command(
    "import",
    epilog="Examples: `gemba orders import po.x12` · `gemba orders import *.csv --mapping acme"
    " --dry-run` · `gemba orders import orders.xlsx --site plant-1 --json`",
)
def import_orders(
    *,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="Which ones.")
    ],
    document_format: Annotated[
        FormatName | None,
        typer.Option("--format", help="Of all files; without it, what each looks like."),
    ] = None,
    site: Annotated[str | None, typer.Option(help="Who handles the orders.")] = None,
    channel: Annotated[str | None, typer.Option(help="By which channel they come in.")] = None,
    mapping: Annotated[str | None, typer.Option(help="A remembered mapping of columns.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Who numbered the orders, where files do not say.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would happen, and change nothing.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(envvar="GEMBA_URL", help="The API; by default the installation here."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="GEMBA_TOKEN", help="A bearer token, where --url is given."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Take orders in from files of any format. Large CSV files are sent in parts.

    The exit code is 1 if something was refused; what was taken in stays, and may be sent again.
    """
    from domain.documents import Format
    from launch.orders_import import ImportFailedError, Wanted, client, send

    if url is None:
        found = find_installation()
        url, token = found.addresses.http_url, found.token
    elif token is None:
        fail("--url needs --token (or GEMBA_TOKEN): make one with `gemba token --role sales`")
    wanted = Wanted(
        format=None if document_format is None else Format(document_format.value),
        site=site,
        channel=channel,
        mapping=mapping,
        source=source,
        dry_run=dry_run,
    )
    outcomes = []
    try:
        with client(url, token) as api, _Bar(quiet=json_output) as bar:
            for path in files:
                on_part = bar.begin(path.name)
                outcomes.append(send(api, path, path.read_bytes(), wanted, on_part=on_part))
    except (ImportFailedError, OSError) as error:
        fail(str(error))
    if json_output:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        for outcome in outcomes:
            _show(outcome, dry_run=dry_run)
    raise typer.Exit(1 if any(outcome.failed for outcome in outcomes) else 0)


@app.command(
    "poll",
    epilog="Examples: `gemba orders poll erp --server https://erp.example.com/k3cloud --account"
    " 629bd5285d655d --user gemba --app-id 2... --secret-file key.txt` · `gemba orders poll bip"
    " --account tenant-id --app-id app-key --secret-file key.txt --every 60`",
)
def poll_orders(
    *,
    channel: Annotated[str, typer.Argument(help="Of format kingdee or yonyou.")],
    account: Annotated[str, typer.Option(help="Kingdee: data centre id. Yonyou: tenant id.")],
    secret_file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Holds the app's secret.")
    ],
    server: Annotated[
        str | None, typer.Option(help="Kingdee: the site's address. Yonyou: its public gateway.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Kingdee: the integration's user.")] = None,
    app_id: Annotated[str | None, typer.Option(help="Application id; Yonyou: app key.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Changed since then, by the system's own clock.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=5, help="Seconds between rounds; without it, one round.")
    ] = None,
    position_file: Annotated[
        Path | None, typer.Option(help="Where to go on is kept there.", dir_okay=False)
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(envvar="GEMBA_URL", help="The API; by default the installation here."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="GEMBA_TOKEN", help="A bearer token, where --url is given."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Ask Kingdee or YonBIP which orders changed, and take them in by a channel.

    Nothing is missed when a round fails: the next one begins where the last whole one ended.
    """
    import asyncio

    from launch.cli_common import load_settings
    from launch.orders_poll import PollFailedError
    from launch.orders_poll_run import Wanted, run

    if url is None:
        found = find_installation()
        url, token = found.addresses.http_url, found.token
    elif token is None:
        fail("--url needs --token (or GEMBA_TOKEN): make one with `gemba token --role sales`")
    wanted = Wanted(
        channel=channel,
        account=account,
        secret=secret_file.read_text(encoding="utf-8").strip(),
        server=server,
        user=user,
        app_id=app_id,
        since=since,
        every_s=every,
        position=position_file or load_settings().data_dir / "polling" / f"{channel}.json",
    )

    def show(told: dict[str, Any]) -> None:
        if json_output:
            print_json(told)
            return
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(told["outcomes"].items()))
        typer.echo(f"{channel}: {told['delivered']} read: {outcomes or 'nothing changed'}")
        for line in told["refused"][:_MOST_SHOWN]:
            typer.echo(f"  refused: {line}")

    try:
        asyncio.run(
            run(url, token, wanted, show=show, warn=lambda text: typer.echo(text, err=True))
        )
    except PollFailedError as error:
        fail(str(error))


class _Bar:
    """A progress bar on the terminal, by parts of files."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=quiet, transient=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def begin(self, name: str) -> Callable[[int, int], None]:
        """A line for a file; answers what is to be called with parts done and parts in all."""
        task = self._progress.add_task(name, total=None)

        def on_part(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)

        return on_part


def _show(outcome: Outcome, *, dry_run: bool) -> None:
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcome.counts.items()))
    would = " (nothing was written)" if dry_run else ""
    typer.echo(f"{outcome.file}: {told or 'nothing taken in'}{would}")
    if outcome.error is not None:
        typer.secho(f"  {outcome.error}", fg="red", err=True)
    for document in outcome.documents:
        if document["outcome"] in {"refused", "conflict", "waiting"}:
            reasons = "; ".join(document["reasons"])
            typer.echo(f"  {document['number']}: {document['outcome']}: {reasons}")
    shown = [problem for problem in outcome.problems if problem["severity"] != "note"]
    for problem in shown[:_MOST_SHOWN]:
        value = "" if problem["value"] is None else f" ({problem['value']!r})"
        where = f"{problem['document']}, " if problem["document"] else ""
        typer.echo(
            f"  {problem['severity']}: {where}{problem['place']}: {problem['problem']}{value}"
        )
    if len(shown) > _MOST_SHOWN:
        typer.echo(f"  … and {len(shown) - _MOST_SHOWN} more; --json tells all of them")

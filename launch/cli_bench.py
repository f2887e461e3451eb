"""`gemba bench`: the planner and what could be taken instead, side by side."""

# ruff: noqa: PLC0415, PLR0917 - imports when called; options are keywords on the command line

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from launch.cli_common import Json, fail

if TYPE_CHECKING:
    from scheduler.instances.comparing import Comparison
    from scheduler.replanning import Replanned

app = typer.Typer(help="Measure the planner against its peers.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the planner against its peers."""


@app.command(
    epilog="Example: `gemba bench schedule instances/jobshop instances/fjsp --time-limit 2`"
)
def schedule(
    folders: Annotated[list[Path], typer.Argument(help="Folders with instances.")],
    time_limit: Annotated[
        list[float] | None, typer.Option(min=0.05, help="Seconds; may be repeated. [2 and 10]")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(min=0, help="May be repeated. [1 to 5]")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="An instance's name; may be repeated.")
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="gemba, cp_sat or pyjobshop; may be repeated.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="jobshop, fjsp, setups, tardiness-1.3, -1.5 or -1.6, as they are reported, from "
            "the folders jobshop, fjsp and fjsp_sdst in the given one; may be repeated."
        ),
    ] = None,
    due: Annotated[
        list[float] | None,
        typer.Option(
            min=1.0,
            max=10.0,
            help="Weighted tardiness: due after work times this; may be repeated.",
        ),
    ] = None,
    grow: Annotated[
        list[int] | None,
        typer.Option(min=1, max=100, help="Set-ups: every job so many times; may be repeated."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads of each.")] = 2,
    json_output: Json = False,  # noqa: FBT002 - flags are booleans
) -> None:
    """Job shops from folders: this planner, plain CP-SAT and PyJobShop, with several seeds."""
    from scheduler.instances.comparing import compare, family_subjects, subjects
    from scheduler.instances.peers import System, available
    from scheduler.instances.reading import InstanceError
    from scheduler.instances.solving import warm_up

    try:
        systems = [System(each) for each in system] if system else list(System)
    except ValueError as error:
        fail(f"{error}; known are {', '.join(System)}")
    for each in [each for each in systems if not available(each)]:
        typer.echo(f"{each} is not installed and left out", err=True)
        systems.remove(each)
    if family and (due or grow):
        fail("--family says how its instances are made: leave --due and --grow out")
    tenths = [round(each * 10) for each in due or ()]
    try:
        what = (
            family_subjects(folders, family, only=only or ())
            if family
            else subjects(folders, only=only or (), tenths=tenths, times=grow or (1,))
        )
    except InstanceError as error:
        fail(str(error))
    seeds, limits_s = seed or range(1, 6), time_limit or (2.0, 10.0)
    most_min = len(what) * len(seeds) * len(systems) * sum(limits_s) / 60
    typer.echo(f"{len(what)} instances, {most_min:.0f} minutes at most", err=True)
    warm_up()
    found = compare(
        what,
        systems=systems,
        seeds=seeds,
        limits_s=limits_s,
        workers=workers,
        told=lambda line: typer.echo(line, err=True),
    )
    typer.echo(msgspec.json.encode(found).decode() if json_output else _table(found))


def _table(found: Comparison) -> str:
    """The run as text: instances first, groups in the end."""
    systems = sorted({row.system for row in found.rows})
    lines = [
        (
            f"seeds {', '.join(map(str, found.seeds))}; {found.workers} workers on "
            f"{found.processors} processors; load {found.loads[0]} to {found.loads[1]}"
        ),
        f"{'instance':<40}{'limit':>6}{'best':>8}  "
        + "".join(f"{system + ' (gap %)':>24}" for system in systems),
    ]
    cells: dict[tuple[str, str, float, int], dict[str, str]] = {}
    for row in found.rows:
        value = "nothing" if row.median_value is None else f"{row.median_value:g}"
        gap = "" if row.gap_percent is None else f" ({row.gap_percent:.1f})"
        key = (row.group, row.name, row.limit_s, row.reference)
        cells.setdefault(key, {})[row.system] = value + gap
    for (group, name, limit_s, reference), values in cells.items():
        lines.append(
            f"{f'{group} {name}':<40}{limit_s:>6g}{reference:>8}  "
            + "".join(f"{values.get(system, ''):>24}" for system in systems)
        )
    for each in found.summaries:
        gap = "nothing" if each.mean_gap_percent is None else f"{each.mean_gap_percent:.2f} %"
        total = "" if each.total is None else f", total {each.total:g}"
        lines.append(
            f"mean gap, {each.group} ({each.instances}), {each.limit_s:g} s, {each.system}: {gap}"
            f"{total}, best in {each.best_in}"
        )
    return "\n".join(lines)


@app.command(epilog="Example: `gemba bench replan --jobs 200 --seed 7 --json`")
def replan(
    jobs: Annotated[int, typer.Option(help="200 or 1000.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of shop and search.")] = 1,
    shop: Annotated[
        list[str] | None,
        typer.Option(
            help="loose: in time until something happens; tight: behind before. May be repeated. "
            "[both]"
        ),
    ] = None,
    time_limit: Annotated[
        list[float] | None, typer.Option(min=0.05, help="Seconds; may be repeated. [1 and 5]")
    ] = None,
    json_output: Json = False,  # noqa: FBT002 - flags are booleans
) -> None:
    """The busiest machine goes down: right-shift, rules, compiled search and CP-SAT's windows."""
    from scheduler.replanning import SHOPS, SPACE_MIN, warm_up
    from scheduler.replanning import replan as answer

    shops = list(dict.fromkeys(shop or SPACE_MIN))
    if jobs not in SHOPS:
        fail(f"--jobs {jobs}: known are {', '.join(map(str, SHOPS))}")
    for each in shops:
        if each not in SPACE_MIN:
            fail(f"--shop {each}: known are {', '.join(SPACE_MIN)}")
    warm_up()
    limits_s = tuple(time_limit or (1.0, 5.0))
    found = [answer(jobs, seed=seed, shop=each, limits_s=limits_s) for each in shops]
    if json_output:
        whole = msgspec.structs.replace(found[0], also=tuple(found[1:]))
        typer.echo(msgspec.json.encode(whole).decode())
        return
    for one in found:
        typer.echo(_replanned(one))


def _replanned(found: Replanned) -> str:
    """One shop's run as text, a line for each method."""
    lines = [
        (
            f"{found.shop} shop, {found.operations} operations, {found.calm_tardy_jobs} jobs late "
            f"before (weighted tardiness {found.calm_weighted_tardiness}), "
            f"peak memory {found.memory_mib} MiB"
        )
    ]
    for each in found.results:
        told = each.metrics
        since = "     -" if each.first_s is None else f"{each.first_s:>6.2f}"
        head = f"{each.method:<12}first {since} s  all {each.elapsed_s:>6.2f} s  "
        if told is None:
            lines.append(f"{head}no plan")
            continue
        lines.append(
            f"{head}cost {told.cost:>10} ({each.of_first:.0%} of first)  "
            f"weighted tardiness {told.weighted_tardiness:>8}  "
            f"late {told.tardy_jobs:>4}  latest {told.most_tardy:>6}  "
            f"reassigned {told.reassigned:>5}  resequenced {told.resequenced:>5}  "
            f"moved {told.moved:>5} by {told.shifted:>8}  "
            f"broken constraints {each.wrong}, frozen moved {each.frozen}"
        )
    return "\n".join(lines)

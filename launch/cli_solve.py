"""`gemba solve`: a shop from a file, planned."""

# ruff: noqa: PLC0415, PLR0917 - imports when called; options are keywords on the command line

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from launch.cli_common import Json, fail

if TYPE_CHECKING:
    from scheduler.instances.instance import Schedule
    from scheduler.instances.problems import SolvedProblem
    from scheduler.instances.solving import SolvedInstance

LONGEST_S = 86_400.0
MOST_WORKERS = 64
WRONG_INPUT = 2
"""The exit code where the file, or an option, is not what it should be."""


class InstanceFormat(StrEnum):
    """As in `scheduler.instances.reading` (a test compares them)."""

    JOBSHOP = "jobshop"
    FJSP = "fjsp"
    FJSP_SDST = "fjsp-sdst"
    JSON = "json"


def solve(
    file: Annotated[Path, typer.Argument(help="The instance.")],
    kind: Annotated[InstanceFormat, typer.Option("--format", help="What the file is.")],
    time_limit: Annotated[
        float, typer.Option(min=0.05, max=LONGEST_S, help="Seconds of search.")
    ] = 10.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Where chance begins.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="Threads.")] = 2,
    picture: Annotated[
        Path | None, typer.Option("--gantt", help="Draw the schedule into this SVG file.")
    ] = None,
    machines_from: Annotated[
        int | None,
        typer.Option(min=0, max=1, help="What the file calls its first machine. [what it shows]"),
    ] = None,
    json_output: Json = False,  # noqa: FBT002 - flags are booleans
) -> None:
    """Plan a job shop or flexible job shop from a file, and say how far from the best it can be."""
    from scheduler.instances.reading import Format, InstanceError, content_of, parse
    from scheduler.instances.solving import solve as solve_instance
    from scheduler.instances.solving import warm_up

    try:
        content = content_of(file)
        if kind is InstanceFormat.JSON and _problem(
            file, content, time_limit=time_limit, picture=picture, json_output=json_output
        ):
            return
        instance = parse(content, Format(kind.value), name=file.name, machines_from=machines_from)
    except InstanceError as error:
        fail(str(error), code=WRONG_INPUT)
    _check_picture(picture)
    ready_s = warm_up()
    answer = solve_instance(instance, limit_s=time_limit, seed=seed, workers=workers)
    if picture is not None:
        title = f"{file.name}: makespan {answer.makespan}, at least {answer.lower_bound}"
        _draw(picture, instance.machines, answer.schedule, title)
    if json_output:
        more = {"ready_s": round(ready_s, 3), "machines_from": instance.machines_from}
        typer.echo(msgspec.json.encode(msgspec.to_builtins(answer) | more).decode())
        return
    typer.echo(f"{file.name}: {_words(answer, instance.objective)} (loading took {ready_s:.1f} s)")


def _problem(
    file: Path, content: bytes, *, time_limit: float, picture: Path | None, json_output: bool
) -> bool:
    """Answer a planning problem of the API's form; False if the document is none."""
    from scheduler.instances.problems import decode_problem, is_problem, solve_problem, warm_up

    if not is_problem(content):
        return False
    problem = decode_problem(content, name=file.name)
    _check_picture(picture)
    logging.getLogger("scheduler").setLevel(logging.ERROR)  # the answer says it
    ready_s = warm_up(problem)
    answer = solve_problem(problem, limit_s=time_limit)
    if picture is not None and answer.schedule:
        now = min(problem.now_ms, *(piece.start for piece in answer.schedule))
        shifted = tuple(
            msgspec.structs.replace(each, start=each.start - now, end=each.end - now)
            for each in answer.schedule
        )
        _draw(picture, len(problem.machines), shifted, f"{file.name}: milliseconds from {now} on")
    if json_output:
        more = {"ready_s": round(ready_s, 3)}
        typer.echo(msgspec.json.encode(msgspec.to_builtins(answer) | more).decode())
    elif answer.objective is None:
        typer.echo(f"{file.name}: infeasible: {'; '.join(answer.conflicts)}")
    else:
        typer.echo(f"{file.name}: {_words(answer, 'cost')} (loading took {ready_s:.1f} s)")
    return True


def _words(answer: SolvedInstance | SolvedProblem, objective: str) -> str:
    return (
        f"{answer.status} {objective} {answer.objective}, at least {answer.lower_bound}; first "
        f"schedule after {answer.first_feasible_s:.3f} s, ended after {answer.wall_s:.2f} s"
    )


def _check_picture(picture: Path | None) -> None:
    """Refuse a picture that cannot be written before time is spent on it."""
    if picture is not None and not picture.parent.is_dir():
        fail(
            f"{picture} cannot be written: there is no folder {picture.parent}: make it",
            code=WRONG_INPUT,
        )


def _draw(picture: Path, machines: int, schedule: Schedule, title: str) -> None:
    from scheduler.instances.gantt import write_gantt

    try:
        write_gantt(picture, machines, schedule, title=title)
    except OSError as error:
        fail(f"{picture} cannot be written: {error.strerror}", code=WRONG_INPUT)

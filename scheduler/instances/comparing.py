"""Systems side by side on many instances, with several seeds, in one run."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Final

import msgspec

from scheduler.instances.due_dates import with_due_dates
from scheduler.instances.grown import grown
from scheduler.instances.instance import Instance
from scheduler.instances.peers import Run, System, run
from scheduler.instances.reading import Format, InstanceError, read_instance

SUFFIXES = (".txt", ".fjs", ".json", ".jsp", ".fjsp")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that is compared on.

    Attributes:
        group: the folder it comes from, how much larger it is than the file, and how its due dates
            were set.
        best: the best value known, None if nobody knows.
    """

    name: str
    group: str
    instance: Instance
    best: int | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one system reached on one instance, medians over seeds.

    Attributes:
        gap_percent: above the best known value, or above the best of this run where none is known
            (then in percent of it plus one, since it may be 0); None where it found nothing once.
        values: by seed.
    """

    group: str
    name: str
    limit_s: float
    system: System
    reference: int
    gap_percent: float | None
    median_value: float | None
    values: tuple[int | None, ...]
    wall_s: float
    cpu_s: float
    bound: int | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A system on a group's instances.

    Attributes:
        mean_gap_percent: of the instances' gaps; None where it found nothing once.
        total: the sum of the instances' medians, likewise.
        best_in: in how many instances no system's median is smaller.
    """

    group: str
    limit_s: float
    system: System
    instances: int
    mean_gap_percent: float | None
    total: float | None
    best_in: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. `loads` are the machine's load averages at its begin and end."""

    seeds: tuple[int, ...]
    workers: int
    processors: int
    loads: tuple[float, float]
    summaries: tuple[Summary, ...]
    rows: tuple[Row, ...]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Instances that are reported together.

    Attributes:
        folder: below the folder of all instances.
        only: names to keep; all, if empty.
        times: how often each job of instances with set-ups is there (`grown`).
        tenths: due dates (`with_due_dates`); for the makespan, if empty.
    """

    folder: str
    only: tuple[str, ...] = ()
    times: tuple[int, ...] = (1,)
    tenths: tuple[int, ...] = ()


JOB_SHOPS: Final = ("ft06", "ft10", "la21", "la38", "abz7", "ta01", "ta21", "ta41")
FAMILIES: Final[Mapping[str, Family]] = {
    "jobshop": Family(folder="jobshop", only=JOB_SHOPS),
    "fjsp": Family(folder="fjsp"),
    "setups": Family(folder="fjsp_sdst", times=(1, 5, 15)),
    "tardiness-1.3": Family(folder="jobshop", only=JOB_SHOPS, tenths=(13,)),
    "tardiness-1.5": Family(folder="jobshop", only=JOB_SHOPS, tenths=(15,)),
    "tardiness-1.6": Family(folder="jobshop", only=JOB_SHOPS, tenths=(16,)),
}
"""What is reported, by the name of its kind."""


def subjects(
    folders: Sequence[Path],
    *,
    only: Sequence[str] = (),
    tenths: Sequence[int] = (),
    times: Sequence[int] = (1,),
) -> list[Subject]:
    """The instances of some folders.

    Args:
        folders: with files of any format that is read; `best_known.csv` is looked for in each and
            in the folder above.
        only: names to keep; all, if empty.
        tenths: plan for weighted tardiness with each of these due dates (`with_due_dates`).
        times: how often each job is there (`grown`), where there are set-ups.

    Raises:
        InstanceError: a file is of no format, or there is none.
    """
    found: list[Subject] = []
    for folder in folders:
        best = _best_known(folder)
        for path in sorted(each for each in folder.glob("*") if each.suffix in SUFFIXES):
            if only and path.stem not in only:
                continue
            found += _variants(path, folder.name, best.get(path.stem), tenths, times)
    if not found:
        raise InstanceError(
            f"no instances in {', '.join(map(str, folders))}"
            + (f" that are called {', '.join(only)}" if only else "")
        )
    return found


def family_subjects(
    folders: Sequence[Path], names: Sequence[str], *, only: Sequence[str] = ()
) -> list[Subject]:
    """The instances of some families.

    Args:
        folders: each with the families' folders in it.
        names: of `FAMILIES`.
        only: names to keep; all of the family, if empty.

    Raises:
        InstanceError: a family is not known, or there are no instances of it.
    """
    found: list[Subject] = []
    for name in names:
        family = FAMILIES.get(name)
        if family is None:
            raise InstanceError(f"no family {name}: known are {', '.join(FAMILIES)}")
        kept = [each for each in family.only if not only or each in only] or list(only)
        found += subjects(
            [folder / family.folder for folder in folders],
            only=kept,
            tenths=family.tenths,
            times=family.times,
        )
    return found


def _variants(
    path: Path, group: str, best: int | None, tenths: Sequence[int], times: Sequence[int]
) -> Iterator[Subject]:
    """An instance as it is, or larger, or with due dates."""
    instance = recognised(path)
    for factor in times if instance.setups else (1,):
        larger = grown(instance, times=factor)
        named, reference = (f"{group} x{factor}", None) if factor > 1 else (group, best)
        for tenth in tenths or (None,):
            if tenth is None:
                yield Subject(name=path.stem, group=named, instance=larger, best=reference)
                continue
            yield Subject(
                name=path.stem,
                group=f"{named} tardiness {tenth / 10:g}",
                instance=with_due_dates(larger, tenths=tenth),
                best=None,
            )


def recognised(path: Path) -> Instance:
    """The instance of a file whose format is not told: the first format that it is of."""
    wrong: list[str] = []
    formats = (Format.FJSP_SDST, Format.JOBSHOP, Format.FJSP)
    for kind in (Format.JSON,) if path.suffix == ".json" else formats:
        try:
            return read_instance(path, kind)
        except InstanceError as error:
            wrong.append(f"as {kind}: {error}")
    raise InstanceError("; ".join(wrong))


def compare(
    what: Sequence[Subject],
    *,
    systems: Sequence[System],
    seeds: Sequence[int],
    limits_s: Sequence[float],
    workers: int,
    told: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Let every system plan every instance with every seed and limit; seeds take turns."""
    load = os.getloadavg()[0]
    runs: dict[tuple[int, float, System], list[Run]] = defaultdict(list)
    for limit_s in limits_s:
        for index, subject in enumerate(what):
            for seed in seeds:
                for system in systems:
                    found = run(
                        system, subject.instance, limit_s=limit_s, seed=seed, workers=workers
                    )
                    runs[index, limit_s, system].append(found)
                    told(f"{subject.name} {limit_s:g} s seed {seed} {system}: {found.value}")
    rows = tuple(_rows(what, runs))
    return Comparison(
        seeds=tuple(seeds),
        workers=workers,
        processors=os.cpu_count() or 0,
        loads=(round(load, 2), round(os.getloadavg()[0], 2)),
        summaries=tuple(_summaries(rows)),
        rows=rows,
    )


def _rows(
    what: Sequence[Subject], runs: dict[tuple[int, float, System], list[Run]]
) -> Iterator[Row]:
    best_here: dict[int, int] = {}
    for (index, _, _), found in runs.items():
        for each in found:
            if each.value is not None:
                best_here[index] = min(each.value, best_here.get(index, each.value))
    for (index, limit_s, system), found in runs.items():
        subject = what[index]
        reference = subject.best if subject.best is not None else best_here.get(index, 0)
        values = tuple(each.value for each in found)
        known = [value for value in values if value is not None]
        middle = median(known) if len(known) == len(values) else None
        base = reference if subject.best is not None else reference + 1
        yield Row(
            group=subject.group,
            name=subject.name,
            limit_s=limit_s,
            system=system,
            reference=reference,
            gap_percent=None if middle is None else round(100 * (middle - reference) / base, 2),
            median_value=middle,
            values=values,
            wall_s=round(median(each.wall_s for each in found), 3),
            cpu_s=round(median(each.cpu_s for each in found), 3),
            bound=max((each.bound for each in found if each.bound is not None), default=None),
        )


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    groups: dict[tuple[str, float, System], list[Row]] = defaultdict(list)
    least: dict[tuple[str, str, float], float] = {}
    for row in rows:
        groups[row.group, row.limit_s, row.system].append(row)
        if row.median_value is not None:
            key = (row.group, row.name, row.limit_s)
            least[key] = min(row.median_value, least.get(key, row.median_value))
    for (group, limit_s, system), members in groups.items():
        gaps = [row.gap_percent for row in members if row.gap_percent is not None]
        values = [row.median_value for row in members if row.median_value is not None]
        everywhere = len(gaps) == len(members)
        yield Summary(
            group=group,
            limit_s=limit_s,
            system=system,
            instances=len(members),
            mean_gap_percent=round(mean(gaps), 2) if everywhere else None,
            total=sum(values) if everywhere else None,
            best_in=sum(
                row.median_value == least.get((group, row.name, limit_s)) for row in members
            ),
        )


def _best_known(folder: Path) -> dict[str, int]:
    """The best known makespans, by instance."""
    for path in (folder / "best_known.csv", folder.parent / "best_known.csv"):
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                return {
                    row["instance"]: int(row["best_known_makespan"]) for row in csv.DictReader(file)
                }
    return {}

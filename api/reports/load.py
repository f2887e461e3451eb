"""The report `load`: what machines, lines and sites have to do and can do; bottlenecks first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import ReportQuery, row_dimension
from api.reports.envelope import Figure, Language, Report, ReportName, ReportRow, amount, figures
from api.reports.machine_asked import kept_short, machines_asked
from api.reports.targets import goals
from domain.reports.load import MachineLoad, bottlenecks, under
from domain.reports.ratios import Absent, ratio
from store.reports.load import LoadPart, load_parts

BY: Final = ("machine", "line", "site")
_DEPTHS: Final = {"machine": 4, "line": 3, "site": 1}


async def load_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Load by machine, line or site; the past from facts, the future from the plans in force.

    Raises:
        NotFoundError: there is no such site, line or machine for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY) or "machine"
    machines = await machines_asked(context, principal, query, language)
    async with context.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        some = await load_parts(connection, machines.scope)
        targets = await goals(connection, machines.asked)
    by_place: dict[str, list[LoadPart]] = defaultdict(list)
    by_bucket: dict[int, list[LoadPart]] = defaultdict(list)
    for each in some:
        place = "/".join(each.load.place.split("/")[: _DEPTHS[by]])
        by_place[place].append(each)
        by_bucket[each.bucket].append(each)

    def told(parts: Iterable[LoadPart]) -> dict[str, Figure]:
        found = list(parts)
        load = _sum(found)
        past_ms = sum(each.past_working_ms for each in found)
        return figures(
            {
                "load": load.load,
                "utilization": ratio(load.used_ms, past_ms, Absent.NO_CAPACITY),
                "needed_ms": amount(load.needed_ms),
                "used_ms": amount(load.used_ms),
                "planned_ms": amount(load.needed_ms - load.used_ms),
                "working_ms": amount(load.working_ms),
            },
            language,
            targets,
        )

    sums = under((each.load for each in some), _DEPTHS[by])
    ranked = bottlenecks(sums)
    ranked += [each for each in sums if not each.needed_ms]
    rows, notes = kept_short(
        [
            ReportRow(key=each.place, label=each.place, figures=told(by_place[each.place]))
            for each in ranked
        ],
        language,
    )
    return replace(machines.asked, revision_at=None).report(
        ReportName.LOAD,
        totals=told(some),
        rows=rows,
        series={bucket: told(found) for bucket, found in by_bucket.items()},
        nothing=told(()),
        notes=notes,
    )


def _sum(parts: Iterable[LoadPart]) -> MachineLoad:
    found = under((each.load for each in parts), 0)
    return found[0] if found else MachineLoad(place="", needed_ms=0, used_ms=0, working_ms=0)

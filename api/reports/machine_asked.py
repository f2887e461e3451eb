"""What is asked about machines: their scope, what is preliminary, rows that are kept short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked
from api.reports.envelope import Language, ReportNote
from domain.reports.machine_time import MicroStops
from store.database import Connection
from store.errors import NotFoundError
from store.reports.machine_sums import (
    MOST_ROWS,
    MachineScope,
    machines_in,
    machines_wait,
)
from store.reports.machines import SitePolicy, time_policies

_Row = TypeVar("_Row")

OUTSIDE_SHIFTS: Final = {"en": "outside of shifts", "zh": "班次之外"}
NO_ORDER: Final = {"en": "no order", "zh": "无订单"}
NO_ITEM: Final = {"en": "no item", "zh": "无物料"}


@dataclass(frozen=True, kw_only=True)
class MachinesAsked:
    """A question about machines.

    Attributes:
        asked: whose sites and days it is.
        scope: the machines.
        micro_stops: what they lower; sites that differ: availability.
        notes: what one has to know of the answer.
    """

    asked: Asked
    scope: MachineScope
    micro_stops: MicroStops
    notes: tuple[ReportNote, ...]

    def known(self, recorded_at: datetime | None, *, running: bool) -> Asked:
        """The same, with when the machines' revisions were recorded, and whether a shift runs."""
        return replace(
            self.asked,
            revision_at=recorded_at,
            preliminary=self.asked.preliminary or running,
        )


async def machines_asked(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> MachinesAsked:
    """What a question means for whoever asks it.

    Raises:
        NotFoundError: there is no such site, line or machine, or none for them.
        ProblemError: the period cannot be (422).
    """
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        scope = await machines_in(connection, wanted.scope, machine=query.machine)
        if query.machine is not None and not scope.machines:
            raise NotFoundError("machine", query.machine)
        waiting = query.as_of is None and await machines_wait(
            connection, [each.id for each in scope.machines]
        )
        micro_stops, notes = await _policy(connection, wanted, language)
    return MachinesAsked(
        asked=replace(wanted, preliminary=waiting),
        scope=scope,
        micro_stops=micro_stops,
        notes=notes,
    )


async def _policy(
    connection: Connection, wanted: Asked, language: Language
) -> tuple[MicroStops, tuple[ReportNote, ...]]:
    sites = [each.id for each in wanted.sites]
    policies = await time_policies(connection, sites, as_of=wanted.moment)
    found = common(policies.values())
    if found is not None:
        return found, ()
    words = {
        "en": "The sites class micro-stops differently; here they lower availability everywhere.",
        "zh": "各工厂对微停的归类不同；此处一律计入可用率损失。",
    }
    note = ReportNote(code="micro_stops_differ", words=words[language])
    return MicroStops.AVAILABILITY, (note,)


def common(policies: Iterable[SitePolicy]) -> MicroStops | None:
    """How all sites class micro-stops; None: differently."""
    found = {each.policy.micro_stops for each in policies}
    return found.pop() if len(found) == 1 else None


def kept_short(rows: Sequence[_Row], language: Language) -> tuple[list[_Row], list[ReportNote]]:
    """The first rows, and a note where there are more."""
    if len(rows) <= MOST_ROWS:
        return list(rows), []
    words = {
        "en": f"The first {MOST_ROWS} of {len(rows)} rows; the totals are of all.",
        "zh": f"共 {len(rows)} 行，仅列出前 {MOST_ROWS} 行；合计包含全部。",
    }
    return list(rows[:MOST_ROWS]), [ReportNote(code="rows_left_out", words=words[language])]


def label_of(by: str, key: str, language: Language) -> str:
    """What a row is called."""
    if key:
        return key
    missing = {"shift": OUTSIDE_SHIFTS, "order": NO_ORDER, "item": NO_ITEM}
    return missing[by][language] if by in missing else key

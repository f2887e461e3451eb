"""What the planner says to a promise: its question made of what has to be made, and its dates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from api.context import Context
from contracts.questions import (
    PlacedOperation,
    Promised,
    PromiseQuestion,
    Refused,
    WithoutHarm,
)
from domain.inventory.promised import Binding, Promise, Way
from domain.inventory.to_make import Work, new_works
from store.machines import SiteRow
from store.questions import NoAnswerError


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """An item that could be made, or come without: which of both, by the plan's dates.

    Attributes:
        item: its code.
        made: whether it is made.
        made_at: when it would be made; None: not sooner than it comes.
        otherwise, otherwise_at: how and when it comes without being made.
    """

    item: str
    made: bool
    made_at: datetime | None
    otherwise: Way
    otherwise_at: datetime


class Coarse(msgspec.Struct, frozen=True, kw_only=True):
    """Why dates stand on the coarse rule: a code, and the same for people."""

    code: str
    detail: str


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Dates of a site.

    Attributes:
        site: where.
        found: a promise per line, with the planner's dates where it gave some.
        plan: what the planner said; None: it was not asked, or did not say.
        coarse: why it did not, if it was asked.
        with_cost_at: when all lines could be there at a cost to others.
        choices: a line's items that could be made or come without, and which of both it is.
    """

    site: SiteRow
    found: Sequence[Promise]
    plan: Promised | None = None
    coarse: Coarse | None = None
    with_cost_at: datetime | None = None
    choices: Sequence[Sequence[Choice]] = ()

    @property
    def whole(self) -> datetime | None:
        """When the last line is ready; None: one is never."""
        return _last([one.at for one in self.found])


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked beside the work."""

    release_within_ms: int
    priority: int | None
    due: datetime | None


async def planned(
    context: Context,
    site: SiteRow,
    found: Sequence[Promise],
    *,
    terms: Terms,
    machines: Mapping[int, str],
) -> Answered:
    """Ask the planner of a site about what has to be made there.

    Args:
        context: of the request; no transaction of it is open.
        site: where.
        found: what the coarse rule said, a promise per line.
        terms: when it is released, how urgent it is.
        machines: paths by id, for words.
    """
    works = [work for one in found if one.work is not None for work in one.work.in_order()]
    if not works:
        return Answered(site=site, found=found)
    question = PromiseQuestion(
        works=new_works(works),
        release_within_ms=terms.release_within_ms,
        priority=terms.priority,
        due_ms=None if terms.due is None else _epoch_ms(terms.due),
    )
    try:
        answer = await context.questions.ask(site.scope, question)
    except NoAnswerError as error:
        coarse = Coarse(code=error.code, detail=str(error))
        return Answered(site=site, found=found, coarse=coarse)
    if isinstance(answer, Refused):
        return Answered(
            site=site, found=found, coarse=Coarse(code=answer.code, detail=answer.detail)
        )
    assert isinstance(answer, Promised)  # noqa: S101 - the answer to a PromiseQuestion
    return _told(site, found, works, answer, machines)


def _told(
    site: SiteRow,
    found: Sequence[Promise],
    works: Sequence[Work],
    answer: Promised,
    machines: Mapping[int, str],
) -> Answered:
    """The planner's dates, line by line: made or waited for, whichever is sooner by the plan."""
    place = {id(work): at for at, work in enumerate(works)}
    free, costly = answer.without_harm, answer.with_cost
    sooner: list[datetime | None] = []
    lines: list[Promise] = []
    choices: list[tuple[Choice, ...]] = []
    for one in found:
        if one.work is None or one.made is None:
            lines.append(one)
            choices.append(())
            sooner.append(one.at)
            continue
        last = place[id(one.work)]
        jobs = {place[id(work)] for work in one.work.in_order()}
        choices.append(tuple(_choices(one.work, place, free)))
        if free.made[last]:
            end = _moment(free.ends_ms[last])
            waits = [each for each in free.operations if each.job in jobs and each.waits_ms > 0]
            bindings = _bindings(one, waits, machines, end)
            made = msgspec.structs.replace(one.made, at=end, bindings=bindings)
            lines.append(one.had(made))
        else:
            lines.append(one if one.otherwise is None else one.had(one.otherwise))
        if costly is not None:
            sooner.append(_moment(costly.ends_ms[last]))
    return Answered(
        site=site,
        found=lines,
        choices=choices,
        plan=answer,
        with_cost_at=_last(sooner) if costly is not None else None,
    )


def _choices(work: Work, place: Mapping[int, int], free: WithoutHarm) -> Iterator[Choice]:
    """Which items that could come without being made are made; of what is made only."""
    at = place[id(work)]
    if work.otherwise is not None:
        yield Choice(
            item=work.item,
            made=free.made[at],
            made_at=_moment(free.ends_ms[at]) if free.made[at] else None,
            otherwise=Way.BUY if work.bought else Way.WAIT,
            otherwise_at=work.otherwise,
        )
    if free.made[at]:
        for part in work.parts:
            yield from _choices(part, place, free)


def _bindings(
    one: Promise, waits: Sequence[PlacedOperation], machines: Mapping[int, str], end: datetime
) -> tuple[Binding, ...]:
    """What binds a line: material as before, the others by how long they are waited for."""
    told = one.made.bindings if one.made is not None else one.bindings
    material = [binding for binding in told if binding.kind == "material"]
    busy = []
    for each in sorted(waits, key=lambda wait: -wait.waits_ms):
        until = _moment(each.start_ms)
        if each.resource is not None and 2 * each.resource_ms > each.waits_ms:
            reason = f"{each.resource}: other work needs them until {until:%Y-%m-%d %H:%M} UTC"
            busy.append(Binding(kind="resource", what=each.resource, until=until, reason=reason))
            continue
        path = machines.get(each.machine, str(each.machine))
        reason = f"{path} is planned for other work until {until:%Y-%m-%d %H:%M} UTC"
        busy.append(Binding(kind="machine", what=path, until=until, reason=reason))
    if material or busy:
        return (*material, *busy)
    name = one.work.item if one.work is not None else ""
    reason = f"the work on {name} itself ends on {end:%Y-%m-%d %H:%M} UTC"
    return (Binding(kind="work", what=name, until=end, reason=reason),)


def _last(dates: Sequence[datetime | None]) -> datetime | None:
    known = [date for date in dates if date is not None]
    return max(known) if len(known) == len(dates) and known else None


def _epoch_ms(moment: datetime) -> int:
    return math.ceil(moment.timestamp() * 1_000)


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC)

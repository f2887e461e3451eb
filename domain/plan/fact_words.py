"""Facts that leave no plan together, in the planner's words, in both languages; names, no ids."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from domain.plan.facts import Fact
from domain.plan.plan import Conflict
from domain.plan.problem import Problem

_FACTS: Final = 6
"""Facts that are told; a smallest conflict rarely has more."""
_MINUTE_MS: Final = 60_000


class Language(enum.StrEnum):
    """What people read."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


class Said(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def by(self, language: Language) -> str:
        """In one of them."""
        return self.en if language is Language.ENGLISH else self.zh


class NamedOperation(Protocol):
    """What an operation is called."""

    @property
    def work_order(self) -> str:
        """Its work order's number."""

    @property
    def number(self) -> int:
        """Its own number there."""


class Called(Protocol):
    """What ids are called: a loaded problem knows."""

    @property
    def operations(self) -> Mapping[int, NamedOperation]:
        """Operations by id."""

    @property
    def machines(self) -> Mapping[int, str]:
        """Machines' paths by id."""

    @property
    def resources(self) -> Mapping[int, str]:
        """People and tools by id."""


class _Numbered(NamedTuple):
    """An operation of a problem of which only ids are known."""

    work_order: str
    number: int


class _ById(NamedTuple):
    """See `by_id`."""

    operations: Mapping[int, NamedOperation]
    machines: Mapping[int, str]
    resources: Mapping[int, str]


def by_id(problem: Problem) -> Called:
    """The names of a problem that somebody states: the ids that they gave, `job 3/7`."""
    return _ById(
        operations={each.id: _Numbered(f"job {each.job}", each.id) for each in problem.operations},
        machines={each.id: f"machine {each.id}" for each in problem.machines},
        resources={each.id: each.skill or f"resource {each.id}" for each in problem.resources},
    )


FACT_WORDS: Final[Mapping[str, Said]] = {
    Fact.DUPLICATE: Said("{operation} is there twice", "{operation} 重复出现"),
    Fact.UNKNOWN_OPERATION: Said(
        "{operation} comes after {other}, which is not there",
        "{operation} 排在 {other} 之后，但后者不存在",
    ),
    Fact.UNKNOWN_MACHINE: Said(
        "{operation} names {machine}, which is not there",
        "{operation} 指定了不存在的设备 {machine}",
    ),
    Fact.UNKNOWN_RESOURCE: Said(
        "{operation} needs {resource}, which is not there",
        "{operation} 需要不存在的资源 {resource}",
    ),
    Fact.NO_MACHINE: Said("no machine can do {operation}", "没有设备能做 {operation}"),
    Fact.ONLY_ON: Said("only {machine} can do {operation}", "只有 {machine} 能做 {operation}"),
    Fact.PRECEDENCE: Said("{operation} comes after {other}", "{operation} 须在 {other} 之后"),
    Fact.FROZEN: Said(
        "{operation} is frozen on {machine}, before all that is not frozen",
        "{operation} 冻结在 {machine} 上，先于所有未冻结的工序",
    ),
    Fact.FROZEN_ORDER: Said(
        "{operation} is frozen behind {other} on {machine}",
        "{operation} 冻结在 {machine} 上，排在 {other} 之后",
    ),
    Fact.LOCK: Said("{operation} is locked to {machine}", "{operation} 锁定在 {machine} 上"),
    Fact.LOCK_DATE: Said(
        "{operation} is locked not to start before {at}", "{operation} 锁定为不早于 {at} 开工"
    ),
    Fact.LOCK_TURN: Said(
        "{operation} is locked behind {other} on {machine}",
        "{operation} 锁定在 {machine} 上，排在 {other} 之后",
    ),
    Fact.RELEASE: Said("{operation} is not released before {at}", "{operation} 在 {at} 之前不下达"),
    Fact.MATERIAL: Said("material for {operation} comes at {at}", "{operation} 的物料 {at} 到货"),
    Fact.UNINTERRUPTED: Said(
        "{operation} must not be interrupted and takes {value}",
        "{operation} 不能中断，需要 {value}",
    ),
    Fact.NEED: Said(
        "{operation} needs {value} of {resource} on {machine}",
        "{operation} 在 {machine} 上需要 {value} 份 {resource}",
    ),
    Fact.SIZE: Said(
        "{operation} takes up {value} of an oven", "{operation} 占用炉内 {value} 的容量"
    ),
    Fact.CAPACITY: Said("there are {limit} of {resource}", "{resource} 共有 {limit} 份"),
    Fact.ROOM: Said("{machine} holds {limit} at once", "{machine} 一次能装 {limit}"),
    Fact.CALENDAR: Said(
        "{machine} works as its calendar says, which is told until {at}",
        "{machine} 按其日历开工，日历给出到 {at}",
    ),
    Fact.RESOURCE_CALENDAR: Said(
        "{resource} is there as its calendar says, which is told until {at}",
        "{resource} 按其日历到岗，日历给出到 {at}",
    ),
}
_ONE_OF: Final = Said(
    "only {value} machines can do {operation}", "只有 {value} 台设备能做 {operation}"
)
_MISTAKE: Final = Said(
    "the planner made a mistake about {operation}; its log says which",
    "计划程序在 {operation} 上出错，详见其日志",
)
_UNKNOWN: Final[Mapping[str, Said]] = {
    "operation": Said("an operation that nobody has named", "一道未命名的工序"),
    "machine": Said("a machine that nobody has named", "一台未命名的设备"),
    "resource": Said("people or tools that nobody has named", "未命名的人员或工装"),
    "at": Said("an unknown time", "未知时间"),
}


def conflicts(
    found: Sequence[Conflict], called: Called, language: Language = Language.ENGLISH
) -> str:
    """Facts that leave no plan together, in the planner's words; one of them has to give way.

    `WO-1/20 is frozen on plant/press-01; WO-1/20 comes after WO-1/10; …`
    """
    named = [fact(each, called, language) for each in found[:_FACTS]]
    more = len(found) - len(named)
    if language is Language.CHINESE:
        return "；".join(named) + (f"；另有 {more} 项" if more else "")
    return "; ".join(named) + (f"; and {more} more" if more else "")


def fact(told: Conflict, called: Called, language: Language = Language.ENGLISH) -> str:
    """One fact in the planner's words: `there are 2 of welders`.

    A search's own mistake is told as such.
    """
    words = FACT_WORDS.get(told.code, _MISTAKE)
    if told.code == Fact.ONLY_ON and told.machine is None:
        words = _ONE_OF
    value = str(told.value)
    if told.code == Fact.UNINTERRUPTED:
        value = _span(told.value, language)
    return words.by(language).format(
        operation=_operation(told.operation, called, language),
        other=_operation(told.other, called, language),
        machine=_named(called.machines, told.machine, "machine", language),
        resource=_named(called.resources, told.resource, "resource", language),
        value=value,
        limit=told.limit,
        at=_moment(told.at_ms, language),
    )


def _operation(id_: int | None, called: Called, language: Language) -> str:
    """`WO-1/20`."""
    named = called.operations.get(id_) if id_ is not None else None
    if named is None:
        return _UNKNOWN["operation"].by(language)
    return f"{named.work_order}/{named.number}"


def _named(names: Mapping[int, str], id_: int | None, kind: str, language: Language) -> str:
    return (names.get(id_) if id_ is not None else None) or _UNKNOWN[kind].by(language)


def _moment(at_ms: int | None, language: Language) -> str:
    if at_ms is None:
        return _UNKNOWN["at"].by(language)
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(span_ms: int | None, language: Language) -> str:
    """`1 h 30 min`, rounded up."""
    hours, minutes = divmod(-(-(span_ms or 0) // _MINUTE_MS), 60)
    if language is Language.CHINESE:
        return (f"{hours} 小时 " if hours else "") + f"{minutes} 分钟"
    return (f"{hours} h " if hours else "") + f"{minutes} min"

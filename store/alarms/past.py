"""The past as alarm rules would have seen it: facts whenever they changed.

Not everything that a rule may watch for is kept: what nobody wrote down (who was heard of, what was
short) cannot be tried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from domain.alarms.conditions import (
    Condition,
    DeadLetters,
    LineDown,
    MachineDown,
    OrderAtRisk,
    OrderLate,
    PaceBelow,
    PlanInfeasible,
    ReadingOutside,
    ScrapRate,
    kind_of,
)
from domain.alarms.facts import Facts
from store.alarms import past_machines, past_orders
from store.database import Connection


class NotKeptError(Exception):
    """What a condition is judged by is not kept."""

    def __init__(self, condition: Condition) -> None:
        kind = kind_of(condition)
        super().__init__(
            f"what {kind} is judged by is not kept, so it cannot be tried on the past; put it in"
            " force with the priority low, and look at its history after some days"
        )
        self.kind = kind


class Past(msgspec.Struct, frozen=True):
    """What was so, and what it was read from.

    Attributes:
        timelines: facts in order of time; each of things that no alarm of another timeline is
            about, so that they can be looked at one after the other.
    """

    timelines: list[list[Facts]]
    basis: str


_Reader = Callable[[Connection, Any, int, int], Awaitable[list[list[Facts]]]]
_READERS: Final[Mapping[type[Condition], tuple[_Reader, str]]] = MappingProxyType(
    {
        MachineDown: (past_machines.states, "machines' states as they changed"),
        LineDown: (past_machines.states, "machines' states as they changed"),
        ReadingOutside: (
            past_machines.readings,
            "readings' least and most of each five minutes",
        ),
        ScrapRate: (past_machines.pieces, "pieces of each five minutes"),
        PaceBelow: (past_machines.paces, "pieces of each five minutes, and what ran then"),
        OrderAtRisk: (past_orders.ends, "plans as they were in force"),
        OrderLate: (
            past_orders.orders,
            "orders' due dates as they are now, and when they were made",
        ),
        DeadLetters: (past_orders.letters, "messages that were refused and are kept"),
        PlanInfeasible: (past_orders.plans, "what the planner answered"),
    }
)


async def read_past(
    connection: Connection, condition: Condition, *, from_ms: int, until_ms: int
) -> Past:
    """What a condition would have been judged by.

    Args:
        connection: where to read.
        condition: the rule's.
        from_ms: the first moment.
        until_ms: the end, not included.

    Raises:
        NotKeptError: that is not kept.
        TooMuchError: it changed too often.
    """
    known = _READERS.get(type(condition))
    if known is None:
        raise NotKeptError(condition)
    read, basis = known
    return Past(await read(connection, condition, from_ms, until_ms), basis)

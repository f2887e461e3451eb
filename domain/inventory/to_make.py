"""What has to be made for a promise: items with their steps, and what each is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from contracts.new_work import NewStep, NewWay, NewWork
from domain.inventory.capacity import Step


class Taken(NamedTuple):
    """What a step takes that is there at a moment, or has to be made; by the number of the step.

    Attributes:
        step: the bill's word; None: the first one.
        ready: when all that has not to be made for it is there.
        work: what has to be made for it; None: nothing.
    """

    step: int | None
    ready: datetime | None = None
    work: Work | None = None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """An item that has to be made.

    Attributes:
        item: its code.
        family: its set-up family.
        steps: its routing, in order; never empty.
        quantity: how much of it.
        takes: what its steps take.
        otherwise: when it is there without being made: waited for, or bought. None: never.
        bought: whether it is bought then.
        waits: whether that is sooner, by the coarse rule.
    """

    item: str
    family: str | None
    steps: tuple[Step, ...]
    quantity: Decimal
    takes: tuple[Taken, ...] = ()
    otherwise: datetime | None = None
    bought: bool = False
    waits: bool = False

    @property
    def parts(self) -> tuple[Work, ...]:
        """What has to be made before, because it is made of it."""
        return tuple(taken.work for taken in self.takes if taken.work is not None)

    def in_order(self) -> Iterator[Work]:
        """Everything that has to be made, parts before what they are for; itself last."""
        for part in self.parts:
            yield from part.in_order()
        yield self


def settled(work: Work) -> Work:
    """The work with its parts made or waited for as the coarse rule has it; itself is made."""
    takes = tuple(
        taken
        if taken.work is None
        else Taken(taken.step, taken.work.otherwise)
        if taken.work.waits
        else Taken(taken.step, taken.ready, settled(taken.work))
        for taken in work.takes
    )
    return msgspec.structs.replace(work, takes=takes, otherwise=None, waits=False)


def new_works(works: Sequence[Work]) -> tuple[NewWork, ...]:
    """Work in the planner's terms: each with its routing, behind what it is made of.

    Args:
        works: with all their parts, as `Work.in_order` has them.
    """
    place = {id(work): at for at, work in enumerate(works)}
    return tuple(_new_work(work, place) for work in works)


def _new_work(work: Work, place: dict[int, int]) -> NewWork:
    takes: dict[int, list[Taken]] = {}
    for taken in work.takes:
        takes.setdefault(_taker(work.steps, taken.step), []).append(taken)
    return NewWork(
        item=work.item,
        quantity=work.quantity,
        steps=tuple(
            NewStep(
                number=step.number,
                ways=tuple(
                    NewWay(machine=way.machine, cycle_ms=way.cycle_ms, setup_ms=way.setup_ms)
                    for way in step.ways
                ),
                interruptible=step.interruptible,
                transfer_batch=step.transfer_batch,
                wait_ms=step.wait_ms,
                batch_family=step.batch_family,
                batch_room=step.batch_room,
                needs=step.needs,
                after=tuple(
                    place[id(taken.work)]
                    for taken in takes.get(step.number, ())
                    if taken.work is not None
                ),
                ready_ms=_last_ms(taken.ready for taken in takes.get(step.number, ())),
            )
            for step in work.steps
        ),
        family=work.family,
        otherwise_ms=_last_ms([work.otherwise]),
    )


def _taker(steps: Sequence[Step], number: int | None) -> int:
    """The step that takes it: one that the routing has not is the next one that it has."""
    if number is None:
        return steps[0].number
    return next((step.number for step in steps if step.number >= number), steps[-1].number)


def _last_ms(moments: Iterable[datetime | None]) -> int | None:
    told = [round(moment.timestamp() * 1_000) for moment in moments if moment is not None]
    return max(told, default=None)

"""Work that is not there yet, as its routing has it: what promises, drafts and rush prices ask of.

It says what master data say of each step and no more: how long a piece or a load takes on which
machine, what has to be there, how pieces go on. What that comes to in the planner's terms is worked
out where work orders that are there become problems, too (`domain.plan.workshop`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

Milliseconds = Annotated[int, msgspec.Meta(ge=0)]


class NewWay(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that can do a step.

    Attributes:
        cycle_ms: per piece; per load for what is done in loads (`NewStep.batch_family`).
        setup_ms: per set-up.
    """

    machine: int
    cycle_ms: Milliseconds
    setup_ms: Milliseconds = 0


class NewStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of new work, by its routing.

    Attributes:
        number: its number there.
        ways: the machines that can do it.
        interruptible: whether a break may fall into it.
        transfer_batch: so many pieces go on to the next step together; None: all at the end.
        wait_ms: how long pieces wait before the next step: they cool or dry.
        batch_family: what may be in an oven together; None: with nothing.
        batch_room: how much of an oven a piece takes.
        needs: people and tools beside the machine (`domain.master_data.needs`).
        after: works of the same order, by place, whose pieces this step takes.
        ready_ms: what else it takes is there from then on.
    """

    number: int
    ways: tuple[NewWay, ...]
    interruptible: bool = True
    transfer_batch: Decimal | None = None
    wait_ms: Milliseconds = 0
    batch_family: str | None = None
    batch_room: Decimal = Decimal(1)
    needs: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    ready_ms: int | None = None


class NewWork(msgspec.Struct, frozen=True, kw_only=True):
    """An item to be made that nobody has ordered yet; its steps come one after the other.

    Attributes:
        item: the item's code.
        quantity: how much of it.
        steps: in order.
        after: works of the same order, by place and before it, that its first step takes.
        family: its set-up family.
        ready_ms: what else its first step takes is there from then on.
        otherwise_ms: it is there then without being made, waited for or bought; made it is only if
            that is sooner. None: it has to be made.
    """

    item: str
    quantity: Decimal = Decimal(1)
    steps: tuple[NewStep, ...]
    after: tuple[int, ...] = ()
    family: str | None = None
    ready_ms: int | None = None
    otherwise_ms: int | None = None

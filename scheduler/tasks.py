"""Operations as the solver sees them."""

from __future__ import annotations

import msgspec

from scheduler.cp_sat import CpSat, Linear
from scheduler.part import Part


class Choice(msgspec.Struct, kw_only=True, eq=False):
    """An operation on one of its machines.

    Attributes:
        machine: the machine's index.
        literal: whether it is the one.
        chosen: whether it is, in the plan in hand.
        duration: of the work, in steps.
        setup_ms: the mode's set-up.
        extra, extra_hint: what breaks add to the duration, and in the plan in hand.
        breaks: whether they can.
    """

    machine: int
    literal: Linear
    chosen: bool
    duration: int
    setup_ms: int
    extra: Linear = 0
    extra_hint: int = 0
    breaks: bool = False


class Task(msgspec.Struct, kw_only=True, eq=False):
    """An operation that may move: its variables, and their values in the plan in hand, in steps."""

    index: int
    start: Linear
    start_hint: int
    choices: list[Choice]

    @property
    def end(self) -> Linear:
        """`start + Σ duration * literal`, breaks included."""
        return self.start + sum(
            choice.duration * choice.literal + choice.extra for choice in self.choices
        )

    @property
    def end_hint(self) -> int:
        """The end's value in the plan in hand."""
        chosen = next(choice for choice in self.choices if choice.chosen)
        return self.start_hint + chosen.duration + chosen.extra_hint


def make_task(cp: CpSat, part: Part, index: int) -> Task:
    """The variables of an operation."""
    placed, modes = part.placed[index], part.indexed.modes[index]
    hint = part.axis.at(placed.start_ms)
    task = Task(
        index=index,
        start=cp.integer(part.earliest(index), part.horizon, hint=hint),
        start_hint=hint,
        choices=[
            Choice(
                machine=machine,
                literal=cp.literal(hint=machine == part.machine[index])
                if len(modes) > 1
                else cp.true,
                chosen=machine == part.machine[index],
                duration=part.axis.steps(duration_ms),
                setup_ms=setup_ms,
            )
            for machine, duration_ms, setup_ms in modes
        ],
    )
    if len(modes) > 1:
        cp.exactly_one([choice.literal for choice in task.choices])
    return task

"""Why simulated machines stop, and for how long. Data only; the factory's milliseconds."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts.telemetry import MachineState


class Stop(NamedTuple):
    """A kind of stop: what the machine says, how long it takes on average, how often it is it."""

    reason: str
    state: MachineState
    mean_ms: int
    weight: int
    new_tool: bool = False


SHORTEST: Final = 0.5
LONGEST: Final = 1.5
"""A stop takes between so much and so much of its mean."""

MICRO_STOPS: Final = (
    Stop("material jam", MachineState.DOWN, 30_000, 6),
    Stop("sensor fault", MachineState.DOWN, 50_000, 3),
    Stop("tool change", MachineState.PLANNED_STOP, 90_000, 2, new_tool=True),
    Stop("quality check", MachineState.IDLE, 25_000, 4),
)
"""Too short for anybody to plan anew: those that mean `down` end within the planner's threshold."""

BREAKDOWNS: Final = (
    Stop("drive overload", MachineState.DOWN, 8 * 60_000, 4),
    Stop("hydraulic leak", MachineState.DOWN, 25 * 60_000, 2, new_tool=True),
    Stop("broken tool", MachineState.DOWN, 15 * 60_000, 3, new_tool=True),
    Stop("control fault", MachineState.DOWN, 12 * 60_000, 2),
)

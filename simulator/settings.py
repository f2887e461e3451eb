"""The simulator's settings."""

from __future__ import annotations

from pydantic import Field

from runtime.settings import Installation
from simulator.demo import DEFAULT_SCENARIO
from simulator.pace import FASTEST


class SimulatorSettings(Installation):
    """What is simulated, and how fast."""

    simulator_scenario: str = Field(
        default=DEFAULT_SCENARIO,
        min_length=1,
        description="What happens: calm, breakdown, rush, monday, or the path of a scenario file"
        " of your own.",
    )
    simulator_speed: float = Field(
        default=0,
        ge=0,
        le=FASTEST,
        description="How much faster than life the factory works, from 1 to 1000; 0: as the"
        " scenario says. It has to be the speed that the factory was loaded with.",
    )
    simulator_seed: int = Field(
        default=0, ge=0, description="The same seed gives the same factory; 0: the scenario's."
    )
    simulator_sites: tuple[str, ...] = Field(
        default=("gemba-demo", "gemba-demo-2"),
        min_length=1,
        description="Whose machines run, as JSON.",
    )

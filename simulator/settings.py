"""The simulator's settings."""

from __future__ import annotations

from pydantic import Field

from runtime.settings import Installation


class SimulatorSettings(Installation):
    """What is simulated, and how fast."""

    seed: int = Field(default=1, description="The same seed gives the same machines.")
    speed: float = Field(default=1.0, gt=0, le=1_000, description="How much faster than life.")
    site: str = Field(default="gemba-demo", min_length=1, description="Whose machines run.")

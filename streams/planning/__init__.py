"""The ETA projection and the disruptions: what becomes of the plan in force, and what ends it."""

from __future__ import annotations

from streams.planning.agent import GROUP, PlanningAgent

__all__ = ["GROUP", "PlanningAgent"]

"""What each service says of itself, kept in Redis for a short time and read by the API.

Key `gemba:health:<service>`, a JSON `Health`, expiring after `LIFETIME_S`: a service that says
nothing is known to be gone.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from typing import Protocol

import msgspec

KEY_PREFIX = "gemba:health:"
LIFETIME_S = 15
INTERVAL_S = 2.0


class HealthState(enum.StrEnum):
    """How a service is."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works on, but something is wrong that a person should see to."""
    FAILED = "failed"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One service's word. `metrics` are shown under `/metrics` as `gemba_<service>_<name>`."""

    service: str
    state: HealthState
    reason: str | None = None
    at_ms: int
    pid: int
    metrics: dict[str, float] = {}


class KeyValue(Protocol):
    """The one command of Redis that reporting needs."""

    def set(self, name: str, value: bytes, *, ex: int) -> Awaitable[object]:
        """Set a key with an expiry in seconds."""
        ...


async def report(redis: KeyValue, health: Health) -> None:
    """Say how the service is, for the next LIFETIME_S seconds."""
    await redis.set(KEY_PREFIX + health.service, msgspec.json.encode(health), ex=LIFETIME_S)

"""What each service says of itself, kept in Redis for a short time and read by the API.

Key `gemba:health:<service>`, a JSON `Health`, expiring after `LIFETIME_S`: a service that says
nothing is known to be gone. Where several processes may be one service (on Kafka) each has a name,
its instance, and a key `gemba:health:<service>:<instance>` of its own; the service's own key then
holds the word of whichever spoke last.
"""

from __future__ import annotations

import enum
import os
import socket
from collections.abc import Awaitable, Iterable
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


_WORSE = {HealthState.OK: 0, HealthState.DEGRADED: 1, HealthState.FAILED: 2}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One process's word. `metrics` are shown under `/metrics` as `gemba_<service>_<name>`.

    A metric's name may end in a label, as in `lag{topic="gemba.orders.v1"}`.
    """

    service: str
    instance: str = ""
    """Which process of the service; empty where there is one only."""
    name: str = ""
    """What people call it for good, whatever process it is (a gateway's `GEMBA_GATEWAY`)."""
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


def instance_of(stream_url: str, *, pid: int | None = None) -> str:
    """The name of a process among those of its service.

    `GEMBA_INSTANCE`, or machine and process; empty in the embedded installation, where a service is
    one process.

    Args:
        stream_url: on Kafka several processes may be one service.
        pid: of another process on this machine; None: of this one.
    """
    if not stream_url.startswith("kafka"):
        return ""
    return os.environ.get("GEMBA_INSTANCE") or host_prefix() + str(pid or os.getpid())


def host_prefix() -> str:
    """How the names of this machine's processes begin, unless `GEMBA_INSTANCE` names them."""
    return f"{socket.gethostname()}-"


def key_of(service: str, instance: str = "") -> str:
    """Where the word of a process is kept; without an instance: the last word of any."""
    return KEY_PREFIX + (f"{service}:{instance}" if instance else service)


async def report(redis: KeyValue, health: Health) -> None:
    """Say how the process is, for the next LIFETIME_S seconds."""
    word = msgspec.json.encode(health)
    if health.instance:
        await redis.set(key_of(health.service, health.instance), word, ex=LIFETIME_S)
    await redis.set(key_of(health.service), word, ex=LIFETIME_S)


def distinct(words: Iterable[Health]) -> list[Health]:
    """The newest word of each process, by service and instance."""
    newest: dict[tuple[str, str], Health] = {}
    for word in words:
        at = (word.service, word.instance)
        if at not in newest or newest[at].at_ms <= word.at_ms:
            newest[at] = word
    return [newest[at] for at in sorted(newest)]


def worst(words: Iterable[Health]) -> Health:
    """A service is as bad as its worst living process; `words` are of one service, not empty."""
    return max(words, key=lambda word: (_WORSE[word.state], word.at_ms))

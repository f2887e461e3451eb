"""The factory of the loop's benchmark: machines in groups of alternatives, orders over them."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

SITE: Final = "bench-loop"
GROUPS: Final = 5
MACHINES_IN_A_GROUP: Final = 5
ITEMS: Final = 10
STEPS: Final = 4
PIECES: Final = 100
CYCLE_MS: Final = 60_000
SETUP_MS: Final = 300_000
_AT_ONCE: Final = 4
_SEED: Final = 20_261_122


def machine(group: int, number: int) -> str:
    """A machine's path."""
    return f"{SITE}/area/group-{group}/m{group}{number}"


async def make(api: httpx.AsyncClient, *, operations: int, policy: dict[str, Any]) -> None:
    """Set the factory up and release as many orders as have so many operations together."""
    chance = random.Random(_SEED)  # noqa: S311 - reproducible, no secret
    await _put(api, f"sites/{SITE}", {"name": "Benchmark", "time_zone": "UTC"})
    await _put(api, f"planning/{SITE}/policy", policy)
    await _put(api, "customers/bench", {"name": "Benchmark Ltd"})
    for group in range(GROUPS):
        for number in range(MACHINES_IN_A_GROUP):
            body = {"name": f"M {group}{number}", "position": number}
            await _put(api, f"machines/{machine(group, number)}", body)
    for item in range(ITEMS):
        groups = chance.sample(range(GROUPS), STEPS)
        steps = [_step(place, group, chance) for place, group in enumerate(groups)]
        routing = {"site": SITE, "steps": steps}
        body = {"name": f"Part {item}", "setup_family": f"f{item % 3}", "routings": [routing]}
        await _put(api, f"items/part-{item}", body)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def order(number: int) -> None:
        due = datetime.now(UTC) + timedelta(hours=chance.uniform(12, 120))
        line = {"item": f"part-{number % ITEMS}", "quantity": PIECES, "due_at": due.isoformat()}
        async with gate:
            answer = await api.post(
                "/v1/orders",
                json={"site": SITE, "customer": "bench", "release": True, "lines": [line]},
            )
        answer.raise_for_status()

    await asyncio.gather(*(order(number) for number in range(operations // STEPS)))


def _step(place: int, group: int, chance: random.Random) -> dict[str, Any]:
    preferred = chance.randrange(MACHINES_IN_A_GROUP)
    times = {"cycle_ms": CYCLE_MS + 1_000 * chance.randrange(20), "setup_ms": SETUP_MS}
    return {
        "number": 10 * (place + 1),
        "name": f"Step {place + 1}",
        "machine": machine(group, preferred),
        **times,
        "alternatives": [
            {"machine": machine(group, number), **times}
            for number in range(MACHINES_IN_A_GROUP)
            if number != preferred
        ],
    }


async def _put(api: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await api.put(f"/v1/{path}", json=body)
    if answer.is_error:
        raise RuntimeError(f"PUT {path}: {answer.status_code} {answer.text}")

"""Kill -9 of every process in turn while a publisher with an outbox counts to 50,000."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from installation import Installation, eventually, operations

from simulator.publisher import OutboxPublisher

PIECES = 50_000
SERVICES = ("edge", "streams", "api", "valkey", "postgres", "mqtt")


@pytest.mark.kill
@pytest.mark.timeout(400)
@pytest.mark.parametrize("victim", SERVICES)
async def test_the_sum_is_exact_although_a_process_is_killed(
    installation: Installation, tmp_path: Path, victim: str
) -> None:
    site = f"kill-{victim}"
    topic = f"gemba/v1/{site}/area/line/m1"
    job = {"event": "started", "work_order": "COUNT", "operation": 10, "requested": PIECES}
    async with (
        OutboxPublisher(
            installation.addresses.machine_mqtt_url, tmp_path / "outbox.db"
        ) as publisher,
        installation.api() as api,
    ):
        await publisher.publish(f"{topic}/job", job)
        kills = {PIECES // 4, PIECES * 3 // 4}
        dead: set[int] = set()
        for piece in range(PIECES):
            await publisher.publish(f"{topic}/count", {"good": 1})
            if piece in kills:
                await eventually(lambda: _alive(installation, victim, dead), bool)
                dead.add(installation.kill(victim))
            if piece % 500 == 0:
                await asyncio.sleep(0.02)  # so that the kills meet a running count, not a queue
        await publisher.flush(180.0)

        async def good() -> object:
            return [one["good_pieces"] for one in await operations(api, site)]

        await eventually(good, lambda seen: seen == [PIECES])
        await asyncio.sleep(1.0)  # whatever would count twice has had its time
        assert await good() == [PIECES]
        assert await eventually(lambda: _alive(installation, victim, dead), bool)


async def _alive(installation: Installation, service: str, dead: set[int]) -> bool:
    try:
        return installation.pid(service) not in dead
    except LookupError:
        return False

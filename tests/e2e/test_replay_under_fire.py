"""Replays of real input end with the exact result although gateway, worker and database die."""

from __future__ import annotations

import asyncio
import csv
import json
import random
from pathlib import Path

import pytest
from installation import Installation, eventually

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="the reference data is not beside this checkout"
)
pytestmark = [pytest.mark.reference_data, pytest.mark.kill, pytest.mark.timeout(400)]


async def _fire(installation: Installation, rng: random.Random) -> None:
    """Kill the gateway, the worker and the database in turn until cancelled."""
    while True:
        for victim in ("edge", "streams", "postgres"):
            await asyncio.sleep(rng.uniform(0.2, 1.5))
            try:
                installation.kill(victim)
            except (LookupError, ProcessLookupError):
                continue  # it is down already


async def _under_fire(installation: Installation, rng: random.Random, *command: str) -> str:
    firing = asyncio.create_task(_fire(installation, rng))
    try:
        # Long enough for the replay to get through, and the fire ends before its patience does.
        replaying = asyncio.create_task(installation.gemba(*command))
        await asyncio.wait({replaying}, timeout=12.0)
    finally:
        firing.cancel()
        await asyncio.gather(firing, return_exceptions=True)
    code, said = await replaying
    assert code == 0, said
    return said


@needs_reference
async def test_scenarios_with_refused_objects_and_conflicts(
    installation: Installation, tmp_path: Path
) -> None:
    rng = random.Random(5)
    for number in (7, 8, 13):
        text = (REFERENCE / "floor" / f"floor-{number}.json").read_text()
        site = json.loads(text)["site"]
        path = tmp_path / f"fire-{number}.json"
        path.write_text(
            text.replace(f'"{site}"', f'"{site}-fire"').replace(f"{site}/", f"{site}-fire/")
        )
        await _under_fire(installation, rng, "replay", "scenario", str(path), "--check")


@needs_reference
async def test_the_real_machine_shuffled_and_late(installation: Installation) -> None:
    with (REFERENCE / "komax565" / "truth.csv").open() as lines:
        truth = {
            row["job"]: (int(row["good_total"]), int(row["requested_last"]))
            for row in csv.DictReader(lines)
        }
    command = ["replay", "komax565", str(REFERENCE / "komax565"), "--machine", "kx/a/l/m"]
    shuffled = [*command, "--shuffle-minutes", "60", "--seed", "4"]
    rng = random.Random(6)
    await _under_fire(installation, rng, *shuffled)
    await _under_fire(installation, rng, *command)

    async def jobs() -> dict[str, tuple[int, int]]:
        async with installation.api() as api:
            answer = await api.get(
                "/v1/work-orders",
                params={"external_source": "komax565", "site": "kx", "limit": 1000},
            )
        answer.raise_for_status()
        return {
            one["external_id"]: (one["good_pieces"], one["quantity_ordered"])
            for one in answer.json()["items"]
        }

    assert await eventually(jobs, lambda seen: seen == truth) == truth

"""`gemba run notify` raises alarms by itself, once, also when it is killed as nobody should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api
from notify_process import NotifyProcess

from contracts.ids import MachinePath, SiteCode
from contracts.streams import FLOOR, PARTITIONS, MachineChanged, encode_events
from contracts.topics import partition_of
from store.log import NewRecord

PATIENCE_S = 90.0
RULE = {
    "name": "Machine down",
    "condition": {"kind": "machine_down"},
    "response": "Go and look.",
    "priority": "high",
    "escalation": "ladder",
}
DEFINED = (
    ("recipients/mei", {"name": "Mei", "addresses": [{"channel": "email", "to": "mei@a.example"}]}),
    ("escalations/ladder", {"name": "Ladder", "steps": [{"tell": ["mei"]}]}),
    ("rules/machine-down", RULE),
)


@pytest.fixture
async def floor(desk: httpx.AsyncClient) -> httpx.AsyncClient:
    """A machine, and a rule for when it is down."""
    answer = await desk.put(f"/v1/machines/{MACHINE}", json={"name": "Saw"})
    assert answer.is_success, answer.text
    for name, body in DEFINED:
        answer = await desk.put(f"/v1/alarm-definitions/{name}", json={"body": body})
        assert answer.is_success, answer.text
    return desk


@pytest.fixture
async def notify(
    floor: httpx.AsyncClient, database_url: str, redis_url: str, data_dir: Path, tmp_path: Path
) -> AsyncIterator[NotifyProcess]:
    """The service, running and looking."""
    del floor
    process = NotifyProcess(database_url, redis_url, data_dir, tmp_path / "notify.log")
    process.start()
    try:
        yield process
    finally:
        process.close()


async def becomes(api: Api, state: str) -> None:
    """The machine changes its state, as the telemetry agent commits it."""
    now_ms = api.context.clock.now_ms()
    event = MachineChanged(SiteCode(SITE), 1, MachinePath(MACHINE), 1)
    async with api.context.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO machine_states (machine_id, state, state_since_ms, last_seen_ms)
            SELECT id, %(state)s, %(now)s, %(now)s FROM machines WHERE path = %(path)s
            ON CONFLICT (machine_id) DO UPDATE SET state = excluded.state,
                state_since_ms = excluded.state_since_ms, last_seen_ms = excluded.last_seen_ms
            """,
            {"state": state, "now": now_ms, "path": MACHINE},
        )
        record = NewRecord(
            FLOOR, partition_of(MACHINE, PARTITIONS), MACHINE.encode(), encode_events([event])
        )
        await api.context.log.append_in(connection, [record])


async def until(desk: httpx.AsyncClient, *states: str) -> list[dict[str, Any]]:
    """Wait for alarms in these states."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await desk.get("/v1/alarms", params={"state": ["normal", *states]})
            found = answer.json()["items"]
            if sorted(each["state"] for each in found) == sorted(states):
                return found
            await asyncio.sleep(0.1)


async def test_a_breakdown_is_one_alarm_and_one_message(
    api: Api, floor: httpx.AsyncClient, notify: NotifyProcess
) -> None:
    del notify
    await becomes(api, "down")
    [alarm] = await until(floor, "unacknowledged")
    assert (alarm["subject"], alarm["response"]) == (MACHINE, "Go and look.")
    [message] = (await floor.get(f"/v1/alarms/{alarm['id']}")).json()["messages"]
    assert (message["why"], message["recipient"], message["state"]) == ("step 0", "mei", "waiting")
    body = {"alarms": [{"id": alarm["id"], "occurrence": 1}]}
    told = await floor.post("/v1/alarms/acknowledge", json=body)
    assert told.json()["acknowledged"] == [alarm["id"]]
    await becomes(api, "running")
    await until(floor, "normal")


async def test_killed_again_and_again_it_raises_once(
    api: Api, floor: httpx.AsyncClient, notify: NotifyProcess
) -> None:
    await becomes(api, "down")
    for _ in range(3):
        await until(floor, "unacknowledged")
        notify.kill()
        notify.start()
    await until(floor, "unacknowledged")
    notify.kill()
    await becomes(api, "running")
    notify.start()
    await until(floor, "returned")
    history = (await floor.get("/v1/alarms/history")).json()["items"]
    assert [each["event"] for each in history] == ["clear", "raise"]
    rows = await api.rows("SELECT why, recipient, state FROM alarm_messages")
    assert rows == [("step 0", "mei", "withdrawn")]

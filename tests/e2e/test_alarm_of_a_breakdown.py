"""From a machine's message to its alarm: MQTT, gateway, streams, notify, API, each a process."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_stack import ServiceStack, running

from launch.backends.running import RunningBroker
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

LINE = "plant-1/cutting/line1"
M1, M2 = f"{LINE}/m01", f"{LINE}/m02"
DOWN = {"kind": "machine_down"}
ALL = "&".join(
    f"state={state}"
    for state in ("unacknowledged", "acknowledged", "returned", "suppressed", "shelved")
)


@pytest.fixture
def stack(
    database_url: str, redis_url: str, mqtt_broker: RunningBroker, data_dir: Path
) -> Iterator[ServiceStack]:
    """A running installation, with what looks after its alarms."""
    made = ServiceStack(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=mqtt_broker.url,
        machine_mqtt_url=mqtt_broker.machine_url,
        data_dir=data_dir,
    )
    with running(made) as stack:
        stack.start("notify")
        yield stack


class Machines:
    """What machines say."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client
        self._seq = 0

    async def say(self, machine: str, state: str, reason: str | None = None) -> None:
        self._seq += 1
        body = {"t": time.time_ns() // 1_000_000, "boot": "b", "seq": self._seq, "state": state}
        if reason is not None:
            body["reason"] = reason
        await self._client.publish(f"gemba/v1/{machine}/state", json.dumps(body), qos=1)


@pytest.fixture
async def machines(stack: ServiceStack) -> AsyncIterator[Machines]:
    """Two machines that run."""
    async with stack.api() as api:
        for thing in ("sites/plant-1", f"machines/{M1}", f"machines/{M2}"):
            answer = await api.put(f"/v1/{thing}", json={"name": thing[-3:]})
            assert answer.is_success, answer.text
    broker = parse_mqtt_url(stack.machine_mqtt_url)
    async with MqttClient(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="alarmed-machines",
    ) as client:
        found = Machines(client)
        for machine in (M1, M2):
            await found.say(machine, "running")
        for machine in (M1, M2):
            await stack.until(f"/v1/machines/{machine}", lambda one: one["state"], "running")
        yield found


def standing(told: dict[str, Any]) -> dict[str, str]:
    """Alarms of machines and lines by cause."""
    return {
        each["cause"]: each["state"]
        for each in told["items"]
        if each["kind"] in ("machine_down", "line_down")
    }


def active(told: dict[str, Any]) -> set[str]:
    """Causes of machines and lines that still hold."""
    return {each["cause"] for each in told["items"] if each["active"]} & standing(told).keys()


async def test_a_breakdown_on_the_floor_is_one_alarm(
    stack: ServiceStack, machines: Machines
) -> None:
    """With the rules that an installation begins with."""
    await stack.until("/v1/alarm-definitions/rules", lambda told: told["total"] > 10, wanted=True)
    address = f"/v1/alarms?{ALL}"
    await machines.say(M1, "down", "jam")
    down = f"machine_down:machine:{M1}"
    told = await stack.until(address, standing, {down: "unacknowledged"})
    alarm = next(each for each in told["items"] if each["cause"] == down)
    assert alarm["detail"]["reason"] == "jam"
    await machines.say(M2, "down")
    line = {
        down: "suppressed",
        f"machine_down:machine:{M2}": "suppressed",
        f"line_down:line:{LINE}": "unacknowledged",
    }
    told = await stack.until(address, standing, line)
    [critical] = [each for each in told["items"] if each["kind"] == "line_down"]
    async with stack.api() as api:
        seen = {"alarms": [{"id": critical["id"], "occurrence": 1}]}
        answer = await api.post("/v1/alarms/acknowledge", json=seen)
        assert answer.json()["acknowledged"] == [critical["id"]]
    for machine in (M1, M2):
        await machines.say(machine, "running")
    # The second one may have been told for a moment, if the first was seen to run before it.
    await stack.until(address, active, wanted=set())
    async with stack.api() as api:
        events = await _history(api, alarm["id"])
    assert events == ["raise", "suppress", "clear", "unsuppress"]


async def _history(api: httpx.AsyncClient, alarm: int) -> list[str]:
    """What happened to an alarm, oldest first."""
    answer = await api.get("/v1/alarms/history", params={"alarm": alarm})
    return [each["event"] for each in reversed(answer.json()["items"])]


async def test_a_gateway_that_is_killed_is_missed(stack: ServiceStack, machines: Machines) -> None:
    del machines
    rule = {
        "name": "Gateway offline",
        "condition": {"kind": "gateway_offline", "seconds": 6},
        "response": "Look at the gateway.",
    }
    await stack.until("/v1/alarm-definitions/rules", lambda told: told["total"] > 10, wanted=True)
    async with stack.api() as api:
        body = {"body": rule, "version": 1}
        answer = await api.put("/v1/alarm-definitions/rules/gateway-offline", json=body)
        assert answer.is_success, answer.text
    cause = "gateway_offline:gateway:gateway-1"
    address = "/v1/alarms?rule=gateway-offline&state=unacknowledged&state=returned"

    def states(told: dict[str, Any]) -> dict[str, str]:
        return {each["cause"]: each["state"] for each in told["items"]}

    stack.kill("edge")
    await stack.until(address, states, {cause: "unacknowledged"})
    stack.start("edge")
    await stack.until(address, states, {cause: "returned"})

"""docs/howto/stock-and-promises.md: every call it shows does what the text says."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
from service_stack import ServiceStack

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
TEXTS = [HOWTO / "stock-and-promises.md", HOWTO / "stock-and-promises.zh-CN.md"]
SHOWN = re.compile(r"^<!-- (.*?) -->\n(?:```json\n(.*?)```)?", re.MULTILINE | re.DOTALL)
PREPARED = (
    ("/v1/sites/plant-1", {"name": "Plant 1"}),
    ("/v1/customers/acme", {"name": "Acme"}),
    ("/v1/items/bolt", {"name": "Bolt"}),
)


def shown(text: Path) -> list[tuple[str, Any]]:
    """What the text shows: the line of the call and its body."""
    return [
        (call, json.loads(body) if body else None) for call, body in SHOWN.findall(text.read_text())
    ]


def test_both_texts_show_the_same_calls() -> None:
    english, chinese = (shown(text) for text in TEXTS)
    assert english == chinese
    assert len(english) > 10


async def publish(stack: ServiceStack, topic: str, body: dict[str, Any]) -> None:
    address = parse_mqtt_url(stack.machine_mqtt_url)
    body = {**body, "t": int(time.time() * 1000)}
    async with MqttClient(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as client:
        await client.publish(topic, json.dumps(body), qos=1)
        await client.publish(topic, json.dumps(body), qos=1)  # a repeat does no harm


async def job(stack: ServiceStack, seq: int, kind: str, **fields: Any) -> None:
    body = {"boot": "b", "seq": seq, **fields}
    await publish(stack, f"gemba/v1/plant-1/forge/line1/press-1/{kind}", body)


def lots(answer: dict[str, Any]) -> list[tuple[str, str, float]]:
    return [(one["location"], one["lot"], one["quantity"]) for one in answer["items"]]


async def test_the_calls_do_what_the_text_says(stack: ServiceStack) -> None:
    answers: dict[str, dict[str, Any]] = {}
    async with stack.api() as client:
        for path, body in PREPARED:
            assert (await client.put(path, json=body)).is_success
        for call, body in shown(TEXTS[0]):
            method, path, *rest = call.split()
            if method == "MQTT":
                await publish(stack, path, body)
                here = "/v1/stock?item=bolt&location=A-2"
                await stack.until(here, lots, [("A-2", "L8", 200)])
                continue
            role, status = rest
            client.headers["Authorization"] = f"Bearer {stack.token(role)}"
            answer = await client.request(method, path, json=body)
            assert answer.status_code == int(status), (call, answer.text)
            answers[path] = answer.json()
    assert answers["/v1/stock/counts"]["state"] == "waiting"
    promised = answers["/v1/promises"]
    due = datetime.fromisoformat("2030-01-15T12:00:00+00:00")
    assert datetime.fromisoformat(promised["promised_at"]) == due
    assert promised["in_time"] is True
    binding = promised["lines"][0]["bindings"][0]
    assert (binding["kind"], binding["what"]) == ("material", "bolt")
    assert "bolt is there on 2030-01-15" in binding["reason"]
    assert len(promised["reservations"]) == 1


async def test_pieces_that_a_machine_counts_become_stock(stack: ServiceStack) -> None:
    press = "plant-1/forge/line1/press-1"
    steps = [{"number": 10, "name": "Press", "machine": press, "cycle_ms": 1000}]
    async with stack.api() as client:
        for path, body in (
            *PREPARED,
            (f"/v1/machines/{press}", {"name": "Press"}),
            (
                "/v1/items/bolt",
                {"name": "Bolt", "routings": [{"site": "plant-1", "steps": steps}]},
            ),
        ):
            answer = await client.put(path, json=body)
            assert answer.is_success, answer.text
        lines = [{"item": "bolt", "quantity": 20}]
        order = {"site": "plant-1", "customer": "acme", "lines": lines, "release": True}
        answer = await client.post("/v1/orders", json=order)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        number = answer.json()["number"]
        (work,) = (await client.get("/v1/work-orders?site=plant-1")).json()["items"]
    named = {"work_order": work["number"], "operation": 10}
    await job(stack, 1, "job", event="started", **named)
    await job(stack, 2, "count", good=15, scrap=1)
    here = "/v1/stock?item=bolt"
    await stack.until(here, lots, [("MAIN", work["number"], 15)])

    def held(answer: dict[str, Any]) -> list[tuple[str, float, str]]:
        return [(one["kind"], one["quantity"], one["order"]) for one in answer["items"]]

    wanted = [("hard", 15, number)]
    await stack.until("/v1/reservations?item=bolt&state=open", held, wanted)
    async with stack.api() as client:
        wish = {"site": "plant-1", "item": "bolt", "quantity": 1, "kind": "hard"}
        answer = await client.post("/v1/reservations", json=wish)
    assert answer.status_code == httpx.codes.CONFLICT, "they are the customer's"

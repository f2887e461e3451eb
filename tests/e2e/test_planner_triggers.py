"""Whatever makes a plan wrong, wherever it is told, leads to another plan that gives it as reason.

Machines speak MQTT, people and suppliers the API; nothing is written to the database from here.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from installation import Installation, eventually

from contracts.plan import DisruptionKind, PlanState
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

SITE = "triggers"
LINE = f"{SITE}/pressing/line-1"
MINUTE_MS = 60_000
PATIENCE_S = 120.0
POLICY = {
    "down_threshold_ms": 500,
    "frozen_ms": 0,
    "improve_ms": 0,
    "repair_ms": 4 * 60 * MINUTE_MS,
}
CREW = f"""resources:
- {{site: {SITE}, code: li, name: Li Na, kind: operator, skills: [weld]}}
bills:
- item: triggers-tray
  version: A
  lines:
  - component: triggers-sheet
    quantity: 1
machines:
- path: {LINE}/press-weld
  needs: [weld]
"""


@dataclass
class Floor:
    """Presses that have nothing to do with each other, one for each thing that happens."""

    api: httpx.AsyncClient
    broker: MqttClient
    seq: int = 0

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.api.get(f"/v1/{path}", params=parameters)
        return answer.raise_for_status().json()

    async def say(self, press: str, kind: str, *, minutes_ago: float = 0.0, **fields: Any) -> None:
        """What a machine says, or said."""
        self.seq += 1
        said_ms = time.time_ns() // 1_000_000 - round(minutes_ago * MINUTE_MS)
        body = {"t": said_ms, "boot": "triggers", "seq": self.seq, **fields}
        await self.broker.publish(f"gemba/v1/{LINE}/{press}/{kind}", json.dumps(body), qos=1)

    async def order(self, item: str, *, minutes: int = 600, priority: int = 0) -> dict[str, Any]:
        """An order of 600 pieces, planned; its first operation and its number."""
        line = {
            "item": f"{SITE}-{item}",
            "quantity": 600,
            "due_at": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(),
        }
        body = {"site": SITE, "customer": "acme", "release": True, "priority": priority}
        answer = await self.api.post("/v1/orders", json=body | {"lines": [line]})
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order | {"operation": await self.planned(order["number"])}

    async def planned(self, order: str) -> dict[str, Any]:
        """Where the plan in force has an order's operation, once nothing is open."""

        async def look() -> dict[str, Any] | None:
            scope = await self.get(f"planning/{SITE}")
            if scope["open_disruptions"] or scope["published"] is None:
                return None
            listed = await self.get(f"plans/{scope['published']['id']}/operations", limit=1_000)
            return next((each for each in listed["items"] if each["order"] == order), None)

        found = await eventually(look, lambda seen: seen is not None, seconds=PATIENCE_S)
        assert found is not None
        return found

    async def run(self, press: str, operation: dict[str, Any], *, minutes_ago: float) -> None:
        """A press began an operation some time ago."""
        await self.say(press, "state", minutes_ago=minutes_ago, state="running")
        await self.say(
            press,
            "job",
            minutes_ago=minutes_ago,
            event="started",
            work_order=operation["work_order"],
            operation=operation["operation"],
        )

    async def answered(
        self, kind: DisruptionKind, after: int, *, press: str | None = None
    ) -> dict[str, Any]:
        """The first disruption of a kind behind another one, answered by a plan that names it.

        With `press` it is one of that press: what came before may get worse meanwhile.
        """

        async def look() -> dict[str, Any] | None:
            told = await self.get("disruptions", scope=SITE, kind=kind, limit=100)
            new = [
                each
                for each in told["items"]
                if each["id"] > after
                and each["handled"]
                and press in {None, (each["machine"] or "").rsplit("/", 1)[-1]}
            ]
            return new[-1] if new else None

        found = await eventually(look, lambda seen: seen is not None, seconds=PATIENCE_S)
        assert found is not None
        assert found["outcome"] == "planned", found
        listed = await self.get(f"planning/{SITE}/plans", limit=1_000)
        plan = next(each for each in listed["items"] if each["number"] == found["plan_number"])
        assert plan["state"] in {PlanState.PUBLISHED, PlanState.SUPERSEDED}
        reasons = {(each["disruption"], each["kind"]) for each in plan["reasons"]}
        assert (found["id"], kind) in reasons
        return found

    async def newest(self) -> int:
        """The newest disruption there is."""
        told = (await self.get("disruptions", scope=SITE, limit=1))["items"]
        return int(told[0]["id"]) if told else 0


def _step(press: str, *others: str, cycle_ms: int = 1_000) -> dict[str, Any]:
    return {
        "number": 10,
        "name": "Press",
        "machine": f"{LINE}/{press}",
        "cycle_ms": cycle_ms,
        "alternatives": [
            {"machine": f"{LINE}/{other}", "cycle_ms": cycle_ms, "setup_ms": 0} for other in others
        ],
    }


@contextlib.asynccontextmanager
async def floor(installation: Installation) -> AsyncIterator[Floor]:
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    steps = {
        "plate": _step("press-a", "press-b"),
        "slow": _step("press-slow"),
        "scrap": _step("press-scrap"),
        "fast": _step("press-fast", cycle_ms=10_000),
        "weld": _step("press-weld"),
        "tray": _step("press-tray"),
    }
    presses = {each["machine"].rsplit("/", 1)[1] for each in steps.values()} | {"press-b"}
    async with (
        installation.api() as api,
        MqttClient(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier="trigger-machines",
        ) as machines,
    ):
        for path, body in (
            (f"sites/{SITE}", {"name": "Triggers", "time_zone": "UTC"}),
            (f"planning/{SITE}/policy", POLICY),
            *((f"machines/{LINE}/{press}", {"name": press}) for press in sorted(presses)),
            ("customers/acme", {"name": "Acme Ltd"}),
            ("items/triggers-sheet", {"name": "Sheet", "kind": "bought"}),
            *(
                (
                    f"items/{SITE}-{item}",
                    {"name": item, "routings": [{"site": SITE, "steps": [step]}]},
                )
                for item, step in steps.items()
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        answer = await api.post(
            "/v1/master-data", content=CREW, headers={"Content-Type": "application/yaml"}
        )
        assert answer.is_success, answer.text
        yield Floor(api, machines)


def _in(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def _machine_down_and_back(shop: Floor) -> None:
    # It is due soon: where nobody gains by it, a plan stays although a machine is back.
    order = await shop.order("plate", minutes=30)
    there = order["operation"]["machine"].rsplit("/", 1)[1]
    before = await shop.newest()
    await shop.say(there, "state", state="down", reason="jam")
    await shop.answered(DisruptionKind.MACHINE_DOWN, before, press=there)
    assert (await shop.planned(order["number"]))["machine"] != order["operation"]["machine"]
    # Work that cannot be done elsewhere by its date waits for the machine to come back.
    other = "press-b" if there == "press-a" else "press-a"
    second = await shop.newest()
    await shop.say(other, "state", state="down", reason="jam")
    await shop.answered(DisruptionKind.MACHINE_DOWN, second, press=other)
    for press in (there, other):
        await shop.say(press, "state", state="idle")
    await shop.answered(DisruptionKind.MACHINE_UP, before)


async def _slower_than_planned(shop: Floor) -> None:
    first = await shop.order("slow")
    await shop.order("slow")
    before = await shop.newest()
    await shop.run("press-slow", first["operation"], minutes_ago=20)
    await shop.say("press-slow", "count", minutes_ago=1, good=15)
    await shop.answered(DisruptionKind.OPERATION_LATE, before, press="press-slow")


async def _scrap(shop: Floor) -> None:
    first = await shop.order("scrap")
    await shop.order("scrap")
    before = await shop.newest()
    await shop.run("press-scrap", first["operation"], minutes_ago=20)
    await shop.say("press-scrap", "count", minutes_ago=1, good=15, scrap=585)
    await shop.answered(DisruptionKind.OPERATION_LATE, before, press="press-scrap")


async def _faster_than_planned(shop: Floor) -> None:
    first = await shop.order("fast")
    await shop.order("fast", minutes=30)
    running = await shop.planned(first["number"])
    before = await shop.newest()
    await shop.run("press-fast", running, minutes_ago=20)
    await shop.say("press-fast", "count", minutes_ago=1, good=500)
    await shop.answered(DisruptionKind.OPERATION_EARLY, before, press="press-fast")


async def _orders_as_people_change_them(shop: Floor) -> None:
    before = await shop.newest()
    rush = await shop.order("plate", minutes=30, priority=9)
    await shop.answered(DisruptionKind.RUSH_ORDER, before)

    number, before = rush["number"], await shop.newest()
    shown = await shop.get(f"orders/{number}")
    line = {"number": 1, "due_at": _in(1), "quantity": 1_200}
    body = {"version": shown["version"], "lines": [line], "reason": "more of them"}
    changed = await shop.api.patch(f"/v1/orders/{number}", json=body)
    assert changed.is_success, changed.text
    await shop.answered(DisruptionKind.ORDER_CHANGED, before)

    before = await shop.newest()
    gone = await shop.api.post(f"/v1/orders/{number}/cancel", json={"reason": "given up"})
    assert gone.is_success, gone.text
    await shop.answered(DisruptionKind.ORDER_CANCELLED, before)


async def _material_late(shop: Floor) -> None:
    line = {"item": "triggers-sheet", "quantity": 600, "due_at": _in(1)}
    body = {"number": "PO-T", "site": SITE, "lines": [line]}
    bought = await shop.api.post("/v1/purchases", json=body)
    assert bought.status_code == 201, bought.text
    order = await shop.order("tray")
    begins = datetime.fromisoformat(order["operation"]["start"])
    assert begins >= datetime.fromisoformat(str(line["due_at"])) - timedelta(seconds=1)
    before = await shop.newest()
    later = await shop.api.patch(
        "/v1/purchases/PO-T",
        json={"version": 1, "lines": [{"number": 1, "due_at": _in(6)}]},
    )
    assert later.is_success, later.text
    await shop.answered(DisruptionKind.MATERIAL_LATE, before)
    after = await shop.planned(order["number"])
    assert datetime.fromisoformat(after["start"]) - begins > timedelta(hours=4)


async def _operator_absent(shop: Floor) -> None:
    order = await shop.order("weld")
    [li] = (await shop.get("resources", site=SITE))["items"]
    before = await shop.newest()
    back = _in(3)
    away = await shop.api.post(
        f"/v1/resources/{li['id']}/absences", json={"ends_at": back, "reason": "ill"}
    )
    assert away.status_code == 201, away.text
    await shop.answered(DisruptionKind.RESOURCE_ABSENT, before)
    after = await shop.planned(order["number"])
    began = datetime.fromisoformat(after["start"])
    assert began >= datetime.fromisoformat(back) - timedelta(seconds=1)


async def _a_planner_s_word(shop: Floor) -> None:
    order = await shop.order("plate")
    before = await shop.newest()
    there = order["operation"]["machine"]
    other = next(f"{LINE}/{each}" for each in ("press-a", "press-b") if not there.endswith(each))
    locked = await shop.api.put(
        f"/v1/operations/{order['operation']['operation_id']}/lock",
        json={"machine": other, "not_before": _in(2)},
    )
    assert locked.is_success, locked.text
    await shop.answered(DisruptionKind.OPERATION_LOCKED, before)
    after = await shop.planned(order["number"])
    assert after["machine"] == other

    before = await shop.newest()
    closed = await shop.api.post(
        f"/v1/machines/{other}/maintenance",
        json={"starts_at": _in(1), "ends_at": _in(5), "reason": "oil"},
    )
    assert closed.status_code == 201, closed.text
    await shop.answered(DisruptionKind.MAINTENANCE_PLANNED, before)
    moved = await shop.planned(order["number"])
    assert moved["machine"] == other
    begins = datetime.fromisoformat(moved["start"])
    assert begins - datetime.fromisoformat(after["start"]) > timedelta(hours=2)


@pytest.mark.timeout(900)
async def test_every_trigger_leads_to_a_plan_that_names_it(installation: Installation) -> None:
    async with floor(installation) as shop:
        for happens in (
            _slower_than_planned,
            _scrap,
            _faster_than_planned,
            _material_late,
            _operator_absent,
            _orders_as_people_change_them,
            _a_planner_s_word,
            _machine_down_and_back,
        ):
            await happens(shop)

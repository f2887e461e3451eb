"""The loop, closed: a breakdown over MQTT changes the plan, the Gantt and the customer's date."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, expect

from contracts.plan import DisruptionKind
from domain.plan.plan import Assignment, Plan
from domain.plan.validator import violations
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url
from store.planning.problem import load_problem

SITE = "loop"
A, B = f"{SITE}/pressing/line-1/press-a", f"{SITE}/pressing/line-1/press-b"
MINUTE_MS = 60_000
QUANTITY = 600
PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Shop:
    """Two presses, the second one slow and idle, and four orders, each ten minutes of press A.

    The first is running, the second starts within the frozen zone; all are due before they can be
    made if everybody waits two hours for press A.
    """

    installation: Installation
    api: httpx.AsyncClient
    machines: MqttClient
    orders: list[dict[str, Any]]
    links: list[str]
    seq: int = 0

    async def say(self, machine: str, kind: str, **fields: Any) -> None:
        """What a machine says."""
        self.seq += 1
        body = {"t": time.time_ns() // 1_000_000, "boot": "loop", "seq": self.seq, **fields}
        await self.machines.publish(f"gemba/v1/{machine}/{kind}", json.dumps(body), qos=1)

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.api.get(f"/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def plan(self) -> dict[str, Any]:
        """The plan in force."""
        scope: dict[str, Any] = await self.get(f"planning/{SITE}")
        found: dict[str, Any] = scope["published"] or {"id": 0, "number": 0}
        return found

    async def placed(self, plan_id: int) -> dict[str, dict[str, Any]]:
        """Where a plan has each order's operation, by order number."""
        if not plan_id:
            return {}
        operations = (await self.get(f"plans/{plan_id}/operations"))["items"]
        return {one["order"]: one for one in operations}

    async def until_planned(self, fits: Callable[[dict[str, dict[str, Any]]], bool]) -> Any:
        """The plan in force once it fits and nothing is open."""

        async def look() -> tuple[dict[str, Any], dict[str, dict[str, Any]], int]:
            plan = await self.plan()
            open_ = (await self.get(f"planning/{SITE}"))["open_disruptions"]
            return plan, await self.placed(plan["id"]), open_

        plan, placed, _ = await eventually(look, lambda seen: not seen[2] and fits(seen[1]))
        return plan, placed


@contextlib.asynccontextmanager
async def shop(installation: Installation) -> AsyncIterator[Shop]:
    for name, role in (("paula", "planner"), ("stan", "supervisor")):
        await installation.gemba(
            "user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD
        )
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    async with (
        installation.api() as api,
        MqttClient(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier="loop-machines",
        ) as machines,
    ):
        made = Shop(installation, api, machines, [], [])
        step = {"number": 10, "name": "Press", "machine": A, "cycle_ms": 1_000, "setup_ms": 0}
        slow = {"machine": B, "cycle_ms": 5_000, "setup_ms": 0}
        for path, body in (
            (f"sites/{SITE}", {"name": "Loop", "time_zone": "UTC"}),
            (
                f"planning/{SITE}/policy",
                {
                    "down_threshold_ms": 10_000,
                    "repair_ms": 120 * MINUTE_MS,
                    "frozen_ms": 15 * MINUTE_MS,
                },
            ),
            (f"machines/{A}", {"name": "Press A", "position": 1}),
            (f"machines/{B}", {"name": "Press B", "position": 2}),
            ("customers/acme", {"name": "Acme Ltd"}),
            (
                "items/plate",
                {
                    "name": "Plate",
                    "setup_family": "plates",
                    "routings": [{"site": SITE, "steps": [{**step, "alternatives": [slow]}]}],
                },
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        for due_minutes in (60, 70, 95, 96):
            due = datetime.now(UTC) + timedelta(minutes=due_minutes)
            line = {"item": "plate", "quantity": QUANTITY, "due_at": due.isoformat()}
            answer = await api.post(
                "/v1/orders",
                json={"site": SITE, "customer": "acme", "release": True, "lines": [line]},
            )
            assert answer.status_code == 201, answer.text
            made.orders.append(answer.json())
            number = answer.json()["number"]
            answer = await api.post(f"/v1/orders/{number}/tracking-links", json={})
            made.links.append(answer.json()["url"])
        yield made


async def valid(installation: Installation, plan: dict[str, Any]) -> list[Any]:
    """What the validator says of the plan as it is stored."""
    as_of_ms = int(datetime.fromisoformat(plan["as_of"]).timestamp() * 1_000)
    async with await psycopg.AsyncConnection.connect(
        installation.addresses.database_url, autocommit=True
    ) as connection:
        loaded = await load_problem(connection, SITE, now_ms=as_of_ms)
        cursor = await connection.execute(
            """
            SELECT operation_id, machine_id, setup_start_ms, start_ms, end_ms
            FROM plan_operations WHERE plan_id = %s
            """,
            (plan["id"],),
        )
        rows = await cursor.fetchall()
    names = ("operation", "machine", "setup_start_ms", "start_ms", "end_ms")
    stored = Plan(tuple(Assignment(**dict(zip(names, row, strict=True))) for row in rows))
    return list(violations(loaded.problem, stored))


async def test_a_breakdown_moves_the_work_and_tells_everybody(  # noqa: PLR0915 - one story
    installation: Installation, browser: Browser
) -> None:
    async with shop(installation) as floor:
        first, second, third, fourth = (order["number"] for order in floor.orders)
        _, placed = await floor.until_planned(lambda seen: len(seen) == 4)
        assert {one["machine"] for one in placed.values()} == {A}
        running = placed[first]
        await floor.say(A, "state", state="running")
        await floor.say(
            A,
            "job",
            event="started",
            work_order=running["work_order"],
            operation=running["operation"],
        )
        await floor.say(A, "count", good=1)

        # A micro-stop makes no plan version.
        await eventually(
            lambda: floor.get("operations", site=SITE, state="running"),
            lambda seen: len(seen["items"]) == 1,
        )
        before = await floor.plan()
        before_placed = await floor.placed(before["id"])
        await floor.say(A, "state", state="down", reason="sensor fault")
        await asyncio.sleep(1.0)
        await floor.say(A, "state", state="running")
        await asyncio.sleep(12.0)
        seen = (await floor.get("disruptions", scope=SITE))["items"]
        assert DisruptionKind.MACHINE_DOWN not in {one["kind"] for one in seen}
        assert (await floor.plan())["number"] == before["number"]

        planner = await new_page(browser)
        await sign_in(planner, installation, "paula", PASSWORD)
        await planner.goto(f"{installation.addresses.http_url}/plan?site={SITE}")
        await expect(planner.get_by_test_id("gantt")).to_be_visible(timeout=GENEROUS_MS)
        await planner.get_by_test_id("gantt-table").click()
        row = planner.get_by_test_id(f"plan-row-{before_placed[third]['operation_id']}")
        await expect(row).to_contain_text("Press A", timeout=GENEROUS_MS)
        customer = await new_page(browser, phone=True)
        await customer.goto(floor.links[2])
        expected = customer.get_by_test_id("tracking-expected")
        await expect(expected).to_be_visible(timeout=GENEROUS_MS)
        told_before = await expected.get_attribute("data-expected")

        # The breakdown.
        await floor.say(A, "state", state="down", reason="drive overload")
        plan, placed = await floor.until_planned(
            lambda seen: {seen.get(each, {}).get("machine") for each in (second, third)} == {B}
        )
        # What runs stays, and began when it began. What was to follow within the frozen zone cannot
        # begin within it on a machine that is down for two hours: it is free again.
        assert placed[first]["machine"] == A
        assert placed[first]["pin"] == "running"
        assert placed[second]["pin"] is None
        assert placed[fourth]["end"] > placed[third]["start"]
        begun = (await floor.get("operations", site=SITE, state="running"))["items"]
        assert [one["work_order"] for one in begun] == [placed[first]["work_order"]]
        assert plan["metrics"]["tardiness"] < plan["waiting"]["tardiness"]
        assert await valid(installation, plan) == []
        reasons = {(reason["kind"], reason["machine"]) for reason in plan["reasons"]}
        assert (DisruptionKind.MACHINE_DOWN, A) in reasons

        # Everybody sees it.
        await expect(row).to_contain_text("Press B", timeout=GENEROUS_MS)
        await expect(expected).not_to_have_attribute(
            "data-expected", told_before or "", timeout=GENEROUS_MS
        )
        told = await expected.get_attribute("data-expected")
        assert told is not None
        end_ms = datetime.fromisoformat(placed[third]["end"]).timestamp()
        assert abs(datetime.fromisoformat(told).timestamp() - end_ms) <= 120
        text = await customer.locator("body").inner_text()
        assert "Press" not in text
        assert "drive overload" not in text
        await planner.goto(
            f"{installation.addresses.http_url}/plan/history/{plan['id']}?site={SITE}"
        )
        main = planner.locator("main")
        await expect(main).to_contain_text("drive overload", timeout=GENEROUS_MS)
        await expect(main).to_contain_text(re.compile(r"Press A.*Press B", re.DOTALL))

        # The machine is mended: its work may come back, and what was told stays true.
        await floor.say(A, "state", state="running")

        async def mended() -> list[str]:
            answered = (await floor.get("disruptions", scope=SITE))["items"]
            return [one["kind"] for one in answered if one["handled"] is not None]

        await eventually(mended, lambda kinds: DisruptionKind.MACHINE_UP in kinds)
        await planner.context.close()
        await customer.context.close()

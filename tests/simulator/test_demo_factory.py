"""The demo factory in a running installation, with the simulator at work."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from installation_stack import Stack
from service_stack import PATIENCE_S, wait_for

from launch.backends.mqtt import BrokerKind
from simulator import factory
from simulator.breaking import break_machine, repair_machine
from simulator.demo import DemoError, load
from simulator.scenario import find_scenario

pytestmark = pytest.mark.parametrize("mqtt_broker", [BrokerKind.AMQTT], indirect=True)

PRESS = "gemba-demo/pressing/line-1/press-01"
SPEED = 60.0


def orders(stack: Stack) -> dict[str, Any]:
    found = stack.get("/v1/orders")["items"]
    return {order["external_id"]: order for order in found}


def shipped(stack: Stack, number: str) -> list[str]:
    deliveries = stack.get(f"/v1/orders/{number}/shipments")["items"]
    return [one["state"] for one in deliveries]


def machine(stack: Stack, path: str = PRESS) -> dict[str, Any]:
    return stack.get(f"/v1/machines/{path}")


def unassigned(stack: Stack) -> dict[str, dict[str, int]]:
    """Machines with pieces that belong to no operation."""
    return {
        one["machine"]: one["unassigned"]
        for one in stack.get("/v1/machines")["items"]
        if any(one["unassigned"].values())
    }


def everything(stack: Stack) -> dict[str, Any]:
    """All that loading writes."""
    sites = [site.code for site in factory.SITES]
    return {
        "sites": stack.get("/v1/sites"),
        "machines": [(one["machine"], one["name"]) for one in stack.get("/v1/machines")["items"]],
        "items": stack.get("/v1/items"),
        "customers": stack.get("/v1/customers"),
        "setups": [stack.get(f"/v1/machines/{one.path}/setups") for one in factory.MACHINES],
        "calendars": [stack.get(f"/v1/sites/{site}/calendar") for site in sites],
        "policies": [stack.get(f"/v1/planning/{site}")["policy"] for site in sites],
        "orders": {
            name: {key: order[key] for key in _ORDERED} for name, order in orders(stack).items()
        },
    }


_ORDERED = ("number", "customer_code", "customer_reference", "due", "priority", "version")
"""What an order's customer decides; its dates follow the plan, which is being made meanwhile."""


class TestLoading:
    def test_loading_again_changes_nothing_and_who_may_not_is_told_so(self, stack: Stack) -> None:
        first = load(stack.url, stack.token(), speed=1)
        before = everything(stack)
        disruptions = stack.get("/v1/disruptions", kind="calendar_changed")["total"]
        second = load(stack.url, stack.token("planner"), speed=1)
        scenario = find_scenario("calm")
        assert (first.created, second.created) == (len(scenario.first), 0)
        assert first.orders == second.orders
        assert everything(stack) == before
        assert stack.get("/v1/disruptions", kind="calendar_changed")["total"] == disruptions
        assert len(before["machines"]) == first.machines == 14
        assert {one["time_zone"] for one in before["sites"]["items"]} == {
            "Europe/Warsaw",
            "Asia/Shanghai",
        }
        assert all(one["working_times"] for one in before["calendars"])
        link = second.tracking_url.rsplit("/", 1)[-1]
        answer = httpx.get(f"{stack.url}/v1/tracking/{link}")
        assert answer.is_success
        assert answer.json()["number"] == second.tracked_order
        with pytest.raises(DemoError, match="403"):
            load(stack.url, stack.token("viewer"))
        with pytest.raises(DemoError, match="no scenario"):
            load(stack.url, stack.token(), scenario="nothing")

    def test_speed_divides_standard_times_breaks_and_thresholds(self, stack: Stack) -> None:
        load(stack.url, stack.token(), scenario="rush", speed=SPEED)
        items = {one["code"]: one for one in stack.get("/v1/items")["items"]}
        step = items["KT-100"]["routings"][0]["steps"][0]
        assert (step["cycle_ms"], step["setup_ms"]) == (47, 167)
        setups = stack.get(f"/v1/machines/{PRESS}/setups")["setups"]
        assert {"from_family": "kettle", "to_family": "oven", "setup_ms": 2_100} in setups
        (other,) = step["alternatives"]
        assert other["machine"].endswith("press-02")
        policy = stack.get("/v1/planning/gemba-demo")["policy"]
        assert (policy["frozen_ms"], policy["down_threshold_ms"]) == (10_000, 2_000)
        assert policy["tardiness"] == 20 * SPEED
        calendar = stack.get("/v1/sites/gemba-demo-2/calendar")
        assert calendar["working_times"] == []
        assert {one["reason"] for one in calendar["exceptions"]} == {"break", "shift over"}


class TestSimulator:
    @pytest.mark.kill
    def test_it_works_orders_off_and_ships_them_also_when_killed(self, stack: Stack) -> None:
        load(stack.url, stack.token(), speed=SPEED)
        speed = str(SPEED)
        stack.start("simulator", GEMBA_SIMULATOR_SPEED=speed)
        wait_for(
            lambda: orders(stack)["calm-3"]["state"] == "produced",
            f"the short order is produced; {stack.log_of('simulator')}",
        )
        stack.kill("simulator")
        stack.start("simulator", GEMBA_SIMULATOR_SPEED=speed)
        stack.kill_and_start("streams")
        wait_for(
            lambda: orders(stack)["calm-1"]["state"] == "produced",
            f"a longer order is produced; {stack.log_of('simulator')}",
        )
        number = orders(stack)["calm-3"]["number"]
        wait_for(
            lambda: shipped(stack, number) == ["shipped"],
            f"the short order has left; {stack.log_of('simulator')}",
        )
        assert stack.stop("simulator") == 0
        # What it said last is on its way through gateway and stream.
        wait_for(
            lambda: not unassigned(stack),
            f"every piece belongs to an operation; {unassigned(stack)}",
        )
        operations = stack.get("/v1/operations")["items"]
        done = [one for one in operations if one["state"] == "completed"]
        assert len(done) >= 3
        assert [(one["good_pieces"], one["runs"]) for one in done] == [
            (one["quantity"], 1) for one in done
        ]
        assert any(one["scrap_pieces"] for one in done)
        assert stack.get("/v1/dead-letters")["total"] == 0

    def test_a_monday_happens_as_it_is_written(self, stack: Stack) -> None:
        speed = 500.0
        info = load(stack.url, stack.token(), scenario="monday", speed=speed)
        before = orders(stack)["monday-5"]
        assert info.created == len(orders(stack)) == 32
        stack.start(
            "simulator", GEMBA_SIMULATOR_SCENARIO="monday", GEMBA_SIMULATOR_SPEED=str(speed)
        )
        wait_for(
            lambda: machine(stack)["reason"] == "drive overload",
            f"the press breaks down; {stack.log_of('simulator')}",
        )
        wait_for(
            lambda: any(one["priority"] == 9 for one in orders(stack).values()),
            f"a rush order; {stack.log_of('simulator')}",
        )
        after = orders(stack)
        assert after["monday-6"]["state"] == "cancelled"
        changed = after["monday-5"]
        assert changed["quantity_ordered"] == 1.5 * before["quantity_ordered"]
        assert changed["due"] < before["due"]
        wait_for(
            lambda: any(
                one["number"].startswith("RW-") for one in stack.get("/v1/work-orders")["items"]
            ),
            f"some rework; {stack.log_of('simulator')}",
        )
        assert stack.get("/v1/dead-letters")["total"] == 0

    async def test_a_machine_is_broken_by_hand_and_mended(self, stack: Stack) -> None:
        load(stack.url, stack.token())
        stack.start("simulator")
        wait_for(
            lambda: machine(stack)["state"] in ("setup", "running"),
            f"the press works; {stack.log_of('simulator')}",
        )
        await break_machine(stack.machine_mqtt_url, PRESS, minutes=5, reason="a broken belt")
        wait_for(lambda: machine(stack)["reason"] == "a broken belt", "it is down")
        assert machine(stack)["state"] == "down"
        stack.kill("simulator")
        seen = machine(stack)["last_seen"]
        stack.start("simulator")
        wait_for(lambda: machine(stack)["last_seen"] > seen, "the simulator is back")
        assert machine(stack)["reason"] == "a broken belt"
        async with asyncio.timeout(PATIENCE_S):
            # Nobody says when the new simulator listens: it is told until it does.
            while machine(stack)["state"] == "down":
                await repair_machine(stack.machine_mqtt_url, PRESS)
                await asyncio.sleep(1)
        assert stack.get("/v1/dead-letters")["total"] == 0

"""The demo factory in a running installation, with the simulator at work."""

from __future__ import annotations

import httpx
import pytest
from installation_stack import Stack, wait_for

from launch.backends.mqtt import BrokerKind
from simulator import factory
from simulator.demo import DemoError, load

pytestmark = pytest.mark.parametrize("mqtt_broker", [BrokerKind.AMQTT], indirect=True)


def states(stack: Stack) -> dict[str, str]:
    orders = stack.get("/v1/orders", site=factory.SITE)["items"]
    return {order["external_id"]: order["state"] for order in orders}


class TestLoading:
    def test_loading_again_changes_nothing_and_who_may_not_is_told_so(self, stack: Stack) -> None:
        first = load(stack.url, stack.token())
        second = load(stack.url, stack.token("planner"))
        assert (first.created, second.created) == (10, 0)
        assert first.orders == second.orders
        assert set(states(stack)) == {order.external_id for order in factory.ORDERS}
        assert stack.get("/v1/machines", site=factory.SITE)["total"] == 6
        link = second.tracking_url.rsplit("/", 1)[-1]
        answer = httpx.get(f"{stack.url}/v1/tracking/{link}")
        assert answer.is_success
        assert answer.json()["number"] == second.tracked_order
        with pytest.raises(DemoError, match="403"):
            load(stack.url, stack.token("viewer"))


class TestSimulator:
    @pytest.mark.kill
    def test_it_works_the_orders_off_also_when_killed(self, stack: Stack) -> None:
        load(stack.url, stack.token())
        stack.start("simulator", GEMBA_SPEED="200")
        wait_for(
            lambda: states(stack)["demo-3"] == "produced",
            f"the short order is produced; {stack.log_of('simulator')}",
        )
        stack.kill("simulator")
        stack.start("simulator", GEMBA_SPEED="200")
        stack.kill_and_start("streams")
        wait_for(
            lambda: states(stack)["demo-1"] == "produced",
            f"a longer order is produced; {stack.log_of('simulator')}",
        )
        assert stack.stop("simulator") == 0
        operations = stack.get("/v1/operations", site=factory.SITE)["items"]
        done = [one for one in operations if one["state"] == "completed"]
        assert len(done) >= 3
        assert [(one["good_pieces"], one["runs"]) for one in done] == [
            (one["quantity"], 1) for one in done
        ]
        assert any(one["scrap_pieces"] for one in done)
        for machine in stack.get("/v1/machines", site=factory.SITE)["items"]:
            assert machine["unassigned"] == {"good": 0, "scrap": 0}
        assert stack.get("/v1/dead-letters", site=factory.SITE)["total"] == 0

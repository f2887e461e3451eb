"""Gateways by their names: missed when they fall silent, forgotten when they were taken down."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from api_client import Api
from plant_facts import SECOND, SITE, alarm_rule
from watched_plant import Plant

from domain.access import Role
from domain.alarms.conditions import GatewayOffline
from notify.alarm_watch import AlarmWatch
from runtime.clock import SystemClock
from runtime.health import Health, HealthState, report

FIRST, SECOND_GATEWAY = "gateway-1", "gateway-2"


@pytest.fixture
async def watch(plant: Plant) -> AlarmWatch:
    """A watch that misses gateways, at the present time."""
    await plant.define(alarm_rule("gateway", GatewayOffline(seconds=30)))
    plant.clock.at_ms = SystemClock().now_ms()
    return plant.watch()


async def speaks(plant: Plant, name: str, *, instance: str, ago_s: int) -> None:
    """A gateway's process says how it is."""
    word = Health(
        service="edge",
        instance=instance,
        name=name,
        state=HealthState.OK,
        at_ms=plant.clock.at_ms - ago_s * SECOND,
        pid=1,
    )
    await report(plant.redis, word)


async def test_a_gateway_is_the_same_whatever_process_it_is(
    plant: Plant, watch: AlarmWatch
) -> None:
    await speaks(plant, FIRST, instance="host-11", ago_s=3_600)
    await speaks(plant, FIRST, instance="host-12", ago_s=1)
    await speaks(plant, SECOND_GATEWAY, instance="host-13", ago_s=3_600)
    [raised] = await watch.look()
    assert raised.cause == f"gateway_offline:gateway:{SECOND_GATEWAY}"
    names = await plant.rows("SELECT name FROM alarm_gateways ORDER BY name")
    assert names == [(FIRST,), (SECOND_GATEWAY,)]


async def test_one_of_an_older_release_goes_by_its_machine(plant: Plant, watch: AlarmWatch) -> None:
    await speaks(plant, "", instance="host-11", ago_s=1)
    await watch.look()
    assert await plant.rows("SELECT name FROM alarm_gateways") == [("host",)]
    # Its word of old still reads, without a name.
    old = msgspec.json.decode(b'{"service":"edge","state":"ok","at_ms":1,"pid":2}', type=Health)
    assert old.name == ""


async def test_one_that_was_taken_down_is_forgotten_and_its_alarm_clears(
    plant: Plant, watch: AlarmWatch, desk: httpx.AsyncClient
) -> None:
    await speaks(plant, FIRST, instance="host-1", ago_s=1)
    await speaks(plant, SECOND_GATEWAY, instance="host-2", ago_s=3_600)
    [raised] = await watch.look()
    listed = (await desk.get("/v1/gateways")).json()
    assert [each["name"] for each in listed["items"]] == [FIRST, SECOND_GATEWAY]
    assert listed["items"][1]["silent_s"] >= 3_600
    alive = await desk.delete(f"/v1/gateways/{FIRST}")
    assert alive.status_code == 409
    assert alive.json()["code"] == "gateway-alive"
    assert "stop it first" in alive.json()["detail"]
    await plant.redis.flushall()
    assert (await desk.delete(f"/v1/gateways/{SECOND_GATEWAY}")).status_code == 204
    assert (await desk.delete(f"/v1/gateways/{SECOND_GATEWAY}")).status_code == 404
    [cleared] = await watch.look()
    assert (cleared.id, cleared.event) == (raised.id, "clear")
    audited = await plant.rows(
        "SELECT object_kind, object_key FROM audit_log WHERE action = 'GatewayForgotten'"
    )
    assert audited == [("gateway", SECOND_GATEWAY)]


async def test_who_is_limited_to_sites_learns_nothing_of_them(plant: Plant, api: Api) -> None:
    del plant
    limited = await api.as_role(Role.PLANNER, SITE)
    assert (await limited.get("/v1/gateways")).status_code == 403
    assert (await limited.delete(f"/v1/gateways/{FIRST}")).status_code == 403
    viewer = await api.as_role(Role.VIEWER)
    assert (await viewer.get("/v1/gateways")).status_code == 200
    assert (await viewer.delete(f"/v1/gateways/{FIRST}")).status_code == 403

"""Subscriptions to notifications in browsers: one's own, and those of a tracking link."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
from api_client import ORIGIN, PASSWORD, SITE, Api

from domain.access import Role
from runtime.web_push import encoded, new_keys

ENDPOINT = "https://push.example/p/abc"
AUTH = encoded(b"a" * 16)


def browser(endpoint: str = ENDPOINT, **fields: Any) -> dict[str, Any]:
    _, public = new_keys()
    return {"endpoint": endpoint, "keys": {"p256dh": public, "auth": AUTH}, **fields}


async def signed_in(api: Api, name: str, role: Role = Role.PLANNER) -> httpx.AsyncClient:
    await api.user(name, role)
    client = api.client(Origin=ORIGIN)
    answer = await client.post("/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.is_success, answer.text
    return client


async def link_of(plant: httpx.AsyncClient) -> dict[str, Any]:
    order = {"site": SITE, "customer": "acme", "lines": [{"item": "bracket", "quantity": 4}]}
    number = (await plant.post("/v1/orders", json=order)).json()["number"]
    answer = await plant.post(f"/v1/orders/{number}/tracking-links", json={"days": 30})
    link: dict[str, Any] = answer.json()
    return link


class TestOwn:
    async def test_keys_are_made_once_and_sealed(self, plant: httpx.AsyncClient, api: Api) -> None:
        del plant
        mei, li = await signed_in(api, "mei"), await signed_in(api, "li", Role.OPERATOR)
        first = (await mei.get("/v1/push")).json()
        second = (await li.get("/v1/push")).json()
        assert first["public_key"] == second["public_key"]
        assert first["subscriptions"] == []
        rows = await api.rows("SELECT code, origin, secrets, sealed FROM notification_ways")
        ((code, origin, secrets, sealed),) = rows
        assert (code, origin, secrets) == ("web-push", "gemba", ["private_key"])
        assert first["public_key"].encode() not in bytes(sealed)
        ((action, actor),) = await api.rows(
            "SELECT action, actor FROM audit_log WHERE object_kind = 'notification_way'"
        )
        assert (action, actor) == ("NotificationWayChanged", "mei")

    async def test_a_browser_is_told_listed_and_forgotten(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        mei = await signed_in(api, "mei")
        wanted = browser(device="Pad of line 1", language="zh-CN")
        made = await mei.post("/v1/push/subscriptions", json=wanted)
        assert made.status_code == 201, made.text
        found = made.json()
        assert found["endpoint_sha256"] == hashlib.sha256(ENDPOINT.encode()).hexdigest()
        assert (found["host"], found["device"], found["language"]) == (
            "push.example",
            "Pad of line 1",
            "zh-CN",
        )
        again = await mei.post("/v1/push/subscriptions", json=browser(device="Pad"))
        assert again.json()["id"] == found["id"]
        (listed,) = (await mei.get("/v1/push")).json()["subscriptions"]
        assert listed["device"] == "Pad"
        stored = await api.rows("SELECT push_subscriptions::text FROM push_subscriptions")
        for secret in ("/p/abc", AUTH, wanted["keys"]["p256dh"]):
            assert secret not in str(stored)
            assert secret not in made.text
        place = f"/v1/push/subscriptions/{found['id']}"
        asked = await mei.post(f"{place}/test")
        assert asked.status_code == 202, asked.text
        ((address, way),) = await api.rows(
            "SELECT address, body->>'only_by' FROM notification_tests WHERE message_id = %s",
            asked.json()["message_id"],
        )
        assert (address, way) == (f"device/{found['id']}", "web-push")
        assert (await mei.delete(place)).status_code == 204
        assert (await mei.delete(place)).status_code == 404
        assert (await mei.post(f"{place}/test")).status_code == 404
        rows = await api.rows(
            "SELECT action FROM audit_log WHERE object_kind = 'push_subscription' ORDER BY id"
        )
        assert [action for (action,) in rows] == [
            "PushSubscribed",
            "PushSubscribed",
            "PushTested",
            "PushUnsubscribed",
        ]

    async def test_others_do_not_reach_it_and_a_shared_device_changes_hands(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        mei, li = await signed_in(api, "mei"), await signed_in(api, "li")
        own = (await mei.post("/v1/push/subscriptions", json=browser())).json()["id"]
        assert (await li.delete(f"/v1/push/subscriptions/{own}")).status_code == 404
        assert (await li.post(f"/v1/push/subscriptions/{own}/test")).status_code == 404
        assert (await li.get("/v1/push")).json()["subscriptions"] == []
        assert (await li.post("/v1/push/subscriptions", json=browser())).status_code == 201
        assert (await mei.get("/v1/push")).json()["subscriptions"] == []

    async def test_what_no_browser_says_is_refused(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        mei = await signed_in(api, "mei")
        wrong = browser() | {"keys": {"p256dh": "AAAA", "auth": AUTH}}
        answer = await mei.post("/v1/push/subscriptions", json=wrong)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
            422,
            "bad-push-keys",
        )
        for endpoint in ("ftp://push.example/x", "https://push.example/a b", "x"):
            answer = await mei.post("/v1/push/subscriptions", json=browser(endpoint))
            assert answer.status_code == 422, endpoint
        # A token's program has no browser.
        answer = await plant.get("/v1/push")
        assert (answer.status_code, answer.json()["code"]) == (409, "no-browser")
        assert (await plant.post("/v1/push/subscriptions", json=browser())).status_code == 409
        assert (await api.client().get("/v1/push")).status_code == 401

    async def test_the_oldest_goes_where_there_are_too_many(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        mei = await signed_in(api, "mei")
        for number in range(21):
            wanted = browser(f"{ENDPOINT}{number}", device=str(number))
            assert (await mei.post("/v1/push/subscriptions", json=wanted)).is_success
        devices = [one["device"] for one in (await mei.get("/v1/push")).json()["subscriptions"]]
        assert devices == [str(number) for number in range(20, 0, -1)]


class TestLinks:
    async def test_whoever_has_the_link_is_told(self, plant: httpx.AsyncClient, api: Api) -> None:
        link = await link_of(plant)
        guest = api.client()
        place = f"/v1/tracking/{link['token']}/push"
        key = (await guest.get(place)).json()
        assert key["subscriptions"] == []
        assert len(key["public_key"]) == 87
        made = await guest.post(place, json=browser(language="zh-CN"))
        assert made.status_code == 201, made.text
        rows = await api.rows("SELECT link_id, user_id FROM push_subscriptions")
        assert rows == [(link["id"], None)]
        # Staff who open the link in their own browser keep their own subscription.
        mei = await signed_in(api, "mei")
        assert (await mei.post("/v1/push/subscriptions", json=browser())).status_code == 201
        assert len(await api.rows("SELECT id FROM push_subscriptions")) == 2
        assert (await guest.delete(f"{place}/{made.json()['id']}")).status_code == 204
        assert (await guest.delete(f"{place}/{made.json()['id']}")).status_code == 404
        rows = await api.rows(
            "SELECT action, actor FROM audit_log"
            " WHERE object_kind = 'push_subscription' AND origin = 'tracking' ORDER BY id"
        )
        assert [action for action, _ in rows] == ["PushSubscribed", "PushUnsubscribed"]
        assert link["token"] not in str(rows)

    async def test_a_link_that_leads_nowhere_subscribes_nobody(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        link = await link_of(plant)
        assert (await plant.delete(f"/v1/tracking-links/{link['id']}")).status_code == 204
        for token in (link["token"], "invented"):
            place = f"/v1/tracking/{token}/push"
            guest = api.client()
            assert (await guest.get(place)).status_code == 404
            assert (await guest.post(place, json=browser())).status_code == 404
            assert (await guest.delete(f"{place}/1")).status_code == 404

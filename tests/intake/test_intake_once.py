"""`Idempotency-Key`, batches of orders, channels and signed webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
from intake_plant import SITE, Plant, outcomes

from domain.access import Role
from runtime.sealed import unseal
from store.intake import idempotency

SECRET = "a shop's own secret"
SHOP = {"X-Shopify-Shop-Domain": "gemba-test.myshopify.com", "X-Shopify-Topic": "orders/create"}


def order(**more: Any) -> dict[str, Any]:
    """An order as the desk enters it."""
    lines = [{"item": "bracket", "quantity": 5, "due_at": "2099-01-01T00:00:00Z"}]
    return {"site": SITE, "customer": "acme", "lines": lines, **more}


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a shop's webhook."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {**SHOP, "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}


def webhook(number: str = "#1001", *, updated: str = "2026-11-20T10:00:00+08:00") -> bytes:
    """A shop's order."""
    return json.dumps(
        {
            "id": 820982911946154508,
            "name": number,
            "created_at": "2026-11-20T10:00:00+08:00",
            "updated_at": updated,
            "currency": "EUR",
            "customer": {"id": 1, "email": "jo@example.com", "first_name": "Jo", "last_name": "Li"},
            "line_items": [
                {
                    "id": 11, "sku": "bracket", "title": "Bracket", "quantity": 3,
                    "price": "19.90", "fulfillable_quantity": 3, "current_quantity": 3,
                }
            ],
        }
    ).encode()  # fmt: skip


class TestIdempotencyKey:
    async def test_the_same_request_gets_the_same_answer_and_is_done_once(
        self, plant: Plant
    ) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": '"8e03978e"'}
        first = await client.post("/v1/orders", json=order(), headers=headers)
        second = await client.post("/v1/orders", json=order(), headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second.headers["content-type"] == first.headers["content-type"]
        assert ("idempotency-replayed" in first.headers) is False
        assert second.headers["idempotency-replayed"] == "true"
        assert await plant.rows("SELECT count(*) FROM orders") == [(1,)]

    async def test_another_request_under_the_key_is_refused(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": "k1"}
        await client.post("/v1/orders", json=order(), headers=headers)
        other = await client.post("/v1/orders", json=order(priority=3), headers=headers)
        assert other.status_code == 422
        assert other.json()["type"] == "urn:gemba:problem:idempotency-key-reused"

    async def test_keys_of_different_people_are_different_keys(self, plant: Plant) -> None:
        headers = {"Idempotency-Key": "k1"}
        for role in (Role.SALES, Role.PLANNER):
            client = await plant.as_role(role)
            answer = await client.post("/v1/orders", json=order(), headers=headers)
            assert answer.status_code == 201
        assert await plant.rows("SELECT count(*) FROM orders") == [(2,)]

    async def test_while_it_is_under_way_the_repeat_is_told_so(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": "k1"}
        answers = await asyncio.gather(
            *(client.post("/v1/orders", json=order(), headers=headers) for _ in range(6))
        )
        codes = sorted(answer.status_code for answer in answers)
        assert codes.count(201) >= 1
        assert set(codes) <= {201, 409}
        assert await plant.rows("SELECT count(*) FROM orders") == [(1,)]

    async def test_a_request_that_was_refused_may_be_sent_again(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": "k1"}
        wanted = order(customer="later")
        assert (await client.post("/v1/orders", json=wanted, headers=headers)).status_code == 422
        await plant.put("/v1/customers/later", {"name": "Later"})
        assert (await client.post("/v1/orders", json=wanted, headers=headers)).status_code == 201

    async def test_what_was_carried_out_is_not_carried_out_again_when_its_answer_is_lost(
        self, plant: Plant
    ) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": "k1"}
        await client.post("/v1/orders", json=order(), headers=headers)
        await plant.rows(
            "UPDATE idempotency_keys SET status = NULL, sealed_body = NULL,"
            " locked_until = now() - interval '1 second'"
        )
        answer = await client.post("/v1/orders", json=order(), headers=headers)
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:gemba:problem:answer-lost"
        assert await plant.rows("SELECT count(*) FROM orders") == [(1,)]

    async def test_one_that_was_broken_off_without_effect_is_carried_out(
        self, plant: Plant
    ) -> None:
        client = await plant.as_role(Role.SALES)
        headers = {"Idempotency-Key": "k1"}
        await client.post("/v1/orders", json=order(), headers=headers)
        await plant.rows(
            "UPDATE idempotency_keys SET status = NULL, sealed_body = NULL, effective = false,"
            " locked_until = now() - interval '1 second'"
        )
        assert (await client.post("/v1/orders", json=order(), headers=headers)).is_success

    async def test_answers_are_kept_sealed_and_for_two_days(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        await client.post("/v1/orders", json=order(), headers={"Idempotency-Key": "k1"})
        ((body, hours),) = await plant.rows(
            "SELECT sealed_body, extract(epoch FROM expires_at - created_at) / 3600"
            " FROM idempotency_keys"
        )
        assert b"bracket" not in body
        opened = unseal(plant.context.signing_key, bytes(body), purpose="remembered answer")
        assert b"bracket" in opened
        assert round(hours) == idempotency.KEPT.total_seconds() / 3600 == 48

    async def test_a_key_that_is_none_is_refused(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        for key in ('""', "x" * 256):
            answer = await client.post("/v1/orders", json=order(), headers={"Idempotency-Key": key})
            assert answer.status_code == 400, key
        anonymous = await plant.client().post(
            "/v1/orders", json=order(), headers={"Idempotency-Key": "k"}
        )
        assert anonymous.status_code == 401


class TestBatches:
    async def test_each_order_has_its_own_outcome(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        known = order(external_source="erp", external_id="1")
        await client.post("/v1/orders", json=known)
        bad_line = {"item": "unheard-of", "quantity": 1}
        wanted = [
            order(number="A-1"),
            known,
            order(lines=[bad_line]),
            order(number="A-1"),
            order(external_source="erp", external_id="1", priority=5),
            order(external_source="erp", external_id="2", release=True),
            order(lines=[{"item": "wire", "quantity": 2}], site="nowhere"),
        ]
        answer = await client.post("/v1/orders/batch", json={"orders": wanted})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["created"], told["repeated"], told["refused"]) == (2, 1, 4)
        assert [one["outcome"] for one in told["orders"]] == [
            "created", "repeated", "refused", "refused", "refused", "created", "refused",
        ]  # fmt: skip
        assert told["orders"][0]["number"] == "A-1"
        assert told["orders"][0]["state"] == "under_review"
        assert told["orders"][5]["state"] == "released"
        (problem,) = told["orders"][2]["problems"]
        assert problem.items() >= {
            "field": "lines[0].item", "value": "unheard-of", "problem": "there is no such item",
        }.items()  # fmt: skip
        assert await plant.rows("SELECT count(*) FROM orders") == [(3,)]
        events = await plant.rows("SELECT count(*) FROM audit_log WHERE action = 'OrderReceived'")
        assert events == [(3,)]

    async def test_many_at_once_are_all_there_with_their_events(self, plant: Plant) -> None:
        client = await plant.as_role(Role.SALES)
        wanted = [order(external_source="erp", external_id=str(one)) for one in range(300)]
        answers = await asyncio.gather(
            *(client.post("/v1/orders/batch", json={"orders": wanted}) for _ in range(3))
        )
        told = [answer.json() for answer in answers]
        assert sum(one["created"] for one in told) == 300
        assert sum(one["repeated"] for one in told) == 600
        records = await plant.rows(
            "SELECT count(*) FROM log_records WHERE topic = 'gemba.orders.v1'"
        )
        assert records[0][0] >= 300

    async def test_one_that_cannot_be_released_is_kept_and_says_why(self, plant: Plant) -> None:
        await plant.put("/v1/items/bought", {"name": "Not made here"})
        client = await plant.as_role(Role.SALES)
        wanted = [order(release=True, lines=[{"item": "bought", "quantity": 1}]), order()]
        told = (await client.post("/v1/orders/batch", json={"orders": wanted})).json()
        assert [one["outcome"] for one in told["orders"]] == ["created", "created"]
        assert "no routing" in told["orders"][0]["problems"][0]["problem"]
        assert told["orders"][0]["state"] == "under_review"


class TestChannels:
    async def put(self, plant: Plant, name: str = "shop", **body: Any) -> httpx.Response:
        client = await plant.as_role()
        return await client.put(f"/v1/channels/{name}", json={"format": "shopify", **body})

    async def test_a_secret_is_written_and_never_told(self, plant: Plant) -> None:
        made = await self.put(plant, site=SITE, customer="acme", secret=SECRET, priority=2)
        assert made.status_code == 200, made.text
        assert made.json()["has_secret"] is True
        client = await plant.as_role()
        for path in ("/v1/channels/shop", "/v1/channels"):
            assert SECRET not in (await client.get(path)).text
        ((sealed,),) = await plant.rows("SELECT sealed_secret FROM channels")
        assert SECRET.encode() not in bytes(sealed)
        audit = await plant.rows("SELECT after::text FROM audit_log WHERE action='ChannelChanged'")
        assert SECRET not in str(audit)
        again = await self.put(plant, site=SITE)
        assert again.json()["has_secret"] is True

    async def test_what_orders_came_in_by_is_not_deleted(self, plant: Plant) -> None:
        await self.put(plant, secret=SECRET)
        client = await plant.as_role()
        body = webhook()
        await plant.send(
            body, "shopify", client=plant.client(), channel="shop", headers=signed(body)
        )
        assert (await client.delete("/v1/channels/shop")).status_code == 409
        await self.put(plant, "unused")
        assert (await client.delete("/v1/channels/unused")).status_code == 204
        assert (await client.get("/v1/channels/unused")).status_code == 404

    async def test_names_that_do_not_exist_are_told(self, plant: Plant) -> None:
        for field in ("site", "customer", "mapping"):
            answer = await self.put(plant, **{field: "nowhere"})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == field
        told = await plant.send(b"{}", "shopify", channel="nowhere", status=404)
        assert "channel" in told["detail"]


class TestWebhooks:
    async def shop(self, plant: Plant, **body: Any) -> httpx.AsyncClient:
        wanted = {"format": "shopify", "site": SITE, "secret": SECRET, **body}
        await plant.put("/v1/channels/shop", wanted)
        return plant.client()

    async def test_a_signed_one_makes_an_order(self, plant: Plant) -> None:
        client = await self.shop(plant, customer="acme", priority=2)
        body = webhook()
        told = await plant.send(
            body, "shopify", client=client, channel="shop", headers=signed(body)
        )
        (taken,) = told["documents"]
        assert taken["outcome"] == "created"
        assert taken["source"] == "shopify:gemba-test.myshopify.com"
        assert (taken["number"], taken["customer"], taken["priority"]) == ("#1001", "acme", 2)
        (line,) = taken["lines"]
        assert (line["item"], line["quantity"], line["price"]) == ("bracket", 3, 19.9)
        again = await plant.send(
            body, "shopify", client=client, channel="shop", headers=signed(body)
        )
        assert outcomes(again) == ["repeated"]
        channel = await plant.rows(
            "SELECT c.name FROM orders o JOIN channels c ON c.id = o.channel_id"
        )
        assert channel == [("shop",)]

    async def test_out_of_order_the_newest_stays(self, plant: Plant) -> None:
        client = await self.shop(plant)
        newer, older = webhook(updated="2026-11-21T10:00:00+08:00"), webhook()
        for body, outcome in ((newer, "created"), (older, "outdated")):
            told = await plant.send(
                body, "shopify", client=client, channel="shop", headers=signed(body)
            )
            assert outcomes(told) == [outcome]

    async def test_a_signature_that_does_not_fit_opens_nothing(self, plant: Plant) -> None:
        client = await self.shop(plant)
        body = webhook()
        await plant.put("/v1/channels/bare", {"format": "shopify"})
        for channel, headers in (
            ("shop", signed(body, "another secret")),
            ("shop", signed(body + b" ")),
            ("shop", SHOP),
            ("bare", signed(body, "")),
            ("nowhere", signed(body)),
        ):
            await plant.send(
                body, "shopify", client=client, channel=channel, headers=headers, status=401
            )
        await plant.put("/v1/channels/shop", {"format": "shopify", "enabled": False})
        await plant.send(
            body, "shopify", client=client, channel="shop", headers=signed(body), status=401
        )
        await plant.send(body, "x12", client=client, headers=signed(body), status=401)
        assert await plant.rows("SELECT count(*) FROM orders") == [(0,)]

    async def test_who_guesses_is_slowed_down(self, plant: Plant) -> None:
        client = await self.shop(plant)
        body = webhook()
        codes = []
        for _ in range(25):
            answer = await client.post(
                "/v1/intake/shopify?channel=shop", content=body, headers=signed(body, "wrong one")
            )
            codes.append(answer.status_code)
        assert codes == [401] * 20 + [429] * 5

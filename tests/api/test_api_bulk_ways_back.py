"""What is done to many orders at once: a way back for priorities, a look ahead for cancelling."""

from __future__ import annotations

from typing import Any

import httpx
from api_client import SITE, Api
from test_api_order_desk_lists import acted, order

from domain.access import Role


async def preview(client: httpx.AsyncClient, **chosen: object) -> dict[str, Any]:
    answer = await client.post("/v1/orders/actions/cancel-preview", json=chosen)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


class TestPriority:
    async def test_it_tells_what_it_was_and_goes_back_where_nobody_changed_it_since(
        self, plant: httpx.AsyncClient
    ) -> None:
        for number, priority in (("A", 1), ("B", 3), ("C", 3)):
            await order(plant, number, quantity=ord(number), priority=priority)
        done = await acted(plant, {"do": "priority", "priority": 7}, "A", "B", "C")
        assert [one["was_priority"] for one in done["items"]] == [1, 3, 3]
        await acted(plant, {"do": "priority", "priority": 5}, "C")
        back = {"do": "priority", "priority": 3, "only_from": 7}
        undone = await acted(plant, back, "B", "C")
        assert [one["done"] for one in undone["items"]] == [True, False]
        refused = undone["items"][1]
        assert refused["code"] == "priority-changed"
        assert refused["params"] == {"order": "C", "priority": 5, "expected": 7}
        listed = (await plant.get("/v1/orders?sort=waiting")).json()["items"]
        assert [(one["number"], one["priority"]) for one in listed] == [
            ("A", 7), ("B", 3), ("C", 5),
        ]  # fmt: skip

    async def test_other_actions_tell_of_no_priority(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A")
        held = await acted(plant, {"do": "hold", "reason": "x"}, "A")
        assert held["items"][0]["was_priority"] is None


class TestCancelPreview:
    async def test_it_tells_what_the_floor_and_others_have_to_do_with_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number, release in (("A", False), ("B", True), ("C", True), ("D", True)):
            await order(plant, number, quantity=ord(number), release=release)
        await acted(plant, {"do": "cancel", "reason": "x"}, "D")
        ids = {
            one["number"]: one["id"] for one in (await plant.get("/v1/work-orders")).json()["items"]
        }
        of_c = (await plant.get("/v1/orders/C")).json()["lines"][0]["work_orders"][0]
        await api.rows(
            "UPDATE operations SET state = 'running', runs = 1, good_pieces = 9"
            " WHERE work_order_id = %s AND number = 20",
            ids[of_c],
        )
        chosen = ["A", "B", "C", "D", "nobody's"]
        shown = await preview(plant, numbers=chosen)
        assert (shown["orders"], shown["lines"], shown["customers"]) == (3, 3, 1)
        assert [(one["number"], one["code"]) for one in shown["refused"]] == [
            ("nobody's", "not-found"),
            ("D", "order-refused"),
        ]
        assert (shown["work_orders_removed"], shown["work_orders_reduced"]) == (1, 0)
        (begun,) = shown["begun"]
        assert (begun["work_order"], begun["orders"], begun["good_pieces"]) == (of_c, ["C"], 9)
        assert (begun["running"], begun["shared"]) == ("stop", False)
        # It was a look only; then what was told comes to pass.
        assert (await plant.get("/v1/orders/A")).json()["state"] == "received"
        done = await acted(plant, {"do": "cancel", "reason": "x"}, *chosen)
        assert done["done"] == shown["orders"]
        works = (await plant.get("/v1/work-orders")).json()["items"]
        assert {one["number"]: one["state"] for one in works}[of_c] == "running"
        assert (await preview(plant, numbers=chosen))["orders"] == 0

    async def test_work_that_others_wait_for_is_only_reduced(
        self, plant: httpx.AsyncClient
    ) -> None:
        for number in "AB":
            await order(plant, number, quantity=ord(number), release=True)
        works = [one["id"] for one in (await plant.get("/v1/work-orders")).json()["items"]]
        wish = {"action": "merge", "work_orders": works}
        told = (await plant.post("/v1/work-orders/preview", json={"wish": wish})).json()
        merged = await plant.post(
            "/v1/work-orders/apply", json={"wish": wish, "token": told["token"]}
        )
        assert merged.is_success, merged.text
        shown = await preview(plant, numbers=["A"])
        assert (shown["work_orders_removed"], shown["work_orders_reduced"]) == (0, 1)
        shown = await preview(plant, filter={"site": SITE})
        assert (shown["orders"], shown["work_orders_removed"]) == (2, 1)
        assert shown["work_orders_reduced"] == 0

    async def test_what_is_held_for_them_is_freed(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A", item="wire")
        receipt = {"site": SITE, "lines": [{"item": "wire", "location": "X", "quantity": 50}]}
        assert (await plant.post("/v1/stock/receipts", json=receipt)).is_success
        held = {"site": SITE, "item": "wire", "quantity": 5, "kind": "hard"}
        answer = await plant.post("/v1/reservations", json={**held, "order": "A", "line": 1})
        assert answer.is_success, answer.text
        assert (await preview(plant, numbers=["A"]))["reservations"] == 1

    async def test_others_sites_are_not_told_of(self, plant: httpx.AsyncClient, api: Api) -> None:
        await order(plant, "A")
        stranger = await api.as_role(Role.SALES, "plant-2")
        shown = await preview(stranger, numbers=["A"])
        assert (shown["orders"], [one["code"] for one in shown["refused"]]) == (0, ["not-found"])

"""Reservations, availability by date, purchases, promises, replenishment, over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from inventory_api import MACHINE, OTHER_MACHINE, OTHER_SITE, SITE, Stockroom


def at(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def purchase(room: Stockroom, item: str, quantity: float, days: float) -> dict[str, Any]:
    line = {"item": item, "quantity": quantity, "due_at": at(days)}
    found = await room.post("/v1/purchases", {"site": SITE, "lines": [line]})
    return dict(found)


class TestHard:
    async def test_what_lies_there_is_given_once(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        await room.reserve("wire", "6.5")
        answer = await room.reserve("wire", "3.6", status=409)
        assert answer["type"] == "urn:gemba:problem:not-available"
        assert answer["errors"][0]["problem"] == "3.5 can be promised"
        await room.reserve("wire", "3.5")
        sums = await room.sums("wire")
        assert (sums["hard_reserved"], sums["free"]) == (10, 0)

    async def test_the_same_reference_is_one_reservation(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        first = await room.reserve("wire", 6, reference="web-1")
        again = await room.reserve("wire", 6, reference="web-1", status=200)
        assert again["id"] == first["id"]
        await room.reserve("wire", 5, reference="web-1", status=409)
        assert (await room.sums("wire"))["hard_reserved"] == 6

    async def test_given_up_it_can_be_given_again(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        held = await room.reserve("wire", 10)
        path = f"/v1/reservations/{held['id']}"
        assert (await room.client.delete(path)).status_code == 204
        assert (await room.client.delete(path)).status_code == 409
        assert (await room.get(path))["state"] == "released"
        await room.reserve("wire", 10)

    async def test_it_expires_by_itself(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        held = await room.reserve("wire", 10, expires_at=at(-1))
        await room.reserve("wire", 10)
        assert (await room.get(f"/v1/reservations/{held['id']}"))["state"] == "expired"


class TestSoft:
    async def test_a_purchase_can_be_promised_from_its_date_on(self, room: Stockroom) -> None:
        bought = await purchase(room, "wire", 100, 10)
        refused = await room.reserve("wire", 50, kind="soft", need_at=at(5), status=409)
        assert "all of it is there on" in refused["detail"]
        held = await room.reserve("wire", 60, kind="soft", need_at=at(11))
        await room.reserve("wire", 41, kind="soft", need_at=at(20), status=409)
        answer = await room.client.post(f"/v1/reservations/{held['id']}/harden")
        assert answer.status_code == 409
        await room.receive("wire", 100, purchase=bought["number"])
        answer = await room.client.post(f"/v1/reservations/{held['id']}/harden")
        assert answer.json()["kind"] == "hard"
        await room.reserve("wire", 41, status=409)
        await room.reserve("wire", 40)

    async def test_stock_that_is_promised_for_later_is_not_given_away_today(
        self, room: Stockroom
    ) -> None:
        await room.receive("wire", 100)
        await room.reserve("wire", 80, kind="soft", need_at=at(30))
        await room.reserve("wire", 21, status=409)
        await purchase(room, "wire", 50, 20)
        await room.reserve("wire", 70)

    async def test_a_purchase_that_is_given_up_promises_nothing(self, room: Stockroom) -> None:
        bought = await purchase(room, "wire", 100, 10)
        await room.reserve("wire", 60, kind="soft", need_at=at(11))
        path = f"/v1/purchases/{bought['number']}"
        await room.post(f"{path}/cancel", {"reason": "too dear"}, 200)
        (found,) = (await room.get("/v1/availability", item="wire", site=SITE))["items"]
        assert found["steps"][-1]["projected"] == -60
        (short,) = (await room.get("/v1/shortages", item="wire"))["items"]
        assert (short["missing"], short["comes_at"]) == (60, None)
        await room.post(f"{path}/cancel", {"reason": "again"}, 409)

    async def test_availability_by_date(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        await purchase(room, "wire", 100, 10)
        await room.reserve("wire", 30, kind="soft", need_at=at(15))
        answer = await room.get("/v1/availability", item="wire", site=SITE, quantity=50, date=at(3))
        (found,) = answer["items"]
        assert (found["available"], found["enough"]) == (10, False)
        assert found["first_date"].startswith(at(10)[:10])
        assert [(s["supply"], s["demand"], s["projected"], s["available"])
                for s in found["steps"]] == [
            (0, 0, 10, 10), (100, 0, 110, 80), (0, 30, 80, 80),
        ]  # fmt: skip
        assert [source["kind"] for source in found["sources"]] == ["purchase"]

    async def test_a_purchase_changes(self, room: Stockroom) -> None:
        bought = await purchase(room, "wire", 100, 10)
        path = f"/v1/purchases/{bought['number']}"
        change = {"version": 1, "lines": [{"number": 1, "quantity": 40, "due_at": at(2)}]}
        answer = await room.client.patch(path, json=change)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["version"], answer.json()["lines"][0]["open"]) == (2, 40)
        assert (await room.client.patch(path, json=change)).status_code == 409
        await room.reserve("wire", 40, kind="soft", need_at=at(3))


async def bill(room: Stockroom, item: str, part: str, quantity: str) -> None:
    await room.api.rows(
        "INSERT INTO bills (item_id, version) SELECT id, '1' FROM items WHERE code = %s", item
    )
    await room.api.rows(
        "INSERT INTO bill_lines (bill_id, number, component_item_id, quantity_per)"
        " SELECT b.id, 1, c.id, %s::numeric FROM bills b JOIN items i ON i.id = b.item_id"
        " CROSS JOIN items c WHERE i.code = %s AND c.code = %s",
        quantity,
        item,
        part,
    )


async def buys(room: Stockroom, item: str, days: int, **rules: int) -> None:
    """A supplier brings an item within so many days."""
    await room.api.rows(
        "INSERT INTO suppliers (code, name, lead_days) VALUES ('steel', 'Steel Ltd', %s)"
        " ON CONFLICT (code) DO UPDATE SET lead_days = excluded.lead_days",
        days,
    )
    await room.api.rows(
        "INSERT INTO item_sites (item_id, site_id, source, supplier_id, min_stock, max_stock)"
        " SELECT i.id, s.id, 'buy', v.id, %s, %s FROM items i, sites s, suppliers v"
        " WHERE i.code = %s AND s.code = %s",
        rules.get("min_stock"),
        rules.get("max_stock"),
        item,
        SITE,
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def hours(promised: dict[str, Any]) -> float:
    took = datetime.fromisoformat(promised["promised_at"]) - datetime.fromisoformat(
        promised["as_of"]
    )
    return took.total_seconds() / 3600


class TestPromises:
    async def ask(self, room: Stockroom, item: str, quantity: float, **more: Any) -> dict[str, Any]:
        lines = [{"item": item, "quantity": quantity}]
        return dict(await room.post("/v1/promises", {"site": SITE, "lines": lines, **more}, 200))

    async def test_from_stock_at_once(self, room: Stockroom) -> None:
        await room.receive("bracket", 10)
        found = await self.ask(room, "bracket", 10)
        assert hours(found) == 0
        assert found["lines"][0]["from_stock"] == 10

    async def test_made_by_the_routing_behind_other_work(self, room: Stockroom) -> None:
        found = await self.ask(room, "bracket", 3600)
        # 1 h on the saw, then a set-up that overlaps it, then 2 h on the press.
        assert hours(found) == pytest.approx(3, abs=0.01)
        assert found["lines"][0]["bindings"][0]["kind"] == "work"
        lines = [{"item": "bracket", "quantity": 3600}]
        order = {"site": SITE, "customer": "acme", "lines": lines, "release": True}
        await room.post("/v1/orders", order)
        found = await self.ask(room, "bracket", 3600)
        assert hours(found) > 4
        binding = found["lines"][0]["bindings"][0]
        assert (binding["kind"], binding["what"]) in (
            ("machine", MACHINE),
            ("machine", OTHER_MACHINE),
        )
        assert "planned for other work until" in binding["reason"]

    async def test_material_that_has_to_be_bought_binds(self, room: Stockroom) -> None:
        await bill(room, "bracket", "screw", "4")
        await buys(room, "screw", 5)
        await room.receive("screw", 30)
        found = await self.ask(room, "bracket", 7)
        assert hours(found) < 1
        found = await self.ask(room, "bracket", 8)
        assert hours(found) == pytest.approx(120, abs=0.1)
        binding = found["lines"][0]["bindings"][0]
        assert (binding["kind"], binding["what"]) == ("material", "screw")
        await purchase(room, "screw", 100, 2)
        assert hours(await self.ask(room, "bracket", 8)) == pytest.approx(48, abs=0.1)

    async def test_lines_compete(self, room: Stockroom) -> None:
        await buys(room, "wire", 3)
        await room.receive("wire", 10)
        lines = [{"item": "wire", "quantity": 8, "due": at(1)}] * 2
        found = await room.post("/v1/promises", {"site": SITE, "lines": lines}, 200)
        assert [line["from_stock"] for line in found["lines"]] == [8, 2]
        assert [line["in_time"] for line in found["lines"]] == [True, False]
        assert found["in_time"] is False
        assert hours(found) == pytest.approx(72, abs=0.1)

    async def test_what_nobody_has_is_not_promised(self, room: Stockroom) -> None:
        found = await self.ask(room, "wire", 1)
        assert found["promised_at"] is None
        assert found["lines"][0]["bindings"][0]["kind"] == "unknown"

    async def test_it_can_be_held_and_expires(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        found = await self.ask(room, "wire", 8, hold_minutes=30, reference="Q-1")
        (held,) = found["reservations"]
        assert (held["kind"], held["origin"], held["quantity"]) == ("soft", "promise", 8)
        await room.reserve("wire", 3, status=409)
        await room.api.rows("UPDATE reservations SET expires_at = now()")
        await room.reserve("wire", 10)

    async def test_an_order_takes_over_what_was_held_for_it(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        (held,) = (await self.ask(room, "wire", 8, hold_minutes=30))["reservations"]
        order = await room.post("/v1/orders", _order("wire", 8, [held["id"]]))
        (kept,) = (await room.get("/v1/reservations", order=order["number"]))["items"]
        assert (kept["id"], kept["state"], kept["expires_at"]) == (held["id"], "open", None)
        assert (await room.sums("wire"))["soft_reserved"] == 8
        await room.reserve("wire", 3, status=409)
        # Whoever is late is told what it is, and nothing is stored.
        again = await room.post("/v1/orders", _order("wire", 8, [held["id"]]), 409)
        assert again["code"] == "reservation-of-another"
        assert (await room.get("/v1/orders"))["total"] == 1
        await room.post(f"/v1/orders/{order['number']}/cancel", {"reason": "x"}, 200)
        assert (await room.sums("wire"))["soft_reserved"] == 0
        assert await room.api.imbalances() == []

    async def test_the_date_that_was_held_is_what_the_order_was_promised(
        self, room: Stockroom
    ) -> None:
        await purchase(room, "wire", 100, 5)
        first = await self.ask(room, "wire", 8, hold_minutes=30)
        (held,) = first["reservations"]
        number = (await room.post("/v1/orders", _order("wire", 8, [held["id"]])))["number"]
        (line,) = (await room.get(f"/v1/orders/{number}"))["lines"]
        assert moment(line["promised"]) == moment(first["promised_at"])
        # Who wants it later was promised it then; another date is a question of its own.
        (held,) = (await self.ask(room, "wire", 8, hold_minutes=30))["reservations"]
        later = _order("wire", 8, [held["id"]])
        later["lines"][0]["due_at"] = at(20)
        order = await room.post("/v1/orders", later)
        (line,) = (await room.get(f"/v1/orders/{order['number']}"))["lines"]
        assert moment(line["promised"]) == moment(later["lines"][0]["due_at"])
        for change, promised in (({"quantity": 6}, True), ({"due_at": at(25)}, False)):
            version = (await room.get(f"/v1/orders/{order['number']}"))["version"]
            wish = {"version": version, "lines": [{"number": 1, **change}]}
            answer = await room.client.patch(f"/v1/orders/{order['number']}", json=wish)
            assert answer.is_success, answer.text
            assert (answer.json()["lines"][0]["promised"] is not None) == promised

    async def test_what_was_reserved_for_nobody_is_no_promise(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        held = await room.reserve("wire", 8, kind="soft")
        number = (await room.post("/v1/orders", _order("wire", 8, [held["id"]])))["number"]
        (line,) = (await room.get(f"/v1/orders/{number}"))["lines"]
        assert line["promised"] is None

    async def test_what_is_held_fits_a_line_and_is_held_still(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        (held,) = (await self.ask(room, "wire", 8, hold_minutes=30))["reservations"]
        beyond = await room.post("/v1/orders", _order("wire", 7, [held["id"]]), 422)
        assert beyond["code"] == "reservation-beyond"
        await room.post("/v1/orders", _order("bracket", 8, [held["id"]]), 422)
        await room.post("/v1/orders", _order("wire", 8, [held["id"] + 1]), 404)
        batch = {"orders": [_order("wire", 8, [held["id"]]), _order("wire", 1, None)]}
        outcomes = (await room.post("/v1/orders/batch", batch, 200))["orders"]
        assert [one["outcome"] for one in outcomes] == ["refused", "created"]
        await room.api.rows("UPDATE reservations SET expires_at = now()")
        late = await room.post("/v1/orders", _order("wire", 8, [held["id"]]), 409)
        assert late["code"] == "reservation-closed"
        assert (await room.get("/v1/orders"))["total"] == 1
        assert await room.api.imbalances() == []

    async def test_the_site_that_has_it_first_answers(self, room: Stockroom) -> None:
        lines = [{"item": "bracket", "quantity": 5}]
        await room.post("/v1/stock/receipts", {"site": OTHER_SITE, "lines": lines})
        found = await room.post("/v1/promises", {"lines": lines}, 200)
        assert found["site"] == OTHER_SITE
        assert set(found["elsewhere"]) == {SITE}


def _order(item: str, quantity: float, reservations: list[int] | None) -> dict[str, Any]:
    held = {} if reservations is None else {"reservations": reservations}
    return {
        "site": SITE,
        "customer": "acme",
        "lines": [{"item": item, "quantity": quantity}],
        **held,
    }


class TestReplenishment:
    async def test_a_purchase_is_proposed_and_made(self, room: Stockroom) -> None:
        await buys(room, "wire", 5, min_stock=20, max_stock=100)
        await room.receive("wire", 15)
        (found,) = (await room.post("/v1/replenishment", {}, 200))["items"]
        assert (found["kind"], found["quantity"], found["supplier"]) == ("purchase", 85, "steel")
        because = found["because"]
        assert (because["code"], because["limit"]) == ("below_minimum", 20)
        assert (because["left"], because["lowest"]) == (15, 15)
        assert "15 are left on" in found["reason"]
        assert "below the minimum of 20" in found["reason"]
        again = await room.post("/v1/replenishment", {"site": SITE}, 200)
        assert [one["id"] for one in again["items"]] == [found["id"]]
        path = f"/v1/replenishment/{found['id']}"
        accepted = await room.post(f"{path}/accept", {})
        bought = await room.get(f"/v1/purchases/{accepted['purchase']}")
        assert (bought["supplier"], bought["lines"][0]["quantity"]) == ("steel", 85)
        await room.post(f"{path}/accept", {}, 409)
        assert (await room.post("/v1/replenishment", {}, 200))["items"] == []

    async def test_what_is_made_becomes_a_work_order(self, room: Stockroom) -> None:
        await room.api.rows(
            "INSERT INTO item_sites (item_id, site_id, source, min_stock)"
            " SELECT i.id, s.id, 'make', 10 FROM items i, sites s"
            " WHERE i.code = 'bracket' AND s.code = %s",
            SITE,
        )
        (found,) = (await room.post("/v1/replenishment", {}, 200))["items"]
        accepted = await room.post(f"/v1/replenishment/{found['id']}/accept", {"quantity": 12})
        (work,) = (await room.get("/v1/work-orders", site=SITE))["items"]
        assert (work["number"], work["quantity_ordered"]) == (accepted["work_order"], 12)
        (there,) = (await room.get("/v1/availability", item="bracket", site=SITE))["items"]
        assert [source["kind"] for source in there["sources"]] == ["work_order"]
        # What is on its way is not proposed again, and comes when its due date says.
        assert (await room.post("/v1/replenishment", {}, 200))["total"] == 0

    async def test_it_can_be_left(self, room: Stockroom) -> None:
        await buys(room, "wire", 5, min_stock=20)
        (found,) = (await room.post("/v1/replenishment", {}, 200))["items"]
        path = f"/v1/replenishment/{found['id']}/dismiss"
        # What an earlier release proposed says why in words only.
        await room.api.rows("UPDATE replenishment_proposals SET reason = 'too little is left'")
        (told,) = (await room.get("/v1/replenishment"))["items"]
        assert (told["reason"], told["because"]) == ("too little is left", None)
        assert (await room.post(path, {"reason": "phased out"}, 200))["state"] == "dismissed"
        await room.post(path, {}, 409)

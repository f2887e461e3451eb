"""Expiry, units, pegs on goods, what machines measured: stock beyond plain postings."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from inventory_api import SITE, Stockroom

from store.inventory.expiring import expire_due

ZONE = ZoneInfo("Asia/Shanghai")


def today() -> date:
    return datetime.now(ZONE).date()


def day(offset: int) -> str:
    return (today() + timedelta(days=offset)).isoformat()


class TestExpiry:
    async def test_the_last_day_counts_in_the_plants_own_zone(self, room: Stockroom) -> None:
        await room.receive("screw", 10, lot="OLD", expires_on=day(-1))
        await room.receive("screw", 7, lot="LAST", expires_on=day(0))
        sums = await room.sums("screw")
        assert (sums["available"], sums["expired"], sums["free"]) == (7, 10, 7)
        assert await room.lots("screw") == [
            ("MAIN", "LAST", "available", 7),
            ("MAIN", "OLD", "expired", 10),
        ]
        listed = await room.client.get("/v1/stock?item=screw&status=expired")
        assert [lot["lot"] for lot in listed.json()["items"]] == ["OLD"]

    async def test_nobody_is_promised_what_is_past_its_day(self, room: Stockroom) -> None:
        await room.receive("screw", 10, expires_on=day(-1))
        availability = await room.get("/v1/availability", item="screw", site=SITE)
        assert availability["items"][0]["available"] == 0
        await room.reserve("screw", 1, status=409)
        await room.reserve("screw", 1, kind="soft", status=409)
        wanted = {"site": SITE, "lines": [{"item": "screw", "quantity": 1}]}
        promise = await room.post("/v1/promises", wanted, 200)
        assert (promise["lines"][0]["from_stock"], promise["promised_at"]) == (0, None)
        issue = {"site": SITE, "lines": [{"item": "screw", "quantity": 1}]}
        await room.post("/v1/stock/issues", issue, 409)

    async def test_it_is_booked_once_and_what_was_reserved_lacks_it(self, room: Stockroom) -> None:
        await room.receive("screw", 10, lot="A", expires_on=day(0))
        await room.reserve("screw", 6)
        await room.api.rows("UPDATE stock_lots SET expires_on = %s", today() - timedelta(days=3))
        await room.api.rows("UPDATE stock_heads SET expires_at = now() - interval '3 days'")
        async with room.api.context.transaction() as connection:
            assert await expire_due(connection, now=datetime.now(ZONE)) == 1
            assert await expire_due(connection, now=datetime.now(ZONE)) == 0
        sums = await room.sums("screw")
        assert (sums["available"], sums["expired"], sums["uncovered"]) == (0, 10, 6)
        assert await room.ledger("screw") == [
            ("receipt", "supplier", "stock", 10),
            ("status", "stock", "stock", 10),
        ]
        rows = await room.api.rows("SELECT actor, reason FROM stock_postings ORDER BY id DESC")
        assert rows[0] == ("calendar", f"its last day was {today() - timedelta(days=3)}")

    async def test_an_issue_takes_what_expires_first_but_nothing_expired(
        self, room: Stockroom
    ) -> None:
        await room.receive("screw", 5, lot="OLD", expires_on=day(-2))
        await room.receive("screw", 5, lot="LATE", expires_on=day(9))
        await room.receive("screw", 5, lot="SOON", expires_on=day(2))
        issue = {"site": SITE, "lines": [{"item": "screw", "quantity": 6}]}
        await room.post("/v1/stock/issues", issue)
        assert await room.lots("screw") == [
            ("MAIN", "LATE", "available", 4),
            ("MAIN", "OLD", "expired", 5),
        ]

    async def test_somebody_who_looked_may_say_a_later_day(self, room: Stockroom) -> None:
        await room.receive("screw", 5, lot="OLD", expires_on=day(-2))
        line = {
            "item": "screw",
            "lot": "OLD",
            "quantity": 5,
            "from_status": "expired",
            "to_status": "available",
        }
        body = {"site": SITE, "reason": "tested", "lines": [line]}
        problem = await room.post("/v1/stock/statuses", body, 409)
        assert f"its last day was {day(-2)}; say with 'expires_on'" in problem["detail"]
        line["expires_on"] = day(30)
        await room.post("/v1/stock/statuses", body)
        assert await room.lots("screw") == [("MAIN", "OLD", "available", 5)]
        assert (await room.sums("screw"))["free"] == 5

    async def test_a_site_that_moves_to_another_zone_expires_by_that(self, room: Stockroom) -> None:
        await room.receive("screw", 5, expires_on=day(0))
        ((before,),) = await room.api.rows("SELECT expires_at FROM stock_heads")
        await room.api.rows("UPDATE sites SET time_zone = 'UTC' WHERE code = %s", SITE)
        ((after,),) = await room.api.rows("SELECT expires_at FROM stock_heads")
        assert after - before == timedelta(hours=8)


class TestUnits:
    async def test_quantities_convert_exactly_wherever_goods_are_booked(
        self, room: Stockroom
    ) -> None:
        await room.receive("wire", "1.5", unit="km")
        assert (await room.sums("wire"))["available"] == 1500
        lines = [{"item": "wire", "quantity": 250, "unit": "cm"}]
        await room.post("/v1/stock/issues", {"site": SITE, "lines": lines})
        adjustment = {"item": "wire", "quantity": "-0.5", "unit": "MTR"}
        body = {"site": SITE, "reason": "cut off", "lines": [adjustment]}
        await room.post("/v1/stock/adjustments", body)
        assert (await room.sums("wire"))["available"] == 1497
        reserved = await room.reserve("wire", "0.4", unit="km")
        assert (reserved["quantity"], reserved["unit"]) == (400, "m")
        soft = await room.reserve("wire", 10, unit="yd", kind="soft")
        assert soft["quantity"] == 9.144
        line = {"item": "wire", "quantity": 2, "unit": "km", "due_at": "2027-01-01T00:00:00Z"}
        purchase = await room.post("/v1/purchases", {"site": SITE, "lines": [line]})
        assert (purchase["lines"][0]["quantity"], purchase["lines"][0]["unit"]) == (2000, "m")
        asked = {"site": SITE, "lines": [{"item": "wire", "quantity": "0.1", "unit": "km"}]}
        promise = await room.post("/v1/promises", asked, 200)
        assert (promise["lines"][0]["quantity"], promise["lines"][0]["unit"]) == (100, "m")
        counted = {"item": "wire", "quantity": "1.4970", "unit": "km"}
        count = await room.post("/v1/stock/counts", {"site": SITE, "lines": [counted]})
        assert (count["state"], count["lines"][0]["counted"]) == ("applied", 1497)

    async def test_what_does_not_convert_is_refused_and_says_so(self, room: Stockroom) -> None:
        for unit, told in (("kg", "nobody knows"), ("box", "nobody knows")):
            lines = [{"item": "wire", "quantity": 1, "unit": unit}]
            problem = await room.post("/v1/stock/receipts", {"site": SITE, "lines": lines}, 422)
            (error,) = problem["errors"]
            assert (error["field"], error["value"]) == ("lines[0].unit", unit)
            assert told in error["problem"]
            assert "'m'" in error["problem"]
        lines = [{"item": "wire", "quantity": "0.000001", "unit": "in"}]
        problem = await room.post("/v1/stock/receipts", {"site": SITE, "lines": lines}, 422)
        assert "no exact number" in problem["errors"][0]["problem"]
        await room.reserve("screw", 1, unit="m", status=422)
        assert await room.sums("wire") == {}


async def ordered(room: Stockroom, quantity: float, item: str = "bracket") -> dict[str, Any]:
    body = {
        "site": SITE,
        "customer": "acme",
        "lines": [{"item": item, "quantity": quantity, "due_at": "2027-01-05T08:00:00Z"}],
    }
    order: dict[str, Any] = await room.post("/v1/orders", body)
    return order


async def pegged(room: Stockroom) -> list[tuple[Any, ...]]:
    """(order, what it is pegged to, quantity, made)."""
    return await room.api.rows(
        """
        SELECT o.number, CASE WHEN p.work_order_id IS NOT NULL THEN 'work'
                              WHEN p.stock_lot_id IS NOT NULL THEN 'lot ' || b.lot
                              ELSE 'purchase' END, p.quantity::float8, p.made::float8
        FROM pegs p JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id
        LEFT JOIN stock_lots b ON b.id = p.stock_lot_id ORDER BY 1, 2
        """
    )


async def made_to_stock(room: Stockroom) -> None:
    path = f"/v1/sites/{SITE}/work-order-policy"
    answer = await room.client.put(path, json={"from_stock": True})
    assert answer.status_code == 200, answer.text


class TestReleaseFromStock:
    async def test_by_default_all_of_it_is_made(self, room: Stockroom) -> None:
        await room.receive("bracket", 30)
        order = await ordered(room, 50)
        await room.post(f"/v1/orders/{order['number']}/release", {}, 200)
        assert await pegged(room) == [(order["number"], "work", 50, 0)]
        assert (await room.sums("bracket"))["free"] == 30

    async def test_what_lies_free_is_taken_first_and_the_rest_is_made(
        self, room: Stockroom
    ) -> None:
        await made_to_stock(room)
        await room.receive("bracket", 20, lot="A")
        await room.receive("bracket", 10, lot="B")
        await room.reserve("bracket", 5)
        order = await ordered(room, 50)
        released = await room.post(f"/v1/orders/{order['number']}/release", {}, 200)
        assert [work["quantity"] for work in released["pegs"]] == [25]
        assert await pegged(room) == [
            (order["number"], "lot A", 20, 0),
            (order["number"], "lot B", 5, 0),
            (order["number"], "work", 25, 0),
        ]
        sums = await room.sums("bracket")
        assert (sums["available"], sums["hard_reserved"], sums["free"]) == (30, 30, 0)
        held = await room.get("/v1/reservations", origin="peg")
        assert [(row["quantity"], row["kind"], row["order"]) for row in held["items"]] == [
            (25, "hard", order["number"])
        ]

    async def test_an_order_that_stock_covers_makes_no_work(self, room: Stockroom) -> None:
        await made_to_stock(room)
        await room.receive("screw", 100)
        order = await ordered(room, 40, item="screw")  # nobody makes screws here
        released = await room.post(f"/v1/orders/{order['number']}/release", {}, 200)
        assert released["pegs"] == []
        assert await room.api.rows("SELECT count(*) FROM work_orders") == [(0,)]
        lines = [{"item": "screw", "quantity": 15, "order": order["number"]}]
        await room.post("/v1/stock/issues", {"site": SITE, "lines": lines})
        assert await pegged(room) == [(order["number"], "lot ", 40, 15)]
        cancelled = f"/v1/orders/{order['number']}/cancel"
        await room.post(cancelled, {"reason": "enough"}, 200)
        assert await pegged(room) == [(order["number"], "lot ", 15, 15)]
        assert (await room.sums("screw"))["free"] == 85

    async def test_less_gives_stock_back_and_shrinks_what_people_reserved(
        self, room: Stockroom
    ) -> None:
        await made_to_stock(room)
        await room.receive("screw", 100)
        order = await ordered(room, 40, item="screw")
        number = order["number"]
        await room.post(f"/v1/orders/{number}/release", {}, 200)
        change = {"version": 2, "lines": [{"number": 1, "quantity": 12}], "reason": "less"}
        answer = await room.client.patch(f"/v1/orders/{number}", json=change)
        assert answer.status_code == 200, answer.text
        assert await pegged(room) == [(number, "lot ", 12, 0)]
        assert (await room.sums("screw"))["hard_reserved"] == 12

        other = await ordered(room, 40, item="screw")
        await room.reserve("screw", 10, order=other["number"])
        await room.reserve("screw", 30, order=other["number"], kind="soft")
        change = {"version": 1, "lines": [{"number": 1, "quantity": 15}], "reason": "less"}
        answer = await room.client.patch(f"/v1/orders/{other['number']}", json=change)
        assert answer.status_code == 200, answer.text
        held = await room.get("/v1/reservations", order=other["number"], state="open")
        assert sorted((row["kind"], row["quantity"]) for row in held["items"]) == [
            ("hard", 10),
            ("soft", 5),
        ]

    async def test_what_was_reserved_for_a_line_becomes_its_peg(self, room: Stockroom) -> None:
        await made_to_stock(room)
        await room.receive("screw", 40)
        order = await ordered(room, 40, item="screw")
        await room.reserve("screw", 40, order=order["number"])
        await room.post(f"/v1/orders/{order['number']}/release", {}, 200)
        assert await pegged(room) == [(order["number"], "lot ", 40, 0)]
        assert (await room.sums("screw"))["hard_reserved"] == 40

    async def test_pegs_go_along_when_goods_are_moved(self, room: Stockroom) -> None:
        await made_to_stock(room)
        await room.receive("screw", 40, lot="A")
        order = await ordered(room, 30, item="screw")
        await room.post(f"/v1/orders/{order['number']}/release", {}, 200)
        lines = [{"item": "screw", "quantity": 25, "to_location": "B-2"}]
        await room.post("/v1/stock/transfers", {"site": SITE, "lines": lines})
        rows = await room.api.rows(
            "SELECT c.code, p.quantity::float8 FROM pegs p JOIN stock_lots b"
            " ON b.id = p.stock_lot_id JOIN locations c ON c.id = b.location_id ORDER BY 1"
        )
        assert rows == [("B-2", 15), ("MAIN", 15)]


class TestMoves:
    async def previewed(self, room: Stockroom, wish: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = await room.post("/v1/work-orders/preview", {"wish": wish}, 200)
        return found

    async def apply(self, room: Stockroom, wish: dict[str, Any], status: int = 200) -> Any:
        token = (await self.previewed(room, wish))["token"]
        body = {"wish": wish, "token": token}
        return await room.post("/v1/work-orders/apply", body, status)

    async def test_a_line_moves_from_work_to_a_lot_and_back(self, room: Stockroom) -> None:
        await room.receive("bracket", 20, lot="A")
        order = await ordered(room, 50)
        number = order["number"]
        await room.post(f"/v1/orders/{number}/release", {}, 200)
        ((work,),) = await room.api.rows("SELECT id FROM work_orders")
        (lot,) = (await room.get("/v1/stock", item="bracket"))["items"]
        wish = {
            "action": "move",
            "demand": {"order": number, "line": 1},
            "quantity": 12,
            "source": work,
            "target": {"lot": lot["id"]},
        }
        preview = await self.previewed(room, wish)
        (goods,) = preview["goods"]
        assert (goods["free_before"], goods["free_after"], goods["name"]) == (20, 8, "A @ MAIN")
        assert [line["quantity"] for line in goods["lines"]] == [12]
        done = await self.apply(room, wish)
        assert await pegged(room) == [(number, "lot A", 12, 0), (number, "work", 38, 0)]
        assert (await room.sums("bracket"))["hard_reserved"] == 12
        await room.post(f"/v1/rearrangements/{done['id']}/undo", {}, 200)
        assert await pegged(room) == [(number, "work", 50, 0)]
        assert (await room.sums("bracket"))["hard_reserved"] == 0

    async def test_no_more_than_lies_free_and_of_the_same_item(self, room: Stockroom) -> None:
        await room.receive("bracket", 20, lot="A")
        await room.receive("screw", 20, lot="S")
        await room.reserve("bracket", 15)
        order = await ordered(room, 50)
        demand = {"order": order["number"], "line": 1}
        lots = {lot["lot"]: lot["id"] for lot in (await room.get("/v1/stock"))["items"]}
        wish = {"action": "move", "demand": demand, "target": {"lot": lots["A"]}, "quantity": 6}
        problem = await room.post("/v1/work-orders/preview", {"wish": wish}, 409)
        assert "stock lot 'A @ MAIN' has 5 to spare, not 6" in problem["detail"]
        wish["target"] = {"lot": lots["S"]}
        problem = await room.post("/v1/work-orders/preview", {"wish": wish}, 409)
        assert "wants 'bracket', not 'screw'" in problem["detail"]

    async def test_who_comes_second_previews_again(self, room: Stockroom) -> None:
        await room.receive("bracket", 20, lot="A")
        order = await ordered(room, 50)
        (lot,) = (await room.get("/v1/stock", item="bracket"))["items"]
        wish = {
            "action": "move",
            "demand": {"order": order["number"], "line": 1},
            "target": {"lot": lot["id"]},
            "quantity": 6,
        }
        token = (await self.previewed(room, wish))["token"]
        await room.reserve("bracket", 1)
        await room.post("/v1/work-orders/apply", {"wish": wish, "token": token}, 409)
        assert await pegged(room) == []

    async def test_a_purchase_that_comes_is_held_for_whom_it_was_bought(
        self, room: Stockroom
    ) -> None:
        line = {"item": "screw", "quantity": 30, "due_at": "2027-01-01T00:00:00Z"}
        body = {"site": SITE, "number": "PO-7", "lines": [line]}
        await room.post("/v1/purchases", body)
        order = await ordered(room, 20, item="screw")
        wish = {
            "action": "move",
            "demand": {"order": order["number"], "line": 1},
            "target": {"purchase": "PO-7"},
            "quantity": 20,
        }
        await self.apply(room, wish)
        availability = await room.get("/v1/availability", item="screw", site=SITE)
        assert availability["items"][0]["steps"][-1]["available"] == 10
        await room.receive("screw", 12, purchase="PO-7", lot="P")
        assert await pegged(room) == [
            (order["number"], "lot P", 12, 0),
            (order["number"], "purchase", 8, 0),
        ]
        sums = await room.sums("screw")
        assert (sums["available"], sums["hard_reserved"]) == (12, 12)
        await room.post("/v1/purchases/PO-7/cancel", {"reason": "bankrupt"}, 200)
        assert await pegged(room) == [(order["number"], "lot P", 12, 0)]

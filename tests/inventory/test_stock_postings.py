"""What people book: receipts, issues, adjustments, transfers, statuses, counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from inventory_api import MACHINE, OTHER_SITE, SITE, Stockroom

from domain.access import Role


class TestReceipts:
    async def test_what_comes_in_lies_where_it_was_put(self, room: Stockroom) -> None:
        booked = await room.receive("wire", 12.5, location="A-1", lot="L1")
        assert booked["kind"] == "receipt"
        assert [
            (m["from_account"], m["to_account"], m["to_location"], m["to_lot"], m["to_left"])
            for m in booked["movements"]
        ] == [("supplier", "stock", "A-1", "L1", 12.5)]
        await room.receive("wire", "0.000001")
        assert await room.lots("wire") == [
            ("A-1", "L1", "available", 12.5),
            ("MAIN", "", "available", 0.000001),
        ]
        assert (await room.sums("wire"))["available"] == 12.500001

    async def test_the_same_reference_is_booked_once(self, room: Stockroom) -> None:
        body = {
            "site": SITE,
            "reference": "GR-1",
            "lines": [{"item": "screw", "quantity": 10}],
        }
        first = await room.post("/v1/stock/receipts", body)
        assert await room.post("/v1/stock/receipts", body, 200) == first
        other = {**body, "lines": [{"item": "screw", "quantity": 11}]}
        await room.post("/v1/stock/receipts", other, 409)
        assert (await room.sums("screw"))["available"] == 10

    async def test_goods_of_a_purchase_fill_its_lines_by_date(self, room: Stockroom) -> None:
        purchase = await room.post(
            "/v1/purchases",
            {
                "site": SITE,
                "lines": [
                    {"item": "screw", "quantity": 50, "due_at": "2027-02-01T00:00:00Z"},
                    {"item": "screw", "quantity": 30, "due_at": "2027-01-01T00:00:00Z"},
                ],
            },
        )
        number = purchase["number"]
        assert (await room.sums("screw"))["incoming"] == 80
        await room.receive("screw", 40, purchase=number)
        found = await room.get(f"/v1/purchases/{number}")
        assert [(line["received"], line["open"]) for line in found["lines"]] == [(10, 40), (30, 0)]
        await room.receive("screw", 45, purchase=number)
        found = await room.get(f"/v1/purchases/{number}")
        assert found["state"] == "received"
        assert [line["received"] for line in found["lines"]] == [55, 30]
        answer = await room.client.post(
            "/v1/stock/receipts",
            json={
                "site": SITE,
                "lines": [{"item": "wire", "quantity": 1, "purchase": number}],
            },
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "lines[0].purchase"

    async def test_what_waits_for_inspection_is_promised_to_nobody(self, room: Stockroom) -> None:
        await room.receive("screw", 10, status="quality")
        sums = await room.sums("screw")
        assert (sums["available"], sums["quality"]) == (0, 10)
        await room.reserve("screw", 1, status=409)
        line = {
            "item": "screw",
            "quantity": 4,
            "from_status": "quality",
            "to_status": "available",
        }
        await room.post("/v1/stock/statuses", {"site": SITE, "lines": [line]})
        await room.reserve("screw", 4)
        line |= {"quantity": 7}
        await room.post("/v1/stock/statuses", {"site": SITE, "lines": [line]}, 409)

    @pytest.mark.parametrize(
        ("line", "field"),
        [
            ({"item": "nothing", "quantity": 1}, "lines[0].item"),
            ({"item": "wire", "quantity": 1, "unit": "kg"}, "lines[0].unit"),
            ({"item": "wire", "quantity": 0}, "lines[0].quantity"),
            ({"item": "wire", "quantity": True}, "lines[0].quantity"),
            ({"item": "wire", "quantity": "0.0000001"}, "lines[0].quantity"),
        ],
    )
    async def test_a_wrong_line_books_nothing(
        self, room: Stockroom, line: dict[str, object], field: str
    ) -> None:
        answer = await room.client.post("/v1/stock/receipts", json={"site": SITE, "lines": [line]})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert (await room.get("/v1/stock/movements"))["total"] == 0


class TestIssues:
    async def test_what_expires_first_goes_first(self, room: Stockroom) -> None:
        await room.receive("wire", 10, lot="old")
        await room.receive("wire", 10, lot="late", expires_on="2027-06-01")
        await room.receive("wire", 10, lot="soon", expires_on="2027-01-01")
        await room.post(
            "/v1/stock/issues", {"site": SITE, "lines": [{"item": "wire", "quantity": 25}]}
        )
        assert await room.lots("wire") == [("MAIN", "old", "available", 5)]

    async def test_what_others_reserved_stays(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        await room.reserve("wire", 8)
        body = {"site": SITE, "lines": [{"item": "wire", "quantity": 3}]}
        await room.post("/v1/stock/issues", body, 409)
        body = {"site": SITE, "lines": [{"item": "wire", "quantity": 2}]}
        await room.post("/v1/stock/issues", body)
        assert (await room.sums("wire"))["free"] == 0

    async def test_an_order_uses_up_its_own_reservation(self, room: Stockroom) -> None:
        lines = [{"item": "wire", "quantity": 8}]
        order = await room.post("/v1/orders", {"site": SITE, "customer": "acme", "lines": lines})
        await room.receive("wire", 10)
        held = await room.reserve("wire", 8, order=order["number"], line=1)
        line = {"item": "wire", "quantity": 5, "order": order["number"]}
        await room.post("/v1/stock/issues", {"site": SITE, "lines": [line]})
        found = await room.get(f"/v1/reservations/{held['id']}")
        assert (found["state"], found["consumed"]) == ("open", 5)
        line |= {"quantity": 3}
        await room.post("/v1/stock/issues", {"site": SITE, "lines": [line]})
        found = await room.get(f"/v1/reservations/{held['id']}")
        assert (found["state"], found["consumed"]) == ("consumed", 8)
        sums = await room.sums("wire")
        assert (sums["available"], sums["hard_reserved"]) == (2, 0)

    async def test_a_lot_that_is_named_is_taken_alone(self, room: Stockroom) -> None:
        await room.receive("wire", 10, lot="a")
        await room.receive("wire", 10, lot="b")
        line = {"item": "wire", "quantity": 11, "lot": "b"}
        await room.post("/v1/stock/issues", {"site": SITE, "lines": [line]}, 409)
        line = {"item": "wire", "quantity": 10, "lot": "b"}
        await room.post("/v1/stock/issues", {"site": SITE, "lines": [line]})
        assert await room.lots("wire") == [("MAIN", "a", "available", 10)]


class TestOther:
    async def test_an_adjustment_tells_why(self, room: Stockroom) -> None:
        await room.receive("screw", 10)
        body = {
            "site": SITE,
            "reason": "a box fell down",
            "lines": [{"item": "screw", "quantity": -4}],
        }
        booked = await room.post("/v1/stock/adjustments", body)
        assert booked["movements"][0]["reason"] == "a box fell down"
        assert await room.ledger("screw") == [
            ("receipt", "supplier", "stock", 10),
            ("adjustment", "stock", "difference", 4),
        ]
        body["lines"] = [{"item": "screw", "quantity": -7}]
        await room.post("/v1/stock/adjustments", body, 409)

    async def test_reserved_goods_that_were_lost_are_seen(self, room: Stockroom) -> None:
        await room.receive("screw", 10)
        await room.reserve("screw", 8)
        lines = [{"item": "screw", "quantity": -5}]
        await room.post("/v1/stock/adjustments", {"site": SITE, "reason": "lost", "lines": lines})
        sums = await room.sums("screw")
        assert (sums["uncovered"], sums["free"]) == (3, -3)
        await room.reserve("screw", 1, status=409)
        await room.receive("screw", 4)
        assert (await room.sums("screw"))["uncovered"] == 0
        await room.reserve("screw", 1)

    async def test_a_transfer_keeps_lot_and_dates(self, room: Stockroom) -> None:
        await room.receive("wire", 10, lot="L1", location="A", expires_on="2027-01-01")
        line = {"item": "wire", "quantity": 4, "location": "A", "to_location": "B"}
        await room.post("/v1/stock/transfers", {"site": SITE, "lines": [line]})
        assert await room.lots("wire") == [
            ("A", "L1", "available", 6),
            ("B", "L1", "available", 4),
        ]
        body = {"site": SITE, "to_site": OTHER_SITE, "lines": [{**line, "to_location": "C"}]}
        await room.post("/v1/stock/transfers", body)
        assert (await room.sums("wire"))["available"] == 6
        assert (await room.sums("wire", OTHER_SITE))["available"] == 4
        (there,) = (await room.get("/v1/stock", item="wire", site=OTHER_SITE))["items"]
        assert (there["location"], there["lot"], there["expires_on"]) == ("C", "L1", "2027-01-01")
        await room.post("/v1/stock/transfers", body, 409)

    async def test_stock_as_it_stood(self, room: Stockroom) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        for days, quantity in ((10, 100), (5, 20)):
            at = (now - timedelta(days=days)).isoformat()
            lines = [{"item": "wire", "quantity": quantity}]
            await room.post("/v1/stock/receipts", {"site": SITE, "occurred_at": at, "lines": lines})
        for days, expected in ((11, []), (7, [100]), (1, [120])):
            as_of = (now - timedelta(days=days)).isoformat()
            found = await room.get("/v1/stock", item="wire", as_of=as_of)
            assert [lot["quantity"] for lot in found["items"]] == expected

    async def test_the_ledger_cannot_be_changed(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        for statement in (
            "UPDATE stock_ledger SET site_id = site_id",
            "UPDATE stock_postings SET site_id = site_id",
            "DELETE FROM stock_ledger",
            "DELETE FROM stock_postings",
            "TRUNCATE stock_ledger CASCADE",
            "TRUNCATE stock_postings CASCADE",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                await room.api.rows(statement)

    async def test_the_database_refuses_an_oversell_whatever_the_program(
        self, room: Stockroom
    ) -> None:
        await room.receive("wire", 10)
        with pytest.raises(psycopg.errors.CheckViolation, match="no_oversell"):
            await room.api.rows("UPDATE stock_heads SET hard_reserved = 11")

    async def test_every_posting_is_in_the_audit_log(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        rows = await room.api.rows(
            "SELECT actor, after->>'kind' FROM audit_log WHERE action = 'StockPosted'"
        )
        assert rows == [("token a-admin", "receipt")]

    async def test_sites_one_may_not_see_do_not_exist(self, room: Stockroom) -> None:
        await room.receive("wire", 10)
        held = await room.reserve("wire", 1)
        there = await room.api.as_role(Role.ADMIN, OTHER_SITE)
        for path in ("/v1/stock", "/v1/stock/items", "/v1/stock/movements", "/v1/reservations"):
            assert (await there.get(path)).json()["total"] == 0, path
            assert (await there.get(path, params={"site": SITE})).status_code == 404, path
        assert (await there.get(f"/v1/reservations/{held['id']}")).status_code == 404
        assert (await there.delete(f"/v1/reservations/{held['id']}")).status_code == 404
        body = {"site": SITE, "lines": [{"item": "wire", "quantity": 1}]}
        for path in ("receipts", "issues", "transfers"):
            answer = await there.post(f"/v1/stock/{path}", json=body)
            assert answer.status_code == 422, path
            assert answer.json()["errors"][0]["field"] == "site"


class TestCounts:
    async def test_a_count_that_agrees_is_applied(self, room: Stockroom) -> None:
        await room.receive("screw", 10)
        body = {"site": SITE, "lines": [{"item": "screw", "quantity": 10}]}
        found = await room.post("/v1/stock/counts", body)
        assert found["state"] == "applied"
        assert len(await room.ledger("screw")) == 1

    async def test_a_difference_waits_for_approval_and_keeps_what_moved_since(
        self, room: Stockroom
    ) -> None:
        await room.receive("screw", 10)
        body = {
            "site": SITE,
            "reference": "C-1",
            "lines": [{"item": "screw", "quantity": 7}, {"item": "wire", "quantity": 2}],
        }
        count = await room.post("/v1/stock/counts", body)
        assert count["state"] == "waiting"
        assert [line["difference"] for line in count["lines"]] == [-3, 2]
        assert (await room.post("/v1/stock/counts", body, 200))["id"] == count["id"]
        await room.receive("screw", 5)
        assert (await room.sums("screw"))["available"] == 15
        path = f"/v1/stock/counts/{count['id']}"
        found = await room.post(f"{path}/approve", {"reason": "seen twice"}, 200)
        assert found["state"] == "applied"
        assert (await room.sums("screw"))["available"] == 12
        assert (await room.sums("wire"))["available"] == 2
        await room.post(f"{path}/approve", {}, 409)
        await room.post(f"{path}/reject", {}, 409)

    async def test_a_rejected_count_changes_nothing(self, room: Stockroom) -> None:
        body = {"site": SITE, "lines": [{"item": "screw", "quantity": 7}]}
        count = await room.post("/v1/stock/counts", body)
        found = await room.post(f"/v1/stock/counts/{count['id']}/reject", {}, 200)
        assert found["state"] == "rejected"
        assert await room.ledger("screw") == []

    async def test_a_location_can_be_described(self, room: Stockroom) -> None:
        await room.receive("screw", 1, location="A-1")
        answer = await room.client.put(
            "/v1/stock/locations/A-1", json={"site": SITE, "name": "Rack A, shelf 1"}
        )
        assert answer.status_code == 200, answer.text
        found = await room.get("/v1/stock/locations", site=SITE)
        assert [(one["code"], one["configured"]) for one in found["items"]] == [("A-1", True)]
        assert MACHINE.startswith(SITE)

"""`POST /v1/intake/{format}`: documents become orders, whatever order they arrive in."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from decimal import Decimal

import pytest
from intake_plant import (
    SITE,
    SOURCE,
    Plant,
    bytes_of,
    change,
    changed,
    document,
    line,
    outcomes,
    read_plain,
)

from connectors import edifact
from domain.access import Role
from domain.documents import (
    DocumentKind,
    LineAction,
    Name,
    NameScheme,
    Party,
    PartyRole,
    Problem,
    Severity,
)

NAIVE = datetime(2099, 5, 1, 8, 30)  # noqa: DTZ001 - as documents have them: the plant's clock


@pytest.fixture(autouse=True)
def plain_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents as JSON, under the name of a format whose own connector is tested elsewhere."""
    monkeypatch.setattr(edifact, "read", read_plain)


class TestANewOrder:
    async def test_every_field_arrives(self, plant: Plant) -> None:
        await plant.put("/v1/customers/emca", {"name": "Other way round"})
        sent = document(
            "4711",
            line("10", "bracket", "12", unit="PCE", price=Decimal("3.25"), description="As drawn"),
            line("20", "wire", "2500", unit="CMT", price=Decimal("99.5"), price_basis=Decimal(100)),
            line("30", "wire", "1.5", unit="KMT", due=NAIVE),
            version=3,
            issued=date(2026, 11, 20),
            currency="EUR",
            customer_reference="CR-9",
            priority=4,
            notes=("Deliver to the back door",),
        )
        told = await plant.send(bytes_of(sent))
        (taken,) = told["documents"]
        assert taken["outcome"] == "created"
        assert (taken["source"], taken["number"], taken["version"]) == (SOURCE, "4711", 3)
        assert (taken["customer"], taken["site"], taken["currency"]) == ("acme", SITE, "EUR")
        assert taken["state"] == "under_review"
        assert taken["problems"] == []
        first, second, third = taken["lines"]
        assert first == {
            "number": 1, "position": "10", "item": "bracket", "item_name": "Bracket A",
            "item_provisional": False, "description": "As drawn", "quantity": 12, "unit": "pcs",
            "quantity_as_told": 12, "unit_as_told": "PCE", "price": 3.25, "price_basis": 1,
            "due": "2099-12-31T15:59:59Z", "promised": None, "state": "under_review",
        }  # fmt: skip
        assert (second["quantity"], second["unit"]) == (25, "m")
        assert (second["quantity_as_told"], second["unit_as_told"]) == (2500, "CMT")
        assert (second["price"], second["price_basis"]) == (99.5, 100)
        assert (third["quantity"], third["due"]) == (1500, "2099-05-01T00:30:00Z")
        order = await plant.get(f"/v1/orders/{taken['order']}")
        assert (order["external_source"], order["external_id"]) == (SOURCE, "4711")
        assert (order["customer_reference"], order["priority"]) == ("CR-9", 4)
        rows = await plant.rows(
            "SELECT source_version, document_date, notes FROM orders WHERE number = %s",
            taken["order"],
        )
        assert rows == [(3, date(2026, 11, 20), ["Deliver to the back door"])]
        assert await plant.rows("SELECT role, role_code, names, name FROM order_parties") == [
            ("sold_to", "BY", [{"scheme": "buyer", "value": "acme"}], "Acme Ltd")
        ]

    async def test_who_and_what_nobody_knows_is_kept_and_looked_at(self, plant: Plant) -> None:
        stranger = Party(
            role=PartyRole.SOLD_TO,
            role_code="BY",
            names=(Name(NameScheme.GLN, "4012345000009"),),
            name="Stranger & Sons",
        )
        sent = document(
            "77", line("1", "gadget-9", "3", description="A gadget"), parties=(stranger,)
        )
        (taken,) = (await plant.send(bytes_of(sent)))["documents"]
        assert taken["outcome"] == "created"
        assert (taken["customer"], taken["customer_provisional"]) == ("4012345000009", True)
        assert taken["customer_name"] == "Stranger & Sons"
        assert taken["lines"][0]["item"] == "gadget-9"
        assert taken["lines"][0]["item_provisional"] is True
        assert taken["state"] == "under_review"
        again = document("78", line("1", "gadget-9", "4"), parties=(stranger,))
        (second,) = (await plant.send(bytes_of(again)))["documents"]
        assert second["customer"] == "4012345000009"
        assert await plant.rows("SELECT count(*) FROM items WHERE provisional") == [(1,)]
        assert await plant.rows("SELECT count(*) FROM customers WHERE provisional") == [(1,)]

    async def test_a_unit_that_does_not_convert_is_not_guessed(self, plant: Plant) -> None:
        sent = document("9", line("1", "wire", "4", unit="BX"), line("2", "wire", "4", unit="zz"))
        (taken,) = (await plant.send(bytes_of(sent)))["documents"]
        assert [(one["quantity"], one["unit"]) for one in taken["lines"]] == [(4, "box"), (4, "zz")]
        assert [problem["code"] for problem in taken["problems"]] == [
            "unit_not_convertible",
            "unit_unknown",
        ]
        assert taken["state"] == "under_review"

    async def test_names_taught_go_before_codes_and_the_customers_own_before_all(
        self, plant: Plant
    ) -> None:
        await plant.rows(
            "INSERT INTO item_names (item_id, scheme, customer_id, value)"
            " SELECT id, 'buyer', NULL, 'B-1' FROM items WHERE code = 'wire'"
        )
        await plant.rows(
            "INSERT INTO item_names (item_id, scheme, customer_id, value)"
            " SELECT i.id, 'buyer', c.id, 'B-1' FROM items i, customers c"
            " WHERE i.code = 'bracket' AND c.code = 'acme'"
        )
        await plant.rows("UPDATE items SET gtin = '4012345678901' WHERE code = 'wire'")
        sent = document(
            "5",
            line("1", quantity="1", names=(Name(NameScheme.BUYER, "B-1"),)),
            line("2", quantity="1", names=(Name(NameScheme.GTIN, "04012345678901"),)),
            line("3", quantity="1", names=(Name(NameScheme.BUYER, "wire"),)),
        )
        (taken,) = (await plant.send(bytes_of(sent)))["documents"]
        assert [one["item"] for one in taken["lines"]] == ["bracket", "wire", "wire"]
        assert [problem["code"] for problem in taken["problems"]] == ["item_by_buyers_code"]

    async def test_nine_of_ten_are_taken_in_and_the_tenth_is_explained(self, plant: Plant) -> None:
        documents = [document(str(number), line()) for number in range(10)]
        documents[6] = document("6", line("1", "bracket", "0.0000001"))
        told = await plant.send(bytes_of(*documents))
        assert outcomes(told) == ["created"] * 6 + ["refused"] + ["created"] * 3
        refused = told["documents"][6]
        assert refused["problems"] == [
            {
                "severity": "error", "code": "quantity_unusable", "place": "line 1",
                "value": "1E-7", "document": "6",
                "problem": "the quantity must be above zero and below 1,000,000,000, with at most"
                " 6 decimals",
            }
        ]  # fmt: skip
        assert await plant.rows("SELECT count(*) FROM orders") == [(9,)]
        listed = await plant.get("/v1/intake/documents", state="refused")
        assert [(one["number"], one["order"]) for one in listed["items"]] == [("6", None)]

    async def test_what_the_connector_could_not_read_is_registered_as_refused(
        self, plant: Plant
    ) -> None:
        problem = Problem(
            severity=Severity.ERROR, code="bad", place="segment 9", problem="no", document="B"
        )
        told = await plant.send(bytes_of(document("A"), problems=(problem,)))
        assert outcomes(told) == ["created", "refused"]
        assert told["documents"][1]["number"] == "B"
        assert told["problems"][0]["place"] == "segment 9"

    async def test_nothing_readable_is_a_422_with_every_problem(self, plant: Plant) -> None:
        told = await plant.send(b"{", status=422)
        assert told["type"] == "urn:gemba:problem:unreadable"
        assert told["errors"][0]["field"] == "byte 0"

    async def test_too_large_is_a_413(self, plant: Plant) -> None:
        told = await plant.send(b"x" * (4 * 1024 * 1024 + 1), status=413)
        assert told["status"] == 413


class TestTheSite:
    async def test_the_site_whose_routing_makes_the_items_handles_the_order(
        self, plant: Plant
    ) -> None:
        await plant.put("/v1/sites/a-plant", {"name": "Does nothing"})
        (made,) = (await plant.send(bytes_of(document("1"))))["documents"]
        assert (made["site"], made["problems"]) == (SITE, [])
        (guessed,) = (await plant.send(bytes_of(document("2", line(item="unheard-of")))))[
            "documents"
        ]
        assert guessed["site"] == "a-plant"
        assert [problem["code"] for problem in guessed["problems"]] == ["site_guessed"]
        (told,) = (await plant.send(bytes_of(document("3")), site="a-plant"))["documents"]
        assert (told["site"], told["problems"]) == ("a-plant", [])
        assert told["lines"][0]["due"] == "2099-12-31T23:59:59Z"

    async def test_an_unknown_site_is_refused(self, plant: Plant) -> None:
        told = await plant.send(bytes_of(document()), site="nowhere", status=422)
        assert told["errors"][0]["field"] == "site"


class TestRepeats:
    async def test_the_same_document_twice_creates_nothing(self, plant: Plant) -> None:
        content = bytes_of(document("1"), document("2"))
        await plant.send(content)
        before = await plant.counts()
        told = await plant.send(content)
        assert outcomes(told) == ["repeated", "repeated"]
        assert all(one["order"] for one in told["documents"])
        assert await plant.counts() == before
        listed = await plant.get("/v1/intake/documents")
        assert [one["repeats"] for one in listed["items"]] == [1, 1]

    async def test_sent_again_in_another_envelope_it_is_the_same(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("1", message="000000001")))
        told = await plant.send(bytes_of(document("1", message="000000002")))
        assert outcomes(told) == ["repeated"]

    async def test_twice_in_one_file_it_is_taken_in_once(self, plant: Plant) -> None:
        told = await plant.send(bytes_of(document("1"), document("1")))
        assert outcomes(told) == ["created", "repeated"]

    async def test_at_the_same_moment_one_is_created(self, plant: Plant) -> None:
        content = bytes_of(*(document(str(number)) for number in range(5)))
        told = await asyncio.gather(*(plant.send(content) for _ in range(8)))
        found = [outcome for one in told for outcome in outcomes(one)]
        assert sorted(found) == ["created"] * 5 + ["repeated"] * 35
        assert await plant.rows("SELECT count(*) FROM orders") == [(5,)]
        assert await plant.rows("SELECT count(*) FROM order_lines") == [(5,)]

    async def test_one_that_was_refused_may_come_again(self, plant: Plant) -> None:
        sites = await plant.rows("SELECT count(*) FROM sites")
        assert sites == [(1,)]
        cancel = document("9", kind=DocumentKind.CANCEL, version=5)
        await plant.send(bytes_of(cancel))
        await plant.rows("UPDATE intake_documents SET outcome = 'refused', expires_at = NULL")
        await plant.send(bytes_of(document("9", version=1)))
        assert outcomes(await plant.send(bytes_of(cancel))) == ["cancelled"]


class TestVersions:
    async def test_a_newer_one_changes_the_order(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("1", line("1"), line("2", "wire", "7"), version=1)))
        newer = document("1", line("1", quantity="8"), line("3", "wire", "2"), version=2)
        (taken,) = (await plant.send(bytes_of(newer)))["documents"]
        assert taken["outcome"] == "changed"
        assert [
            (one["position"], one["quantity"], one["state"] == "cancelled")
            for one in taken["lines"]
        ] == [("1", 8, False), ("2", 7, True), ("3", 2, False)]

    @pytest.mark.parametrize(("customer", "asked"), [("acme", True), (None, None)])
    async def test_by_a_channel_of_a_customers_they_asked_for_it(
        self, *, plant: Plant, customer: str | None, asked: bool | None
    ) -> None:
        await plant.put("/v1/channels/theirs", {"format": "edifact", "customer": customer})
        await plant.send(bytes_of(document("1", version=1)), channel="theirs")
        newer = document("1", line(quantity="8"), version=2)
        told = await plant.send(bytes_of(newer), channel="theirs")
        assert outcomes(told) == ["changed"]
        found = await plant.rows(
            "SELECT after -> 'asked_by_customer' FROM audit_log WHERE action = 'OrderChanged'"
        )
        assert found == [(asked,)]

    async def test_an_older_one_after_a_newer_one_changes_nothing(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("1", line(quantity="9"), version=7)))
        (taken,) = (await plant.send(bytes_of(document("1", version=6))))["documents"]
        assert taken["outcome"] == "outdated"
        assert taken["lines"][0]["quantity"] == 9
        assert taken["reasons"][0] == "version 7 was applied before version 6"

    @pytest.mark.parametrize("version", [0, 4])
    async def test_other_content_under_the_same_version_is_for_people(
        self, plant: Plant, version: int
    ) -> None:
        await plant.send(bytes_of(document("1", version=version)))
        other = document("1", line(quantity="6"), version=version)
        (taken,) = (await plant.send(bytes_of(other)))["documents"]
        assert (taken["outcome"], taken["state"]) == ("conflict", "under_review")
        assert taken["lines"][0]["quantity"] == 5
        found = await plant.rows("SELECT code FROM review_findings WHERE settled_at IS NULL")
        assert ("version_conflict",) in found

    async def test_all_orders_of_arrival_end_the_same(self, plant: Plant) -> None:
        orders = [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1)]
        for place, order in enumerate(orders):
            number = f"P-{place}"
            told = (
                document(number, line("1"), line("2", "wire", "3"), version=1),
                change(number, changed("1", "11"), version=2),
                change(number, changed("2", "13"), changed("1", "12"), version=3),
            )
            for which in order:
                await plant.send(bytes_of(told[which]))
        rows = await plant.rows(
            "SELECT o.external_id, array_agg(l.quantity ORDER BY l.number), max(source_version)"
            " FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY 1 ORDER BY 1"
        )
        assert rows == [(f"P-{place}", [12, 13], 3) for place in range(len(orders))]


class TestWaiting:
    async def test_a_change_waits_for_its_order_and_then_applies(self, plant: Plant) -> None:
        told = await plant.send(bytes_of(change("1", changed("1", "6"), version=2)))
        assert outcomes(told) == ["waiting"]
        assert await plant.rows("SELECT count(*) FROM orders") == [(0,)]
        waiting = await plant.get("/v1/intake/documents", state="waiting")
        assert waiting["total"] == 1
        assert waiting["items"][0]["expires_at"] is not None
        told = await plant.send(bytes_of(document("1", version=1)))
        assert outcomes(told) == ["created", "changed"]
        assert told["documents"][1]["lines"][0]["quantity"] == 6
        assert (await plant.get("/v1/intake/documents", state="waiting"))["total"] == 0

    async def test_a_cancellation_waits_as_well(self, plant: Plant) -> None:
        cancel = document("1", kind=DocumentKind.CANCEL, version=2)
        assert outcomes(await plant.send(bytes_of(cancel))) == ["waiting"]
        told = await plant.send(bytes_of(document("1", version=1)))
        assert outcomes(told) == ["created", "cancelled"]
        assert told["documents"][1]["state"] == "cancelled"

    async def test_the_order_of_a_file_does_not_matter(self, plant: Plant) -> None:
        later = change("1", changed("1", "6"), version=2)
        told = await plant.send(bytes_of(later, document("1", version=1)))
        assert outcomes(told) == ["changed", "created"]

    async def test_several_orders_and_their_changes_in_one_file(self, plant: Plant) -> None:
        documents = [
            *(document(str(number), version=1) for number in range(3)),
            *(change(str(number), changed("1", "6"), version=2) for number in range(3)),
            *(document(str(number), line(quantity="7"), version=3) for number in range(3)),
        ]
        told = await plant.send(bytes_of(*documents))
        assert outcomes(told) == ["created"] * 3 + ["changed"] * 6
        assert await plant.rows("SELECT quantity FROM order_lines") == [(7,), (7,), (7,)]

    async def test_at_the_same_moment_neither_overlooks_the_other(self, plant: Plant) -> None:
        for place in range(12):
            order = document(f"R-{place}", version=1)
            later = change(f"R-{place}", changed("1", "6"), version=2)
            await asyncio.gather(plant.send(bytes_of(later)), plant.send(bytes_of(order)))
        assert await plant.rows("SELECT DISTINCT quantity FROM order_lines") == [(6,)]

    async def test_what_waits_too_long_is_refused_and_says_so(self, plant: Plant) -> None:
        await plant.send(bytes_of(change("1", changed("1", "6"), version=2)))
        await plant.rows("UPDATE intake_documents SET expires_at = now() - interval '1 second'")
        (refused,) = (await plant.get("/v1/intake/documents", state="refused"))["items"]
        assert refused["reason"] == "its order did not come in within 14 days"
        told = await plant.send(bytes_of(document("1", version=1)))
        assert outcomes(told) == ["created"]

    async def test_only_so_many_wait(self, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("store.intake.register.MOST_WAITING", 2)
        documents = [change(str(one), changed("1", "6"), version=2) for one in range(3)]
        told = await plant.send(bytes_of(*documents))
        assert outcomes(told) == ["waiting", "waiting", "refused"]
        assert "wait for their orders already" in told["documents"][2]["reasons"][0]


class TestADryRun:
    async def test_it_tells_everything_and_writes_nothing(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("0", version=1)))
        before = await plant.counts()
        content = bytes_of(
            document("1", line(item="unheard-of")),
            document("2", line(quantity="0")),
            change("0", changed("1", "6"), version=2),
            change("3", changed("1", "6"), version=2),
        )
        told = await plant.send(content, dry_run=True)
        assert told["dry_run"] is True
        assert outcomes(told) == ["created", "refused", "changed", "waiting"]
        created = told["documents"][0]
        assert (created["id"], created["order"]) == (None, None)
        assert created["lines"][0]["item_provisional"] is True
        assert told["documents"][2]["lines"][0]["quantity"] == 6
        assert await plant.counts() == before
        assert await plant.rows("SELECT quantity FROM order_lines") == [(5,)]


class TestChanges:
    async def test_lines_are_added_changed_and_cancelled(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("1", line("10"), line("20", "wire", "3"), version=1)))
        wanted = change(
            "1",
            changed("0010", "8", due=date(2099, 1, 31)),
            line("20", quantity="", names=(), action=LineAction.CANCEL),
            line("30", "wire", "4", unit="MTR"),
            line("99", quantity="", names=(), action=LineAction.CANCEL),
            version=2,
        )
        (taken,) = (await plant.send(bytes_of(wanted)))["documents"]
        assert taken["outcome"] == "changed"
        assert [
            (one["number"], one["quantity"], one["state"] == "cancelled", (one["due"] or "")[:10])
            for one in taken["lines"]
        ] == [
            (1, 8, False, "2099-01-31"),
            (2, 3, True, "2099-12-31"),
            (3, 4, False, ""),
        ]
        assert [problem["code"] for problem in taken["problems"]] == ["line_unknown"]

    async def test_one_that_the_state_does_not_allow_is_refused_whole(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("1", line("1"), line("2", "wire", "3"), version=1)))
        await plant.rows("UPDATE order_lines SET state = 'produced' WHERE number = 2")
        wanted = change("1", changed("1", "8"), changed("2", "8"), version=2)
        (taken,) = (await plant.send(bytes_of(wanted)))["documents"]
        assert taken["outcome"] == "refused"
        assert "line 2" in taken["reasons"][0]
        assert [one["quantity"] for one in taken["lines"]] == [5, 3]
        assert await plant.rows("SELECT source_version FROM orders") == [(1,)]


class TestTheRegister:
    async def test_a_document_can_be_read_again_byte_for_byte(self, plant: Plant) -> None:
        content = bytes_of(document("1"))
        told = await plant.send(content, file_name='or"der\u00e9.edi')
        document_id = told["documents"][0]["id"]
        client = await plant.as_role()
        answer = await client.get(f"/v1/intake/documents/{document_id}/content")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith(
            'attachment; filename="or_der_.edi"'
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        one = await plant.get(f"/v1/intake/documents/{document_id}")
        assert (one["order"], one["received_by"]) == (
            told["documents"][0]["order"],
            "token a-admin",
        )

    async def test_somebody_limited_to_another_site_knows_nothing_of_it(self, plant: Plant) -> None:
        told = await plant.send(bytes_of(document("1")))
        await plant.put("/v1/sites/plant-2", {"name": "Elsewhere"})
        other = await plant.as_role(Role.SALES, "plant-2")
        listed = (await other.get("/v1/intake/documents")).json()
        assert listed == {"items": [], "total": 0}
        path = f"/v1/intake/documents/{told['documents'][0]['id']}"
        assert (await other.get(path)).status_code == 404
        assert (await other.get(f"{path}/content")).status_code == 404
        again = document("1", line(quantity="50"), version=9)
        (refused,) = (await plant.send(bytes_of(again), client=other))["documents"]
        assert (refused["outcome"], refused["lines"]) == ("refused", [])

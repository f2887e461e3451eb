"""What holds at a moment: versions of bills and routings, prices, lead times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import httpx
import psycopg
import pytest
from master_data_api import Api, taken

from store import catalogue
from store.master_data import bills, rules
from store.master_data.bills import components
from store.master_data.rules import LeadTimeAsk, PriceAsk


async def ids(api: Api, table: str) -> dict[str, int]:
    return {code: number for number, code in await api.rows(f"SELECT id, code FROM {table}")}  # noqa: S608 - the test's own words


VERSIONS = """\
bills:
- {item: bracket, version: A, valid_to: 2026-06-30, lines: [{component: screw, quantity: 4}]}
- item: bracket
  version: B
  valid_from: 2026-07-01
  lines:
  - {component: tube, quantity: 0.5, scrap_factor: 0.1}
- item: bracket
  version: local
  site: plant-2
  valid_from: 2026-07-01
  lines:
  - {component: screw, quantity: 8}
routings:
- item: bracket
  site: plant-1
  version: A
  valid_to: 2026-06-30
- item: bracket
  site: plant-1
  version: B
  valid_from: 2026-07-01
  steps:
  - {number: 5, name: Press, machine: plant-1/cutting/line1/m03, cycle_ms: 500}
"""


class TestBills:
    async def test_the_version_of_the_day_in_the_zone_of_the_site(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await taken(plant, VERSIONS)
        items, sites = await ids(api, "items"), await ids(api, "sites")
        async with api.context.connection() as connection:

            async def of(site: str, at: datetime) -> list[tuple[str, Decimal]]:
                found = await components(connection, items["bracket"], sites[site], at)
                return [(row.item, row.needed(Decimal(10))) for row in found]

            # In Shanghai it is July already at 16:00 UTC of the last of June, not in UTC.
            assert await of("plant-1", datetime(2026, 6, 30, 15, 59, tzinfo=UTC)) == [
                ("screw", Decimal(40))
            ]
            assert await of("plant-1", datetime(2026, 6, 30, 16, 0, tzinfo=UTC)) == [
                ("tube", Decimal("5.5"))
            ]
            assert await of("plant-2", datetime(2026, 6, 30, 16, 0, tzinfo=UTC)) == [
                ("screw", Decimal(40))
            ]
            assert await of("plant-2", datetime(2026, 7, 1, tzinfo=UTC)) == [("screw", Decimal(80))]
            both = [(items["bracket"], sites["plant-1"]), (items["tube"], sites["plant-1"])]
            found = await bills.components_of(connection, both, datetime(2026, 8, 1, tzinfo=UTC))
            assert [row.item for row in found[both[0]]] == ["tube"]
            assert found[both[1]] == []
            assert await bills.sourcing(connection, both) == {both[0]: "make", both[1]: "buy"}

    async def test_the_database_holds_one_version_a_day(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await taken(plant, VERSIONS)
        with pytest.raises(psycopg.errors.ExclusionViolation):
            await api.rows(
                "INSERT INTO bills (item_id, version, valid_from)"
                " SELECT id, 'C', '2027-01-01' FROM items WHERE code = 'bracket'"
            )

    async def test_a_version_ends_where_the_next_begins_in_one_import(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken(plant, VERSIONS)
        moved = VERSIONS.replace("2026-06-30", "2026-08-31").replace("2026-07-01", "2026-09-01")
        assert (await taken(plant, moved))["total_changes"] == 5


class TestRoutings:
    async def test_releasing_copies_what_is_effective(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await taken(plant, VERSIONS)
        items = await ids(api, "items")
        async with api.context.connection() as connection:
            for at, numbers in (
                (datetime(2026, 6, 30, 15, 59, tzinfo=UTC), [10, 20, 30]),
                (datetime(2026, 6, 30, 16, tzinfo=UTC), [5]),
                (None, [5]),
            ):
                found = await catalogue.routings(connection, [items["bracket"]], at=at)
                assert [step.number for step in found[items["bracket"]]] == numbers
        answer = await plant.post(
            "/v1/orders",
            json={
                "site": "plant-1",
                "customer": "acme",
                "release": True,
                "lines": [{"item": "bracket", "quantity": 10}],
            },
        )
        assert answer.status_code == 201, answer.text
        operations = (await plant.get("/v1/operations?site=plant-1")).json()["items"]
        assert [one["operation"] for one in operations] == [5]

    async def test_a_capability_is_every_machine_of_the_site_that_has_it(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken(
            plant, "machines:\n- {path: plant-1/cutting/line1/m03, capabilities: [saw, press]}\n"
        )
        step = (await plant.get("/v1/items/bracket")).json()["routings"][0]["steps"][0]
        assert step["machine"] == "plant-1/cutting/line1/m01"
        assert [way["machine"] for way in step["alternatives"]] == [
            "plant-1/cutting/line1/m02",
            "plant-1/cutting/line1/m03",
        ]

    async def test_a_put_changes_the_version_of_today_and_leaves_the_others(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken(plant, VERSIONS)
        step = {"number": 7, "name": "x", "machine": "plant-1/cutting/line1/m01", "cycle_ms": 9}
        body = {"name": "Bracket", "routings": [{"site": "plant-1", "steps": [step]}]}
        answer = await plant.put("/v1/items/bracket", json=body)
        assert answer.status_code == 200, answer.text
        versions = (await plant.get("/v1/items/bracket")).json()["routing_versions"]
        assert [
            (version["version"], [step["number"] for step in version["steps"]])
            for version in versions
        ] == [("A", [10, 20, 30]), ("B", [7])]
        body["routings"] = [{"site": "plant-1", "steps": []}]
        await plant.put("/v1/items/bracket", json=body)
        item = (await plant.get("/v1/items/bracket")).json()
        assert [version["version"] for version in item["routing_versions"]] == ["A"]
        assert item["routings"] == []
        body["routings"] = [{"site": "plant-1", "steps": [step]}]
        await plant.put("/v1/items/bracket", json=body)
        versions = (await plant.get("/v1/items/bracket")).json()["routing_versions"]
        assert [(one["version"], one["valid_from"]) for one in versions] == [
            ("A", None),
            ("1", "2026-07-01"),
        ]


class TestRules:
    async def test_prices_by_customer_item_family_and_quantity(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await taken(
            plant,
            "customers:\n- {code: other, name: Other}\n"
            "items:\n- {code: angle, name: Angle, family: brackets}\n"
            "price_rules:\n"
            "- {item: bracket, currency: USD, price: 1300, price_basis: 100,"
            " valid_from: 2026-01-01, valid_to: 2026-12-31}\n",
        )
        items, customers = await ids(api, "items"), await ids(api, "customers")

        def ask(item: str, customer: str, quantity: int, currency: str | None = "EUR") -> PriceAsk:
            return PriceAsk(
                item_id=items[item],
                customer_id=customers[customer],
                quantity=Decimal(quantity),
                on=date(2026, 11, 22),
                currency=currency,
            )

        async with api.context.connection() as connection:
            prices = await rules.prices_for(
                connection,
                [
                    ask("bracket", "other", 99),
                    ask("bracket", "other", 100),
                    ask("bracket", "acme", 100),
                    ask("angle", "other", 1),
                    ask("angle", "acme", 1),
                    ask("bracket", "other", 5, "USD"),
                    ask("bracket", "other", 5, "CNY"),
                ],
            )
            each = [None if price is None else price.each for price in prices]
            assert each == [
                Decimal(12), Decimal("11.5"), Decimal("11.5"), None, Decimal(10), Decimal(13), None,
            ]  # fmt: skip
            acme = prices[4]
            assert acme is not None
            assert acme.accepts(Decimal("10.5"))
            assert acme.accepts(Decimal(950), Decimal(100))
            assert not acme.accepts(Decimal("10.51"))
            past = await rules.price_for(
                connection,
                item_id=items["bracket"],
                customer_id=customers["other"],
                quantity=Decimal(5),
                on=date(2027, 1, 1),
                currency="USD",
            )
            assert past is None

    @pytest.mark.usefixtures("plant")
    async def test_lead_times_by_item_family_and_site(self, api: Api) -> None:
        items, sites = await ids(api, "items"), await ids(api, "sites")
        async with api.context.connection() as connection:
            asks = [
                LeadTimeAsk(item_id=items[item], site_id=sites[site], quantity=Decimal(500))
                for item, site in (
                    ("bracket", "plant-1"),
                    ("bracket", "plant-2"),
                    ("tube", "plant-1"),
                )
            ]
            found = await rules.lead_times_for(connection, asks)
            assert [one.days if one else None for one in found] == [
                Decimal("5.5"), Decimal(20), Decimal(20),
            ]  # fmt: skip
            assert await rules.transport_hours(connection) == {
                (sites["plant-1"], sites["plant-2"]): Decimal("12.5")
            }

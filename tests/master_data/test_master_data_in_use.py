"""Rules of master data where they are needed: review judges by them, promises count by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from master_data_api import Api, taken


async def order(plant: httpx.AsyncClient, quantity: int, due: datetime | None = None) -> str:
    line: dict[str, Any] = {"item": "bracket", "quantity": quantity}
    if due is not None:
        line["due_at"] = due.isoformat()
    answer = await plant.post(
        "/v1/orders", json={"site": "plant-1", "customer": "acme", "lines": [line]}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


async def findings(plant: httpx.AsyncClient, number: str) -> list[dict[str, Any]]:
    judged = await plant.post("/v1/review/rejudge", json={"numbers": [number]})
    assert judged.status_code == 200, judged.text
    answer = await plant.get(f"/v1/orders/{number}/findings", params={"settled": "false"})
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


class TestPrices:
    async def test_review_judges_by_the_rule_that_counts(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        async def judged(quantity: int, price: str, currency: str = "EUR") -> list[str]:
            number = await order(plant, quantity)
            await api.rows("UPDATE orders SET currency = %s WHERE number = %s", currency, number)
            await api.rows(
                "UPDATE order_lines SET price = %s::numeric, price_basis = 1, state ="
                " 'under_review' WHERE order_id = (SELECT id FROM orders WHERE number = %s)",
                price,
                number,
            )
            return [one["code"] for one in await findings(plant, number)]

        # 12 for each; from 100 on 11.5. Both of the item, so the family's rule for acme is out.
        assert "price_off_rule" not in await judged(10, "12")
        assert "price_off_rule" in await judged(11, "11.5")
        assert "price_off_rule" not in await judged(100, "11.5")
        assert "price_off_rule" not in await judged(12, "99", "USD")


class TestLeadTimes:
    async def test_review_goes_by_the_rule_of_family_and_site_with_its_quantity(
        self, plant: httpx.AsyncClient
    ) -> None:
        # 3 days, and 200 a day: 2,000 take 13 days.
        now = datetime.now(UTC)
        soon = await findings(plant, await order(plant, 2_000, now + timedelta(days=12)))
        assert [(one["code"], one["detail"]["by"]) for one in soon] == [
            ("due_not_reachable", "lead_time")
        ]
        later = await findings(plant, await order(plant, 2_000, now + timedelta(days=14)))
        assert "due_not_reachable" not in [one["code"] for one in later]

    async def test_a_supplier_that_says_nothing_leaves_it_to_the_rule(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken(
            plant,
            "suppliers:\n- {code: steel, lead_days: 0}\n"
            "lead_time_rules:\n- {item: tube, days: 9}\n",
        )
        answer = await plant.post(
            "/v1/promises",
            json={"site": "plant-1", "lines": [{"item": "tube", "quantity": 5}]},
        )
        assert answer.status_code == 200, answer.text
        promised = datetime.fromisoformat(answer.json()["lines"][0]["promised_at"])
        assert timedelta(days=8, hours=23) < promised - datetime.now(UTC) <= timedelta(days=10)

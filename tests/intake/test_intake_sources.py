"""Whose an order's number is, where nobody says it, and which of two documents is newer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from intake_plant import SITE, Plant, outcomes

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
TABLE = "Order,Customer,Item,Quantity,Due\nT-1,{customer},bracket,{quantity},2099-12-31\n"


class TestUploads:
    """Files by hand, without a channel: formats that do not name their sender."""

    async def test_two_customers_may_use_the_same_number(self, plant: Plant) -> None:
        first = await plant.send(TABLE.format(customer="acme", quantity=4), "csv")
        second = await plant.send(TABLE.format(customer="Byte GmbH", quantity=5), "csv")
        assert outcomes(first) == outcomes(second) == ["created"]
        assert [one["documents"][0]["source"] for one in (first, second)] == [
            "upload:acme",
            "upload:Byte GmbH",
        ]
        again = await plant.send(TABLE.format(customer="acme", quantity=4), "csv")
        assert outcomes(again) == ["repeated"]
        other = await plant.send(TABLE.format(customer="acme", quantity=6), "csv")
        assert outcomes(other) == ["conflict"]

    async def test_a_file_of_several_customers_has_several_sources(self, plant: Plant) -> None:
        content = TABLE.format(customer="acme", quantity=4) + "T-2,Byte GmbH,bracket,1,2099-12-31\n"
        told = await plant.send(content, "csv")
        assert [one["source"] for one in told["documents"]] == ["upload:acme", "upload:Byte GmbH"]

    async def test_without_a_customer_it_is_an_upload(self, plant: Plant) -> None:
        (taken,) = (await plant.send("Order,Item,Quantity\nT-1,bracket,4\n", "csv"))["documents"]
        assert taken["source"] == "upload"

    async def test_who_says_the_source_is_believed(self, plant: Plant) -> None:
        content = TABLE.format(customer="acme", quantity=4)
        (taken,) = (await plant.send(content, "csv", source="sheet"))["documents"]
        assert taken["source"] == "sheet"

    @pytest.mark.parametrize("spoken", ["csv", "kingdee", "yonyou"])
    async def test_a_channel_without_a_source_is_one_itself(
        self, plant: Plant, spoken: str
    ) -> None:
        content = {
            "csv": TABLE.format(customer="acme", quantity=4).encode(),
            "kingdee": (SAMPLES / "kingdee-order.json").read_bytes(),
            "yonyou": (SAMPLES / "yonyou-order.json").read_bytes(),
        }[spoken]
        for name in ("north", "south"):
            await plant.put(f"/v1/channels/{name}", {"format": spoken, "site": SITE})
            told = await plant.send(content, spoken, channel=name)
            assert outcomes(told) == ["created"]
            assert told["documents"][0]["source"] == f"channel:{name}"

    async def test_documents_that_name_their_sender_keep_that_name(self, plant: Plant) -> None:
        await plant.put("/v1/channels/edi", {"format": "x12", "site": SITE})
        content = (SAMPLES / "order-850.x12").read_bytes()
        (taken,) = (await plant.send(content, "x12", channel="edi"))["documents"]
        assert taken["source"] == "x12:123456789"


def yonyou(second: str, quantity: float) -> bytes:
    """The order of the how-to, changed in that second."""
    told = json.loads((SAMPLES / "yonyou-order.json").read_bytes())
    told["data"]["pubts"] = f"2026-11-21 14:49:{second}"
    told["data"]["orderDetails"][0]["qty"] = quantity
    return json.dumps(told).encode()


def kingdee(second: str, quantity: float) -> bytes:
    """The bill of the how-to, changed in that second."""
    told = json.loads((SAMPLES / "kingdee-order.json").read_bytes())
    bill = told["Result"]["Result"]
    bill["ModifyDate"] = f"2026-11-21T14:49:{second}"
    bill["SaleOrderEntry"][0]["Qty"] = quantity
    return json.dumps(told).encode()


@pytest.mark.parametrize(("spoken", "made"), [("yonyou", yonyou), ("kingdee", kingdee)])
class TestWithinASecond:
    """Two changes within one second bear the same time: the one that was read later is newer."""

    async def test_the_second_change_is_applied(
        self, plant: Plant, spoken: str, made: Callable[[str, float], bytes]
    ) -> None:
        found = []
        for content in (made("44", 40), made("44", 41), made("44", 42), made("44", 41)):
            told = await plant.send(content, spoken, source="erp")
            found += outcomes(told)
        assert found == ["created", "changed", "changed", "repeated"]
        assert await plant.rows("SELECT quantity FROM order_lines WHERE number = 1") == [(42,)]
        assert await plant.rows("SELECT count(*) FROM intake_documents") == [(3,)]

    async def test_an_older_second_stays_older(
        self, plant: Plant, spoken: str, made: Callable[[str, float], bytes]
    ) -> None:
        assert outcomes(await plant.send(made("44", 40), spoken, source="erp")) == ["created"]
        assert outcomes(await plant.send(made("43", 41), spoken, source="erp")) == ["outdated"]
        assert await plant.rows("SELECT quantity FROM order_lines WHERE number = 1") == [(40,)]

    async def test_both_in_one_file_are_taken_in_their_order(
        self, plant: Plant, spoken: str, made: Callable[[str, float], bytes]
    ) -> None:
        bills = [json.loads(made("44", quantity)) for quantity in (40, 41)]
        whole = json.dumps(
            [one["data"] if spoken == "yonyou" else one["Result"]["Result"] for one in bills]
        )
        assert outcomes(await plant.send(whole, spoken, source="erp")) == ["created", "changed"]
        assert await plant.rows("SELECT quantity FROM order_lines WHERE number = 1") == [(41,)]
        await plant.send(whole, spoken, source="erp")
        assert await plant.rows("SELECT quantity FROM order_lines WHERE number = 1") == [(41,)]


async def test_thousandths_of_a_second_are_a_contradiction(plant: Plant) -> None:
    """A clock that tells them does not tick twice in one: people are asked."""
    assert outcomes(await plant.send(kingdee("44.537", 40), "kingdee", source="erp")) == ["created"]
    assert outcomes(await plant.send(kingdee("44.537", 41), "kingdee", source="erp")) == [
        "conflict"
    ]

"""Documents whose orders the review confirms by itself: answered at once, released by policy."""

from __future__ import annotations

from typing import Any

import pytest
from intake_plant import SITE, Plant
from test_intake_formats import X12


@pytest.fixture
async def passing(plant: Plant) -> Plant:
    """A plant whose review confirms what has no findings."""
    await plant.put("/v1/review/policies", {"site": SITE, "auto_confirm": True})
    return plant


async def work_of(plant: Plant) -> list[tuple[Any, ...]]:
    return await plant.rows(
        "SELECT i.code, w.quantity_ordered::float8 FROM work_orders w"
        " JOIN items i ON i.id = w.item_id ORDER BY 1"
    )


def elements(content: str, tag: str) -> list[list[str]]:
    found = [segment.strip().split("*") for segment in content.split("~")]
    return [segment for segment in found if segment[0] == tag]


async def test_the_order_is_answered_with_the_files_acknowledgement(passing: Plant) -> None:
    told = await passing.send(X12.format(number=1), "x12")
    (taken,) = told["documents"]
    assert taken["state"] == "confirmed"
    acknowledgement, answer = told["answers"]
    assert (acknowledgement["kind"], acknowledgement["document"]) == ("997", None)
    assert (answer["kind"], answer["document"]) == ("855", "PO-1")
    assert elements(answer["content"], "ACK") == [
        ["ACK", "IA", "12", "EA", "067", "20991231"],
        ["ACK", "IA", "30", "FT"],
    ]
    assert await work_of(passing) == []


async def test_it_is_released_where_the_policy_says_so(passing: Plant) -> None:
    await passing.put(f"/v1/sites/{SITE}/work-order-policy", {"at_confirmation": True})
    told = await passing.send(X12.format(number=1), "x12")
    (taken,) = told["documents"]
    assert taken["state"] == "released"
    assert [line["state"] for line in taken["lines"]] == ["released", "released"]
    assert [answer["kind"] for answer in told["answers"]] == ["997", "855"]
    assert await work_of(passing) == [("bracket", 12), ("wire", 9.144)]
    entries = await passing.rows(
        "SELECT action FROM audit_log WHERE order_id IS NOT NULL ORDER BY id"
    )
    assert [row[0] for row in entries] == ["OrderReceived", "OrderConfirmed", "OrderReleased"]
    again = await passing.send(X12.format(number=1), "x12")
    assert again["documents"][0]["outcome"] == "repeated"
    assert len(await work_of(passing)) == 2


async def test_a_rehearsal_releases_nothing(passing: Plant) -> None:
    await passing.put(f"/v1/sites/{SITE}/work-order-policy", {"at_confirmation": True})
    before = await passing.counts()
    told = await passing.send(X12.format(number=1), "x12", dry_run=True)
    assert told["documents"][0]["state"] == "confirmed"
    assert await passing.counts() == before

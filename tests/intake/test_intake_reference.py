"""Documents that partners' systems really wrote, through the API: every field that matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from intake_plant import Plant

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "documents"

pytestmark = pytest.mark.reference_data


def reference(name: str) -> bytes:
    """A document of the reference data; skipped where it is absent."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip("the reference data (../shared/data/documents) is not beside the checkout")
    return path.read_bytes()


def told_of(line: dict[str, Any]) -> tuple[Any, ...]:
    """What a line came to: number there, item, quantity and unit here and there, price, date."""
    names = (
        "position", "item", "item_provisional", "quantity", "unit", "quantity_as_told",
        "unit_as_told", "price", "due",
    )  # fmt: skip
    return tuple(line[name] for name in names)


async def parties_of(plant: Plant, number: str) -> list[tuple[Any, ...]]:
    """Who has which part in an order, as stored."""
    return await plant.rows(
        "SELECT p.role, p.role_code, p.name, p.city, p.postal_code, p.country FROM order_parties p"
        " JOIN orders o ON o.id = p.order_id WHERE o.external_id = %s ORDER BY p.place",
        number,
    )


async def test_every_document_of_the_folder_is_taken_in(plant: Plant) -> None:
    reference("x12.850.edi")
    spoken = {".edi": ("x12", "edifact")}
    for path in sorted(REFERENCE.iterdir()):
        form = next(one for one in spoken[path.suffix] if path.name.startswith(one))
        rehearsed = await plant.send(path.read_bytes(), form, dry_run=True)
        told = await plant.send(path.read_bytes(), form)
        assert [one["outcome"] for one in told["documents"]] == ["created"], path.name
        for one, other in zip(rehearsed["documents"], told["documents"], strict=True):
            assert one["lines"] == other["lines"]
        again = await plant.send(path.read_bytes(), form)
        assert [one["outcome"] for one in again["documents"]] == ["repeated"], path.name


async def test_drop_shipment(plant: Plant) -> None:
    told = await plant.send(reference("x12.850.edi"), "x12")
    (taken,) = told["documents"]
    assert (taken["source"], taken["number"], taken["version"]) == ("x12:000123456", "1000012", 0)
    assert (taken["customer"], taken["customer_provisional"]) == ("000123456", True)
    assert taken["currency"] is None
    assert [told_of(line) for line in taken["lines"]] == [
        ("1", "0054321", True, 1, "pcs", 1, "EA", 19.95, None)
    ]
    assert await parties_of(plant, "1000012") == [
        ("sold_to", "ISA06", None, None, None, None),  # who sends it: nobody else is named
        ("ship_to", "ST", "John Doe", "Hauppauge", "11788-1234", "US"),
    ]
    assert await plant.rows("SELECT document_date::text FROM orders") == [("2009-08-27",)]
    wrong = [one for one in told["problems"] if one["code"] == "control_number_wrong"]
    assert [(one["severity"], one["value"]) for one in wrong] == [("warning", "000000001")]
    (answer,) = told["answers"]
    assert answer["kind"] == "997"


async def test_order_in_yards_with_many_partners(plant: Plant) -> None:
    told = await plant.send(reference("x12.850a.edi"), "x12")
    (taken,) = told["documents"]
    assert (taken["number"], taken["currency"]) == ("4600000406", "USD")
    assert (taken["customer"], taken["customer_provisional"]) == ("1500", True)
    due = "2014-08-04T15:59:59Z"  # the end of the day in Shanghai
    assert [told_of(line) for line in taken["lines"]] == [
        ("000100001", "SINGLE LINE DIAMOND PATTERN", True, 2500, "yd", 2500, "YD", 2.53, due),
        ("000200001", "SINGLE LINE DIAMOND PATTERN", True, 2000, "yd", 2000, "YD", 3.41, due),
        ("000200002", "SINGLE LINE DIAMOND PATTERN", True, 1000, "yd", 1000, "YD", 3.41, due),
    ]
    assert taken["lines"][0]["description"] == '4.4oz 3" Diamond Quilt'
    assert await parties_of(plant, "4600000406") == [
        ("ship_to", "ST", "Transplace Laredo", "Laredo", "78045", "US"),
        ("other", "Z7", "Penjamo Cutting", "Penjamo", "36900", "MX"),
        ("bill_to", "BT", "Test Inc.", "Dearborn", "48121", "US"),
        ("sold_to", "BY", None, None, None, None),
        ("supplier", "SU", "Supplier Name", "City", "64116", "US"),
    ]
    assert await plant.rows("SELECT document_date::text FROM orders") == [("2014-07-24",)]


async def test_yards_of_a_known_item_become_its_metres(plant: Plant) -> None:
    await plant.put("/v1/items/SINGLE LINE DIAMOND PATTERN", {"name": "Quilt", "unit": "m"})
    (taken,) = (await plant.send(reference("x12.850a.edi"), "x12"))["documents"]
    assert [(one["quantity"], one["unit"], one["quantity_as_told"]) for one in taken["lines"]] == [
        (2286, "m", 2500),
        (1828.8, "m", 2000),
        (914.4, "m", 1000),
    ]


async def test_edifact_with_a_group(plant: Plant) -> None:
    told = await plant.send(reference("edifact.orders-with-group.edi"), "edifact")
    (taken,) = told["documents"]
    assert (taken["source"], taken["number"]) == ("edifact:5400110000009", "C1441747")
    assert (taken["customer"], taken["customer_provisional"]) == ("5400110000009", True)
    assert [told_of(line) for line in taken["lines"]] == [
        ("1", "8641800", True, 288, "pcs", 288, None, 12.8, None)
    ]
    assert await parties_of(plant, "C1441747") == [
        ("sold_to", "BY", None, None, None, None),
        ("supplier", "SU", "COMPANY ABC", None, None, None),
    ]
    assert await plant.rows("SELECT document_date::text, notes FROM orders") == [
        ("2001-05-02", ["THIS IS AN EXAMPLE OF EDIFACT FILE."])
    ]
    wrong = [one for one in told["problems"] if one["code"] == "count_wrong"]
    assert [(one["severity"], one["value"]) for one in wrong] == [("warning", "21")]

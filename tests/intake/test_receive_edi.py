"""docs/howto/receive-edi.md: its samples are files, and every one does what the text says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from intake_plant import Plant

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
TEXTS = (HOWTO / "receive-edi.md", HOWTO / "receive-edi.zh-CN.md")
SHOWN = re.compile(r"^<!-- (samples/\S+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARTNERS = {"x12": ("order-850.x12", "change-860.x12"), "edifact": ("orders.edi", "ordchg.edi")}
ACKNOWLEDGEMENTS = {"x12": "997", "edifact": "CONTRL"}


def sample(name: str) -> bytes:
    return (HOWTO / "samples" / name).read_bytes()


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_shown_samples_are_the_files(text: Path) -> None:
    shown = dict(SHOWN.findall(text.read_text(encoding="utf-8")))
    assert set(shown) == {f"samples/{name}" for pair in PARTNERS.values() for name in pair}
    for name, content in shown.items():
        assert content == (HOWTO / name).read_text(encoding="utf-8")


class TestSamples:
    """Through the API, as the text has it."""

    @pytest.mark.parametrize("spoken", PARTNERS)
    async def test_dry_run_writes_nothing(self, plant: Plant, spoken: str) -> None:
        before = await plant.counts()
        told = await plant.send(sample(PARTNERS[spoken][0]), spoken, dry_run=True)
        assert [one["outcome"] for one in told["documents"]] == ["created"]
        assert await plant.counts() == before

    @pytest.mark.parametrize("spoken", PARTNERS)
    async def test_order_then_again_then_its_change(self, plant: Plant, spoken: str) -> None:
        order, change = PARTNERS[spoken]
        (taken,) = (first := await plant.send(sample(order), spoken))["documents"]
        assert (taken["outcome"], taken["currency"]) == (
            "created",
            "USD" if spoken == "x12" else "EUR",
        )
        assert_acknowledged(first, spoken)
        (again,) = (await plant.send(sample(order), spoken))["documents"]
        assert (again["outcome"], again["order"]) == ("repeated", taken["order"])
        (changed,) = (second := await plant.send(sample(change), spoken))["documents"]
        assert (changed["outcome"], changed["order"]) == ("changed", taken["order"])
        assert_acknowledged(second, spoken)
        lines = {one["position"]: one for one in changed["lines"]}
        assert lines["1"]["quantity_as_told"] == 150
        assert lines["1"]["due"].startswith("2026-12-14")
        assert lines["2"]["state"] == "cancelled"

    async def test_lines_of_the_850(self, plant: Plant) -> None:
        (taken,) = (await plant.send(sample("order-850.x12"), "x12"))["documents"]
        told = [
            (
                one["position"],
                one["item"],
                one["quantity_as_told"],
                one["unit_as_told"],
                one["price"],
                one["price_basis"],
                one["due"],
            )
            for one in taken["lines"]
        ]
        assert told == [
            ("1", "BRACKET-40", 120, "EA", 14.5, 1, "2026-12-11T15:59:59Z"),
            ("2", "012345678905", 2000, "EA", 3.25, 100, "2026-12-18T15:59:59Z"),
            ("3/1", "NW-900", 40, "KG", 2.1, 1, "2026-12-11T15:59:59Z"),
            ("3/2", "NW-900", 50, "KG", 2.1, 1, "2027-01-15T15:59:59Z"),
        ]
        assert (taken["customer_name"], taken["source"]) == ("Northwind Tools", "x12:123456789")


def assert_acknowledged(told: dict[str, Any], spoken: str) -> None:
    """The acknowledgement comes first, and says that everything was taken."""
    answer = told["answers"][0]
    assert answer["kind"] == ACKNOWLEDGEMENTS[spoken]
    accepted = r"AK5\*A~" if spoken == "x12" else r"UCM\+1\+OR[A-Z]+:D:96A:UN:EAN00\d\+7'"
    assert re.search(accepted, answer["content"])

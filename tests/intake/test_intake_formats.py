"""The formats' own connectors at work: answers, tables, previews, mappings."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl
import pytest
from intake_plant import SITE, Plant, outcomes

X12 = (
    "ISA*00*          *00*          *01*000123456      *ZZ*GEMBA          *261120*1030*U*00401"
    "*000000101*0*P*>~"
    "GS*PO*000123456*GEMBA*20261120*1030*55*X*004010~"
    "ST*850*0001~"
    "BEG*00*SA*PO-{number}**20261120~"
    "CUR*BY*USD~"
    "N1*BY*Acme Ltd*92*acme~"
    "PO1*1*12*EA*3.25**VP*bracket~"
    "DTM*002*20991231~"
    "PO1*2*30*FT*1.5**VP*wire~"
    "CTT*2~"
    "SE*9*0001~"
    "GE*1*55~"
    "IEA*1*000000101~"
)

EDIFACT = (
    "UNA:+.? '"
    "UNB+UNOC:3+4012345000009:14+4399901234560:14+261120:1030+77'"
    "UNH+1+ORDERS:D:96A:UN'"
    "BGM+220+B-{number}+9'"
    "DTM+137:20261120:102'"
    "NAD+BY+acme::92++Acme Ltd'"
    "LIN+10'"
    "PIA+5+bracket:SA'"
    "QTY+21:7:PCE'"
    "DTM+2:20991231:102'"
    "UNS+S'"
    "UNT+10+1'"
    "UNZ+1+77'"
)

CSV = """Order;Customer;Pos;Item;Quantity;Unit;Price;Due
T-1;acme;10;bracket;1.500;pcs;3,25;31.12.2099
T-1;acme;20;wire;2,5;m;0,99;31.12.2099
T-2;acme;10;bracket;many;pcs;3,25;31.12.2099
T-3;acme;10;bracket;4;pcs;3,25;31.12.2099
"""


class TestX12:
    async def test_an_order_is_taken_in_and_acknowledged(self, plant: Plant) -> None:
        told = await plant.send(X12.format(number=1), "x12")
        (taken,) = told["documents"]
        assert (taken["outcome"], taken["number"], taken["customer"]) == ("created", "PO-1", "acme")
        assert taken["currency"] == "USD"
        first, second = taken["lines"]
        assert (first["item"], first["quantity"], first["price"]) == ("bracket", 12, 3.25)
        assert (second["quantity"], second["unit"]) == (9.144, "m")
        assert (second["quantity_as_told"], second["unit_as_told"]) == (30, "FT")
        assert first["due"] == "2099-12-31T15:59:59Z"
        (answer,) = told["answers"]
        assert answer["kind"] == "997"
        assert "AK9*A*1*1*1~" in answer["content"]

    async def test_the_855_says_what_is_confirmed(self, plant: Plant) -> None:
        told = await plant.send(X12.format(number=1), "x12")
        document = told["documents"][0]
        path = f"/v1/intake/documents/{document['id']}/answers"
        assert await plant.get(path) == {"items": [], "total": 0}
        await plant.rows("UPDATE order_lines SET state = 'confirmed'")
        # What the document told is no word of ours: the line's quantity counts, in the told unit.
        await plant.rows("UPDATE order_lines SET quantity = 6.096 WHERE number = 2")
        (answer,) = (await plant.get(path))["items"]
        assert answer["kind"] == "855"
        assert f"BAK*00*AC*PO-1*20261120****{document['order']}" in answer["content"]
        assert "ACK*IA*12*EA" in answer["content"]
        assert "ACK*IQ*20*FT" in answer["content"]

    async def test_a_rehearsal_answers_as_well(self, plant: Plant) -> None:
        before = await plant.counts()
        told = await plant.send(X12.format(number=1), "x12", dry_run=True)
        assert [answer["kind"] for answer in told["answers"]] == ["997"]
        assert await plant.counts() == before


class TestEdifact:
    async def test_an_order_is_taken_in_and_acknowledged(self, plant: Plant) -> None:
        told = await plant.send(EDIFACT.format(number=1), "edifact")
        (taken,) = told["documents"]
        assert (taken["outcome"], taken["number"], taken["customer"]) == ("created", "B-1", "acme")
        (line,) = taken["lines"]
        assert (line["item"], line["quantity"], line["unit_as_told"]) == ("bracket", 7, "PCE")
        assert [answer["kind"] for answer in told["answers"]] == ["CONTRL"]
        await plant.rows("UPDATE order_lines SET state = 'confirmed'")
        (answer,) = (await plant.get(f"/v1/intake/documents/{taken['id']}/answers"))["items"]
        assert answer["kind"] == "ORDRSP"


class TestTables:
    async def test_a_bad_cell_is_told_by_its_place_and_keeps_one_order_out(
        self, plant: Plant
    ) -> None:
        told = await plant.send(CSV, "csv", source="sheet")
        assert outcomes(told) == ["created", "created", "refused"]
        first = told["documents"][0]
        assert [(one["item"], one["quantity"]) for one in first["lines"]] == [
            ("bracket", 1500), ("wire", 2.5),
        ]  # fmt: skip
        errors = [one for one in told["problems"] if one["severity"] == "error"]
        assert len(errors) == 1
        assert 'row 4, column "Quantity"' in errors[0]["place"]
        assert (errors[0]["value"], errors[0]["document"]) == ("many", "T-2")
        assert outcomes(await plant.send(CSV, "csv", source="sheet"))[:2] == ["repeated"] * 2

    async def test_the_preview_guesses_and_the_mapping_is_remembered(self, plant: Plant) -> None:
        client = await plant.as_role()
        answer = await client.post("/v1/intake/preview/csv", content=CSV)
        assert answer.status_code == 200, answer.text
        preview = answer.json()
        assert preview["header"][0] == "Order"
        assert preview["mapping"]["columns"]["quantity"] == "Quantity"
        assert preview["rows"][0]["line"]["quantity"] == 1500
        assert preview["rows"][2]["line"] is None
        assert [one["value"] for one in preview["problems"] if one["severity"] == "error"] == [
            "many"
        ]
        await plant.put(
            "/v1/intake/mappings/acme", {"format": "csv", "mapping": preview["mapping"]}
        )
        listed = await plant.get("/v1/intake/mappings")
        assert [one["name"] for one in listed["items"]] == ["acme"]
        assert listed["items"][0]["mapping"] == preview["mapping"]
        told = await plant.send(CSV, "csv", source="sheet", mapping="acme")
        assert outcomes(told) == ["created", "created", "refused"]
        await plant.send(CSV, "csv", mapping="unknown", status=404)
        await plant.send(CSV, "x12", mapping="acme", status=409)
        wrong = await plant.send(CSV, "csv", columns='{"columns": {"colour": "x"}}', status=422)
        assert wrong["errors"][0]["field"].startswith("columns")

    async def test_a_workbook(self, plant: Plant) -> None:
        workbook = openpyxl.Workbook()
        sheet = workbook.active
        assert sheet is not None
        for row in (
            ("Order", "Customer", "Item", "Quantity", "Due"),
            ("X-1", "acme", "bracket", 3, "2099-12-31"),
        ):
            sheet.append(row)
        content = io.BytesIO()
        workbook.save(content)
        told = await plant.send(content.getvalue(), "xlsx", source="sheet", site=SITE)
        assert outcomes(told) == ["created"]
        assert told["documents"][0]["lines"][0]["quantity"] == 3

    async def test_a_channel_says_which_mapping_and_whose_orders(self, plant: Plant) -> None:
        mapping = {"columns": {"order_number": "A", "item": "B", "quantity": "C"}, "header_row": 0}
        await plant.put("/v1/intake/mappings/bare", {"format": "csv", "mapping": mapping})
        await plant.put(
            "/v1/channels/desk",
            {"format": "csv", "mapping": "bare", "customer": "acme", "source": "desk"},
        )
        told = await plant.send("N-1,bracket,4\n", "csv", channel="desk")
        (taken,) = told["documents"]
        assert (taken["source"], taken["customer"]) == ("desk", "acme")


class TestReferenceDocuments:
    @pytest.mark.parametrize("spoken", ["x12", "edifact", "sap-idoc", "csv", "xlsx", "shopify"])
    async def test_nonsense_is_a_422_and_never_a_500(self, plant: Plant, spoken: str) -> None:
        for content in (b"", b"\x00\xff", b"{}", b"<a/>", b"ISA*", b"UNB+'", b"a,b\n1,2\n"):
            answer = await (await plant.as_role()).post(f"/v1/intake/{spoken}", content=content)
            assert answer.status_code == 422, (spoken, content, answer.text)
            assert answer.json()["errors"], content


class TestTheGuide:
    @pytest.mark.parametrize("name", ["take-orders-in.md", "take-orders-in.zh-CN.md"])
    async def test_its_sample_is_taken_in(self, plant: Plant, name: str) -> None:
        guide = Path(__file__).parents[2] / "docs" / "howto" / name
        found = re.search(
            r"<!-- sample -->\n```csv\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL
        )
        assert found is not None
        told = await plant.send(found.group(1), "csv", source="acme-sheet")
        assert outcomes(told) == ["created", "created"]
        assert told["problems"] == []
        lines = told["documents"][0]["lines"]
        assert [(one["item"], one["quantity"], one["unit"]) for one in lines] == [
            ("bracket", 12, "pcs"),
            ("wire", 2.5, "m"),
        ]
        channel = {
            "format": "csv", "site": "plant-1", "customer": "acme", "source": "acme-sheet",
        }  # fmt: skip
        await plant.put("/v1/channels/acme", channel)
        again = await plant.send(found.group(1), "csv", channel="acme")
        assert outcomes(again) == ["repeated", "repeated"]

"""The how-tos of files and shops: what they show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from connectors import sap_idoc, shopify, table
from connectors.mapping import Field, Mapping
from connectors.options import ReadOptions
from domain.documents import DocumentKind

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
SAMPLES = HOWTO / "samples"
TEXTS = [
    HOWTO / f"{name}{language}.md"
    for name in ("import-from-sap", "connect-a-shop", "import-spreadsheets")
    for language in ("", ".zh-CN")
]
PACKAGES = {
    "import-from-sap": "sap_idoc",
    "connect-a-shop": "shopify",
    "import-spreadsheets": "table",
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
class TestTexts:
    def test_their_links_lead_somewhere(self, text: Path) -> None:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text.read_text(encoding="utf-8"))
        assert links
        for link in links:
            assert (text.parent / link).exists(), link

    def test_their_codes_exist(self, text: Path) -> None:
        package = ROOT / "connectors" / PACKAGES[text.name.split(".")[0]]
        shared = ROOT / "connectors" / "json_documents.py"
        files = [*package.glob("*.py"), shared]
        code = "".join(path.read_text(encoding="utf-8") for path in files)
        tables = re.findall(r"(?:^\|.*\n)+", text.read_text(encoding="utf-8"), re.MULTILINE)
        rows = re.findall(r"^\| (`[^|]+) \|", tables[-1], re.MULTILINE)
        named = re.findall(r"`(\w+)`", " ".join(rows))
        assert len(named) >= 6
        for name in named:
            # What there is too much of is put together: `too_many("rows", …)`.
            what = name.removeprefix("too_many_")
            assert f'"{name}"' in code or f'too_many("{what}"' in code, name


class TestSamples:
    def test_the_table_that_is_shown_is_the_sample(self) -> None:
        for text, sample in (("", "orders.csv"), (".zh-CN", "orders-zh.csv")):
            shown = (HOWTO / f"import-spreadsheets{text}.md").read_text(encoding="utf-8")
            (block,) = re.findall(r"```csv\n(.*?)```", shown, re.DOTALL)
            assert block == (SAMPLES / sample).read_text(encoding="utf-8")

    @pytest.mark.parametrize("language", ["", ".zh-CN"])
    def test_the_mapping_that_is_shown_reads_the_sample(self, language: str) -> None:
        shown = (HOWTO / f"import-spreadsheets{language}.md").read_text(encoding="utf-8")
        (told,) = re.findall(r'"mapping": (\{.*\})\}\'', shown)
        mapping = msgspec.json.decode(told, type=Mapping)
        sample = (SAMPLES / ("orders-zh.csv" if language else "orders.csv")).read_bytes()
        seen = table.preview(sample, ReadOptions(mapping=mapping))
        assert seen.mapping is not None
        assert seen.mapping.columns == mapping.columns
        assert seen.mapping.constants == mapping.constants

    @pytest.mark.parametrize("text", [path for path in TEXTS if "spreadsheets" in path.name],
                             ids=lambda path: path.name)  # fmt: skip
    def test_every_field_is_told(self, text: Path) -> None:
        told = text.read_text(encoding="utf-8")
        for field in Field:
            assert f"`{field.value}`" in told, field

    def test_the_orders_are_taken_in_as_the_texts_say(self) -> None:
        options = ReadOptions()
        assert len(table.read_csv((SAMPLES / "orders.csv").read_bytes(), options).documents) == 2
        assert len(table.read_csv((SAMPLES / "orders-zh.csv").read_bytes(), options).documents) == 2
        (order,) = sap_idoc.read((SAMPLES / "sap-orders05.xml").read_bytes(), options).documents
        (change,) = sap_idoc.read((SAMPLES / "sap-ordchg.xml").read_bytes(), options).documents
        assert (order.kind, change.kind) == (DocumentKind.ORDER, DocumentKind.CHANGE)
        (bought,) = shopify.read((SAMPLES / "shopify-order.json").read_bytes(), options).documents
        assert bought.source == "shopify:gemba-parts.myshopify.com"

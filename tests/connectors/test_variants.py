"""The same order however its sender writes it: separators, line ends, encodings, order, leavings.

Every variant has to read as the original does. `message` (the envelope's numbers) and places are
what may differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from edi_files import sample

from connectors.options import ReadOptions
from connectors.registry import reader_of
from domain.documents import Format, OrderDocument, Severity

Variant = Callable[[bytes], bytes]
OPTIONS = ReadOptions(source="test:sender")


def told(content: bytes, spoken: Format) -> list[OrderDocument]:
    """What was read, without what may differ; nothing of it is an error."""
    reading = reader_of(spoken)(content, OPTIONS)
    errors = [one for one in reading.problems if one.severity is Severity.ERROR]
    assert not errors, errors
    return [
        msgspec.structs.replace(
            one,
            message=None,
            lines=tuple(msgspec.structs.replace(line, place="") for line in one.lines),
        )
        for one in reading.documents
    ]


def recoded(encoding: str) -> Variant:
    """In another encoding, without saying so; those of Python that write a mark do."""
    return lambda content: content.decode("utf-8").encode(encoding)


def replaced(pattern: str, by: str) -> Variant:
    """With other words in some places."""

    def change(content: bytes) -> bytes:
        text, times = re.subn(pattern, by, content.decode("utf-8"), flags=re.MULTILINE)
        assert times, pattern
        return text.encode()

    return change


def one_after_the_other(*variants: Variant) -> Variant:
    """Several changes."""

    def change(content: bytes) -> bytes:
        for variant in variants:
            content = variant(content)
        return content

    return change


def in_lines_of(characters: int) -> Variant:
    """Broken after so many characters, wherever that is."""

    def change(content: bytes) -> bytes:
        text = content.decode("utf-8").replace("\n", "")
        parts = [text[at : at + characters] for at in range(0, len(text), characters)]
        return "\r\n".join(parts).encode()

    return change


def translated(**marks: str) -> Variant:
    """With other separators: each character becomes another."""
    table = {ord(before): after for before, after in zip(marks["old"], marks["new"], strict=True)}
    return lambda content: content.decode("utf-8").translate(table).encode()


ANY: dict[str, Variant] = {
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "CRLF": replaced(r"\n", "\r\n"),
    "UTF-16 with a mark": recoded("utf-16"),
    "UTF-16 little endian with a mark": lambda content: (
        b"\xff\xfe" + content.decode("utf-8").encode("utf-16-le")
    ),
    "UTF-16 big endian with a mark": lambda content: (
        b"\xfe\xff" + content.decode("utf-8").encode("utf-16-be")
    ),
    "UTF-16 little endian": recoded("utf-16-le"),
    "UTF-16 big endian": recoded("utf-16-be"),
    "blank lines around": lambda content: b"\n \n" + content + b"\n\n",
}
SEGMENTS: dict[str, Variant] = {
    **ANY,
    "on one line": replaced(r"\n", ""),
    "old Mac": replaced(r"\n", "\r"),
    "indented": replaced(r"^", "\t  "),
    "in lines of 80": in_lines_of(80),
    "end of file of CP/M": lambda content: content + b"\x1a",
    "blanks before the terminators' line ends": replaced(r"\n", "   \n"),
}
X12: dict[str, Variant] = {
    **SEGMENTS,
    "bars, colons, line ends": one_after_the_other(
        replaced(r"\n", ""), translated(old="*>~", new="|:\n")
    ),
    "unit separators": translated(old="*>~", new="\x1d\x1f\x1c"),
    "carets and apostrophes": translated(old="*>~", new="^\\'"),
    "CRLF as terminator": one_after_the_other(replaced(r"\n", ""), replaced("~", "\r\n")),
    "trailing separators": replaced(r"^(PO1|DTM|N1|BEG)(.*)~", r"\1\2***~"),
}
EDIFACT: dict[str, Variant] = {
    **SEGMENTS,
    "without advice": replaced(r"^UNA.*\n", ""),
    "advice without a line end": replaced(r"^(UNA.*)\n", r"\1"),
    "advice behind blank lines": lambda content: b"\r\n\r\n" + content,
    "other marks, advised": one_after_the_other(
        # What had to be released has no meaning any more.
        translated(old=":+'", new="|*~"),
        replaced(r"\?\*", "+"),
    ),
    "trailing separators": replaced(r"^(LIN|QTY|NAD)(.*)'", r"\1\2+++'"),
    "character set UNOB": replaced("UNO[A-Z]:", "UNOB:"),
    "character set UNOY, which is UTF-8 of syntax 4": replaced(r"UNO[A-Z]:\d", "UNOY:4"),
}


def in_namespace(prefix: str) -> Variant:
    """All elements in a namespace, by a prefix or as the default."""

    def change(content: bytes) -> bytes:
        text = content.decode("utf-8")
        if not prefix:
            return text.replace("<ORDERS05>", '<ORDERS05 xmlns="urn:sap:idoc">').encode()
        text = re.sub(r"<(/?)([A-Z])", rf"<\1{prefix}:\2", text)
        opened = f"<{prefix}:ORDERS05>"
        return text.replace(opened, f'{opened[:-1]} xmlns:{prefix}="urn:sap:idoc">').encode()

    return change


def declared(encoding: str) -> Variant:
    """In another encoding that the XML declaration names."""

    def change(content: bytes) -> bytes:
        text = content.decode("utf-8").replace('encoding="UTF-8"', f'encoding="{encoding}"')
        return text.encode(encoding)

    return change


def partners_first(content: bytes) -> bytes:
    """The partners before the dates."""
    text = content.decode("utf-8")
    partners = re.findall(r"\s*<E1EDKA1.*?</E1EDKA1>", text, re.DOTALL)
    for one in partners:
        text = text.replace(one, "")
    return text.replace("</E1EDK01>", "</E1EDK01>" + "".join(partners), 1).encode()


SAP: dict[str, Variant] = {
    **{name: variant for name, variant in ANY.items() if not name.startswith("UTF-16")},
    "ISO 8859-1": declared("iso-8859-1"),
    "Windows 1252": declared("windows-1252"),
    "UTF-16": declared("utf-16"),
    "without a declaration": replaced(r"^<\?xml.*\?>\n", ""),
    "UTF-16 without a declaration": one_after_the_other(
        replaced(r"^<\?xml.*\?>\n", ""), recoded("utf-16")
    ),
    "on one line": replaced(r"\n\s*", ""),
    "default namespace": in_namespace(""),
    "prefixed namespace": in_namespace("ns0"),
    "without attributes": replaced(r' (SEGMENT|BEGIN)="1"', ""),
    "comments and instructions": replaced(r"(<E1EDP01)", r"<!-- a line --><?sap note?>\1"),
    "character data": replaced(r"<NAME1>([^<]*)</NAME1>", r"<NAME1><![CDATA[\1]]></NAME1>"),
    "extension": replaced(r"ORDERS05>", "ZORDERS05EXT>"),
    "blanks around values": replaced(r"<(\w+)>([^<\n]+)</\1>", r"<\1>  \2 </\1>"),
    "empty elements": replaced(r"(<POSEX>)", r"<PSTYV/><WERKS></WERKS>\1"),
    "partners before the dates": partners_first,
}


def rewritten(change: Callable[[Any], Any], **style: Any) -> Variant:
    """The same JSON in other words."""
    return lambda content: json.dumps(change(json.loads(content)), **style).encode()


def backwards(value: Any) -> Any:
    """Objects with their members from the last to the first."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(one) for one in value] if isinstance(value, list) else value


JSON: dict[str, Variant] = {
    **ANY,
    "escaped": rewritten(lambda value: value, ensure_ascii=True),
    "compact": rewritten(lambda value: value, ensure_ascii=False, separators=(",", ":")),
    "members in another order": rewritten(backwards, ensure_ascii=False, indent="\t"),
}
CSV: dict[str, Variant] = {
    **ANY,
    "old Mac": replaced(r"\n", "\r"),
    "blank lines between": replaced(r"\n", "\n\n"),
    "title above": lambda content: "订单导出 2026\n\n".encode() + content,
}


CASES = [
    *((Format.X12, "order-850.x12", name, variant) for name, variant in X12.items()),
    *((Format.X12, "change-860.x12", name, variant) for name, variant in SEGMENTS.items()),
    *((Format.EDIFACT, "orders.edi", name, variant) for name, variant in EDIFACT.items()),
    *((Format.EDIFACT, "ordchg.edi", name, variant) for name, variant in SEGMENTS.items()),
    *((Format.SAP_IDOC, "sap-orders05.xml", name, variant) for name, variant in SAP.items()),
    *((Format.KINGDEE, "kingdee-order.json", name, variant) for name, variant in JSON.items()),
    *((Format.YONYOU, "yonyou-order.json", name, variant) for name, variant in JSON.items()),
    *((Format.SHOPIFY, "shopify-order.json", name, variant) for name, variant in JSON.items()),
    *((Format.CSV, "orders-zh.csv", name, variant) for name, variant in CSV.items()),
]


@pytest.mark.parametrize(
    ("spoken", "name", "variant"),
    [
        pytest.param(spoken, name, variant, id=f"{name}: {described}")
        for spoken, name, described, variant in CASES
    ],
)
def test_it_reads_as_the_original_does(spoken: Format, name: str, variant: Variant) -> None:
    original = sample(name)
    assert told(variant(original), spoken) == told(original, spoken)


class TestTables:
    """What a table may look like besides: other separators, quotes, columns, encodings."""

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
    def test_chinese(self, delimiter: str, encoding: str) -> None:
        original = sample("orders-zh.csv")
        text = original.decode("utf-8").replace(",", delimiter)
        assert told(text.encode(encoding), Format.CSV) == told(original, Format.CSV)

    def test_all_quoted(self) -> None:
        original = sample("orders-zh.csv")
        rows = [row.split(",") for row in original.decode("utf-8").splitlines()]
        quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
        assert told(quoted.encode(), Format.CSV) == told(original, Format.CSV)

    def test_columns_in_another_order_and_one_more(self) -> None:
        original = sample("orders-zh.csv")
        rows = [row.split(",") for row in original.decode("utf-8").splitlines()]
        turned = [
            [*reversed(row), "x" if number else "没有意义"] for number, row in enumerate(rows)
        ]
        content = "\n".join(",".join(row) for row in turned).encode()
        assert told(content, Format.CSV) == told(original, Format.CSV)

    def test_the_separator_named_as_spreadsheets_do(self) -> None:
        original = sample("orders-zh.csv")
        text = "sep=;\r\n" + original.decode("utf-8").replace(",", ";")
        assert told(text.encode(), Format.CSV) == told(original, Format.CSV)

    def test_without_what_may_be_missing(self) -> None:
        content = "Order,Item,Qty\nA-1,PLUG,5\nA-1,CABLE,2.5\n"
        (order,) = told(content.encode(), Format.CSV)
        assert order.number == "A-1"
        assert [(line.names[0].value, str(line.quantity)) for line in order.lines] == [
            ("PLUG", "5"),
            ("CABLE", "2.5"),
        ]


class TestMissing:
    """Without the optional segments an order is an order still."""

    def test_x12_of_the_least_segments(self) -> None:
        content = (
            "ISA*00*          *00*          *ZZ*BUYER          *ZZ*GEMBA          *261120*0915*U"
            "*00401*000000001*0*P*>~GS*PO*BUYER*GEMBA*20261120*0915*1*X*004010~ST*850*0001~"
            "BEG*00*SA*77**20261120~PO1**5*EA***VP*PLUG~SE*4*0001~GE*1*1~IEA*1*000000001~"
        )
        (order,) = told(content.encode(), Format.X12)
        (line,) = order.lines
        assert (order.number, line.names[0].value, str(line.quantity)) == ("77", "PLUG", "5")
        assert line.position == "1"

    def test_edifact_of_the_least_segments(self) -> None:
        content = (
            "UNB+UNOA:1+BUYER+GEMBA+261120:0915+1'UNH+1+ORDERS:D:01B:UN'BGM+220+77'"
            "LIN+1++PLUG:SA'QTY+21:5'UNS+S'UNT+6+1'UNZ+1+1'"
        )
        (order,) = told(content.encode(), Format.EDIFACT)
        (line,) = order.lines
        assert (order.number, line.names[0].value, str(line.quantity)) == ("77", "PLUG", "5")

    def test_an_idoc_of_the_least_segments(self) -> None:
        content = (
            "<ORDERS05><IDOC><E1EDK01><BELNR>77</BELNR></E1EDK01><E1EDP01><POSEX>10</POSEX>"
            "<MENGE>5</MENGE><E1EDP19><QUALF>002</QUALF><IDTNR>PLUG</IDTNR></E1EDP19></E1EDP01>"
            "</IDOC></ORDERS05>"
        )
        (order,) = told(content.encode(), Format.SAP_IDOC)
        (line,) = order.lines
        assert (order.number, line.position, str(line.quantity)) == ("77", "10", "5")

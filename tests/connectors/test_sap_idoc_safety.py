"""IDocs that attack, lie or are none: never an exception, always a reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.options import ReadOptions
from connectors.sap_idoc import read
from domain.documents import Severity

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
ORDER = (SAMPLES / "sap-orders05.xml").read_bytes()
BODY = ORDER[ORDER.index(b"<ORDERS05>") :].decode()


def refusal(content: bytes, options: ReadOptions | None = None) -> str:
    reading = read(content, options or ReadOptions())
    assert reading.documents == ()
    assert len(reading.problems) == 1, reading.problems
    (problem,) = reading.problems
    assert problem.severity is Severity.ERROR
    assert problem.document is None
    assert problem.problem
    assert problem.place
    return problem.code


class TestRefused:
    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE ORDERS05 [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE ORDERS05 SYSTEM "http://127.0.0.1:1/x.dtd">',
            '<!DOCTYPE ORDERS05 [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE ORDERS05 [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
            "<!DOCTYPE ORDERS05>",
        ],
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_a_document_type(self, doctype: str, encoding: str) -> None:
        text = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}{BODY}'
        assert refusal(text.encode(encoding)) == "doctype_forbidden"

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (b" \n", "empty"),
            (b"EDI_DC40  1000000000000719301700 3012", "flat_file"),
            (b"ISA*00*          *00*", "not_xml"),
            (b"{}", "not_xml"),
            (b"<invoice><IDOC/></invoice>", ""),
            (b"<a><b/></a>", "wrong_root"),
            (b"<ORDERS05></ORDERS05>", "idoc_missing"),
            (ORDER[:-20], "not_well_formed"),
            (ORDER.replace(b"&", b"").replace(b"Kassel", b"&nbsp;", 1), "not_well_formed"),
            (b'<?xml version="1.0" encoding="rot13"?><ORDERS05/>', "encoding_unknown"),
            (b'<?xml version="1.0" encoding="utf-7"?><ORDERS05/>', "encoding_unknown"),
            (b'<?xml version="1.0" encoding="gb2312"?><ORDERS05>\xff\xff</ORDERS05>',
             "encoding_wrong"),
            (b"<ORDERS05>" + b"<a>" * 100 + b"</a>" * 100 + b"</ORDERS05>", "too_deep"),
            (ORDER.replace(b"Kassel", b"K" * 70_000, 1), "text_too_long"),
        ],
    )  # fmt: skip
    def test_what_is_none(self, content: bytes, code: str) -> None:
        if not code:
            reading = read(content, ReadOptions())
            assert reading.documents == ()
            assert "message_type_wrong" in {one.code for one in reading.problems}
            return
        assert refusal(content) == code

    def test_too_many_bytes(self) -> None:
        assert refusal(ORDER, ReadOptions(max_bytes=1000)) == "too_large"

    def test_what_nobody_sees_is_not_told(self) -> None:
        (problem,) = read(b"\x00\x01abc", ReadOptions()).problems
        assert problem.value == "  abc"

    def test_a_message_says_what_to_do(self) -> None:
        (problem,) = read(b"EDI_DC40  100", ReadOptions()).problems
        assert "XML" in problem.problem


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "iso-8859-15"]
    )
    def test_declared_ones_are_read(self, encoding: str) -> None:
        text = f'<?xml version="1.0" encoding="{encoding}"?>{BODY}'
        (order,) = read(text.encode(encoding), ReadOptions()).documents
        assert order.parties[0].name == "Nordmann Hausgeräte GmbH"

    @pytest.mark.parametrize("encoding", ["gb2312", "GBK", "GB18030", "Big5"])
    def test_chinese_ones_are_read(self, encoding: str) -> None:
        told = BODY.replace("Nordmann Hausgeräte GmbH", "中山大工厂").replace("ä", "a")
        text = f'<?xml version="1.0" encoding="{encoding}"?>{told}'
        for accented, plain in (("ß", "ss"), ("ö", "o"), ("ü", "u")):
            text = text.replace(accented, plain)
        (order,) = read(text.encode(encoding), ReadOptions()).documents
        assert order.parties[0].name == "中山大工厂"

    def test_a_byte_order_mark_and_a_namespace_do_no_harm(self) -> None:
        told = ORDER.replace(b"<ORDERS05>", b'<ORDERS05 xmlns="urn:sap-com:document:sap:idoc">')
        (order,) = read(b"\xef\xbb\xbf" + told, ReadOptions()).documents
        assert order.number == "4500017301"


class TestCost:
    def test_many_small_elements_cost_little(self) -> None:
        content = b"<ORDERS05><IDOC>" + b"<E1EDP01/>" * 300_000 + b"</IDOC></ORDERS05>"
        started = time.monotonic()
        reading = read(content, ReadOptions())
        assert reading.documents == ()
        assert time.monotonic() - started < 60

    def test_one_idoc_is_held_at_a_time(self) -> None:
        inner = ORDER[ORDER.index(b"<IDOC") : ORDER.index(b"</ORDERS05>")]
        content = b"<ORDERS05>" + inner * 500 + b"</ORDERS05>"
        reading = read(content, ReadOptions())
        assert len(reading.documents) == 500
        assert reading.documents[499].lines[0].place == "/ORDERS05/IDOC[500]/E1EDP01[1]"


class TestAnything:
    @given(st.binary(max_size=400))
    @settings(max_examples=200, deadline=None)
    def test_bytes_never_raise(self, content: bytes) -> None:
        for whole in (content, b"<ORDERS05><IDOC>" + content + b"</IDOC></ORDERS05>"):
            reading = read(whole, ReadOptions())
            assert reading.documents == ()
            assert reading.problems

    @given(data=st.data())
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_mutated_samples_never_raise(self, data: st.DataObject) -> None:
        content = bytearray(ORDER)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            length = data.draw(st.integers(0, 12))
            content[at : at + length] = data.draw(
                st.binary(max_size=12)
                | st.sampled_from([b"-", b"<", b"00000000", b"\xc3", b"9" * 12])
            )
        reading = read(bytes(content), ReadOptions())
        assert reading.documents or any(one.severity is Severity.ERROR for one in reading.problems)
        for document in reading.documents:
            assert document.number
            assert all(line.quantity is None or line.quantity > 0 for line in document.lines)

    @given(value=st.text(max_size=30), field=st.sampled_from(
        ["MENGE", "VPREI", "PEINH", "NETWR", "WMENG", "EDATU", "DATUM", "CREDAT", "CRETIM", "SUMME",
         "POSEX", "BELNR", "MESTYP", "IDTNR"]))  # fmt: skip
    @settings(max_examples=400, deadline=None)
    def test_a_bad_field_is_named(self, value: str, field: str) -> None:
        tag = f"<{field}>".encode()
        start = ORDER.index(tag) + len(tag)
        end = ORDER.index(b"</", start)
        told = "".join(one for one in value if one.isprintable() and one not in "<>&")
        reading = read(ORDER[:start] + told.encode() + ORDER[end:], ReadOptions())
        assert reading.documents or any(
            one.place.endswith(f"/{field}") or one.severity is Severity.ERROR
            for one in reading.problems
        )

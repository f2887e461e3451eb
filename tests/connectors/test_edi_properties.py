"""Whatever the bytes are: nothing is raised, nothing takes long, and no order is wrong silently."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from edi_files import ISA, OPTIONS, reference, sample
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors import edifact, x12
from connectors.options import ReadOptions
from connectors.segments import Segment, Separators, split
from connectors.values import number, written
from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    DocumentKind,
    OrderAnswer,
    OrderDocument,
    Reading,
)

Read = Callable[[bytes, ReadOptions], Reading]
READERS: dict[str, Read] = {"x12": x12.read, "edifact": edifact.read}
SAMPLES = {
    "order-850.x12": x12.read,
    "change-860.x12": x12.read,
    "orders.edi": edifact.read,
    "ordchg.edi": edifact.read,
}
REFERENCES = {
    "x12.850.edi": x12.read,
    "x12.850a.edi": x12.read,
    "edifact.orders-with-group.edi": edifact.read,
}
AT = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)

WORDS = """
    ISA GS ST SE GE IEA BEG BCH PO1 POC DTM N1 N4 SCH CTT UNA UNB UNG UNH UNT UNE UNZ BGM LIN QTY
    NAD PRI PIA IMD UNS CNT * ~ + : ' ? > 850 860 ORDERS ORDCHG 1 0 -1 00 002 2 21 A 9 20261120 102
    203 999999 PO-1 é
"""
SOUP = st.lists(st.sampled_from([*WORDS.split(), " ", "\n", "\r\n", "\x00"]), max_size=80).map(
    "".join
)


def without_places(order: OrderDocument) -> object:
    """What an order says, wherever it stands."""
    lines = [
        (line.position, line.action, line.names, line.quantity, line.unit, line.price, line.due)
        for line in order.lines
    ]
    return order.kind, order.number, order.version, order.parties, order.due, lines


class TestAnyBytes:
    """Nothing is raised."""

    @pytest.mark.parametrize("name", READERS)
    @given(content=st.binary(max_size=400))
    def test_bytes(self, name: str, content: bytes) -> None:
        reading = READERS[name](content, OPTIONS)
        assert reading.problems
        assert b"\\u0000" not in msgspec.json.encode(reading)

    @pytest.mark.parametrize("name", READERS)
    @given(soup=SOUP)
    @settings(max_examples=300)
    def test_segments_in_any_order(self, name: str, soup: str) -> None:
        header = ISA if name == "x12" else "UNB+UNOC:3+A+B+261120:0915+1'"
        reading = READERS[name]((header + soup).encode(), OPTIONS)
        for order in reading.documents:
            assert order.number
            assert order.kind is not DocumentKind.ORDER or order.lines
            assert all(line.quantity is None or line.quantity > 0 for line in order.lines)
        assert b"\\u0000" not in msgspec.json.encode(reading)

    @pytest.mark.parametrize("name", SAMPLES)
    @given(data=st.data())
    @settings(max_examples=150)
    def test_one_byte_changed(self, name: str, data: st.DataObject) -> None:
        content = bytearray(sample(name))
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        reading = SAMPLES[name](bytes(content), OPTIONS)
        assert b"\\u0000" not in msgspec.json.encode(reading)


class TestTruncation:
    """A file that was cut off says so, at whatever byte."""

    @pytest.mark.parametrize("name", SAMPLES)
    def test_samples(self, name: str) -> None:
        assert_tells_truncation(sample(name), SAMPLES[name])

    @pytest.mark.reference_data
    @pytest.mark.parametrize("name", REFERENCES)
    def test_reference_files(self, name: str) -> None:
        assert_tells_truncation(reference(name), REFERENCES[name])


def assert_tells_truncation(content: bytes, read: Read) -> None:
    """Each beginning of a file has a further problem, or the same order."""
    content = content.rstrip()
    whole = read(content, OPTIONS)
    said = {(one.code, one.place) for one in whole.problems}
    (order,) = whole.documents
    for length in range(len(content)):
        reading = read(content[:length], OPTIONS)
        further = [one for one in reading.problems if (one.code, one.place) not in said]
        assert further, f"cut off after {length} bytes, and nothing is said"
        for found in reading.documents:
            assert without_places(found) == without_places(order), length


class TestMissingTerminator:
    """A terminator that is missing anywhere is told, and the order is right or refused."""

    @pytest.mark.parametrize("gap", [b"", b"\n", b" "])
    @pytest.mark.parametrize("name", SAMPLES)
    def test_samples(self, name: str, gap: bytes) -> None:
        content, read = sample(name).rstrip(), SAMPLES[name]
        whole = read(content, OPTIONS)
        terminator = b"~\n" if read is x12.read else b"'\n"
        at = content.find(terminator, 10)
        while at >= 0:
            reading = read(content[:at] + gap + content[at + 2 :], OPTIONS)
            assert len(reading.problems) > len(whole.problems), at
            for found in reading.documents:
                assert without_places(found) == without_places(whole.documents[0]), at
            at = content.find(terminator, at + 1)

    @pytest.mark.parametrize("width", [60, 72, 80])
    @pytest.mark.parametrize("name", SAMPLES)
    def test_lines_that_break_anywhere(self, name: str, width: int) -> None:
        content, read = sample(name).replace(b"\n", b""), SAMPLES[name]
        parts = [content[at : at + width] for at in range(0, len(content), width)]
        (plain,) = read(content, OPTIONS).documents
        (wrapped,) = read(b"\r\n".join(parts), OPTIONS).documents
        assert without_places(wrapped) == without_places(plain)


class TestRoundTrips:
    """What is written is read again."""

    @given(
        value=st.decimals(
            min_value=0, max_value=10**12, places=4, allow_nan=False, allow_infinity=False
        )
    )
    def test_numbers(self, value: Decimal) -> None:
        assert number(written(value)) == value

    @given(texts=st.lists(st.text(alphabet="a?+:' *", max_size=8), min_size=1, max_size=6))
    def test_released_components(self, texts: list[str]) -> None:
        marks = Separators(element="+", component=":", terminator="'", release="?")
        escaped = ["".join(f"?{one}" if one in "?+:'" else one for one in text) for text in texts]
        joined = ":".join(escaped)
        assert split(joined, ":", "?") == escaped
        segment = Segment(
            elements=("TAG", joined),
            number=1,
            offset=0,
            line=1,
            encoding="ascii",
            separators=marks,
        )
        assert segment.components(1) == (tuple(text.strip() for text in texts) if joined else ())

    @given(
        texts=st.lists(st.text(max_size=40), max_size=4),
        quantity=st.integers(0, 10**9),
    )
    @example(texts=["Ã©"], quantity=1)
    @settings(max_examples=60)
    def test_answers_are_readable_whatever_they_say(self, texts: list[str], quantity: int) -> None:
        lines = tuple(
            AnsweredLine(
                position=str(rank),
                status=AnswerStatus.CHANGED,
                description=text,
                quantity=Decimal(quantity),
                confirmed_quantity=Decimal(quantity) / 3,
                confirmed_due=date(2026, 12, 1),
                reason=text,
            )
            for rank, text in enumerate(texts, start=1)
        )
        for name, package in (("order-850.x12", x12), ("orders.edi", edifact)):
            reading = package.read(sample(name), OPTIONS)
            (order,) = reading.documents
            answer = OrderAnswer(
                number=order.number,
                our_number="SO-1",
                status=AnswerStatus.CHANGED,
                answered_at=AT,
                lines=lines,
            )
            assert isinstance(reading.envelope, x12.Envelope | edifact.Envelope)
            if isinstance(reading.envelope, x12.Envelope):
                content = x12.answer_order(answer, reading.envelope, control=1, at=AT).content
            else:
                content = edifact.answer_order(answer, reading.envelope, control=1, at=AT).content
            found = {one.code for one in package.read(content, OPTIONS).problems}
            assert found <= {"set_unsupported", "message_unsupported"}


def many_lines(count: int) -> tuple[bytes, bytes]:
    """An 850 and an ORDERS with so many lines."""
    lines = "".join(
        f"PO1*{at}*5*EA*1.5**VN*ITEM-{at}~\nDTM*002*20261201~\nPID*F****Größe {at}~\n"
        for at in range(1, count + 1)
    )
    one = (
        f"{ISA}\nGS*PO*A*B*20261120*0915*101*X*004010~\nST*850*0001~\nBEG*00*SA*PO-1**20261120~\n"
        f"{lines}CTT*{count}~\nSE*{count * 3 + 4}*0001~\nGE*1*101~\nIEA*1*000000101~\n"
    )
    lines = "".join(
        f"LIN+{at}++4006381333931:EN'PIA+1+A?+B:SA'IMD+F++:::Größe {at}'QTY+21:5:PCE'PRI+AAA:1.5'"
        for at in range(1, count + 1)
    )
    two = (
        "UNB+UNOY:4+A+B+261120:0915+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO-1+9'"
        f"{lines}UNS+S'UNT+{count * 5 + 4}+1'UNZ+1+1'"
    )
    return one.encode(), two.encode()


class TestTime:
    """Long orders take little time, and hostile files little more."""

    def test_a_thousand_lines(self) -> None:
        for content, read in zip(many_lines(1_000), READERS.values(), strict=True):
            began = time.process_time()
            (order,) = read(content, OPTIONS).documents
            assert time.process_time() - began < 1
            assert len(order.lines) == 1_000

    @pytest.mark.parametrize(
        "piece",
        [
            b"~",
            b"\n",
            b"?",
            b"'",
            b"N1*\n",
            b"+",
            b"?'",
            b"ISA",
            b"UNA:+.? '",
            b"ST*850*1~",
            b"GS*PO~",
            ISA.encode() + b"\n",
            b"UNB+UNOA:3+A+B'UNH+1+ORDERS'",
            b"PO1*1*1*EA~",
            b"LIN+1'",
        ],
    )
    @pytest.mark.parametrize("name", READERS)
    def test_megabyte_of_one_thing(self, name: str, piece: bytes) -> None:
        start = {
            "x12": f"{ISA}GS*PO*A*B*20261120*0915*1*X*004010~ST*850*1~BEG*00*SA*P**20261120~",
            "edifact": "UNB+UNOC:3+A+B+261120:0915+1'UNH+1+ORDERS:D:96A:UN'BGM+220+P+9'",
        }[name]
        content = start.encode() + piece * (1_000_000 // len(piece))
        began = time.process_time()
        reading = READERS[name](content, OPTIONS)
        assert time.process_time() - began < 15
        assert reading.documents == ()
        assert len(reading.problems) < 10_000

    def test_interchanges_that_never_end_the_same_way(self) -> None:
        pieces = [ISA.replace("~", chr(0x4E00 + at)) + "\nN1*\n" for at in range(5_000)]
        began = time.process_time()
        x12.read("".join(pieces).encode(), OPTIONS)
        assert time.process_time() - began < 15

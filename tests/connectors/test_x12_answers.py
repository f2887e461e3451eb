"""997, 855 and 856: element by element, and readable by our own reader without a problem."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from edi_files import OPTIONS, order_850, reference, sample, x12

from connectors import x12 as connector
from connectors.x12 import Envelope, acknowledge, answer_order, read, ship_notice
from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    Name,
    NameScheme,
    OrderAnswer,
    Party,
    PartyRole,
    Severity,
    ShipNotice,
    ShippedLine,
)

AT = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
BRACKET = (Name(NameScheme.SUPPLIER, "BRACKET-40"), Name(NameScheme.BUYER, "NW-778"))
PARTIES = (
    Party(
        role=PartyRole.SHIP_TO,
        role_code="ST",
        names=(Name(NameScheme.GLN, "5412345000013"),),
        name="Northwind Plant 2",
        street=("12 Mill Road",),
        city="Dayton",
        region="OH",
        postal_code="45402",
        country="US",
    ),
    Party(role=PartyRole.OTHER, role_code="Z7", name="Nobody"),
)


def segments(content: bytes, separator: str = "*", terminator: str = "~") -> list[list[str]]:
    """The segments, split by hand."""
    text = content.decode()
    return [part.strip().split(separator) for part in text.split(terminator) if part.strip()]


def envelope_of(content: bytes) -> Envelope:
    """What answers need."""
    envelope = read(content, OPTIONS).envelope
    assert isinstance(envelope, Envelope)
    return envelope


def acknowledged(content: bytes, refused: tuple[str, ...] = ()) -> list[list[str]]:
    """The segments of 997 between ST and SE."""
    answer = acknowledge(read(content, OPTIONS), refused, control=7, at=AT)
    assert answer is not None
    assert answer.kind == "997"
    assert_readable(answer.content)
    return segments(answer.content)[3:-3]


def assert_readable(content: bytes) -> None:
    """Our own reader has nothing to say against the envelope and the counts."""
    found = read(content, OPTIONS).problems
    assert [one for one in found if one.code not in {"set_unsupported", "no_order"}] == []


def answered(*lines: AnsweredLine, status: AnswerStatus = AnswerStatus.CHANGED) -> OrderAnswer:
    """An answer to the how-to's order."""
    return OrderAnswer(
        number="PO-48213",
        our_number="SO-1001",
        status=status,
        answered_at=AT,
        issued=date(2026, 11, 20),
        currency="USD",
        parties=PARTIES,
        lines=lines,
    )


class TestAcknowledgement:
    """997."""

    def test_all_in_order(self) -> None:
        answer = acknowledge(read(sample("order-850.x12"), OPTIONS), control=7, at=AT)
        assert answer is not None
        assert segments(answer.content) == [
            [
                *("ISA", "00", " " * 10, "00", " " * 10),
                *("ZZ", "GEMBA          ", "01", "123456789      ", "261120", "1030"),
                *("U", "00401", "000000007", "0", "P", ">"),
            ],
            ["GS", "FA", "GEMBA", "123456789", "20261120", "1030", "7", "X", "004010"],
            ["ST", "997", "0001"],
            ["AK1", "PO", "101"],
            ["AK2", "850", "0001"],
            ["AK5", "A"],
            ["AK9", "A", "1", "1", "1"],
            ["SE", "6", "0001"],
            ["GE", "1", "7"],
            ["IEA", "1", "000000007"],
        ]

    def test_wrong_count_is_accepted_with_errors(self) -> None:
        content = sample("order-850.x12").replace(b"SE*21*0001", b"SE*20*0002")
        assert acknowledged(content) == [
            ["AK1", "PO", "101"],
            ["AK2", "850", "0001"],
            ["AK5", "E", "4", "3"],
            ["AK9", "E", "1", "1", "1"],
        ]

    def test_group_with_a_wrong_count(self) -> None:
        content = sample("order-850.x12").replace(b"GE*1*101", b"GE*2*9")
        assert acknowledged(content)[-1] == ["AK9", "E", "2", "1", "1", "5", "4"]

    def test_faults_by_segment_and_element(self) -> None:
        content = order_850("PO1*1*five*EA***VN*A", "ZQZ*1", "DTM*002*20261301")
        assert acknowledged(content) == [
            ["AK1", "PO", "101"],
            ["AK2", "850", "0001"],
            ["AK3", "PO1", "4", "", "8"],
            ["AK4", "2", "330", "6", "five"],
            ["AK3", "ZQZ", "5", "", "1"],
            ["AK3", "DTM", "6", "", "8"],
            ["AK4", "2", "373", "8", "20261301"],
            ["AK5", "R", "5"],
            ["AK9", "R", "1", "1", "0"],
        ]

    def test_missing_segment_and_trailer(self) -> None:
        assert acknowledged(order_850())[2:4] == [["AK3", "PO1", "4", "", "3"], ["AK5", "R", "5"]]
        cut = order_850("PO1*1*5*EA***VN*A").replace(b"SE*5*0001~\n", b"")
        assert acknowledged(cut)[2] == ["AK5", "R", "2"]

    def test_one_of_two_rejected(self) -> None:
        one = order_850("PO1*1*5*EA***VN*A")
        second = one[one.index(b"ST*850") : one.index(b"GE*1")].replace(b"0001", b"0002")
        content = one.replace(b"GE*1*", second.replace(b"*5*EA", b"*x*EA") + b"GE*2*")
        assert acknowledged(content)[-1] == ["AK9", "P", "2", "2", "1"]

    def test_what_intake_refused_is_rejected(self) -> None:
        assert acknowledged(sample("order-850.x12"), ("PO-48213",))[-2] == ["AK5", "R", "5"]

    def test_unsupported_set(self) -> None:
        content = x12("BIG*20261120*1", kind="810", functional="IN")
        assert acknowledged(content)[2:] == [["AK5", "R", "1"], ["AK9", "R", "1", "1", "0"]]

    def test_every_group_of_every_interchange(self) -> None:
        content = sample("order-850.x12") + sample("change-860.x12")
        answer = acknowledge(read(content, OPTIONS), control=7, at=AT)
        assert answer is not None
        assert_readable(answer.content)
        found = segments(answer.content)
        assert [part[13] for part in found if part[0] == "ISA"] == ["000000007", "000000008"]
        assert [part[1] for part in found if part[0] == "AK1"] == ["PO", "PC"]

    def test_acknowledgements_are_not_acknowledged(self) -> None:
        content = x12("AK1*PO*1", "AK9*A*1*1*1", kind="997", functional="FA")
        assert acknowledge(read(content, OPTIONS), control=7, at=AT) is None
        assert acknowledge(read(b"", OPTIONS), control=7, at=AT) is None

    @pytest.mark.reference_data
    def test_reference_files(self) -> None:
        for name, control in (("x12.850.edi", "0003"), ("x12.850a.edi", "0001")):
            found = acknowledged(reference(name))
            assert found[:3] == [["AK1", "PO", "2"], ["AK2", "850", control], ["AK5", "A"]]


class TestOrderAnswer:
    """855."""

    def test_every_element(self) -> None:
        lines = (
            AnsweredLine(
                position="1",
                status=AnswerStatus.CHANGED,
                names=BRACKET,
                description="Bracket 40 mm",
                quantity=Decimal(120),
                confirmed_quantity=Decimal(100),
                unit="EA",
                price=Decimal("14.50"),
                due=date(2026, 12, 11),
                reason="100 is what the tool's life allows",
            ),
            AnsweredLine(
                position="2",
                status=AnswerStatus.REJECTED,
                names=(Name(NameScheme.GTIN, "012345678905"),),
                quantity=Decimal(2000),
                confirmed_quantity=Decimal(0),
                unit="EA",
            ),
            AnsweredLine(
                position="3/1",
                status=AnswerStatus.ACCEPTED,
                quantity=Decimal(40),
                confirmed_quantity=Decimal(40),
                unit="KG",
                due=date(2026, 12, 11),
            ),
            AnsweredLine(
                position="3/2",
                status=AnswerStatus.CHANGED,
                quantity=Decimal(50),
                confirmed_quantity=Decimal(50),
                unit="KG",
                due=date(2027, 1, 15),
                confirmed_due=date(2027, 1, 22),
            ),
        )
        answer = answer_order(
            answered(*lines), envelope_of(sample("order-850.x12")), control=8, at=AT
        )
        assert (answer.kind, answer.media_type) == ("855", "application/edi-x12")
        assert_readable(answer.content)
        assert segments(answer.content)[1:-2] == [
            ["GS", "PR", "GEMBA", "123456789", "20261120", "1030", "8", "X", "004010"],
            ["ST", "855", "0001"],
            ["BAK", "00", "AC", "PO-48213", "20261120", "", "", "", "SO-1001", "20261120"],
            ["CUR", "SE", "USD"],
            ["N1", "ST", "Northwind Plant 2", "UL", "5412345000013"],
            ["N3", "12 Mill Road"],
            ["N4", "Dayton", "OH", "45402", "US"],
            ["PO1", "1", "120", "EA", "14.5", "", "VN", "BRACKET-40", "BP", "NW-778"],
            ["PID", "F", "", "", "", "Bracket 40 mm"],
            ["ACK", "IQ", "100", "EA", "067", "20261211"],
            ["N9", "L1", "1"],
            ["MSG", "100 is what the tool's life allows"],
            ["PO1", "2", "2000", "EA", "", "", "UK", "012345678905"],
            ["ACK", "IR", "2000", "EA"],
            ["PO1", "3", "90", "KG"],
            ["ACK", "IA", "40", "KG", "067", "20261211"],
            ["ACK", "DR", "50", "KG", "067", "20270122"],
            ["CTT", "3"],
            ["SE", "18", "0001"],
        ]

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (AnswerStatus.ACCEPTED, "AD"),
            (AnswerStatus.CHANGED, "AC"),
            (AnswerStatus.REJECTED, "RD"),
        ],
    )
    def test_status_of_the_order(self, status: AnswerStatus, code: str) -> None:
        envelope = envelope_of(sample("order-850.x12"))
        answer = answer_order(answered(status=status), envelope, control=8, at=AT)
        assert segments(answer.content)[3][2] == code

    @pytest.mark.parametrize(
        ("quantity", "due", "code"), [("0", None, "ID"), ("3", date(2027, 1, 1), "IC")]
    )
    def test_status_of_a_line(self, quantity: str, due: date | None, code: str) -> None:
        line = AnsweredLine(
            position="1",
            status=AnswerStatus.CHANGED,
            quantity=Decimal(5),
            confirmed_quantity=Decimal(quantity),
            due=date(2026, 12, 1),
            confirmed_due=due,
        )
        envelope = envelope_of(sample("order-850.x12"))
        found = segments(answer_order(answered(line), envelope, control=8, at=AT).content)
        assert next(part for part in found if part[0] == "ACK")[1] == code

    def test_separators_of_the_partner_never_stand_in_a_value(self) -> None:
        content = sample("order-850.x12").replace(b"*", b"|").replace(b"~", b"'")
        line = AnsweredLine(
            position="1",
            status=AnswerStatus.ACCEPTED,
            description="it's | a ~ * thing",
            quantity=Decimal(5),
            confirmed_quantity=Decimal(5),
        )
        answer = answer_order(answered(line), envelope_of(content), control=8, at=AT)
        assert_readable(answer.content)
        found = segments(answer.content, "|", "'")
        assert ["PID", "F", "", "", "", "it s   a ~ * thing"] in found

    def test_release_of_a_blanket_order(self) -> None:
        content = order_850("PO1*1*5*EA***VN*A", begin="BEG*00*RL*4500001*7*20261120")
        order = msgspec.structs.replace(answered(), number="4500001/7")
        found = segments(answer_order(order, envelope_of(content), control=8, at=AT).content)
        assert found[3][3:6] == ["4500001", "20261120", "7"]

    def test_order_of_another_file(self) -> None:
        with pytest.raises(LookupError, match="PO-48213"):
            answer_order(answered(), envelope_of(order_850("PO1*1*5*EA***VN*A")), control=8, at=AT)


class TestShipNotice:
    """856."""

    def test_every_element(self) -> None:
        notice = ShipNotice(
            shipment="SH-77",
            number="PO-48213",
            our_number="SO-1001",
            shipped_at=datetime(2026, 12, 10, 15, 5, tzinfo=UTC),
            expected_at=datetime(2026, 12, 11, 9, 0, tzinfo=UTC),
            carrier="UPS",
            tracking_number="1Z999",
            parties=PARTIES,
            lines=(
                ShippedLine(
                    position="1",
                    names=BRACKET,
                    description="Bracket 40 mm",
                    quantity=Decimal(100),
                    ordered_quantity=Decimal(120),
                    unit="EA",
                    lots=("L1", "L2"),
                ),
                ShippedLine(position="3/1", quantity=Decimal("40.50"), unit="KG"),
            ),
        )
        answer = ship_notice(notice, envelope_of(sample("order-850.x12")), control=9, at=AT)
        assert answer.kind == "856"
        assert_readable(answer.content)
        assert segments(answer.content)[1:-2] == [
            ["GS", "SH", "GEMBA", "123456789", "20261120", "1030", "9", "X", "004010"],
            ["ST", "856", "0001"],
            ["BSN", "00", "SH-77", "20261120", "1030", "0004"],
            ["HL", "1", "", "S", "1"],
            ["TD5", "", "", "", "", "UPS"],
            ["REF", "CN", "1Z999"],
            ["DTM", "011", "20261210", "1505", "UT"],
            ["DTM", "017", "20261211", "0900", "UT"],
            ["N1", "ST", "Northwind Plant 2", "UL", "5412345000013"],
            ["N3", "12 Mill Road"],
            ["N4", "Dayton", "OH", "45402", "US"],
            ["HL", "2", "1", "O", "1"],
            ["PRF", "PO-48213"],
            ["REF", "VN", "SO-1001"],
            ["HL", "3", "2", "I", "0"],
            ["LIN", "1", "VN", "BRACKET-40", "BP", "NW-778"],
            ["SN1", "1", "100", "EA", "", "120", "EA"],
            ["PID", "F", "", "", "", "Bracket 40 mm"],
            ["REF", "LT", "L1"],
            ["REF", "LT", "L2"],
            ["HL", "4", "2", "I", "0"],
            ["SN1", "3", "40.5", "KG"],
            ["CTT", "4"],
            ["SE", "23", "0001"],
        ]


def test_names_that_others_call() -> None:
    assert set(connector.__all__) == {
        "Envelope",
        "Partner",
        "acknowledge",
        "answer_order",
        "read",
        "ship_notice",
    }
    assert read(sample("order-850.x12"), OPTIONS).problems[0].severity is Severity.NOTE

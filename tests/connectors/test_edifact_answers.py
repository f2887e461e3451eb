"""CONTRL, ORDRSP and DESADV: element by element, and readable by our own reader."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from edi_files import OPTIONS, edifact, orders, reference, sample

from connectors.edifact import Envelope, acknowledge, answer_order, read, ship_notice
from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    Name,
    NameScheme,
    OrderAnswer,
    Party,
    PartyRole,
    ShipNotice,
    ShippedLine,
)

AT = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
ITEM = (
    Name(NameScheme.GTIN, "4006381333931"),
    Name(NameScheme.SUPPLIER, "BRACKET-40"),
    Name(NameScheme.BUYER, "ND-778"),
)
BUYER = Party(
    role=PartyRole.SOLD_TO,
    role_code="BY",
    names=(Name(NameScheme.GLN, "5412345000013"),),
    name="Norddeutsche Werkzeuge",
    street=("Hafen 1",),
    city="Bremen",
    postal_code="28195",
    country="DE",
)
LINE = ("LIN+1++4006381333931:EN", "QTY+21:5:PCE")


def segments(content: bytes, charset: str = "latin-1") -> list[str]:
    """The segments as they stand."""
    return [part.strip() for part in content.decode(charset).split("'\n") if part.strip()]


def envelope_of(content: bytes) -> Envelope:
    """What answers need."""
    envelope = read(content, OPTIONS).envelope
    assert isinstance(envelope, Envelope)
    return envelope


def assert_readable(content: bytes) -> None:
    """Our own reader has nothing to say against the envelope and the counts."""
    found = read(content, OPTIONS).problems
    assert [one for one in found if one.code not in {"message_unsupported", "no_order"}] == []


def reported(content: bytes, refused: tuple[str, ...] = ()) -> list[str]:
    """The segments of CONTRL between UNH and UNT."""
    answer = acknowledge(read(content, OPTIONS), refused, control=7, at=AT)
    assert answer is not None
    assert_readable(answer.content)
    return segments(answer.content)[2:-2]


class TestControl:
    """CONTRL."""

    def test_all_in_order(self) -> None:
        answer = acknowledge(read(sample("ordchg.edi"), OPTIONS), control=7, at=AT)
        assert answer is not None
        assert (answer.kind, answer.media_type) == ("CONTRL", "application/edifact")
        assert segments(answer.content) == [
            "UNB+UNOC:3+4012345000009:14+5412345000013:14+261120:1030+7",
            "UNH+1+CONTRL:D:3:UN",
            "UCI+7002+5412345000013:14+4012345000009:14+7",
            "UCM+1+ORDCHG:D:96A:UN:EAN005+7",
            "UNT+4+1",
            "UNZ+1+7",
        ]

    def test_faults_by_segment_and_element(self) -> None:
        assert reported(orders("LIN+1++A:SA", "QTY+21:five", "ZZZ+1"))[1:] == [
            "UCM+1+ORDERS:D:96A:UN:EAN008+4",
            "UCS+6",
            "UCD+12+1:2",
            "UCS+7+18",
        ]

    def test_wrong_counts(self) -> None:
        content = sample("ordchg.edi").replace(b"UNT+12", b"UNT+11").replace(b"UNZ+1", b"UNZ+2")
        assert reported(content) == [
            "UCI+7002+5412345000013:14+4012345000009:14+7+29+UNZ",
            "UCM+1+ORDCHG:D:96A:UN:EAN005+7+29+UNT",
        ]

    def test_what_intake_refused_is_rejected(self) -> None:
        assert reported(sample("ordchg.edi"), ("45-00917",))[1].endswith("+4")

    def test_reports_are_not_reported(self) -> None:
        content = edifact("UCI+1+A+B+7", kind="CONTRL")
        assert acknowledge(read(content, OPTIONS), control=7, at=AT) is None
        assert acknowledge(read(b"", OPTIONS), control=7, at=AT) is None

    @pytest.mark.reference_data
    def test_group_of_the_reference_file(self) -> None:
        assert reported(reference("edifact.orders-with-group.edi")) == [
            "UCI+2722166169492+5400110000009:14+5013546107732:14+7",
            "UCF+1+5400110000009:14+5013546107732:14+7",
            "UCM+1+ORDERS:D:96B:UN:EAN008B+7+29+UNT",
        ]


class TestOrderAnswer:
    """ORDRSP."""

    def test_every_element(self) -> None:
        answer = OrderAnswer(
            number="45-00917",
            our_number="SO-1001",
            status=AnswerStatus.CHANGED,
            answered_at=AT,
            issued=date(2026, 11, 20),
            currency="EUR",
            parties=(BUYER,),
            lines=(
                AnsweredLine(
                    position="1",
                    status=AnswerStatus.CHANGED,
                    names=ITEM,
                    description="Winkel 40 mm",
                    quantity=Decimal(120),
                    confirmed_quantity=Decimal(100),
                    unit="PCE",
                    price=Decimal("14.50"),
                    due=date(2026, 12, 11),
                    confirmed_due=date(2026, 12, 14),
                    reason="what's possible: 100",
                ),
                AnsweredLine(
                    position="2",
                    status=AnswerStatus.REJECTED,
                    names=(Name(NameScheme.BUYER, "ND-900"),),
                    quantity=Decimal(90),
                    confirmed_quantity=Decimal(0),
                    unit="KGM",
                ),
            ),
        )
        written = answer_order(answer, envelope_of(sample("orders.edi")), control=8, at=AT)
        assert written.kind == "ORDRSP"
        assert_readable(written.content)
        assert segments(written.content) == [
            "UNB+UNOC:3+4012345000009:14+5412345000013:14+261120:1030+8",
            "UNH+1+ORDRSP:D:96A:UN",
            "BGM+231+SO-1001+4",
            "DTM+137:202611201030:203",
            "RFF+ON:45-00917",
            "DTM+171:20261120:102",
            "NAD+BY+5412345000013::9++Norddeutsche Werkzeuge+Hafen 1+Bremen++28195+DE",
            "CUX+2:EUR:9",
            "LIN+1+6+4006381333931:EN",
            "PIA+1+BRACKET-40:SA+ND-778:IN",
            "IMD+F++:::Winkel 40 mm",
            "QTY+21:120:PCE",
            "QTY+113:100:PCE",
            "DTM+2:20261211:102",
            "DTM+67:20261214:102",
            "FTX+AAI+++what?'s possible?: 100",
            "PRI+AAA:14.5",
            "RFF+ON:45-00917:1",
            "LIN+2+7",
            "PIA+5+ND-900:IN",
            "QTY+21:90:KGM",
            "QTY+113:0:KGM",
            "RFF+ON:45-00917:2",
            "UNS+S",
            "CNT+2:2",
            "UNT+25+1",
            "UNZ+1+8",
        ]

    @pytest.mark.parametrize(
        ("status", "function"),
        [
            (AnswerStatus.ACCEPTED, "29"),
            (AnswerStatus.CHANGED, "4"),
            (AnswerStatus.REJECTED, "27"),
        ],
    )
    def test_status_of_the_order(self, status: AnswerStatus, function: str) -> None:
        answer = OrderAnswer(number="PO-1", our_number="SO-1", status=status, answered_at=AT)
        found = segments(answer_order(answer, envelope_of(orders(*LINE)), control=8, at=AT).content)
        assert found[2] == f"BGM+231+SO-1+{function}"

    @pytest.mark.parametrize(
        ("syntax", "name", "written"),
        [
            ("UNOA:2", "BREMEN", "UNOA:2"),
            ("UNOA:2", "Bremen", "UNOC:3"),
            ("UNOC:3", "Grün", "UNOC:3"),
            ("UNOC:3", "螺丝", "UNOY:4"),
        ],
    )
    def test_character_set_is_large_enough(self, syntax: str, name: str, written: str) -> None:
        content = orders(*LINE).replace(b"UNOC:3", syntax.encode())
        answer = OrderAnswer(
            number="PO-1",
            our_number="SO-1",
            status=AnswerStatus.ACCEPTED,
            answered_at=AT,
            parties=(Party(role=PartyRole.SOLD_TO, role_code="BY", name=name),),
        )
        found = answer_order(answer, envelope_of(content), control=8, at=AT).content
        assert_readable(found)
        assert found.startswith(f"UNB+{written}+".encode())
        assert name.encode("utf-8" if written == "UNOY:4" else "latin-1") in found

    def test_separators_of_the_partner(self) -> None:
        plain = sample("ordchg.edi").decode()
        table = str.maketrans({":": "|", "+": "#", "?": "!", "'": "~"})
        content = f"UNA|#.! ~\n{plain.translate(table)}".encode()
        answer = OrderAnswer(
            number="45-00917", our_number="S#1", status=AnswerStatus.ACCEPTED, answered_at=AT
        )
        found = answer_order(answer, envelope_of(content), control=8, at=AT).content
        assert_readable(found)
        assert found.startswith(b"UNA|#.! ~")
        assert b"BGM#231#S!#1#29~" in found

    def test_order_of_another_file(self) -> None:
        answer = OrderAnswer(
            number="X", our_number="S", status=AnswerStatus.ACCEPTED, answered_at=AT
        )
        with pytest.raises(LookupError, match="'X'"):
            answer_order(answer, envelope_of(orders(*LINE)), control=8, at=AT)


class TestShipNotice:
    """DESADV."""

    def test_every_element(self) -> None:
        notice = ShipNotice(
            shipment="SH-77",
            number="45-00917",
            our_number="SO-1001",
            shipped_at=datetime(2026, 12, 10, 15, 5, tzinfo=UTC),
            expected_at=datetime(2026, 12, 11, 9, 0, tzinfo=UTC),
            carrier="DHL",
            tracking_number="00340434",
            parties=(BUYER,),
            lines=(
                ShippedLine(
                    position="1",
                    names=ITEM,
                    quantity=Decimal(100),
                    ordered_quantity=Decimal(120),
                    unit="PCE",
                    lots=("L1", "L2"),
                ),
                ShippedLine(position="3/1", quantity=Decimal("40.50"), unit="KGM"),
            ),
        )
        written = ship_notice(notice, envelope_of(sample("orders.edi")), control=9, at=AT)
        assert written.kind == "DESADV"
        assert_readable(written.content)
        assert segments(written.content)[1:-1] == [
            "UNH+1+DESADV:D:96A:UN",
            "BGM+351+SH-77+9",
            "DTM+137:202611201030:203",
            "DTM+11:202612101505:203",
            "DTM+17:202612110900:203",
            "RFF+ON:45-00917",
            "RFF+VN:SO-1001",
            "RFF+CN:00340434",
            "NAD+BY+5412345000013::9++Norddeutsche Werkzeuge+Hafen 1+Bremen++28195+DE",
            "TDT+20++++:::DHL",
            "CPS+1",
            "LIN+1++4006381333931:EN",
            "PIA+1+BRACKET-40:SA+ND-778:IN",
            "QTY+12:100:PCE",
            "QTY+21:120:PCE",
            "GIN+BX+L1+L2",
            "RFF+ON:45-00917:1",
            "LIN+2",
            "QTY+12:40.5:KGM",
            "RFF+ON:45-00917:3/1",
            "CNT+2:2",
            "UNT+22+1",
        ]

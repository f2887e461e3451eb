"""What an 850 or 860 says comes out field by field: reference files, the how-to's, made ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from edi_files import ISA, OPTIONS, order_850, reference, sample, x12

from connectors.options import ReadOptions
from connectors.x12 import read
from domain.documents import (
    DocumentKind,
    DocumentLine,
    LineAction,
    Name,
    NameScheme,
    PartyRole,
    Severity,
)

SENDER = Name(NameScheme.DUNS, "123456789")


def codes(content: bytes) -> list[tuple[str, str]]:
    """Severity and code of every problem."""
    return [(one.severity.value, one.code) for one in read(content, OPTIONS).problems]


@pytest.mark.reference_data
class TestReferenceFiles:
    """The files that partners' systems really wrote."""

    def test_drop_shipment(self) -> None:
        reading = read(reference("x12.850.edi"), OPTIONS)
        (order,) = reading.documents
        assert order.kind is DocumentKind.ORDER
        assert order.source == "x12:000123456"
        assert order.number == "1000012"
        assert order.version == 0
        assert order.message == "000000055/2/0003"
        assert order.issued == date(2009, 8, 27)
        assert order.currency is None
        assert order.due is None
        customer = order.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.names == (Name(NameScheme.DUNS, "000123456"),)
        there = order.party(PartyRole.SHIP_TO)
        assert there is not None
        assert there.name == "John Doe"
        assert there.street == ("126 Any St",)
        assert (there.city, there.region) == ("Hauppauge", "NY")
        assert (there.postal_code, there.country) == ("11788-1234", "US")
        (line,) = order.lines
        assert line == DocumentLine(
            position="1",
            names=(Name(NameScheme.SUPPLIER, "0054321"),),
            quantity=Decimal(1),
            unit="EA",
            price=Decimal("19.95"),
            place=line.place,
        )
        assert line.place.startswith("segment 11 (PO1), byte ")

    def test_mismatching_interchange_number_is_told_and_nothing_else(self) -> None:
        problems = [
            one
            for one in read(reference("x12.850.edi"), OPTIONS).problems
            if one.severity is not Severity.NOTE
        ]
        (problem,) = problems
        assert problem.code == "control_number_wrong"
        assert problem.document is None
        assert problem.value == "000000001"
        assert problem.place.startswith("segment 15 (IEA), element 2, byte ")
        assert "'000000055'" in problem.problem

    def test_indented_order_with_partners_and_dates(self) -> None:
        reading = read(reference("x12.850a.edi"), OPTIONS)
        (order,) = reading.documents
        assert (order.number, order.currency) == ("4600000406", "USD")
        assert order.issued == date(2014, 7, 24)
        roles = [(party.role, party.role_code, party.name) for party in order.parties]
        assert roles == [
            (PartyRole.SHIP_TO, "ST", "Transplace Laredo"),
            (PartyRole.OTHER, "Z7", "Penjamo Cutting"),
            (PartyRole.BILL_TO, "BT", "Test Inc."),
            (PartyRole.SOLD_TO, "BY", None),
            (PartyRole.SUPPLIER, "SU", "Supplier Name"),
        ]
        customer = order.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.names == (
            Name(NameScheme.BUYER, "1500"),
            Name(NameScheme.DUNS, "000123456"),
        )
        assert order.parties[1].postal_code == "36900"
        assert order.parties[1].region is None
        assert order.parties[1].country == "MX"
        first, second, third = order.lines
        assert first == DocumentLine(
            position="000100001",
            names=(
                Name(NameScheme.BUYER, "A_QU001-BLK"),
                Name(NameScheme.SUPPLIER, "SINGLE LINE DIAMOND PATTERN"),
            ),
            description='4.4oz 3" Diamond Quilt',
            quantity=Decimal(2500),
            unit="YD",
            price=Decimal("2.53"),
            due=date(2014, 8, 4),
            place=first.place,
        )
        assert (second.position, second.quantity, second.price) == (
            "000200001",
            Decimal(2000),
            Decimal("3.41"),
        )
        assert (third.position, third.quantity, third.unit) == ("000200002", Decimal(1000), "YD")
        assert third.names[0] == Name(NameScheme.BUYER, "A_QF001-RED")
        assert third.due == date(2014, 8, 4)
        assert order.notes[0] == "PO 3 EDI test ASNs"
        assert "000100001: First Quality" in order.notes
        assert len(order.notes) == 11

    def test_faults_of_the_indented_order(self) -> None:
        found = [
            (one.severity, one.code)
            for one in read(reference("x12.850a.edi"), OPTIONS).problems
            if one.severity is not Severity.NOTE
        ]
        assert found == [
            (Severity.WARNING, "interchange_width"),
            (Severity.WARNING, "control_number_wrong"),
        ]


class TestSample:
    """The order that the how-to shows."""

    def test_nothing_is_wrong_with_it(self) -> None:
        assert [
            code for severity, code in codes(sample("order-850.x12")) if severity != "note"
        ] == []

    def test_header(self) -> None:
        (order,) = read(sample("order-850.x12"), OPTIONS).documents
        assert (order.number, order.currency) == ("PO-48213", "USD")
        assert order.customer_reference == "PROJECT 7"
        assert order.due == date(2026, 12, 11)
        assert order.notes == ("Deliver to dock 4 before noon",)
        there = order.party(PartyRole.SHIP_TO)
        assert there is not None
        assert there.names == (Name(NameScheme.GLN, "5412345000013"),)

    def test_lines(self) -> None:
        (order,) = read(sample("order-850.x12"), OPTIONS).documents
        told = [
            (line.position, line.quantity, line.unit, line.price, line.price_basis, line.due)
            for line in order.lines
        ]
        assert told == [
            ("1", Decimal(120), "EA", Decimal("14.5"), Decimal(1), None),
            ("2", Decimal(2000), "EA", Decimal("3.25"), Decimal(100), date(2026, 12, 18)),
            ("3/1", Decimal(40), "KG", Decimal("2.1"), Decimal(1), date(2026, 12, 11)),
            ("3/2", Decimal(50), "KG", Decimal("2.1"), Decimal(1), date(2027, 1, 15)),
        ]
        assert order.lines[0].names == (
            Name(NameScheme.SUPPLIER, "BRACKET-40"),
            Name(NameScheme.BUYER, "NW-778"),
        )
        assert order.lines[0].description == "Bracket 40 mm"
        assert order.lines[1].names == (Name(NameScheme.GTIN, "012345678905"),)


class TestChange:
    """860, and 850s that change, replace or cancel."""

    def test_sample(self) -> None:
        reading = read(sample("change-860.x12"), OPTIONS)
        assert reading.problems == ()
        (change,) = reading.documents
        assert change.kind is DocumentKind.CHANGE
        assert (change.number, change.version, change.complete) == ("PO-48213", 1, False)
        assert change.issued == date(2026, 11, 23)
        told = [
            (line.position, line.action, line.quantity, line.price, line.due)
            for line in change.lines
        ]
        assert told == [
            ("1", LineAction.CHANGE, Decimal(150), Decimal("14.5"), date(2026, 12, 14)),
            ("2", LineAction.CANCEL, None, None, None),
            ("4", LineAction.ADD, Decimal(10), Decimal(99), None),
        ]

    @pytest.mark.parametrize(
        ("begin", "version"),
        [
            ("BCH*04*SA*PO-1**7*20261120", 7),
            ("BCH*04*SA*PO-1***20261120*****20261121", 1_795_219_200_000),
            ("BCH*04*SA*PO-1***20261120*****20261120", 1_795_166_100_000),
            ("BCH*04*SA*PO-1***20261110", 1_795_166_100_000),
        ],
    )
    def test_version_is_the_sequence_else_the_time(self, begin: str, version: int) -> None:
        content = x12(begin, "POC*1*QD*5**EA", kind="860", functional="PC")
        (change,) = read(content, OPTIONS).documents
        assert change.version == version

    def test_cancellation_has_no_lines(self) -> None:
        content = x12("BCH*01*SA*PO-1**3*20261120", kind="860", functional="PC")
        (change,) = read(content, OPTIONS).documents
        assert (change.kind, change.version, change.lines) == (DocumentKind.CANCEL, 3, ())

    def test_replacement_by_860_names_every_line(self) -> None:
        content = x12("BCH*05*SA*PO-1**2*20261120", "POC*1*NC*5**EA", kind="860", functional="PC")
        (change,) = read(content, OPTIONS).documents
        assert change.complete
        assert change.lines[0].action is LineAction.CHANGE

    def test_replacement_by_850_is_an_order_with_the_groups_time(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A", begin="BEG*05*SA*PO-1**20261120"), OPTIONS
        ).documents
        assert order.kind is DocumentKind.ORDER
        assert order.version == int(datetime(2026, 11, 20, 9, 15, tzinfo=UTC).timestamp() * 1000)

    def test_change_by_850_changes_lines(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A", begin="BEG*04*SA*PO-1**20261120"), OPTIONS
        ).documents
        assert (order.kind, order.lines[0].action) == (DocumentKind.CHANGE, LineAction.CHANGE)

    def test_quantity_of_zero_cancels_and_is_told(self) -> None:
        content = x12("BCH*04*SA*PO-1**1*20261120", "POC*1*QD*0**EA", kind="860", functional="PC")
        reading = read(content, OPTIONS)
        assert reading.documents[0].lines[0].action is LineAction.CANCEL
        assert [one.code for one in reading.problems] == ["quantity_zero"]


class TestForms:
    """What partners' files look like."""

    def test_release_against_a_blanket_order_is_an_order_of_its_own(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A", begin="BEG*00*RL*4500001*7*20261120"), OPTIONS
        ).documents
        assert (order.number, order.customer_reference) == ("4500001/7", "4500001")

    def test_rush_order_has_a_priority(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A", begin="BEG*00*RO*PO-1**20261120"), OPTIONS
        ).documents
        assert order.priority == 8

    @pytest.mark.parametrize("terminator", ["~", "\n", "\r\n", "\x1c", "'", "|"])
    def test_any_segment_terminator(self, terminator: str) -> None:
        content = sample("order-850.x12").replace(b"~\n", terminator.encode())
        expected = read(sample("order-850.x12"), OPTIONS).documents
        found = read(content, OPTIONS)
        assert [one.code for one in found.problems if one.severity is not Severity.NOTE] == []
        assert _without_places(found.documents[0].lines) == _without_places(expected[0].lines)

    def test_other_separators_and_a_repetition_separator(self) -> None:
        content = sample("order-850.x12").replace(b"*", b"|").replace(b"|U|00401|", b"|^|00501|")
        (order,) = read(content.replace(b"004010", b"005010"), OPTIONS).documents
        assert order.lines[0].quantity == Decimal(120)

    def test_missing_component_separator(self) -> None:
        content = sample("order-850.x12").replace(b"*P*>~", b"*P*~")
        reading = read(content, OPTIONS)
        assert len(reading.documents[0].lines) == 4
        assert "component_separator_missing" in [one.code for one in reading.problems]

    def test_missing_terminator_of_the_interchange_header(self) -> None:
        content = sample("order-850.x12").replace(b"*P*>~", b"*P*>")
        reading = read(content, OPTIONS)
        assert len(reading.documents[0].lines) == 4
        assert reading.problems[0].code == "terminator_missing"
        assert reading.problems[0].place.startswith("segment 1 (ISA)")

    def test_narrow_interchange_header_is_read_by_its_separators(self) -> None:
        narrow = "*".join(part.strip() for part in ISA[:-2].split("*")) + ">~"
        reading = read(x12("BEG*00*SA*PO-1**20261120", "PO1*1*5*EA***VN*A", isa=narrow), OPTIONS)
        assert reading.documents[0].source == "x12:123456789"
        assert reading.problems[0].code == "interchange_width"
        assert reading.problems[0].place.startswith("segment 1 (ISA), element 2, byte 7")

    def test_several_interchanges_with_their_own_separators(self) -> None:
        other = sample("order-850.x12").replace(b"*", b"|").replace(b"PO-48213", b"PO-2")
        reading = read(sample("order-850.x12") + b"\r\n" + other, OPTIONS)
        assert [one.number for one in reading.documents] == ["PO-48213", "PO-2"]

    def test_names_beyond_english(self) -> None:
        content = order_850("PO1*1*5*EA***VN*A", "PID*F****Größe 4 螺丝")
        (order,) = read(content, OPTIONS).documents
        assert order.lines[0].description == "Größe 4 螺丝"

    def test_latin_1_is_read_and_told(self) -> None:
        content = order_850("PO1*1*5*EA***VN*A", "PID*F****Grosse").replace(b"sse", b"\xdfe")
        reading = read(content, OPTIONS)
        assert reading.documents[0].lines[0].description == "Große"
        assert [one.code for one in reading.problems] == ["encoding_unsure"]

    def test_source_may_be_given(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A"), ReadOptions(source="x12:northwind")
        ).documents
        assert order.source == "x12:northwind"

    def test_time_with_its_zone(self) -> None:
        content = order_850("DTM*002*20261201*0830*UT", "PO1*1*5*EA***VN*A")
        (order,) = read(content, OPTIONS).documents
        assert order.due == datetime(2026, 12, 1, 8, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("dates", "due"),
        [
            (["DTM*010*20261201", "DTM*002*20261205"], date(2026, 12, 5)),
            (["DTM*037*20261201", "DTM*038*20261205"], date(2026, 12, 5)),
            (["DTM*018*20261201"], None),
            (["DTM*118*20261203"], date(2026, 12, 3)),
            (["DTM*063****RD8*20261201-20261207"], date(2026, 12, 7)),
        ],
    )
    def test_most_telling_date_wins(self, dates: list[str], due: date | None) -> None:
        (order,) = read(order_850("PO1*1*5*EA***VN*A", *dates), OPTIONS).documents
        assert order.lines[0].due == due

    def test_single_schedule_keeps_the_position(self) -> None:
        (order,) = read(
            order_850("PO1*1*5*EA***VN*A", "SCH*5*EA***002*20261201"), OPTIONS
        ).documents
        assert (order.lines[0].position, order.lines[0].due) == ("1", date(2026, 12, 1))

    def test_without_a_buyer_the_bill_goes_to_the_customer(self) -> None:
        content = x12("BEG*00*SA*PO-1**20261120", "N1*BT*Bank*91*C-7", "PO1*1*5*EA***VN*A")
        (order,) = read(content, OPTIONS).documents
        customer = order.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.role_code == "BT"
        assert customer.names == (Name(NameScheme.SUPPLIER, "C-7"), SENDER)


def _without_places(lines: tuple[DocumentLine, ...]) -> list[tuple[object, ...]]:
    return [(line.position, line.names, line.quantity, line.due, line.price) for line in lines]

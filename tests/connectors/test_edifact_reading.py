"""What an ORDERS or ORDCHG says comes out field by field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from edi_files import OPTIONS, edifact, orders, reference, sample

from connectors.edifact import read
from domain.documents import (
    DocumentKind,
    DocumentLine,
    Due,
    LineAction,
    Name,
    NameScheme,
    PartyRole,
    Severity,
)

LINE = ("LIN+1++4006381333931:EN", "QTY+21:5:PCE")


def serious(content: bytes) -> list[str]:
    """Codes of what is wrong, without what was passed over."""
    return [
        one.code for one in read(content, OPTIONS).problems if one.severity is not Severity.NOTE
    ]


@pytest.mark.reference_data
class TestReferenceFile:
    """The file with a functional group."""

    def test_order(self) -> None:
        reading = read(reference("edifact.orders-with-group.edi"), OPTIONS)
        (order,) = reading.documents
        assert order.kind is DocumentKind.ORDER
        assert order.source == "edifact:5400110000009"
        assert (order.number, order.version) == ("C1441747", 0)
        assert order.message == "2722166169492/1/1"
        assert order.issued == datetime(2001, 5, 2, 22, 0)  # noqa: DTZ001 - the plant's zone
        assert (order.currency, order.due) == (None, None)
        assert order.notes == ("THIS IS AN EXAMPLE OF EDIFACT FILE.",)
        buyer, supplier = order.parties
        assert (buyer.role, buyer.role_code) == (PartyRole.SOLD_TO, "BY")
        assert buyer.names == (Name(NameScheme.GLN, "5400110000009"),)
        assert (supplier.role, supplier.name) == (PartyRole.SUPPLIER, "COMPANY ABC")
        (line,) = order.lines
        assert line == DocumentLine(
            position="1",
            names=(Name(NameScheme.GTIN, "5400111864181"), Name(NameScheme.BUYER, "8641800")),
            description="WIDGETS; 0.7066 EURO",
            quantity=Decimal(288),
            price=Decimal("12.80"),
            place=line.place,
        )

    def test_wrong_count_is_told_and_nothing_else(self) -> None:
        reading = read(reference("edifact.orders-with-group.edi"), OPTIONS)
        (problem,) = [one for one in reading.problems if one.severity is not Severity.NOTE]
        assert (problem.severity, problem.code) == (Severity.WARNING, "count_wrong")
        assert (problem.document, problem.value) == ("C1441747", "21")
        assert problem.place.startswith("segment 20 (UNT), element 1, byte ")
        assert problem.place.endswith("18 in UNH 1")


class TestSample:
    """The order that the how-to shows."""

    def test_nothing_is_wrong_with_it(self) -> None:
        assert serious(sample("orders.edi")) == ["encoding_unsure"]
        assert serious(sample("orders.edi").decode().encode("latin-1")) == []

    def test_header(self) -> None:
        (order,) = read(sample("orders.edi").decode().encode("latin-1"), OPTIONS).documents
        assert (order.number, order.currency) == ("45-00917", "EUR")
        assert order.customer_reference == "PROJEKT 7"
        assert order.due == date(2026, 12, 11)
        assert order.notes == ("Abladen am Tor 4, Herr Müller",)
        customer = order.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.name == "Norddeutsche Werkzeuge GmbH"
        assert customer.street == ("Hafenstraße 1",)
        assert (customer.city, customer.postal_code, customer.country) == ("Bremen", "28195", "DE")
        assert customer.names == (
            Name(NameScheme.GLN, "5412345000013"),
            Name(NameScheme.TAX, "DE811907980"),
        )
        assert customer.phone == "+49 421 5550100"
        there = order.party(PartyRole.SHIP_TO)
        assert there is not None
        assert (there.role_code, there.name) == ("DP", "Werk 2")

    def test_lines(self) -> None:
        (order,) = read(sample("orders.edi"), OPTIONS).documents
        told = [
            (line.position, line.quantity, line.unit, line.price, line.price_basis, line.due)
            for line in order.lines
        ]
        assert told == [
            ("1", Decimal(120), "PCE", Decimal("14.5"), Decimal(1), None),
            ("2", Decimal(90), "KGM", Decimal(210), Decimal(100), date(2026, 12, 18)),
        ]
        assert order.lines[0].names == (
            Name(NameScheme.GTIN, "4006381333931"),
            Name(NameScheme.SUPPLIER, "BRACKET-40"),
            Name(NameScheme.BUYER, "ND-778"),
        )
        assert order.lines[0].description == "Winkel 40 mm"


class TestChange:
    """ORDCHG, and ORDERS that change, replace or cancel."""

    def test_sample(self) -> None:
        reading = read(sample("ordchg.edi"), OPTIONS)
        assert reading.problems == ()
        (change,) = reading.documents
        assert change.kind is DocumentKind.CHANGE
        assert change.number == "45-00917"
        assert change.version == 1_795_429_800_000
        told = [(line.position, line.action, line.quantity, line.due) for line in change.lines]
        assert told == [
            ("1", LineAction.CHANGE, Decimal(150), date(2026, 12, 14)),
            ("2", LineAction.CANCEL, None, None),
        ]

    @pytest.mark.parametrize(
        ("begin", "kind", "version"),
        [
            ("BGM+220+PO-1+9", DocumentKind.ORDER, 0),
            ("BGM+220+PO-1", DocumentKind.ORDER, 0),
            ("BGM+220+PO-1+5", DocumentKind.ORDER, 1_795_132_800_000),
            ("BGM+220+PO-1+1", DocumentKind.CANCEL, 1_795_132_800_000),
            ("BGM+220+PO-1+4", DocumentKind.CHANGE, 1_795_132_800_000),
        ],
    )
    def test_function_and_version(self, begin: str, kind: DocumentKind, version: int) -> None:
        (order,) = read(orders(*LINE, begin=begin), OPTIONS).documents
        assert (order.kind, order.version) == (kind, version)

    def test_change_of_an_order_changes_lines_unless_told_else(self) -> None:
        content = orders(
            *LINE, "LIN+2+1++", "PIA+5+B:SA", "QTY+21:1", "LIN+3+2", begin="BGM+220+PO-1+4"
        )
        (order,) = read(content, OPTIONS).documents
        assert [line.action for line in order.lines] == [
            LineAction.CHANGE,
            LineAction.ADD,
            LineAction.CANCEL,
        ]

    def test_revision_is_the_version_without_a_date(self) -> None:
        content = edifact("BGM+230+C-1::3+4", "RFF+ON:PO-1", "LIN+1+3", "QTY+21:5", kind="ORDCHG")
        (change,) = read(content, OPTIONS).documents
        assert (change.number, change.version) == ("PO-1", 3)

    def test_replacement_names_every_line(self) -> None:
        content = edifact("BGM+230+PO-1+5", "LIN+1+3", "QTY+21:5", kind="ORDCHG")
        (change,) = read(content, OPTIONS).documents
        assert change.complete
        assert change.version == int(datetime(2026, 11, 20, 9, 15, tzinfo=UTC).timestamp() * 1000)


class TestForms:
    """What partners' files look like."""

    def test_released_separators_are_text(self) -> None:
        content = orders(*LINE, "IMD+F++:::5 ?+ 3?: what?'s left??")
        (order,) = read(content, OPTIONS).documents
        assert order.lines[0].description == "5 + 3: what's left?"

    @pytest.mark.parametrize("marks", [":+.? '", ":+,? '", "|#.! ~", "\x1f\x1d.? \x1c"])
    def test_service_string_advice(self, marks: str) -> None:
        plain = sample("ordchg.edi").decode()
        table = str.maketrans({":": marks[0], "+": marks[1], "?": marks[3], "'": marks[5]})
        reading = read(f"UNA{marks}\r\n{plain.translate(table)}".encode(), OPTIONS)
        assert reading.problems == ()
        assert len(reading.documents[0].lines) == 2

    def test_level_b_separators_without_advice(self) -> None:
        plain = sample("ordchg.edi").decode().replace("\n", "")
        table = str.maketrans({":": "\x1f", "+": "\x1d", "'": "\x1c"})
        reading = read(plain.translate(table).encode(), OPTIONS)
        assert len(reading.documents[0].lines) == 2

    @pytest.mark.parametrize(
        ("syntax", "charset"),
        [
            ("UNOC:3", "latin-1"),
            ("UNOD:3", "iso8859-2"),
            ("UNOY:4", "utf-8"),
            ("UNOK:3", "iso8859-9"),
        ],
    )
    def test_character_sets(self, syntax: str, charset: str) -> None:
        plain = orders(*LINE, "IMD+F++:::Gr@sse").decode().replace("UNOC:3", syntax)
        content = plain.replace("@", "ö").encode(charset)
        reading = read(content, OPTIONS)
        assert reading.problems == ()
        assert reading.documents[0].lines[0].description == "Grösse"

    def test_repetitions_of_syntax_4(self) -> None:
        plain = orders(*LINE).decode().replace("UNOC:3", "UNOY:4").replace("NAD+BY", "NAD+BY")
        content = plain.replace("LIN+1++4006381333931:EN", "LIN+1++4006381333931:EN*1:SA").encode()
        (order,) = read(content, OPTIONS).documents
        assert order.lines[0].names == (Name(NameScheme.GTIN, "4006381333931"),)

    @pytest.mark.parametrize(
        ("date_element", "due"),
        [
            ("2:20261201:102", date(2026, 12, 1)),
            ("2:261201:101", date(2026, 12, 1)),
            ("2:011226:2", date(2026, 12, 1)),
            ("2:20261201", date(2026, 12, 1)),
            ("2:202612010830:203", datetime(2026, 12, 1, 8, 30)),  # noqa: DTZ001
            ("2:202612012400:203", datetime(2026, 12, 2)),  # noqa: DTZ001
            ("2:20261201083015:204", datetime(2026, 12, 1, 8, 30, 15)),  # noqa: DTZ001
            ("2:202612010830UTC:303", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)),
            (
                "2:20261201083015?+01:304",
                datetime(2026, 12, 1, 8, 30, 15, tzinfo=timezone(timedelta(hours=1))),
            ),
            ("2:20261201-20261207:718", date(2026, 12, 7)),
            ("2:202649:616", date(2026, 12, 6)),
            ("2:202602:610", date(2026, 2, 28)),
            ("64:20261201:102", None),
            ("200:20261201:102", date(2026, 12, 1)),
        ],
    )
    def test_dates(self, date_element: str, due: Due | None) -> None:
        (order,) = read(orders(*LINE, f"DTM+{date_element}"), OPTIONS).documents
        assert order.lines[0].due == due

    def test_deliveries_of_a_line(self) -> None:
        content = orders(
            "LIN+1++4006381333931:EN",
            "QTY+21:5:PCE",
            "SCC+1",
            "QTY+21:2:PCE",
            "DTM+2:20261201:102",
            "SCC+1",
            "QTY+21:3:PCE",
            "DTM+2:20261208:102",
        )
        (order,) = read(content, OPTIONS).documents
        assert [(line.position, line.quantity, line.due) for line in order.lines] == [
            ("1/1", Decimal(2), date(2026, 12, 1)),
            ("1/2", Decimal(3), date(2026, 12, 8)),
        ]

    def test_net_price_before_gross_and_decimal_comma(self) -> None:
        content = orders(*LINE, "PRI+AAB:12,5", "PRI+AAA:11,25::::PCE")
        (order,) = read(content, OPTIONS).documents
        assert order.lines[0].price == Decimal("11.25")

    def test_several_groups(self) -> None:
        one = reference_group("1", "PO-1") + reference_group("2", "PO-2")
        content = f"UNB+UNOC:3+A+B+261120:0915+7'{one}UNZ+2+7'".encode()
        reading = read(content, OPTIONS)
        assert reading.problems == ()
        assert [order.number for order in reading.documents] == ["PO-1", "PO-2"]
        assert reading.documents[0].parties[0].names == (Name(NameScheme.OTHER, "A"),)

    def test_rush_order_has_a_priority(self) -> None:
        (order,) = read(orders(*LINE, begin="BGM+224+PO-1+9"), OPTIONS).documents
        assert order.priority == 8


def reference_group(number: str, order: str) -> str:
    """A functional group with one order."""
    return (
        f"UNG+ORDERS+A+B+261120:0915+{number}+UN+D:96A'UNH+1+ORDERS:D:96A:UN'BGM+220+{order}+9'"
        f"LIN+1++4006381333931:EN'QTY+21:5'UNS+S'UNT+6+1'UNE+1+{number}'"
    )

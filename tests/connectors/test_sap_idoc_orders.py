"""IDocs become orders field by field; what is wrong is told by path."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.options import ReadOptions
from connectors.sap_idoc import Envelope, read
from domain.documents import (
    DocumentKind,
    LineAction,
    Name,
    NameScheme,
    OrderDocument,
    PartyRole,
    Problem,
    Reading,
    Severity,
)

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
ORDER = (SAMPLES / "sap-orders05.xml").read_bytes()
CHANGE = (SAMPLES / "sap-ordchg.xml").read_bytes()


def only(reading: Reading) -> OrderDocument:
    assert len(reading.documents) == 1, reading.problems
    return reading.documents[0]


def problem(reading: Reading, code: str) -> Problem:
    found = [one for one in reading.problems if one.code == code]
    assert len(found) == 1, reading.problems
    return found[0]


def changed(content: bytes, before: str, after: str) -> Reading:
    assert before.encode() in content
    return read(content.replace(before.encode(), after.encode(), 1), ReadOptions())


def idocs(*contents: bytes) -> bytes:
    """Several IDocs in one file."""
    inner = [one[one.index(b"<IDOC") : one.index(b"</ORDERS05>")] for one in contents]
    return b"<ORDERS05>" + b"".join(inner) + b"</ORDERS05>"


class TestOrder:
    def test_the_head_is_read(self) -> None:
        reading = read(ORDER, ReadOptions())
        assert reading.problems == ()
        order = only(reading)
        assert order.kind is DocumentKind.ORDER
        assert order.source == "sap-idoc:PRDCLNT100"
        assert order.number == "4500017301"
        assert order.message == "0000000000719301"
        created = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)
        assert order.version == int(created.timestamp() * 1000)
        assert order.issued == date(2026, 11, 20)
        assert order.due == date(2026, 12, 18)
        assert order.currency == "EUR"
        assert order.customer_reference is None
        assert order.notes == ("Bitte auf Europaletten",)
        assert not order.complete

    def test_the_lines_are_read(self) -> None:
        first, second = only(read(ORDER, ReadOptions())).lines
        assert first.position == "000010"
        assert first.action is LineAction.ADD
        assert first.names == (
            Name(NameScheme.SUPPLIER, "HOUSING-40"),
            Name(NameScheme.GTIN, "4012345678901"),
            Name(NameScheme.BUYER, "104711"),
            Name(NameScheme.BUYER, "000000000000104711"),
        )
        assert first.description == "Gehäuse 40 mm, grau"
        assert first.quantity == Decimal(1200)
        assert first.unit == "PCE"
        assert (first.price, first.price_basis) == (Decimal("184.5"), Decimal(100))
        assert first.due == date(2026, 12, 11)
        assert first.place == "/ORDERS05/IDOC/E1EDP01[1]"
        assert second.quantity == Decimal("35.5")
        assert second.unit == "MTR"
        assert second.due is None
        # Without a price the item's value says it, for all of it.
        assert (second.price, second.price_basis) == (Decimal(142), Decimal("35.5"))

    def test_the_partners_are_read(self) -> None:
        order = only(read(ORDER, ReadOptions()))
        sold_to = order.party(PartyRole.SOLD_TO)
        assert sold_to is not None
        assert sold_to.names == (
            Name(NameScheme.SUPPLIER, "100042"),
            Name(NameScheme.SUPPLIER, "0000100042"),
        )
        assert sold_to.name == "Nordmann Hausgeräte GmbH"
        assert (sold_to.city, sold_to.postal_code, sold_to.country) == ("Kassel", "34123", "DE")
        ship_to = order.party(PartyRole.SHIP_TO)
        assert ship_to is not None
        assert ship_to.role_code == "WE"
        assert ship_to.names == (
            Name(NameScheme.GLN, "4012345000009"),
            Name(NameScheme.BUYER, "KS02"),
        )
        assert ship_to.street == ("Hafenweg 3",)
        assert ship_to.region == "06"

    def test_the_channel_may_say_whose_numbers_they_are(self) -> None:
        order = only(read(ORDER, ReadOptions(source="nordmann")))
        assert order.source == "nordmann"

    def test_the_envelope_knows_the_way_back(self) -> None:
        reading = read(idocs(ORDER, CHANGE), ReadOptions())
        assert isinstance(reading.envelope, Envelope)
        control = reading.envelope.control_of("0000000000719301")
        assert control is not None
        assert (control.sender, control.sender_port) == ("PRDCLNT100", "SAPPRD")
        assert control.receiver == "GEMBA"

    def test_the_customers_number_stands_beside_the_documents(self) -> None:
        reading = changed(
            ORDER,
            "<E1EDK14 ",
            '<E1EDK02 SEGMENT="1"><QUALF>001</QUALF><BELNR>PO-9</BELNR></E1EDK02><E1EDK14 ',
        )
        order = only(reading)
        assert (order.number, order.customer_reference) == ("4500017301", "PO-9")

    def test_without_a_number_of_the_document_the_customers_counts(self) -> None:
        reading = changed(
            ORDER.replace(b"<BELNR>4500017301</BELNR>", b""),
            "<E1EDK14 ",
            '<E1EDK02 SEGMENT="1"><QUALF>001</QUALF><BELNR>PO-9</BELNR></E1EDK02><E1EDK14 ',
        )
        order = only(reading)
        assert (order.number, order.customer_reference) == ("PO-9", None)

    def test_a_time_of_delivery_counts(self) -> None:
        reading = changed(
            ORDER, "<DATUM>20261218</DATUM>", "<DATUM>20261218</DATUM><UZEIT>143000</UZEIT>"
        )
        assert only(reading).due == datetime(2026, 12, 18, 14, 30)  # noqa: DTZ001 - the plant's

    def test_a_reversed_order_is_cancelled(self) -> None:
        order = only(changed(CHANGE, "<ACTION>003</ACTION>", "<ACTION>001</ACTION>"))
        assert order.kind is DocumentKind.CANCEL
        assert order.lines == ()

    def test_an_item_with_several_dates_makes_several_lines(self) -> None:
        reading = changed(
            ORDER,
            "<WMENG>1200.000</WMENG>\n        <EDATU>20261211</EDATU>\n      </E1EDP20>",
            "<WMENG>700</WMENG><EDATU>20261218</EDATU></E1EDP20>"
            '<E1EDP20 SEGMENT="1"><WMENG>500</WMENG><EDATU>20261204</EDATU></E1EDP20>',
        )
        assert reading.problems == ()
        first, second, third = only(reading).lines
        assert (first.position, first.quantity, first.due) == (
            "000010/1", Decimal(700), date(2026, 12, 18),
        )  # fmt: skip
        assert (second.position, second.quantity, second.due) == (
            "000010/2", Decimal(500), date(2026, 12, 4),
        )  # fmt: skip
        assert first.names == second.names
        assert (second.price, second.price_basis) == (Decimal("184.5"), Decimal(100))
        assert second.place == "/ORDERS05/IDOC/E1EDP01[1]/E1EDP20[2]"
        assert third.position == "000020"


class TestChange:
    def test_lines_are_changed_cancelled_and_added(self) -> None:
        reading = read(CHANGE, ReadOptions())
        assert reading.problems == ()
        change = only(reading)
        assert change.kind is DocumentKind.CHANGE
        assert not change.complete
        told = [(line.position, line.action, line.quantity, line.due) for line in change.lines]
        assert told == [
            ("000010", LineAction.CHANGE, Decimal(1000), date(2026, 12, 14)),
            ("000020", LineAction.CANCEL, None, None),
            ("000030", LineAction.ADD, Decimal(50), None),
        ]

    def test_a_quantity_of_zero_is_a_cancellation(self) -> None:
        reading = changed(CHANGE, "<MENGE>1000.000", "<MENGE>0.000")
        assert only(reading).lines[0].action is LineAction.CANCEL
        assert problem(reading, "quantity_zero").severity is Severity.WARNING

    def test_it_is_newer_than_its_order(self) -> None:
        order = only(read(ORDER, ReadOptions()))
        change = only(read(CHANGE, ReadOptions()))
        assert (order.source, order.number) == (change.source, change.number)
        assert order.version < change.version


class TestProblems:
    def test_one_bad_order_of_three_keeps_out_itself_only(self) -> None:
        bad = ORDER.replace(b"4500017301", b"4500017302").replace(
            b"<MENGE>35.500", b"<MENGE>35,500"
        )
        good = ORDER.replace(b"4500017301", b"4500017303")
        reading = read(idocs(ORDER, bad, good), ReadOptions())
        assert [one.number for one in reading.documents] == ["4500017301", "4500017303"]
        found = problem(reading, "number_wrong")
        assert found.severity is Severity.ERROR
        assert found.place == "/ORDERS05/IDOC[2]/E1EDP01[2]/MENGE"
        assert found.value == "35,500"
        assert found.document == "4500017302"

    @pytest.mark.parametrize(
        ("before", "after", "code", "place"),
        [
            ("20261211", "20261341", "date_wrong", "E1EDP01[1]/E1EDP20[1]/EDATU"),
            ("20261218", "18.12.2026", "date_wrong", "E1EDK03[2]/DATUM"),
            ("<MENGE>1200.000", "<MENGE>1200.000-", "quantity_not_positive", "E1EDP01[1]/MENGE"),
            ("<MENGE>1200.000", "<MENGE>1E3", "number_wrong", "E1EDP01[1]/MENGE"),
            ("<POSEX>000020", "<POSEX>000010", "position_repeated", "E1EDP01[2]/POSEX"),
            (
                "<IDTNR>HOUSING-40",
                f"<IDTNR>{'H' * 81}",
                "text_too_long",
                "E1EDP01[1]/E1EDP19[2]/IDTNR",
            ),
            ("<VPREI>184.50", "<VPREI>free", "number_wrong", "E1EDP01[1]/VPREI"),
        ],
    )
    def test_errors_are_told_by_path(self, before: str, after: str, code: str, place: str) -> None:
        reading = changed(ORDER, before, after)
        assert reading.documents == ()
        found = problem(reading, code)
        assert found.severity is Severity.ERROR
        assert found.place == f"/ORDERS05/IDOC/{place}"
        assert found.document == "4500017301"

    @pytest.mark.parametrize(
        ("before", "after", "code", "place"),
        [
            ("<SUMME>2356.00", "<SUMME>2400.00", "sum_wrong", "E1EDS01[1]/SUMME"),
            ("<SUMID>002", "<SUMID>001", "sum_wrong", "E1EDS01[1]/SUMME"),
            ("<PARVW>AG", "<PARVW>ZZ", "customer_missing", "E1EDKA1"),
            ("<CURCY>EUR", "<CURCY>EURO", "currency_unknown", "E1EDK01/CURCY"),
            ("<WMENG>1200", "<WMENG>1100", "quantities_differ", "E1EDP01[1]/MENGE"),
            ("<RCVPOR>", "<TEST>X</TEST><RCVPOR>", "test_document", "EDI_DC40/TEST"),
            ("<CRETIM>081530", "<CRETIM>8h15", "version_unknown", "EDI_DC40/CRETIM"),
            ("<SNDPRN>PRDCLNT100</SNDPRN>", "", None, ""),
        ],
    )
    def test_warnings_let_it_in(
        self, before: str, after: str, code: str | None, place: str
    ) -> None:
        reading = changed(ORDER, before, after)
        assert len(reading.documents) == 1
        if code is None:
            assert only(reading).source == "sap-idoc:SAPPRD"
            return
        found = problem(reading, code)
        assert found.severity is Severity.WARNING
        assert found.place == f"/ORDERS05/IDOC/{place}"

    def test_an_order_without_items_is_refused(self) -> None:
        start, end = ORDER.index(b"<E1EDP01"), ORDER.index(b"<E1EDS01")
        reading = read(ORDER[:start] + ORDER[end:], ReadOptions())
        assert reading.documents == ()
        assert problem(reading, "lines_missing").place == "/ORDERS05/IDOC/E1EDP01"

    def test_an_order_without_a_number_is_refused_and_its_neighbour_is_not(self) -> None:
        bad = ORDER.replace(b"<BELNR>4500017301</BELNR>", b"")
        reading = read(idocs(bad, CHANGE), ReadOptions())
        assert only(reading).kind is DocumentKind.CHANGE
        found = problem(reading, "number_missing")
        assert found.document == "IDoc 0000000000719301"

    def test_an_item_without_a_name_is_refused(self) -> None:
        start, end = ORDER.rindex(b"<E1EDP19"), ORDER.rindex(b"</E1EDP01>")
        reading = read(ORDER[:start] + ORDER[end:], ReadOptions())
        assert problem(reading, "item_missing").place == "/ORDERS05/IDOC/E1EDP01[2]/E1EDP19"

    def test_another_message_is_refused(self) -> None:
        reading = changed(ORDER, "<MESTYP>ORDERS", "<MESTYP>INVOIC")
        assert reading.documents == ()
        assert problem(reading, "message_type_wrong").value == "INVOIC"

    def test_without_a_control_record_somebody_has_to_look(self) -> None:
        start, end = ORDER.index(b"<EDI_DC40"), ORDER.index(b"<E1EDK01")
        reading = read(ORDER[:start] + ORDER[end:], ReadOptions())
        order = only(reading)
        assert (order.source, order.version, order.message) == ("sap-idoc", 0, None)
        assert {one.code for one in reading.problems} == {"control_missing", "sender_missing"}

    def test_an_unknown_segment_is_noted(self) -> None:
        reading = changed(ORDER, "<E1EDS01 ", '<Z1OWN SEGMENT="1"><WORD>x</WORD></Z1OWN><E1EDS01 ')
        assert len(reading.documents) == 1
        found = problem(reading, "segment_unknown")
        assert (found.severity, found.value) == (Severity.NOTE, "Z1OWN")

    def test_too_many_orders_or_lines_are_refused(self) -> None:
        reading = read(idocs(ORDER, ORDER, ORDER), ReadOptions(max_orders=2))
        assert reading.documents == ()
        assert problem(reading, "too_many_orders").document is None
        reading = read(ORDER, ReadOptions(max_lines=1))
        assert problem(reading, "too_many_lines").document == "4500017301"

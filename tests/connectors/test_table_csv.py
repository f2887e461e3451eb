"""CSV files become orders; every bad cell is named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mapping import DateOrder, DecimalSign, Field, Mapping
from connectors.options import ReadOptions
from connectors.table import preview, read_csv
from domain.documents import (
    DocumentKind,
    Format,
    LineAction,
    Name,
    NameScheme,
    PartyRole,
    Problem,
    Reading,
    Severity,
)

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
ENGLISH = (SAMPLES / "orders.csv").read_bytes()
CHINESE = (SAMPLES / "orders-zh.csv").read_bytes()
HEADER = "Order,Customer,Item,Quantity,Unit,Due\n"


def reading_of(text: str, mapping: Mapping | None = None, **options: object) -> Reading:
    return read_csv(text.encode(), ReadOptions(mapping=mapping, **options))  # type: ignore[arg-type]


def problem(reading: Reading, code: str) -> Problem:
    found = [one for one in reading.problems if one.code == code]
    assert len(found) == 1, reading.problems
    return found[0]


def codes(reading: Reading) -> set[str]:
    return {one.code for one in reading.problems if one.severity is not Severity.NOTE}


class TestSamples:
    def test_the_english_one_is_read_field_by_field(self) -> None:
        reading = read_csv(ENGLISH, ReadOptions(source="sheet:desk"))
        first, second = reading.documents
        assert (first.number, second.number) == ("SO-1001", "SO-1002")
        assert first.kind is DocumentKind.ORDER
        assert (first.source, first.version) == ("sheet:desk", 0)
        assert first.issued == date(2026, 11, 20)
        assert first.currency == "EUR"
        assert first.notes == ("2: on drums",)
        customer = first.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.names == (Name(NameScheme.SUPPLIER, "C-042"),)
        housing, cable = first.lines
        assert housing.names == (Name(NameScheme.SUPPLIER, "HOUSING-40"),)
        assert housing.description == "Housing 40 mm, grey"
        assert (housing.quantity, housing.unit) == (Decimal(1200), "pcs")
        assert (housing.price, housing.price_basis) == (Decimal("1.845"), Decimal(1))
        assert housing.due == date(2026, 12, 11)
        assert (housing.position, housing.place) == ("1", "row 2")
        assert (cable.position, cable.quantity, cable.unit) == ("2", Decimal("35.5"), "m")

    def test_its_bad_order_says_what_is_wrong_with_each_cell(self) -> None:
        reading = read_csv(ENGLISH, ReadOptions())
        quantity, due = (
            problem(reading, "number_wrong"),
            problem(reading, "date_wrong"),
        )
        assert quantity.place == 'row 5, column "Qty"'
        assert (quantity.value, quantity.document) == ("fifty", "SO-1003")
        assert due.place == 'row 5, column "Due date"'
        assert due.value == "2026-13-18"
        assert {one.severity for one in (quantity, due)} == {Severity.ERROR}
        assert codes(reading) == {"number_wrong", "date_wrong"}

    def test_the_chinese_one_is_read(self) -> None:
        reading = read_csv(CHINESE, ReadOptions())
        first, second = reading.documents
        assert (first.number, second.number) == ("XS-2026-118", "XS-2026-119")
        assert (first.priority, second.priority) == (100, None)
        assert first.issued == date(2026, 11, 20)
        shell, cord = first.lines
        assert (shell.quantity, shell.unit) == (Decimal(1200), "件")
        assert shell.description == "外壳 40 毫米"
        assert (shell.due, cord.due) == (date(2026, 12, 11), date(2026, 12, 11))
        assert codes(reading) == set()


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
    def test_chinese_in_any_encoding(self, encoding: str) -> None:
        content = CHINESE.decode().encode(encoding)
        (first, _) = read_csv(content, ReadOptions()).documents
        assert first.lines[0].description == "外壳 40 毫米"

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "iso-8859-1"])
    def test_umlauts_in_any_encoding(self, encoding: str) -> None:
        text = (
            "Auftragsnr.;Artikel;Bezeichnung;Menge;Liefertermin\n"
            "A1;G-1;Größe für Tür;1.200,5;31.12.2026\n"
        )
        reading = read_csv(text.encode(encoding), ReadOptions())
        (line,) = reading.documents[0].lines
        assert line.description == "Größe für Tür"
        assert (line.quantity, line.due) == (Decimal("1200.5"), date(2026, 12, 31))
        assert codes(reading) == set()

    def test_a_told_encoding_counts(self) -> None:
        text = "Order,Item,Description,Qty\n1,A,ÄÖÜß,5\n".encode("cp1252")
        (order,) = read_csv(text, ReadOptions(mapping=Mapping(encoding="cp1252"))).documents
        assert order.lines[0].description == "ÄÖÜß"
        wrong = read_csv(text, ReadOptions(mapping=Mapping(encoding="utf-8")))
        assert problem(wrong, "encoding_wrong").place == "byte 31"
        unknown = read_csv(text, ReadOptions(mapping=Mapping(encoding="rot13")))
        assert problem(unknown, "encoding_unknown").value == "rot13"

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters_are_found(self, delimiter: str) -> None:
        text = HEADER.replace(",", delimiter) + delimiter.join(
            ["1", "C", "A", "5", "pcs", "2026-12-01"]
        )
        assert len(reading_of(text).documents) == 1

    def test_excels_line_about_the_delimiter_is_honoured(self) -> None:
        reading = reading_of("sep=;\nOrder;Item;Quantity\n1;A;x\n")
        assert problem(reading, "number_wrong").place == 'row 3, column "Quantity"'

    def test_quoted_values_hold_anything(self) -> None:
        text = HEADER + '1,C,"A ""1"", blue\nlarge",5,pcs,2026-12-01\n2,C,B,x,pcs,2026-12-01\n'
        reading = reading_of(text)
        assert reading.documents[0].lines[0].names[0].value == 'A "1", blue\nlarge'
        assert problem(reading, "number_wrong").place == 'row 3, column "Quantity"'

    def test_a_header_may_stand_below_a_title(self) -> None:
        reading = reading_of(
            "Orders of November,,,,,\n,,,,,\n" + HEADER + "1,C,A,5,pcs,2026-12-01\n"
        )
        assert reading.documents[0].lines[0].place == "row 4"

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"), (b"  \n", "empty"), (b"a\x00b", "not_text"),
            (b"PK\x03\x04", "not_text"), (b"hello\nworld\n", "header_missing"),
            (b'Order,Item,Qty\n1,"A,5\n', "csv_wrong"), (b"Order,Item\n1,A\n", "column_missing"),
            (b"Order,Item,Qty\n", "rows_missing"),
        ],
    )  # fmt: skip
    def test_what_is_no_table_of_orders_is_refused(self, content: bytes, code: str) -> None:
        reading = read_csv(content, ReadOptions())
        assert reading.documents == ()
        found = problem(reading, code)
        assert (found.severity, found.document) == (Severity.ERROR, None)

    def test_limits_hold(self) -> None:
        rows = "".join(f"{number},C,A,5,pcs,2026-12-01\n" for number in range(5))
        assert problem(reading_of(HEADER + rows, max_orders=4), "too_many_orders").document is None
        assert len(reading_of(HEADER + rows, max_orders=5).documents) == 5
        same = "1,C,A,5,pcs,2026-12-01\n" * 3
        assert problem(reading_of(HEADER + same, max_lines=2), "too_many_lines").document == "1"
        assert problem(reading_of(HEADER + rows, max_bytes=20), "too_large").document is None
        wide = ",".join(str(number) for number in range(400))
        assert problem(reading_of(HEADER + wide), "too_many_columns").place == "row 2"


class TestRows:
    def test_rows_of_an_order_need_not_follow_each_other(self) -> None:
        reading = reading_of(
            HEADER + "1,C,A,5,pcs,2026-12-01\n2,D,A,6,pcs,2026-12-01\n1,C,B,7,pcs,2026-12-02\n"
        )
        first, second = reading.documents
        assert [line.quantity for line in first.lines] == [5, 7]
        assert [line.quantity for line in second.lines] == [6]

    def test_one_bad_order_of_ten_keeps_out_itself_only(self) -> None:
        rows = [f"{number},C,A,{'?' if number == 7 else 5},pcs,2026-12-01" for number in range(10)]
        reading = reading_of(HEADER + "\n".join(rows))
        assert [one.number for one in reading.documents] == list("012345689")
        assert problem(reading, "number_wrong").document == "7"

    def test_a_row_without_an_order_goes_on_with_the_one_above(self) -> None:
        reading = reading_of(HEADER + "1,C,A,5,pcs,2026-12-01\n,,B,6,pcs,2026-12-01\n")
        (order,) = reading.documents
        assert [line.names[0].value for line in order.lines] == ["A", "B"]
        found = problem(reading, "order_number_filled")
        assert (found.severity, found.document) == (Severity.WARNING, "1")
        assert found.place == 'row 3, column "Order"'

    def test_but_not_if_it_says_anything_of_an_order(self) -> None:
        reading = reading_of(HEADER + "1,C,A,5,pcs,2026-12-01\n,C,B,6,pcs,2026-12-01\n")
        assert [line.names[0].value for line in reading.documents[0].lines] == ["A"]
        found = problem(reading, "order_number_missing")
        assert (found.document, found.place) == ("row 3", 'row 3, column "Order"')

    def test_rows_of_an_order_must_agree(self) -> None:
        reading = reading_of(HEADER + "1,C,A,5,pcs,2026-12-01\n1,D,B,6,pcs,2026-12-01\n")
        assert reading.documents == ()
        found = problem(reading, "differs_within_order")
        assert (found.place, found.value) == ('row 3, column "Customer"', "D")

    def test_a_total_is_no_line(self) -> None:
        reading = reading_of(HEADER + "1,C,A,5,pcs,2026-12-01\nTotal,,,5,,\n")
        assert len(reading.documents) == 1
        assert problem(reading, "row_passed_over").severity is Severity.NOTE

    @pytest.mark.parametrize(
        ("row", "code", "column"),
        [
            ("1,C,A,,pcs,2026-12-01", "quantity_missing", "Quantity"),
            ("1,C,A,0,pcs,2026-12-01", "quantity_not_positive", "Quantity"),
            ("1,C,A,-5,pcs,2026-12-01", "quantity_not_positive", "Quantity"),
            ("1,C,A,1E+05,pcs,2026-12-01", "number_wrong", "Quantity"),
            ("1,C,,5,pcs,2026-12-01", "item_missing", "Item"),
            ("1,C,A,5,pcs,tomorrow", "date_wrong", "Due"),
            ("1,C,A,5" + " " * 200 + "7,pcs,2026-12-01", "number_wrong", "Quantity"),
            ("1,C,A,5,pcs,2026-12-01" + " " * 200 + "x", "date_wrong", "Due"),
            ("1.5E+11,C,A,5,pcs,2026-12-01", "code_shortened", "Order"),
            ("1,C,A,5,pcs,2026-12-01,extra", "row_too_long", "Order"),
            ("9" * 81 + ",C,A,5,pcs,2026-12-01", "text_too_long", "Order"),
            ("1,C," + "A" * 81 + ",5,pcs,2026-12-01", "text_too_long", "Item"),
        ],
    )
    def test_a_bad_cell_is_named(self, row: str, code: str, column: str) -> None:
        reading = reading_of(HEADER + "0,C,A,5,pcs,2026-12-01\n" + row)
        assert [one.number for one in reading.documents] == ["0"]
        found = problem(reading, code)
        assert found.severity is Severity.ERROR
        assert found.place == f'row 3, column "{column}"'
        assert len(found.problem) > 10

    def test_what_nobody_sees_is_not_kept(self) -> None:
        text = HEADER + "1\x01,C,A\x7fB,5,pcs,2026-12-01\n2,C,A\x00B,5,pcs,2026-12-01\n"
        first, second = read_csv(b"\xff\xfe" + text.encode("utf-16le"), ReadOptions()).documents
        assert (first.number, first.lines[0].names[0].value) == ("1", "A B")
        assert second.lines[0].names[0].value == "A B"

    def test_a_shortened_item_code_is_looked_at(self) -> None:
        reading = reading_of(HEADER + "1,C,4.01235E+12,5,pcs,2026-12-01")
        assert len(reading.documents) == 1
        assert problem(reading, "code_shortened").severity is Severity.WARNING

    def test_a_missing_customer_is_looked_at(self) -> None:
        reading = reading_of(HEADER + "1,,A,5,pcs,2026-12-01")
        assert len(reading.documents) == 1
        assert problem(reading, "customer_missing").severity is Severity.WARNING

    def test_a_repeated_position_is_an_error(self) -> None:
        reading = reading_of("Order,Pos,Item,Qty\n1,10,A,5\n1,10,B,6\n")
        assert problem(reading, "position_repeated").place == 'row 3, column "Pos"'

    def test_lines_are_changed_and_cancelled(self) -> None:
        reading = reading_of(
            "Order,Pos,Item,Qty,Action,Updated at\n"
            "1,10,A,5,change,2026-11-22 10:00\n1,20,B,,cancel,2026-11-22 10:05\n1,30,C,7,new,\n"
        )
        (change,) = reading.documents
        assert change.kind is DocumentKind.CHANGE
        assert not change.complete
        assert [(line.action, line.quantity) for line in change.lines] == [
            (LineAction.CHANGE, 5), (LineAction.CANCEL, None), (LineAction.ADD, 7),
        ]  # fmt: skip
        newest = datetime(2026, 11, 22, 10, 5, tzinfo=UTC)
        assert change.version == int(newest.timestamp() * 1000)

    def test_a_version_that_counts_is_taken_as_it_is(self) -> None:
        (order,) = reading_of("Order,Item,Qty,Version\n1,A,5,3\n").documents
        assert order.version == 3

    def test_addresses_are_read(self) -> None:
        (order,) = reading_of(
            "Order,Item,Qty,Ship to,Street,ZIP,City,Country\n"
            "1,A,5,Lager 2,Hafenweg 3,34125,Kassel,DE\n"
        ).documents
        ship_to = order.party(PartyRole.SHIP_TO)
        assert ship_to is not None
        assert (ship_to.name, ship_to.street, ship_to.postal_code) == (
            "Lager 2", ("Hafenweg 3",), "34125",
        )  # fmt: skip


class TestAmbiguity:
    def test_dates_are_read_by_the_mapping(self) -> None:
        text = HEADER + "1,C,A,5,pcs,03/04/2026"
        (day_first,) = reading_of(text, Mapping(date_order=DateOrder.DAY_FIRST)).documents
        (month_first,) = reading_of(text, Mapping(date_order=DateOrder.MONTH_FIRST)).documents
        assert day_first.lines[0].due == date(2026, 4, 3)
        assert month_first.lines[0].due == date(2026, 3, 4)

    def test_without_it_they_are_looked_at(self) -> None:
        found = problem(reading_of(HEADER + "1,C,A,5,pcs,03/04/2026"), "date_ambiguous")
        assert (found.severity, found.place) == (Severity.WARNING, 'row 2, column "Due"')

    def test_another_row_may_decide(self) -> None:
        reading = reading_of(HEADER + "1,C,A,5,pcs,03/04/2026\n2,C,A,5,pcs,12/31/2026")
        assert reading.documents[0].lines[0].due == date(2026, 3, 4)
        assert codes(reading) == set()

    def test_numbers_are_looked_at_unless_another_row_decides(self) -> None:
        text = 'Order,Item,Qty\n1,A,"1,234"\n'
        assert problem(reading_of(text), "number_ambiguous").value == "1,234"
        decided = reading_of(text + '2,A,"0,5"\n')
        assert decided.documents[0].lines[0].quantity == Decimal("1.234")
        assert codes(decided) == set()
        told = reading_of(text, Mapping(decimal=DecimalSign.POINT))
        assert told.documents[0].lines[0].quantity == 1234


class TestMapping:
    def test_columns_are_taken_as_told(self) -> None:
        mapping = Mapping(
            columns={Field.ORDER_NUMBER: "Alpha", Field.ITEM: "Beta", Field.QUANTITY: "Gamma"},
            constants={Field.CUSTOMER: "C-1", Field.UNIT: "kg", Field.CURRENCY: "eur"},
        )
        (order,) = reading_of("Alpha,Beta,Gamma,Item\n1,A,5,wrong\n", mapping).documents
        assert order.lines[0].names == (Name(NameScheme.SUPPLIER, "A"),)
        assert (order.lines[0].unit, order.currency) == ("kg", "EUR")
        assert order.parties[0].names == (Name(NameScheme.SUPPLIER, "C-1"),)

    def test_a_column_that_is_not_there_is_told(self) -> None:
        mapping = Mapping(columns={Field.ORDER_NUMBER: "Order", Field.ITEM: "Nowhere"})
        found = problem(reading_of("Order,Item,Qty\n1,A,5\n", mapping), "column_missing")
        assert found.value == "Nowhere"
        assert "Order, Item, Qty" in found.problem

    def test_without_a_header_columns_are_letters(self) -> None:
        mapping = Mapping(
            header_row=0,
            columns={Field.ORDER_NUMBER: "A", Field.ITEM: "B", Field.QUANTITY: "C"},
        )
        reading = reading_of("1,X,5\n2,Y,no\n", mapping)
        assert reading.documents[0].lines[0].names[0].value == "X"
        assert problem(reading, "number_wrong").place == 'row 2, column "C"'

    def test_headings_that_are_there_twice_are_told_apart(self) -> None:
        mapping = Mapping(
            columns={Field.ORDER_NUMBER: "No", Field.ITEM: "No (2)", Field.QUANTITY: "Qty"}
        )
        (order,) = reading_of("No,No,Qty\n1,A,5\n", mapping).documents
        assert (order.number, order.lines[0].names[0].value) == ("1", "A")

    def test_it_survives_being_remembered(self) -> None:
        shown = preview(ENGLISH, ReadOptions())
        assert shown.mapping is not None
        again = msgspec.json.decode(msgspec.json.encode(shown.mapping), type=Mapping)
        assert again == shown.mapping
        assert read_csv(ENGLISH, ReadOptions(mapping=again)) == read_csv(ENGLISH, ReadOptions())


class TestPreview:
    def test_it_shows_what_would_be_taken_in(self) -> None:
        shown = preview(ENGLISH, ReadOptions(), limit=3)
        assert shown.format is Format.CSV
        assert shown.header_row == 1
        assert shown.header[:3] == ("Order No.", "Customer", "Order date")
        assert shown.mapping is not None
        assert shown.mapping.columns[Field.ORDER_NUMBER] == "Order No."
        assert (shown.orders, shown.lines) == (2, 3)
        assert [row.number for row in shown.rows] == [2, 3, 4]
        assert shown.rows[0].cells[5] == "1,200"
        assert shown.rows[0].order == "SO-1001"
        assert shown.rows[0].line is not None
        assert shown.rows[0].line.quantity == 1200
        assert {one.code for one in shown.problems} == {"number_wrong", "date_wrong"}

    def test_a_bad_row_has_no_line(self) -> None:
        row = preview(ENGLISH, ReadOptions()).rows[3]
        assert (row.number, row.order, row.line) == (5, "SO-1003", None)

    def test_columns_that_are_not_known_are_shown_to_be_mapped(self) -> None:
        shown = preview(b"Alpha,Beta\n1,2\n", ReadOptions())
        assert (shown.mapping, shown.header) == (None, ("Alpha", "Beta"))
        assert shown.problems[0].code == "header_missing"


CELLS = st.text(max_size=8) | st.sampled_from(
    ["5", "1,5", "1.234", "x", "2026-12-01", "03/04/2026", "45000", "", "-1", "#N/A", "=A1", "1E+9"]
)


class TestAnything:
    @given(st.binary(max_size=300))
    @settings(max_examples=200, deadline=None)
    def test_bytes_never_raise(self, content: bytes) -> None:
        read_csv(content, ReadOptions())
        preview(content, ReadOptions())
        read_csv(b"Order,Item,Qty\n" + content, ReadOptions())

    @given(st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=6))
    @settings(max_examples=300, deadline=None)
    def test_every_row_is_taken_in_or_its_cells_are_named(self, rows: list[list[str]]) -> None:
        quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
        reading = reading_of(HEADER + "\n".join(quoted))
        taken = {line.place for order in reading.documents for line in order.lines}
        named = {one.place.partition(",")[0] for one in reading.problems}
        refused = {one.document for one in reading.problems if one.severity is Severity.ERROR}
        numbers = preview((HEADER + "\n".join(quoted)).encode(), ReadOptions(), limit=99).rows
        for row in numbers:
            place = f"row {row.number}"
            # Taken in, or named itself, or part of an order that another row keeps out.
            assert place in taken or place in named or row.order in refused
        for order in reading.documents:
            assert order.number not in refused
            assert all(line.quantity is not None and line.quantity > 0 for line in order.lines)

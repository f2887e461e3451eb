"""Workbooks become orders; nothing in them is carried out, and none unfolds too far."""

from __future__ import annotations

import io
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import openpyxl.xml.functions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbooks import HEADER, part, with_parts, with_shared_strings, workbook

from connectors.mapping import Field, Mapping
from connectors.options import ReadOptions
from connectors.table import preview, read, read_xlsx
from domain.documents import Format, Problem, Reading, Severity

DUE = datetime(2026, 12, 11)  # noqa: DTZ001 - spreadsheets know no zones
ROW = ("SO-1", "C-1", "A-1", 1200, "pcs", DUE)
SHEET = "xl__worksheets__sheet1.xml"
SAMPLE = with_shared_strings(workbook(ROW, ROW))
"""Made once: a workbook tells when it was made, and properties want the same bytes each time."""


def problem(reading: Reading, code: str) -> Problem:
    found = [one for one in reading.problems if one.code == code]
    assert len(found) == 1, reading.problems
    return found[0]


def refusal(content: bytes, **options: Any) -> str:
    reading = read_xlsx(content, ReadOptions(**options))
    assert reading.documents == ()
    (found,) = reading.problems
    assert (found.severity, found.document) == (Severity.ERROR, None)
    assert len(found.problem) > 20
    return found.code


class TestCells:
    def test_values_are_read(self) -> None:
        content = workbook(
            ROW,
            ("SO-1", "C-1", 4711, 0.1 + 0.2, "m", datetime(2026, 12, 12, 14, 30)),  # noqa: DTZ001
            (1002, "C-2", "  B-2 ", "1,234.5", "pcs", "2026-12-13"),
        )
        reading = read_xlsx(content, ReadOptions())
        first, second = reading.documents
        assert (first.number, first.source) == ("SO-1", "upload:C-1")
        one, two = first.lines
        assert (one.quantity, one.unit, one.due) == (Decimal(1200), "pcs", date(2026, 12, 11))
        assert one.place == "row 2"
        assert two.names[0].value == "4711"
        assert two.quantity == Decimal("0.3")
        assert two.due == datetime(2026, 12, 12, 14, 30)  # noqa: DTZ001
        assert (second.number, second.lines[0].names[0].value) == ("1002", "B-2")
        assert second.lines[0].quantity == Decimal("1234.5")
        assert reading.problems == ()

    def test_texts_may_stand_in_a_part_of_their_own(self) -> None:
        content = with_shared_strings(workbook(ROW))
        assert b"SO-1" not in part(content, "xl/worksheets/sheet1.xml")
        (order,) = read_xlsx(content, ReadOptions()).documents
        assert (order.number, order.lines[0].unit) == ("SO-1", "pcs")

    def test_a_number_shown_with_zeros_keeps_them(self) -> None:
        def change(book: Any) -> None:
            book.active["C2"].number_format = "000000"

        content = workbook(("SO-1", "C-1", 4711, 5, "pcs", DUE), change=change)
        (order,) = read_xlsx(content, ReadOptions()).documents
        assert order.lines[0].names[0].value == "004711"

    def test_a_day_number_is_a_date(self) -> None:
        reading = read_xlsx(workbook(("SO-1", "C-1", "A", 5, "pcs", 46357)), ReadOptions())
        assert reading.documents[0].lines[0].due == date(2026, 12, 1)
        assert problem(reading, "date_serial").severity is Severity.NOTE

    @pytest.mark.parametrize(
        ("cells", "code", "column"),
        [
            (("SO-2", "C", "A", "many", "pcs", DUE), "number_wrong", "Quantity"),
            (("SO-2", "C", "A", DUE, "pcs", DUE), "number_wrong", "Quantity"),
            (("SO-2", "C", "A", True, "pcs", DUE), "number_wrong", "Quantity"),
            (("SO-2", "C", "A", 1e300, "pcs", DUE), "number_wrong", "Quantity"),
            (("SO-2", "C", "A", -1, "pcs", DUE), "quantity_not_positive", "Quantity"),
            (("SO-2", "C", "A", None, "pcs", DUE), "quantity_missing", "Quantity"),
            (("SO-2", "C", "A", 5, "pcs", "soon"), "date_wrong", "Due date"),
            (("SO-2", "C", "A", 5, "pcs", 7), "date_wrong", "Due date"),
            (("SO-2", "C", "#N/A", 5, "pcs", DUE), "cell_faulty", "Item"),
            (("SO-2", "C", None, 5, "pcs", DUE), "item_missing", "Item"),
        ],
    )
    def test_a_bad_cell_is_named(self, cells: tuple[Any, ...], code: str, column: str) -> None:
        reading = read_xlsx(workbook(ROW, cells), ReadOptions())
        assert [one.number for one in reading.documents] == ["SO-1"]
        found = problem(reading, code)
        assert found.place == f'row 3, column "{column}"'
        assert found.document == "SO-2"

    def test_a_code_that_became_a_date_is_looked_at(self) -> None:
        reading = read_xlsx(workbook(("SO-1", "C", DUE, 5, "pcs", DUE)), ReadOptions())
        found = problem(reading, "text_expected")
        assert (found.severity, found.place) == (Severity.WARNING, 'row 2, column "Item"')

    def test_empty_rows_do_not_move_the_numbers(self) -> None:
        content = workbook(ROW, (), (), ("SO-2", "C", "A", "x", "pcs", DUE))
        found = problem(read_xlsx(content, ReadOptions()), "number_wrong")
        assert found.place == 'row 5, column "Quantity"'


class TestFormulas:
    def test_without_a_saved_value_they_are_an_error(self) -> None:
        content = workbook(("SO-1", "C-1", "A", "=2*600", "pcs", DUE))
        found = problem(read_xlsx(content, ReadOptions()), "formula_without_value")
        assert found.place == 'row 2, column "Quantity"'
        assert "not worked out" in found.problem

    def test_a_saved_value_is_taken_with_a_note(self) -> None:
        content = workbook(ROW, ("SO-2", "C-1", "A", "=2*600", "pcs", DUE))
        sheet = part(content, "xl/worksheets/sheet1.xml")
        assert b"<f>2*600</f><v />" in sheet or b"<f>2*600</f><v/>" in sheet
        sheet = sheet.replace(b"<v />", b"<v>77</v>").replace(
            b"<f>2*600</f><v/>", b"<f>2*600</f><v>77</v>"
        )
        reading = read_xlsx(with_parts(content, **{SHEET: sheet}), ReadOptions())
        # 77 and not 1200: what was saved counts, nothing is worked out.
        assert reading.documents[1].lines[0].quantity == 77
        found = problem(reading, "formula_value")
        assert (found.severity, found.place) == (Severity.NOTE, 'row 3, column "Quantity"')

    @pytest.mark.parametrize(
        "formula",
        ['=WEBSERVICE("http://127.0.0.1:1/")', "=[1]Other!A1", '=cmd|"/c calc"!A1',
         '=HYPERLINK("http://127.0.0.1:1/","x")'],
    )  # fmt: skip
    def test_none_is_carried_out(self, formula: str) -> None:
        content = workbook(ROW, ("SO-2", "C-1", "A", 5, formula, DUE))
        reading = read_xlsx(content, ReadOptions())
        assert [one.number for one in reading.documents] == ["SO-1"]
        assert problem(reading, "formula_without_value").place == 'row 3, column "Unit"'

    def test_text_that_looks_like_one_stays_text_in_csv(self) -> None:
        reading = read(b'Order,Item,Qty\n1,"=HYPERLINK(""x"")",5\n', ReadOptions())
        assert reading.documents[0].lines[0].names[0].value == '=HYPERLINK("x")'

    def test_macros_are_not_run(self) -> None:
        content = with_parts(workbook(ROW), xl__vbaProject__bin=None)
        content = with_parts(content, **{"xl__vbaProject.bin": b"\xd0\xcf\x11\xe0macro"})
        reading = read_xlsx(content, ReadOptions())
        assert len(reading.documents) == 1
        assert "macros" in problem(reading, "how_read").problem


class TestSheets:
    def test_merged_cells_say_the_same_down_the_column(self) -> None:
        def change(book: Any) -> None:
            book.active.merge_cells("A2:A3")
            book.active.merge_cells("B2:B3")

        content = workbook(ROW, (None, None, "B", 7, "pcs", DUE), ROW[:1] + ROW[1:], change=change)
        reading = read_xlsx(content, ReadOptions())
        (order,) = reading.documents
        assert [line.names[0].value for line in order.lines] == ["A-1", "B", "A-1"]
        assert reading.problems == ()

    def test_a_merged_quantity_is_nobodys(self) -> None:
        def change(book: Any) -> None:
            book.active.merge_cells("D2:D3")

        content = workbook(ROW, ("SO-1", "C-1", "B", None, "pcs", DUE), change=change)
        reading = read_xlsx(content, ReadOptions())
        assert reading.documents == ()
        assert problem(reading, "cell_merged").place == 'row 3, column "Quantity"'

    def several(self) -> bytes:
        def change(book: Any) -> None:
            may = book.create_sheet("May")
            may.append(list(HEADER))
            may.append(["SO-5", "C", "A", "x", "pcs", DUE])
            may.append(["SO-6", "C", "A", 6, "pcs", DUE])
            book.create_sheet("Prices").append(["Alpha", "Beta"])
            hidden = book.create_sheet("Old")
            hidden.append(list(HEADER))
            hidden.append(["SO-0", "C", "A", 5, "pcs", DUE])
            hidden.sheet_state = "hidden"
            book.active.title = "April"

        return workbook(ROW, change=change)

    def test_every_visible_sheet_with_orders_is_read(self) -> None:
        reading = read_xlsx(self.several(), ReadOptions())
        assert [one.number for one in reading.documents] == ["SO-1", "SO-6"]
        assert problem(reading, "number_wrong").place == 'sheet "May", row 2, column "Quantity"'
        assert problem(reading, "sheet_passed_over").place == 'sheet "Prices"'
        assert "'Old'" in problem(reading, "how_read").problem

    def test_a_mapping_may_name_one(self) -> None:
        options = ReadOptions(mapping=Mapping(sheet="Old"))
        assert [one.number for one in read_xlsx(self.several(), options).documents] == ["SO-0"]
        missing = read_xlsx(self.several(), ReadOptions(mapping=Mapping(sheet="June")))
        assert "'April', 'May'" in problem(missing, "sheet_missing").problem

    def test_a_preview_shows_the_first(self) -> None:
        shown = preview(self.several(), ReadOptions())
        assert (shown.format, shown.sheets) == (Format.XLSX, ("April", "May"))
        assert shown.mapping is not None
        assert shown.mapping.columns[Field.DUE] == "Due date"
        assert shown.rows[0].cells[:4] == ("SO-1", "C-1", "A-1", "1200")
        assert (shown.orders, shown.lines) == (2, 2)


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "workbook_old"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16le"),
             "workbook_encrypted"),
            (b"Order,Item,Qty\n", "not_a_workbook"),
            (b"PK\x03\x04" + b"\x00" * 40, "not_a_workbook"),
            (b"", "empty"),
        ],
    )  # fmt: skip
    def test_what_is_none(self, content: bytes, code: str) -> None:
        assert refusal(content) == code

    def test_other_kinds_of_archives(self) -> None:
        content = workbook(ROW)
        assert refusal(with_parts(content, **{"xl__workbook.bin": b"x"})) == "workbook_binary"
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("readme.txt", "hello")
        assert refusal(out.getvalue()) == "not_a_workbook"

    @pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "xl/styles.xml",
                                      "xl/sharedStrings.xml", "[Content_Types].xml"])  # fmt: skip
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_entities_in_any_part(self, name: str, encoding: str) -> None:
        content = with_shared_strings(workbook(ROW))
        text = part(content, name).decode()
        text = text[text.index("?>") + 2 :] if text.startswith("<?xml") else text
        bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
        doctype = f'<!DOCTYPE x [<!ENTITY e0 "ha">{bomb}]>'
        whole = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}{text}'
        made = with_parts(content, **{name.replace("/", "__"): whole.encode(encoding)})
        assert refusal(made) == "doctype_forbidden"

    def test_openpyxl_reads_through_defusedxml(self) -> None:
        """Behind our own look: what we overlooked is still refused by the parser."""
        assert openpyxl.DEFUSEDXML
        assert not openpyxl.LXML
        for function in ("fromstring", "iterparse"):
            assert getattr(openpyxl.xml.functions, function).__module__ == "defusedxml.common"
        assert "lxml" not in sys.modules
        entity = b'<!DOCTYPE x [<!ENTITY e "ha">]><x>&e;</x>'
        with pytest.raises(ValueError, match="EntitiesForbidden"):
            openpyxl.xml.functions.fromstring(entity)

    def test_a_bomb_is_refused_before_it_is_unpacked(self) -> None:
        bomb = b'<?xml version="1.0"?><worksheet>' + b" " * 30_000_000
        content = with_parts(workbook(ROW), **{SHEET: bomb})
        assert len(content) < 100_000
        assert refusal(content) == "unfolds_too_far"
        assert refusal(workbook(ROW), max_bytes=1_000) == "too_large"

    def test_the_sum_of_the_parts_is_limited(self) -> None:
        parts = {f"xl__media__{n}.png": bytes(range(256)) * 4096 for n in range(5)}
        content = with_parts(workbook(ROW), **parts)
        assert refusal(content, max_bytes=max(len(content), 200_000)) == "unfolds_too_far"

    def test_many_parts_and_nested_archives_are_refused(self) -> None:
        many = with_parts(workbook(ROW), **{f"x{n}.txt": b"" for n in range(1_001)})
        assert refusal(many) == "too_many_members"
        nested = with_parts(workbook(ROW), **{"xl__embeddings__bomb.zip": b"PK"})
        assert refusal(nested) == "nested_archive"

    def test_a_part_that_is_encrypted_is_told(self) -> None:
        content = bytearray(workbook(ROW))
        at = content.index(b"PK\x01\x02")
        content[at + 8] |= 1
        assert refusal(bytes(content)) == "workbook_encrypted"

    def test_cells_far_out_cost_nothing(self) -> None:
        content = workbook(ROW)
        sheet = part(content, "xl/worksheets/sheet1.xml")
        far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
        made = with_parts(content, **{SHEET: sheet.replace(b"</sheetData>", far)})
        assert refusal(made) in {"too_many_rows", "too_many_columns"}
        wide = b'<row r="3"><c r="XFD3"><v>1</v></c></row></sheetData>'
        made = with_parts(content, **{SHEET: sheet.replace(b"</sheetData>", wide)})
        assert refusal(made) == "too_many_columns"

    def test_a_damaged_part_is_told(self) -> None:
        content = workbook(ROW)
        for name in ("xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"):
            made = with_parts(content, **{name.replace("/", "__"): b"<broken"})
            assert refusal(made) == "workbook_damaged"


class TestAnything:
    @given(data=st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_mutated_archives_never_raise(self, data: st.DataObject) -> None:
        content = bytearray(SAMPLE)
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at] = data.draw(st.integers(0, 255))
        reading = read_xlsx(bytes(content), ReadOptions())
        assert reading.documents or reading.problems

    @given(data=st.data())
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_mutated_parts_never_raise(self, data: st.DataObject) -> None:
        content = SAMPLE
        name = data.draw(
            st.sampled_from(
                ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml",
                 "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"]
            )
        )  # fmt: skip
        text = bytearray(part(content, name))
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(text) - 1))
            text[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
        made = with_parts(content, **{name.replace("/", "__"): bytes(text)})
        reading = read_xlsx(made, ReadOptions())
        assert reading.documents or reading.problems

    @given(st.lists(st.lists(
        st.none() | st.integers(-(10**12), 10**12) | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from(["5", "x", "1.234", "2026-12-01", "#N/A", "=A1"]),
        min_size=6, max_size=6), min_size=1, max_size=4))  # fmt: skip
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_every_row_is_taken_in_or_its_cells_are_named(self, rows: list[list[Any]]) -> None:
        content = workbook(*rows)
        reading = read_xlsx(content, ReadOptions())
        taken = {line.place for order in reading.documents for line in order.lines}
        named = {one.place.partition(",")[0] for one in reading.problems}
        refused = {one.document for one in reading.problems if one.severity is Severity.ERROR}
        for row in preview(content, ReadOptions(), limit=99).rows:
            place = f"row {row.number}"
            assert place in taken or place in named or row.order in refused
        for order in reading.documents:
            assert all(line.quantity is not None and line.quantity > 0 for line in order.lines)


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read_xlsx(workbook(ROW), ReadOptions())
    assert list(tmp_path.iterdir()) == []

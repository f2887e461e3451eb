"""Reports as CSV and XLSX: read again by what reads such files; nothing in them is a formula."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_answers import FORMULA, answer

from connectors.report_files.csv_file import NoTableError, write_csv
from connectors.report_files.formats import FileFormat, file_name
from connectors.report_files.texts import cleaned, defused
from connectors.report_files.xlsx_file import TooManyRowsError, write_xlsx
from domain.reports.composing import compose
from domain.reports.document import Column, Document, Kind, Table


def of_rows(*rows: tuple[str | float, ...]) -> Document:
    return Document(
        code="x",
        title="X",
        language="en",
        zone="UTC",
        first=date(2026, 11, 1),
        last=date(2026, 11, 1),
        as_of=datetime.fromisoformat("2026-11-02T00:00:00+00:00"),
        tables=(
            Table(
                code="rows",
                title="X",
                columns=tuple(Column(code=f"c{n}", name=f"c{n}") for n in range(len(rows[0]))),
                rows=rows,
            ),
        ),
    )


def workbook(document: Document) -> openpyxl.Workbook:
    file = io.BytesIO()
    write_xlsx(document, file)
    file.seek(0)
    return openpyxl.load_workbook(file)


def test_csv_has_one_figure_a_line_with_all_parts() -> None:
    text = "".join(write_csv(compose(answer(), "en")))
    assert text.startswith("\ufeffof,key,label,from,until,code,name,unit,value")
    assert "\r\n" in text
    read = pd.read_csv(io.StringIO(text.removeprefix("\ufeff")))
    totals = read[read["of"] == "total"].set_index("code")
    assert totals.loc["oee", "value"] == 0.7261
    assert (totals.loc["oee", "part"], totals.loc["oee", "whole"]) == (7261, 10_000)
    assert totals.loc["lead_time", "unit"] == "ms"
    assert totals.loc["quality_ratio", "absent"] == "nothing was made"
    assert (read["of"] == "row").sum() == 12 * 5
    assert (read["of"] == "period").sum() == 30 * 5


def test_csv_of_a_table_is_that_table() -> None:
    document = compose(answer("zh"), "zh")
    rows = list(csv.reader(io.StringIO("".join(write_csv(document, "series", mark=False)))))
    assert rows[0][:4] == ["期间", "开始", "结束", "设备综合效率 OEE"]
    assert "交付周期 (ms)" in rows[0]
    assert len(rows) == 31
    assert rows[1][1] == "2026-11-01T00:00:00+08:00"
    assert {len(row) for row in rows} == {len(rows[0])}


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(NoTableError, match=r"'lines'; it has: 'rows', 'series'"):
        list(write_csv(compose(answer(), "en"), "lines"))


@given(st.text())
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    written = "".join(write_csv(of_rows((text, "x")), "rows", mark=False))
    _, row = csv.reader(io.StringIO(written, newline=""))
    assert not row[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert row[0] in (cleaned(text), "'" + cleaned(text))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", "  =1", "\n=1"])
def test_formulas_are_marked_as_text(text: str) -> None:
    assert defused(text).startswith("'")


def test_a_workbook_reckons_on_with_numbers_and_dates() -> None:
    book = workbook(compose(answer(), "en"))
    assert book.sheetnames == ["Figures", "In detail", "Over time", "What the figures mean"]
    rows = book["In detail"]
    head = [cell.value for cell in rows[1]]
    assert head[:3] == ["Name", "Key", "OEE index"]
    oee, lead = rows.cell(2, 3), rows.cell(2, head.index("Lead time") + 1)
    assert (oee.value, oee.number_format) == (0.6 + 7 / 50, "0.0%")
    assert lead.number_format == "[h]:mm:ss"
    # A time, to a spreadsheet: 1.125 days are 27 hours.
    assert isinstance(lead.value, timedelta)
    assert lead.value == timedelta(hours=27)
    series = book["Over time"]
    assert series.cell(2, 2).value == datetime(2026, 11, 1)  # noqa: DTZ001 - a sheet knows no zones
    assert series.freeze_panes == "A2"
    assert series.cell(11, 4).value is None


def test_a_workbook_says_scope_period_and_targets() -> None:
    sheet = workbook(compose(answer("zh"), "zh"))["指标"]
    texts = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert "2026-11-01 – 2026-11-30" in texts
    assert "2026-12-01 08:00 (Asia/Shanghai)" in texts
    row = next(row for row in sheet.iter_rows(values_only=True) if row[0] == "设备综合效率 OEE")
    assert row[1:7] == (0.7261, None, 0.75, "否", 7261, 10000)


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    document = compose(answer(), "en")
    book = workbook(document)
    (cell,) = (one for one in book["In detail"]["A"] if one.value == FORMULA)
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    path = tmp_path / "report.xlsx"
    with path.open("wb") as file:
        write_xlsx(document, file)
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            assert b"<f>" not in parts.read(name)


def test_characters_that_no_file_holds_are_left_out() -> None:
    sheet = workbook(of_rows(("a\x00b\x0bc\ud800d", 1)))["X"]
    assert sheet["A2"].value == "abcd"


def test_pandas_reads_a_workbook() -> None:
    file = io.BytesIO()
    write_xlsx(compose(answer(rows=100), "en"), file)
    read = pd.read_excel(file, sheet_name="In detail")
    assert len(read) == 100
    assert read["OEE index"].between(0.6, 0.9).all()


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.report_files.xlsx_file.MOST_ROWS", 11)
    with pytest.raises(TooManyRowsError, match="has 12 rows, and a sheet holds 11: ask for"):
        write_xlsx(compose(answer(), "en"), io.BytesIO())


def test_a_sheet_s_name_holds_what_names_may() -> None:
    table = Table(
        code="rows",
        title="OEE: a/b [c] * ?" + "x" * 40,
        columns=(Column(code="a", name="a", kind=Kind.COUNT),),
        rows=((1,),),
    )
    document = of_rows(("a",))
    document = Document(
        code="x",
        title="X",
        language="en",
        zone="UTC",
        first=document.first,
        last=document.last,
        as_of=document.as_of,
        tables=(table,),
    )
    assert workbook(document).sheetnames[1] == "OEE  a b  c" + "     " + "x" * 15


@pytest.mark.parametrize("kind", list(FileFormat))
def test_files_are_named_by_report_scope_and_period(kind: FileFormat) -> None:
    name = file_name(compose(answer("zh"), "zh"), kind)
    assert name == f"oee_hz_2026-11-01_2026-11-30.{kind.value}"

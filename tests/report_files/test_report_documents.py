"""An answer becomes a document: figures, charts, tables, in the answer's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from report_answers import FORMULA, answer, content

from domain.reports.answer import read_answer
from domain.reports.composing import MOST_BARS, compose, period_name
from domain.reports.document import ChartKind, FigureLine, Kind
from domain.reports.mailing import in_short
from domain.reports.writing import duration, number, written


def test_figures_keep_values_and_say_why_there_is_none() -> None:
    document = compose(answer(), "en")
    figures = {one.code: one for one in document.figures}
    assert figures["oee"].name == "OEE index"
    assert (figures["oee"].value, figures["oee"].target) == (0.7261, 0.75)
    assert (figures["oee"].part, figures["oee"].whole) == (7261, 10_000)
    assert figures["quality_ratio"].value is None
    assert figures["quality_ratio"].absent == "nothing was made"
    assert figures["scrap_cost"].currency == "CNY"


@pytest.mark.parametrize(
    ("code", "met"),
    [("oee", False), ("availability", True), ("lead_time", False), ("scrap_cost", None)],
)
def test_whether_a_target_is_reached_goes_by_which_way_is_better(
    code: str,
    met: bool | None,  # noqa: FBT001 - a parameter of a test
) -> None:
    figures = {one.code: one for one in compose(answer(), "en").figures}
    assert figures[code].met is met


def test_near_zero_is_reached_from_both_sides() -> None:
    from domain.reports.definitions import Better  # noqa: PLC0415

    def line(value: float) -> FigureLine:
        return FigureLine(
            code="b", name="b", kind=Kind.PERCENT, value=value, target=0.05, better=Better.NEAR_ZERO
        )

    assert [line(value).met for value in (-0.04, 0.04, -0.06)] == [True, True, False]


def test_a_chart_a_unit_along_time_and_bars_of_the_first_figure() -> None:
    document = compose(answer(rows=40), "en")
    lines = [one for one in document.charts if one.shape is ChartKind.LINES]
    assert [one.kind for one in lines] == [Kind.PERCENT, Kind.DURATION]
    assert [one.name for one in lines[0].series] == ["OEE index", "Availability"]
    assert lines[0].categories[0] == "2026-11-01"
    assert lines[0].series[0].values[9] is None
    assert lines[0].target == 0.75
    (bars,) = [one for one in document.charts if one.shape is ChartKind.BARS]
    assert len(bars.categories) == MOST_BARS
    assert bars.categories[0] == FORMULA


def test_tables_have_all_rows_in_the_plants_time() -> None:
    document = compose(answer(rows=40), "zh")
    rows, series = document.tables
    assert (rows.title, len(rows.rows), series.title, len(series.rows)) == ("明细", 40, "趋势", 30)
    assert [column.code for column in series.columns[:3]] == ["period", "from", "until"]
    begins = series.rows[0][1]
    assert isinstance(begins, datetime)
    assert begins.isoformat() == "2026-11-01T00:00:00+08:00"


def test_one_period_is_no_line_and_one_row_no_bar() -> None:
    document = compose(answer(rows=3, days=1), "en")
    assert [one.shape for one in document.charts] == [ChartKind.BARS]


def test_an_answer_of_several_zones_is_told_in_utc() -> None:
    told = content()
    told["period"]["time_zone"] = None
    told["scope"] = {"site": None, "line": None, "sites": ["hz", "sz"]}
    document = compose(read_answer(told), "en")
    assert document.zone == "UTC"
    assert document.scope == (("Sites", "hz, sz"),)


def test_preliminary_is_said_once() -> None:
    told = content()
    assert len(compose(read_answer(told), "en").notes) == 1
    told["notes"] = [{"code": "preliminary", "words": "Preliminary, as rows wait."}]
    assert compose(read_answer(told), "en").notes == ("Preliminary, as rows wait.",)


def test_what_is_not_defined_is_a_count_or_a_time() -> None:
    told = content()
    told["totals"] = {"busy_ms": {"value": 7_200_000}, "scrap": {"value": 3}}
    figures = compose(read_answer(told), "en").figures
    assert [(one.name, one.kind) for one in figures] == [
        ("busy_ms", Kind.DURATION),
        ("scrap", Kind.COUNT),
    ]


@pytest.mark.parametrize(
    ("day", "grain", "name"),
    [
        (date(2026, 11, 1), "day", "2026-11-01"),
        (date(2027, 1, 1), "week", "2026-W53"),
        (date(2026, 12, 28), "week", "2026-W53"),
        (date(2026, 11, 1), "month", "2026-11"),
    ],
)
def test_periods_are_named_by_the_field_s_ways(day: date, grain: str, name: str) -> None:
    assert period_name(day, grain) == name


@pytest.mark.parametrize(
    ("value", "kind", "english", "chinese"),
    [
        (0.7261, Kind.PERCENT, "72.6 %", "72.6 %"),
        (-0.05, Kind.PERCENT, "−5.0 %", "−5.0 %"),
        (1234567.5, Kind.MONEY, "1,234,567.50 CNY", "1,234,567.50 CNY"),
        (12, Kind.COUNT, "12", "12"),
        (Decimal("12.50"), Kind.PIECES, "12.50", "12.50"),
        (7.25, Kind.PER_YEAR, "7.25 a year", "7.25 次/年"),
        (90_000_000, Kind.DURATION, "1 d 1 h", "1 天 1 小时"),
        (0, Kind.DURATION, "0 s", "0 秒"),
        (400, Kind.DURATION, "0 s", "0 秒"),
        (3_659_000, Kind.DURATION, "1 h", "1 小时"),
        (-61_000, Kind.DURATION, "−1 min 1 s", "−1 分 1 秒"),
    ],
)
def test_numbers_are_written_as_people_read_them(
    value: float | Decimal, kind: Kind, english: str, chinese: str
) -> None:
    assert number(value, kind, "en", "CNY" if kind is Kind.MONEY else "") == english
    assert number(value, kind, "zh", "CNY" if kind is Kind.MONEY else "") == chinese


def test_moments_are_written_on_the_plant_s_clock() -> None:
    moment = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert written(moment, Kind.MOMENT, "en", "Europe/Berlin") == "2026-10-25 02:30"
    assert written(None, Kind.MOMENT, "en", "UTC") == "–"
    assert duration(59_600, "en") == "1 min"


def test_a_mail_says_the_first_figures() -> None:
    assert in_short(compose(answer("zh"), "zh"))[:3] == [
        "设备综合效率 OEE：72.6 %（目标 75.0 %）",
        "可用率：88.1 %（目标 85.0 %）",
        "质量率：nothing was made",
    ]
    assert in_short(compose(answer("en"), "en"))[0] == "OEE index: 72.6 % (target 75.0 %)"

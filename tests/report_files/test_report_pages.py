"""Reports as PDF: read again by a PDF reader; every letter has its glyph, or there is no page."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader
from report_answers import answer, content

from connectors.report_files import fonts
from connectors.report_files.fonts import Fonts, NoFontError, face, fonts_for
from connectors.report_files.line_breaks import lines_of
from connectors.report_files.pdf_charts import ticks
from connectors.report_files.pdf_file import MOST_ROWS, write_pdf
from domain.reports.answer import read_answer
from domain.reports.composing import compose
from domain.reports.document import HOUR_MS, Kind, Language

NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def text_of(pdf: bytes) -> str:
    """All words of a PDF; readers put spaces between Chinese letters, which are left out."""
    return "".join(pages_of(pdf))


def pages_of(pdf: bytes) -> list[str]:
    """The same page by page. pypdf reads some fonts' letters with a NUL before each."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return ["".join(page.extract_text().replace("\0", "").split()) for page in pages]


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no font is installed."""
    monkeypatch.setattr(fonts, "_CHINESE", ("/nowhere/a.ttc",))
    monkeypatch.setattr(fonts, "_LATIN", ("/nowhere/b.ttf",))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_has_its_figures_charts_tables_and_definitions(language: Language) -> None:
    pdf = write_pdf(compose(answer(language, rows=60), language))
    reader = PdfReader(io.BytesIO(pdf))
    text = text_of(pdf)
    words = {
        "en": ("Overallequipmenteffectiveness", "OEEindex", "Preliminary", "Page1of", "Indetail"),
        "zh": ("设备综合效率", "可用率", "初步数据", "第1页，共", "明细"),
    }[language]
    for word in (*words, "72.6%", "75.0%", "2026-11-01–2026-11-30", "M-60铣床"):
        assert word in text, word
    assert len(reader.pages) >= 4
    box = reader.pages[0].mediabox
    assert (round(box.width), round(box.height)) == (595, 842)


def test_heads_of_tables_come_again_on_every_page_and_no_row_is_lost() -> None:
    pdf = write_pdf(compose(answer("en", rows=120), "en"))
    pages = pages_of(pdf)
    text = "".join(pages)
    assert all(text.count(f"M-{n:02d}铣床") >= 1 for n in range(4, 121))
    full = [page for page in pages if page.count("铣床") > 20]
    assert len(full) >= 2
    assert all("NameOEEindexAvailability" in page for page in full)


def test_more_rows_than_paper_takes_are_told() -> None:
    text = text_of(write_pdf(compose(answer("en", rows=MOST_ROWS + 7, days=1), "en")))
    assert f"{MOST_ROWS}of{MOST_ROWS + 7}rowsareshown" in text


def test_a_wide_report_lies() -> None:
    told = content(rows=3, days=1)
    for row in told["rows"]:
        row["figures"] |= {f"more_{n}": {"value": n} for n in range(6)}
    pdf = write_pdf(compose(read_answer(told), "en"))
    box = PdfReader(io.BytesIO(pdf)).pages[0].mediabox
    assert box.width > box.height


def test_an_empty_report_says_so() -> None:
    told = content() | {"totals": {}, "rows": [], "series": [], "definitions": []}
    assert "Nothingtotell" in text_of(write_pdf(compose(read_answer(told), "en")))


def test_the_same_report_is_the_same_file() -> None:
    document = compose(answer("zh"), "zh")
    assert write_pdf(document) == write_pdf(document)


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_chinese_is_refused_with_what_to_do() -> None:
    with pytest.raises(NoFontError, match=r"fonts-noto-cjk.*GEMBA_REPORT_FONT"):
        write_pdf(compose(answer("zh"), "zh"))


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_english_is_written_with_what_every_reader_has() -> None:
    told = content(rows=3)
    for number, row in enumerate(told["rows"]):
        row["label"] = f"Machine {number} 🏭"
    text = text_of(write_pdf(compose(read_answer(told), "en")))
    assert "72.6%" in text
    assert "Machine1?" in text
    assert "lastmilestone-received" in text


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_chinese_names_are_refused_in_english_too() -> None:
    with pytest.raises(NoFontError, match=r"'压力机.*no font that is installed here has '压'"):
        write_pdf(compose(answer("en"), "en"))


def test_a_font_that_is_named_is_taken() -> None:
    assert fonts_for("zh", str(NOTO)).regular == face(NOTO)


def test_of_a_collection_simplified_chinese_is_taken() -> None:
    assert face(NOTO).number == 2
    assert fonts_for("zh") == Fonts(
        regular=face(NOTO), bold=face(NOTO.with_name("NotoSansCJK-Bold.ttc"))
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "is no font that can be read"),
        (b"no font at all", "is no font that can be read"),
    ],
)
def test_a_font_that_is_none_is_told(tmp_path: Path, made: bytes | None, said: str) -> None:
    path = tmp_path / "font.ttf"
    if made is not None:
        path.write_bytes(made)
    with pytest.raises(NoFontError, match=said):
        fonts_for("en", str(path))


def test_a_font_without_chinese_is_told() -> None:
    found = [
        path
        for path in Path("/usr/share/fonts").rglob("*.ttf")
        if path.is_file() and face(path).lacks("设备")
    ]
    with pytest.raises(NoFontError, match=r"has no .*name one with Chinese"):
        fonts_for("zh", str(found[0]))


def test_lines_end_between_words_and_between_any_two_chinese_letters() -> None:
    def width(text: str) -> float:
        return sum(2.0 if ord(one) > 0x2E7F else 1.0 for one in text)

    assert lines_of("planned busy time", 8, width) == ["planned", "busy", "time"]
    assert lines_of("设备综合效率 OEE", 12, width) == ["设备综合效率", "OEE"]
    # A stop begins no line: the letter before it goes with it.
    assert lines_of("计划占用时间，实际", 12, width) == ["计划占用时", "间，实际"]
    assert lines_of("abcdefgh", 4, width) == ["abcd", "efgh"]
    assert lines_of("a\nb", 4, width) == ["a", "b"]


def test_axes_have_round_values_around_what_is_drawn() -> None:
    assert ticks(0, 0.93, Kind.PERCENT) == [0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(0, 5 * HOUR_MS, Kind.DURATION) == [n * 2 * HOUR_MS for n in range(4)]
    assert ticks(0, 0, Kind.COUNT)[-1] >= 1
    low, *_, high = ticks(-0.3, 0.1, Kind.PERCENT)
    assert low <= -0.3
    assert high >= 0.1

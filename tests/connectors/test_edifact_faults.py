"""What is wrong with EDIFACT is told by segment, element and byte; the rest is taken."""

from __future__ import annotations

import pytest
from edi_files import OPTIONS, orders, sample

from connectors.edifact import read
from connectors.options import ReadOptions
from domain.documents import Problem, Severity

LINE = ("LIN+1++4006381333931:EN", "QTY+21:5:PCE")
CHANGE = sample("ordchg.edi")


def problems(content: bytes) -> list[Problem]:
    """What is wrong, without what was passed over."""
    return [one for one in read(content, OPTIONS).problems if one.severity is not Severity.NOTE]


def refused(content: bytes, options: ReadOptions = OPTIONS) -> Problem:
    """The error because of which nothing was taken."""
    reading = read(content, options)
    assert reading.documents == ()
    return next(one for one in reading.problems if one.severity is Severity.ERROR)


class TestCounts:
    """Wrong counts and references: the order is taken, and somebody looks at it."""

    @pytest.mark.parametrize(
        ("before", "after", "code", "place"),
        [
            (b"UNT+12+1", b"UNT+11+1", "count_wrong", "segment 13 (UNT), element 1"),
            (b"UNT+12+1", b"UNT+12+2", "control_number_wrong", "segment 13 (UNT), element 2"),
            (b"UNZ+1+", b"UNZ+2+", "count_wrong", "segment 14 (UNZ), element 1"),
            (b"UNZ+1+7002", b"UNZ+1+7", "control_number_wrong", "segment 14 (UNZ), element 2"),
            (b"UNS+S'", b"CNT+2:9'", "count_wrong", "segment 12 (CNT), element 1-2"),
            (b"UNS+S'", b"CNT+1:9'", "total_wrong", "segment 12 (CNT), element 1-2"),
        ],
    )
    def test_taken_with_a_warning(self, before: bytes, after: bytes, code: str, place: str) -> None:
        content = CHANGE.replace(before, after)
        assert len(read(content, OPTIONS).documents) == 1
        (problem,) = problems(content)
        assert (problem.severity, problem.code) == (Severity.WARNING, code)
        assert problem.place.startswith(f"{place}, byte {content.index(after.split(b'+')[0])}"[:30])


class TestCutOff:
    """Trailers and terminators that are missing."""

    def test_message_without_trailer_is_refused(self) -> None:
        problem = refused(CHANGE.replace(b"UNT+12+1'\n", b""))
        assert (problem.code, problem.document) == ("trailer_missing", "45-00917")

    def test_interchange_without_trailer_is_taken(self) -> None:
        content = CHANGE.replace(b"UNZ+1+7002'\n", b"")
        assert len(read(content, OPTIONS).documents) == 1
        assert [one.code for one in problems(content)] == ["trailer_missing"]

    def test_terminator_missing_before_a_line_break(self) -> None:
        content = CHANGE.replace(b"150:PCE'\n", b"150:PCE\n")
        (change,) = read(content, OPTIONS).documents
        assert len(change.lines) == 2
        (problem,) = problems(content)
        assert problem.code == "terminator_missing"
        assert problem.place.startswith(f"segment 9 (QTY), byte {content.index(b'QTY')}, ")

    def test_segment_glued_to_the_next_is_found_by_the_count(self) -> None:
        content = orders(*LINE, "PRI+AAA:3").replace(b"::9'\nLIN", b"::9LIN")
        found = [one for one in problems(content) if one.code == "terminator_missing"]
        assert found[0].place.startswith("segment 5 (NAD), element 2, byte ")
        assert read(content, OPTIONS).documents == ()

    def test_quantity_glued_to_the_next_segment(self) -> None:
        content = orders("LIN+1++A:SA", "QTY+21:5", "PRI+AAA:3").replace(b"21:5'\nPRI", b"21:5PRI")
        assert refused(content).code in {"number_wrong", "terminator_missing"}


class TestContent:
    """What makes an order unsure refuses it."""

    @pytest.mark.parametrize(
        ("lines", "code", "place"),
        [
            (["LIN+1++A:SA", "QTY+21:five"], "number_wrong", "segment 7 (QTY), element 1-2"),
            (["LIN+1++A:SA", "QTY+21:1.000,5"], "number_wrong", "segment 7 (QTY), element 1-2"),
            (["LIN+1++A:SA", "QTY+21:0"], "number_wrong", "segment 7 (QTY), element 1-2"),
            (["LIN+1++A:SA", "QTY+21"], "mandatory_missing", "segment 7 (QTY), element 1-2"),
            (["LIN+1++A:SA", "QTY+59:5"], "mandatory_missing", "segment 6 (LIN)"),
            (["LIN+1", "QTY+21:5"], "item_missing", "segment 6 (LIN), element 3"),
            ([*LINE, "PRI+AAA:x"], "number_wrong", "segment 8 (PRI), element 1-2"),
            ([*LINE, "PRI+AAA:5:::0"], "number_wrong", "segment 8 (PRI), element 1-5"),
            ([*LINE, "DTM+2:20261301:102"], "date_wrong", "segment 8 (DTM), element 1-2"),
            ([*LINE, *LINE], "position_twice", "segment 8 (LIN), element 1"),
            (["LIN+1+2++"], "code_unknown", "segment 6 (LIN), element 2"),
            ([], "mandatory_missing", "segment 7 (UNT)"),
        ],
    )
    def test_refused(self, lines: list[str], code: str, place: str) -> None:
        problem = refused(orders(*lines))
        assert problem.code == code
        assert problem.place.startswith(f"{place}, byte ")
        assert problem.document == "PO-1"

    @pytest.mark.parametrize(
        ("begin", "code"),
        [("BGM+220++9", "mandatory_missing"), ("BGM+220+PO-1+99", "code_unknown")],
    )
    def test_header_refused(self, begin: str, code: str) -> None:
        assert refused(orders(*LINE, begin=begin)).code == code

    @pytest.mark.parametrize(
        ("lines", "code", "place"),
        [
            (["ZZZ+1"], "segment_unknown", "segment 8 (ZZZ), byte "),
            (["DTM+64:2026:102"], "date_wrong", "segment 8 (DTM), element 1-2"),
            (["LOC+7+5412345000013::9"], "detail_passed_over", "segment 8 (LOC), byte "),
            (["PRI+AAA:5:::1:KGM"], "price_unit_differs", "segment 8 (PRI), element 1-6"),
            (["LIN+2++B:SA+1:1"], "detail_passed_over", "segment 8 (LIN), element 4"),
            (["IMD+F++:::A\x00B"], "control_character", "segment 8 (IMD), byte "),
        ],
    )
    def test_taken_with_a_warning(self, lines: list[str], code: str, place: str) -> None:
        content = orders(*LINE, *lines)
        assert len(read(content, OPTIONS).documents) == 1
        (problem,) = problems(content)
        assert (problem.severity, problem.code) == (Severity.WARNING, code)
        assert problem.place.startswith(place)

    def test_other_messages_of_the_file_are_taken(self) -> None:
        bad = orders("LIN+1++A:SA", "QTY+21:x", begin="BGM+220+PO-2+9").decode("latin-1")
        message = bad[bad.index("UNH") : bad.index("UNZ")].replace("UNH+1", "UNH+2")
        content = CHANGE.decode().replace("UNZ+1", message.replace("+1'\n", "+2'\n") + "UNZ+2")
        reading = read(content.encode(), OPTIONS)
        assert [order.number for order in reading.documents] == ["45-00917"]
        assert [one.document for one in reading.problems] == ["PO-2"]


class TestNoEdifact:
    """What is no EDIFACT, or more than anybody sends."""

    @pytest.mark.parametrize("content", [b"", b"hello", b"ISA*00*", b"UNB", b"UNA"])
    def test_nothing_is_taken_and_something_is_said(self, content: bytes) -> None:
        reading = read(content, OPTIONS)
        assert reading.documents == ()
        assert reading.problems

    def test_other_message(self) -> None:
        problem = refused(CHANGE.replace(b"ORDCHG:", b"INVOIC:"))
        assert (problem.code, problem.document) == ("message_unsupported", "UNH 1")

    def test_limits(self) -> None:
        content = orders(*LINE, "LIN+2++B:SA", "QTY+21:1")
        assert refused(content, ReadOptions(max_bytes=100)).code == "too_large"
        assert refused(content, ReadOptions(max_lines=1)).code == "too_many_lines"
        assert refused(content, ReadOptions(max_orders=0)).code == "too_many_orders"

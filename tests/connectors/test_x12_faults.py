"""What is wrong with X12 is told by segment, element and byte; the rest of the file is taken."""

from __future__ import annotations

import pytest
from edi_files import ISA, OPTIONS, order_850, sample, x12

from connectors.options import ReadOptions
from connectors.x12 import read
from domain.documents import Problem, Severity

LINE = "PO1*1*5*EA***VN*A"


def problems(content: bytes, options: ReadOptions = OPTIONS) -> list[Problem]:
    """What is wrong, without what was passed over."""
    return [one for one in read(content, options).problems if one.severity is not Severity.NOTE]


def only(content: bytes) -> Problem:
    """The one thing that is wrong."""
    (problem,) = problems(content)
    return problem


def refused(content: bytes) -> Problem:
    """The error because of which nothing was taken."""
    reading = read(content, OPTIONS)
    assert reading.documents == ()
    return next(one for one in reading.problems if one.severity is Severity.ERROR)


class TestCounts:
    """Wrong counts and control numbers: the order is taken, and somebody looks at it."""

    @pytest.mark.parametrize(
        ("before", "after", "code", "place"),
        [
            (b"SE*21*", b"SE*20*", "count_wrong", "segment 23 (SE), element 1, byte 661"),
            (b"SE*21*0001", b"SE*21*0002", "control_number_wrong", "segment 23 (SE), element 2"),
            (b"GE*1*101", b"GE*2*101", "count_wrong", "segment 24 (GE), element 1"),
            (b"GE*1*101", b"GE*1*7", "control_number_wrong", "segment 24 (GE), element 2"),
            (b"IEA*1*", b"IEA*3*", "count_wrong", "segment 25 (IEA), element 1"),
            (b"CTT*3*", b"CTT*4*", "count_wrong", "segment 22 (CTT), element 1"),
            (b"CTT*3*2210", b"CTT*3*2211", "total_wrong", "segment 22 (CTT), element 2"),
        ],
    )
    def test_taken_with_a_warning(self, before: bytes, after: bytes, code: str, place: str) -> None:
        content = sample("order-850.x12").replace(before, after)
        assert len(read(content, OPTIONS).documents) == 1
        problem = only(content)
        assert (problem.severity, problem.code) == (Severity.WARNING, code)
        assert problem.place.startswith(place)

    def test_fault_within_a_set_names_the_order_and_its_position(self) -> None:
        problem = only(sample("order-850.x12").replace(b"SE*21*", b"SE*20*"))
        assert problem.document == "PO-48213"
        assert problem.value == "20"
        assert problem.place.endswith("21 in ST 0001")

    def test_problems_stand_in_the_order_of_the_bytes(self) -> None:
        content = sample("order-850.x12").replace(b"SE*21*", b"SE*20*")
        content = content.replace(b"IEA*1", b"IEA*2").replace(b"GS*PO*", b"ZQ*1~\nGS*PO*")
        places = [one.place.split(",")[0] for one in problems(content)]
        assert places == ["segment 2 (ZQ)", "segment 24 (SE)", "segment 26 (IEA)"]

    def test_same_control_number_twice(self) -> None:
        one = order_850(LINE)
        body = one[one.index(b"ST*850") : one.index(b"GE*1")]
        content = one.replace(b"GE*1*", body.replace(b"PO-1", b"PO-2") + b"GE*2*")
        reading = read(content, OPTIONS)
        assert [order.number for order in reading.documents] == ["PO-1", "PO-2"]
        assert [one.code for one in reading.problems] == ["control_number_twice"]


class TestCutOff:
    """Trailers and terminators that are missing."""

    def test_set_without_trailer_is_refused(self) -> None:
        problem = refused(order_850(LINE).replace(b"SE*5*0001~\n", b""))
        assert problem.code == "trailer_missing"
        assert problem.document == "PO-1"
        assert problem.place.startswith("segment 6 (PO1)")

    def test_group_and_interchange_without_trailers_are_taken(self) -> None:
        content = order_850(LINE).replace(b"GE*1*101~\n", b"").replace(b"IEA*1*000000101~\n", b"")
        assert len(read(content, OPTIONS).documents) == 1
        assert {one.problem[:3] for one in problems(content)} == {"GE ", "IEA"}

    def test_last_terminator_missing(self) -> None:
        content = order_850(LINE).removesuffix(b"~\n")
        assert len(read(content, OPTIONS).documents) == 1
        assert only(content).code == "terminator_missing"
        assert only(content).place.startswith("segment 9 (IEA), byte ")

    def test_terminator_missing_before_a_line_break(self) -> None:
        content = order_850(LINE, "DTM*002*20261201", "PO1*2*6*EA***VN*B").replace(
            b"20261201~\n", b"20261201\n"
        )
        (order,) = read(content, OPTIONS).documents
        assert [line.position for line in order.lines] == ["1", "2"]
        problem = only(content)
        assert (problem.severity, problem.code) == (Severity.WARNING, "terminator_missing")
        assert problem.place.startswith(f"segment 7 (DTM), byte {content.index(b'DTM*002')}, ")

    def test_segment_glued_to_the_next_is_found_by_the_count(self) -> None:
        content = order_850(LINE, "PID*F****Thing", "PO1*2*6*EA***VN*B").replace(
            b"N1*BY*Northwind*92*NW-1~\n", b"N1*BY*Northwind*92*NW-1"
        )
        problem = refused(content)
        assert problem.code in {"terminator_missing", "mandatory_missing"}
        found = [one for one in problems(content) if one.code == "terminator_missing"]
        assert found[0].place.startswith("segment 5 (N1), element 4, byte ")

    def test_date_glued_to_the_next_segment(self) -> None:
        content = order_850(LINE, "DTM*002*20261201", "PO1*2*6*EA***VN*B").replace(
            b"20261201~\n", b"20261201"
        )
        assert refused(content).value == "20261201PO1"

    def test_begin_glued_to_the_set_header(self) -> None:
        content = order_850(LINE).replace(b"ST*850*0001~\n", b"ST*850*0001")
        problem = refused(content)
        assert problem.code == "terminator_missing"
        assert problem.place.startswith("segment 3 (ST), element 2, byte ")

    def test_set_that_begins_before_the_last_one_ended(self) -> None:
        one = order_850(LINE)
        second = one[one.index(b"ST*850") :].replace(b"PO-1", b"PO-2").replace(b"0001", b"0002")
        content = one[: one.index(b"SE*")] + second.replace(b"GE*1", b"GE*2")
        reading = read(content, OPTIONS)
        assert [order.number for order in reading.documents] == ["PO-2"]
        assert reading.problems[0].code in {"trailer_missing", "control_number_wrong"}
        assert [one.code for one in reading.problems_of("PO-1")] == ["trailer_missing"]


class TestContent:
    """What makes an order unsure refuses it."""

    @pytest.mark.parametrize(
        ("lines", "code", "place"),
        [
            (["PO1*1*five*EA***VN*A"], "number_wrong", "segment 6 (PO1), element 2"),
            (["PO1*1*1e3*EA***VN*A"], "number_wrong", "segment 6 (PO1), element 2"),
            (["PO1*1*-5*EA***VN*A"], "number_wrong", "segment 6 (PO1), element 2"),
            (["PO1*1*0*EA***VN*A"], "number_wrong", "segment 6 (PO1), element 2"),
            (["PO1*1**EA***VN*A"], "mandatory_missing", "segment 6 (PO1), element 2"),
            (["PO1*1*5*EA*1,50**VN*A"], "number_wrong", "segment 6 (PO1), element 4"),
            (["PO1*1*5*EA"], "item_missing", "segment 6 (PO1), element 6"),
            ([LINE, "DTM*002*20261301"], "date_wrong", "segment 7 (DTM), element 2"),
            ([LINE, "DTM*002*20261201*2561"], "date_wrong", "segment 7 (DTM), element 3"),
            ([LINE, "DTM*002"], "mandatory_missing", "segment 7 (DTM), element 2"),
            ([LINE, LINE], "position_twice", "segment 7 (PO1), element 1"),
            (
                ["PO1*1*5*EA***VN*A", "SCH*2*EA***002*20261201", "SCH*2*EA***002*20261202"],
                "quantities_differ",
                "segment 6 (PO1), element 2",
            ),
            ([], "mandatory_missing", "segment 6 (SE)"),
        ],
    )
    def test_refused(self, lines: list[str], code: str, place: str) -> None:
        problem = refused(order_850(*lines))
        assert problem.code == code
        assert problem.place.startswith(f"{place}, byte ")
        assert problem.document == "PO-1"

    @pytest.mark.parametrize(
        ("begin", "element"),
        [
            ("BEG**SA*PO-1**20261120", 1),
            ("BEG*99*SA*PO-1**20261120", 1),
            ("BEG*00*SA***20261120", 3),
        ],
    )
    def test_header_refused(self, begin: str, element: int) -> None:
        problem = refused(order_850(LINE, begin=begin))
        assert problem.place.startswith(f"segment 4 (BEG), element {element}, byte ")

    def test_order_without_a_number_is_called_by_its_set(self) -> None:
        assert refused(order_850(LINE, begin="BEG*00*SA***20261120")).document == "ST 0001"

    @pytest.mark.parametrize(
        ("lines", "code", "place"),
        [
            ([LINE, "ZQZ*1"], "segment_unknown", "segment 8 (ZQZ), byte "),
            ([LINE, "BSN*00*1"], "segment_unknown", "segment 8 (BSN), byte "),
            ([LINE, "DTM*018*20261399"], "date_wrong", "segment 8 (DTM), element 2"),
            ([LINE, "N1*ST*Elsewhere"], "detail_passed_over", "segment 8 (N1)"),
            (["PO1*1*5*EA***VN"], "conditional_missing", "segment 7 (PO1), element 7"),
            (["PO1*1*5*EA*3*PP*VN*A"], "price_unit_differs", "segment 7 (PO1), element 5"),
            (["PO1*1*5*EA***VN*A\x00"], "control_character", "segment 7 (PO1)"),
            ([LINE, "CTT*1", "PO1*2*5*EA***VN*B"], "segment_out_of_place", "segment 9 (PO1)"),
        ],
    )
    def test_taken_with_a_warning(self, lines: list[str], code: str, place: str) -> None:
        content = order_850("PID*F****A thing", *lines)
        found = next(one for one in problems(content) if one.code == code)
        assert found.severity is Severity.WARNING
        assert found.place.startswith(place)

    def test_nine_of_ten(self) -> None:
        sets = []
        for rank in range(1, 11):
            quantity = "five" if rank == 4 else "5"
            sets += [
                f"ST*850*{rank:04}",
                f"BEG*00*SA*PO-{rank}**20261120",
                f"PO1*1*{quantity}*EA***VN*A",
                f"SE*4*{rank:04}",
            ]
        segments = [
            "GS*PO*123456789*GEMBA*20261120*0915*101*X*004010",
            *sets,
            "GE*10*101",
            "IEA*1*000000101",
        ]
        content = (ISA + "".join(f"{segment}~" for segment in segments)).encode()
        reading = read(content, OPTIONS)
        assert [order.number for order in reading.documents] == [
            f"PO-{rank}" for rank in range(1, 11) if rank != 4
        ]
        (problem,) = reading.problems
        assert (problem.document, problem.value) == ("PO-4", "five")
        assert problem.place.startswith(
            f"segment 17 (PO1), element 2, byte {content.index(b'five')}"
        )

    def test_no_text_of_another_alphabet_is_a_number(self) -> None:
        assert refused(order_850("PO1*1*٣*EA***VN*A")).code == "number_wrong"


class TestChangeFaults:
    """What a change must say."""

    @pytest.mark.parametrize(
        ("line", "element"), [("POC*1*XX*5**EA", 2), ("POC*1", 2), ("POC**QI*5**EA", 1)]
    )
    def test_refused(self, line: str, element: int) -> None:
        content = x12("BCH*04*SA*PO-1**1*20261120", line, kind="860", functional="PC")
        assert refused(content).place.startswith(f"segment 5 (POC), element {element}, byte ")

    def test_group_of_another_kind(self) -> None:
        content = x12("BCH*04*SA*PO-1**1*20261120", "POC*1*QI*5**EA", kind="860")
        assert [one.code for one in problems(content)] == ["group_wrong"]


class TestNoX12:
    """What is no X12, or more than anybody sends."""

    @pytest.mark.parametrize(
        "content", [b"", b"hello", b"UNB+UNOA:3'", b"ISA", b"ISA*00*", ISA[:80].encode()]
    )
    def test_refused_as_a_whole(self, content: bytes) -> None:
        reading = read(content, OPTIONS)
        assert reading.documents == ()
        assert reading.problems[0].severity is Severity.ERROR
        assert reading.problems[0].document is None

    def test_other_transaction_set(self) -> None:
        problem = refused(x12("BIG*20261120*1", kind="810", functional="IN"))
        assert (problem.code, problem.document, problem.value) == (
            "set_unsupported",
            "ST 0001",
            "810",
        )

    def test_acknowledgement_is_no_problem(self) -> None:
        reading = read(x12("AK1*PO*1", "AK9*A*1*1*1", kind="997", functional="FA"), OPTIONS)
        assert [one.severity for one in reading.problems] == [Severity.NOTE]

    def test_limits(self) -> None:
        content = order_850(LINE, "PO1*2*5*EA***VN*B")
        assert refused_with(content, ReadOptions(max_bytes=100)) == "too_large"
        assert refused_with(content, ReadOptions(max_lines=1)) == "too_many_lines"
        assert refused_with(content, ReadOptions(max_orders=0)) == "too_many_groups"

    def test_segment_of_unheard_length(self) -> None:
        found = problems(order_850(LINE, "MSG*" + "x" * 70_000))
        assert "segment_too_long" in [one.code for one in found]
        assert refused(order_850(LINE, "MSG*" + "x" * 70_000)).severity is Severity.ERROR

    def test_text_before_the_interchange(self) -> None:
        content = b"MIME-Version: 1.0\n\n" + order_850(LINE)
        assert len(read(content, OPTIONS).documents) == 1
        assert only(content).code == "text_before_interchange"


def refused_with(content: bytes, options: ReadOptions) -> str:
    """The code of the error that nothing was taken for."""
    reading = read(content, options)
    assert reading.documents == ()
    return next(one.code for one in reading.problems if one.severity is Severity.ERROR)

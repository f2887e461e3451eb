"""Sales orders of Kingdee, field by field, in every shape that its WebAPI gives them."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kingdee import read
from connectors.options import ReadOptions
from domain.documents import DocumentKind, DocumentLine, Name, NameScheme, PartyRole, Severity

SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples" / "kingdee-order.json"
OPTIONS = ReadOptions(source="kingdee:629bd5285d655d")
# 2026-11-21T14:49:44.537+08:00
VERSION = 1795243784537


def bill(**fields: Any) -> dict[str, Any]:
    """The sample's bill with other fields."""
    told: dict[str, Any] = json.loads(SAMPLE.read_bytes())["Result"]["Result"]
    return told | fields


def codes(told: object) -> set[str]:
    """The problems of a body."""
    return {problem.code for problem in read(json.dumps(told).encode(), OPTIONS).problems}


class TestView:
    def test_the_head_is_read_field_by_field(self) -> None:
        reading = read(SAMPLE.read_bytes(), OPTIONS)
        assert reading.problems == ()
        (order,) = reading.documents
        assert order.kind is DocumentKind.ORDER
        assert order.source == "kingdee:629bd5285d655d"
        assert (order.number, order.message) == ("XSDD-2611-0042", "100030")
        assert order.version == VERSION
        assert order.issued == date(2026, 11, 20)
        assert order.currency == "CNY"
        assert order.complete
        assert order.notes == ("装箱前拍照", "2: 去毛刺")

    def test_partners_are_known_by_the_codes_that_the_seller_gave_them(self) -> None:
        (order,) = read(SAMPLE.read_bytes(), OPTIONS).documents
        buyer = order.party(PartyRole.SOLD_TO)
        receiver = order.party(PartyRole.SHIP_TO)
        assert buyer is not None
        assert receiver is not None
        assert buyer.names == (Name(NameScheme.SUPPLIER, "CUST0007"),)
        assert buyer.name == "苏州精密机械有限公司"
        assert receiver.street == ("苏州市工业园区星湖街 328 号",)
        assert receiver.phone == "13800000000"

    def test_lines_are_read_field_by_field(self) -> None:
        (order,) = read(SAMPLE.read_bytes(), OPTIONS).documents
        assert order.lines == (
            DocumentLine(
                position="105001",
                names=(Name(NameScheme.SUPPLIER, "GB-20"),),
                description="齿轮箱 20",
                quantity=Decimal(40),
                unit="Pcs",
                price=Decimal("1299.5"),
                due=date(2026, 12, 4),
                place="$.Result.Result.SaleOrderEntry[0]",
            ),
            DocumentLine(
                position="105002",
                names=(Name(NameScheme.SUPPLIER, "SH-12"),),
                description="轴 12",
                quantity=Decimal("125.5"),
                unit="Pcs",
                price=Decimal(88),
                due=datetime(2026, 12, 11, 16, 30),  # noqa: DTZ001 - the plant's zone is not known here
                place="$.Result.Result.SaleOrderEntry[1]",
            ),
        )

    def test_several_answers_in_a_list_are_several_orders(self) -> None:
        one = json.loads(SAMPLE.read_bytes())
        other = {"Result": {"Result": bill(BillNo="XSDD-2611-0043")}}
        documents = read(json.dumps([one, other]).encode(), OPTIONS).documents
        assert [order.number for order in documents] == ["XSDD-2611-0042", "XSDD-2611-0043"]

    def test_one_bad_order_of_two_leaves_the_other(self) -> None:
        bad = bill(BillNo="BAD-1")
        bad["SaleOrderEntry"][1]["Qty"] = 0
        reading = read(json.dumps([bad, bill()]).encode(), OPTIONS)
        assert [order.number for order in reading.documents] == ["XSDD-2611-0042"]
        (problem,) = reading.problems
        assert (problem.code, problem.document) == ("quantity_wrong", "BAD-1")
        assert problem.place == "$[0].SaleOrderEntry[1].Qty"


class TestOtherShapes:
    def test_what_save_takes_is_read_as_well(self) -> None:
        model = {
            "FBillNo": "S-1", "FDate": "2026-11-20", "FModifyDate": "2026-11-20 08:00:00",
            "FCustId": {"FNumber": "CUST0007"},
            "FSaleOrderFinance": {"FSettleCurrId": {"FNumber": "PRE007"}},
            "FSaleOrderEntry": [
                {"FMaterialId": {"FNumber": "GB-20"}, "FQty": 3, "FUnitID": {"FNumber": "Pcs"},
                 "FDeliveryDate": "2026-12-04"}
            ],
        }  # fmt: skip
        told = {"formid": "SAL_SaleOrder", "data": {"Model": model}}
        (order,) = read(json.dumps(told).encode(), OPTIONS).documents
        (line,) = order.lines
        assert (order.number, order.currency) == ("S-1", "USD")
        assert (line.position, line.quantity, line.unit) == ("1", Decimal(3), "Pcs")
        assert line.due == date(2026, 12, 4)

    def test_rows_of_a_query_are_put_together_by_their_bills(self) -> None:
        keys = (
            "FID,FBillNo,FDate,FModifyDate,FCustId.FNumber,FCustId.FName,FSaleOrderEntry_FEntryID,"
            "FMaterialId.FNumber,FUnitId.FNumber,FQty,FTaxPrice,FDeliveryDate"
        )
        day, changed = "2026-11-20T00:00:00", "2026-11-21T14:49:44.537"
        rows = [
            [1, "A-1", day, changed, "C1", "One", 11, "GB-20", "Pcs", 4, 2.5, day],
            [2, "A-2", day, changed, "C2", "Two", 21, "GB-20", "Pcs", 5, 2.5, day],
            [1, "A-1", day, changed, "C1", "One", 12, "SH-12", "Pcs", 6, 1.5, day],
        ]
        told = json.dumps({"FieldKeys": keys, "Rows": rows}).encode()
        reading = read(told, OPTIONS)
        assert reading.problems == ()
        first, second = reading.documents
        assert (first.number, first.version) == ("A-1", VERSION)
        assert [(line.position, line.quantity) for line in first.lines] == [
            ("11", Decimal(4)),
            ("12", Decimal(6)),
        ]
        assert [line.position for line in second.lines] == ["21"]

    def test_rows_that_say_their_columns_themselves_are_read(self) -> None:
        rows = [
            {"FBillNo": "A-1", "FModifyDate": "2026-11-21T14:49:44", "FCustId.FNumber": "C1",
             "FMaterialId.FNumber": "GB-20", "FQty": 4, "FSaleOrderEntry_FSeq": 2}
        ]  # fmt: skip
        (order,) = read(json.dumps(rows).encode(), OPTIONS).documents
        assert [(line.position, line.quantity) for line in order.lines] == [("2", Decimal(4))]

    def test_rows_without_columns_are_refused_with_what_to_do(self) -> None:
        (problem,) = read(b'[["A-1", 4], ["A-2", 5]]', OPTIONS).problems
        assert problem.code == "fields_missing"
        assert "FieldKeys" in problem.problem

    @pytest.mark.parametrize("wrap", [lambda told: told, lambda told: [[told]]])
    def test_an_answer_that_failed_is_no_order(self, wrap: Any) -> None:
        failed = {
            "Result": {
                "ResponseStatus": {
                    "IsSuccess": False, "Errors": [{"Message": "会话信息已丢失，请重新登录"}]
                }
            }
        }  # fmt: skip
        (problem,) = read(json.dumps(wrap(failed)).encode(), OPTIONS).problems
        assert problem.code == "answer_failed"
        assert "会话信息已丢失" in problem.problem


class TestStates:
    def test_a_cancelled_bill_cancels_the_order_whatever_stands_in_it(self) -> None:
        told = bill(CancelStatus="B", SaleOrderEntry=[])
        (order,) = read(json.dumps(told).encode(), OPTIONS).documents
        assert (order.kind, order.lines) == (DocumentKind.CANCEL, ())

    def test_of_a_terminated_entry_what_has_left_is_wanted(self) -> None:
        told = bill()
        told["SaleOrderEntry"][0] |= {"MrpTerminateStatus": "B", "StockOutQty": 15}
        told["SaleOrderEntry"][1] |= {"MrpTerminateStatus": "B"}
        reading = read(json.dumps(told).encode(), OPTIONS)
        (order,) = reading.documents
        assert [(line.position, line.quantity) for line in order.lines] == [("105001", Decimal(15))]
        assert {problem.severity for problem in reading.problems} == {Severity.NOTE}

    def test_a_bill_closed_before_anything_left_is_cancelled(self) -> None:
        (order,) = read(json.dumps(bill(CloseStatus="B")).encode(), OPTIONS).documents
        assert order.kind is DocumentKind.CANCEL

    def test_a_closed_bill_that_does_not_say_what_left_stays_for_people_to_see(self) -> None:
        told = bill(CloseStatus="B")
        for entry in told["SaleOrderEntry"]:
            del entry["StockOutQty"]
        reading = read(json.dumps(told).encode(), OPTIONS)
        assert len(reading.documents[0].lines) == 2
        assert {problem.code for problem in reading.problems} == {"order_closed", "line_closed"}

    def test_a_bill_that_is_not_audited_is_looked_at(self) -> None:
        assert codes(bill(DocumentStatus="B")) == {"not_audited"}


class TestFaults:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"BillNo": None}, "number_missing"),
            ({"BillNo": "x" * 81}, "text_too_long"),
            ({"ModifyDate": "yesterday"}, "version_unknown"),
            ({"SaleOrderEntry": []}, "lines_missing"),
            ({"SaleOrderEntry": [3]}, "not_a_line"),
            ({"SaleOrderEntry": [{"Qty": 1}]}, "item_missing"),
            ({"SaleOrderEntry": [{"MaterialId": 7, "Qty": 1}]}, "item_unnamed"),
            ({"CustId": None}, "customer_missing"),
            ({"Date": "someday"}, "date_wrong"),
            ({"SaleOrderFinance": [{"SettleCurrId": {"Number": "PRE099"}}]}, "currency_unknown"),
        ],
    )
    def test_each_is_told(self, fields: dict[str, Any], code: str) -> None:
        assert code in codes(bill(**fields))

    def test_the_same_entry_twice_is_refused(self) -> None:
        told = bill()
        told["SaleOrderEntry"].append(told["SaleOrderEntry"][0])
        assert codes(told) == {"position_repeated"}

    def test_without_a_source_somebody_is_told_to_set_one(self) -> None:
        (problem,) = read(SAMPLE.read_bytes(), ReadOptions()).problems
        assert problem.code == "sender_missing"

    @pytest.mark.parametrize(
        ("content", "options", "code"),
        [
            (b"\xff\xfe", OPTIONS, "not_json"),
            (b"3", OPTIONS, "not_an_order"),
            (b"[" * 100_000, OPTIONS, "too_deep"),
            (b"[" * 70 + b"]" * 70, OPTIONS, "too_deep"),
            (b"{}" * 10, ReadOptions(max_bytes=3), "too_large"),
            (b'[{"BillNo": "1"}, {"BillNo": "2"}]', ReadOptions(max_orders=1), "too_many_orders"),
        ],
    )
    def test_hostile_bytes_are_refused(
        self, content: bytes, options: ReadOptions, code: str
    ) -> None:
        reading = read(content, options)
        assert reading.documents == ()
        assert [problem.code for problem in reading.problems] == [code]

    @settings(max_examples=150, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["Result", "FieldKeys", "Rows", "Model", "data", "BillNo", "SaleOrderEntry",
                     "MaterialId", "FMaterialId.FNumber", "FCustId.FNumber", "CustId", "FQty",
                     "Number", "Name", "SaleOrderFinance", "SettleCurrId", "ModifyDate",
                     "ResponseStatus", "IsSuccess", "Errors"]
                ),
                inner,
                max_size=6,
            ),
            max_leaves=20,
        )
    )  # fmt: skip
    def test_nothing_that_json_can_say_makes_it_raise(self, told: object) -> None:
        read(json.dumps(told).encode(errors="replace"), OPTIONS)

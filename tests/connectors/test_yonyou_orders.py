"""Sales orders of YonBIP, field by field."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.options import ReadOptions
from connectors.yonyou import read
from domain.documents import DocumentKind, DocumentLine, Name, NameScheme, PartyRole

SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples" / "yonyou-order.json"
OPTIONS = ReadOptions(source="yonyou:tenant7")
# 2026-11-21T14:49:44+08:00
VERSION = 1795243784000


def order(**fields: Any) -> dict[str, Any]:
    """The sample's order with other fields."""
    told: dict[str, Any] = json.loads(SAMPLE.read_bytes())["data"]
    return told | fields


def codes(told: object) -> set[str]:
    """The problems of a body."""
    return {problem.code for problem in read(json.dumps(told).encode(), OPTIONS).problems}


class TestDetail:
    def test_the_head_is_read_field_by_field(self) -> None:
        reading = read(SAMPLE.read_bytes(), OPTIONS)
        assert reading.problems == ()
        (document,) = reading.documents
        assert document.kind is DocumentKind.ORDER
        assert document.source == "yonyou:tenant7"
        assert (document.number, document.message) == ("UO-20261120000042", "1893200011223040")
        assert document.version == VERSION
        assert (document.issued, document.due) == (date(2026, 11, 20), date(2026, 12, 10))
        assert (document.currency, document.customer_reference) == ("CNY", "PO-77812")
        assert document.notes == ("装箱前拍照",)
        assert document.complete
        buyer, receiver = document.parties
        assert (buyer.role, receiver.role) == (PartyRole.SOLD_TO, PartyRole.SHIP_TO)
        assert buyer.names == (
            Name(NameScheme.SUPPLIER, "C-0007"),
            Name(NameScheme.OTHER, "agent 2201009"),
        )
        assert buyer.name == "苏州精密机械有限公司"
        assert (receiver.name, receiver.phone) == ("王敏", "13800000000")

    def test_lines_are_read_field_by_field(self) -> None:
        (document,) = read(SAMPLE.read_bytes(), OPTIONS).documents
        assert document.lines == (
            DocumentLine(
                position="10",
                names=(Name(NameScheme.SUPPLIER, "GB-20"),),
                description="齿轮箱 20",
                quantity=Decimal(40),
                unit="件",
                price=Decimal(1150),
                due=date(2026, 12, 4),
                place="$.data.orderDetails[0]",
            ),
            DocumentLine(
                position="20",
                names=(Name(NameScheme.SUPPLIER, "SH-12"),),
                description="轴 12",
                quantity=Decimal("125.5"),
                unit="件",
                price=Decimal("77.8761"),
                place="$.data.orderDetails[1]",
            ),
        )

    def test_times_may_be_milliseconds(self) -> None:
        told = order(pubts=VERSION, vouchdate=1795104000000)
        (document,) = read(json.dumps(told).encode(), OPTIONS).documents
        assert (document.version, document.issued) == (VERSION, date(2026, 11, 20))

    def test_several_answers_in_a_list_are_several_orders(self) -> None:
        told = [json.loads(SAMPLE.read_bytes()), {"code": 200, "data": order(code="UO-2")}]
        documents = read(json.dumps(told).encode(), OPTIONS).documents
        assert [document.number for document in documents] == ["UO-20261120000042", "UO-2"]


class TestList:
    def test_rows_are_put_together_by_their_orders_and_the_total_is_none(self) -> None:
        head = {key: value for key, value in order().items() if key != "orderDetails"}
        rows = [
            head | {"code": code, "productCode": item, "qty": qty, "lineno": line}
            for code, item, qty, line in [
                ("UO-1", "GB-20", 4, 10.0), ("UO-2", "GB-20", 5, 10), ("UO-1", "SH-12", 6, 20)
            ]
        ]  # fmt: skip
        told = {"code": "200", "data": {"recordList": [*rows, {"vouchdate": "合计", "qty": 15}]}}
        reading = read(json.dumps(told).encode(), OPTIONS)
        assert reading.problems == ()
        first, second = reading.documents
        assert [(line.position, line.quantity) for line in first.lines] == [
            ("10", Decimal(4)),
            ("20", Decimal(6)),
        ]
        assert (second.number, len(second.lines)) == ("UO-2", 1)

    def test_heads_alone_are_refused_with_what_to_do(self) -> None:
        head = {key: value for key, value in order().items() if key != "orderDetails"}
        told = {"code": "200", "data": {"recordList": [head]}}
        assert codes(told) == {"lines_missing"}


class TestStates:
    def test_an_opposed_order_is_cancelled(self) -> None:
        (document,) = read(json.dumps(order(nextStatus="OPPOSE")).encode(), OPTIONS).documents
        assert (document.kind, document.lines) == (DocumentKind.CANCEL, ())

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            ("CONFIRMORDER", "not_audited"), ("APPROVING", "not_audited"),
            ("ENDORDER", "order_closed"),
        ],
    )  # fmt: skip
    def test_others_are_looked_at(self, state: str, code: str) -> None:
        assert codes(order(nextStatus=state)) == {code}

    def test_a_deleted_line_is_none(self) -> None:
        told = order()
        told["orderDetails"][0]["iDeleted"] = True
        (document,) = read(json.dumps(told).encode(), OPTIONS).documents
        assert [line.position for line in document.lines] == ["20"]


class TestFaults:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"code": None}, "number_missing"),
            ({"code": "x" * 81}, "text_too_long"),
            ({"pubts": "yesterday"}, "version_unknown"),
            ({"orderDetails": []}, "lines_missing"),
            ({"orderDetails": [3]}, "not_a_line"),
            ({"orderDetails": [{"qty": 1}]}, "item_missing"),
            ({"orderDetails": [{"productName": "x", "qty": 1}]}, "item_unnamed"),
            ({"orderDetails": [{"productCode": "x", "qty": -1}]}, "quantity_wrong"),
            ({"agentId": None, "agentId_code": "", "agentId_name": ""}, "customer_missing"),
            ({"vouchdate": "someday"}, "date_wrong"),
            ({"orderPrices": {"currency": "2200001"}}, "currency_unknown"),
        ],
    )
    def test_each_is_told(self, fields: dict[str, Any], code: str) -> None:
        assert code in codes(order(**fields))

    def test_an_answer_that_failed_is_no_order(self) -> None:
        assert codes({"code": "310036", "message": "非法token"}) == {"answer_failed"}

    @pytest.mark.parametrize(
        ("content", "options", "code"),
        [
            (b"\xff\xfe", OPTIONS, "not_json"),
            (b"3", OPTIONS, "not_an_order"),
            (b"[" * 100_000, OPTIONS, "too_deep"),
            (b"{}" * 10, ReadOptions(max_bytes=3), "too_large"),
        ],
    )
    def test_hostile_bytes_are_refused(
        self, content: bytes, options: ReadOptions, code: str
    ) -> None:
        assert [problem.code for problem in read(content, options).problems] == [code]

    @settings(max_examples=150, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["code", "message", "data", "recordList", "vouchdate", "orderDetails", "qty",
                     "lineno", "productCode", "pubts", "orderPrices", "orderDetailPrices",
                     "oriUnitPrice", "sendDate", "agentId", "currency"]
                ),
                inner,
                max_size=6,
            ),
            max_leaves=20,
        )
    )  # fmt: skip
    def test_nothing_that_json_can_say_makes_it_raise(self, told: object) -> None:
        read(json.dumps(told).encode(errors="replace"), OPTIONS)

"""Numbers, dates and headings as people write them."""

from __future__ import annotations

import contextlib
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mapping import DateOrder, DecimalSign, Field
from connectors.table import guess
from connectors.table.dates import NotADateError, date_order, when
from connectors.table.headings import KNOWN, meanings
from connectors.table.numbers import NotANumberError, decimal_sign, number, without_unit

POINT, COMMA = DecimalSign.POINT, DecimalSign.COMMA


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "sign", "value"),
        [
            ("12", None, "12"), ("12.5", None, "12.5"), ("12,5", None, "12.5"),
            ("1,234.5", None, "1234.5"), ("1.234,5", None, "1234.5"),
            ("1,234,567", None, "1234567"), ("1.234.567", None, "1234567"),
            ("1'234.50", None, "1234.50"), ("1 234,5", None, "1234.5"),
            ("1\u00a0234", None, "1234"), ("１２", None, "12"), ("１，２３４．５", None, "1234.5"),
            ("-3", None, "-3"), ("−3", None, "-3"), ("+3", None, "3"), ("0,123", None, "0.123"),
            (".5", None, "0.5"), ("1.234", COMMA, "1234"), ("1.234", POINT, "1.234"),
            ("1,234", POINT, "1234"), ("1,234", COMMA, "1.234"), ("12345,678", None, "12345.678"),
            (" 7 ", None, "7"),
        ],
    )  # fmt: skip
    def test_they_are_read_exactly(self, text: str, sign: DecimalSign | None, value: str) -> None:
        found = number(text, sign, POINT)
        assert found.value == Decimal(value)
        assert not found.is_ambiguous

    @pytest.mark.parametrize(("text", "value"), [("1.234", "1.234"), ("1,234", "1234")])
    def test_what_can_be_two_numbers_is_ambiguous(self, text: str, value: str) -> None:
        found = number(text, None, POINT)
        assert (found.value, found.is_ambiguous) == (Decimal(value), True)

    @pytest.mark.parametrize(
        "text",
        ["", "x", "1,23,4.5", "1.2.3", "1,2,3", "12 34", "1e5", "1.5E+10", "½", "٣", "١٢", "0x10",
         "NaN", "inf", "1_000", "--1", "1-", "9" * 19, "1,", ","],
    )  # fmt: skip
    def test_what_is_none_is_told(self, text: str) -> None:
        if text == "1,":  # a comma at the end is a decimal sign without decimals
            assert number(text, None, POINT).value == 1
            return
        with pytest.raises(NotANumberError, match="number"):
            number(text, None, POINT)

    def test_the_wrong_sign_is_told(self) -> None:
        with pytest.raises(NotANumberError, match="decimals are written with ','"):
            number("12.5", COMMA, POINT)

    @pytest.mark.parametrize(
        ("texts", "sign"),
        [
            (["1.234", "0,5"], COMMA), (["1,234", "12.5"], POINT), (["1.234"], None), ([], None),
            (["1,5", "1.5"], None), (["1.234.567"], COMMA), (["12", "7"], None),
        ],
    )  # fmt: skip
    def test_a_table_tells_its_sign(self, texts: list[str], sign: DecimalSign | None) -> None:
        assert decimal_sign(texts) is sign

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("500 pcs", ("500", "pcs")), ("500件", ("500", "件")), ("1.234,5 m", ("1.234,5", "m")),
            ("12", ("12", None)), ("12.5", ("12.5", None)), ("7 Stk.", ("7", "Stk")),
        ],
    )  # fmt: skip
    def test_a_unit_may_stand_behind(self, text: str, told: tuple[str, str | None]) -> None:
        assert without_unit(text) == told

    @given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9,
                       places=3), st.sampled_from(list(DecimalSign)))  # fmt: skip
    @settings(max_examples=300, deadline=None)
    def test_what_is_written_is_read(self, value: Decimal, sign: DecimalSign) -> None:
        group = "," if sign is POINT else "."
        text = f"{value:,f}".replace(",", "#").replace(".", sign.value).replace("#", group)
        assert number(text, sign, POINT).value == value

    @given(st.text(max_size=20))
    @settings(max_examples=500, deadline=None)
    def test_any_text_is_a_number_or_told(self, text: str) -> None:
        for sign in (None, POINT, COMMA):
            with contextlib.suppress(NotANumberError):
                assert number(text, sign, POINT).value.is_finite()


class TestDates:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("2026-12-01", date(2026, 12, 1)), ("2026/12/1", date(2026, 12, 1)),
            ("2026.12.01", date(2026, 12, 1)), ("20261201", date(2026, 12, 1)),
            ("2026年12月1日", date(2026, 12, 1)), ("２０２６－１２－０１", date(2026, 12, 1)),
            ("31.12.2026", date(2026, 12, 31)), ("01.02.2026", date(2026, 2, 1)),
            ("31/12/2026", date(2026, 12, 31)), ("12/31/2026", date(2026, 12, 31)),
            ("31-12-26", date(2026, 12, 31)), ("3/3/2026", date(2026, 3, 3)),
            ("1 Dec 2026", date(2026, 12, 1)), ("1-Dez-26", date(2026, 12, 1)),
            ("Dec 1, 2026", date(2026, 12, 1)), ("1 de diciembre de 2026", date(2026, 12, 1)),
            ("3. März 2026", date(2026, 3, 3)),
        ],
    )  # fmt: skip
    def test_they_are_read(self, text: str, value: date) -> None:
        found = when(text, None)
        assert (found.value, found.is_ambiguous) == (value, False)

    def test_times_and_offsets_are_read(self) -> None:
        local = when("2026-12-01 14:30", None).value
        assert local == datetime(2026, 12, 1, 14, 30)  # noqa: DTZ001 - the plant's own
        moment = when("2026-12-01T14:30:00+01:00", None).value
        assert moment == datetime.fromisoformat("2026-12-01T14:30:00+01:00")

    @pytest.mark.parametrize(
        ("order", "value"),
        [(DateOrder.DAY_FIRST, date(2026, 4, 3)), (DateOrder.MONTH_FIRST, date(2026, 3, 4))],
    )
    def test_the_order_decides(self, order: DateOrder, value: date) -> None:
        found = when("03/04/2026", order)
        assert (found.value, found.is_ambiguous) == (value, False)

    def test_without_it_the_day_is_first_and_somebody_has_to_look(self) -> None:
        found = when("03/04/2026", None)
        assert (found.value, found.is_ambiguous) == (date(2026, 4, 3), True)

    def test_a_serial_number_is_a_day(self) -> None:
        found = when("46357", None)
        assert (found.value, found.is_serial) == (date(2026, 12, 1), True)
        noon = when("46357.5", None).value
        assert noon == datetime(2026, 12, 1, 12)  # noqa: DTZ001 - the plant's own

    @pytest.mark.parametrize(
        ("text", "order"),
        [
            ("2026-13-01", None), ("2026-02-30", None), ("31/31/2026", None), ("soon", None),
            ("12/31/2026", DateOrder.DAY_FIRST), ("31/12/2026", DateOrder.MONTH_FIRST),
            ("1.2", None), ("12345", None), ("KW 50", None), ("2026-12-01 25:00", None), ("", None),
        ],
    )  # fmt: skip
    def test_what_is_none_is_told(self, text: str, order: DateOrder | None) -> None:
        with pytest.raises(NotADateError, match="expected a date"):
            when(text, order)

    @pytest.mark.parametrize(
        ("texts", "order"),
        [
            (["03/04/2026", "31/12/2026"], DateOrder.DAY_FIRST),
            (["03/04/2026", "12/31/2026"], DateOrder.MONTH_FIRST),
            (["03/04/2026"], None), (["31/12/2026", "12/31/2026"], None), (["2026-12-01"], None),
        ],
    )  # fmt: skip
    def test_a_table_tells_its_order(self, texts: list[str], order: DateOrder | None) -> None:
        assert date_order(texts) is order

    @given(st.text(max_size=25))
    @settings(max_examples=500, deadline=None)
    def test_any_text_is_a_date_or_told(self, text: str) -> None:
        for order in (None, *DateOrder):
            with contextlib.suppress(NotADateError):
                assert isinstance(when(text, order).value, date)


class TestHeadings:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (("Order No.", "Customer", "Item", "Qty", "UoM", "Delivery Date", "Unit price"),
             "order_number customer item quantity unit due price"),
            (("订单号", "客户", "物料", "数量", "单位", "交货日期", "备注"),
             "order_number customer item quantity unit due note"),
            (("Auftragsnr.", "Kundennr.", "Artikel-Nr.", "Menge", "ME", "Liefertermin", "Währung"),
             "order_number customer item quantity unit due currency"),
            (("Nº Pedido", "Cliente", "Código de artículo", "Cantidad", "Unidad",
              "Fecha de entrega", "Precio unitario"),
             "order_number customer item quantity unit due price"),
            (("PO Number", "SKU", "Description", "Quantity (pcs)", "订单数量(件)"),
             "order_number item description quantity"),
            (("销售订单编号", "产品名称", "EAN", "要求交货日期"),
             "order_number description gtin due"),
        ],
    )  # fmt: skip
    def test_columns_are_guessed(self, header: tuple[str, ...], expected: str) -> None:
        mapping = guess(header, [])
        assert {field.value for field in mapping.columns} == set(expected.split())
        for heading in mapping.columns.values():
            assert heading in header

    def test_a_column_that_only_counts_is_the_position(self) -> None:
        mapping = guess(
            ("PO", "Item", "Material", "Qty"),
            [["1", "10", "A-1", "5"], ["1", "20", "A-2", "5"], ["2", "10", "A-3", "5"]],
        )
        assert mapping.columns[Field.POSITION] == "Item"
        assert mapping.columns[Field.ITEM] == "Material"

    def test_a_customers_number_is_the_orders_where_there_is_no_other(self) -> None:
        mapping = guess(("Customer PO", "Item", "Qty"), [])
        assert mapping.columns[Field.ORDER_NUMBER] == "Customer PO"
        assert Field.CUSTOMER_REFERENCE not in mapping.columns

    def test_signs_and_orders_are_guessed_from_the_rows(self) -> None:
        mapping = guess(
            ("Auftrag", "Artikel", "Menge", "Termin"),
            [["1", "A", "1.234", "03/04/2026"], ["2", "B", "0,5", "31/12/2026"]],
        )
        assert mapping.decimal is COMMA
        assert mapping.date_order is DateOrder.DAY_FIRST

    def test_no_heading_means_two_things(self) -> None:
        assert all(meanings(heading) == (field, 3) for heading, field in KNOWN.items())

    @given(st.lists(st.text(max_size=12), max_size=6))
    @settings(max_examples=200, deadline=None)
    def test_any_header_is_guessed_without_raising(self, header: list[str]) -> None:
        mapping = guess(header, [header])
        assert set(mapping.columns.values()) <= set(header)

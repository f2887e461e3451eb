"""Units: whose code means what, and exact factors."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.documents import Format
from domain.units import UNITS, InexactError, UnitMismatchError, convert, unit_of


class TestCodes:
    @pytest.mark.parametrize(
        ("code", "spoken", "unit"),
        [
            ("PCE", Format.EDIFACT, "pcs"),
            ("C62", Format.SAP_IDOC, "pcs"),
            ("EA", Format.X12, "pcs"),
            ("ST", Format.SAP_IDOC, "pcs"),
            ("ST", Format.X12, "set"),
            ("ST", Format.EDIFACT, "sheet"),
            ("ST", Format.CSV, None),
            ("GR", Format.X12, "g"),
            ("MR", Format.X12, "m"),
            ("MTR", Format.EDIFACT, "m"),
            ("KGM", Format.X12, "kg"),
            ("M", Format.SAP_IDOC, "m"),
            ("TO", Format.SAP_IDOC, "t"),
            ("个", Format.KINGDEE, "pcs"),
            ("公斤", Format.YONYOU, "kg"),
            ("Pcs", Format.CSV, "pcs"),
            (" m ", Format.CSV, "m"),
            ("feet", Format.CSV, "ft"),
            ("furlong", Format.CSV, None),
            ("", Format.CSV, None),
        ],
    )
    def test_a_code_means_what_its_list_says(
        self, code: str, spoken: Format, unit: str | None
    ) -> None:
        assert unit_of(code, spoken) == unit

    def test_our_own_names_mean_themselves(self) -> None:
        assert {name: unit_of(name) for name in UNITS} == {name: name for name in UNITS}


class TestConverting:
    @pytest.mark.parametrize(
        ("quantity", "unit", "to", "expected"),
        [
            ("30", "ft", "m", "9.144"),
            ("100", "yd", "m", "91.44"),
            ("2.5", "thousand", "pcs", "2500"),
            ("3", "dozen", "pcs", "36"),
            ("1", "lb", "g", "453.59237"),
            ("36", "in", "yd", "1"),
            ("7", "box", "box", "7"),
            ("1500", "g", "kg", "1.5"),
        ],
    )
    def test_factors_are_exact(self, quantity: str, unit: str, to: str, expected: str) -> None:
        assert convert(Decimal(quantity), unit, to) == Decimal(expected)

    def test_what_measures_something_else_is_not_converted(self) -> None:
        for unit, to in (("m", "kg"), ("box", "pcs"), ("nothing", "pcs"), ("pcs", "nothing")):
            with pytest.raises(UnitMismatchError):
                convert(Decimal(1), unit, to)

    def test_what_would_have_to_be_rounded_is_not_converted(self) -> None:
        with pytest.raises(InexactError):
            convert(Decimal(1), "pcs", "dozen")
        with pytest.raises(InexactError):
            convert(Decimal(1), "mg", "t")

    @given(
        st.sampled_from(sorted(UNITS)),
        st.sampled_from(sorted(UNITS)),
        st.decimals(min_value="0.000001", max_value=1_000_000, places=6),
    )
    def test_there_and_back_is_the_same_quantity(
        self, unit: str, to: str, quantity: Decimal
    ) -> None:
        try:
            there = convert(quantity, unit, to)
        except (UnitMismatchError, InexactError):
            return
        ratio = UNITS[unit].factor / UNITS[to].factor if unit in UNITS else Fraction(1)
        assert Fraction(there) == Fraction(quantity) * ratio
        assert convert(there, to, unit) == quantity

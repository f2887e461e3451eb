"""Units: what others call them, what we call them, and exact factors between them.

Codes come from UN/ECE Recommendation 20 (EDIFACT, IDoc's ISO codes), from X12's data element 355,
and from SAP's internal units. The same letters mean different things there (`ST` is a piece to SAP
and a set to X12), so who speaks has to be said. What has no factor is not converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import msgspec

from domain.documents import Format


class Unit(msgspec.Struct, frozen=True):
    """A unit of ours.

    Attributes:
        name: as it stands in rows (`pcs`, `m`).
        dimension: what it measures; units of one dimension convert into each other.
        factor: how many of the dimension's own unit it is.
    """

    name: str
    dimension: str
    factor: Fraction


def _units(dimension: str, **factors: str) -> dict[str, Unit]:
    return {name: Unit(name, dimension, Fraction(factor)) for name, factor in factors.items()}


UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {
        # International yard and pound (1959), US liquid gallon: exact by definition.
        **_units("count", pcs="1", pair="2", dozen="12", hundred="100", gross="144"),
        **_units("count", thousand="1000"),
        **_units("length", mm="0.001", cm="0.01", m="1", km="1000"),
        **_units("length", ft="0.3048", yd="0.9144"),
        "in": Unit("in", "length", Fraction("0.0254")),
        **_units("mass", mg="0.000001", g="0.001", kg="1", t="1000"),
        **_units("mass", lb="0.45359237", oz="0.028349523125"),
        **_units("volume", ml="0.001", l="1", m3="1000", gal="3.785411784"),
        **_units("area", m2="1", cm2="0.0001", ft2="0.09290304", yd2="0.83612736"),
        **_units("time", s="1", min="60", h="3600", d="86400"),
        # How many pieces a set or a box holds is the item's business: each converts to itself only.
        **{
            name: Unit(name, name, Fraction(1))
            for name in ("set", "kit", "box", "carton", "case", "pack", "bag", "roll", "reel",
                         "sheet", "pallet", "drum", "bottle", "can", "lot")
        },
    }
)  # fmt: skip

_REC_20: Final = {
    "C62": "pcs", "H87": "pcs", "EA": "pcs", "PCE": "pcs", "PCS": "pcs", "NMP": "pack",
    "PR": "pair", "NPR": "pair", "DZN": "dozen", "CEN": "hundred", "GRO": "gross",
    "MIL": "thousand", "SET": "set", "KT": "kit", "LO": "lot",
    "MMT": "mm", "CMT": "cm", "MTR": "m", "KMT": "km", "KTM": "km", "INH": "in", "FOT": "ft",
    "YRD": "yd",
    "MGM": "mg", "GRM": "g", "KGM": "kg", "TNE": "t", "LBR": "lb", "ONZ": "oz",
    "MLT": "ml", "LTR": "l", "MTQ": "m3", "GLL": "gal",
    "CMK": "cm2", "MTK": "m2", "FTK": "ft2", "YDK": "yd2",
    "SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d",
    "BX": "box", "CT": "carton", "CS": "case", "PK": "pack", "BG": "bag", "RO": "roll",
    "RL": "reel", "ST": "sheet", "PX": "pallet", "PF": "pallet", "DR": "drum", "BO": "bottle",
    "CA": "can", "XBX": "box", "XCT": "carton", "XCS": "case", "XPK": "pack", "XBG": "bag",
    "XRO": "roll", "XRL": "reel", "XPX": "pallet", "XDR": "drum", "XBO": "bottle",
    "XCA": "can", "XST": "sheet",
}  # fmt: skip
"""UN/ECE Recommendation 20, with the package codes of Recommendation 21 (`X…` is how 20 takes them
in), and the older codes that EDIFACT directories keep using."""

_X12_355: Final = {
    "EA": "pcs", "PC": "pcs", "PCS": "pcs", "UN": "pcs", "PR": "pair", "DZ": "dozen",
    "HC": "hundred", "HU": "hundred", "GS": "gross", "TH": "thousand", "ST": "set", "KT": "kit",
    "LO": "lot",
    "MM": "mm", "CM": "cm", "MR": "m", "M": "m", "DK": "km", "IN": "in", "FT": "ft", "LF": "ft",
    "YD": "yd", "LY": "yd",
    "ME": "mg", "GR": "g", "KG": "kg", "MP": "t", "LB": "lb", "OZ": "oz",
    "ML": "ml", "LT": "l", "CR": "m3", "GA": "gal",
    "SM": "m2", "SC": "cm2", "SF": "ft2", "SY": "yd2",
    "03": "s", "MJ": "min", "HR": "h", "DA": "d",
    "BX": "box", "CT": "carton", "CA": "case", "CS": "case", "PK": "pack", "BG": "bag",
    "RL": "roll", "RE": "reel", "SH": "sheet", "PL": "pallet", "DR": "drum", "BO": "bottle",
    "CN": "can",
}  # fmt: skip
"""ASC X12, data element 355."""

_SAP: Final = {
    "ST": "pcs", "STK": "pcs", "PC": "pcs", "EA": "pcs", "PAA": "pair", "PAR": "pair",
    "DZ": "dozen", "GRO": "gross", "TS": "thousand", "SET": "set", "SZ": "set",
    "MM": "mm", "CM": "cm", "M": "m", "KM": "km", "ZOL": "in", '"': "in", "FT": "ft", "YD": "yd",
    "MG": "mg", "G": "g", "KG": "kg", "TO": "t", "LB": "lb", "OZ": "oz",
    "ML": "ml", "L": "l", "M3": "m3", "GAL": "gal",
    "M2": "m2", "CM2": "cm2", "FT2": "ft2", "YD2": "yd2",
    "S": "s", "MIN": "min", "STD": "h", "H": "h", "HR": "h", "TAG": "d", "D": "d",
    "KAR": "carton", "CAR": "carton", "CAR.": "carton", "CS": "case", "KI": "case", "PAK": "pack",
    "ROL": "roll", "BLT": "sheet", "PAL": "pallet", "FL": "bottle", "BT": "bottle", "DOS": "can",
    "SAC": "bag", "BAG": "bag",
}  # fmt: skip
"""SAP's internal units, in German and in English (table T006A as delivered)."""

_WORDS: Final = {
    "pc": "pcs", "piece": "pcs", "pieces": "pcs", "each": "pcs", "ea": "pcs", "unit": "pcs",
    "units": "pcs", "stk": "pcs", "stück": "pcs", "pairs": "pair", "sets": "set", "dozens": "dozen",
    "metre": "m", "metres": "m", "meter": "m", "meters": "m", "millimetre": "mm", "feet": "ft",
    "foot": "ft", "inch": "in", "inches": "in", "yard": "yd", "yards": "yd",
    "gram": "g", "grams": "g", "kilogram": "kg", "kilograms": "kg", "kgs": "kg", "ton": "t",
    "tonne": "t", "tonnes": "t", "pound": "lb", "pounds": "lb", "lbs": "lb", "ounce": "oz",
    "litre": "l", "litres": "l", "liter": "l", "liters": "l", "m²": "m2", "m³": "m3", "sqm": "m2",
    "hour": "h", "hours": "h", "day": "d", "days": "d", "boxes": "box", "cartons": "carton",
    "rolls": "roll", "reels": "reel", "bags": "bag", "packs": "pack", "pallets": "pallet",
    "个": "pcs", "件": "pcs", "只": "pcs", "支": "pcs", "台": "pcs", "根": "pcs", "条": "pcs",
    "块": "pcs", "pcs.": "pcs", "对": "pair", "双": "pair", "打": "dozen", "套": "set",
    "毫米": "mm", "厘米": "cm", "米": "m", "千米": "km", "公里": "km", "英寸": "in", "英尺": "ft",
    "码": "yd", "毫克": "mg", "克": "g", "千克": "kg", "公斤": "kg", "吨": "t", "磅": "lb",
    "毫升": "ml", "升": "l", "立方米": "m3", "平方米": "m2", "小时": "h", "分钟": "min", "天": "d",
    "箱": "carton", "盒": "box", "包": "pack", "袋": "bag", "卷": "roll", "盘": "reel",
    "张": "sheet", "托": "pallet", "桶": "drum", "瓶": "bottle", "罐": "can", "千个": "thousand",
}  # fmt: skip
"""How people write units, in English, German and Chinese."""

_LISTS: Final[Mapping[Format, tuple[Mapping[str, str], ...]]] = MappingProxyType(
    {
        # An IDoc has ISO codes where SAP knows one, else its own.
        Format.SAP_IDOC: ({k: v for k, v in _REC_20.items() if k not in _SAP}, _SAP),
        Format.X12: (_X12_355, _REC_20),
        Format.EDIFACT: (_REC_20,),
    }
)
_USUAL: Final = {(Format.EDIFACT, "pcs"): "PCE", (Format.SAP_IDOC, "pcs"): "PCE"}
"""Which of several codes is written, where it is not the first of the list."""
_AMBIGUOUS: Final = frozenset({"ST"})
"""Where nobody says which list is meant: a piece, a set or a sheet."""
_MOST_DECIMALS: Final = 6
_MOST_DIGITS: Final = 15


class UnitMismatchError(ValueError):
    """Two units measure different things, or one of them is not known."""


class InexactError(ValueError):
    """The amount has no exact decimal with the decimals that rows keep."""


def unit_of(code: str, spoken: Format | None = None) -> str | None:
    """What we call the unit of a code; None when nobody here knows it.

    Our own names mean themselves, whoever speaks, unless the format's list says otherwise.

    Args:
        code: as the document writes it.
        spoken: the format of the document.
    """
    written = code.strip()
    for codes in _LISTS.get(spoken, ()) if spoken is not None else ():
        if (name := codes.get(written.upper())) is not None:
            return name
    if written in UNITS:
        return written
    lower = written.lower()
    if lower in UNITS:
        return lower
    if (name := _WORDS.get(lower)) is not None:
        return name
    return None if written.upper() in _AMBIGUOUS else _REC_20.get(written.upper())


def code_of(name: str, spoken: Format) -> str:
    """The code that a format has for a unit of ours; without one our own name."""
    if (usual := _USUAL.get((spoken, name))) is not None:
        return usual
    for codes in _LISTS.get(spoken, ()):
        for code, unit in codes.items():
            if unit == name and unit_of(code, spoken) == name:
                return code
    return name


def convert(quantity: Decimal, unit: str, to: str) -> Decimal:
    """A quantity in another unit, exactly.

    Args:
        quantity: how many of `unit`.
        unit: our name of the unit.
        to: our name of the unit wanted.

    Raises:
        UnitMismatchError: there is no factor between the two.
        InexactError: the result would have to be rounded to `_MOST_DECIMALS` decimals.
    """
    if unit == to:
        return quantity
    ours, wanted = UNITS.get(unit), UNITS.get(to)
    if ours is None or wanted is None or ours.dimension != wanted.dimension:
        raise UnitMismatchError(f"{unit!r} cannot be converted to {to!r}")
    exact = Fraction(quantity) * ours.factor / wanted.factor
    scaled = exact * 10**_MOST_DECIMALS
    if scaled.denominator != 1 or abs(scaled.numerator) >= 10**_MOST_DIGITS:
        raise InexactError(f"{quantity} {unit} is no exact number of {to}")
    result = Decimal(scaled.numerator).scaleb(-_MOST_DECIMALS).normalize()
    return result.quantize(Decimal(1)) if result == result.to_integral_value() else result

"""Numbers as people write them in spreadsheets: 1.234,5 and 1,234.5 and １２."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from connectors.mapping import DecimalSign
from connectors.table.cells import plain

MAX_DIGITS = 18
_GROUPED = {
    sign: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+(?:{re.escape(sign)}\d+)?")
    for sign, group in ((".", ","), (",", "."))
}
_SIMPLE = {
    sign: re.compile(rf"[+-]?(?:\d+(?:{re.escape(sign)}\d*)?|{re.escape(sign)}\d+)")
    for sign in (".", ",")
}
_SPACED = re.compile(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?!\d))")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_WITH_UNIT = re.compile(r"\s*([+-]?[\d.,'’ \u00a0\u202f]*\d)\s*([^\d\s.,+-][^\d]{0,19})\s*")
_MONEY = re.compile(r"(?:EUR|USD|CNY|RMB|GBP|CHF|[€$£¥元])", re.IGNORECASE)


class Number(msgspec.Struct, frozen=True):
    """A number; `is_ambiguous`: another decimal sign makes another number of it."""

    value: Decimal
    is_ambiguous: bool = False


class NotANumberError(ValueError):
    """A text is no number: what was expected."""


def number(text: str, sign: DecimalSign | None, fallback: DecimalSign) -> Number:
    """Read a number.

    Args:
        text: as it stands in the cell.
        sign: what stands before the decimals; None: nobody knows.
        fallback: taken where nobody knows and both are possible.

    Raises:
        NotANumberError: it is none.
    """
    told = _SPACED.sub("", plain(text).replace("−", "-").replace("，", ",").replace("。", "."))
    if re.fullmatch(r"[+-]?[\d.,]+[eE][+-]?\d+", told):
        raise NotANumberError(
            "the spreadsheet has shortened this number; format the column as a number without"
            " exponent and save it again"
        )
    if sign is not None:
        return Number(_read(told, sign))
    if _AMBIGUOUS.fullmatch(told):
        return Number(_read(told, fallback), is_ambiguous=True)
    for one in (DecimalSign.POINT, DecimalSign.COMMA):
        try:
            return Number(_read(told, one))
        except NotANumberError:
            continue
    raise _not(told)


def _not(told: str) -> NotANumberError:
    del told
    return NotANumberError("expected a number like 12, 12.5 or 1,234.5")


def _read(told: str, sign: DecimalSign) -> Decimal:
    group = "," if sign is DecimalSign.POINT else "."
    if not told.isascii():
        raise _not(told)
    if not (_SIMPLE[sign.value].fullmatch(told) or _GROUPED[sign.value].fullmatch(told)):
        if _SIMPLE[group].fullmatch(told) or _GROUPED[group].fullmatch(told):
            raise NotANumberError(
                f"decimals are written with {sign.value!r} in this table; expected a number like"
                f" 12{sign.value}5"
            )
        raise _not(told)
    digits = told.replace(group, "").replace(sign.value, ".")
    if sum(one.isdigit() for one in digits) > MAX_DIGITS:
        raise NotANumberError(f"expected a number with at most {MAX_DIGITS} digits")
    return Decimal(digits)


def decimal_sign(texts: Iterable[str]) -> DecimalSign | None:
    """What a table writes before decimals, by numbers that can be read in one way only."""
    found: set[DecimalSign] = set()
    for text in texts:
        told = _SPACED.sub("", plain(text))
        if _AMBIGUOUS.fullmatch(told) or not re.search("[.,]", told):
            continue
        read = [sign for sign in DecimalSign if _reads(told, sign)]
        if len(read) == 1:
            found.add(read[0])
    return found.pop() if len(found) == 1 else None


def _reads(told: str, sign: DecimalSign) -> bool:
    try:
        _read(told, sign)
    except NotANumberError:
        return False
    return True


def without_unit(text: str) -> tuple[str, str | None]:
    """A quantity and the unit that stands behind it in the same cell (`500 pcs`)."""
    match = _WITH_UNIT.fullmatch(plain(text))
    if match is None:
        return text, None
    return match.group(1), match.group(2).strip().rstrip(".") or None


def without_money(text: str) -> str:
    """A price without the currency's name or sign."""
    return _MONEY.sub("", plain(text)).strip()

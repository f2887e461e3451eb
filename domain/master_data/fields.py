"""The types of master data's fields, and how a text becomes a value of each.

Texts come from YAML scalars and from cells of tables alike, so both mean the same. A field's type
is annotated with the function that reads it; that raises `ValueError` with the words for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Annotated, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from contracts.topics import TopicError, parse_topic
from domain.documents import NameScheme

LONGEST_MS: Final = 10 * 365 * 24 * 3_600_000
_LONGEST_CODE: Final = 100
_LONGEST_NAME: Final = 200
_LONGEST_TEXT: Final = 2_000
_MOST_DIGITS: Final = 15
_MOST_PLACES: Final = 6
_WIDE: Final = Context(prec=_LONGEST_CODE + 1)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS: Final = (2000, 2199)
_LEVELS: Final = 4

MOST_WEEKS: Final = 52
"""So long a rotation of shifts may be."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Reads(msgspec.Struct, frozen=True):
    """Annotates a field's type with how a text becomes its value.

    Attributes:
        read: raises ValueError with what is wrong, in words that follow the value.
        separator: for a list: what stands between its entries in one text.
        order: of its entries; None: as they are.
    """

    read: Callable[[str], object]
    separator: str | None = None
    order: Callable[[str], int] | None = None


def _text(text: str, longest: int) -> str:
    if not text.strip():
        raise ValueError("is empty")
    if len(text) > longest:
        raise ValueError(f"is longer than {longest} characters")
    return text


def _on_a_line(text: str, longest: int) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be text on one line, without control characters")
    return _text(text, longest)


def read_code(text: str) -> str:
    """What people call a thing."""
    return _on_a_line(text, _LONGEST_CODE)


def read_capability(text: str) -> str:
    """What a machine can do; several stand in one cell."""
    if ";" in text:
        raise ValueError("must not hold a ';'")
    return read_code(text.strip())


def read_name(text: str) -> str:
    """A name on one line."""
    return _on_a_line(text, _LONGEST_NAME)


def read_text(text: str) -> str:
    """A description, on several lines maybe."""
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("must be text without control characters")
    return _text(text, _LONGEST_TEXT)


def read_level(text: str) -> str:
    """A level of a machine's path."""
    try:
        parse_topic(f"gemba/v1/{_on_a_line(text, _LONGEST_CODE)}/area/line/machine/heartbeat")
    except TopicError as error:
        raise ValueError("is no level of a path: no '/', space, '+', '#' or '$'") from error
    return text


def read_path(text: str) -> str:
    """A machine's path."""
    try:
        topic = parse_topic(f"gemba/v1/{_on_a_line(text, 5 * _LONGEST_CODE)}/heartbeat")
    except TopicError as error:
        raise ValueError("must be site/area/line/machine") from error
    return topic.path


def read_zone(text: str) -> str:
    """A time zone."""
    try:
        ZoneInfo(_on_a_line(text, _LONGEST_CODE))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is no time zone, maybe 'Europe/Berlin'") from error
    return text


def read_country(text: str) -> str:
    """ISO 3166-1, two letters."""
    if not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("must be a country as two capital letters, as 'DE' (ISO 3166)")
    return text


def read_currency(text: str) -> str:
    """ISO 4217."""
    if not re.fullmatch("[A-Z]{3}", text):
        raise ValueError("must be a currency as three capital letters, as 'EUR' (ISO 4217)")
    return text


def read_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14, its check digit right (GS1 General Specifications, 7.9)."""
    if not re.fullmatch(r"\d{8}|\d{12,14}", text, re.ASCII):
        raise ValueError("must be a GTIN of 8, 12, 13 or 14 digits")
    *digits, check = map(int, text)
    weighted = sum(digit * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    if (weighted + check) % 10:
        raise ValueError(f"is no GTIN: its last digit would be {-weighted % 10}")
    return text


def read_whole(text: str) -> int:
    """A position: a whole number."""
    if not _WHOLE.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        raise ValueError("must be a whole number")
    return int(text)


def read_number(text: str) -> int:
    """A step's number."""
    if not _WHOLE.fullmatch(text) or int(text) < 0:
        raise ValueError("must be a whole number, not negative")
    return int(text)


def read_cycle_ms(text: str) -> int:
    """Milliseconds for one piece."""
    if not 1 <= read_number(text) <= LONGEST_MS:
        raise ValueError(f"must be milliseconds from 1 to {LONGEST_MS}")
    return int(text)


def read_setup_ms(text: str) -> int:
    """Milliseconds for one set-up."""
    if read_number(text) > LONGEST_MS:
        raise ValueError(f"must be milliseconds up to {LONGEST_MS}")
    return int(text)


def _decimal(text: str) -> Decimal:
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        hint = "; write a decimal point, and nothing between thousands" if "," in text else ""
        raise ValueError(f"must be a number{hint}")
    value = Decimal(text[:_LONGEST_CODE])
    plain = value.normalize(_WIDE)
    exponent = plain.as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    if places > _MOST_PLACES or max(plain.adjusted(), 0) + 1 + places > _MOST_DIGITS:
        raise ValueError(f"has more than {_MOST_DIGITS} digits, or {_MOST_PLACES} decimal places")
    return value


def read_not_negative(text: str) -> Decimal:
    """An exact quantity, not negative."""
    value = _decimal(text)
    if value < 0:
        raise ValueError("must not be negative")
    return value


def read_positive(text: str) -> Decimal:
    """An exact quantity above zero."""
    value = _decimal(text)
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


def read_share(text: str) -> Decimal:
    """A share that is lost, from 0 to below 10."""
    value = read_not_negative(text)
    if value >= 10:  # noqa: PLR2004 - said in the message
        raise ValueError("must be a share below 10, as 0.02 for 2 %")
    return value


def read_percent(text: str) -> Decimal:
    """A percentage from 0 to 100."""
    value = read_not_negative(text)
    if value > 100:  # noqa: PLR2004 - said in the message
        raise ValueError("must be at most 100 percent")
    return value


def read_day(text: str) -> date:
    """A day."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValueError("must be a day YYYY-MM-DD between the years 2000 and 2199")
    return day


def read_moment(text: str) -> datetime:
    """A time with its offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a time as 2026-12-24T14:00:00+01:00") from error
    if moment.tzinfo is None:
        raise ValueError("must say its offset from UTC, as in 2026-12-24T14:00:00+01:00")
    if not _YEARS[0] < moment.year <= _YEARS[1]:
        raise ValueError("must lie between the years 2001 and 2199")
    return moment.astimezone(UTC)


def read_truth(text: str) -> bool:
    """Yes or no."""
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise ValueError("must be true or false")
    return known[text.lower()]


def read_clock(text: str) -> str:
    """A time of day; a number that YAML might have made of it is none."""
    if not _CLOCK.fullmatch(text):
        raise ValueError("must be a time of day HH:MM, as '06:00'")
    return text


def read_break(text: str) -> str:
    """A break: two times of day, as `09:00-09:15`."""
    start, dash, end = (part.strip() for part in text.replace("\N{EN DASH}", "-").partition("-"))
    if not dash or not _CLOCK.fullmatch(start) or not _CLOCK.fullmatch(end):
        raise ValueError("must be breaks HH:MM-HH:MM, as '09:00-09:15'")
    if start in (end, "24:00"):
        raise ValueError("must be breaks that end after they begin, as '09:00-09:15'")
    return f"{start}-{end}"


def read_week(text: str) -> str:
    """A week of a rotation."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= MOST_WEEKS:
        raise ValueError(f"must be weeks of the rotation, from 1 to {MOST_WEEKS}")
    return str(int(text))


def read_rotation(text: str) -> int:
    """How many weeks a rotation has."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= MOST_WEEKS:
        raise ValueError(f"must be a number of weeks from 1 to {MOST_WEEKS}")
    return int(text)


def read_place(text: str) -> str:
    """A site, or an area, line or machine of it."""
    levels = text.split("/")
    if len(levels) > _LEVELS:
        raise ValueError("must be site, site/area, site/area/line or site/area/line/machine")
    for level in levels:
        read_level(level)
    return text


def read_weekday(text: str) -> str:
    """A weekday."""
    if text.lower() not in WEEKDAYS:
        raise ValueError(f"must be a weekday: {', '.join(WEEKDAYS)}")
    return text.lower()


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return text

    return read


EXACT: Final = frozenset({read_code, read_name, read_text})
"""Texts that are kept as they were written, spaces included."""

Code: TypeAlias = Annotated[str, Reads(read_code)]
Name: TypeAlias = Annotated[str, Reads(read_name)]
Text: TypeAlias = Annotated[str, Reads(read_text)]
Level: TypeAlias = Annotated[str, Reads(read_level)]
Path: TypeAlias = Annotated[str, Reads(read_path)]
Zone: TypeAlias = Annotated[str, Reads(read_zone)]
Country: TypeAlias = Annotated[str, Reads(read_country)]
Currency: TypeAlias = Annotated[str, Reads(read_currency)]
Gtin: TypeAlias = Annotated[str, Reads(read_gtin)]
Whole: TypeAlias = Annotated[int, Reads(read_whole)]
Number: TypeAlias = Annotated[int, Reads(read_number)]
CycleMs: TypeAlias = Annotated[int, Reads(read_cycle_ms)]
SetupMs: TypeAlias = Annotated[int, Reads(read_setup_ms)]
NotNegative: TypeAlias = Annotated[Decimal, Reads(read_not_negative)]
Positive: TypeAlias = Annotated[Decimal, Reads(read_positive)]
Share: TypeAlias = Annotated[Decimal, Reads(read_share)]
Percent: TypeAlias = Annotated[Decimal, Reads(read_percent)]
Day: TypeAlias = Annotated[date, Reads(read_day)]
Moment: TypeAlias = Annotated[datetime, Reads(read_moment)]
Truth: TypeAlias = Annotated[bool, Reads(read_truth)]
Clock: TypeAlias = Annotated[str, Reads(read_clock)]
Breaks: TypeAlias = Annotated[tuple[str, ...], Reads(read_break, ";")]
Weeks: TypeAlias = Annotated[tuple[str, ...], Reads(read_week, ";", int)]
Rotation: TypeAlias = Annotated[int, Reads(read_rotation)]
Place: TypeAlias = Annotated[str, Reads(read_place)]
Weekdays: TypeAlias = Annotated[tuple[str, ...], Reads(read_weekday, ";", WEEKDAYS.index)]
Capabilities: TypeAlias = Annotated[tuple[str, ...], Reads(read_capability, ";")]
Capability: TypeAlias = Annotated[str, Reads(read_capability)]
ItemKind: TypeAlias = Annotated[
    Literal["made", "bought", "both"], Reads(_one_of("made", "bought", "both"))
]
Scheme: TypeAlias = Annotated[str, Reads(_one_of(*NameScheme))]
Source: TypeAlias = Annotated[Literal["make", "buy"], Reads(_one_of("make", "buy"))]
ResourceKind: TypeAlias = Annotated[Literal["operator", "tool"], Reads(_one_of("operator", "tool"))]

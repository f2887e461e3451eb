"""Which column of a table means what: remembered by name, sent with a file, or guessed."""

from __future__ import annotations

import enum

import msgspec


class Field(enum.StrEnum):
    """What a column can tell of an order or of a line of it."""

    ORDER_NUMBER = "order_number"
    CUSTOMER = "customer"
    CUSTOMER_NAME = "customer_name"
    CUSTOMER_REFERENCE = "customer_reference"
    ORDER_DATE = "order_date"
    ORDER_DUE = "order_due"
    CURRENCY = "currency"
    PRIORITY = "priority"
    VERSION = "version"
    """A number that rises, or when the order was last changed."""
    ACTION = "action"
    """What is wanted of the line: new, change, cancel."""
    SHIP_TO_NAME = "ship_to_name"
    SHIP_TO_STREET = "ship_to_street"
    SHIP_TO_CITY = "ship_to_city"
    SHIP_TO_POSTAL_CODE = "ship_to_postal_code"
    SHIP_TO_COUNTRY = "ship_to_country"
    POSITION = "position"
    ITEM = "item"
    """Our code of the item."""
    CUSTOMER_ITEM = "customer_item"
    """The customer's code of it."""
    GTIN = "gtin"
    DESCRIPTION = "description"
    QUANTITY = "quantity"
    UNIT = "unit"
    PRICE = "price"
    PRICE_BASIS = "price_basis"
    DUE = "due"
    NOTE = "note"


ORDER_FIELDS = frozenset(
    {
        Field.CUSTOMER,
        Field.CUSTOMER_NAME,
        Field.CUSTOMER_REFERENCE,
        Field.ORDER_DATE,
        Field.ORDER_DUE,
        Field.CURRENCY,
        Field.PRIORITY,
        Field.VERSION,
        Field.SHIP_TO_NAME,
        Field.SHIP_TO_STREET,
        Field.SHIP_TO_CITY,
        Field.SHIP_TO_POSTAL_CODE,
        Field.SHIP_TO_COUNTRY,
    }
)
"""Said once of an order: its rows may repeat them or leave them empty, not contradict them."""


class DateOrder(enum.StrEnum):
    """How days, months and years follow each other where a date does not begin with the year."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"
    YEAR_FIRST = "ymd"


class DecimalSign(enum.StrEnum):
    """What stands before the decimals; the other one groups thousands."""

    POINT = "."
    COMMA = ","


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a table becomes orders. What is None is found out from the file.

    Attributes:
        columns: field → heading as it stands there; the second column of a name is `Name (2)`.
            Without a header row headings are the letters that spreadsheets give (`A`, `AB`).
        constants: field → what holds for every row (a customer, a currency, a unit).
        date_order: of dates like 03/04/2026.
        decimal: of numbers like 1.234.
        delimiter: of a CSV file.
        encoding: of a CSV file: `utf-8`, `utf-16`, `gb18030`, `cp1252`, `iso-8859-1` …
        header_row: counted from 1; 0: there is none.
        sheet: read only this one of a workbook; None: every visible sheet that holds orders.
    """

    columns: dict[Field, str] = {}
    constants: dict[Field, str] = {}
    date_order: DateOrder | None = None
    decimal: DecimalSign | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    sheet: str | None = None

"""What was made, told to the ERP: time tickets of production orders.

Names are those of the function BAPI_PRODORDCONF_CREATE_TT and its table TIMETICKETS (structure
BAPI_PP_TIMETICKET), which SAP documents; they are sent as JSON to whatever calls the function there
(an OData or SOAP service around it, or an integration platform). There is no one IDoc for this: the
ones in use are generated from this same function at each site.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

import msgspec

from connectors.sap_idoc.writing import clock, cut, day, quantity
from domain.documents import Answer


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of an operation since the last confirmation.

    Attributes:
        order: the production order's number in the ERP (a work order's external id), 12 characters.
        operation: its operation's number there, 4 characters; digits are filled with zeros.
        good, scrap, rework: pieces since the last confirmation, in `unit`.
        unit: ISO code (PCE, KGM); None: the operation's own.
        final: nothing more follows: the rest is not made.
        plant, work_centre: where; None: as the order has it.
        started_at, ended_at: when it was made; UTC.
        posted_at: UTC; the posting date is its day in the zone.
        text: for people, 40 characters.
    """

    order: str
    operation: str
    good: Decimal
    scrap: Decimal = Decimal(0)
    rework: Decimal = Decimal(0)
    unit: str | None = None
    final: bool = False
    plant: str | None = None
    work_centre: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    posted_at: datetime
    text: str | None = None


def production_confirmation(
    confirmations: Sequence[Confirmation], *, zone: tzinfo = UTC, test_run: bool = False
) -> Answer:
    """Confirmations as the parameters of one call of the function.

    Args:
        confirmations: what was made.
        zone: of the ERP's dates and times.
        test_run: SAP checks and posts nothing.
    """
    parameters = {
        "POST_WRONG_ENTRIES": "0",
        "TESTRUN": "X" if test_run else "",
        "TIMETICKETS": [_ticket(one, zone) for one in confirmations],
    }
    return Answer(
        kind="BAPI_PRODORDCONF_CREATE_TT",
        media_type="application/json",
        content=msgspec.json.encode(parameters),
    )


def _ticket(one: Confirmation, zone: tzinfo) -> dict[str, str]:
    started = one.started_at.astimezone(zone) if one.started_at is not None else None
    ended = one.ended_at.astimezone(zone) if one.ended_at is not None else None
    fields = {
        "ORDERID": _filled(one.order, 12),
        "OPERATION": _filled(one.operation, 4),
        "FIN_CONF": "X" if one.final else "",
        "POSTG_DATE": day(one.posted_at.astimezone(zone)),
        "CONF_TEXT": cut(one.text, 40),
        "PLANT": cut(one.plant, 4),
        "WORK_CNTR": cut(one.work_centre, 8),
        "CONF_QUAN_UNIT_ISO": cut(one.unit, 3),
        "YIELD": quantity(one.good),
        "SCRAP": quantity(one.scrap),
        "REWORK": quantity(one.rework),
        "EXEC_START_DATE": day(started),
        "EXEC_START_TIME": clock(started),
        "EXEC_FIN_DATE": day(ended),
        "EXEC_FIN_TIME": clock(ended),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _filled(number: str, length: int) -> str:
    """A number with the zeros that SAP keeps it with; anything else as it is."""
    return number.zfill(length) if number.isascii() and number.isdigit() else number

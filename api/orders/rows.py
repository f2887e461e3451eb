"""Order rows as the calls of this folder lock and describe them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.auth.principal import Principal
from domain.orders import LineState, Refused
from store import orders
from store.database import Connection
from store.errors import (
    NotFoundError,
    StaleVersionError,
)
from store.orders import LineRow, OrderRow


async def locked(
    connection: Connection, principal: Principal, number: str, *, version: int | None = None
) -> OrderRow:
    """An order's row, locked, for somebody who may know of it.

    Raises:
        NotFoundError: there is no such order for them.
        StaleVersionError: it is not at `version` any more.
    """
    row = await orders.find(connection, number=number, for_update=True)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("order", number)
    if version is not None and version != row.version:
        raise StaleVersionError("order", number, expected=version, actual=row.version)
    return row


def state_of(line: LineRow, state: LineState) -> dict[str, Any]:
    """A line's state as the audit log tells it."""
    return {"number": line.number, "state": state}


def refusals(decisions: Sequence[tuple[LineRow, object]]) -> str:
    """Why lines stay where they are, in one sentence."""
    return "; ".join(
        f"line {line.number}: {decision.reason}"
        for line, decision in decisions
        if isinstance(decision, Refused)
    )

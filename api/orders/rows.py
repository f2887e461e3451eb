"""Order rows as the calls of this folder lock and describe them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from api.auth.principal import Principal
from domain.orders import LineState, Refused
from store import orders
from store.database import Connection
from store.errors import ConflictError, Fault, NotFoundError, StaleVersionError
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


class _Line(Protocol):
    """A line as its decision is told."""

    @property
    def number(self) -> int: ...

    @property
    def state(self) -> LineState: ...


def refusals(decisions: Sequence[tuple[_Line, object]]) -> str:
    """Why lines stay where they are, in one sentence."""
    return "; ".join(
        f"line {line.number}: {decision.reason}"
        for line, decision in decisions
        if isinstance(decision, Refused)
    )


def faults(decisions: Sequence[tuple[_Line, object]]) -> list[Fault]:
    """Why lines stay where they are, line by line."""
    return [
        Fault(
            place=f"lines[{line.number}]",
            problem=decision.reason,
            code=decision.code,
            params={"line": line.number, "state": line.state.value},
        )
        for line, decision in decisions
        if isinstance(decision, Refused)
    ]


def refused(
    order: str, action: str, decisions: Sequence[tuple[_Line, object]], *, why: str = ""
) -> ConflictError:
    """No line of an order can be `action`ed (`released`, `held`, …), and why."""
    return ConflictError(
        f"order {order!r} cannot be {action}: {refusals(decisions)}{why}",
        code="order-refused",
        params={"order": order, "action": action},
        faults=faults(decisions),
    )

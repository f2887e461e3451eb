"""Confirming orders, one or many: what review waits for, and what has to be settled first."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from api.auth.principal import Principal, forbidden
from api.context import Context
from api.errors import ProblemError
from api.fields import required_moment
from api.orders import views
from api.orders.desk_schemas import ActionOutcome, Confirmation
from api.orders.releasing import release_confirmed
from api.orders.rows import faults, locked
from api.orders.schemas import Order
from api.work_orders.service import order_event
from domain.access import Permission
from domain.orders import LineState, Moved, confirm, order_state
from store import audit, order_desk
from store.audit import OrderEntry
from store.database import Connection
from store.errors import ConflictError
from store.log import NewRecord
from store.order_desk import DeskLine
from store.orders import OrderRow
from store.review import findings
from store.review.findings import FindingRow

AT_ONCE: Final = 200
"""So many orders are confirmed in one transaction."""


class _Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an order; `lines` is empty when it stays as it is."""

    row: OrderRow
    lines: list[DeskLine]
    state: LineState
    open_findings: list[FindingRow]
    refusal: ConflictError | None = None


async def confirm_order(
    context: Context, principal: Principal, number: str, wanted: Confirmation
) -> Order:
    """Accept an order, so that it can be released.

    Raises:
        NotFoundError: there is no such order.
        StaleVersionError: it has changed since the version named.
        ConflictError: nothing of it can be confirmed, or findings have to be settled first.
        ProblemError: they may not overrule findings.
    """
    require_overruling(principal, wanted.overrule)
    async with context.transaction() as connection:
        row = await locked(connection, principal, number, version=wanted.version)
        (decided,) = await _decide(connection, [row], overrule=wanted.overrule)
        if decided.refusal is not None:
            raise decided.refusal
        records = await _write(context, principal, connection, [decided], wanted.overrule)
        order = await views.order(context, connection, number)
        await context.log.append_in(connection, records)
    if principal.may(Permission.ORDER) and await release_confirmed(context, principal, [number]):
        async with context.connection() as connection:
            order = await views.order(context, connection, number)
    return order


async def confirm_many(
    context: Context, principal: Principal, numbers: Sequence[str], *, overrule: str | None
) -> list[ActionOutcome]:
    """Confirm orders; each has an outcome of its own.

    Raises:
        ProblemError: they may not overrule findings.
    """
    require_overruling(principal, overrule)
    outcomes: dict[str, ActionOutcome] = {}
    distinct = list(dict.fromkeys(numbers))
    for start in range(0, len(distinct), AT_ONCE):
        batch = distinct[start : start + AT_ONCE]
        async with context.transaction() as connection:
            rows = {
                number: row
                for number, row in (await order_desk.lock_orders(connection, batch)).items()
                if principal.sees(row.site)
            }
            decided = await _decide(connection, list(rows.values()), overrule=overrule)
            going = [each for each in decided if each.refusal is None]
            records = await _write(context, principal, connection, going, overrule)
            if records:
                await context.log.append_in(connection, records)
        outcomes |= {number: ActionOutcome.missing(number) for number in batch}
        outcomes |= {
            each.row.number: ActionOutcome(number=each.row.number, done=True, state=each.state)
            if each.refusal is None
            else ActionOutcome.refused(each.row.number, each.refusal, state=each.state)
            for each in decided
        }
    if principal.may(Permission.ORDER):
        confirmed = [number for number, outcome in outcomes.items() if outcome.done]
        await release_confirmed(context, principal, confirmed)
    return list(outcomes.values())


def require_overruling(principal: Principal, overrule: str | None) -> None:
    """Make sure that whoever overrules findings may do so.

    Raises:
        ProblemError: they may not.
    """
    if overrule is not None and not principal.may(Permission.REVIEW):
        raise forbidden(
            f"The role {principal.role.value!r} lacks the permission"
            f" {Permission.REVIEW.value!r}, which overruling findings needs."
        )


async def _decide(
    connection: Connection, rows: Sequence[OrderRow], *, overrule: str | None
) -> list[_Decided]:
    ids = [row.id for row in rows]
    lines = await order_desk.lines(connection, ids)
    found = await findings.findings_of(connection, ids)
    return [_decided(row, lines[row.id], found[row.id], overrule) for row in rows]


def _decided(
    row: OrderRow, lines: list[DeskLine], found: list[FindingRow], overrule: str | None
) -> _Decided:
    errors = [finding for finding in found if finding.is_error]
    decisions = [
        (line, confirm(line.state, errors=len(errors), overrule=overrule)) for line in lines
    ]
    moved = [line for line, decision in decisions if isinstance(decision, Moved)]
    ids = {line.id for line in moved}
    refusal = None
    if not moved:
        why = "; ".join(dict.fromkeys(decision.reason for _, decision in decisions))
        told = " ".join(finding.words[0] for finding in errors[:5])
        refusal = ConflictError(
            " ".join(
                part for part in (f"order {row.number!r} is not confirmed: {why}.", told) if part
            ),
            code="order-refused",
            params={"order": row.number, "action": "confirmed"},
            faults=faults(decisions),
        )
    return _Decided(
        row=row,
        lines=moved,
        state=order_state(LineState.CONFIRMED if line.id in ids else line.state for line in lines),
        open_findings=found,
        refusal=refusal,
    )


async def _write(
    context: Context,
    principal: Principal,
    connection: Connection,
    decided: Sequence[_Decided],
    overrule: str | None,
) -> list[NewRecord]:
    """Write what was decided; answers the events to be appended last."""
    if not decided:
        return []
    now = required_moment(context.clock.now_ms())
    ids = [each.row.id for each in decided]
    await order_desk.confirm_rows(
        connection, [line.id for each in decided for line in each.lines], ids, now=now
    )
    await _settle(context, principal, connection, decided, overrule)
    versions = await order_desk.touch_all(connection, ids)
    entries = [
        OrderEntry(
            order_id=each.row.id,
            site_id=each.row.site_id,
            after={
                "state": each.state,
                "lines": [{"number": line.number, "state": "confirmed"} for line in each.lines],
                "findings": [
                    {
                        "code": finding.code,
                        "line": finding.line_number,
                        "severity": finding.severity,
                    }
                    for finding in each.open_findings
                ],
            },
        )
        for each in decided
    ]
    await audit.write_of_orders(
        connection, entries, actor=principal.actor, action="OrderConfirmed", reason=overrule
    )
    return [
        order_event(
            context,
            "OrderConfirmed",
            site=each.row.site,
            order_id=each.row.id,
            version=versions[each.row.id],
        )
        for each in decided
    ]


async def _settle(
    context: Context,
    principal: Principal,
    connection: Connection,
    decided: Sequence[_Decided],
    overrule: str | None,
) -> None:
    """Errors were overruled, warnings confirmed with the order."""
    now = required_moment(context.clock.now_ms())
    found = [finding for each in decided for finding in each.open_findings]
    errors = [finding.id for finding in found if finding.is_error]
    warnings = [finding.id for finding in found if not finding.is_error]
    by = principal.actor.name
    if errors:
        await findings.settle(connection, errors, how="overruled", by=by, reason=overrule, now=now)
    if warnings:
        await findings.settle(
            connection, warnings, how="confirmed", by=by, reason=overrule, now=now
        )


def too_many(found: int, most: int) -> ProblemError:
    """More orders are meant than one request handles."""
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "too-many",
        f"{found} orders or more are meant, and {most} are handled at once: narrow the filter.",
        params={"found": found, "most": most},
    )

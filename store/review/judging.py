"""Review at work: facts become findings, findings move lines, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from domain.orders import LineState, Moved, order_state, review
from domain.review import Finding, examine
from store import audit
from store.audit import Actor, OrderEntry
from store.database import Connection
from store.review import findings
from store.review.facts import Read, read_facts

REVIEW: Final = Actor("review", "policy")
"""Who moves lines when nobody does."""
REVIEWED: Final = "OrderReviewed"
CONFIRMED: Final = "OrderConfirmed"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What review made of an order.

    Attributes:
        order_id: the order's.
        number: the order's.
        site: its code.
        version: of the order; judging does not raise it.
        findings: everything that was found, whether settled by people before or not.
        open_findings: how many of all its findings are open; so `open_errors`.
        state: where the order is now.
        moved: what happened to its lines (`OrderReviewed`, `OrderConfirmed`); None: nothing.
    """

    order_id: int
    number: str
    site: str
    version: int
    findings: list[Finding]
    open_findings: int
    open_errors: int
    state: LineState
    moved: str | None


async def judge(
    connection: Connection, order_ids: Collection[int], *, now: datetime, actor: Actor = REVIEW
) -> dict[int, list[Finding]]:
    """Like `examine_orders`, but answers the findings only."""
    judged = await examine_orders(connection, order_ids, now=now, actor=actor)
    return {order_id: each.findings for order_id, each in judged.items()}


async def examine_orders(
    connection: Connection,
    order_ids: Collection[int],
    *,
    now: datetime,
    actor: Actor = REVIEW,
    portions: Mapping[int, int] | None = None,
) -> dict[int, Judged]:
    """Look at orders, write what is found, and move their lines.

    The caller holds the orders' locks, or has made them in this transaction. Lines go from received
    to under review, or to confirmed where the policy says so and nothing was found; confirmed ones
    go back when something was. Audit entries are written; events and versions are the caller's.

    Args:
        connection: the caller's transaction.
        order_ids: which ones; many at once cost little more than one.
        now: the time of judging.
        actor: on whose doing.
        portions: which orders came together (see `read_facts`).

    Returns:
        What was made of each order, the oldest first; ids that do not exist are left out.
    """
    facts = await read_facts(connection, order_ids, now=now, portions=portions)
    read = {order_id: facts[order_id] for order_id in sorted(facts)}
    found = {
        order_id: examine(each.facts, each.policy, now) if each.facts.lines else []
        for order_id, each in read.items()
    }
    pairs = [(order_id, finding) for order_id, each in found.items() for finding in each]
    await findings.keep(connection, pairs, now=now)
    seen_before = [order_id for order_id, each in read.items() if not _is_new(each)]
    counts = _counts(found)
    if seen_before:
        await findings.let_go(
            connection,
            seen_before,
            [pair for pair in pairs if pair[0] in set(seen_before)],
            now=now,
        )
        counts.update(await _open_counts(connection, seen_before))
    states = _decide(read, counts)
    if states:
        await set_line_states(connection, states)
    judged = {
        order_id: _judged(each, found[order_id], counts[order_id], states)
        for order_id, each in read.items()
    }
    await _tell(connection, read, judged, actor)
    await _note_confirmed(connection, judged, now)
    return judged


def _is_new(read: Read) -> bool:
    """Whether nobody has looked at the order before."""
    return all(line.state is LineState.RECEIVED for line in read.lines)


def _counts(found: Mapping[int, Sequence[Finding]]) -> dict[int, findings.OpenCount]:
    """Open findings of orders that had none before."""
    return {
        order_id: findings.OpenCount(
            len(each), sum(finding.severity == "error" for finding in each)
        )
        for order_id, each in found.items()
    }


async def _open_counts(
    connection: Connection, order_ids: Sequence[int]
) -> dict[int, findings.OpenCount]:
    counts = await findings.open_counts(connection, order_ids)
    return {order_id: counts[order_id] for order_id in order_ids}


def _decide(
    read: Mapping[int, Read], counts: Mapping[int, findings.OpenCount]
) -> dict[int, LineState]:
    """Where lines go, by their ids; those that stay are left out."""
    states = {}
    for order_id, each in read.items():
        for line in each.lines:
            decision = review(
                line.state,
                findings=counts[order_id].findings,
                auto_confirm=each.policy.auto_confirm,
                entered=each.order.entered,
            )
            if isinstance(decision, Moved):
                states[line.id] = decision.state
    return states


async def set_line_states(connection: Connection, states: Mapping[int, LineState]) -> None:
    """Move lines to states that `domain.orders` decided on, all in one statement."""
    await connection.execute(
        """
        UPDATE order_lines l SET state = n.state
        FROM unnest(%s::bigint[], %s::text[]) AS n (id, state) WHERE l.id = n.id
        """,
        (list(states), [state.value for state in states.values()]),
    )


def _judged(
    read: Read,
    found: list[Finding],
    count: findings.OpenCount,
    states: Mapping[int, LineState],
) -> Judged:
    moved = {states[line.id] for line in read.lines if line.id in states}
    confirmed = LineState.CONFIRMED in moved
    return Judged(
        order_id=read.order.id,
        number=read.order.number,
        site=read.order.site,
        version=read.order.version,
        findings=found,
        open_findings=count.findings,
        open_errors=count.errors,
        state=order_state(states.get(line.id, line.state) for line in read.lines),
        moved=(CONFIRMED if confirmed else REVIEWED) if moved else None,
    )


async def _tell(
    connection: Connection, read: Mapping[int, Read], judged: Mapping[int, Judged], actor: Actor
) -> None:
    """An audit entry for every order whose lines moved."""
    for action, reason in (
        (REVIEWED, None),
        (CONFIRMED, "the review found nothing, and the policy confirms that"),
    ):
        entries = [
            OrderEntry(
                order_id=each.order_id,
                site_id=read[each.order_id].order.site_id,
                after={
                    "state": each.state,
                    "findings": [
                        {"code": finding.code, "line": finding.line} for finding in each.findings
                    ],
                },
            )
            for each in judged.values()
            if each.moved == action
        ]
        if entries:
            await audit.write_of_orders(
                connection, entries, actor=actor, action=action, reason=reason
            )


async def _note_confirmed(
    connection: Connection, judged: Mapping[int, Judged], now: datetime
) -> None:
    confirmed = [each.order_id for each in judged.values() if each.moved == CONFIRMED]
    if confirmed:
        await note_confirmed(connection, confirmed, now=now)


async def note_confirmed(
    connection: Connection, order_ids: Sequence[int], *, now: datetime
) -> None:
    """Keep when orders were confirmed first."""
    await connection.execute(
        "UPDATE orders SET confirmed_at = %s WHERE id = ANY(%s) AND confirmed_at IS NULL",
        (now, list(order_ids)),
    )

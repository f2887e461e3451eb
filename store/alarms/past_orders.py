"""What orders, messages and plans were like."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from typing import Final

from domain.alarms.conditions import DeadLetters, OrderAtRisk, OrderLate, PlanInfeasible
from domain.alarms.facts import Facts, LetterFacts, OrderFacts, ScopeFacts
from store.alarms.past_limits import MOST_MOMENTS, few, moment
from store.database import Connection

_MINUTE_MS: Final = 60_000


async def orders(
    connection: Connection, condition: OrderLate, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """From when an order was late by so much until it was made, or is open still."""
    cursor = await connection.execute(
        """
        SELECT o.id, o.number, s.code, c.name, o.priority,
               (extract(epoch FROM min(l.due_at)) * 1000)::bigint,
               CASE WHEN bool_and(l.produced_at IS NOT NULL)
                    THEN (extract(epoch FROM max(l.produced_at)) * 1000)::bigint END
        FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.state <> 'cancelled'
        JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
        WHERE l.due_at IS NOT NULL
        GROUP BY o.id, s.code, c.name
        HAVING min(l.due_at) < %s
           AND coalesce(max(l.produced_at) FILTER (WHERE l.produced_at IS NOT NULL), 'infinity')
               > min(l.due_at)
        ORDER BY o.id LIMIT %s
        """,
        (moment(until_ms), MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    late: dict[int, OrderFacts] = {}
    changes: list[tuple[int, int, OrderFacts | None]] = []
    for id_, number, site, customer, priority, due_ms, made_ms in rows:
        begins = due_ms + condition.minutes * _MINUTE_MS
        ends = until_ms if made_ms is None else made_ms
        if begins >= min(ends, until_ms) or ends <= from_ms:
            continue
        fact = OrderFacts(
            id=id_,
            number=number,
            site=site,
            customer=customer,
            priority=priority,
            due_ms=due_ms,
            late_minutes=None,
        )
        changes.append((max(begins, from_ms), id_, fact))
        if ends < until_ms:
            changes.append((ends, id_, None))
    moments = []
    for at_ms, id_, order in sorted(changes, key=lambda one: (one[0], one[1])):
        if order is None:
            late.pop(id_, None)
        else:
            late[id_] = order
        moments.append(Facts(now_ms=at_ms, orders=tuple(late.values())))
    return [moments]


async def ends(
    connection: Connection, condition: OrderAtRisk, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """By each plan when it was in force, whether an order would end so much after it was due."""
    cursor = await connection.execute(
        """
        WITH told AS (
            SELECT greatest(p.published_at, %(from)s) AS at, p.id AS plan_id, e.order_id, e.due_ms,
                   (e.end_ms - e.due_ms) / 60000 AS late
            FROM plans p JOIN plan_orders e ON e.plan_id = p.id
            WHERE p.published_at < %(until)s AND e.due_ms IS NOT NULL
              AND (p.superseded_at IS NULL OR p.superseded_at > %(from)s)
        ), changed AS (
            SELECT t.*, lag(late >= %(minutes)s) OVER (PARTITION BY order_id ORDER BY at, plan_id)
                AS before
            FROM told t
        )
        SELECT t.order_id, (extract(epoch FROM t.at) * 1000)::bigint, t.due_ms, t.late, o.number,
               s.code, c.name, o.priority,
               (SELECT (extract(epoch FROM max(l.produced_at)) * 1000)::bigint FROM order_lines l
                WHERE l.order_id = o.id AND l.state <> 'cancelled'
                HAVING bool_and(l.produced_at IS NOT NULL))
        FROM changed t JOIN orders o ON o.id = t.order_id
        JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
        WHERE (t.late >= %(minutes)s) IS DISTINCT FROM coalesce(t.before, false)
        ORDER BY t.order_id, t.at, t.plan_id LIMIT %(most)s
        """,
        {
            "from": moment(from_ms),
            "until": moment(until_ms),
            "minutes": condition.minutes,
            "most": MOST_MOMENTS + 1,
        },
    )
    rows = await cursor.fetchall()
    few(len(rows))
    by_order: dict[int, dict[int, OrderFacts | None]] = defaultdict(dict)
    for id_, at_ms, due_ms, late, number, site, customer, priority, made_ms in rows:
        moments = by_order[id_]
        order = OrderFacts(
            id=id_,
            number=number,
            site=site,
            customer=customer,
            priority=priority,
            due_ms=due_ms,
            late_minutes=late,
        )
        moments[at_ms] = order
        if at_ms < due_ms < until_ms:
            moments.setdefault(due_ms, order)  # from then on it is late, and at risk no more
        if made_ms is not None and made_ms < until_ms:
            moments[made_ms] = None
    return [
        [
            Facts(now_ms=at_ms, orders=() if order is None else (order,))
            for at_ms, order in sorted(moments.items(), key=lambda one: one[0])
        ]
        for moments in by_order.values()
    ]


async def letters(
    connection: Connection, condition: DeadLetters, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """How many were refused within the condition's window, whenever that changed."""
    window_ms = condition.window_minutes * _MINUTE_MS
    cursor = await connection.execute(
        """
        SELECT (extract(epoch FROM stored_at) * 1000)::bigint, site FROM dead_letters
        WHERE stored_at >= %s AND stored_at < %s ORDER BY stored_at, id LIMIT %s
        """,
        (moment(from_ms - window_ms), moment(until_ms), MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    within: dict[str, deque[int]] = defaultdict(deque)
    stored = [(at_ms, site, True) for at_ms, site in rows]
    gone = [(at_ms + window_ms, site, False) for at_ms, site, _ in stored]
    moments = []
    for at_ms, site, comes in heapq.merge(stored, gone, key=lambda one: one[0]):
        if comes:
            within[site].append(at_ms)
        else:
            within[site].popleft()
        if from_ms <= at_ms < until_ms:
            letters = tuple(
                LetterFacts(site=name, counts={condition.window_minutes: len(times)})
                for name, times in sorted(within.items())
            )
            moments.append(Facts(now_ms=at_ms, letters=letters))
    return [moments]


async def plans(
    connection: Connection, _condition: PlanInfeasible, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """Scopes without a plan, whenever the planner answered."""
    cursor = await connection.execute(
        """
        SELECT at, scope, failed, codes FROM (
            SELECT d.handled_at AS at, d.scope, d.outcome = 'failed' AS failed,
                   ARRAY(SELECT DISTINCT c->>'code'
                         FROM jsonb_array_elements(d.detail->'conflicts') AS c) AS codes
            FROM disruptions d WHERE d.handled_at IS NOT NULL
            UNION ALL
            SELECT p.published_at, p.scope, false, '{}' FROM plans p
            WHERE p.published_at IS NOT NULL
        ) AS answers
        WHERE at >= %s AND at < %s ORDER BY at LIMIT %s
        """,
        (moment(from_ms), moment(until_ms), MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    cursor = await connection.execute(
        "SELECT coalesce(planning_scope, code), array_agg(code ORDER BY code) FROM sites GROUP BY 1"
    )
    sites: dict[str, list[str]] = dict(await cursor.fetchall())
    failing: dict[str, ScopeFacts] = {}
    moments = []
    for at, scope, failed, codes in rows:
        at_ms = round(at.timestamp() * 1000)
        if failed:
            failing[scope] = ScopeFacts(
                scope=scope,
                sites=tuple(sites.get(scope, ())),
                failed_ms=at_ms,
                codes=tuple(codes),
            )
        else:
            failing.pop(scope, None)
        moments.append(Facts(now_ms=at_ms, scopes=tuple(failing.values())))
    return [moments]

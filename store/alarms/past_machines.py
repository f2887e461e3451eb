"""What machines were like: states, paces, pieces and readings as they changed."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from contracts.topics import WAREHOUSE
from domain import progress
from domain.alarms.conditions import LineDown, MachineDown, PaceBelow, ReadingOutside, ScrapRate
from domain.alarms.facts import Facts, MachineFacts, ReadingFact
from store.alarms.past_limits import MOST_MOMENTS, few
from store.database import Connection

_MINUTE_MS: Final = 60_000
_BUCKET_MS: Final = 5 * _MINUTE_MS
_SLOT_MS: Final = progress.SLOT_MS


async def _machines(connection: Connection) -> dict[int, MachineFacts]:
    """All machines, of which nothing is known yet."""
    cursor = await connection.execute(
        "SELECT id, path, name, configured FROM machines WHERE area <> %s ORDER BY path",
        (WAREHOUSE,),
    )
    return {
        id_: MachineFacts(
            id=id_,
            path=path,
            name=name,
            configured=configured,
            state="offline",
            reason=None,
            since_ms=None,
            last_seen_ms=None,
        )
        for id_, path, name, configured in await cursor.fetchall()
    }


_Change: TypeAlias = "tuple[int, int, dict[str, Any]]"
"""When, of which machine, and what it is from then on."""


def _timelines(
    machines: Mapping[int, MachineFacts], changes: Iterable[_Change], *, lines: bool = False
) -> list[list[Facts]]:
    """A timeline for each machine that changed, or for each line."""
    group = {id_: each.line if lines else each.path for id_, each in machines.items()}
    members: dict[str, dict[int, MachineFacts]] = defaultdict(dict)
    for id_, each in machines.items():
        members[group[id_]][id_] = each
    apart: dict[str, list[_Change]] = defaultdict(list)
    for change in changes:
        if change[1] in group:
            apart[group[change[1]]].append(change)
    return [list(_told(members[name], of_group)) for name, of_group in sorted(apart.items())]


def _told(machines: dict[int, MachineFacts], changes: Iterable[_Change]) -> Iterator[Facts]:
    """Facts at each moment at which something of a machine changed."""
    at: int | None = None
    for at_ms, machine, fields in changes:
        if at is not None and at_ms != at:
            yield Facts(now_ms=at, machines=tuple(machines.values()))
        at = at_ms
        machines[machine] = msgspec.structs.replace(machines[machine], **fields)
    if at is not None:
        yield Facts(now_ms=at, machines=tuple(machines.values()))


async def states(
    connection: Connection, condition: MachineDown | LineDown, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """States as they were told, by machine or by line."""
    machines = await _machines(connection)
    changes = await _state_changes(connection, from_ms, until_ms)
    return _timelines(machines, changes, lines=isinstance(condition, LineDown))


async def _state_changes(connection: Connection, from_ms: int, until_ms: int) -> list[_Change]:
    """How machines stood at the beginning, and what they told from then on."""
    cursor = await connection.execute(
        """
        SELECT m.id, c.state, c.reason, c.e_ms FROM machines m CROSS JOIN LATERAL (
            SELECT state, reason, e_ms FROM state_changes
            WHERE machine_id = m.id AND e_ms <= %s ORDER BY e_ms DESC, nth DESC LIMIT 1
        ) c
        """,
        (from_ms,),
    )
    changes: list[_Change] = [
        (from_ms, machine, {"state": state, "reason": reason, "since_ms": since_ms})
        for machine, state, reason, since_ms in await cursor.fetchall()
    ]
    cursor = await connection.execute(
        """
        SELECT e_ms, machine_id, state, reason FROM state_changes
        WHERE e_ms > %s AND e_ms < %s ORDER BY e_ms, machine_id, nth LIMIT %s
        """,
        (from_ms, until_ms, MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    # A reason that comes after the state is no new stop: since when it stands stays.
    since: dict[int, tuple[str, int]] = {
        machine: (fields["state"], fields["since_ms"]) for _, machine, fields in changes
    }
    for at_ms, machine, state, reason in rows:
        before = since.get(machine)
        began = before[1] if before is not None and before[0] == state else at_ms
        since[machine] = (state, began)
        changes.append((at_ms, machine, {"state": state, "reason": reason, "since_ms": began}))
    return changes


async def paces(
    connection: Connection, _condition: PaceBelow, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """The pace at the end of each five minutes in which an operation with a standard ran."""
    machines = await _machines(connection)
    cursor = await connection.execute(
        """
        SELECT machine_id, slot_ms, good::bigint FROM piece_slots
        WHERE slot_ms >= %s AND slot_ms < %s LIMIT %s
        """,
        (from_ms - progress.HOUR_MS, until_ms, MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    slots: dict[int, dict[int, int]] = defaultdict(dict)
    for machine, slot_ms, good in rows:
        slots[machine][slot_ms] = good
    cursor = await connection.execute(
        """
        SELECT machine_id, cycle_ms, started_ms, coalesce(ended_ms, %(until)s) FROM operations
        WHERE machine_id IS NOT NULL AND cycle_ms IS NOT NULL AND started_ms < %(until)s
          AND coalesce(ended_ms, %(until)s) > %(from)s
        ORDER BY machine_id, started_ms LIMIT %(most)s
        """,
        {"from": from_ms, "until": until_ms, "most": MOST_MOMENTS + 1},
    )
    changes = await _state_changes(connection, from_ms, until_ms)
    for machine, cycle_ms, started_ms, ended_ms in await cursor.fetchall():
        first = max(from_ms, started_ms)
        first += -first % _SLOT_MS
        for at_ms in range(first, min(ended_ms, until_ms), _SLOT_MS):
            pace = progress.pace_percent(
                slots[machine], cycle_ms=cycle_ms, started_ms=started_ms, now_ms=at_ms - 1
            )
            changes.append((at_ms, machine, {"pace_percent": pace}))
        changes.append((min(ended_ms, until_ms - 1), machine, {"pace_percent": None}))
        few(len(changes))
    changes.sort(key=lambda one: one[0])
    return _timelines(machines, changes)


async def readings(
    connection: Connection, condition: ReadingOutside, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """The least or most of each five minutes where that is outside, else their mean."""
    machines = await _machines(connection)
    cursor = await connection.execute(
        """
        SELECT r.bucket_ms, m.machine_id, r.min, r.max, r.sum / r.n, m.unit
        FROM metrics m JOIN readings_5m r ON r.machine_id = m.machine_id AND r.metric_id = m.id
        WHERE m.name = %s AND r.bucket_ms >= %s AND r.bucket_ms < %s AND r.n > 0
        ORDER BY r.bucket_ms, m.machine_id LIMIT %s
        """,
        (condition.metric, from_ms, until_ms, MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    changes = []
    for bucket_ms, machine, least, most, mean, unit in rows:
        value = mean
        if condition.high is not None and most > condition.high:
            value = most
        elif condition.low is not None and least < condition.low:
            value = least
        at_ms = bucket_ms + _BUCKET_MS
        fact = {condition.metric: ReadingFact(value, at_ms, unit)}
        changes.append((at_ms, machine, {"readings": fact}))
    return _timelines(machines, changes)


async def pieces(
    connection: Connection, condition: ScrapRate, from_ms: int, until_ms: int
) -> list[list[Facts]]:
    """Good and scrap of the condition's window, whenever five minutes came in or went out."""
    machines = await _machines(connection)
    window_ms = condition.window_minutes * _MINUTE_MS
    cursor = await connection.execute(
        """
        SELECT slot_ms, machine_id, good, scrap FROM piece_slots
        WHERE slot_ms >= %s AND slot_ms < %s ORDER BY slot_ms, machine_id LIMIT %s
        """,
        (from_ms - window_ms, until_ms, MOST_MOMENTS + 1),
    )
    rows = await cursor.fetchall()
    few(len(rows))
    # A slot counts from when it is over until the window has passed it.
    coming = [(slot + _SLOT_MS, machine, good, scrap) for slot, machine, good, scrap in rows]
    going = [(at + window_ms, machine, -good, -scrap) for at, machine, good, scrap in coming]
    sums: dict[int, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    changes = []
    for at_ms, machine, good, scrap in heapq.merge(coming, going, key=lambda one: one[0]):
        sums[machine][0] += good
        sums[machine][1] += scrap
        if at_ms >= until_ms:
            break
        pieces = {condition.window_minutes: (sums[machine][0], sums[machine][1])}
        changes.append((max(at_ms, from_ms), machine, {"pieces": pieces}))
    return _timelines(machines, changes)

"""A year of one machine among others, straight into the tables: there is no time to live it."""

from __future__ import annotations

from typing import Final

import psycopg

from store.telemetry.adoption import HistoryPartitions, month_of

SITE: Final = "plant"
ZONE: Final = "Europe/Berlin"
MACHINE: Final = f"{SITE}/cutting/line1/m00"
OTHERS: Final = 20
DAY_MS: Final = 86_400_000
_RELATIONS: Final = ("samples", "piece_slots", "state_changes")
_VIEWS: Final = ("readings_5m", "readings_1h", "pieces_1h", "states_1h")

_MACHINES: Final = """
WITH site AS (
    INSERT INTO sites (code, name, time_zone) VALUES (%(site)s, 'Plant', %(zone)s) RETURNING id
), made AS (
    INSERT INTO machines (site_id, path, area, line, name, configured)
    SELECT id, %(site)s || '/cutting/line1/m' || to_char(n, 'FM00'), 'cutting', 'line1', n::text,
           true
    FROM site, generate_series(0, %(others)s) n RETURNING id
), publishing AS (
    INSERT INTO publishers (machine_id, source, boot) SELECT id, 'main', 'b' FROM made
)
INSERT INTO metrics (machine_id, name, unit)
SELECT id, name, unit FROM made, (VALUES ('speed', 'm/s'), ('temperature', '°C')) AS m (name, unit)
"""
# Two readings at each step, a little apart, as a controller sends them.
_READINGS: Final = """
INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body, metric_id, value)
SELECT m.id, t, p.id, (t - %(epoch)s) / 1000 * 2 + k.n, 4, t + 20,
       convert_to(format('{"t":%%s,"boot":"b","seq":%%s,"name":"%%s","value":%%s}', t,
                         (t - %(epoch)s) / 1000 * 2 + k.n, k.name, v), 'UTF8'),
       k.id, v
FROM machines m
JOIN publishers p ON p.machine_id = m.id
CROSS JOIN generate_series(%(start)s, %(end)s - 1, %(step)s) AS s (at)
CROSS JOIN LATERAL (
    SELECT id, name, row_number() OVER (ORDER BY name) - 1 AS n FROM metrics
    WHERE machine_id = m.id
) k
CROSS JOIN LATERAL (
    SELECT at + k.n * 3 AS t,
           round((20 + 5 * sin(at / 7200000.0) + random())::numeric, 2)::double precision AS v
) x
WHERE m.id = ANY(%(ids)s)
"""
_PIECES: Final = """
INSERT INTO piece_slots (machine_id, slot_ms, good, scrap)
SELECT m.id, at, 20 + (random() * 20)::int, (random() * 2)::int
FROM machines m CROSS JOIN generate_series(%(start)s, %(end)s - 1, 300000::bigint) AS s (at)
WHERE m.id = ANY(%(ids)s)
  AND extract(hour FROM to_timestamp(at / 1000) AT TIME ZONE 'UTC') BETWEEN 5 AND 20
"""
# Running and not in turns, about every 10 minutes.
_STATES: Final = """
INSERT INTO state_changes (machine_id, e_ms, nth, left_state, left_reason, state, reason)
SELECT m.id, at + (random() * 200000)::bigint, 0, was.state, was.reason, now.state, now.reason
FROM machines m CROSS JOIN generate_series(%(start)s, %(end)s - 1, 600000::bigint) AS s (at)
CROSS JOIN LATERAL (SELECT at / 600000 AS k) n
JOIN (VALUES (0, 'running', NULL), (1, 'down', 'jam'), (2, 'running', NULL), (3, 'idle', NULL),
             (4, 'running', NULL), (5, 'setup', 'change of tools')) AS now (k, state, reason)
  ON now.k = n.k %% 6
JOIN (VALUES (1, 'running', NULL), (2, 'down', 'jam'), (3, 'running', NULL), (4, 'idle', NULL),
             (5, 'running', NULL), (0, 'setup', 'change of tools')) AS was (k, state, reason)
  ON was.k = n.k %% 6
WHERE m.id = ANY(%(ids)s)
"""


async def fill(url: str, *, end_ms: int, days: int) -> dict[str, int]:
    """Fill: the one machine for so many days, the others for their last month, less often.

    Returns:
        How many rows each relation has.
    """
    start_ms = end_ms - days * DAY_MS
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(_MACHINES, {"site": SITE, "zone": ZONE, "others": OTHERS})
        cursor = await connection.execute("SELECT id FROM machines ORDER BY path")
        one, *others = [row[0] for row in await cursor.fetchall()]
        months = {month_of(at) for at in range(start_ms, end_ms + DAY_MS, DAY_MS)}
        await HistoryPartitions().ensure(connection, months)
        for first_ms in range(start_ms, end_ms, 7 * DAY_MS):
            last_ms = min(first_ms + 7 * DAY_MS, end_ms)
            place = {"epoch": start_ms, "start": first_ms, "end": last_ms}
            groups = [([one], 10_000)]
            if first_ms >= end_ms - 30 * DAY_MS:
                groups.append((others, 60_000))
            for ids, step_ms in groups:
                await connection.execute(_READINGS, {**place, "ids": ids, "step": step_ms})
                for statement in (_PIECES, _STATES):
                    await connection.execute(statement, {**place, "ids": ids})
        await connection.execute("ANALYZE")
        counts = {}
        for relation in (b"samples", b"piece_slots", b"state_changes"):
            cursor = await connection.execute(b"SELECT count(*) FROM " + relation)
            row = await cursor.fetchone()
            counts[relation.decode()] = 0 if row is None else int(row[0])
        return counts


async def vacuum(url: str) -> None:
    """What autovacuum would have done by now."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")


async def sizes(url: str) -> dict[str, float]:
    """How large the relations are, with indexes, in MB."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT relkind = 'p' FROM pg_class WHERE oid = 'samples'::regclass"
        )
        plain = await cursor.fetchone() == (True,)
        found = {}
        names = (
            (*_RELATIONS, *(f"rolled_{view}" for view in _VIEWS)) if plain else _RELATIONS + _VIEWS
        )
        for name in names:
            if plain:
                query = (
                    "SELECT coalesce(sum(pg_total_relation_size(relid)),"
                    " pg_total_relation_size(%(name)s::regclass))"
                    " FROM pg_partition_tree(%(name)s::regclass)"
                )
            elif name in _RELATIONS:
                query = "SELECT hypertable_size(%(name)s::regclass)"
            else:
                query = (
                    "SELECT hypertable_size(format('%%I.%%I', materialization_hypertable_schema,"
                    " materialization_hypertable_name)::regclass)"
                    " FROM timescaledb_information.continuous_aggregates WHERE view_name = %(name)s"
                )
            cursor = await connection.execute(query.encode(), {"name": name})
            row = await cursor.fetchone()
            found[name.removeprefix("rolled_")] = round(float(row[0] if row else 0) / 1e6, 1)
        return found


async def compress(url: str) -> None:
    """Compress what the policies would compress by now."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT job_id FROM timescaledb_information.jobs"
            " WHERE proc_name = 'policy_compression' ORDER BY job_id"
        )
        for (job,) in await cursor.fetchall():
            await connection.execute("CALL run_job(%s)", (job,))

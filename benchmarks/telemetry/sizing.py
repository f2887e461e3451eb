"""What an installation needs: CPU by machines, rate and sites, and disk by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from benchmarks.telemetry.measure import Bench, Load, Step
from benchmarks.telemetry.stack import folder_bytes
from benchmarks.telemetry.systems import Choice, started

BASE: Final = Load(rate=1_000, array=1, seconds=12, machines=50, sites=1)
CASES: Final = (
    *(msgspec.structs.replace(BASE, rate=rate) for rate in (100, 300, 1_000, 3_000, 10_000)),
    *(msgspec.structs.replace(BASE, machines=machines) for machines in (5, 200, 1_000)),
    *(msgspec.structs.replace(BASE, sites=sites) for sites in (2, 5, 10)),
)
"""Everything varies from one base, one thing at a time."""

DAY_S: Final = 86_400


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A load and what it cost."""

    machines: int
    sites: int
    step: Step


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per sample, by what holds them.

    Attributes:
        compressed: of `samples` once its chunks are compressed (TimescaleDB only).
        gib_per_day_at_1000: in GiB a day at 1,000 samples/s, of each.
    """

    samples: int
    bytes_per_sample: dict[str, float]
    gib_per_day_at_1000: dict[str, float]


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the page on sizing."""

    system: str
    cases: list[Case]
    disk: Disk


def measure_sizing(name: str, choice: Choice, *, say: Callable[[str], None]) -> Sizing:
    """Measure all cases on one running system, then what its samples take on disk."""
    cases = []
    with started(name, choice) as system:
        bench = Bench(system, say=say)
        bench.warm_up(msgspec.structs.replace(BASE, seconds=3, rate=500))
        for load in CASES:
            # Machines that nobody has heard of are adopted first: that is paid once.
            bench.step(msgspec.structs.replace(load, seconds=3), probes=False)
            step = bench.step(load)
            say(
                f"    {load.machines:>5} machines, {load.sites:>2} sites,"
                f" {load.rate:>6,.0f}/s: {step.cores_busy:.2f} cores"
            )
            cases.append(Case(machines=load.machines, sites=load.sites, step=step))
        disk = disk_of(bench)
    return Sizing(system=name, cases=cases, disk=disk)


def disk_of(bench: Bench) -> Disk:
    """What the samples sent so far take on disk, in the database and in Kafka."""
    system, samples = bench.system, bench.sent_samples
    rows = system.database
    rows.execute("CHECKPOINT" if _may_checkpoint(rows) else "SELECT 1")
    sizes = {
        "samples": _size(rows, "samples"),
        "samples_indexes": _size(rows, "samples", indexes=True),
        "seen_ranges": _size(rows, "seen_ranges") + _size(rows, "seen_ranges", indexes=True),
    }
    if system.kafka_folder is not None:
        sizes["kafka_log"] = sum(
            folder_bytes(one) for one in system.kafka_folder.rglob("gemba.*") if one.is_dir()
        )
    # The embedded log, or the outbox on Kafka: as much as is not trimmed yet.
    sizes["log_records_now"] = _size(rows, "log_records")
    if _is_hypertable(rows):
        rows.execute(
            "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('samples') AS c"
        )
        sizes["samples_compressed"] = _size(rows, "samples") + _size(rows, "samples", indexes=True)
    per_sample = {name: round(size / samples, 2) for name, size in sizes.items()}
    return Disk(
        samples=samples,
        bytes_per_sample=per_sample,
        gib_per_day_at_1000={
            name: round(size * 1_000 * DAY_S / 2**30, 2) for name, size in per_sample.items()
        },
    )


def _is_hypertable(rows: psycopg.Connection[Any]) -> bool:
    return _one(rows, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") > 0


def _may_checkpoint(rows: psycopg.Connection[Any]) -> bool:
    return _one(rows, "SELECT pg_has_role(current_user, 'pg_checkpoint', 'member')::int") > 0


_HYPERTABLE: Final = """
    SELECT coalesce(CASE WHEN %(indexes)s THEN sum(index_bytes)
                         ELSE sum(total_bytes) - sum(index_bytes) END, 0)::bigint
    FROM hypertable_detailed_size('samples')
"""
_RELATION: Final = """
    SELECT coalesce(CASE WHEN %(indexes)s THEN sum(pg_indexes_size(relid))
                         ELSE sum(pg_table_size(relid)) END, 0)::bigint
    FROM pg_partition_tree(%(table)s::regclass)
"""


def _size(rows: psycopg.Connection[Any], table: str, *, indexes: bool = False) -> int:
    """Bytes of a table with all its parts: its rows, or its indexes."""
    is_hypertable = table == "samples" and _is_hypertable(rows)
    query: LiteralString = _HYPERTABLE if is_hypertable else _RELATION
    row = rows.execute(query, {"table": table, "indexes": indexes}).fetchone()
    size = int(row[0]) if row else 0
    if not is_hypertable and size == 0:  # a plain table has no partitions to list
        plain = rows.execute(
            "SELECT CASE WHEN %(indexes)s THEN pg_indexes_size(%(table)s::regclass)"
            " ELSE pg_table_size(%(table)s::regclass) END",
            {"table": table, "indexes": indexes},
        ).fetchone()
        size = int(plain[0]) if plain else 0
    return size


def _one(rows: psycopg.Connection[Any], query: LiteralString) -> int:
    row = rows.execute(query).fetchone()
    return int(row[0]) if row else 0

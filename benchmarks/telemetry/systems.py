"""The systems that are measured: each is started on servers of its own, asked, and ended."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, LiteralString, TypeAlias

import httpx
import msgspec
import psutil
import psycopg
from psycopg import sql
from redis import Redis

from benchmarks.telemetry import stack
from benchmarks.telemetry.probe import SITE
from launch import services
from launch.backends.running import running
from launch.backends.valkey import ValkeyServer
from launch.ports import free_port
from runtime import health
from runtime.mqtt_url import parse_mqtt_url
from runtime.secrets import installation_key
from runtime.tokens import issue_token
from store.migrate import migrate

Query: TypeAlias = LiteralString | sql.Composed

LINE: Final = "load"
CHECKOUT: Final = Path(__file__).resolve().parents[2]
TELEGRAF: Final = CHECKOUT / "build" / "telegraf" / "telegraf"
"""Where `make telegraf` builds the second peer."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a system holds of the load, counted row by row.

    Attributes:
        rows: all of them.
        distinct: how many different (machine, boot, seq) they are.
        seq_sum: the sum of the different ones' `seq`.
        further: what else the system says of it that must be 0 (refused, set aside, …).
    """

    rows: int
    distinct: int
    seq_sum: int
    further: dict[str, int] = {}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the systems are to be started."""

    folder: Path
    database_url: str
    boards: int
    sites: int
    workers: int
    telegraf: Path


@dataclass(kw_only=True)
class System:
    """A running system.

    Attributes:
        probe: the name of its query in `benchmarks.telemetry.probe`.
        mqtt_url: where machines publish.
        kafka_folder: where Kafka keeps its log, when it has one.
    """

    name: str
    probe: str
    mqtt_url: str
    database_url: str
    processes: stack.Processes
    count: Callable[[psycopg.Connection[Any]], int]
    """How many of the load's samples are stored."""
    exact: Callable[[psycopg.Connection[Any]], Stored]
    kafka_folder: Path | None = None
    database: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.database = psycopg.connect(self.database_url, autocommit=True)


@contextlib.contextmanager
def gemba(choice: Choice, *, embedded: bool) -> Iterator[System]:
    """The services of gemba as processes, with boards that watch."""
    processes = stack.Processes()
    data_dir = choice.folder / "var"
    data_dir.mkdir()
    with contextlib.ExitStack() as running_parts:
        enter = running_parts.enter_context
        stream_url = "embedded://" if embedded else enter(stack.kafka(choice.folder, processes))
        database_url = enter(stack.database(choice.folder, processes, choice.database_url))
        mosquitto = enter(stack.broker(choice.folder, processes))
        valkey = ValkeyServer(choice.folder)
        server = enter(running(valkey, choice.folder / "valkey.log"))
        processes.of["valkey"] = psutil.Process(server.pid)
        migrate(database_url)
        port = free_port()
        environment = {
            "GEMBA_DATA_DIR": str(data_dir),
            "GEMBA_DATABASE_URL": database_url,
            "GEMBA_REDIS_URL": valkey.url,
            "GEMBA_STREAM_URL": stream_url,
            "GEMBA_MQTT_URL": mosquitto.url,
            "GEMBA_HTTP_PORT": str(port),
        }
        wanted = list(services.expected_services(stream_url))
        wanted += ["streams"] * (choice.workers - 1)
        for number, service in enumerate(wanted):
            name = service if service not in processes.of else f"{service}-{number}"
            command = [sys.executable, "-m", "launch", "run", service]
            log = choice.folder / f"{name}.log"
            started = enter(stack.program(command, environment, log))
            processes.of[name] = psutil.Process(started.pid)
        _wait_serving(f"http://127.0.0.1:{port}", valkey.url, processes)
        if choice.boards:
            token = issue_token(installation_key(data_dir), role="admin", sites=(), days=1)
            command = [sys.executable, "-m", "benchmarks.telemetry.board"]
            command += [f"http://127.0.0.1:{port}", str(choice.boards)]
            command += [SITE, *(f"{SITE}-{number}" for number in range(1, choice.sites))]
            boards = enter(stack.program(command, {}, choice.folder / "boards.log"))
            stack.tell(boards.stdin, token)
        system = System(
            name="gemba-embedded" if embedded else "gemba",
            probe="gemba",
            mqtt_url=mosquitto.machine_url,
            database_url=database_url,
            processes=processes,
            count=_gemba_count,
            exact=_gemba_exact,
            kafka_folder=None if embedded else choice.folder / "kafka",
        )
        with system.database:
            yield system


def _wait_serving(url: str, redis_url: str, processes: stack.Processes) -> None:
    def serving() -> bool:
        processes.check()
        with contextlib.suppress(httpx.TransportError), Redis.from_url(redis_url) as redis:
            word = redis.get(health.KEY_PREFIX + "edge")
            if not isinstance(word, bytes):
                return False
            edge = msgspec.json.decode(word, type=health.Health)
            return httpx.get(f"{url}/healthz").is_success and edge.metrics.get("connected") == 1
        return False

    stack.wait_until(serving, "gemba serves")


_IS_LOAD: Final = sql.SQL("(SELECT id FROM machines WHERE path LIKE 'bench%/area/load/%')")


def _gemba_count(connection: psycopg.Connection[Any]) -> int:
    query = sql.SQL(
        "SELECT coalesce(sum(objects), 0)::bigint FROM machine_states WHERE machine_id IN {}"
    )
    return _one(connection, query.format(_IS_LOAD))


def _gemba_exact(connection: psycopg.Connection[Any]) -> Stored:
    query = sql.SQL("""
        SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(d), 0)::bigint,
               coalesce(sum(s), 0)::numeric
        FROM (SELECT count(*) AS n, count(DISTINCT seq) AS d, sum(DISTINCT seq) AS s
              FROM samples WHERE machine_id IN {} GROUP BY publisher_id) AS p
    """)
    rows, distinct, seq_sum = _row(connection, query.format(_IS_LOAD))
    query = sql.SQL("""
        SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint
        FROM seen_ranges r JOIN publishers p ON p.id = r.publisher_id WHERE p.machine_id IN {}
    """)
    further = {
        "seen_but_not_stored": _one(connection, query.format(_IS_LOAD)) - distinct,
        "dead_letters": _one(connection, "SELECT count(*) FROM dead_letters"),
        "refused": _one(connection, "SELECT coalesce(sum(refused), 0)::bigint FROM ingest_totals"),
    }
    return Stored(rows=rows, distinct=distinct, seq_sum=int(seq_sum), further=further)


@dataclass(frozen=True)
class _Peer:
    """Where a peer keeps its rows: table, whose rows are the load's, what tells them apart."""

    name: str
    table: str
    is_load: sql.SQL
    key: sql.SQL


_NAIVE: Final = _Peer(
    "naive",
    "naive_samples",
    sql.SQL("machine LIKE 'bench%/area/load/%'"),
    sql.SQL("machine, boot"),
)
_TELEGRAF: Final = _Peer(
    "telegraf", "readings", sql.SQL("line = 'load'"), sql.SQL("site, machine, boot")
)


@contextlib.contextmanager
def naive_chain(choice: Choice) -> Iterator[System]:
    """The naive chain; see `benchmarks.telemetry.naive`."""
    processes = stack.Processes()
    with (
        stack.kafka(choice.folder, processes) as stream_url,
        stack.database(choice.folder, processes, choice.database_url) as database_url,
        stack.broker(choice.folder, processes) as mosquitto,
    ):
        environment = {
            "NAIVE_STREAM_URL": stream_url,
            "NAIVE_DATABASE_URL": database_url,
            "NAIVE_MQTT_URL": mosquitto.url,
        }
        command = [sys.executable, "-m", "benchmarks.telemetry.naive"]
        with stack.program(command, environment, choice.folder / "naive.log") as process:
            processes.of["naive"] = psutil.Process(process.pid)
            system = _peer(_NAIVE, mosquitto.machine_url, database_url, processes)
            with system.database:
                yield system


@contextlib.contextmanager
def telegraf(choice: Choice) -> Iterator[System]:
    """Telegraf's `mqtt_consumer` → `postgresql`; see `benchmarks/telemetry/telegraf.conf`."""
    processes = stack.Processes()
    with (
        stack.database(choice.folder, processes, choice.database_url) as database_url,
        stack.broker(choice.folder, processes) as mosquitto,
    ):
        with psycopg.connect(database_url) as connection:
            connection.execute(_TELEGRAF_TABLE)
            connection.execute(_TELEGRAF_INDEX)
        address = parse_mqtt_url(mosquitto.url)
        environment = {
            "TELEGRAF_MQTT": f"tcp://{address.host}:{address.port}",
            "TELEGRAF_USER": address.username or "",
            "TELEGRAF_PASSWORD": address.password or "",
            "TELEGRAF_DATABASE": database_url,
        }
        configuration = Path(__file__).with_name("telegraf.conf")
        command = [str(choice.telegraf), "--config", str(configuration)]
        with stack.program(command, environment, choice.folder / "telegraf.log") as process:
            processes.of["telegraf"] = psutil.Process(process.pid)
            system = _peer(_TELEGRAF, mosquitto.machine_url, database_url, processes)
            with system.database:
                yield system


_TELEGRAF_TABLE: Final = """
CREATE TABLE readings (
    "time" timestamp, site text, line text, machine text, boot text, name text, unit text,
    seq double precision, value double precision
)
"""
_TELEGRAF_INDEX: Final = "CREATE INDEX readings_probes ON readings (\"time\") WHERE line = 'probe'"
"""For the probes' questions only; the load's rows do not enter it."""


def _peer(kind: _Peer, mqtt_url: str, database_url: str, processes: stack.Processes) -> System:
    names = {"table": sql.Identifier(kind.table), "is_load": kind.is_load, "key": kind.key}

    def count(connection: psycopg.Connection[Any]) -> int:
        query = sql.SQL("SELECT count(*) FROM {table} WHERE {is_load}").format(**names)
        return _one(connection, query)

    def exact(connection: psycopg.Connection[Any]) -> Stored:
        query = sql.SQL("""
            SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(d), 0)::bigint,
                   coalesce(sum(s), 0)::numeric
            FROM (SELECT count(*) AS n, count(DISTINCT seq::bigint) AS d,
                         sum(DISTINCT seq::bigint) AS s
                  FROM {table} WHERE {is_load} GROUP BY {key}) AS p
        """).format(**names)
        rows, distinct, seq_sum = _row(connection, query)
        return Stored(rows=rows, distinct=distinct, seq_sum=int(seq_sum))

    return System(
        name=kind.name,
        probe=kind.name,
        mqtt_url=mqtt_url,
        database_url=database_url,
        processes=processes,
        count=count,
        exact=exact,
    )


@contextlib.contextmanager
def started(name: str, choice: Choice) -> Iterator[System]:
    """The system of that name, running."""
    with SYSTEMS[name](choice) as system:
        yield system


SYSTEMS: Final[dict[str, Callable[[Choice], contextlib.AbstractContextManager[System]]]] = {
    "gemba": partial(gemba, embedded=False),
    "gemba-embedded": partial(gemba, embedded=True),
    "naive": naive_chain,
    "telegraf": telegraf,
}


def _row(connection: psycopg.Connection[Any], query: Query, *values: object) -> tuple[Any, ...]:
    row = connection.execute(query, values or None).fetchone()
    return tuple(row or ())


def _one(connection: psycopg.Connection[Any], query: Query, *values: object) -> int:
    return int(_row(connection, query, *values)[0])

"""Real servers for the tests, and the fixtures that give each test a clean piece of them.

What a machine lacks is skipped and said aloud; with GEMBA_TEST_FORBID_SKIP=1 (CI) it fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import kafka_server
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from kafka_server import KafkaCluster, kafka_cluster
from psycopg import sql
from redis import Redis

from launch.backends.mqtt import BrokerKind, MqttBroker, mosquitto_binary
from launch.backends.postgres import ROLE, PostgresServer
from launch.backends.running import RunningBroker, running
from launch.backends.valkey import ValkeyServer
from store.migrate import migrate

_FORBID_SKIP = "GEMBA_TEST_FORBID_SKIP"
_KAFKA = "GEMBA_TEST_KAFKA"
_TEMPLATE = "gemba_template"
TIMESCALE_URL = os.environ.get("GEMBA_TEST_TIMESCALE_URL", "")
_numbers = count(1)

# The same examples in every run, and none refused for the time it took on a busy machine.
settings.register_profile(
    "gemba", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gemba")


def _missing(marker: str) -> str | None:
    """What the machine lacks for tests with the marker; None when it has it."""
    present = {
        "mosquitto": mosquitto_binary() is not None,
        "redis_server": bool(shutil.which("redis-server") or shutil.which("valkey-server")),
        "chromium": bool(shutil.which("chromium") or shutil.which("chromium-browser")),
    }
    return None if present.get(marker, True) else f"{marker.replace('_', '-')} is not installed"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kafka") is not None:
        # Never in CI: what it lacks is said aloud there too, and never fails.
        lacking = kafka_server.missing()
        if os.environ.get(_KAFKA) != "1":
            pytest.skip(f"set {_KAFKA}=1 to test on a real Kafka (`make test-kafka`)")
        if lacking is not None:
            pytest.skip(lacking)
    for marker in ("mosquitto", "redis_server", "chromium"):
        if item.get_closest_marker(marker) is None:
            continue
        missing = _missing(marker)
        if missing is not None:
            if os.environ.get(_FORBID_SKIP) == "1":
                pytest.fail(f"{missing}, and {_FORBID_SKIP}=1 forbids skipping", pytrace=False)
            pytest.skip(missing)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    path = tmp_path / "var"
    path.mkdir()
    return path


# PostgreSQL -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A running PostgreSQL with a migrated template database."""
    folder = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(folder, durable=False, shared_buffers_mb=64)
    with running(server, folder / "postgres.log"):
        with psycopg.connect(server.superuser_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(_TEMPLATE), sql.Identifier(ROLE)
                )
            )
        migrate(_database(server.url, _TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def timescale_template() -> Iterator[str]:
    """A migrated database on GEMBA_TEST_TIMESCALE_URL to copy from: migrating takes seconds."""
    name = f"gemba_template_{os.getpid()}"
    with psycopg.connect(TIMESCALE_URL, autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                sql.Identifier(name)
            )
        )
        url = _database(TIMESCALE_URL, name)
        migrate(url)
        # TimescaleDB's own workers would keep it busy, and a busy one is not copied.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
        server.execute(
            sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name))
        )
        server.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )
        yield name
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database of the test's own, owned by the role in the URL.

    Where GEMBA_TEST_TIMESCALE_URL names a server with TimescaleDB, it is made there.
    """
    yield from _migrated_database(request)


@pytest.fixture(scope="module")
def module_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same for all tests of a module, which only read what its own fixture wrote."""
    yield from _migrated_database(request)


def _migrated_database(request: pytest.FixtureRequest) -> Iterator[str]:
    if TIMESCALE_URL:
        template = request.getfixturevalue("timescale_template")
        yield from _timescale_database(TIMESCALE_URL, template)
    else:
        server = request.getfixturevalue("postgres_server")
        yield from _fresh_database(server, template=_TEMPLATE)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of the test's own without any tables."""
    yield from _fresh_database(postgres_server, template="template0")


def _fresh_database(server: PostgresServer, *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(ROLE), sql.Identifier(template)
            )
        )
        yield _database(server.url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _timescale_database(server_url: str, template: str) -> Iterator[str]:
    name = f"gemba_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield _database(server_url, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


# Valkey -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A running Valkey or Redis."""
    folder = tmp_path_factory.mktemp("valkey")
    server = ValkeyServer(folder)
    with running(server, folder / "valkey.log"):
        yield server


@pytest.fixture
def redis_url(valkey_server: ValkeyServer) -> str:
    """The server's address; everything in it has been deleted."""
    with Redis.from_url(valkey_server.url) as redis:
        redis.flushall()
    return valkey_server.url


# Kafka ------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A running Kafka of one node, shared by the session; tests with it carry the mark `kafka`."""
    with kafka_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


# MQTT -------------------------------------------------------------------------------------------


@pytest.fixture(
    params=[
        pytest.param(BrokerKind.AMQTT, id="amqtt"),
        pytest.param(BrokerKind.MOSQUITTO, id="mosquitto", marks=pytest.mark.mosquitto),
    ]
)
def mqtt_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """A running broker without messages or sessions of others: once amqtt, once Mosquitto."""
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = MqttBroker(folder, kind=request.param)
    with running(broker, folder / "broker.log") as process:
        yield RunningBroker(
            url=broker.url, machine_url=broker.machine_url, kind=broker.kind, pid=process.pid
        )

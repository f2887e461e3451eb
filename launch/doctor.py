"""`gemba doctor`: looks at everything an installation needs, and says what to do where it lacks."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiomqtt
import msgspec
import psycopg
from redis.asyncio import Redis

from launch.backends import BackendError
from launch.backends.mqtt import BrokerKind, mosquitto_binary
from launch.backends.postgres import binaries
from launch.backends.valkey import valkey_binary
from launch.identity import IdentityError, backend_identity
from launch.installation import Addresses, InstallationError, is_running, read_installation
from launch.ports import is_free
from launch.reach import addresses_of
from launch.services import expected_services
from runtime.health import Health, HealthState, distinct, key_of, worst
from runtime.logging import without_credentials
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import connection_problem, parse_mqtt_url
from runtime.settings import Installation as Settings
from store import customer_role, report_views
from store.migrate import known_versions, schema_version

_OLDEST_PYTHON = (3, 11)
_OLDEST_POSTGRES = 150_000
_FREE_BYTES = 2 * 1024**3
_TIMEOUT_S = 5


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at."""

    name: str
    ok: bool
    detail: str
    advice: str | None = None
    """What to do, when it is not well."""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything. Starts nothing and changes nothing."""
    findings = [_python(), *_programs(settings), _data_dir(settings), _disk(settings)]
    running = is_running(settings.data_dir)
    findings.append(_http_port(settings, running=running))
    try:
        addresses = addresses_of(settings)
    except InstallationError as error:
        findings.append(
            Finding(name="installation", ok=False, detail="is not running", advice=str(error))
        )
        return findings
    checks: list[tuple[str, str, Callable[[Addresses], Awaitable[str]]]] = [
        ("database", "start it, or correct GEMBA_DATABASE_URL", _database),
        ("redis", "start it, or correct GEMBA_REDIS_URL", _redis),
        ("mqtt", "start it, or correct GEMBA_MQTT_URL", _mqtt),
    ]
    for name, advice, check in checks:
        findings.append(await _checked(name, advice, check, addresses))
    findings.extend(await _services(addresses, settings.data_dir))
    return findings


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        name="python",
        ok=sys.version_info >= _OLDEST_PYTHON,
        detail=f"{version} ({sys.executable})",
        advice="install Python 3.11 or newer, then `make clean setup`",
    )


def _programs(settings: Settings) -> Iterator[Finding]:
    """The programs of the embedded backends that the settings ask for."""
    if not settings.database_url.get_secret_value():
        try:
            folder = binaries()
            identity = backend_identity(settings.data_dir.resolve() / "postgres", folder)
        except (BackendError, IdentityError) as error:
            yield Finding(
                name="postgres programs", ok=False, detail="cannot be run", advice=str(error)
            )
        else:
            runs_as = "" if identity is None else f", as user {identity.name}"
            yield Finding(name="postgres programs", ok=True, detail=f"{folder}{runs_as}")
    if not settings.redis_url.get_secret_value():
        try:
            yield Finding(name="valkey program", ok=True, detail=str(valkey_binary()))
        except BackendError as error:
            yield Finding(name="valkey program", ok=False, detail="missing", advice=str(error))
    if not settings.mqtt_url.get_secret_value():
        found = None if settings.mqtt_broker == BrokerKind.AMQTT else mosquitto_binary()
        lacks = found is None and settings.mqtt_broker == BrokerKind.MOSQUITTO
        yield Finding(
            name="mqtt program",
            ok=not lacks,
            detail="mosquitto is missing" if lacks else str(found or "amqtt, in its own process"),
            advice="install mosquitto, or leave GEMBA_MQTT_BROKER empty",
        )


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    # The first folder above that exists decides whether the rest can be made.
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return Finding(
        name="data directory",
        ok=existing.is_dir() and os.access(existing, os.W_OK | os.X_OK),
        detail=str(folder),
        advice=f"make {existing} writable for this user, or set GEMBA_DATA_DIR",
    )


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding(
        name="disk space",
        ok=free >= _FREE_BYTES,
        detail=f"{free / 1024**3:.1f} GiB free",
        advice=f"make room: at least {_FREE_BYTES // 1024**3} GiB should be free",
    )


def _http_port(settings: Settings, *, running: bool) -> Finding:
    host, port = settings.http_host, settings.http_port
    if running:
        return Finding(name="http port", ok=True, detail="held by the running installation")
    return Finding(
        name="http port",
        ok=is_free(port, host),
        detail=f"{host}:{port}",
        advice=f"port {port} is taken: end the program that has it, or set GEMBA_HTTP_PORT",
    )


async def _checked(
    name: str, advice: str, check: Callable[[Addresses], Awaitable[str]], addresses: Addresses
) -> Finding:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            detail = await check(addresses)
    except _WrongError as error:
        return Finding(name=name, ok=False, detail=error.detail, advice=error.advice)
    except Exception as error:  # noqa: BLE001 - every failure is what is looked for
        text = without_credentials(str(error).strip()) or type(error).__name__
        return Finding(name=name, ok=False, detail=text, advice=advice)
    return Finding(name=name, ok=True, detail=detail)


class _WrongError(Exception):
    """It answers, but something about it is wrong."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice


async def _database(addresses: Addresses) -> str:
    async with await psycopg.AsyncConnection.connect(
        addresses.database_url, autocommit=True, connect_timeout=_TIMEOUT_S
    ) as connection:
        cursor = await connection.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), "
            "(SELECT extversion FROM pg_extension WHERE extname = 'timescaledb')"
        )
        row = await cursor.fetchone()
        number, version, timescale = row if row is not None else (0, "?", None)
        flavour = "plain" if timescale is None else f"TimescaleDB {timescale}"
        schema = await schema_version(connection)
        detail = f"PostgreSQL {version}, {flavour}, schema {schema or 'empty'}"
        newest = known_versions()[-1]
        problem = await customer_role.of_database(connection) if schema == newest else None
        unread = await report_views.problem_of(connection) if schema == newest else None
    if number < _OLDEST_POSTGRES:
        raise _WrongError(detail, "use PostgreSQL 15 or newer")
    if schema != newest:
        raise _WrongError(detail, f"this program has {newest}: run `gemba migrate`")
    if problem is not None:
        raise _WrongError(f"{detail}; {problem.problem}", problem.advice)
    # Nothing is wrong with that: only who wants to read by SQL has to do something.
    return detail if unread is None else f"{detail}; {unread}"


async def _redis(addresses: Addresses) -> str:
    async with Redis.from_url(addresses.redis_url, socket_timeout=_TIMEOUT_S) as redis:
        info = await redis.info("server")
    server = "Valkey" if "valkey_version" in info else "Redis"
    return f"{server} {info.get('valkey_version', info.get('redis_version', '?'))}"


async def _mqtt(addresses: Addresses) -> str:
    broker = parse_mqtt_url(addresses.mqtt_url)
    client = MqttClient(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=f"gemba-doctor-{os.getpid()}",
        protocol=aiomqtt.ProtocolVersion.V311,
        tls_context=broker.tls_context(),
        timeout=_TIMEOUT_S,
    )
    try:
        async with client:
            encrypted = ", encrypted" if broker.tls else ""
            return f"{broker.host}:{broker.port} lets us in{encrypted}"
    except aiomqtt.MqttError as error:
        problem = connection_problem(error)
        raise _WrongError(problem, "start it, or correct GEMBA_MQTT_URL") from error


async def _words(redis: Redis, name: str) -> list[Health]:
    """What the processes of a service say."""
    keys = [key_of(name), *[key async for key in redis.scan_iter(match=key_of(name, "*"))]]
    values = await redis.mget(keys)
    return distinct(msgspec.json.decode(value, type=Health) for value in values if value)


async def _services(addresses: Addresses, data_dir: Path) -> list[Finding]:
    """What the services say of themselves; where they write is in the advice."""
    names = expected_services(addresses.stream_url)
    try:
        async with Redis.from_url(addresses.redis_url, socket_timeout=_TIMEOUT_S) as redis:
            words = {name: await _words(redis, name) for name in names}
    except Exception:  # noqa: BLE001 - told by the line about Redis already
        return []
    expected = dict.fromkeys(names, True)
    try:
        read_installation(data_dir)
    except InstallationError:
        # Services of a distributed installation may run elsewhere, but all of them report.
        expected = dict.fromkeys(names, False)
    findings = []
    for name in names:
        where = f"see {data_dir / 'logs' / f'{name}.log'}" if expected[name] else "start it"
        if not words[name]:
            findings.append(Finding(name=name, ok=False, detail="says nothing", advice=where))
            continue
        health = worst(words[name])
        findings.append(
            Finding(
                name=name,
                ok=health.state is HealthState.OK,
                detail=health.state.value if health.reason is None else health.reason,
                advice=where,
            )
        )
    return findings

"""Which backends an installation starts itself, and the addresses that result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from launch.backends import Backend
from launch.backends.mqtt import BrokerKind, MqttBroker
from launch.backends.postgres import PostgresServer
from launch.backends.valkey import ValkeyServer
from launch.installation import Addresses
from runtime.settings import Installation as Settings


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The backends to start, in order, and where everything is."""

    backends: tuple[Backend, ...]
    addresses: Addresses


def choose_backends(settings: Settings, data_dir: Path, *, http_port: int) -> Choice:
    """An embedded backend for every URL that the settings leave empty.

    Raises:
        launch.backends.BackendError: a program is missing.
        launch.identity.IdentityError: we are root, and no other user can run them.
    """
    backends: list[Backend] = []
    database_url = settings.database_url.get_secret_value()
    if not database_url:
        postgres = PostgresServer(data_dir)
        backends.append(postgres)
        database_url = postgres.url
    redis_url = settings.redis_url.get_secret_value()
    if not redis_url:
        valkey = ValkeyServer(data_dir)
        backends.append(valkey)
        redis_url = valkey.url
    mqtt_url = machine_mqtt_url = settings.mqtt_url.get_secret_value()
    if not mqtt_url:
        kind = BrokerKind(settings.mqtt_broker) if settings.mqtt_broker else None
        broker = MqttBroker(data_dir, kind=kind)
        backends.append(broker)
        mqtt_url, machine_mqtt_url = broker.url, broker.machine_url
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    addresses = Addresses(
        database_url=database_url,
        stream_url=settings.stream_url,
        redis_url=redis_url,
        mqtt_url=mqtt_url,
        machine_mqtt_url=machine_mqtt_url,
        http_url=f"http://{host}:{http_port}",
    )
    return Choice(backends=tuple(backends), addresses=addresses)

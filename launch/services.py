"""The services as programs: `python -m launch run <service>` with the addresses in force."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from launch.cli_common import read_settings
from launch.installation import Addresses
from launch.programs import Program
from runtime.secret_files import SUFFIX
from store.log.kafka_address import is_kafka

SERVICES: Final = ("edge", "streams", "scheduler", "notify", "api")
"""What every installation runs, in the order of the way of a message."""
RELAY: Final = "relay"
"""What one on Kafka runs besides: the embedded log needs none."""
SIMULATOR: Final = "simulator"

_CHECKOUT = Path(__file__).resolve().parent.parent


def expected_services(stream_url: str) -> tuple[str, ...]:
    """The services that an installation on this stream runs."""
    return (*SERVICES, RELAY) if is_kafka(stream_url) else SERVICES


def service_program(
    name: str, *, data_dir: Path, addresses: Addresses, http_host: str, http_port: int
) -> Program:
    """A service's process. Addresses go by environment only: command lines are public."""
    ours = {
        "PYTHONUNBUFFERED": "1",
        "GEMBA_DATA_DIR": str(data_dir),
        "GEMBA_DATABASE_URL": addresses.database_url,
        "GEMBA_STREAM_URL": addresses.stream_url,
        "GEMBA_REDIS_URL": addresses.redis_url,
        "GEMBA_MQTT_URL": addresses.machine_mqtt_url if name == SIMULATOR else addresses.mqtt_url,
        "GEMBA_HTTP_HOST": http_host,
        "GEMBA_HTTP_PORT": str(http_port),
    }
    # What came from a file is handed on as it was read: given twice it would be refused.
    inherited = {
        key: value for key, value in os.environ.items() if key.removesuffix(SUFFIX) not in ours
    }
    environment = inherited | ours
    # Started from anywhere, the API finds the built pages of its checkout.
    environment.setdefault("GEMBA_UI_DIR", str(_CHECKOUT / "realtime_ui" / "dist"))
    return Program(
        name=name,
        argv=(sys.executable, "-m", "launch", "run", name),
        environment=environment,
        cwd=Path.cwd(),
        stop_signal=signal.SIGTERM,
    )


def run_service(name: str) -> None:
    """Become the service: blocks until it is told to end.

    Raises:
        ValueError: there is no such service.
    """
    if name not in (*SERVICES, RELAY, SIMULATOR):
        raise ValueError(f"unknown service {name!r}")
    # What a service writes (the gateway's outbox) is its own business.
    os.umask(0o077)
    settings_module = import_module("runtime.settings")
    kinds = {
        "edge": "EdgeSettings",
        "streams": "StreamsSettings",
        "scheduler": "SchedulerSettings",
        "notify": "NotifySettings",
        "api": "ApiSettings",
    }
    settings = read_settings(getattr(settings_module, kinds.get(name, "Installation")))
    import_module("runtime.logging").configure_logging(name, settings.log_level)
    package = "streams.relay" if name == RELAY else name
    import_module(f"{package}.service").run(settings)

"""The MQTT broker: Mosquitto where the machine has it, else amqtt in a process of its own.

Two users with generated passwords: `gateway` reads what machines say and publishes receipts,
`machine` publishes for every machine and reads the receipts. Devices that `gemba device` registered
in the broker's folder come on top. On SIGHUP the register is read again.
"""

from __future__ import annotations

import enum
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import aiomqtt
import msgspec

from launch import devices
from launch.backends import BackendError
from launch.devices import ACL, PASSWORDS, Role
from launch.identity import backend_identity, own
from launch.ports import LOOPBACK, PortBook
from launch.programs import Identity, Program, plain_environment
from runtime.mqtt_client import MqttClient
from runtime.secrets import create_once, replace_private, secrets_dir

GATEWAY = "gateway"
MACHINE = "machine"
MESSAGE_LIMIT_BYTES = 1024 * 1024
_QUEUE_LIMIT_BYTES = 512 * 1024 * 1024


class BrokerKind(enum.StrEnum):
    """Which broker serves."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


def mosquitto_binary() -> Path | None:
    """Mosquitto's program; Debian puts it where ordinary users' PATH does not lead."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("mosquitto", path=path)
    return None if found is None else Path(found)


class AmqttConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What the process of `launch.backends.amqtt_broker` is told, by a file."""

    port: int
    directory: str
    """Where the register of users is, see `launch.devices`."""
    message_limit_bytes: int


class MqttBroker:
    """One broker in `<data_dir>/mqtt`."""

    name = "mqtt"

    def __init__(self, data_dir: Path, *, kind: BrokerKind | None = None) -> None:
        self._folder = data_dir / "mqtt"
        mosquitto = mosquitto_binary()
        if kind is None:
            kind = BrokerKind.AMQTT if mosquitto is None else BrokerKind.MOSQUITTO
        if kind is BrokerKind.MOSQUITTO and mosquitto is None:
            raise BackendError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self.kind = kind
        self._mosquitto = mosquitto
        folder = secrets_dir(data_dir)
        self._passwords = {
            user: create_once(folder / f"mqtt-{user}") for user in (GATEWAY, MACHINE)
        }
        self._identity: Identity | None = None
        if kind is BrokerKind.MOSQUITTO and mosquitto is not None:
            self._identity = backend_identity(self._folder, mosquitto)
        self._port = PortBook(data_dir / "ports.json").port_of(self.name)

    @property
    def url(self) -> str:
        """Address for the gateway."""
        return self._url(GATEWAY)

    @property
    def machine_url(self) -> str:
        """Address for machines and simulators."""
        return self._url(MACHINE)

    def setup_program(self) -> Program | None:
        """Nothing to do before the first start."""
        return None

    def program(self) -> Program:
        """The broker, after writing its configuration and password file."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        own(self._folder, self._identity)
        devices.keep_own(
            self._folder,
            {
                GATEWAY: (Role.GATEWAY, self._passwords[GATEWAY]),
                MACHINE: (Role.SIMULATOR, self._passwords[MACHINE]),
            },
        )
        if self.kind is BrokerKind.MOSQUITTO and self._mosquitto is not None:
            configuration = self._write("mosquitto.conf", self._mosquitto_configuration())
            argv: tuple[str, ...] = (str(self._mosquitto), "-c", str(configuration))
        else:
            configuration = self._write("amqtt.json", self._amqtt_configuration())
            argv = (sys.executable, "-m", "launch.backends.amqtt_broker", str(configuration))
        return Program(
            name=self.name,
            argv=argv,
            environment=plain_environment(self._folder),
            cwd=Path("/"),
            identity=self._identity,
        )

    async def check(self) -> None:
        """Whether a client can sign in."""
        async with MqttClient(
            LOOPBACK,
            self._port,
            username=GATEWAY,
            password=self._passwords[GATEWAY],
            identifier=f"gemba-check-{os.getpid()}",
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=5,
        ):
            pass

    def _url(self, user: str) -> str:
        return f"mqtt://{user}:{quote(self._passwords[user], safe='')}@{LOOPBACK}:{self._port}"

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        replace_private(path, text)
        own(path, self._identity)
        return path

    def _mosquitto_configuration(self) -> str:
        # As root it would change to a user `mosquitto` that cannot read this folder: the ward has
        # made it unprivileged already. `log_type` leaves out a line per connection. Queues are
        # limited by bytes; `max_queued_messages 0` should say so, but with it Mosquitto ends a
        # connection after a publication that the ACL refused.
        return f"""listener {self._port} {LOOPBACK}
allow_anonymous false
password_file {self._folder / PASSWORDS}
acl_file {self._folder / ACL}
persistence true
persistence_location {self._folder}/
persistence_file mosquitto.db
autosave_interval 60
message_size_limit {MESSAGE_LIMIT_BYTES}
max_inflight_messages 1000
max_queued_messages 100000000
max_queued_bytes {_QUEUE_LIMIT_BYTES}
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
"""

    def _amqtt_configuration(self) -> str:
        return msgspec.json.encode(
            AmqttConfiguration(
                port=self._port,
                directory=str(self._folder),
                message_limit_bytes=MESSAGE_LIMIT_BYTES,
            )
        ).decode()

"""The register of those who may use the MQTT broker, and what Mosquitto reads of it.

In one directory: `devices.json` is the register, `passwords` and `acl` are written from it, in
Mosquitto's formats. There are hashes only; a password is shown once, when it is made.

A device is bound to its machines: it publishes their kinds of messages and reads their receipts,
nothing else. Users of other roles serve the installation.
"""

from __future__ import annotations

import base64
import enum
import fcntl
import hashlib
import hmac
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from contracts.ids import MachinePath
from contracts.topics import PREFIX, WAREHOUSE, Kind, TopicError, ack_topic, parse_topic
from runtime.secrets import generate_secret, replace_private

REGISTER: Final = "devices.json"
PASSWORDS: Final = "passwords"
ACL: Final = "acl"

EVERYTHING: Final = "gemba/v1/#"
RECEIPTS: Final = "gemba/v1/+/+/+/+/ack"
SIMULATOR: Final = "gemba/simulator/v1/#"
"""Where `simulator.breaking` tells simulated machines to break down; no gateway listens there."""

PBKDF2_ROUNDS: Final = 1_000
"""Passwords here are 256 random bits, which no number of rounds makes harder to guess; people
choose none. Mosquitto computes the hash on its only thread at every connection (0.6 ms at 1,000
rounds), so that more of them would only keep a plant's devices waiting after an outage."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SALT_BYTES: Final = 12
_MACHINE_LEVELS: Final = 4
_WAREHOUSE_LEVELS: Final = 3


class DeviceError(Exception):
    """The register cannot be changed so; the message says why and what would be right."""


class Role(enum.StrEnum):
    """What a user of the broker is."""

    DEVICE = "device"
    """Speaks for its machines, and reads their receipts."""
    GATEWAY = "gateway"
    """Reads what all machines say, and publishes receipts."""
    SIMULATOR = "simulator"
    """Speaks for every machine: for simulations and replays, not for a device in a plant."""


class Rights(msgspec.Struct, frozen=True):
    """Topic filters of a user."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One user of the broker.

    Attributes:
        name: the MQTT user.
        role: what it is.
        machines: paths of the machines (or warehouse devices) that it speaks for.
        password_hash: in Mosquitto's format `$7$rounds$salt$hash`.
        own: the installation's own, made by its supervisor: not to be changed by hand.
    """

    name: str
    role: Role
    machines: tuple[MachinePath, ...] = ()
    password_hash: str = msgspec.field(name="hash")
    own: bool = False

    def rights(self) -> Rights:
        """What it may publish and read."""
        if self.role is Role.GATEWAY:
            return Rights((RECEIPTS,), (EVERYTHING,))
        if self.role is Role.SIMULATOR:
            return Rights((EVERYTHING, SIMULATOR), (RECEIPTS, SIMULATOR))
        return Rights(
            tuple(f"{PREFIX}{path}/{kind}" for path in self.machines for kind in _kinds(path)),
            tuple(ack_topic(path) for path in self.machines),
        )


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """All users of a broker, by name."""

    devices: dict[str, Device] = {}

    def passwords(self) -> str:
        """Mosquitto's `password_file`."""
        return "".join(f"{one.name}:{one.password_hash}\n" for one in self._sorted())

    def acl(self) -> str:
        """Mosquitto's `acl_file`."""
        lines = ["# Written by `gemba device`: what is changed here by hand is lost."]
        for one in self._sorted():
            rights = one.rights()
            lines += ["", f"user {one.name}"]
            lines += [f"topic write {topic}" for topic in rights.publish]
            lines += [f"topic read {topic}" for topic in rights.subscribe]
        return "\n".join(lines) + "\n"

    def _sorted(self) -> list[Device]:
        return sorted(self.devices.values(), key=lambda one: one.name)


def machine_path(text: str) -> MachinePath:
    """The path of a machine, as `site/area/line/machine`.

    Raises:
        DeviceError: it is not one: a level is missing, or holds a wildcard or a space.
    """
    if text.count("/") != _MACHINE_LEVELS - 1:
        raise DeviceError(f"machine {text!r}: must be site/area/line/machine")
    return _checked(text, Kind.COUNT, f"machine {text!r}")


def warehouse_path(text: str) -> MachinePath:
    """The path of a warehouse device, given as `site/zone/device`.

    Raises:
        DeviceError: it is not one.
    """
    if text.count("/") != _WAREHOUSE_LEVELS - 1:
        raise DeviceError(f"warehouse device {text!r}: must be site/zone/device")
    site, rest = text.split("/", 1)
    return _checked(f"{site}/{WAREHOUSE}/{rest}", Kind.MOVE, f"warehouse device {text!r}")


def add(directory: Path, name: str, role: Role, machines: Sequence[MachinePath] = ()) -> str:
    """Register a user; its password, which is nowhere else.

    Raises:
        DeviceError: the name is none or taken, or a device has no machine.
    """
    _check_name(name)
    if (role is Role.DEVICE) != bool(machines):
        raise DeviceError(
            f"{name}: say for which machine it speaks (--machine or --warehouse)"
            if role is Role.DEVICE
            else f"{name}: a {role} is not bound to machines"
        )
    with _changing(directory) as devices:
        if name in devices:
            raise DeviceError(f"{name} is registered already; `gemba device rotate {name}`?")
        password = generate_secret()
        devices[name] = Device(
            name=name,
            role=role,
            machines=tuple(dict.fromkeys(machines)),
            password_hash=hash_password(password),
        )
    return password


def remove(directory: Path, name: str) -> None:
    """Let a user in no longer.

    Raises:
        DeviceError: there is none of the name, or it is the installation's own.
    """
    with _changing(directory) as devices:
        _changeable(devices, name)
        del devices[name]


def rotate(directory: Path, name: str) -> str:
    """A new password for a user; the old one opens nothing any more.

    Raises:
        DeviceError: there is none of the name, or it is the installation's own.
    """
    with _changing(directory) as devices:
        password = generate_secret()
        devices[name] = msgspec.structs.replace(
            _changeable(devices, name), password_hash=hash_password(password)
        )
    return password


def keep_own(directory: Path, users: dict[str, tuple[Role, str]]) -> None:
    """Bring the installation's own users, with role and password, into the register."""
    with _changing(directory) as devices:
        for name in [one.name for one in devices.values() if one.own]:
            del devices[name]
        for name, (role, password) in users.items():
            devices[name] = Device(
                name=name, role=role, password_hash=hash_password(password), own=True
            )


def read(directory: Path) -> Register:
    """The register in a directory; empty when there is none yet.

    Raises:
        DeviceError: the file cannot be read or is none of ours.
    """
    path = directory / REGISTER
    try:
        return msgspec.json.decode(path.read_bytes(), type=Register)
    except FileNotFoundError:
        return Register()
    except (OSError, msgspec.DecodeError) as error:
        raise DeviceError(f"{path} cannot be read: {error}") from error


def hash_password(password: str) -> str:
    """A password as Mosquitto keeps it: PBKDF2 with SHA-512, `$7$rounds$salt$hash`."""
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PBKDF2_ROUNDS)
    return f"$7${PBKDF2_ROUNDS}${_base64(salt)}${_base64(digest)}"


def is_password(password: str, password_hash: str) -> bool:
    """Whether a hash made by `hash_password` is that of the password."""
    _, kind, rounds, salt, digest = password_hash.split("$")
    if kind != "7":
        return False
    computed = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    return hmac.compare_digest(computed, base64.b64decode(digest))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _kinds(path: MachinePath) -> list[Kind]:
    if path.split("/")[1] == WAREHOUSE:
        return [Kind.MOVE]
    return [kind for kind in Kind if kind is not Kind.MOVE]


def _checked(path: str, kind: Kind, what: str) -> MachinePath:
    try:
        return parse_topic(f"{PREFIX}{path}/{kind}").path
    except TopicError as error:
        raise DeviceError(f"{what}: {error.problem}") from None


def _check_name(name: str) -> None:
    # No wildcard, no `:` and no space can stand in it: it goes into the broker's files as it is.
    if _NAME.fullmatch(name) is None:
        raise DeviceError(
            f"name {name!r}: must be letters, digits, '.', '_' and '-' (1 to 64 of them), "
            "beginning with a letter or digit"
        )


def _changeable(devices: dict[str, Device], name: str) -> Device:
    device = devices.get(name)
    if device is None:
        known = ", ".join(sorted(devices)) or "none"
        raise DeviceError(f"there is no device {name!r}; registered: {known}")
    if device.own:
        raise DeviceError(f"{name} is the installation's own user and is not changed by hand")
    return device


@contextmanager
def _changing(directory: Path) -> Iterator[dict[str, Device]]:
    """The users, to be changed; on leaving without an error all three files are written.

    Raises:
        DeviceError: the directory cannot be used.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (directory / ".devices.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            devices = dict(read(directory).devices)
            yield devices
            register = Register(devices=devices)
            text = msgspec.json.format(msgspec.json.encode(register), indent=2).decode()
            # The register last: interrupted, the same command can be given again.
            for name, content in (
                (PASSWORDS, register.passwords()),
                (ACL, register.acl()),
                (REGISTER, text + "\n"),
            ):
                _write(directory / name, content)
    except OSError as error:
        raise DeviceError(f"{directory} cannot be used: {error.strerror or error}") from error


def _write(path: Path, text: str) -> None:
    """Write a file for its owner alone, who is the directory's: the broker's user."""
    replace_private(path, text)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

"""Who may use the embedded broker amqtt, and which topics: the same register as Mosquitto's.

amqtt makes its plugins by their names, so the register that both of them ask is a value of this
module, loaded by `launch.backends.amqtt_broker` and again on SIGHUP.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from launch import devices
from launch.devices import DeviceError, Register, Rights

_log = logging.getLogger("gemba.amqtt")


class Users:
    """The register in force."""

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._register = Register()
        self._rights: dict[str, Rights] = {}

    def load(self, directory: Path) -> None:
        """Read the register.

        Raises:
            DeviceError: it cannot be read.
        """
        register = devices.read(directory)
        self._directory = directory
        self._rights = {name: one.rights() for name, one in register.devices.items()}
        self._register = register

    def load_again(self) -> None:
        """Read it again; when that fails, what was in force stays so."""
        if self._directory is None:
            return
        try:
            self.load(self._directory)
        except DeviceError as error:
            _log.error("the register of users stays as it was: %s", error)

    async def let_in(self, name: str | None, password: str | None) -> bool:
        """Whether somebody may connect. The hash is computed beside the event loop."""
        device = self._register.devices.get(name or "")
        if device is None or not password:
            return False
        return await asyncio.to_thread(devices.is_password, password, device.password_hash)

    def may(self, name: str | None, topic: str, action: Action) -> bool:
        """Whether a user may publish on a topic, subscribe to a filter, or receive a topic."""
        rights = self._rights.get(name or "")
        if rights is None:
            return False
        filters = rights.publish if action is Action.PUBLISH else rights.subscribe
        return any(covers(one, topic) for one in filters)


USERS = Users()


def covers(allowed: str, topic: str) -> bool:
    """Whether a filter covers a topic, or all that another filter covers. Pure.

    >>> covers("gemba/v1/+/ack", "gemba/v1/m1/ack"), covers("gemba/v1/m1/ack", "gemba/v1/+/ack")
    (True, False)
    >>> covers("gemba/v1/#", "gemba/v1/+/ack"), covers("gemba/v1/+", "gemba/v1/#")
    (True, False)
    """
    if allowed == topic:
        return True
    wanted, levels = topic.split("/"), allowed.split("/")
    for index, level in enumerate(levels):
        if level == "#":
            return True
        if index >= len(wanted) or wanted[index] == "#" or level not in ("+", wanted[index]):
            return False
    return len(wanted) == len(levels)


class Passwords(BaseAuthPlugin):  # type: ignore[misc]  # amqtt's types are not read
    """Lets in who is in the register and knows the password."""

    async def authenticate(self, *, session: Any) -> bool:
        """Whether the session's user may connect."""
        return await USERS.let_in(session.username, session.password)


class Topics(BaseTopicPlugin):  # type: ignore[misc]  # amqtt's types are not read
    """Lets each user publish and read what the register says."""

    async def topic_filtering(
        self, *, session: Any = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether the session's user may do this with the topic."""
        if session is None or topic is None or action is None:
            return False
        return USERS.may(session.username, topic, action)

"""Breaking a simulated machine by hand, and mending it: both ends of the message.

The topics lie beside those of machines, where no gateway listens: a real machine cannot be broken
by a message.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Final, NamedTuple, TypeAlias

import aiomqtt
import msgspec
from msgspec import Meta

from contracts.ids import MachinePath
from runtime.mqtt_url import parse_mqtt_url
from simulator.connection import connected

PREFIX: Final = "gemba/simulator/v1/"
SUBSCRIPTIONS: Final = (f"{PREFIX}+/+/+/+/break", f"{PREFIX}+/+/+/+/repair")

_LEVELS: Final = 4
_TIMEOUT_S: Final = 10.0
_REASON: Final = "broken by hand"


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `…/break`. Minutes are the clock's, whatever the factory's speed."""

    minutes: Annotated[float, Meta(gt=0, le=60 * 24 * 7)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)] = _REASON


class Break(NamedTuple):
    """A machine is to break down."""

    machine: MachinePath
    minutes: float
    reason: str


class Repair(NamedTuple):
    """A machine is to be mended."""

    machine: MachinePath


Command: TypeAlias = Break | Repair


class CommandError(ValueError):
    """A message that is no command; says why."""


def command_of(topic: str, payload: bytes) -> Command:
    """What a message asks for.

    Raises:
        CommandError: nothing that is understood.
    """
    machine, _, verb = topic.removeprefix(PREFIX).rpartition("/")
    levels = machine.split("/")
    if not topic.startswith(PREFIX) or len(levels) != _LEVELS or not all(levels):
        raise CommandError(f"topic {topic!r} names no machine")
    if verb == "repair":
        return Repair(MachinePath(machine))
    if verb != "break":
        raise CommandError(f"topic {topic!r}: must end in break or repair")
    try:
        breaking = msgspec.json.decode(payload, type=Breaking)
    except msgspec.DecodeError as error:
        raise CommandError(f"{topic}: {error}") from error
    return Break(MachinePath(machine), breaking.minutes, breaking.reason)


async def break_machine(mqtt_url: str, path: str, *, minutes: float, reason: str = _REASON) -> None:
    """Tell the simulator that a machine breaks down for so many minutes of the clock.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached.
        ValueError: minutes or reason are out of bounds, or the path is none.
    """
    payload = msgspec.json.encode(Breaking(minutes=minutes, reason=reason))
    await _tell(mqtt_url, f"{PREFIX}{path}/break", payload)


async def repair_machine(mqtt_url: str, path: str) -> None:
    """Tell the simulator that a machine is mended.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached.
        ValueError: the path is none.
    """
    await _tell(mqtt_url, f"{PREFIX}{path}/repair", b"{}")


async def _tell(mqtt_url: str, topic: str, payload: bytes) -> None:
    command_of(topic, payload)
    async with connected(
        parse_mqtt_url(mqtt_url),
        client_id=f"break-{uuid.uuid4().hex[:12]}",
        window_messages=1,
        timeout_s=_TIMEOUT_S,
    ) as client:
        await client.publish(topic, payload, qos=1)


async def listen(client: aiomqtt.Client) -> None:
    """Subscribe to all machines' commands."""
    for subscription in SUBSCRIPTIONS:
        await client.subscribe(subscription, qos=1)

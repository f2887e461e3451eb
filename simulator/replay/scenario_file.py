"""Scenario files: messages in order of arrival, and what must come of them. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from contracts.ids import MachinePath
from contracts.telemetry import Identity
from contracts.topics import PREFIX, site_of

_WILDCARDS: Final = frozenset("+#\x00")
_MAX_TOPIC_BYTES: Final = 65_535


class ScenarioError(Exception):
    """A file that is no scenario; says where and why."""


class ScenarioMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One MQTT message: JSON as it stands in the file, or text as it is."""

    topic: str
    payload: msgspec.Raw | UnsetType = UNSET
    raw: str | UnsetType = UNSET

    @property
    def content(self) -> bytes:
        """The bytes to publish: the text, or the JSON without the indentation of the file."""
        if isinstance(self.raw, str):
            return self.raw.encode()
        if isinstance(self.payload, msgspec.Raw):
            return msgspec.json.format(bytes(self.payload), indent=-1)
        return b""


class ExpectedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation in the end."""

    work_order: str
    operation: int
    good: int
    scrap: int
    runs: int
    state: str


class ExpectedUnassigned(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of a machine that belong to no operation."""

    machine: str
    good: int
    scrap: int


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a scenario on a site without other data."""

    operations: list[ExpectedOperation]
    unassigned: list[ExpectedUnassigned]
    dead_letters: int


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario file's content."""

    name: str
    site: str
    messages: list[ScenarioMessage]
    expect: Expectation
    features: list[str] = []


_decoder = msgspec.json.Decoder(Scenario)
_one = msgspec.json.Decoder(Identity)
_each = msgspec.json.Decoder(list[msgspec.Raw])


def load(file: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: the file cannot be read or is no scenario.
    """
    try:
        scenario = _decoder.decode(file.read_bytes())
    except OSError as error:
        raise ScenarioError(f"{file}: {error.strerror or error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScenarioError(f"{file}: {error}") from error
    for index, message in enumerate(scenario.messages):
        problem = _problem(message)
        if problem is not None:
            raise ScenarioError(f"{file}: messages[{index}]: {problem}")
    return scenario


def _problem(message: ScenarioMessage) -> str | None:
    if (message.payload is UNSET) == (message.raw is UNSET):
        return "must have either `payload` or `raw`"
    if not message.topic or not _WILDCARDS.isdisjoint(message.topic):
        return f"nobody can publish on the topic {message.topic!r}"
    if len(message.topic.encode()) > _MAX_TOPIC_BYTES:
        return "the topic is too long"
    if not site_of(message.topic):
        return f"topic {message.topic!r} names no site, so nobody could tell when it is stored"
    return None


Named: TypeAlias = tuple[MachinePath, str, str, int]
"""An object's machine, source, boot and seq."""


def objects_of(message: ScenarioMessage) -> dict[Named, bytes]:
    """The objects of a message whose identity can be read, each with its topic and its JSON."""
    levels = message.topic.removeprefix(PREFIX).split("/")
    machine = MachinePath("/".join(levels[:4]))
    content = message.content
    try:
        objects = _each.decode(content) if content.lstrip()[:1] == b"[" else [msgspec.Raw(content)]
    except (msgspec.DecodeError, RecursionError):
        return {}
    found = {}
    for each in objects:
        try:
            one = _one.decode(each)
        except (msgspec.DecodeError, RecursionError):
            continue
        whole = message.topic.encode() + b" " + bytes(each)
        found[machine, one.source, one.boot, one.seq] = whole
    return found

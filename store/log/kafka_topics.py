"""Making Kafka's topics, with the settings that `contracts.streams` gives them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from contracts.streams import TOPIC_SETTINGS, TopicSettings
from store.log import LogAwayError, LogError
from store.log.kafka_address import KafkaAddress

logger = logging.getLogger(__name__)

REPLICAS: Final = 3
"""Of a new topic, where there are as many brokers."""
_ANSWER_MS: Final = 20_000
_APPEAR_S: Final = 20.0
_PAUSE_S: Final = 0.1
_NO_ERROR: Final = 0
_TOPIC_ALREADY_EXISTS: Final = 36
_UNKNOWN_TOPIC: Final = 3
_OTHER: Final = TopicSettings(retention_days=7)
"""A topic that is none of ours."""
_SET: Final = 0


@asynccontextmanager
async def administration(address: KafkaAddress) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for topics and groups.

    Raises:
        LogAwayError: no broker answers, here or in what is done with it.
    """
    admin = AIOKafkaAdminClient(request_timeout_ms=_ANSWER_MS, **address.client_options())
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        what = str(error) or type(error).__name__
        raise LogAwayError(f"{address} does not answer: {what}") from error
    finally:
        await admin.close()


async def cluster_id(address: KafkaAddress) -> str:
    """The name that Kafka has for the cluster.

    Raises:
        LogAwayError: no broker answers.
    """
    async with administration(address) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def prepare_topics(address: KafkaAddress, names: Sequence[str], partitions: int) -> str:
    """Make the topics that do not exist, and bring those that do to our settings.

    Settings that are not among ours stay as they are; with `topic_settings=theirs` all do.

    Returns:
        The cluster's id.

    Raises:
        LogError: a topic exists with another number of partitions, or Kafka refuses.
        LogAwayError: no broker answers.
    """
    async with administration(address) as admin:
        cluster = await admin.describe_cluster()
        found = await _described(admin, names)
        missing = [name for name in names if name not in found]
        if missing:
            replicas = address.replicas or min(REPLICAS, len(cluster["brokers"]))
            await _create(admin, missing, partitions, replicas)
            found = await _appeared(admin, names)
        for name in names:
            if len(found[name]) != partitions:
                raise LogError(f"topic {name} has {len(found[name])} partitions, not {partitions}")
        if not address.keep_settings:
            await _set_right(
                admin, [one for one in names if one in TOPIC_SETTINGS and one not in missing]
            )
        return str(cluster["cluster_id"])


async def used_topics(address: KafkaAddress, names: Sequence[str], partitions: int) -> list[str]:
    """Which of the topics have ever had a record.

    Raises:
        LogAwayError: no broker answers.
    """
    consumer = AIOKafkaConsumer(**address.client_options())
    try:
        await consumer.start()
        ends = await consumer.end_offsets(
            [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        )
    except (KafkaError, OSError) as error:
        raise LogAwayError(f"{address} does not answer: {error}") from error
    finally:
        await consumer.stop()
    return sorted({at.topic for at, offset in ends.items() if offset > 0})


async def _create(
    admin: AIOKafkaAdminClient, names: Sequence[str], partitions: int, replicas: int
) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(
                name,
                partitions,
                replicas,
                topic_configs={
                    **TOPIC_SETTINGS.get(name, _OTHER).of_kafka(),
                    # With three replicas one may be away, and nothing is only on one disk.
                    "min.insync.replicas": "2" if replicas >= REPLICAS else "1",
                },
            )
            for name in names
        ],
        timeout_ms=_ANSWER_MS,
    )
    for name, code, *message in answer.topic_errors:
        if code not in {_NO_ERROR, _TOPIC_ALREADY_EXISTS}:
            why = " ".join(str(part) for part in message if part) or for_code(code).__name__
            raise LogError(f"topic {name} could not be created: {why}")
    logger.info("created topics %s, each with %d replicas", ", ".join(names), replicas)


async def _described(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The partitions of the topics that exist."""
    topics = await admin.describe_topics(list(names))
    found = {}
    for topic in topics:
        if topic["error_code"] == _NO_ERROR:
            found[topic["topic"]] = topic["partitions"]
        elif topic["error_code"] != _UNKNOWN_TOPIC:
            error = for_code(topic["error_code"])
            if not error.retriable:
                raise LogError(f"topic {topic['topic']}: {error.__name__}")
    return found


async def _appeared(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Wait until each topic is known, and each partition has a leader."""
    deadline_s = time.monotonic() + _APPEAR_S
    while True:
        found = await _described(admin, names)
        led = all(part["leader"] >= 0 for parts in found.values() for part in parts)
        if led and len(found) == len(names):
            return found
        if time.monotonic() > deadline_s:
            raise LogAwayError(f"topics were created, but have no leader: {', '.join(names)}")
        await asyncio.sleep(_PAUSE_S)


# Settings ----------------------------------------------------------------------------------------


async def settings_of(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """All settings that are in force for topics."""
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, message, _kind, name, entries in answer.resources:
            if code != _NO_ERROR:
                error = for_code(code)
                # A broker that has not heard of a topic yet is one to be asked again.
                kind = LogAwayError if error.retriable else LogError
                raise kind(f"topic {name}: its settings: {message or error.__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _set_right(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    if not names:
        return
    found = await settings_of(admin, names)
    changes: dict[str, dict[str, str]] = {}
    for name in names:
        wanted = TOPIC_SETTINGS[name].of_kafka()
        wrong = {key: value for key, value in wanted.items() if found[name].get(key) != value}
        if wrong:
            changes[name] = wrong
    if not changes:
        return
    answer = await admin._send_to_controller(IncrementalAlterConfigsRequest(changes))  # noqa: SLF001 - aiokafka has no such call
    for code, message, _kind, name in answer.resources:
        if code != _NO_ERROR:
            raise LogError(f"topic {name}: {message or for_code(code).__name__}")
    for name, wrong in changes.items():
        logger.info("topic %s: set %s", name, ", ".join(f"{k}={v}" for k, v in wrong.items()))


class IncrementalAlterConfigsResponse_v0(Response):  # type: ignore[misc]  # noqa: N801 - aiokafka is untyped, and names them so
    """Kafka protocol, API key 44."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class IncrementalAlterConfigsRequest_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as above
    """Kafka protocol, API key 44."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = IncrementalAlterConfigsResponse_v0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "config_entries",
                    Array(
                        ("config_name", String("utf-8")),
                        ("operation", Int8),
                        ("config_value", String("utf-8")),
                    ),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class IncrementalAlterConfigsRequest(Request[IncrementalAlterConfigsRequest_v0]):  # type: ignore[misc] # aiokafka is untyped here
    """Sets some settings of topics and leaves the others (the older AlterConfigs resets them)."""

    API_KEY = 44

    def __init__(self, changes: dict[str, dict[str, str]]) -> None:
        self._changes = changes

    def build(
        self, request_struct_class: type[IncrementalAlterConfigsRequest_v0]
    ) -> IncrementalAlterConfigsRequest_v0:
        """The request as it is sent."""
        resources = [
            (
                ConfigResourceType.TOPIC.value,
                name,
                [(key, _SET, value) for key, value in settings.items()],
            )
            for name, settings in self._changes.items()
        ]
        return request_struct_class(resources=resources, validate_only=False)

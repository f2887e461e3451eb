"""Appending to a real Kafka: order, settings, failures, and whose log it is."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from kafka_server import KafkaCluster, kafka_cluster

from contracts.streams import DISRUPTIONS, PARTITIONS, PROGRESS, TELEMETRY, TOPIC_SETTINGS, TOPICS
from store.database import Pool, build_pool
from store.log import (
    MAX_VALUE_BYTES,
    LogAwayError,
    LogError,
    NewRecord,
    RecordTooLargeError,
    UnknownTopicError,
    build_log,
)
from store.log import identity as stream_identity
from store.log.embedded import EmbeddedLog
from store.log.embedded import TopicPartition as Partition
from store.log.identity import StreamIdentityError
from store.log.kafka import KafkaLog
from store.log.kafka_address import KafkaAddress, parse
from store.log.kafka_topics import (
    IncrementalAlterConfigsRequest,
    administration,
    cluster_id,
    settings_of,
)


def record(partition: int, value: bytes, topic: str = TELEMETRY) -> NewRecord:
    return NewRecord(topic, partition, b"key", value, (("h", b"x"),))


async def values(address: KafkaAddress, partition: int, count: int) -> list[bytes]:
    """The first records of a partition of TELEMETRY."""
    consumer = AIOKafkaConsumer(group_id=None, **address.client_options())
    await consumer.start()
    try:
        at = TopicPartition(TELEMETRY, partition)
        consumer.assign([at])
        await consumer.seek_to_beginning(at)
        found: list[bytes] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                batch = await consumer.getmany(at, timeout_ms=200)
                found += [one.value for one in batch.get(at, [])]
        return found
    finally:
        await consumer.stop()


async def _retention_is(admin: AIOKafkaAdminClient, wanted: str) -> dict[str, str]:
    """Wait until the broker has heard of it; answers all of the topic's settings."""
    async with asyncio.timeout(60):
        while True:
            found = (await settings_of(admin, [TELEMETRY]))[TELEMETRY]
            if found["retention.ms"] == wanted:
                return found
            await asyncio.sleep(0.05)


class TestAddress:
    def test_servers_in_clear(self) -> None:
        assert parse("kafka://a:1;b;[::1]:3;[::2]").servers == (
            "a:1",
            "b:9092",
            "[::1]:3",
            "[::2]:9092",
        )
        assert parse("kafka://a:1;kafka://b:2,c:3/").servers == ("a:1", "b:2", "c:3")
        assert parse("kafka://a").client_options() == {
            "bootstrap_servers": ["a:9092"],
            "security_protocol": "PLAINTEXT",
        }

    def test_who_we_are_and_nobody_else_sees_it(self) -> None:
        address = parse("kafka://me%40plant:p%3Aw@a:1;b:2?mechanism=SCRAM-SHA-512&replicas=2")
        assert address.client_options() == {
            "bootstrap_servers": ["a:1", "b:2"],
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "me@plant",
            "sasl_plain_password": "p:w",
        }
        assert address.replicas == 2
        assert "p:w" not in f"{address} {address!r}"

    def test_tls(self) -> None:
        options = parse("kafka+ssl://u:p@a:1?topic_settings=theirs").client_options()
        assert options["security_protocol"] == "SASL_SSL"
        assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
        assert parse("kafka+ssl://a").protocol == "SSL"
        with pytest.raises(LogError, match="certificates cannot be read"):
            parse("kafka+ssl://a?ca=/no/such.pem").client_options()

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("kafka://", "no server"),
            ("redis://a", "scheme must be one of"),
            ("kafka://u:secret@a?x=1", "unknown options x"),
            ("kafka://u:secret@a?mechanism=GSSAPI", "mechanism must be"),
            ("kafka://secret@a", "a user and a password"),
            ("kafka://u:secret@a?replicas=none", "replicas must be"),
            ("kafka://u:secret@a?topic_settings=mine", "topic_settings must be"),
            ("kafka://u:secret@a?ca=x", "certificates are for kafka"),
            ("kafka+ssl://u:secret@a?key=x", "a key without its certificate"),
        ],
    )
    def test_what_makes_no_sense_is_told_without_the_password(self, url: str, problem: str) -> None:
        with pytest.raises(LogError, match=problem) as raised:
            parse(url)
        assert "secret" not in str(raised.value)
        with pytest.raises(LogError) as raised:
            build_log(url.replace("kafka", "nothing"), None)
        assert "secret" not in str(raised.value)


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A Kafka that the tests of this module may kill; its topics are theirs."""
    with kafka_cluster(tmp_path_factory.mktemp("own-kafka")) as cluster:
        yield cluster


@pytest.fixture
def address(own_cluster: KafkaCluster) -> KafkaAddress:
    return parse(own_cluster.url)


@pytest.fixture
async def log(address: KafkaAddress) -> AsyncIterator[KafkaLog]:
    async with KafkaLog(address, None) as log:
        await log.create_topics(TOPICS, PARTITIONS)
        yield log


@pytest.mark.kafka
class TestTopics:
    async def test_the_broker_has_them_as_designed(
        self, log: KafkaLog, address: KafkaAddress
    ) -> None:
        async with administration(address) as admin:
            settings = await settings_of(admin, TOPICS)
            described = await admin.describe_topics(list(TOPICS))
        assert log is not None
        assert {one["topic"]: len(one["partitions"]) for one in described} == dict.fromkeys(
            TOPICS, PARTITIONS
        )
        for topic in TOPICS:
            wanted = TOPIC_SETTINGS[topic].of_kafka()
            assert {name: settings[topic][name] for name in wanted} == wanted
        day_ms = 24 * 60 * 60 * 1_000
        assert settings[TELEMETRY]["retention.ms"] == str(7 * day_ms)
        assert settings[DISRUPTIONS]["cleanup.policy"] == "compact,delete"
        assert settings[PROGRESS]["cleanup.policy"] == "delete"

    async def test_other_settings_are_set_right_unless_they_are_somebodys(
        self, log: KafkaLog, address: KafkaAddress
    ) -> None:
        theirs = {"retention.ms": "1000000", "segment.ms": "7200000"}
        async with administration(address) as admin:
            await admin._send_to_controller(IncrementalAlterConfigsRequest({TELEMETRY: theirs}))
            await _retention_is(admin, "1000000")
        keeping = dataclasses.replace(address, keep_settings=True)
        for target, retention in ((keeping, "1000000"), (address, "604800000")):
            await KafkaLog(target, None).create_topics(TOPICS, PARTITIONS)
            async with administration(address) as admin:
                found = await _retention_is(admin, retention)
            assert found["segment.ms"] == "7200000"  # none of ours
        assert log is not None

    async def test_a_wrong_number_of_partitions_is_refused(self, log: KafkaLog) -> None:
        with pytest.raises(LogError, match=rf"{TELEMETRY} has 4 partitions, not 5"):
            await log.create_topics([TELEMETRY], PARTITIONS + 1)

    async def test_many_may_make_them_at_once(self, address: KafkaAddress) -> None:
        logs = [KafkaLog(address, None) for _ in range(4)]
        await asyncio.gather(*(log.create_topics(["raced-1", "raced-2"], 2) for log in logs))
        async with KafkaLog(address, None) as log:
            assert await log.append([record(1, b"x", "raced-2")]) == [0]


@pytest.mark.kafka
class TestAppend:
    async def test_order_and_offsets_per_partition(
        self, log: KafkaLog, address: KafkaAddress
    ) -> None:
        many = [record(n % PARTITIONS, b"%d" % n) for n in range(2_000)]
        offsets = await log.append(many)
        first = {p: offsets[p] for p in range(PARTITIONS)}
        assert [offset - first[n % PARTITIONS] for n, offset in enumerate(offsets)] == [
            n // PARTITIONS for n in range(2_000)
        ]
        told = await values(address, 1, first[1] + 500)
        assert told[first[1] :] == [b"%d" % n for n in range(1, 2_000, PARTITIONS)]
        assert await log.append([]) == []

    async def test_large_records_and_too_large_ones(self, log: KafkaLog) -> None:
        large = bytes(MAX_VALUE_BYTES - 4 - 3)
        first, second = await log.append([record(2, large[:-1]), record(2, large[:-1])])
        assert second == first + 1
        with pytest.raises(RecordTooLargeError):
            await log.append([record(2, bytes(MAX_VALUE_BYTES))])

    async def test_what_does_not_exist_is_named(self, log: KafkaLog) -> None:
        with pytest.raises(UnknownTopicError, match="no-such-topic/0"):
            await log.append([record(0, b"x", "no-such-topic"), record(0, b"x")])
        with pytest.raises(UnknownTopicError, match=f"{TELEMETRY}/9"):
            await log.append([record(9, b"x")])
        assert len(await log.append([record(0, b"x")])) == 1

    async def test_a_single_record_is_soon_durable(self, log: KafkaLog) -> None:
        await log.append([record(0, b"warm")])
        taken_ms = []
        for _ in range(100):
            begun = time.perf_counter()
            await log.append([record(0, b"x" * 300)])
            taken_ms.append((time.perf_counter() - begun) * 1_000)
        print(f"append: median {statistics.median(taken_ms):.2f} ms")  # noqa: T201 - a measurement
        assert statistics.median(taken_ms) < 50

    async def test_an_append_that_is_given_up_spoils_nothing(
        self, log: KafkaLog, address: KafkaAddress
    ) -> None:
        (start,) = await log.append([record(3, b"start")])
        for n in range(40):
            appending = asyncio.create_task(log.append([record(3, b"%d" % n)]))
            await asyncio.sleep(0.0004 * (n % 8))
            appending.cancel()
            await asyncio.gather(appending, return_exceptions=True)
            await log.append([record(3, b"%d" % n)])
        (end,) = await log.append([record(3, b"end")])
        told = (await values(address, 3, end + 1))[start + 1 : end]
        numbers = [int(value) for value in told]
        # Each is there, at most twice; what was given up may come late, never too early.
        assert set(numbers) == set(range(40))
        assert max(map(numbers.count, numbers)) <= 2
        assert all(n <= max(numbers[:place], default=-1) + 1 for place, n in enumerate(numbers))

    async def test_it_goes_on_when_kafka_comes_back(
        self, log: KafkaLog, own_cluster: KafkaCluster, address: KafkaAddress
    ) -> None:
        (before,) = await log.append([record(1, b"before")])
        (node,) = own_cluster.nodes
        node.kill()
        with pytest.raises(LogAwayError, match=rf"{TELEMETRY}: not appended, to be tried again"):
            await log.append([record(1, b"lost?")])
        with pytest.raises(LogAwayError, match="does not answer"):
            await log.create_topics(TOPICS, PARTITIONS)
        node.start()
        node.wait()
        async with asyncio.timeout(60):
            while True:
                try:
                    (after,) = await log.append([record(1, b"after")])
                    break
                except LogAwayError:
                    await asyncio.sleep(0.2)
        assert (await values(address, 1, after + 1))[before:] == [b"before", b"after"]


@pytest.mark.kafka
class TestIdentity:
    @pytest.fixture
    async def pool(self, database_url: str) -> AsyncIterator[Pool]:
        async with build_pool(database_url, name="test-identity", max_size=2) as pool:
            yield pool

    async def test_the_outbox_is_made_with_the_topics(
        self, address: KafkaAddress, pool: Pool
    ) -> None:
        log = KafkaLog(address, pool)
        await log.create_topics(TOPICS, PARTITIONS)
        async with pool.connection() as connection:
            standing = await stream_identity.standing_of(connection)
            assert standing is not None
            assert standing.stream == stream_identity.of_kafka(await cluster_id(address))
            async with connection.transaction():
                assert await log.append_in(connection, [record(1, b"x")]) == [0]
        head = (await EmbeddedLog(pool).extents([TELEMETRY]))[Partition(TELEMETRY, 1)].head
        assert head == 1
        with pytest.raises(StreamIdentityError, match="embedded"):
            await EmbeddedLog(pool).create_topics(TOPICS, PARTITIONS)

    async def test_a_log_without_a_database_joins_nothing(self, log: KafkaLog, pool: Pool) -> None:
        async with pool.connection() as connection:
            with pytest.raises(LogError, match="no database"):
                await log.append_in(connection, [record(1, b"x")])


class TestClaim:
    @pytest.fixture
    async def pool(self, database_url: str) -> AsyncIterator[Pool]:
        async with build_pool(database_url, name="test-claim", max_size=4) as pool:
            yield pool

    async def test_who_comes_first_gives_the_name(self, pool: Pool) -> None:
        results = await asyncio.gather(
            *(stream_identity.claim(pool, f"kafka:{name}") for name in "abc"),
            return_exceptions=True,
        )
        refused = [error for error in results if isinstance(error, StreamIdentityError)]
        assert len(refused) == 2
        assert "gemba transfer" in str(refused[0])
        await stream_identity.claim(pool, refused[0].database)

    async def test_an_older_database_with_effects_is_the_embedded_logs(self, pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO effect_offsets (consumer_group, topic, partition, epoch)"
                " VALUES ('g', 't', 0, 1)"
            )
        with pytest.raises(StreamIdentityError) as raised:
            await stream_identity.claim(pool, "kafka:abc")
        assert (raised.value.database, raised.value.stream) == ("embedded", "kafka:abc")
        await EmbeddedLog(pool).create_topics(["t"], 1)

    async def test_it_changes_only_by_command(self, pool: Pool) -> None:
        await stream_identity.claim(pool, "embedded")
        async with pool.connection() as connection:
            await stream_identity.settle(connection, "kafka:abc")
        await stream_identity.claim(pool, "kafka:abc")
        with pytest.raises(StreamIdentityError):
            await EmbeddedLog(pool).create_topics(["t"], 1)

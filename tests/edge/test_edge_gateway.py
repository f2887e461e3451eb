"""The gateway as a process, between a real broker and a real log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from conftest import GatewayFactory
from gateway_process import logged, wait_until

from contracts.ids import MachinePath
from contracts.streams import PARTITIONS, TELEMETRY, WAREHOUSE
from contracts.telemetry import Receipts
from contracts.topics import ack_topic, partition_of
from launch.backends.running import RunningBroker
from runtime.health import HealthState
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url
from simulator.publisher import OutboxPublisher

MACHINES = [MachinePath(f"plant-1/cutting/line{n % 3}/m{n:02}") for n in range(7)]
GARBAGE = b"\xff\x00 not JSON"


def client(url: str, **options: Any) -> MqttClient:
    address = parse_mqtt_url(url)
    return MqttClient(
        address.host, address.port, username=address.username, password=address.password, **options
    )


def count_topic(machine: MachinePath) -> str:
    return f"gemba/v1/{machine}/count"


async def receipts_of(
    broker: RunningBroker, machine: MachinePath, *, seq: int | None = None
) -> Receipts:
    """A machine's receipts as a publisher that has just connected finds them, or the first that
    reach `seq`."""
    async with client(broker.machine_url) as listener:
        await listener.subscribe(ack_topic(machine), qos=1)
        async with asyncio.timeout(60):
            async for message in listener.messages:
                receipts = msgspec.json.decode(message.payload, type=Receipts)
                if seq is None or receipts.publishers[0].seq == seq:
                    return receipts
    raise AssertionError("the connection ended")


def arrived(database_url: str) -> int:
    """How many messages are in the log. (A bundle may repeat: its ids tell.)"""
    return len({one.arrival.id for one in logged(database_url)})


async def publish_all(url: str, messages: list[tuple[str, bytes]]) -> None:
    async with client(url) as publisher:
        for topic, payload in messages:
            await publisher.publish(topic, payload, qos=1)


class TestReceiving:
    async def test_what_arrives_goes_to_the_partition_of_its_machine(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        make_gateway()
        messages = [
            (count_topic(machine), b'{"t":1,"boot":"b","seq":%d}' % n)
            for n, machine in enumerate(MACHINES)
        ]
        messages += [
            ("gemba/v1/plant-1/warehouse/inbound/gate-2/move", b"{}"),
            ("gemba/v1/plant-1/nonsense", GARBAGE),
        ]
        await publish_all(mqtt_broker.machine_url, messages)
        wait_until(lambda: arrived(database_url) >= len(messages), "everything in the log")
        found = logged(database_url)
        assert sorted((one.topic, one.arrival.payload) for one in found) == sorted(messages)
        for one in found:
            inside = "/warehouse/" in one.topic
            assert one.stream_topic == (WAREHOUSE if inside else TELEMETRY)
            levels = one.topic.split("/")
            key = "/".join(levels[2:6]) if len(levels) == 7 else one.topic
            assert one.partition == partition_of(key, PARTITIONS)
            assert one.arrival.size == len(one.arrival.payload)

    async def test_a_payload_beyond_the_limit_is_cut_and_its_size_kept(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        make_gateway()
        payload = b'{"boot":"b","seq":3,"x":"' + b"y" * 300_000 + b'"}'
        await publish_all(mqtt_broker.machine_url, [(count_topic(MACHINES[0]), payload)])
        wait_until(lambda: arrived(database_url) == 1, "it is in the log")
        (one,) = logged(database_url)
        assert one.arrival.size == len(payload)
        assert one.arrival.payload == payload[: 256 * 1024]
        (receipt,) = (await receipts_of(mqtt_broker, MACHINES[0])).publishers
        assert (receipt.first, receipt.seq) == (3, 3)

    async def test_receipts_tell_the_gap_free_top_and_survive_a_restart(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        gateway = make_gateway()
        machine = MACHINES[0]
        numbers = [5, 6, 7, 9]
        await publish_all(
            mqtt_broker.machine_url,
            [(count_topic(machine), b'{"boot":"b1","seq":%d}' % n) for n in numbers],
        )
        wait_until(lambda: arrived(database_url) == len(numbers), "everything in the log")
        wait_until(lambda: gateway.metric("receipts") >= 1, "a receipt is out")
        gateway.kill()
        gateway.start()
        gateway.wait_connected()
        await publish_all(
            mqtt_broker.machine_url, [(count_topic(machine), b'[{"boot":"b1","seq":8},{"x":1}]')]
        )
        wait_until(lambda: arrived(database_url) == len(numbers) + 1, "the last in the log")

        receipts = await receipts_of(mqtt_broker, machine, seq=9)
        assert receipts.gateway == logged(database_url)[0].gateway
        assert [(r.source, r.boot, r.first, r.seq) for r in receipts.publishers] == [
            ("main", "b1", 5, 9)
        ]

    async def test_a_gateway_that_is_told_to_end_ends_with_code_0_and_loses_nothing(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        gateway = make_gateway()
        await publish_all(
            mqtt_broker.machine_url,
            [(count_topic(MACHINES[0]), b'{"boot":"b","seq":%d}' % n) for n in range(50)],
        )
        assert gateway.stop() == 0
        gateway.start()
        wait_until(lambda: arrived(database_url) >= 50, "everything in the log")
        assert arrived(database_url) == 50


class TestKills:
    @pytest.mark.kill
    async def test_killed_in_the_middle_every_number_arrives_and_receipts_are_right(
        self,
        make_gateway: GatewayFactory,
        mqtt_broker: RunningBroker,
        database_url: str,
        tmp_path: Path,
    ) -> None:
        gateway = make_gateway()
        objects = 6_000
        async with OutboxPublisher(
            mqtt_broker.machine_url, tmp_path / "publisher.sqlite", max_array=5
        ) as publisher:
            for number in range(objects):
                machine = MACHINES[number % len(MACHINES)]
                await publisher.publish(count_topic(machine), {"good": 1})
                if number and number % 1_500 == 0:
                    await asyncio.sleep(0.3)
                    gateway.kill()
                    gateway.start()
            gateway.wait_connected()
            await publisher.flush(timeout_s=90)
            boot = publisher.boot
        wanted = {
            (machine, seq)
            for index, machine in enumerate(MACHINES)
            for seq in range(len(range(index, objects, len(MACHINES))))
        }

        def numbers() -> set[tuple[str, int]]:
            return {
                ("/".join(one.topic.split("/")[2:6]), each["seq"])
                for one in logged(database_url)
                for each in as_list(one.arrival.payload)
                if each["boot"] == boot
            }

        wait_until(lambda: numbers() >= wanted, "every number in the log")
        assert numbers() == wanted
        for machine in MACHINES:
            top = max(seq for path, seq in wanted if path == machine)
            (receipt,) = (await receipts_of(mqtt_broker, machine, seq=top)).publishers
            assert (receipt.boot, receipt.first, receipt.seq) == (boot, 0, top)

    @pytest.mark.kill
    async def test_killed_in_the_middle_plain_messages_arrive_exactly_once(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        """What has no number cannot be recognised later: only DUP and the packet id tell."""
        gateway = make_gateway()
        messages = 1_200
        async with client(mqtt_broker.machine_url, max_inflight_messages=200) as publisher:
            publisher.pending_calls_threshold = 1_000
            for begin in range(0, messages, 100):
                await asyncio.gather(
                    *(
                        publisher.publish("gemba/v1/plant-1/nonsense", b"garbage %d" % n, qos=1)
                        for n in range(begin, begin + 100)
                    )
                )
                if begin % 400 == 200:
                    gateway.kill()
                    await asyncio.sleep(0.2)
                    gateway.start()
        wait_until(lambda: arrived(database_url) >= messages, "every message in the log")
        gateway.wait_connected()
        rows = {(one.arrival.id, one.arrival.payload) for one in logged(database_url)}
        assert sorted(payload for _, payload in rows) == sorted(
            b"garbage %d" % n for n in range(messages)
        )

    @pytest.mark.kill
    async def test_ids_rise_strictly_within_a_partition_but_for_repeats(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        gateway = make_gateway()
        for run in range(3):
            await publish_all(
                mqtt_broker.machine_url,
                [
                    (count_topic(machine), b'{"boot":"%d","seq":%d}' % (run, n))
                    for n in range(20)
                    for machine in MACHINES
                ],
            )
            gateway.kill()
            gateway.start()
            gateway.wait_connected()
        total = 3 * 20 * len(MACHINES)
        wait_until(lambda: arrived(database_url) >= total, "all in the log")
        highest: dict[int, int] = {}
        kept = 0
        for one in logged(database_url):
            if one.arrival.id > highest.get(one.partition, 0):
                highest[one.partition] = one.arrival.id
                kept += 1
        assert kept == total


class TestTrouble:
    async def test_the_database_goes_away_and_comes_back(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, database_url: str
    ) -> None:
        gateway = make_gateway()
        with psycopg.connect(database_url) as blocker:
            blocker.execute("LOCK TABLE log_partitions, log_records IN ACCESS EXCLUSIVE MODE")
            await publish_all(
                mqtt_broker.machine_url,
                [(count_topic(MACHINES[0]), b'{"boot":"b","seq":%d}' % n) for n in range(30)],
            )
            wait_until(lambda: gateway.metric("waiting") == 30, "the outbox keeps them")
            (receipt,) = (await receipts_of(mqtt_broker, MACHINES[0])).publishers
            assert receipt.first == 0
        wait_until(lambda: arrived(database_url) >= 30, "everything in the log")
        wait_until(lambda: gateway.metric("waiting") == 0, "the outbox is empty")

    async def test_an_unreachable_database_is_told_with_the_number_of_messages(
        self, make_gateway: GatewayFactory, mqtt_broker: RunningBroker, unused_port: int
    ) -> None:
        gateway = make_gateway(database_url=f"postgresql://nobody@127.0.0.1:{unused_port}/none")
        await publish_all(mqtt_broker.machine_url, [(count_topic(MACHINES[0]), GARBAGE)] * 3)

        def told() -> bool:
            said = gateway.health()
            return (
                said is not None
                and said.state is HealthState.DEGRADED
                and said.reason is not None
                and said.reason.startswith("stream unreachable for ")
                and "3 messages waiting" in said.reason
            )

        wait_until(told, "degraded")

    async def test_a_full_outbox_stops_receiving_and_nothing_is_lost(
        self,
        make_gateway: GatewayFactory,
        mqtt_broker: RunningBroker,
        database_url: str,
    ) -> None:
        gateway = make_gateway(outbox_max_bytes="20000")
        with psycopg.connect(database_url) as blocker:
            blocker.execute("LOCK TABLE log_partitions, log_records IN ACCESS EXCLUSIVE MODE")
            payloads = [b"%04d" % n + b"." * 996 for n in range(100)]
            await publish_all(
                mqtt_broker.machine_url, [("gemba/v1/plant-1/x", one) for one in payloads[:60]]
            )

            def failed() -> bool:
                said = gateway.health()
                return (
                    said is not None
                    and said.state is HealthState.FAILED
                    and said.reason is not None
                    and said.reason.startswith("outbox full: ")
                )

            wait_until(failed, "the health says failed")
            await publish_all(
                mqtt_broker.machine_url, [("gemba/v1/plant-1/x", one) for one in payloads[60:]]
            )
        wait_until(lambda: arrived(database_url) >= len(payloads), "everything in the log")

        def well() -> bool:
            said = gateway.health()
            return said is not None and said.state is HealthState.OK

        wait_until(well, "the health says ok")
        rows = {(one.arrival.id, one.arrival.payload) for one in logged(database_url)}
        assert sorted(payload for _, payload in rows) == payloads

    async def test_redis_away_matters_not(
        self,
        make_gateway: GatewayFactory,
        mqtt_broker: RunningBroker,
        database_url: str,
        unused_port: int,
    ) -> None:
        gateway = make_gateway()
        gateway.stop()
        gateway.redis_url = f"redis://127.0.0.1:{unused_port}"
        gateway.start()
        await publish_all(mqtt_broker.machine_url, [(count_topic(MACHINES[0]), GARBAGE)])
        wait_until(lambda: arrived(database_url) == 1, "it is in the log")

    async def test_a_second_gateway_on_the_same_outbox_is_refused(
        self, make_gateway: GatewayFactory
    ) -> None:
        first = make_gateway()
        second = type(first)(
            mqtt_url=first.mqtt_url,
            database_url=first.database_url,
            redis_url=first.redis_url,
            data_dir=first.data_dir,
        )
        second.start()
        assert second.process is not None
        assert second.process.wait(60) != 0
        assert "in use by another gateway" in second.log_text()
        assert first.process is not None
        assert first.process.poll() is None


def as_list(payload: bytes) -> list[dict[str, Any]]:
    decoded = msgspec.json.decode(payload)
    return decoded if isinstance(decoded, list) else [decoded]

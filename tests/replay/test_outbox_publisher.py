"""The publisher with an outbox, against a broker and a gateway played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest

from contracts.ids import MachinePath
from contracts.telemetry import PublisherReceipt, Receipts
from contracts.topics import ack_topic
from launch.backends.running import RunningBroker
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import MqttUrlError, parse_mqtt_url
from runtime.tasks import end
from simulator.outbox import Outgoing, PublisherOutbox, Queued
from simulator.publisher import FlushTimeoutError, OutboxPublisher, arrays, machine_of

MACHINE = MachinePath("plant-1/cutting/line1/m01")
TOPIC = f"gemba/v1/{MACHINE}/count"
PATIENCE_S = 60.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[aiomqtt.Client]:
    address = parse_mqtt_url(url)
    async with MqttClient(
        address.host, address.port, username=address.username, password=address.password
    ) as client:
        yield client


async def acknowledge(
    client: aiomqtt.Client, boot: str, *, first: int, seq: int, source: str = "main"
) -> None:
    receipt = PublisherReceipt(source=source, boot=boot, first=first, seq=seq)
    receipts = Receipts(gateway="g", publishers=[receipt])
    await client.publish(ack_topic(MACHINE), msgspec.json.encode(receipts), qos=1, retain=True)


class Gathered:
    """What a subscriber has received: objects in order."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.messages = 0

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            decoded = msgspec.json.decode(message.payload)
            self.objects += decoded if isinstance(decoded, list) else [decoded]
            self.messages += 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.objects) < count:  # noqa: ASYNC110 - a list has no event
                await asyncio.sleep(0.02)


@asynccontextmanager
async def gathering(url: str) -> AsyncIterator[tuple[Gathered, aiomqtt.Client]]:
    gathered = Gathered()
    async with connected(url) as client:
        await client.subscribe("gemba/v1/+/+/+/+/count", qos=1)
        task = asyncio.create_task(gathered.listen(client))
        try:
            yield gathered, client
        finally:
            await end([task])


class TestPublisher:
    async def test_numbers_from_0_and_forgets_what_is_acknowledged(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        async with (
            gathering(mqtt_broker.url) as (gathered, gateway),
            OutboxPublisher(mqtt_broker.machine_url, tmp_path / "p.sqlite") as publisher,
        ):
            for number in range(100):
                assert await publisher.publish(TOPIC, {"good": 1}, t=1_000 + number) == number
            await gathered.until(100)
            # What nobody acknowledges comes again, in time.
            assert [one["seq"] for one in gathered.objects[:100]] == list(range(100))
            assert gathered.objects[7] == {
                "t": 1_007,
                "good": 1,
                "boot": publisher.boot,
                "seq": 7,
            }
            await acknowledge(gateway, publisher.boot, first=0, seq=59)
            async with asyncio.timeout(PATIENCE_S):
                while await publisher.waiting() != 40:  # noqa: ASYNC110 - the broker's doing
                    await asyncio.sleep(0.02)
            with pytest.raises(FlushTimeoutError, match="40 objects"):
                await publisher.flush(0.3)
            await acknowledge(gateway, publisher.boot, first=0, seq=99)
            await publisher.flush(PATIENCE_S)

    async def test_sends_again_what_nobody_acknowledged(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        async with (
            gathering(mqtt_broker.url) as (gathered, _),
            OutboxPublisher(mqtt_broker.machine_url, tmp_path / "p.sqlite") as publisher,
        ):
            await publisher.publish(TOPIC, {"good": 1})
            await gathered.until(3)
            assert {one["seq"] for one in gathered.objects} == {0}

    async def test_a_later_publisher_on_the_same_file_goes_on(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        file = tmp_path / "p.sqlite"
        async with OutboxPublisher(mqtt_broker.machine_url, file) as publisher:
            boot = publisher.boot
            for _ in range(3):
                await publisher.publish(TOPIC, {"good": 1})
        async with (
            gathering(mqtt_broker.url) as (gathered, gateway),
            OutboxPublisher(mqtt_broker.machine_url, file) as publisher,
        ):
            assert publisher.boot == boot
            assert await publisher.publish(TOPIC, {"good": 2}) == 3
            await gathered.until(4)
            assert {one["seq"] for one in gathered.objects} == {0, 1, 2, 3}
            await acknowledge(gateway, boot, first=0, seq=3)
            await publisher.flush(PATIENCE_S)

    async def test_objects_with_an_identity_of_their_own_keep_it(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        async with (
            gathering(mqtt_broker.url) as (gathered, gateway),
            OutboxPublisher(mqtt_broker.machine_url, tmp_path / "p.sqlite") as publisher,
        ):
            await publisher.publish(TOPIC, {"boot": "b", "seq": 17, "source": "log", "good": 1})
            await gathered.until(1)
            assert gathered.objects[0]["seq"] == 17
            await acknowledge(gateway, "b", first=17, seq=17, source="log")
            await publisher.flush(PATIENCE_S)

    async def test_much_at_once_goes_out_in_arrays(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        async with (
            gathering(mqtt_broker.url) as (gathered, gateway),
            OutboxPublisher(mqtt_broker.machine_url, tmp_path / "p.sqlite") as publisher,
        ):
            for _ in range(3_000):
                await publisher.publish(TOPIC, {"good": 1})
            await gathered.until(3_000)
            assert [one["seq"] for one in gathered.objects[:3_000]] == list(range(3_000))
            assert gathered.messages < 300
            await acknowledge(gateway, publisher.boot, first=0, seq=2_999)
            await publisher.flush(PATIENCE_S)

    async def test_what_has_no_receipt_cannot_be_published(
        self, mqtt_broker: RunningBroker, tmp_path: Path
    ) -> None:
        async with OutboxPublisher(mqtt_broker.machine_url, tmp_path / "p.sqlite") as publisher:
            with pytest.raises(ValueError, match="gemba/v1/nonsense"):
                await publisher.publish("gemba/v1/nonsense", {})
            with pytest.raises(ValueError, match="seq"):
                await publisher.publish(TOPIC, {"boot": "another"})
            assert await publisher.waiting() == 0


class TestForget:
    def outbox(self, tmp_path: Path, numbers: list[int]) -> PublisherOutbox:
        outbox = PublisherOutbox(tmp_path / "p.sqlite")
        outbox.add([Outgoing(TOPIC, MACHINE, "main", "b", seq, b"{}") for seq in numbers])
        return outbox

    @pytest.mark.parametrize(
        ("first", "seq", "left"),
        [
            (5, 7, 1),
            (0, 7, 1),
            (6, 8, 4),  # 5 has not arrived: its receipt is about later numbers only
            (5, 4, 4),
            (9, 9, 4),
            (0, 100, 0),
        ],
    )
    def test_only_what_a_gap_free_run_from_below_covers(
        self, tmp_path: Path, first: int, seq: int, left: int
    ) -> None:
        outbox = self.outbox(tmp_path, [5, 6, 7, 8])
        receipts = [PublisherReceipt(source="main", boot="b", first=first, seq=seq)]
        assert outbox.forget(MACHINE, receipts) == 4 - left
        assert outbox.count() == left
        outbox.close()

    def test_not_what_another_boot_or_source_said(self, tmp_path: Path) -> None:
        outbox = self.outbox(tmp_path, [0, 1])
        receipts = [
            PublisherReceipt(source="main", boot="other", first=0, seq=9),
            PublisherReceipt(source="terminal", boot="b", first=0, seq=9),
        ]
        assert outbox.forget(MACHINE, receipts) == 0
        outbox.close()


class TestArrays:
    def test_by_topic_in_order_and_bounded(self) -> None:
        rows = [Queued(n, "ab"[n % 2], b"%d" % n) for n in range(7)]
        assert arrays(rows, max_objects=2) == [
            ("a", b"[0,2]"),
            ("b", b"[1,3]"),
            ("a", b"[4,6]"),
            ("b", b"5"),
        ]

    def test_a_large_object_goes_alone(self) -> None:
        large = b"1" * 200_000
        rows = [Queued(1, "a", b"1"), Queued(2, "a", large), Queued(3, "a", b"3")]
        assert [len(payload) for _, payload in arrays(rows, max_objects=50)] == [1, 200_000, 1]


@pytest.mark.parametrize("topic", ["", "gemba/v1/a/b/c/count", "x/v1/a/b/c/d/count", f"{TOPIC}/x"])
def test_a_topic_of_no_machine_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="must be gemba/v1"):
        machine_of(topic)


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://x:99999", ""])
def test_a_wrong_broker_address_is_told(url: str) -> None:
    with pytest.raises(MqttUrlError):
        parse_mqtt_url(url)


def test_a_broker_address_hides_its_password() -> None:
    address = parse_mqtt_url("mqtts://me:s%40cret@broker")
    assert (address.port, address.password, address.tls) == (8883, "s@cret", True)
    assert "cret" not in repr(address)

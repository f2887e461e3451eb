"""Kafka loses the server that leads, and all of them: nothing is lost and nothing counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from kafka_server import KafkaCluster, KafkaNode, kafka_cluster
from plant import Plant, lasting, running_plant

from contracts.streams import PARTITIONS, TELEMETRY
from contracts.topics import partition_of

pytestmark = [pytest.mark.kafka, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with kafka_cluster(tmp_path_factory.mktemp("kafka"), nodes=3) as made:
        yield made


@pytest.fixture(scope="module")
def plant(cluster: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    with running_plant(folder, stream_url=cluster.url) as made:
        yield made


async def leader_of(cluster: KafkaCluster, partition: int) -> KafkaNode:
    """The node that takes what is appended to a partition of telemetry."""
    admin = AIOKafkaAdminClient(bootstrap_servers=[node.address for node in cluster.nodes])
    await admin.start()
    try:
        (topic,) = await admin.describe_topics([TELEMETRY])
    finally:
        await admin.close()
    (leader,) = [one["leader"] for one in topic["partitions"] if one["partition"] == partition]
    (node,) = [node for node in cluster.nodes if node.number == leader]
    return node


def test_the_leader_is_killed_and_comes_back(plant: Plant, cluster: KafkaCluster) -> None:
    with plant.flow() as flow:
        plant.flows_on(flow)
        leader = asyncio.run(leader_of(cluster, partition_of(flow.machines[0], PARTITIONS)))
        leader.kill()
        lasting(1.0)
        # Another node leads now: it goes on without the one that is gone.
        plant.flows_on(flow)
        leader.start()
        leader.wait()
        plant.is_well()
        plant.counts(flow)


def test_all_nodes_are_killed_and_come_back(plant: Plant, cluster: KafkaCluster) -> None:
    with plant.flow() as flow:
        plant.flows_on(flow)
        for node in cluster.nodes:
            node.kill()
        plant.becomes("edge", "degraded", "stream unreachable")
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            node.wait()
        plant.is_well()
        plant.flows_on(flow)
        plant.counts(flow)

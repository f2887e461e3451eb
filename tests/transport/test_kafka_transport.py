"""The transport `kafka://` on a real Kafka: the contract, and what only it can do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from contract import CommitContract, DeliveryContract, ProcessContract
from kafka_backend import KafkaBackend, kafka_backend
from kafka_server import KafkaCluster

pytestmark = pytest.mark.kafka


@pytest.fixture
async def backend(kafka_broker: KafkaCluster, database_url: str) -> AsyncIterator[KafkaBackend]:
    async with kafka_backend(kafka_broker.url, database_url) as backend:
        yield backend


class TestDelivery(DeliveryContract):
    pass


class TestCommit(CommitContract):
    pass


class TestProcess(ProcessContract):
    pass

"""Faust's transport `kafka://`: Apache Kafka through aiokafka, in the engine's own event loop.

Faust's own driver runs the consumer in a thread of its own and loses sight of what was handed over
(see `streams.transport.delivery`); this one shares handing over, acknowledging and holding with the
embedded transport. Workers of one consumer group share the partitions: a partition number goes to
one worker for all topics (`streams.kafka.assignor`).
"""

from __future__ import annotations

from typing import ClassVar

from faust.transport.base import Transport as FaustTransport
from faust.transport.conductor import Conductor
from faust.transport.consumer import Fetcher

from streams.kafka.consumer import HEARTBEAT_S, SESSION_TIMEOUT_S, Consumer
from streams.kafka.producer import Producer

__all__ = [
    "HEARTBEAT_S",
    "SESSION_TIMEOUT_S",
    "Conductor",
    "Consumer",
    "Fetcher",
    "Producer",
    "Transport",
]


class Transport(FaustTransport):  # type: ignore[misc] # Faust is untyped here
    """Makes the consumer and the producer; conductor and fetcher are Faust's own."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    Conductor: ClassVar[type[Conductor]] = Conductor
    Fetcher: ClassVar[type[Fetcher]] = Fetcher

    driver_version = "kafka"
    default_port = 9092

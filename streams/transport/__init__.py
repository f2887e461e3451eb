"""Faust's transport `embedded://`: the partitioned log in PostgreSQL instead of Kafka.

Found by Faust through the entry-point group `faust.transports`. The app that uses it says where the
database is in an attribute `embedded_log_url` (see `streams.app.build_app`).

One worker of a consumer group consumes all of its partitions; it holds a lease, and others of the
group stand by until the lease is free (`streams.transport.lease`).
"""

from __future__ import annotations

from typing import ClassVar

from faust.transport.base import Transport as FaustTransport
from faust.transport.conductor import Conductor
from faust.transport.consumer import Fetcher

from streams.transport.consumer import Consumer
from streams.transport.producer import Producer

__all__ = ["Conductor", "Consumer", "Fetcher", "Producer", "Transport"]


class Transport(FaustTransport):  # type: ignore[misc] # Faust is untyped here
    """Makes the consumer and the producer; conductor and fetcher are Faust's own."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    Conductor: ClassVar[type[Conductor]] = Conductor
    Fetcher: ClassVar[type[Fetcher]] = Fetcher

    driver_version = "embedded"
    default_port = 0

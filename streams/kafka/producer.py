"""Faust's producer over Kafka, for what the engine sends by itself."""

from __future__ import annotations

from store.log import StreamLog
from store.log.kafka import KafkaLog
from store.log.kafka_address import parse
from streams.transport.producer import LogProducer


class Producer(LogProducer):
    """Appends to Kafka; nothing is connected before something is sent."""

    def _new_log(self) -> StreamLog:
        return KafkaLog(parse(self.app.stream_url), None)

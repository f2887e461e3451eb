"""The relay: what was written to the outbox goes on to Kafka (`store.log.outbox` says what for)."""

from streams.relay.draining import drain
from streams.relay.relay import Relay

__all__ = ["Relay", "drain"]

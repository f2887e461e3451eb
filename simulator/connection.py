"""A connection of a publisher to the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiomqtt

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import MqttAddress

_KEEPALIVE_S: Final = 10


@asynccontextmanager
async def connected(
    address: MqttAddress, *, client_id: str, window_messages: int, timeout_s: float
) -> AsyncIterator[aiomqtt.Client]:
    """Connect, with a session that ends with the connection.

    Args:
        address: the broker.
        client_id: nobody else's at the broker.
        window_messages: publications without PUBACK at most.
        timeout_s: for each exchange with the broker.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached, or the connection ended.
        runtime.mqtt_url.MqttUrlError: its authorities' file cannot be used.
    """
    client = MqttClient(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=client_id,
        clean_session=True,
        timeout=timeout_s,
        keepalive=_KEEPALIVE_S,
        max_inflight_messages=window_messages,
        tls_context=address.tls_context(),
    )
    client.pending_calls_threshold = 4 * window_messages  # below, its warnings are but noise
    async with client:
        yield client

"""Delivery at QoS 1 as MQTT 3.1.1 section 4.4 has it, for the embedded broker amqtt.

amqtt 0.12 forgets a message that it sent and that was not acknowledged as soon as the connection
ends, or after five seconds: what a subscriber had not yet stored when it was killed is gone. Here
such a message stays with the session until its PUBACK, and is sent again, with DUP and under the
same packet id, when the session is resumed. The version is pinned exactly, as this leans on names
that amqtt keeps to itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import amqtt.broker
from amqtt.broker import RetainedApplicationMessage
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import OUTGOING

MAX_INFLIGHT: Final = 50_000
"""A subscriber that leaves so many unacknowledged is stuck. (There are 65,535 packet ids.)"""


class FaithfulHandler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt's types are not read
    """One connection's protocol, which lets go of a message only when it was acknowledged."""

    _stopped = False

    async def stop(self) -> None:
        """End. What was not acknowledged stays in the session, if that outlives the connection."""
        self._stopped = True
        session = self.session
        await super().stop()
        if session is not None and session.clean_session:
            session.inflight_out.clear()

    async def mqtt_publish(
        self,
        topic: str,
        data: bytes | bytearray,
        qos: int | None,
        retain: bool,  # noqa: FBT001 - amqtt's signature
        ack_timeout: int | None = None,
    ) -> Any:
        """Deliver. For a stuck subscriber: keep the message and end the connection instead."""
        session = self.session
        if qos and session is not None and len(session.inflight_out) >= MAX_INFLIGHT:
            if not session.clean_session:
                await session.retained_messages.put(
                    RetainedApplicationMessage(session, topic, data, qos)
                )
            await self.handle_connection_closed()
            return None
        return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)

    async def _handle_qos1_message_flow(self, app_message: Any) -> None:
        if app_message.direction != OUTGOING:
            await super()._handle_qos1_message_flow(app_message)
            return
        session = self.session
        if session is None:
            return
        packet_id = app_message.packet_id
        session.inflight_out[packet_id] = app_message
        if self._stopped:
            return  # the session's next connection begins with it
        waiter = self._puback_waiters.get(packet_id)
        if waiter is None:
            waiter = asyncio.get_running_loop().create_future()
            self._puback_waiters[packet_id] = waiter
        packet = app_message.build_publish_packet(dup=app_message.publish_packet is not None)
        app_message.publish_packet = packet
        try:
            await self._send_packet(packet)
            app_message.puback_packet = await waiter
        finally:
            if self._puback_waiters.get(packet_id) is waiter:
                del self._puback_waiters[packet_id]

    async def handle_puback(self, puback: Any) -> None:
        """The subscriber has the message: now it may be forgotten."""
        packet_id = puback.variable_header.packet_id
        if self.session is not None:
            self.session.inflight_out.pop(packet_id, None)
        waiter = self._puback_waiters.get(packet_id)
        if waiter is not None and not waiter.done():
            waiter.set_result(puback)


def install() -> None:
    """Have the broker of this process handle its connections so."""
    amqtt.broker.BrokerProtocolHandler = FaithfulHandler

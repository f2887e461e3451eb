"""MQTT 3.1.1 packets cut out of the bytes of a connection (OASIS MQTT 3.1.1, sections 2 and 3.3).

Pure. Only PUBLISH of QoS 0 and 1 is decoded here, because that is what arrives by the thousand;
every other packet is handed out whole, for the client library to read.
"""

from __future__ import annotations

from typing import Final

import msgspec

_PUBLISH: Final = 3
_QOS_2: Final = 0x04
_MAX_SHIFT: Final = 21
"""The remaining length has at most four bytes of seven bits."""


class MalformedPacketError(Exception):
    """The bytes are not MQTT: the connection cannot be read any further."""


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A message as the broker delivered it.

    Attributes:
        topic: UTF-8 decoded; bytes that are not UTF-8 are replaced, which no valid topic holds.
        payload: as it came.
        packet_id: 0 with QoS 0.
        qos: 0 or 1.
        dup: the broker has sent this packet id before and saw no PUBACK.
    """

    topic: str
    payload: bytes
    packet_id: int
    qos: int
    dup: bool


class PacketReader:
    """Collects the bytes of one connection and gives the packets that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[list[Publish], list[bytes]]:
        """Take what arrived; give the messages and the other packets that it completed.

        Raises:
            MalformedPacketError: a length or a PUBLISH is not as the standard has it.
        """
        buffer = self._buffer
        buffer += data
        end = len(buffer)
        position = 0
        messages: list[Publish] = []
        others: list[bytes] = []
        while True:
            span = _span(buffer, position, end)
            if span is None or span[1] > end:
                break
            body, stop = span
            first = buffer[position]
            if first >> 4 == _PUBLISH and not first & _QOS_2:
                messages.append(_publish(buffer, first, body, stop))
            else:
                others.append(bytes(buffer[position:stop]))
            position = stop
        if position:
            del buffer[:position]
        return messages, others


def _span(buffer: bytearray, position: int, end: int) -> tuple[int, int] | None:
    """Where the packet's body begins and where it stops; None when its length is incomplete."""
    index = position + 1
    length = shift = 0
    while index < end:
        byte = buffer[index]
        index += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return index, index + length
        shift += 7
        if shift > _MAX_SHIFT:
            raise MalformedPacketError("a remaining length of more than four bytes")
    return None


def _publish(buffer: bytearray, first: int, body: int, stop: int) -> Publish:
    topic_at = body + 2
    if topic_at > stop:
        raise MalformedPacketError("a PUBLISH without a topic")
    payload_at = topic_at + (buffer[body] << 8 | buffer[body + 1])
    qos = first >> 1 & 1
    packet_id = 0
    topic_end = payload_at
    if qos:
        payload_at += 2
    if payload_at > stop:
        raise MalformedPacketError("a PUBLISH that ends within its header")
    if qos:
        packet_id = buffer[topic_end] << 8 | buffer[topic_end + 1]
    return Publish(
        buffer[topic_at:topic_end].decode("utf-8", "replace"),
        bytes(buffer[payload_at:stop]),
        packet_id,
        qos,
        bool(first & 0x08),
    )


def pubacks(packet_ids: list[int]) -> bytes:
    """One PUBACK for each packet id, in that order, as the bytes of one write."""
    return b"".join(b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids)

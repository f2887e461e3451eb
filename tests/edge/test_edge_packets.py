"""Packets cut out of bytes, against packets made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.packets import MalformedPacketError, PacketReader, Publish, pubacks

PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x03\x00\x01\x01"

published = st.builds(
    Publish,
    topic=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40),
    payload=st.one_of(st.binary(max_size=300), st.just(b"x" * 20_000)),
    packet_id=st.integers(1, 65_535),
    qos=st.just(1),
    dup=st.booleans(),
)


def remaining_length(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, low = length >> 7, length & 0x7F
        encoded.append(low | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def packet(message: Publish) -> bytes:
    topic = message.topic.encode()
    body = len(topic).to_bytes(2, "big") + topic
    if message.qos:
        body += message.packet_id.to_bytes(2, "big")
    body += message.payload
    first = 0x30 | (0x08 if message.dup else 0) | message.qos << 1
    return bytes([first]) + remaining_length(len(body)) + body


class TestPacketReader:
    @given(
        st.lists(st.one_of(published, st.sampled_from([PINGRESP, SUBACK])), max_size=12), st.data()
    )
    def test_gives_the_same_however_the_bytes_are_cut(
        self, sequence: list[Publish | bytes], data: st.DataObject
    ) -> None:
        stream = b"".join(one if isinstance(one, bytes) else packet(one) for one in sequence)
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10).map(sorted))
        reader = PacketReader()
        messages: list[Publish] = []
        others: list[bytes] = []
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            some, more = reader.feed(stream[begin:end])
            messages += some
            others += more
        assert messages == [one for one in sequence if isinstance(one, Publish)]
        assert others == [one for one in sequence if isinstance(one, bytes)]

    def test_qos_0_has_no_packet_id(self) -> None:
        message = Publish("a/b", b"payload", 0, 0, dup=False)
        assert PacketReader().feed(packet(message)) == ([message], [])

    def test_qos_2_is_left_to_the_library(self) -> None:
        whole = b"\x34\x06\x00\x01a\x00\x07x"
        assert PacketReader().feed(whole) == ([], [whole])

    def test_a_topic_that_is_not_utf_8_becomes_one_that_nobody_has(self) -> None:
        (message,), _ = PacketReader().feed(b"\x30\x05\x00\x02\xff\xfex")
        assert message.topic == "\ufffd\ufffd"

    @pytest.mark.parametrize(
        "stream",
        [b"\x30\xff\xff\xff\xff\x01", b"\x30\x00", b"\x30\x02\x00\x05", b"\x32\x03\x00\x01a"],
    )
    def test_what_is_not_mqtt_is_told(self, stream: bytes) -> None:
        with pytest.raises(MalformedPacketError):
            PacketReader().feed(stream)


def test_pubacks_are_packets_in_a_row() -> None:
    assert pubacks([1, 65_535]) == b"\x40\x02\x00\x01\x40\x02\xff\xff"

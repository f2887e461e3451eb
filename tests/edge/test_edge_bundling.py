"""Arrivals into bundles, and how long they wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.streams import (
    MAX_PAYLOAD_BYTES,
    MAX_RECORD_BYTES,
    PARTITIONS,
    TELEMETRY,
    WAREHOUSE,
    decode_bundle,
    encode_bundle,
)
from contracts.topics import partition_key, partition_of
from edge.bundling import FULL_LINGER_RATE, Frame, Pace, Stored, frames

TOPICS = [
    "gemba/v1/plant-1/cutting/line1/m01/count",
    "gemba/v1/plant-1/cutting/line1/m02/job",
    "gemba/v1/plant-1/cutting/line1/m03/nonsense",
    "gemba/v1/plant-1/warehouse/inbound/gate-2/move",
    "gemba/v1/日本/組立/line1/機械/count",
    "gemba/v1/x",
    "gemba/v1",
]

rows_of = st.lists(
    st.tuples(st.sampled_from(TOPICS), st.sampled_from([0, 10, 1_000, 100_000, MAX_PAYLOAD_BYTES])),
    max_size=40,
).map(
    lambda kinds: [
        Stored(index, topic, 1_000 + index, b"x" * size, size)
        for index, (topic, size) in enumerate(kinds, start=1)
    ]
)


def arrivals(frame: Frame) -> list[Stored]:
    return [
        Stored(a.id, frame.bundle.topics[a.topic], a.received_ms, a.payload, a.size)
        for a in frame.bundle.arrivals
    ]


class TestFrames:
    @given(rows_of, st.integers(1, 20))
    def test_hold_every_row_once_in_its_place_and_in_order(
        self, rows: list[Stored], max_messages: int
    ) -> None:
        made = frames("g:1", rows, max_messages=max_messages)
        unpacked = [row for frame in made for row in arrivals(frame)]
        assert sorted(unpacked, key=lambda row: row.id) == rows
        last: dict[tuple[str, int], int] = {}
        for frame in made:
            assert frame.bundle.gateway == "g:1"
            place = frame.topic, frame.partition
            for row in arrivals(frame):
                inside = "/warehouse/" in row.topic
                assert frame.topic == (WAREHOUSE if inside else TELEMETRY)
                assert frame.partition == partition_of(partition_key(row.topic), PARTITIONS)
                assert row.id > last.get(place, 0)
                last[place] = row.id

    @given(rows_of, st.integers(1, 20))
    def test_stay_within_their_bounds(self, rows: list[Stored], max_messages: int) -> None:
        for frame in frames("g:" + "0" * 36, rows, max_messages=max_messages):
            encoded = encode_bundle(frame.bundle)
            assert len(frame.bundle.arrivals) <= max_messages
            assert len(encoded) <= MAX_RECORD_BYTES
            assert decode_bundle(encoded) == frame.bundle

    def test_a_repeated_attempt_with_more_rows_only_adds(self) -> None:
        """After a failed append the same rows are read again, and perhaps more."""
        rows = [Stored(n, TOPICS[n % 2], n, b"{}", 2) for n in range(1, 30)]
        before = {
            row.id for frame in frames("g", rows[:20], max_messages=7) for row in arrivals(frame)
        }
        after = {row.id for frame in frames("g", rows, max_messages=7) for row in arrivals(frame)}
        assert before < after


class TestPace:
    def test_a_quiet_machines_message_leaves_at_once(self) -> None:
        pace = Pace(linger_s=0.05, max_messages=500)
        for second in range(1, 10):
            pace.arrived(1, float(second))
            assert pace.wait_s(1, float(second)) == 0.0
            pace.sent(float(second))

    def test_under_load_a_frame_waits_the_whole_linger(self) -> None:
        pace = Pace(linger_s=0.05, max_messages=500)
        now = 0.0
        for _ in range(100):
            now += 0.02
            pace.arrived(int(FULL_LINGER_RATE * 2 * 0.02), now)
        pace.sent(now)
        assert pace.linger_s == 0.05
        assert abs(pace.wait_s(1, now) - 0.05) < 1e-9
        assert pace.wait_s(1, now + 0.06) == 0.0

    def test_a_full_frame_waits_no_longer(self) -> None:
        pace = Pace(linger_s=0.05, max_messages=500)
        for step in range(1, 100):
            pace.arrived(200, step * 0.02)
        pace.sent(2.0)
        assert pace.wait_s(499, 2.0) > 0
        assert pace.wait_s(500, 2.0) == 0.0

    def test_the_load_is_forgotten_in_a_quiet_time(self) -> None:
        pace = Pace(linger_s=0.05, max_messages=500)
        for step in range(1, 100):
            pace.arrived(200, step * 0.02)
        pace.arrived(1, 30.0)
        assert pace.linger_s < 0.001

    @given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0.0001, 5.0)), max_size=50))
    def test_never_waits_longer_than_the_linger(self, load: list[tuple[int, float]]) -> None:
        pace = Pace(linger_s=0.05, max_messages=10_000_000)
        now = 0.0
        for count, pause_s in load:
            now += pause_s
            pace.arrived(count, now)
            assert 0.0 <= pace.wait_s(1, now) <= 0.05 + 1e-9
            pace.sent(now)
            assert 0.0 <= pace.wait_s(1, now) <= 0.05 + 1e-9

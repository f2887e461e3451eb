"""Ranges and receipts against a plain set."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ids import MachinePath
from contracts.telemetry import Identity
from edge.receipts import (
    BOOTS_KEPT,
    BOOTS_SHOWN,
    MAX_RANGES,
    SOURCES_KEPT,
    PublisherKey,
    PublisherState,
    ReceiptBook,
    SeqRanges,
    identities,
    machine_of,
)

MACHINE = MachinePath("plant-1/cutting/line1/m01")
numbers = st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=80)


def gap_free(seen: set[int]) -> tuple[int, int]:
    top = first = min(seen)
    while top + 1 in seen:
        top += 1
    return first, top


class TestSeqRanges:
    @given(numbers)
    def test_is_the_set_of_what_was_added(self, added: list[int]) -> None:
        ranges = SeqRanges()
        seen: set[int] = set()
        for number in added:
            assert ranges.add(number) is (number not in seen)
            seen.add(number)
            assert (ranges.first, ranges.gap_free) == gap_free(seen)
        assert {n for n in range(62) if n in ranges} == seen

    @given(numbers)
    def test_ranges_are_ascending_with_gaps_and_survive_storing(self, added: list[int]) -> None:
        ranges = SeqRanges()
        for number in added:
            ranges.add(number)
        flat = list(ranges.flat())
        lows, highs = flat[0::2], flat[1::2]
        assert all(low <= high for low, high in zip(lows, highs, strict=True))
        assert all(high + 1 < low for high, low in zip(highs, lows[1:], strict=False))
        assert list(SeqRanges.decode(ranges.encode()).flat()) == flat

    def test_too_many_gaps_cost_the_highest_ranges_only(self) -> None:
        ranges = SeqRanges()
        for number in range(0, 4 * MAX_RANGES, 2):
            ranges.add(number)
        assert len(list(ranges.flat())) == 2 * MAX_RANGES
        assert 0 in ranges
        assert (ranges.first, ranges.gap_free) == (0, 0)
        assert ranges.add(4 * MAX_RANGES - 2)


class TestIdentities:
    @pytest.mark.parametrize(
        "payload",
        [
            b'{"boot":"b","seq":true}',
            b'{"boot":"b","seq":1.0}',
            b'{"boot":"b","seq":1e3}',
            b'{"boot":"b","seq":"1"}',
            b'{"boot":"b","seq":-1}',
            b'{"boot":"b","seq":9223372036854775808}',
            b'{"boot":"b","seq":' + b"9" * 5_000 + b"}",
            b'{"boot":1,"seq":1}',
            b'{"boot":"b","seq":1,"source":null}',
            b'{"boot":"b","seq":1,"x":NaN}',
            b'{"seq":1}',
            b"[" * 200_000,
            b'{"boot":"b","seq":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b"",
            b"[]",
            b"\xff\x00",
            b"null",
        ],
    )
    def test_there_is_none_to_read(self, payload: bytes) -> None:
        assert identities(payload) == []

    def test_of_one_object_whatever_else_is_wrong_with_it(self) -> None:
        assert identities(b' {"boot":"b","seq":0,"good":null,"t":"never"}') == [
            Identity("b", 0, "main")
        ]

    def test_of_an_array_each_object_stands_alone(self) -> None:
        payload = (
            b'\n[{"boot":"b","seq":1},7,{"boot":"b","seq":true},{"boot":"b","seq":2,"source":"t"}]'
        )
        assert identities(payload) == [Identity("b", 1, "main"), Identity("b", 2, "t")]

    def test_of_an_array_without_faults(self) -> None:
        assert identities(b'[{"boot":"b","seq":1},{"boot":"b","seq":-2}]') == [Identity("b", 1)]

    def test_an_array_that_is_not_json_as_a_whole_has_none(self) -> None:
        assert identities(b'[{"boot":"b","seq":1},{"boot":"b","seq":2}') == []


class TestMachineOf:
    def test_every_topic_of_seven_levels_has_one_of_any_kind(self) -> None:
        assert machine_of(f"gemba/v1/{MACHINE}/nonsense") == MACHINE

    @pytest.mark.parametrize(
        "topic", ["gemba/v1/a/b/c/count", "gemba/v1/a//c/d/count", "other/v1/a/b/c/d/count", ""]
    )
    def test_other_topics_have_none(self, topic: str) -> None:
        assert machine_of(topic) is None


objects = st.lists(
    st.tuples(st.sampled_from(["main", "t"]), st.sampled_from(["b1", "b2"]), st.integers(0, 15)),
    max_size=60,
)


class TestReceiptBook:
    @given(objects, st.integers(0, 60))
    @settings(max_examples=200)
    def test_a_receipt_covers_only_what_arrived_also_after_a_restart(
        self, arrived: list[tuple[str, str, int]], restart_after: int
    ) -> None:
        book = ReceiptBook()
        stored: dict[PublisherKey, bytes] = {}
        seen: dict[tuple[str, str], set[int]] = {}
        for arrival, (source, boot, seq) in enumerate(arrived, start=1):
            book.record(MACHINE, Identity(boot, seq, source), arrival)
            seen.setdefault((source, boot), set()).add(seq)
            changed, removed = book.take_changes()
            assert removed == []
            stored |= {key: state.ranges.encode() for key, state in changed.items()}
            if arrival == restart_after:
                book = ReceiptBook()
                for key, ranges in stored.items():
                    book.restore(key, PublisherState(SeqRanges.decode(ranges), arrival))
        receipts = {(r.source, r.boot): (r.first, r.seq) for r in book.receipts(MACHINE)}
        assert receipts == {key: gap_free(numbers) for key, numbers in seen.items()}

    def test_the_newest_boots_are_shown_and_old_ones_let_go_of(self) -> None:
        book = ReceiptBook()
        removed: list[PublisherKey] = []
        for number in range(BOOTS_KEPT + 3):
            book.record(MACHINE, Identity(f"boot-{number:02}", 0), number)
            removed += book.take_changes()[1]
        assert [key.boot for key in removed] == ["boot-00", "boot-01", "boot-02"]
        shown = [receipt.boot for receipt in book.receipts(MACHINE)]
        assert shown == [f"boot-{BOOTS_KEPT + 2 - n:02}" for n in range(BOOTS_SHOWN)]

    def test_sources_without_end_are_bounded(self) -> None:
        book = ReceiptBook()
        removed = 0
        for number in range(SOURCES_KEPT + 5):
            book.record(MACHINE, Identity("b", 0, f"s{number:03}"), number)
            removed += len(book.take_changes()[1])
        assert removed == 5
        sources = {receipt.source for receipt in book.receipts(MACHINE)}
        assert sources == {f"s{number:03}" for number in range(5, SOURCES_KEPT + 5)}

    @given(objects)
    def test_a_publisher_that_obeys_forgets_nothing_that_is_missing(
        self, arrived: list[tuple[str, str, int]]
    ) -> None:
        """What a receipt lets its publisher forget (first not above its own) has arrived."""
        book = ReceiptBook()
        seen: dict[tuple[str, str], set[int]] = {}
        for arrival, (source, boot, seq) in enumerate(arrived, start=1):
            book.record(MACHINE, Identity(boot, seq, source), arrival)
            seen.setdefault((source, boot), set()).add(seq)
            for receipt in book.receipts(MACHINE):
                has = seen[receipt.source, receipt.boot]
                for own_first in range(receipt.first, receipt.seq + 1):
                    assert set(range(own_first, receipt.seq + 1)) <= has


def test_identity_decoding_does_not_coerce() -> None:
    """The reason why one library call is enough to read an identity."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"boot":"b","seq":true}', type=Identity)


def test_text_that_is_not_utf8_has_no_identity() -> None:
    broken = b'{"t":1,"boot":"\xff","seq":0,"good":1}'
    whole = b'{"t":1,"boot":"b","seq":7,"good":1}'
    assert identities(broken) == []
    assert [one.seq for one in identities(b"[" + whole + b"," + broken + b"]")] == [7]

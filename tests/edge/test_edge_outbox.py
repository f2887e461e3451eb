"""The outbox file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.ids import MachinePath
from contracts.streams import MAX_PAYLOAD_BYTES
from edge.outbox import Outbox, OutboxError, OutboxFullError, OutboxLockedError, Received

MACHINE = MachinePath("plant-1/cutting/line1/m01")
TOPIC = f"gemba/v1/{MACHINE}/count"
PLENTY = 10**9


def message(
    payload: bytes, packet_id: int = 0, *, dup: bool = False, topic: str = TOPIC
) -> Received:
    return Received(topic, payload, 1_000, packet_id, dup)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outbox" / "g.sqlite"


@pytest.fixture
def outbox(file: Path) -> Iterator[Outbox]:
    opened = Outbox(file, max_bytes=PLENTY)
    yield opened
    opened.close()


def payloads(outbox: Outbox, after: int = 0) -> list[bytes]:
    return [row.payload for row in outbox.read(after, 1_000, PLENTY)]


class TestStore:
    def test_rows_come_back_in_order_with_rising_ids(self, outbox: Outbox) -> None:
        outbox.store([message(b"1"), message(b"2")])
        outbox.store([message(b"3")])
        rows = outbox.read(0, 10, PLENTY)
        assert [(row.id, row.payload) for row in rows] == [(1, b"1"), (2, b"2"), (3, b"3")]
        assert (outbox.waiting, rows[0].topic, rows[0].received_ms) == (3, TOPIC, 1_000)

    def test_ids_and_identity_survive_a_restart_of_an_empty_outbox(self, file: Path) -> None:
        first = Outbox(file, max_bytes=PLENTY)
        first.store([message(b"1"), message(b"2")])
        first.discard(first.read(0, 10, PLENTY))
        first.tidy()
        identity = first.identity
        first.close()
        second = Outbox(file, max_bytes=PLENTY)
        second.store([message(b"3")])
        assert [row.id for row in second.read(0, 10, PLENTY)] == [3]
        assert second.identity == identity
        second.close()

    def test_a_long_payload_is_cut_and_its_identity_still_read(self, outbox: Outbox) -> None:
        payload = b'{"boot":"b","seq":4,"x":"' + b"y" * MAX_PAYLOAD_BYTES + b'"}'
        outbox.store([message(payload)])
        (row,) = outbox.read(0, 10, PLENTY)
        assert (row.payload, row.size) == (payload[:MAX_PAYLOAD_BYTES], len(payload))
        (receipt,) = outbox.receipts()[MACHINE]
        assert (receipt.first, receipt.seq) == (4, 4)

    def test_reading_stops_at_the_bytes_but_gives_at_least_one_row(self, outbox: Outbox) -> None:
        outbox.store([message(b"x" * 100) for _ in range(5)])
        assert len(outbox.read(0, 10, 250)) == 2
        assert len(outbox.read(0, 10, 1)) == 1

    def test_a_second_holder_is_refused(self, outbox: Outbox, file: Path) -> None:
        with pytest.raises(OutboxLockedError):
            Outbox(file, max_bytes=PLENTY)
        outbox.store([message(b"1")])

    def test_a_file_that_is_no_database_is_told(self, tmp_path: Path) -> None:
        file = tmp_path / "bad.sqlite"
        file.write_bytes(b"not a database, but long enough to be read as one" * 100)
        with pytest.raises(OutboxError, match=r"bad\.sqlite"):
            Outbox(file, max_bytes=PLENTY)


class TestRedeliveries:
    def test_what_is_here_is_not_stored_again(self, outbox: Outbox) -> None:
        outbox.store([message(b"a", 1), message(b"b", 2)])
        done = outbox.store([message(b"a", 1, dup=True), message(b"b", 2, dup=True)])
        assert (done.stored, done.repeated) == (0, 2)
        assert payloads(outbox) == [b"a", b"b"]

    def test_also_not_after_a_restart_when_it_has_been_sent_on(self, file: Path) -> None:
        first = Outbox(file, max_bytes=PLENTY)
        first.store([message(b"a", 1)])
        first.discard(first.read(0, 10, PLENTY))
        first.tidy()
        first.close()
        second = Outbox(file, max_bytes=PLENTY)
        assert second.store([message(b"a", 1, dup=True)]).repeated == 1
        second.close()

    def test_without_dup_it_is_a_new_arrival(self, outbox: Outbox) -> None:
        outbox.store([message(b"a", 1)])
        assert outbox.store([message(b"a", 1)]).stored == 1

    @pytest.mark.parametrize(
        "other",
        [
            message(b"b", 1, dup=True),
            message(b"a", 2, dup=True),
            message(b"a", 1, dup=True, topic=TOPIC + "x"),
        ],
    )
    def test_with_dup_but_something_else_it_is_a_new_arrival(
        self, outbox: Outbox, other: Received
    ) -> None:
        outbox.store([message(b"a", 1)])
        assert outbox.store([other]).stored == 1

    def test_within_one_batch_too(self, outbox: Outbox) -> None:
        assert outbox.store([message(b"a", 1), message(b"a", 1, dup=True)]).stored == 1

    def test_a_new_session_of_the_broker_begins_anew(self, outbox: Outbox) -> None:
        outbox.store([message(b"a", 1)])
        outbox.forget_deliveries()
        assert outbox.store([message(b"a", 1, dup=True)]).stored == 1

    def test_the_memory_is_bounded_by_the_circle_of_packet_ids(self, file: Path) -> None:
        outbox = Outbox(file, max_bytes=PLENTY)
        for begin in range(0, 140_000, 2_000):
            outbox.store([message(b"%d" % n, n % 65_535 + 1) for n in range(begin, begin + 2_000)])
        newest = [message(b"%d" % n, n % 65_535 + 1, dup=True) for n in range(75_000, 140_000)]
        assert outbox.store(newest).stored == 0
        outbox.close()
        reopened = Outbox(file, max_bytes=PLENTY)
        assert reopened.store(newest).stored == 0
        reopened.close()


class TestFull:
    def test_nothing_is_taken_beyond_the_limit_until_a_tenth_is_free(self, file: Path) -> None:
        outbox = Outbox(file, max_bytes=2_000)
        taken = 0
        while not outbox.full:
            outbox.store([message(b'{"boot":"b","seq":%d}' % taken, taken + 1)])
            taken += 1
        with pytest.raises(OutboxFullError, match="outbox full"):
            outbox.store([message(b"x")])
        (receipt,) = outbox.receipts()[MACHINE]
        assert receipt.seq == taken - 1
        outbox.discard(outbox.read(0, 1, PLENTY))
        with pytest.raises(OutboxFullError):
            outbox.store([message(b"x")])
        outbox.discard(outbox.read(0, 5, PLENTY))
        assert outbox.store([message(b"x")]).stored == 1
        outbox.close()

    def test_a_full_disk_takes_nothing_and_promises_nothing(self, file: Path) -> None:
        outbox = Outbox(file, max_bytes=PLENTY)
        outbox.store([message(b'{"boot":"b","seq":0}', 1)])
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        big = [message(b'{"boot":"b","seq":1,"x":"' + b"y" * 100_000 + b'"}', 2)]
        with pytest.raises(OutboxFullError, match="full"):
            outbox.store(big)
        (receipt,) = outbox.receipts()[MACHINE]
        assert (receipt.seq, outbox.waiting) == (0, 1)
        outbox._db.execute("PRAGMA max_page_count = 1000000")
        redelivered = [Received(m.topic, m.payload, 2_000, m.packet_id, dup=True) for m in big]
        assert outbox.store(redelivered).stored == 1
        assert outbox.receipts()[MACHINE][0].seq == 1
        outbox.close()


class OutboxMachine(RuleBasedStateMachine):
    """Store, send, crash in any order: what is not discarded is there, in order, once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.file = Path(self.folder.name) / "outbox.sqlite"
        self.outbox = Outbox(self.file, max_bytes=PLENTY)
        self.number = 0
        self.expected: list[bytes] = []
        self.sent = 0
        self.tidied: list[bytes] = []

    @rule(count=st.integers(1, 5))
    def store(self, count: int) -> None:
        batch = [b"%d" % (self.number + n) for n in range(count)]
        self.outbox.store([message(one) for one in batch])
        self.number += count
        self.expected += batch
        self.tidied = []

    @rule(limit=st.integers(1, 4))
    def send(self, limit: int) -> None:
        rows = self.outbox.read(self.sent, limit, PLENTY)
        assert [row.payload for row in rows] == self.expected[:limit]
        self.outbox.discard(rows)
        self.tidied += self.expected[:limit]
        del self.expected[:limit]
        if rows:
            self.sent = rows[-1].id

    @rule()
    def tidy(self) -> None:
        self.outbox.tidy()
        self.tidied = []

    @rule()
    def crash(self) -> None:
        """What was discarded and not yet deleted comes again, before everything else."""
        self.outbox.close()
        self.outbox = Outbox(self.file, max_bytes=PLENTY)
        self.expected = self.tidied + self.expected
        self.tidied = []
        self.sent = 0

    @invariant()
    def counts(self) -> None:
        assert self.outbox.waiting == len(self.expected)

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


def test_the_outbox_as_a_state_machine() -> None:
    run_state_machine_as_test(
        OutboxMachine,
        settings=settings(max_examples=25, stateful_step_count=20, deadline=None),
    )

"""What relays send, in whatever order they live and die, takes effect once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relay_model import STEPS, Partition

from store.effects import Done
from store.log.outbox import HEADER, AnyHeaders, outbox_number, with_outbox_number
from streams.consumption import Message
from streams.repeats import new_records


@settings(max_examples=400, deadline=None, derandomize=True)
@given(steps=STEPS, cuts=st.lists(st.tuples(st.integers(1, 7), st.booleans(), st.integers(0, 9))))
def test_any_interleaving_of_relays_yields_each_effect_once_and_in_order(
    steps: list[tuple[int, str, int]], cuts: list[tuple[int, bool, int]]
) -> None:
    partition = Partition()
    for name, action, count in steps:
        partition.relay(name, action, count)
    made: list[Message] = []
    done = Done(-1)
    at = 0
    for size, again, back in [*cuts, (len(partition.told) + 100, False, 0)]:
        batch: list[Message] = [*partition.told[at : at + size]]
        at += len(batch)
        new, done = new_records(batch, done)
        made += new
        if again:  # another worker begins before what is done: Kafka's committed offset is behind
            at = max(0, at - back)
    taken = [partition.told[one.offset] for one in made]
    numbers = [one.number for one in taken if one.number is not None]
    highest = max((one.number for one in partition.told if one.number is not None), default=-1)
    assert numbers == list(range(highest + 1))
    by_themselves = [one.offset for one in taken if one.number is None]
    assert by_themselves == [one.offset for one in partition.told if one.number is None]
    if partition.told:
        assert done == Done(len(partition.told) - 1, highest)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(steps=STEPS)
def test_before_a_number_there_is_every_lower_one(steps: list[tuple[int, str, int]]) -> None:
    """The property that the rule of `new_records` rests on, in the model it was thought out in."""
    partition = Partition()
    for name, action, count in steps:
        partition.relay(name, action, count)
    seen: set[int] = set()
    for one in partition.told:
        if one.number is not None:
            assert seen >= set(range(one.number))
            seen.add(one.number)


class TestOutboxNumber:
    @pytest.mark.parametrize(
        "headers",
        [
            [("gemba-outbox", b"17")],
            (("other", b"1"), ("gemba-outbox", b"17")),
            {"other": b"1", "gemba-outbox": b"17"},
            with_outbox_number((("other", b"1"),), 17),
        ],
    )
    def test_headers_of_every_client_are_read(self, headers: AnyHeaders) -> None:
        assert outbox_number(headers) == 17

    @pytest.mark.parametrize(
        "headers",
        [
            None,
            [],
            {},
            (("other", b"17"),),
            [("gemba-outbox", b"")],
            [("gemba-outbox", b"-1")],
            [("gemba-outbox", b"seventeen")],
            [("gemba-outbox", b"9" * 20)],
            [("gemba-outbox", b"%d" % 2**63)],
        ],
    )
    def test_what_the_relay_did_not_write_is_no_number(self, headers: AnyHeaders) -> None:
        assert outbox_number(headers) is None

    def test_a_header_of_somebody_elses_is_replaced(self) -> None:
        headers = with_outbox_number(((HEADER, b"99"), ("other", b"1")), 3)
        assert headers == ((HEADER, b"3"), ("other", b"1"))

"""Moves are told on in records that a stream takes, whatever their texts hold (SHIP-1)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import EpochMs, SiteCode
from contracts.streams import MAX_RECORD_BYTES, GoodsMoved, encode_events
from streams.telemetry.goods import goods_key, portions


def moved(seq: int, lot: str, order: str | None = "SO-1") -> GoodsMoved:
    return GoodsMoved(
        site=SiteCode("plant-w"),
        device_id=1,
        publisher_id=1,
        seq=seq,
        t_ms=EpochMs(1_767_600_000_000),
        event="picked",
        item="A",
        quantity="1",
        unit=None,
        lot=lot,
        from_=None,
        to=None,
        work_order="WO-1",
        order=order,
    )


@given(st.lists(st.integers(0, 60_000), max_size=40), st.sampled_from("a質😀"))
def test_ship_1_records_are_full_but_never_too_large(lengths: list[int], sign: str) -> None:
    moves = [moved(seq, sign * length) for seq, length in enumerate(lengths)]
    cut = list(portions(moves))
    assert [move for portion in cut for move in portion] == moves
    for portion in cut:
        assert portion
        assert len(encode_events([*portion])) <= MAX_RECORD_BYTES
    for one, next_ in pairwise(cut):
        texts = sum(len(move.lot or "") for move in (*one, next_[0]))
        assert 4 * texts + 300 * (len(one) + 1) > MAX_RECORD_BYTES // 2


def test_ship_1_the_moves_of_an_order_have_one_key() -> None:
    assert goods_key(moved(0, "")) == goods_key(moved(1, "x")) == "SO-1"
    assert goods_key(moved(2, "", order=None)) == "wo:plant-w/WO-1"

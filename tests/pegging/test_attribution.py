"""Whose are the good pieces? PEG-1 to PEG-6 of docs/protocol.md."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.pegging.attribution import Claim, attribute, share_scrap

claims_strategy = st.lists(
    st.builds(
        Claim,
        id=st.integers(1, 9),
        quantity=st.integers(1, 500).map(Decimal),
        due_ms=st.none() | st.integers(0, 3),
        priority=st.integers(0, 2),
        of_work=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda each: (each.id, each.of_work),
)


def held(claims: list[Claim], shares: tuple[Decimal, ...]) -> list[Claim]:
    return [
        Claim(
            id=claim.id,
            quantity=claim.quantity,
            due_ms=claim.due_ms,
            priority=claim.priority,
            of_work=claim.of_work,
            held=share,
        )
        for claim, share in zip(claims, shares, strict=True)
    ]


def test_peg_1_by_due_date_then_priority_then_lines_before_work_then_id() -> None:
    ten = Decimal(10)
    claims = [
        Claim(id=1, quantity=ten),
        Claim(id=4, quantity=ten, due_ms=5),
        Claim(id=3, quantity=ten, due_ms=5),
        Claim(id=2, quantity=ten, due_ms=5, of_work=True),
        Claim(id=9, quantity=ten, due_ms=5, priority=1),
        Claim(id=8, quantity=ten, due_ms=4),
    ]
    for good, last in ((5, 8), (15, 9), (25, 3), (35, 4), (45, 2), (55, 1)):
        shares = attribute(Decimal(good), claims).shares
        assert shares[[claim.id for claim in claims].index(last)] == 5


def test_peg_2_what_is_beyond_all_goes_to_stock() -> None:
    done = attribute(
        Decimal(25), [Claim(id=1, quantity=Decimal(10)), Claim(id=2, quantity=Decimal(10))]
    )
    assert [int(each) for each in (*done.shares, done.to_stock)] == [10, 10, 5]
    assert attribute(Decimal(3), []).to_stock == 3


def test_peg_3_what_was_given_is_kept_when_something_more_urgent_comes() -> None:
    claims = [
        Claim(id=1, quantity=Decimal(10), due_ms=9, held=Decimal(7)),
        Claim(id=2, quantity=Decimal(10), due_ms=1),
    ]
    assert [int(share) for share in attribute(Decimal(9), claims).shares] == [7, 2]


def test_peg_4_a_demand_that_shrinks_gives_back() -> None:
    claims = [
        Claim(id=1, quantity=Decimal(3), due_ms=1, held=Decimal(7)),
        Claim(id=2, quantity=Decimal(10), due_ms=2),
    ]
    assert [int(share) for share in attribute(Decimal(9), claims).shares] == [3, 6]


def test_peg_5_a_correction_takes_from_the_last() -> None:
    claims = [
        Claim(id=1, quantity=Decimal(10), due_ms=1, held=Decimal(10)),
        Claim(id=2, quantity=Decimal(10), due_ms=2, held=Decimal(4)),
    ]
    assert [int(share) for share in attribute(Decimal(12), claims).shares] == [10, 2]
    assert [int(share) for share in attribute(Decimal(3), claims).shares] == [3, 0]


@given(claims=claims_strategy, counts=st.lists(st.integers(0, 3_000), min_size=1, max_size=6))
def test_peg_6_in_however_many_steps_the_result_is_the_same(
    claims: list[Claim], counts: list[int]
) -> None:
    now = claims
    for count in counts:
        now = held(now, attribute(Decimal(count), now).shares)
    once = attribute(Decimal(counts[-1]), claims)
    assert tuple(claim.held for claim in now) == once.shares
    assert sum(once.shares, once.to_stock) == counts[-1]
    assert all(share == int(share) for share in once.shares)
    backwards = attribute(Decimal(counts[-1]), claims[::-1])
    assert backwards.shares[::-1] == once.shares


@given(claims=claims_strategy, scrap=st.integers(0, 2_000))
def test_scrap_is_shared_whole_and_whatever_the_order(claims: list[Claim], scrap: int) -> None:
    shares = share_scrap(scrap, claims)
    assert sum(shares) == (scrap if claims else 0)
    assert min(shares, default=0) >= 0
    assert share_scrap(scrap, claims[::-1])[::-1] == shares

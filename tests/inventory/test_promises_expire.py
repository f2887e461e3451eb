"""A lot whose last day is over by the date of a promise does not count for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_api import SITE, Stockroom
from test_reservations import bill, buys

from domain.inventory.available import (
    Change,
    available_at,
    first_date,
    held_until,
    lasting,
    project,
)
from domain.inventory.expiring import leaving
from domain.inventory.replenishment import ReasonCode, Rules, propose
from domain.inventory.shortages import Demand, Shortage, Supply, shortages
from domain.inventory.words import SupplyKind

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
_NEVER = 99


class Dated(NamedTuple):
    """So much, on a day: when a lot leaves, a supply comes, a need is."""

    day: int
    quantity: int


dated = st.builds(Dated, st.integers(0, 5), st.integers(1, 3))
lots_of = st.lists(
    st.builds(Dated, st.sampled_from([1, 2, 3, 4, 5, _NEVER]), st.integers(1, 3)), max_size=3
)


def moment(day: int) -> datetime:
    return NOW + timedelta(days=day)


def all_served(
    lots: Sequence[Dated], supplies: Sequence[Dated], soft: Sequence[Dated], hard: Sequence[Dated]
) -> bool:
    """Whether everybody can be given pieces of their own: tried out, piece by piece.

    Soft needs take a lot that has not left by then, or what has come; hard ones a lot only.
    """
    goods: list[tuple[int, int | None]]
    goods = [(each.day, None) for each in lots for _ in range(each.quantity)]
    goods += [(_NEVER, each.day) for each in supplies for _ in range(each.quantity)]
    needs = [(each.day, True) for each in soft for _ in range(each.quantity)]
    needs += [(each.day, False) for each in hard for _ in range(each.quantity)]
    given_to: dict[int, int] = {}

    def fits(need: int, good: int) -> bool:
        day, may_come = needs[need]
        leaves, comes = goods[good]
        return day < leaves and (comes is None or (may_come and comes <= day))

    def give(need: int, seen: set[int]) -> bool:
        for good in range(len(goods)):
            if good in seen or not fits(need, good):
                continue
            seen.add(good)
            if good not in given_to or give(given_to[good], seen):
                given_to[good] = need
                return True
        return False

    return all(give(need, set()) for need in range(len(needs)))


class Item:
    """An item's stock, supplies and what was promised of it."""

    def __init__(self, lots: Sequence[Dated], supplies: Sequence[Dated]) -> None:
        self.lots, self.supplies = lots, supplies
        self.soft: list[Dated] = []
        self.hard: list[Dated] = []

    @property
    def free(self) -> Decimal:
        """What lies there and is not held hard."""
        held = sum(each.quantity for each in self.hard)
        return Decimal(sum(each.quantity for each in self.lots) - held)

    @property
    def changes(self) -> list[Change]:
        """What comes, what is promised, what leaves."""
        gone = leaving(
            [
                (None if each.day == _NEVER else moment(each.day), Decimal(each.quantity))
                for each in self.lots
            ],
            [(moment(each.day), Decimal(each.quantity)) for each in self.hard],
        )
        return [
            *(_change(each, SupplyKind.PURCHASE, 1) for each in self.supplies),
            *(_change(each, SupplyKind.RESERVATION, -1) for each in self.soft),
            *(
                Change(at=at, quantity=-quantity, kind=SupplyKind.EXPIRY)
                for at, quantity in gone.items()
            ),
        ]

    def available(self, day: int, *, hard: bool) -> Decimal:
        """What can be promised for a day; hard: out of what lies there."""
        steps = project(self.free, self.changes, NOW)
        if not hard:
            return available_at(steps, moment(day))
        gone = sum(
            -each.quantity
            for each in self.changes
            if each.kind is SupplyKind.EXPIRY and each.at <= moment(day)
        )
        return min(held_until(steps, moment(day)), self.free - gone)


def _change(each: Dated, kind: SupplyKind, sign: int) -> Change:
    return Change(at=moment(each.day), quantity=Decimal(sign * each.quantity), kind=kind)


class TestEveryPiece:
    @settings(max_examples=400)
    @given(lots_of, st.lists(dated, max_size=2), st.lists(st.tuples(dated, st.booleans())))
    def test_is_promised_once_to_somebody_whom_it_can_still_serve(
        self, lots: list[Dated], supplies: list[Dated], asked: list[tuple[Dated, bool]]
    ) -> None:
        item = Item(lots, supplies)
        for want, hard in asked[:6]:
            accepted = item.available(want.day, hard=hard) >= want.quantity
            promised = item.hard if hard else item.soft
            promised.append(want)
            # Nothing is refused that could be kept, and nothing accepted that could not.
            assert accepted == all_served(lots, supplies, item.soft, item.hard)
            if not accepted:
                promised.pop()

    @given(lots_of, st.lists(dated, max_size=2), st.lists(dated, max_size=4))
    def test_leaves_no_more_than_there_is(
        self, lots: list[Dated], supplies: list[Dated], soft: list[Dated]
    ) -> None:
        item = Item(lots, supplies)
        item.soft = soft
        steps = project(item.free, item.changes, NOW)
        assert lasting(steps) <= available_at(steps, NOW)
        assert all(0 <= step.expired <= item.free for step in steps)
        assert steps[-1].expired <= sum(each.quantity for each in lots if each.day != _NEVER)
        assert [step.expired for step in steps] == sorted(step.expired for step in steps)


class TestShortages:
    @settings(max_examples=400)
    @given(lots_of, st.lists(dated, max_size=2), st.lists(dated, max_size=4))
    def test_somebody_goes_short_if_and_only_if_not_everybody_can_be_served(
        self, lots: list[Dated], supplies: list[Dated], soft: list[Dated]
    ) -> None:
        found = lacking(lots, supplies, soft)
        assert (not found) == all_served(lots, supplies, soft, [])
        for each in found:
            assert 0 < each.missing <= soft[each.demand].quantity
            assert 0 <= each.expiring <= each.missing
        # Nothing is blamed for leaving that does not leave, and nothing twice.
        dated_only = sum(lot.quantity for lot in lots if lot.day != _NEVER)
        assert sum(each.expiring for each in found) <= dated_only

    def test_who_comes_first_takes_what_leaves_first(self) -> None:
        lots = [Dated(_NEVER, 2), Dated(3, 2)]
        assert lacking(lots, [], [Dated(2, 2), Dated(4, 2)]) == []
        (short,) = lacking(lots, [], [Dated(4, 3), Dated(2, 1)])
        assert (short.demand, int(short.missing), int(short.expiring)) == (0, 1, 1)
        assert short.comes_at is None

    def test_what_comes_for_what_has_left_says_when(self) -> None:
        first, second = lacking([Dated(1, 3)], [Dated(4, 3)], [Dated(2, 2), Dated(3, 2)])
        assert (int(first.missing), int(first.expiring), first.comes_at) == (2, 2, moment(4))
        assert (int(second.missing), int(second.expiring), second.comes_at) == (2, 1, None)


def lacking(
    lots: Sequence[Dated], supplies: Sequence[Dated], soft: Sequence[Dated]
) -> list[Shortage]:
    """Who goes short, with nothing held hard; demands are numbered as they stand in `soft`."""
    item = Item(lots, supplies)
    return shortages(
        item.free,
        [
            Demand(id=number, at=moment(each.day), quantity=Decimal(each.quantity))
            for number, each in enumerate(soft)
        ],
        [
            Supply(at=moment(each.day), quantity=Decimal(each.quantity), reference="x")
            for each in supplies
        ],
        {each.at: -each.quantity for each in item.changes if each.kind is SupplyKind.EXPIRY},
    )


class TestProjection:
    def test_what_was_promised_in_time_is_not_lost_as_well(self) -> None:
        item = Item([Dated(3, 3)], [Dated(4, 3)])
        item.soft = [Dated(1, 2)]
        steps = project(item.free, item.changes, NOW)
        assert [(int(step.projected), int(step.expired)) for step in steps] == [
            (3, 0),
            (1, 0),
            (0, 1),
            (3, 1),
        ]
        assert [step.available for step in steps] == [1, 1, 0, 3]
        assert first_date(steps, Decimal(2)) == moment(4)
        assert lasting(steps) == 0

    def test_what_is_short_stands_for_what_leaves_first(self) -> None:
        lots = [(moment(2), Decimal(5)), (None, Decimal(5))]
        assert leaving(lots, [], short=Decimal(3)) == {moment(2): 2}
        assert leaving(lots, [(moment(4), Decimal(7))]) == {moment(2): 3}

    def test_what_will_leave_is_ordered_in_time(self) -> None:
        item = Item([Dated(2, 3)], [])
        rules = Rules(minimum=Decimal(2), lead_time=timedelta(days=3))
        found = propose(rules, project(item.free, item.changes, NOW))
        assert found is not None
        assert (int(found.quantity), found.need_at) == (2, moment(2))
        assert found.reason.code is ReasonCode.BELOW_MINIMUM
        assert found.reason.limit == 2
        assert found.reason.lowest == 0
        assert "below the minimum of 2" in found.reason.words


def day(offset: int) -> date:
    return datetime.now(ZONE).date() + timedelta(days=offset)


def by(offset: int, at: time = time(12)) -> str:
    return datetime.combine(day(offset), at, ZONE).isoformat()


async def available(room: Stockroom, when: str) -> dict[str, Any]:
    found = await room.get("/v1/availability", item="screw", site=SITE, date=when)
    return dict(found["items"][0])


class TestOverTheApi:
    async def test_a_lot_counts_to_the_end_of_its_last_day_at_the_site(
        self, room: Stockroom
    ) -> None:
        await room.receive("screw", 10, lot="SOON", expires_on=day(3).isoformat())
        await room.receive("screw", 4, lot="LATE", expires_on=day(30).isoformat())
        assert (await available(room, by(3, time(23, 59))))["available"] == 14
        after = await available(room, by(4, time(0)))
        assert after["available"] == 4
        assert [step["expired"] for step in after["steps"]] == [0, 10, 14]
        assert [(one["kind"], one["quantity"]) for one in after["sources"]] == [
            ("expiry", -10),
            ("expiry", -4),
        ]

    async def test_neither_soft_nor_hard_is_promised_for_later(self, room: Stockroom) -> None:
        await room.receive("screw", 10, lot="SOON", expires_on=day(3).isoformat())
        await room.receive("screw", 4, lot="LATE", expires_on=day(30).isoformat())
        for kind in ("soft", "hard"):
            refused = await room.reserve("screw", 5, kind=kind, need_at=by(10), status=409)
            assert refused["errors"][0]["problem"] == "4 can be promised"
        await room.reserve("screw", 3, kind="hard", need_at=by(10))
        await room.reserve("screw", 2, kind="soft", need_at=by(10), status=409)
        await room.reserve("screw", 1, kind="soft", need_at=by(10))
        # What the later ones hold is the lot that lasts: the other is for those who come before.
        await room.reserve("screw", 11, kind="soft", need_at=by(2), status=409)
        await room.reserve("screw", 6, kind="soft", need_at=by(2))
        await room.reserve("screw", 4, kind="hard", need_at=by(1))
        await room.reserve("screw", 1, status=409)
        assert await room.api.imbalances() == []

    async def test_what_was_promised_out_of_a_purchase_is_not_held_in_a_lot_that_leaves(
        self, room: Stockroom
    ) -> None:
        await room.receive("screw", 10, expires_on=day(3).isoformat())
        line = {"item": "screw", "quantity": 10, "due_at": by(6)}
        await room.post("/v1/purchases", {"site": SITE, "lines": [line]})
        later = await room.reserve("screw", 10, kind="soft", need_at=by(8))
        await room.post(f"/v1/reservations/{later['id']}/harden", {}, 409)
        sooner = await room.reserve("screw", 10, kind="soft", need_at=by(2))
        await room.post(f"/v1/reservations/{sooner['id']}/harden", {}, 200)

    async def test_a_promise_does_not_wait_with_goods_that_leave_meanwhile(
        self, room: Stockroom
    ) -> None:
        await room.receive("screw", 10, expires_on=day(3).isoformat())
        line = {"item": "screw", "quantity": 12, "due_at": by(6)}
        await room.post("/v1/purchases", {"site": SITE, "lines": [line]})
        question = {"site": SITE, "lines": [{"item": "screw", "quantity": 12}], "hold_minutes": 5}
        found = await room.post("/v1/promises", question, 200)
        assert datetime.fromisoformat(found["promised_at"]) == datetime.fromisoformat(by(6))
        question["lines"] = [{"item": "screw", "quantity": 10}]
        found = await room.post("/v1/promises", question, 200)
        assert found["promised_at"] == found["as_of"]

    async def test_a_shortage_is_foreseen_with_who_waits_and_what_is_proposed(
        self, room: Stockroom
    ) -> None:
        await bill(room, "bracket", "screw", "1")
        await buys(room, "screw", 5)
        await room.receive("screw", 10, lot="SOON", expires_on=day(3).isoformat())
        await room.receive("screw", 4, lot="LATE", expires_on=day(30).isoformat())
        lines = [{"item": "bracket", "quantity": 8}]
        order = {"site": SITE, "customer": "acme", "lines": lines}
        number = (await room.post("/v1/orders", order))["number"]
        await room.post(f"/v1/orders/{number}/release", {}, 200)
        assert await self._needed(room, by(2)) == []
        (short,) = await self._needed(room, by(10))
        assert (short["item"], short["needed"]) == ("screw", 8)
        assert (short["missing"], short["expiring"]) == (4, 4)
        assert (short["orders"], short["order"]) == ([number], None)
        assert (short["comes_at"], short["proposal"]) == (None, None)
        # What is needed within the lead time has to be ordered by now.
        await self._needed(room, by(4))
        (proposal,) = (await room.post("/v1/replenishment", {"site": SITE}, 200))["items"]
        (short,) = await self._needed(room, by(4))
        assert short["proposal"] == {
            name: proposal[name] for name in ("id", "kind", "quantity", "order_by")
        }
        line = {"item": "screw", "quantity": 100, "due_at": by(8)}
        await room.post("/v1/purchases", {"site": SITE, "lines": [line]})
        assert await self._needed(room, by(10)) == []

    @staticmethod
    async def _needed(room: Stockroom, when: str) -> list[dict[str, Any]]:
        """Who goes short when components are needed at a moment."""
        await room.api.rows("UPDATE reservations SET need_at = %s", when)
        found: list[dict[str, Any]] = (await room.get("/v1/shortages", site=SITE))["items"]
        return found

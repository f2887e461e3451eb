"""Dates that move on a real database, and the messages that are made of it."""

from __future__ import annotations

import asyncio
from typing import Any

from noticed_orders import DAY, HOUR, KEY, MINUTE, NOW, PACE, Desk

from domain.alarms.rotas import Hours
from domain.customer_notices.contacts import Wishes
from domain.customer_notices.dates import Basis
from domain.customer_notices.links import tracking_token
from runtime.clock import SystemClock
from store import access
from store.customer_notices import contacts, telling
from store.live_times import rfc3339_ms

DUE = NOW + 5 * DAY


def said(notice: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Lines of a message with both dates."""
    return [(one["line"], one["from"], one["to"]) for one in notice["body"]["lines"]]


def span(line: int, from_ms: int, to_ms: int) -> tuple[int, str, str]:
    return line, rfc3339_ms(from_ms) or "", rfc3339_ms(to_ms) or ""


class TestLook:
    async def test_a_date_that_moved_is_told_once(self, desk: Desk) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        assert await desk.settled() == 0
        [notice] = await desk.notices()
        assert notice["state"] == "waiting"
        assert (notice["why"], notice["cause"]) == ("date_moved", "order:SO-1")
        assert (notice["address"], notice["channel"]) == ("anna@acme.example", "email")
        assert said(notice) == [span(1, DUE, DUE + DAY)]
        assert notice["body"]["reason"] == "capacity"

    async def test_the_first_plan_of_a_new_order_is_measured_by_the_promise(
        self, desk: Desk
    ) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.run("UPDATE order_lines SET promised_at = due_at + interval '1 day'")
        await desk.ends("SO-1", DUE + 2 * DAY)
        assert await desk.settled() == 1
        [notice] = await desk.notices()
        assert said(notice) == [span(1, DUE + DAY, DUE + 2 * DAY)]

    async def test_of_orders_that_were_there_before_what_is_now_is_known(self, desk: Desk) -> None:
        await desk.order("SO-1", DUE, received_ms=NOW - 3 * DAY)
        await desk.ends("SO-1", DUE + 9 * DAY)
        await desk.contact(since_ms=NOW)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE + 10 * DAY)
        assert await desk.settled() == 1

    async def test_earlier_than_promised_is_no_news_and_back_again_is(self, desk: Desk) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.ends("SO-1", DUE - 2 * DAY)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE + 2 * DAY)
        assert await desk.settled() == 1
        await desk.run("UPDATE customer_notices SET state = 'sent'")
        await desk.ends("SO-1", DUE - 2 * DAY)
        assert await desk.settled() == 0
        assert await desk.look(PACE.swing_ms) == 1
        _, back = await desk.notices()
        assert said(back) == [span(1, DUE + 2 * DAY, DUE)]
        assert back["body"]["reason"] == "recovered"

    async def test_who_saw_a_date_is_told_both_ways(self, desk: Desk) -> None:
        order = await desk.order("SO-1", DUE, received_ms=NOW - 3 * DAY)
        await desk.contact(order=order, basis=Basis.SHOWN)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE - DAY)
        assert await desk.settled() == 1

    async def test_lines_that_move_together_are_one_message(self, desk: Desk) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE, DUE + DAY, DUE + 2 * DAY)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE + 3 * DAY, line=1)
        await desk.ends("SO-1", DUE + 4 * DAY, line=3)
        assert await desk.settled() == 1
        [notice] = await desk.notices()
        assert said(notice) == [
            span(1, DUE, DUE + 3 * DAY),
            span(3, DUE + 2 * DAY, DUE + 4 * DAY),
        ]

    async def test_over_is_over(self, desk: Desk) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.order("SO-2", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        await desk.ends("SO-2", DUE + DAY)
        await desk.look()
        await desk.run("UPDATE order_lines SET state = 'cancelled' WHERE order_id = 1")
        await desk.run(
            "UPDATE order_lines SET state = 'produced', produced_at = now() WHERE order_id = 2"
        )
        assert await desk.look(HOUR) == 0
        assert await desk.notices() == []

    async def test_whoever_has_not_confirmed_or_has_left_is_told_nothing(self, desk: Desk) -> None:
        await desk.contact("new@acme.example", confirmed_by=None)
        left = await desk.contact("left@acme.example")
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        async with desk.pool.connection() as connection:
            assert await contacts.unsubscribe(connection, left.contact_id, by="test")
            assert not await contacts.unsubscribe(connection, left.contact_id, by="test")
        [notice] = await desk.notices()
        assert (notice["state"], notice["note"]) == ("withdrawn", "unsubscribed")
        await desk.ends("SO-1", DUE + 2 * DAY)
        assert await desk.settled() == 0

    async def test_an_address_is_told_once_of_an_order(self, desk: Desk) -> None:
        order = await desk.order("SO-1", DUE, received_ms=NOW - 3 * DAY)
        await desk.contact()
        await desk.contact(order=order, basis=Basis.SHOWN)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1

    async def test_in_quiet_hours_nobody_is_told(self, desk: Desk) -> None:
        wishes = Wishes(quiet=(Hours(from_="16:00", until="08:00"),), time_zone="Europe/Berlin")
        await desk.contact(wishes=wishes)
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 0
        # It is half past four in the afternoon: until eight there are 15 hours and a half.
        assert await desk.look(15 * HOUR) == 0
        assert await desk.look(HOUR) == 1

    async def test_no_message_of_a_date_that_was_not_sent_and_came_back(self, desk: Desk) -> None:
        """Mail is away for an hour: what it would have said is not true any more."""
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        await desk.ends("SO-1", DUE)
        assert await desk.look() == 0
        assert await desk.look(PACE.swing_ms) == 0
        [notice] = await desk.notices()
        assert (notice["state"], notice["note"]) == ("withdrawn", "the date moved again")

    async def test_a_message_that_was_not_sent_is_replaced_from_where_it_began(
        self, desk: Desk
    ) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        await desk.ends("SO-1", DUE + 2 * DAY)
        assert await desk.settled() == 1
        first, second = await desk.notices()
        assert first["state"] == "withdrawn"
        assert said(second) == [span(1, DUE, DUE + 2 * DAY)]

    async def test_one_that_was_tried_counts_as_told(self, desk: Desk) -> None:
        await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        await desk.run("UPDATE customer_notices SET attempts = 1")
        await desk.ends("SO-1", DUE + 2 * DAY)
        assert await desk.settled() == 1
        _, second = await desk.notices()
        assert said(second) == [span(1, DUE + DAY, DUE + 2 * DAY)]

    async def test_the_link_leads_to_the_order(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        await desk.settled()
        [notice] = await desk.notices()
        async with desk.pool.connection() as connection:
            linked = await access.linked_order(
                connection, tracking_token(KEY, notice["message_id"])
            )
            other = await access.linked_order(
                connection, tracking_token("o" * 43, notice["message_id"])
            )
        assert linked is not None
        assert (linked.order_id, linked.line) == (order, None)
        assert other is None

    async def test_a_line_by_itself(self, desk: Desk) -> None:
        order = await desk.order("SO-1", DUE, DUE, received_ms=NOW - 3 * DAY)
        await desk.contact(order=order, line=2, basis=Basis.SHOWN)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY, line=1)
        assert await desk.settled() == 0
        await desk.ends("SO-1", DUE + DAY, line=2)
        assert await desk.settled() == 1

    async def test_whoever_comes_back_begins_anew(self, desk: Desk) -> None:
        contact = await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.look()
        async with desk.pool.connection() as connection:
            await contacts.unsubscribe(connection, contact.contact_id, by="test")
            assert await contacts.confirm(connection, contact.contact_id, by="anna")
            assert not await contacts.confirm(connection, contact.contact_id, by="anna")
        await desk.run("UPDATE customer_contacts SET created_at = now() + interval '1 year'")
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 0

    async def test_a_removed_contact_leaves_no_address(self, desk: Desk) -> None:
        contact = await desk.contact()
        await desk.order("SO-1", DUE)
        await desk.look()
        await desk.ends("SO-1", DUE + DAY)
        await desk.settled()
        async with desk.pool.connection() as connection, connection.transaction():
            await contacts.remove(connection, contact)
        [notice] = await desk.notices()
        assert (notice["state"], notice["address"], notice["recipient"]) == ("withdrawn", "", "")
        assert await desk.rows("SELECT FROM customer_dates") == []


class TestReason:
    async def reason(self, desk: Desk, order: int) -> str:
        await desk.ends("SO-1", DUE + DAY)
        assert await desk.settled() == 1
        [notice] = await desk.rows("SELECT body FROM customer_notices WHERE order_id = %s", order)
        return str(notice["body"]["reason"])

    async def test_the_machine_it_is_on_is_down(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        await desk.run("UPDATE machine_states SET state = 'down'")
        assert await self.reason(desk, order) == "machine"

    async def test_the_order_was_changed(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        desk.clock.at_ms += MINUTE
        await desk.happened(
            order,
            "OrderChanged",
            before={"lines": [{"number": 1, "quantity": "480"}]},
            after={"lines": [{"number": 1, "quantity": "960"}]},
        )
        await desk.run("UPDATE machine_states SET state = 'down'")
        assert await self.reason(desk, order) == "order_changed"

    async def test_another_line_was_changed(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        await desk.happened(
            order,
            "OrderChanged",
            before={"lines": [{"number": 2, "quantity": "480"}]},
            after={"lines": [{"number": 2, "quantity": "960"}]},
        )
        assert await self.reason(desk, order) == "capacity"

    async def test_the_plan_was_made_for_material(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        await desk.happened(order, "ExpectedDateMoved", "material_late", after={})
        assert await self.reason(desk, order) == "material"

    async def test_somebody_elses_rush_order_is_capacity(self, desk: Desk) -> None:
        await desk.contact()
        order = await desk.order("SO-1", DUE)
        await desk.look()
        await desk.happened(order, "ExpectedDateMoved", "rush_order", after={})
        assert await self.reason(desk, order) == "capacity"


class TestAsk:
    async def test_an_address_is_left_in_peace(self, desk: Desk) -> None:
        contact = await desk.contact(confirmed_by=None)
        async with desk.pool.connection() as connection:
            asked = []
            for _ in range(telling.MOST_ASKED + 2):
                async with connection.transaction():
                    asked.append(
                        await telling.ask(connection, contact, now_ms=SystemClock().now_ms())
                    )
        assert asked == [True] * telling.MOST_ASKED + [False] * 2


async def test_eight_watches_make_one_message(desk: Desk) -> None:
    """Without the lease that keeps them apart, and on connections of their own."""
    await desk.contact()
    for number in range(5):
        await desk.order(f"SO-{number}", DUE, DUE)
    await desk.look()
    for number in range(5):
        await desk.ends(f"SO-{number}", DUE + DAY, line=1)
        await desk.ends(f"SO-{number}", DUE + DAY, line=2)
    await desk.look()
    desk.clock.at_ms += PACE.settle_ms
    made = await asyncio.gather(*(desk.watch().look() for _ in range(8)))
    assert sum(made) == 5
    notices = await desk.notices()
    assert sorted(one["cause"] for one in notices) == [f"order:SO-{n}" for n in range(5)]
    assert all(len(one["body"]["lines"]) == 2 for one in notices)

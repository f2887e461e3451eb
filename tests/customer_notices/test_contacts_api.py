"""Who is told: put in by staff, by the customer's people, by links; confirmed, and gone again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from api_client import Api
from noticed_orders import DAY, KEY, NOW, PACE, Desk
from pydantic import SecretStr

from api.context import Context
from api.service import build
from domain.access import Role
from domain.customer_notices import links
from domain.customer_notices.links import Purpose
from domain.notification.letters import Letter
from notify.customer_letters import CustomerLetters
from runtime.settings import ApiSettings
from store import access
from store.customer_notices import telling

CONTACTS = "/v1/customers/ACME/contacts"
ANNA = {"name": "Anna", "address": "anna@acme.example"}
URL = "https://gemba.example"


@pytest.fixture
async def api(desk: Desk, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app over the desk."""
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(desk.url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
        installation_key=SecretStr(KEY),
    )
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def sales(api: Api) -> httpx.AsyncClient:
    return await api.as_role(Role.SALES)


@pytest.fixture
async def link(desk: Desk) -> str:
    """The token of a link to SO-1."""
    order = await desk.order("SO-1", NOW + 5 * DAY)
    return await new_link(desk, order)


async def new_link(desk: Desk, order: int, line: int | None = None) -> str:
    async with desk.pool.connection() as connection:
        _, token = await access.create_link(
            connection, order, created_by="test", lasting=timedelta(days=9), line=line
        )
    return token


async def letter(desk: Desk) -> Letter:
    """The newest letter, as the courier takes it on."""
    async with desk.pool.connection() as connection:
        cursor = await connection.execute("SELECT max(decided_at) FROM customer_notices")
        row = await cursor.fetchone()
        assert row is not None
        found = await telling.LETTERS.take_due(
            connection, "email", now=row[0], lease=timedelta(0), total=100
        )
    return max(found, key=lambda one: one.id)


async def actions(desk: Desk) -> list[str]:
    rows = await desk.rows("SELECT action FROM audit_log WHERE object_kind = 'contact' ORDER BY id")
    return [row["action"] for row in rows]


class TestStaff:
    async def test_a_contact_is_put_in_changed_and_taken_out(
        self, desk: Desk, sales: httpx.AsyncClient
    ) -> None:
        quiet = [{"from": "20:00", "until": "07:00", "weekdays": [0, 1, 2, 3, 4]}]
        made = await sales.post(
            CONTACTS,
            json=ANNA
            | {
                "language": "zh-CN",
                "tolerance_minutes": 60,
                "counted": "working",
                "quiet": quiet,
                "time_zone": "Asia/Shanghai",
            },
        )
        assert made.status_code == 201, made.text
        told = made.json()
        assert (told["state"], told["customer"], told["order"]) == ("told", "ACME", None)
        assert (told["quiet"], told["confirmed_by"]) == (quiet, "token a-sales")
        listed = (await sales.get(CONTACTS)).json()
        assert listed == {"items": [told], "total": 1}
        change = {"name": "Anna Berg", "tolerance_minutes": 120, "version": told["version"]}
        changed = await sales.put(f"/v1/contacts/{told['id']}", json=change)
        assert changed.status_code == 200, changed.text
        assert changed.json()["name"] == "Anna Berg"
        assert changed.json()["quiet"] == []
        again = await sales.put(f"/v1/contacts/{told['id']}", json=change)
        assert again.status_code == 409
        assert (await sales.delete(f"/v1/contacts/{told['id']}")).status_code == 204
        assert (await sales.get(CONTACTS)).json()["total"] == 0
        assert await actions(desk) == ["ContactPut", "ContactChanged", "ContactRemoved"]
        kept = await desk.rows("SELECT before, after FROM audit_log")
        assert "anna@" not in str(kept)

    async def test_the_same_address_is_put_in_once(self, sales: httpx.AsyncClient) -> None:
        assert (await sales.post(CONTACTS, json=ANNA)).status_code == 201
        again = await sales.post(CONTACTS, json=ANNA | {"address": "anna@ACME.example"})
        assert again.status_code == 409
        assert "anna@acme.example" in again.text

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            ({"address": "anna"}, "no mail address"),
            ({"channel": "sms", "address": "0151"}, "telephone number"),
            ({"order": "SO-9"}, "no such order"),
            ({"time_zone": "Mars/Base"}, "time zone"),
            ({"tolerance_minutes": 0}, "tolerance_minutes"),
            ({"quiet": [{"from": "25:00", "until": "07:00"}]}, "quiet"),
        ],
    )
    async def test_what_is_wrong_is_named(
        self, sales: httpx.AsyncClient, wrong: dict[str, Any], word: str
    ) -> None:
        answer = await sales.post(CONTACTS, json=ANNA | wrong)
        assert answer.status_code == 422, answer.text
        assert word in answer.text

    async def test_of_orders_of_other_sites_nothing_is_told(
        self, desk: Desk, api: Api, sales: httpx.AsyncClient
    ) -> None:
        await desk.order("SO-1", NOW)
        made = (await sales.post(CONTACTS, json=ANNA | {"order": "SO-1"})).json()
        elsewhere = await api.as_role(Role.SALES, "plant-9")
        assert (await elsewhere.get(CONTACTS)).json()["total"] == 0
        change = {"name": "A", "version": 1}
        place = f"/v1/contacts/{made['id']}"
        assert (await elsewhere.put(place, json=change)).status_code == 404
        assert (await elsewhere.delete(place)).status_code == 404
        bo = {"name": "Bo", "address": "bo@acme.example", "order": "SO-1"}
        assert (await elsewhere.post(CONTACTS, json=bo)).status_code == 422

    async def test_who_has_not_agreed_is_asked(self, desk: Desk, sales: httpx.AsyncClient) -> None:
        made = await sales.post(CONTACTS, json=ANNA | {"agreed": False})
        assert made.json()["state"] == "asked"
        [asked] = await desk.notices()
        assert (asked["why"], asked["address"]) == ("confirm", "anna@acme.example")


class TestLink:
    async def test_from_asking_to_the_first_message_and_away_again(
        self, desk: Desk, api: Api, link: str
    ) -> None:
        browser = api.client()
        asked = await browser.post(
            f"/v1/tracking/{link}/contacts",
            json={"address": "anna@acme.example", "language": "zh-CN"},
        )
        assert (asked.status_code, asked.json()) == (202, {"state": "asked"})
        source = CustomerLetters(installation_key=KEY, public_url=URL)
        composed = await source.compose(await letter(desk))
        assert composed.template == "customer_confirm"
        assert composed.values["order"] == "SO-1"
        assert composed.link is not None
        page = await browser.get(composed.link)
        assert page.status_code == 200
        assert "通知 a…@acme.example" in page.text
        assert '<form method="post">' in page.text
        # Whatever opened the link has not confirmed it.
        assert (await desk.rows("SELECT confirmed_at FROM customer_contacts"))[0] == {
            "confirmed_at": None
        }
        assert "订阅成功" in (await browser.post(composed.link)).text
        desk.clock.at_ms = NOW
        assert await desk.look() == 0
        await desk.ends("SO-1", NOW + 6 * DAY)
        await desk.look()
        assert await desk.look(PACE.settle_ms) == 1
        composed = await source.compose(await letter(desk))
        assert composed.template == "customer_date_moved"
        assert composed.link is not None
        token = composed.link.removeprefix("/t/").partition("?")[0]
        assert (await browser.get(f"/v1/tracking/{token}")).json()["number"] == "SO-1"
        leave = composed.headers["List-Unsubscribe"].strip("<>").removeprefix(URL)
        assert composed.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "不再向" in (await browser.get(leave)).text
        pressed = await browser.post(leave, data={"List-Unsubscribe": "One-Click"})
        assert pressed.status_code == 200
        assert "已退订" in pressed.text
        [contact] = await desk.rows("SELECT unsubscribed_at FROM customer_contacts")
        assert contact["unsubscribed_at"] is not None
        assert await actions(desk) == ["ContactPut", "ContactConfirmed", "ContactUnsubscribed"]

    async def test_it_says_the_same_of_every_address(
        self, desk: Desk, api: Api, sales: httpx.AsyncClient, link: str
    ) -> None:
        await sales.post(CONTACTS, json=ANNA | {"order": "SO-1"})
        answers = set()
        for address in ("anna@acme.example", "new@acme.example", "new@acme.example"):
            answer = await api.client().post(
                f"/v1/tracking/{link}/contacts", json={"address": address}
            )
            answers.add((answer.status_code, answer.text))
        assert len(answers) == 1
        assert {one["address"] for one in await desk.notices()} == {"new@acme.example"}

    async def test_nobody_floods_others_by_a_link(self, desk: Desk, api: Api, link: str) -> None:
        statuses = []
        for number in range(12):
            answer = await api.client().post(
                f"/v1/tracking/{link}/contacts", json={"address": f"a{number % 2}@acme.example"}
            )
            statuses.append(answer.status_code)
        assert statuses == [202] * 10 + [429] * 2
        assert len(await desk.notices()) == 2 * telling.MOST_ASKED

    async def test_a_link_to_a_line_is_told_of_that_line(self, desk: Desk, api: Api) -> None:
        order = await desk.order("SO-2", NOW, NOW)
        token = await new_link(desk, order, line=2)
        await api.client().post(
            f"/v1/tracking/{token}/contacts", json={"address": "anna@acme.example"}
        )
        [contact] = await desk.rows("SELECT order_id, line_number FROM customer_contacts")
        assert contact == {"order_id": order, "line_number": 2}

    async def test_the_links_own_browsers_are_told_and_no_others(
        self, desk: Desk, api: Api, link: str
    ) -> None:
        told = await api.client().post(
            f"/v1/tracking/{link}/contacts",
            json={"channel": "web_push", "address": "device/7"},
        )
        assert (told.status_code, told.json()) == (202, {"state": "told"})
        [contact] = await desk.rows("SELECT address, confirmed_by FROM customer_contacts")
        [row] = await desk.rows("SELECT id FROM tracking_links")
        assert contact == {"address": f"link/{row['id']}", "confirmed_by": "tracking link"}
        nothing = await api.client().post(f"/v1/tracking/{link}/contacts", json={})
        assert nothing.status_code == 422
        assert "a mail address is missing" in nothing.text

    async def test_a_guessed_link_leads_nowhere(self, api: Api) -> None:
        answer = await api.client().post(
            "/v1/tracking/guessed/contacts", json={"address": "anna@acme.example"}
        )
        assert answer.status_code == 404


class TestSignedLinks:
    def test_a_token_is_for_one_contact_and_one_purpose(self) -> None:
        contact = uuid4()
        token = links.signed(KEY, Purpose.CONFIRM, contact, until_s=100)
        assert links.contact_of(KEY, Purpose.CONFIRM, token, now_s=100) == contact
        assert links.contact_of(KEY, Purpose.CONFIRM, token, now_s=101) is None
        assert links.contact_of(KEY, Purpose.UNSUBSCRIBE, token, now_s=1) is None
        assert links.contact_of("o" * 43, Purpose.CONFIRM, token, now_s=1) is None
        for place in range(len(token)):
            bent = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert links.contact_of(KEY, Purpose.CONFIRM, bent, now_s=1) is None
        for word in ("", "x", token + "=", token + "A", "ä" * 40):
            assert links.contact_of(KEY, Purpose.CONFIRM, word, now_s=1) is None

    async def test_pages_of_nobody(self, api: Api) -> None:
        token = links.signed(KEY, Purpose.UNSUBSCRIBE, UUID(int=7))
        for what in ("unsubscribe", "confirm"):
            for method in ("GET", "POST"):
                answer = await api.client().request(method, f"/v1/notices/{token}/{what}")
                assert answer.status_code == 404
                assert "<form" not in answer.text

    async def test_what_is_shown_is_text(self, desk: Desk, api: Api) -> None:
        await desk.run("UPDATE customers SET name = '<b>Acme & Co</b>'")
        contact = await desk.contact()
        token = links.signed(KEY, Purpose.UNSUBSCRIBE, contact.contact_id)
        page = (await api.client().get(f"/v1/notices/{token}/unsubscribe?language=en")).text
        assert "&lt;b&gt;Acme &amp; Co&lt;/b&gt;" in page
        assert not re.search(r"<b>|<script", page)


class TestOwn:
    async def test_ones_own_people(self, desk: Desk, api: Api) -> None:
        own = await api.as_role(Role.CUSTOMER, customer="ACME")
        other = await api.as_role(Role.CUSTOMER, customer="GLOBEX")
        await desk.order("SO-1", NOW)
        made = await own.post("/v1/own/contacts", json=ANNA | {"order": "SO-1"})
        assert made.status_code == 201, made.text
        contact = made.json()
        assert (contact["state"], contact["order"]) == ("asked", "SO-1")
        assert (await own.get("/v1/own/contacts")).json()["items"] == [contact]
        assert (await other.get("/v1/own/contacts")).json()["items"] == []
        change = {"name": "A", "version": contact["version"]}
        place = f"/v1/own/contacts/{contact['id']}"
        assert (await other.put(place, json=change)).status_code == 404
        assert (await other.delete(place)).status_code == 404
        assert (
            await other.post("/v1/own/contacts", json=ANNA | {"order": "SO-1"})
        ).status_code == 422
        browser = {"name": "A", "channel": "web_push"}
        assert (await own.post("/v1/own/contacts", json=browser)).status_code == 422
        assert (await own.put(place, json=change)).json()["name"] == "A"
        assert (await own.delete(place)).status_code == 204
        assert await actions(desk) == ["ContactPut", "ContactChanged", "ContactRemoved"]

"""A breakdown on the floor, as those concerned hear of it: in their inboxes, in their languages.

One alarm is raised and told; nobody answers, so it is told to the next one. The customers whose
date moved are told once, with a link that opens the order. The machine works again: it is told.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from browsing import new_page, sign_in
from installation import Installation, eventually
from mail_server import MailServer, text_of
from playwright.async_api import Browser, Page, expect

from launch.ports import free_port
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

SITE = "inbox"
PRESS = f"{SITE}/pressing/line-1/press-1"
MINUTE_MS = 60_000
PASSWORD = "a long enough password"
MEI, BOSS = "mei@plant.example", "boss@plant.example"
ANNA, LIN = "anna@acme.example", "lin@anke.example"
DOWN = f"machine_down:machine:{PRESS}"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Floor:
    """A press, and what it says."""

    installation: Installation
    api: httpx.AsyncClient
    broker: MqttClient
    post: MailServer
    seq: int = 0

    def mails(self, address: str, words: str = "") -> list[EmailMessage]:
        """Somebody's mails of which the subject holds these words."""
        return [mail for mail in self.post.to(address) if words in str(mail["Subject"])]

    async def mail(self, address: str, words: str = "", *, seconds: float = 120) -> EmailMessage:
        """Somebody's only mail with these words, once it is there."""

        async def look() -> list[EmailMessage]:
            return self.mails(address, words)

        found = await eventually(look, bool, seconds=seconds)
        assert len(found) == 1, [str(each["Subject"]) for each in found]
        return found[0]

    async def say(self, kind: str, **fields: Any) -> None:
        """What the press says."""
        self.seq += 1
        body = {"t": time.time_ns() // 1_000_000, "boot": SITE, "seq": self.seq, **fields}
        await self.broker.publish(f"gemba/v1/{PRESS}/{kind}", json.dumps(body), qos=1)

    async def put(self, path: str, body: dict[str, Any]) -> None:
        """Something that is to be so."""
        answer = await self.api.put(f"/v1/{path}", json=body)
        assert answer.is_success, (path, answer.text)

    async def alarm(self) -> dict[str, Any]:
        """The press's alarm, whatever its state."""
        states = "&".join(
            f"state={each}" for each in ("unacknowledged", "acknowledged", "returned", "normal")
        )
        answer = await self.api.get(f"/v1/alarms?{states}")
        found = [each for each in answer.json()["items"] if each["cause"] == DOWN]
        return found[0] if found else {"active": False, "state": "none"}

    async def order(self, customer: str) -> str:
        """Ten minutes of the press; answers its number, once its end is planned."""
        due = datetime.now(UTC) + timedelta(minutes=60)
        line = {"item": "lid", "quantity": 600, "due_at": due.isoformat()}
        answer = await self.api.post(
            "/v1/orders",
            json={"site": SITE, "customer": customer, "release": True, "lines": [line]},
        )
        assert answer.status_code == 201, answer.text
        number = str(answer.json()["number"])

        async def planned() -> Any:
            return (await self.api.get(f"/v1/orders/{number}")).json()["projected_end"]

        await eventually(planned, bool, seconds=180)
        return number

    async def link(self, number: str) -> str:
        """A tracking link to an order."""
        answer = await self.api.post(f"/v1/orders/{number}/tracking-links", json={})
        url: str = answer.json()["url"]
        return url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    """An installation of its own, since it needs a mail server."""
    http_port = free_port()
    async with MailServer() as post:
        installation = Installation(
            tmp_path_factory.mktemp("inbox") / "var",
            broker="amqtt",
            settings={
                "GEMBA_HTTP_PORT": str(http_port),
                "GEMBA_PUBLIC_URL": f"http://127.0.0.1:{http_port}",
                "GEMBA_SMTP_URL": f"smtp+plain://127.0.0.1:{post.port}",
                "GEMBA_SMTP_FROM": "gemba@plant.example",
                "GEMBA_CUSTOMER_NOTICE_SETTLE_S": "1",
            },
        )
        try:
            await installation.start()
            await installation.gemba(
                "user", "add", "sally", "--role", "sales", "--password-stdin", stdin=PASSWORD
            )
            async with installation.api() as api, machines(installation) as broker:
                made = Floor(installation, api, broker, post)
                await furnish(made)
                yield made
        finally:
            installation.stop()


def machines(installation: Installation) -> MqttClient:
    """Where machines speak."""
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    return MqttClient(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="inbox-machines",
    )


async def furnish(floor: Floor) -> None:
    """A press that works, who is told of its alarms, and two customers."""
    step = {"number": 10, "name": "Press", "machine": PRESS, "cycle_ms": 1_000, "setup_ms": 0}
    await floor.put(f"sites/{SITE}", {"name": "Inbox", "time_zone": "Asia/Shanghai"})
    await floor.put(
        f"planning/{SITE}/policy", {"down_threshold_ms": 5_000, "repair_ms": 300 * MINUTE_MS}
    )
    await floor.put(f"machines/{PRESS}", {"name": "Press 1"})
    await floor.put("customers/acme", {"name": "Acme Ltd"})
    await floor.put("customers/anke", {"name": "安可公司"})
    await floor.put("items/lid", {"name": "Lid", "routings": [{"site": SITE, "steps": [step]}]})
    people = (("mei", "林梅", "zh-CN", MEI), ("boss", "Bo Smith", "en", BOSS))
    for code, name, language, address in people:
        recipient = {
            "name": name,
            "language": language,
            "time_zone": "Asia/Shanghai",
            "addresses": [{"channel": "email", "to": address}],
        }
        await floor.put(f"alarm-definitions/recipients/{code}", {"body": recipient})
    steps = [{"after_minutes": 0, "tell": ["mei"]}, {"after_minutes": 1, "tell": ["boss"]}]
    await floor.put(
        "alarm-definitions/escalations/presses", {"body": {"name": "Presses", "steps": steps}}
    )
    rule = {
        "name": "Press down",
        "condition": {"kind": "machine_down"},
        "priority": "high",
        "response": "Go to the press.",
        "where": [SITE],
        "escalation": "presses",
    }
    await floor.put("alarm-definitions/rules/press-down", {"body": rule})
    await floor.say("state", state="running")


async def confirm_by_mail(page: Page, floor: Floor, link: str) -> None:
    """Ask on the order's page to be told, and confirm the address from the inbox."""
    await page.goto(link)
    await page.get_by_test_id("tell-me").click()
    await page.fill("input[name=address]", ANNA)
    await page.select_option("select[name=tolerance]", "60")
    await page.focus("select[name=tolerance]")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("tell-asked")).to_contain_text(ANNA)
    asked = await floor.mail(ANNA)
    assert "Please confirm" in str(asked["Subject"])
    await page.goto(link_in(asked))
    await page.get_by_role("button", name="Yes, tell me").click()
    await expect(page.get_by_role("heading")).to_have_text("You will be told")


def link_in(mail: EmailMessage) -> str:
    """The first address in a mail that is not the one to leave by."""
    found = re.findall(r"http://\S+", text_of(mail))
    return str(next(each for each in found if "unsubscribe" not in each))


async def known(floor: Floor, count: int) -> None:
    """Wait until so many dates are known: what moved before is no news."""
    url = floor.installation.addresses.database_url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def look() -> int:
            cursor = await connection.execute(
                "SELECT count(*) FROM customer_dates WHERE told_ms IS NOT NULL"
            )
            row = await cursor.fetchone()
            return row[0] if row else 0

        await eventually(look, lambda seen: seen >= count)


async def test_from_the_breakdown_to_the_inboxes(  # noqa: PLR0915 - one story
    floor: Floor, browser: Browser, tmp_path: Path
) -> None:
    english = await floor.order("acme")
    chinese = await floor.order("anke")
    phone = await new_page(browser, phone=True)
    await confirm_by_mail(phone, floor, await floor.link(english))
    answer = await floor.api.post(
        "/v1/customers/anke/contacts",
        json={"name": "林女士", "address": LIN, "language": "zh-CN", "tolerance_minutes": 60},
    )
    assert answer.status_code == 201, answer.text
    await known(floor, 2)

    # The breakdown.
    await floor.say("state", state="down", reason="drive overload")
    await eventually(floor.alarm, lambda seen: seen["state"] == "unacknowledged")
    told = await floor.mail(MEI, "Press down")
    assert "尚未处理" not in str(told["Subject"])
    assert "处置：Go to the press." in text_of(told)

    # Both customers are told, each in their language, and of nothing that is not theirs.
    moved = await floor.mail(ANNA, "now expected")
    assert english in str(moved["Subject"])
    text = text_of(moved)
    assert "Reason: a machine is out of order." in text
    assert moved["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    bewegt = await floor.mail(LIN, "预计日期调整为")
    assert chinese in str(bewegt["Subject"])
    text_zh = text_of(bewegt)
    assert "林女士，您好！" in text_zh
    assert "原因：设备故障。" in text_zh
    for words in (text, text_zh):
        assert not re.search("press|drive overload", words, re.IGNORECASE)
    assert english not in text_zh
    assert chinese not in text

    # The link opens the order, which says what the mail says.
    await phone.goto(link_in(moved))
    expected = phone.get_by_test_id("tracking-expected")
    await expect(expected).to_be_visible()
    await expect(phone.locator("main")).to_contain_text(english)
    shown = datetime.fromisoformat(str(await expected.get_attribute("data-expected")))
    said = re.search(r"now expected: (.+) CST", text)
    assert said is not None
    there = datetime.strptime(said.group(1), "%d %b %Y, %H:%M").replace(tzinfo=UTC)
    assert abs(there - timedelta(hours=8) - shown) < timedelta(minutes=30)
    await phone.screenshot(path=tmp_path / "customer-en.png", full_page=True)
    lin = await new_page(browser, phone=True, language="zh-CN")
    await lin.goto(link_in(bewegt))
    await expect(lin.locator("main")).to_contain_text(chinese)
    await expect(lin.get_by_test_id("tell-me")).to_have_text("交期变动时通知我")
    await lin.screenshot(path=tmp_path / "customer-zh.png", full_page=True)

    # Staff see on the order that the customer was told.
    staff = await new_page(browser)
    await sign_in(staff, floor.installation, "sally", PASSWORD)
    await staff.goto(f"{floor.installation.addresses.http_url}/orders/{english}")
    event = staff.get_by_test_id("event-customer_told")
    await expect(event).to_contain_text("a machine is out of order")
    await event.scroll_into_view_if_needed()
    await staff.screenshot(path=tmp_path / "order-told.png")

    # Nobody answers: it is told to the next one.
    escalated = await floor.mail(BOSS, "Not answered", seconds=180)
    assert "Press down" in str(escalated["Subject"])

    # It works again: those who were told are told, and nobody else.
    await floor.say("state", state="running")
    await eventually(floor.alarm, lambda seen: not seen["active"])
    over = await floor.mail(BOSS, "Over:")
    assert "Press down" in str(over["Subject"])
    await floor.mail(MEI, "已解除")
    assert len(floor.mails(MEI, "Press down")) == 2
    assert len(floor.mails(ANNA, "now expected")) == 1
    assert len(floor.mails(LIN, "预计日期调整为")) == 1

    # Enough of it: the link in the mail, and a button.
    await phone.goto(re.findall(r"http://\S+unsubscribe", text)[0])
    await phone.screenshot(path=tmp_path / "leave-en.png")
    await phone.get_by_role("button", name="No more messages").click()
    await expect(phone.get_by_role("heading")).to_have_text("You will not be told any more")
    for page in (phone, lin, staff):
        await page.context.close()

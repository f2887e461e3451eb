"""Alarms in Chromium: they come by themselves, are answered, and their rules are tried first."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from browsing import new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

SITE: Final = "bells"
PRESSES: Final = [f"{SITE}/press/line-1/press-{n}" for n in (1, 2, 3)]
OVEN: Final = f"{SITE}/heat/line-2/oven-1"
PASSWORD: Final = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


class Floor:
    """What machines of the site say."""

    def __init__(self, installation: Installation, client: MqttClient) -> None:
        self.installation = installation
        self._client = client
        self._seq = 0
        self._boot = f"bells-{time.time_ns()}"

    async def say(self, machine: str, state: str, reason: str | None = None) -> None:
        """Tell a state, and wait until the API has it."""
        self._seq += 1
        told = {"t": time.time_ns() // 1_000_000, "boot": self._boot, "seq": self._seq}
        body = told | {"state": state} | ({} if reason is None else {"reason": reason})
        await self._client.publish(f"gemba/v1/{machine}/state", json.dumps(body), qos=1)

        async def shown() -> str:
            async with self.installation.api() as api:
                answer = await api.get(f"/v1/machines/{machine}")
            return str(answer.json().get("state"))

        await eventually(shown, lambda found: found == state)

    async def alarm(self, cause: str, *, state: str, occurrence: int = 1) -> dict[str, Any]:
        """An alarm of the site, once it stands like that."""

        async def look() -> list[dict[str, Any]]:
            async with self.installation.api() as api:
                answer = await api.get("/v1/alarms", params={"site": SITE, "state": state})
            found: list[dict[str, Any]] = answer.json()["items"]
            return [
                each
                for each in found
                if each["cause"] == cause and each["occurrence"] >= occurrence
            ]

        return (await eventually(look, lambda found: len(found) == 1))[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(installation: Installation) -> AsyncIterator[Floor]:
    """Three presses and an oven that run, and people who answer for them."""
    for name, role in (("beate", "planner"), ("bruno", "viewer")):
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said
    async with installation.api() as api:
        answer = await api.put(
            f"/v1/sites/{SITE}", json={"name": "Bell works", "time_zone": "Europe/Berlin"}
        )
        assert answer.is_success, answer.text
        for machine in (*PRESSES, OVEN):
            name = machine.rpartition("/")[2]
            answer = await api.put(f"/v1/machines/{machine}", json={"name": name})
            assert answer.is_success, answer.text
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    async with MqttClient(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="bells-machines",
    ) as client:
        found = Floor(installation, client)
        for machine in (*PRESSES, OVEN):
            await found.say(machine, "running")
        yield found


async def _open(
    floor: Floor,
    browser: Browser,
    address: str,
    *,
    name: str = "beate",
    language: str = "en",
    phone: bool = False,
) -> Page:
    page = await new_page(browser, language=language, phone=phone)
    await sign_in(page, floor.installation, name, PASSWORD)
    await page.goto(f"{floor.installation.addresses.http_url}{address}")
    return page


def row(page: Page, cause: str) -> Any:
    """A row of the list."""
    return page.locator(f"[data-testid=alarm-row][data-cause='{cause}']")


async def _quiet(floor: Floor) -> None:
    """Whatever asks for an answer is answered: the line below the bar is ours."""
    asking = ["unacknowledged", "returned", "latched_unacknowledged"]
    async with floor.installation.api() as api:
        told = (await api.get("/v1/alarms", params={"state": asking, "limit": 200})).json()
        seen = [{"id": each["id"], "occurrence": each["occurrence"]} for each in told["items"]]
        if seen:
            answer = await api.post("/v1/alarms/acknowledge", json={"alarms": seen})
            assert answer.is_success, answer.text


async def test_an_alarm_comes_by_itself_and_is_answered(floor: Floor, browser: Browser) -> None:
    """In the list and on every other screen, without anybody asking for it."""
    await _quiet(floor)
    listed = await _open(floor, browser, f"/alarms?site={SITE}")
    elsewhere = await _open(floor, browser, "/orders")
    await expect(listed.get_by_test_id("alarm-total")).to_have_text("No alarm")
    # The line's only machine: the line is down, which explains the machine.
    await floor.say(OVEN, "down", "burner")
    cause = f"line_down:line:{SITE}/heat/line-2"
    await expect(row(listed, cause)).to_have_attribute("data-state", "unacknowledged")
    await expect(row(listed, f"machine_down:machine:{OVEN}")).to_have_count(0)
    strip = elsewhere.get_by_test_id("alarm-strip")
    await expect(strip).to_contain_text("Line down")
    await expect(strip).to_contain_text("heat / line-2")
    await expect(elsewhere.get_by_test_id("alarm-spoken")).to_contain_text("Alarm, Critical")
    below = await elsewhere.locator("main").bounding_box()
    above = await strip.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1, "it covers nothing"
    await elsewhere.get_by_test_id("alarm-strip-acknowledge").click()
    await floor.alarm(cause, state="acknowledged")
    await expect(row(listed, cause)).to_have_attribute("data-state", "acknowledged")
    await expect(strip).not_to_contain_text("heat / line-2")
    async with floor.installation.api() as api:
        audit = await api.get("/v1/audit", params={"action": "AlarmAcknowledged"})
    assert any(each["object_key"] == cause for each in audit.json()["items"])
    await floor.say(OVEN, "running")
    await expect(row(listed, cause)).to_have_count(0)


async def test_what_was_raised_again_is_refused_by_name(floor: Floor, browser: Browser) -> None:
    press = PRESSES[0]
    cause = f"machine_down:machine:{press}"
    await floor.say(press, "down", "jam")
    first = await floor.alarm(cause, state="unacknowledged")
    page = await _open(floor, browser, f"/alarms?site={SITE}")
    await row(page, cause).get_by_role("checkbox").check()
    await expect(page.get_by_test_id("alarm-bulk")).to_contain_text("1 chosen")
    await floor.say(press, "running")
    await floor.alarm(cause, state="returned")
    await floor.say(press, "down", "jam")
    await floor.alarm(cause, state="unacknowledged", occurrence=first["occurrence"] + 1)
    await expect(row(page, cause)).to_contain_text("2 times")
    await page.get_by_test_id("bulk-acknowledge").click()
    refused = page.get_by_test_id("alarm-refused")
    await expect(refused).to_contain_text("Machine down, press / line-1 / press-1")
    await expect(refused).to_contain_text("raised again meanwhile")
    await floor.alarm(cause, state="unacknowledged", occurrence=2)
    await refused.get_by_role("button", name="I have read it").click()
    await expect(refused).to_have_count(0)


async def test_keys_alone_are_enough(floor: Floor, browser: Browser) -> None:
    """`j` to it, `Enter` to look, `s` to shelve, `a` to acknowledge; `g a` is a way, no answer."""
    cause = f"machine_down:machine:{PRESSES[0]}"
    other = f"machine_down:machine:{PRESSES[1]}"
    await floor.say(PRESSES[1], "down", "tool")
    await floor.alarm(other, state="unacknowledged")
    page = await _open(floor, browser, f"/alarms?site={SITE}&priority=high")
    await expect(row(page, other)).to_be_visible()
    grid = page.get_by_test_id("alarm-grid")
    await grid.focus()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    panel = page.get_by_test_id("alarm-panel")
    await expect(panel).to_contain_text("press-2")
    await expect(panel.get_by_test_id("alarm-journal")).to_contain_text("Raised")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await grid.focus()
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    await expect(row(page, other)).to_have_attribute("data-state", "unacknowledged")
    await page.goto(f"{floor.installation.addresses.http_url}/alarms?site={SITE}&priority=high")
    await expect(row(page, other)).to_be_visible()
    await grid.focus()
    await page.keyboard.press("j")
    await page.keyboard.press("a")
    await floor.alarm(cause, state="acknowledged")
    await expect(row(page, cause)).to_have_attribute("data-state", "acknowledged")
    # What is answered stands below what still asks.
    await grid.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Shelve Machine down, press / line-1 / press-2")
    await dialog.locator("input[name=minutes]").fill("45")
    await dialog.locator("textarea").fill("the tool is ordered")
    await dialog.get_by_role("button", name="Shelve").click()
    shelved = await floor.alarm(other, state="shelved")
    assert shelved["shelved_by"]
    await expect(row(page, other)).to_have_count(0)


async def test_seen_to_and_taken_from_the_shelf(floor: Floor, browser: Browser) -> None:
    cause = f"machine_down:machine:{PRESSES[1]}"
    alarm = await floor.alarm(cause, state="shelved")
    # Where a letter leads to.
    page = await _open(floor, browser, f"/alarms/{alarm['id']}")
    panel = page.get_by_test_id("alarm-panel")
    await expect(panel.get_by_test_id("panel-state")).to_have_text("Shelved")
    await panel.get_by_test_id("panel-assign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    await expect(panel).to_contain_text("beate")
    await panel.get_by_test_id("panel-unshelve").click()
    await page.get_by_role("dialog").get_by_role("button", name="Take from the shelf").click()
    await expect(panel.get_by_test_id("panel-state")).to_have_text("Active, not acknowledged")
    await expect(panel.get_by_test_id("alarm-journal")).to_contain_text("Taken from the shelf")
    await page.goto(f"{floor.installation.addresses.http_url}/alarms?mine=1")
    await expect(row(page, cause)).to_contain_text("beate")
    await expect(page.get_by_test_id("alarm-row")).to_have_count(1)
    await page.get_by_test_id("alarm-open").click()
    await panel.get_by_test_id("alarm-rule").click()
    await expect(page.get_by_test_id("editor")).to_be_visible()


async def test_who_only_looks_is_offered_nothing(floor: Floor, browser: Browser) -> None:
    page = await _open(floor, browser, f"/alarms?site={SITE}", name="bruno")
    await expect(page.get_by_test_id("alarm-row").first).to_be_visible()
    for test_id in ("row-acknowledge", "alarm-strip-acknowledge", "alarms-ways"):
        await expect(page.get_by_test_id(test_id)).to_have_count(0)
    await page.goto(
        f"{floor.installation.addresses.http_url}/alarms/rules?kind=rules&code=shortage"
    )
    await expect(page.get_by_test_id("editor")).to_be_visible()
    await expect(page.get_by_test_id("save")).to_have_count(0)


async def test_a_rule_is_tried_on_last_week_before_it_is_in_force(
    floor: Floor, browser: Browser
) -> None:
    page = await _open(floor, browser, "/alarms/rules?kind=rules&code=%2B")
    editor = page.get_by_test_id("editor")
    await editor.locator("input[name=code]").fill("bells-moving")
    await editor.locator("input[name=name]").fill("Machine moves")
    await editor.locator("textarea[name=response]").fill("Look at it.")
    await editor.locator("input[name=variant]").fill("moving")
    for name, word in (("where", SITE), ("states", "running")):
        await editor.locator(f"input[name={name}]").fill(word)
        await editor.locator(f"input[name={name}]").press("Enter")
    await expect(page.get_by_test_id("save")).to_be_disabled()
    await page.get_by_test_id("try").click()
    # All four machines ran: a rule that matches everything says nothing.
    await expect(page.get_by_test_id("trial-warnings")).to_contain_text("4 of 4 machines")
    await expect(page.get_by_test_id("save")).to_have_text("Put into force all the same")

    await page.get_by_test_id("view-yaml").click()
    text = page.get_by_test_id("yaml")
    await expect(text).to_have_value(
        "rules:\n"
        "  - code: bells-moving\n"
        "    name: Machine moves\n"
        "    condition: {kind: machine_down, states: [down, running]}\n"
        "    response: Look at it.\n"
        f"    where: [{SITE}]\n"
        "    variant: moving\n"
    )
    said = await text.input_value()
    await text.fill(said.replace("machine_down", "machine_dwon"))
    faults = page.get_by_test_id("yaml-faults")
    await expect(faults).to_contain_text("Line 4, column 23")
    await expect(faults).to_contain_text("maybe 'machine_down'")
    await expect(page.get_by_test_id("save")).to_be_disabled()
    await text.fill(
        said.replace("[down, running]", "[down]").replace(f"[{SITE}]", f"[{SITE}/press]")
    )
    await expect(faults).to_contain_text("It is right.")
    await page.get_by_test_id("try").click()
    await expect(page.get_by_test_id("trial-total")).to_contain_text("It would have raised")
    await expect(page.get_by_test_id("trial-episodes")).to_contain_text(PRESSES[0])
    await page.locator("input[name=reason]").fill("try it in the press shop")
    await page.get_by_test_id("save").click()
    await expect(page.get_by_test_id("view-versions")).to_be_visible()
    async with floor.installation.api() as api:
        rule = (await api.get("/v1/alarm-definitions/rules/bells-moving")).json()
    assert rule["version"] == 1
    assert rule["body"]["where"] == [f"{SITE}/press"]
    assert rule["versions"][0]["reason"] == "try it in the press shop"

    # A change by the form: the second version says what is different.
    await editor.locator("input[name=on_delay_s]").fill("604800")
    await page.get_by_test_id("try").click()
    await expect(page.get_by_test_id("trial-total")).to_have_text(
        "It would have raised no alarm: 0 an hour."
    )
    await page.get_by_test_id("save").click()
    await expect(page.get_by_text("bells-moving is in force as version 2")).to_be_visible()
    await page.reload()
    await page.get_by_test_id("view-versions").click()
    versions = page.get_by_test_id("versions")
    await expect(versions).to_contain_text("on_delay_s")
    await expect(versions).to_contain_text("604800")
    await page.get_by_test_id("view-form").click()
    await page.get_by_test_id("retire").click()
    await page.get_by_role("dialog").get_by_role("button", name="Put out of force").click()
    await expect(editor).to_contain_text("Not in force any more")


async def test_who_is_on_call_is_seen(floor: Floor, browser: Browser) -> None:
    """Also of a rota that nobody has saved yet; an escalation is read as a sentence."""
    async with floor.installation.api() as api:
        for kind, code, body in (
            ("recipients", "bells-wang", {"name": "Wang"}),
            (
                "rotas",
                "bells-night",
                {
                    "name": "Night",
                    "layers": [{"members": ["bells-wang"], "first_day": "2026-01-05"}],
                },
            ),
            (
                "escalations",
                "bells-esc",
                {
                    "name": "Bells",
                    "steps": [
                        {"tell": ["on-call:bells-night"]},
                        {"after_minutes": 10, "tell": ["bells-wang"], "counted": "shift"},
                    ],
                },
            ),
        ):
            answer = await api.put(f"/v1/alarm-definitions/{kind}/{code}", json={"body": body})
            assert answer.is_success, answer.text
    page = await _open(floor, browser, "/alarms/rules?kind=rotas&code=bells-night")
    await expect(page.get_by_test_id("on-call-now")).to_contain_text("On call now: Wang")
    tokens = page.locator("input[name=members]")
    await page.get_by_role("button", name="Remove bells-wang").click()
    await tokens.fill("bells-li")
    await tokens.press("Enter")
    await expect(page.get_by_test_id("on-call-now")).to_contain_text("On call now: bells-li")
    await page.goto(f"{floor.installation.addresses.http_url}/alarms/rules?kind=escalations")
    await expect(page.get_by_test_id("definitions-escalations")).to_contain_text(
        "At once: on call: Night → after 10 min of working time: Wang."
        " Until somebody acknowledges; those who were told are told that it is over."
    )


async def test_history_and_rates_in_chinese(floor: Floor, browser: Browser) -> None:
    page = await _open(
        floor, browser, f"/alarms/history?site={SITE}&event=acknowledge", language="zh-CN"
    )
    table = page.get_by_test_id("alarm-history")
    await expect(table).to_contain_text("产线停机")
    await expect(table).to_contain_text("触发，未确认 → 触发，已确认")
    async with page.expect_download() as download:
        await page.get_by_test_id("export-csv").click()
    file = await (await download.value).path()
    rows = file.read_text(encoding="utf-8-sig").splitlines()
    assert rows[0].startswith("时间,事件,报警,对象")
    assert any("产线停机" in each and f"{SITE}/heat/line-2" in each for each in rows[1:])
    await page.goto(f"{floor.installation.addresses.http_url}/alarms/rates?site={SITE}")
    cards = page.get_by_test_id("rate-cards")
    await expect(cards).to_contain_text("每人每小时报警数")
    await expect(cards).to_contain_text("目标：不超过 6")
    await expect(page.get_by_test_id("rates-frequent")).to_contain_text(PRESSES[0])


async def test_on_a_phone_nothing_is_wider_than_the_screen(floor: Floor, browser: Browser) -> None:
    page = await _open(floor, browser, f"/alarms?site={SITE}", phone=True)
    await expect(page.get_by_test_id("alarm-row").first).to_be_visible()
    await page.get_by_test_id("alarm-open").first.click()
    await expect(page.get_by_test_id("alarm-journal")).to_contain_text("Raised")
    for address in (
        None,
        "/alarms/history",
        "/alarms/rates",
        "/alarms/rules",
        "/alarms/rules?kind=rules&code=scrap-high",
        "/alarms/rules?kind=rotas&code=bells-night",
        "/alarms/ways",
    ):
        if address is not None:
            await page.goto(f"{floor.installation.addresses.http_url}{address}")
            await expect(page.locator("h1")).to_be_visible()
            await expect(page.locator("main .skeleton")).to_have_count(0)
        wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{address or 'the list'} is {wider} px wider than the screen"


SOUND: Final = """
window.heard = [];
for (const gesture of ['pointerdown', 'keydown'])
  addEventListener(gesture, () => { window.touched = true; }, true);
class Param { setValueAtTime() {} linearRampToValueAtTime() {} }
class Node { constructor() { this.gain = new Param(); this.frequency = {value: 0}; }
  connect(next) { return next; }
  start() { window.heard.push(this.frequency.value); } stop() {} }
window.AudioContext = class { constructor() { this.state = 'suspended'; this.currentTime = 0; }
  resume() { if (window.touched) this.state = 'running';
    return Promise.resolve(); }
  createOscillator() { return new Node(); } createGain() { return new Node(); }
  close() { return Promise.resolve(); } };
"""


async def test_the_wall_sounds_until_somebody_answers(floor: Floor, browser: Browser) -> None:
    """Once somebody has touched it: until then it asks to be touched."""
    await _quiet(floor)
    cause = f"line_down:line:{SITE}/heat/line-2"
    page = await _open(floor, browser, "/orders", name="bruno")
    await page.add_init_script(SOUND)
    await page.goto(f"{floor.installation.addresses.http_url}/floor/{SITE}?wall=1&sound=critical")
    ask = page.get_by_test_id("sound-ask")
    await expect(ask).to_be_visible()
    await page.mouse.click(400, 500)
    await expect(ask).to_have_count(0)
    assert await page.evaluate("window.heard") == [], "there is nothing to sound for"
    await floor.say(OVEN, "down", "burner")
    await expect(page.get_by_test_id("wall-alarms")).to_contain_text("Line down")
    await expect(page.get_by_test_id("sound")).to_have_attribute("data-heard", "critical")
    # Two bursts of five: it repeats.
    heard = await eventually(lambda: page.evaluate("window.heard"), lambda tones: len(tones) >= 10)
    assert set(heard) == {880}
    alarm = await floor.alarm(cause, state="unacknowledged")
    async with floor.installation.api() as api:
        seen = {"id": alarm["id"], "occurrence": alarm["occurrence"]}
        await api.post("/v1/alarms/acknowledge", json={"alarms": [seen]})
    await expect(page.get_by_test_id("sound")).to_have_attribute("data-heard", "")
    await expect(page.get_by_test_id("wall-alarms")).not_to_contain_text("heat / line-2")
    # What the board is to do is remembered by the board.
    await page.get_by_test_id("sound").click()
    await expect(page.get_by_test_id("sound")).to_have_attribute("data-policy", "high")
    await page.goto(f"{floor.installation.addresses.http_url}/floor/{SITE}?wall=1")
    await expect(page.get_by_test_id("sound")).to_have_attribute("data-policy", "high")
    await floor.say(OVEN, "running")

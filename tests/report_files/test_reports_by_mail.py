"""`gemba run notify` sends reports: in an inbox, in both languages, once, also when killed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from pypdf import PdfReader
from report_inbox import Inbox, files_of, text_of
from service_stack import ServiceStack, wait_for

SITE = "plant-1"
BASE: dict[str, Any] = {
    "site": SITE,
    "reports": ["delivery"],
    "every": "day",
    "minute": 390,
}


@pytest.fixture
def stack(database_url: str, redis_url: str, data_dir: Path) -> Iterator[ServiceStack]:
    """The API as a process; notify is started by the tests."""
    found = ServiceStack(database_url, redis_url, "mqtt://127.0.0.1:1", "", data_dir)
    try:
        found.start("api")
        wait_for(found._answers, f"the API answers; {found.log_of('api')}")
        yield found
    finally:
        found.stop_all()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox() as one:
        yield one


def start_notify(stack: ServiceStack, inbox: Inbox) -> None:
    stack.start(
        "notify",
        GEMBA_SMTP_URL=f"smtp+plain://127.0.0.1:{inbox.port}",
        GEMBA_SMTP_FROM="gemba@plant.example",
        GEMBA_NOTIFICATION_TIMEOUT_S="10",
        GEMBA_PUBLIC_URL="https://gemba.example",
    )


async def make(stack: ServiceStack, **more: Any) -> None:
    async with stack.api() as desk:
        site = await desk.put(
            f"/v1/sites/{SITE}", json={"name": "Plant 1", "time_zone": "Europe/Berlin"}
        )
        assert site.is_success, site.text
        made = await desk.post("/v1/report-schedules", json=BASE | more)
        assert made.status_code == 201, made.text


def due_since(stack: ServiceStack, days: int) -> None:
    """As if the schedules had been there for some days, and nothing had run."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE report_schedules SET since = now() - %s * interval '1 day',"
            " next_at = now() - interval '1 second'",
            (days,),
        )


def rows(stack: ServiceStack, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_both_languages_get_their_words_and_files(stack: ServiceStack, inbox: Inbox) -> None:
    await make(stack, code="en", name="Daily delivery", recipients=["mei@a.example"])
    await make(stack, code="zh", name="交付日报", language="zh-CN", recipients=["lin@a.example"])
    due_since(stack, 3)
    start_notify(stack, inbox)
    await inbox.until(inbox.mails, 2)
    by = {str(mail["To"]): mail for mail in inbox.mails}
    (last_day,) = {
        str(day) for (day,) in rows(stack, "SELECT last_day FROM report_sendings WHERE sent")
    }
    english, chinese = by["mei@a.example"], by["lin@a.example"]
    assert str(english["Subject"]) == f"Daily delivery: {last_day}"
    assert str(chinese["Subject"]) == f"交付日报：{last_day}"
    assert "On time in full: nothing was due" in text_of(english)
    assert "准时足量交付率：期间内没有到期的订单" in text_of(chinese)
    # Days passed without anybody: said, not sent one by one.
    assert "Not sent, as nothing ran when they were due" in text_of(english)
    assert "系统未运行" in text_of(chinese)
    assert f"https://gemba.example/reports?period=custom&from={last_day}" in text_of(english)
    for mail, word in ((english, "Delivery"), (chinese, "交付")):
        files = files_of(mail)
        assert set(files) == {
            f"delivery_{SITE}_{last_day}.pdf",
            f"delivery_{SITE}_{last_day}.xlsx",
        }
        page = PdfReader(io.BytesIO(files[f"delivery_{SITE}_{last_day}.pdf"])).pages[0]
        assert word in page.extract_text().replace("\0", "").replace(" ", "")
        openpyxl.load_workbook(io.BytesIO(files[f"delivery_{SITE}_{last_day}.xlsx"]))


async def test_killed_between_making_and_sending_it_is_one_sending_and_one_letter(
    stack: ServiceStack, inbox: Inbox
) -> None:
    await make(stack, code="en", name="Daily", recipients=["mei@a.example"])
    due_since(stack, 1)
    inbox.slow_s = 8.0
    start_notify(stack, inbox)
    await inbox.until(inbox.heard, 1)
    stack.kill("notify")
    inbox.slow_s = 0.0
    assert rows(stack, "SELECT state FROM report_letters") == [("waiting",)]
    start_notify(stack, inbox)
    # What was taken on comes back when its lease is over.
    await inbox.until(inbox.mails, 1)
    wait_for(
        lambda: rows(stack, "SELECT state FROM report_letters") == [("sent",)], "it is settled"
    )
    assert rows(stack, "SELECT count(*) FROM report_sendings WHERE sent") == [(1,)]
    assert {str(mail["Message-ID"]) for mail in inbox.heard} == {str(inbox.mails[0]["Message-ID"])}
    assert len(inbox.heard) == 2
    # Written again it says the same: it was asked for as of the same moment.
    first, second = inbox.heard
    assert text_of(first) == text_of(second)
    assert files_of(first).keys() == files_of(second).keys()
    pdf = next(name for name in files_of(first) if name.endswith(".pdf"))
    assert files_of(first)[pdf] == files_of(second)[pdf]


async def test_while_the_api_is_away_a_letter_waits(stack: ServiceStack, inbox: Inbox) -> None:
    await make(stack, code="en", name="Daily", recipients=["mei@a.example"])
    due_since(stack, 1)
    stack.kill("api")
    start_notify(stack, inbox)
    wait_for(
        lambda: (
            rows(stack, "SELECT last_error FROM report_letters WHERE last_error IS NOT NULL") != []
        ),
        f"it says why it waits; {stack.log_of('notify')}",
    )
    ((error,),) = rows(stack, "SELECT last_error FROM report_letters")
    assert "the API does not answer" in error
    stack.start("api")
    await inbox.until(inbox.mails, 1)


async def test_what_cannot_be_made_is_told_in_the_mail(
    stack: ServiceStack, inbox: Inbox, tmp_path: Path
) -> None:
    await make(stack, code="zh", name="日报", language="zh-CN", recipients=["lin@a.example"])
    due_since(stack, 1)
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    stack.start(
        "notify",
        GEMBA_SMTP_URL=f"smtp+plain://127.0.0.1:{inbox.port}",
        GEMBA_SMTP_FROM="gemba@plant.example",
        GEMBA_REPORT_FONT=str(broken),
    )
    await inbox.until(inbox.mails, 1)
    (mail,) = inbox.mails
    assert "无法生成 delivery_plant-1_" in text_of(mail)
    assert "GEMBA_REPORT_FONT" in text_of(mail)
    assert [name.rpartition(".")[2] for name in files_of(mail)] == ["xlsx"]


async def test_sendings_are_told_over_the_api(stack: ServiceStack, inbox: Inbox) -> None:
    await make(stack, code="en", name="Daily", recipients=["mei@a.example", "b@a.example"])
    due_since(stack, 2)
    start_notify(stack, inbox)
    await inbox.until(inbox.mails, 2)
    told = await stack.until(
        "/v1/report-schedules/en/sendings",
        lambda answer: [one["letters"] for one in answer["items"] if one["sent"]],
        [{"sent": 2}],
    )
    assert [one["sent"] for one in told["items"]] == [True, *[False] * (told["total"] - 1)]

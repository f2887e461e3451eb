"""`gemba run notify` in a process of its own sends letters; killed, it sends each all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mail_server import MailServer, text_of
from notify_process import NotifyProcess
from post_office import PostOffice

from runtime.secrets import installation_key
from store.database import Pool
from store.notification import ways

PATIENCE_S = 120.0
PASSWORD = "open/sesame"


@pytest.fixture
async def signed() -> AsyncIterator[MailServer]:
    """A mail server that somebody has to sign in to."""
    async with MailServer(user=("gemba", PASSWORD)) as one:
        yield one


@pytest.fixture
async def notify(  # noqa: PLR0917 - fixtures are given by name
    pool: Pool,
    signed: MailServer,
    database_url: str,
    redis_url: str,
    data_dir: Path,
    tmp_path: Path,
) -> AsyncIterator[NotifyProcess]:
    """The service with its mail server given by settings."""
    del pool
    process = NotifyProcess(
        database_url,
        redis_url,
        data_dir,
        tmp_path / "notify.log",
        more={
            "GEMBA_SMTP_URL": f"smtp+plain://gemba:open%2Fsesame@127.0.0.1:{signed.port}",
            "GEMBA_SMTP_FROM": "gemba@plant.test",
            "GEMBA_PUBLIC_URL": "https://gemba.test",
            "GEMBA_NOTIFICATION_TIMEOUT_S": "3",
        },
    )
    process.start()
    try:
        yield process
    finally:
        process.close()


async def test_the_mail_server_of_the_settings_is_a_way_and_letters_go_by_it(
    notify: NotifyProcess, pool: Pool, signed: MailServer, data_dir: Path
) -> None:
    office = PostOffice(pool)
    number = await office.post("mei@plant.test")
    row = await office.becomes(number, "sent")
    assert row["way"] == "environment"
    [mail] = signed.mails
    assert "https://gemba.test/alarms/7" in text_of(mail)
    async with pool.connection() as connection:
        [way] = await ways.listed(connection)
    assert (way.origin, way.secrets, way.settings["user"]) == (
        "environment",
        ["password"],
        "gemba",
    )
    key = installation_key(data_dir, "")
    assert way.opened(key).secrets == {"password": PASSWORD}
    audited = await office.rows(
        "SELECT action, object_key, before, after FROM audit_log"
        " WHERE object_kind = 'notification_way'"
    )
    assert [each["action"] for each in audited] == ["NotificationWayChanged"]
    assert PASSWORD not in str(audited)
    assert PASSWORD not in notify.log_file.read_text(encoding="utf-8")
    # Woken by NOTIFY, the next one goes at once; how soon is measured, not asserted.
    await office.becomes(await office.post("lin@plant.test"), "sent")


async def test_killed_again_and_again_every_letter_goes_under_its_own_id(
    notify: NotifyProcess, pool: Pool, signed: MailServer
) -> None:
    office = PostOffice(pool)
    await office.becomes(await office.post("first@plant.test"), "sent")
    signed.slow_s = 0.3
    numbers = [await office.post(f"m{each}@plant.test") for each in range(24)]
    for seen in (3, 8):
        await signed.has(seen)
        notify.kill()
        notify.start()
    signed.slow_s = 0.0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            waiting = await office.rows("SELECT id FROM alarm_messages WHERE state <> 'sent'")
            if not waiting:
                break
            await asyncio.sleep(0.2)
    rows = [await office.letter(number) for number in numbers]
    sent = {str(mail["Message-ID"]) for mail in signed.mails}
    assert {f"<{row['message_id']}@plant.test>" for row in rows} <= sent
    # At least once on the wire, always under the same id; once in the books.
    assert len(sent) == 25
    assert all(row["sent_at"] is not None for row in rows)

"""The courier with providers by HTTP: what they do twice is in the books once, and who steps in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from post_office import KEY, PostOffice
from provider_server import Asked, ProviderServer, Reply, aliyun_signed, is_signed

from domain.notification.ways import read_settings
from store.database import Pool
from store.notification import ways
from store.notification.ways import NewWay

SECRET = "s3cr3t-of-the-test"
HOOK_SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
MOBILE, ABROAD = "+8613800138000", "+4915112345678"
TEMPLATES = {"*": {"id": "SMS_1", "parameters": {"what": "name"}}}


class Mobile:
    """A telephone company behind both providers: counts messages by the id it is given."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def aliyun(self, asked: Asked) -> Reply:
        if not aliyun_signed(asked, SECRET):
            return Reply(400, {"Code": "SignatureDoesNotMatch", "Message": "no"})
        out_id = asked.query["OutId"]
        self.taken[out_id] = self.taken.get(out_id, 0) + 1
        return Reply(200, {"Code": "OK", "Message": "OK", "BizId": f"biz-{out_id}"})


@dataclass
class Providers:
    """A courier with a way by Aliyun for China and one by Twilio for everywhere."""

    office: PostOffice
    mobile: Mobile
    aliyun: ProviderServer
    twilio: ProviderServer

    async def way(self, code: str, kind: str, told: dict[str, Any], **fields: Any) -> None:
        async with self.office.pool.connection() as connection:
            new = NewWay(
                code=code, name=code, kind=kind, settings=read_settings(kind, told), **fields
            )
            await ways.put(connection, new, installation_key=KEY, by="test")

    async def failures(self, code: str) -> int:
        (row,) = await self.office.rows(
            "SELECT failures FROM notification_ways WHERE code = %s", (code,)
        )
        found: int = row["failures"]
        return found


@pytest.fixture
async def providers(pool: Pool) -> AsyncIterator[Providers]:
    office, mobile = PostOffice(pool, timeout_s=3.0), Mobile()
    async with (
        ProviderServer(mobile.aliyun) as aliyun,
        ProviderServer(lambda _: Reply(201, {"sid": "SM1", "status": "queued"})) as twilio,
    ):
        found = Providers(office, mobile, aliyun, twilio)
        await found.way(
            "china",
            "aliyun",
            {
                "access_key_id": "LTAI",
                "sign_name": "某工厂",
                "templates": TEMPLATES,
                "endpoint": aliyun.url,
            },
            secrets={"access_key_secret": SECRET},
            rank=10,
            prefixes=("+86",),
        )
        await found.way(
            "world",
            "twilio",
            {"account": "AC1", "sender": "+15005550006", "endpoint": twilio.url},
            secrets={"auth_token": SECRET},
            rank=20,
        )
        await office.open()
        try:
            yield found
        finally:
            await office.close()


async def test_a_number_goes_by_the_way_that_serves_it(providers: Providers) -> None:
    office = providers.office
    home = await office.becomes(await office.post(MOBILE, channel="sms"), "sent")
    abroad = await office.becomes(await office.post(ABROAD, channel="sms"), "sent")
    assert (home["way"], home["reference"]) == ("china", f"biz-{home['message_id']}")
    assert (abroad["way"], abroad["reference"]) == ("world", "SM1")
    assert len(providers.aliyun.asked) == len(providers.twilio.asked) == 1


async def test_what_was_taken_without_an_answer_is_in_the_books_once(
    providers: Providers,
) -> None:
    """Aliyun takes the message and says so too late; it is sent again, under the same id."""
    office = providers.office
    provider_takes = providers.aliyun.answers

    def late_first(asked: Asked) -> Reply:
        reply = provider_takes(asked)
        hang = 60.0 if len(providers.aliyun.asked) == 1 else 0.0
        return Reply(reply.status, reply.content, hang=hang)

    providers.aliyun.answers = late_first
    number = await office.post(MOBILE, channel="sms")
    await office.becomes(number, "waiting", attempts=1)
    # The other way would take it as well, but what the first one has taken it may still deliver.
    async with office.pool.connection() as connection:
        await ways.delete(connection, "world")
    office.later(60)
    row = await office.becomes(number, "sent")
    assert (row["attempts"], row["way"]) == (2, "china")
    assert providers.mobile.taken == {str(row["message_id"]): 2}
    rows = await office.rows("SELECT state FROM alarm_messages")
    assert [each["state"] for each in rows] == ["sent"]


async def test_another_way_steps_in_for_one_that_is_out_of_order(providers: Providers) -> None:
    office = providers.office
    providers.aliyun.answers = lambda _: Reply(503, raw=b"<html>out of order</html>")
    number = await office.post(MOBILE, channel="sms")
    while (row := await office.letter(number))["state"] != "sent":
        office.later(30)
        await asyncio.sleep(0.05)
    assert row["way"] == "world"
    assert await providers.failures("china") >= 1
    assert providers.mobile.taken == {}


async def test_a_bad_number_is_given_up_and_blames_no_way(providers: Providers) -> None:
    office = providers.office
    refused = {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "invalid"}
    providers.aliyun.answers = lambda _: Reply(200, refused)
    for bounces in range(1, 4):
        row = await office.becomes(await office.post(MOBILE, channel="sms"), "given_up")
        assert "MOBILE_NUMBER_ILLEGAL" in row["last_error"]
        (address,) = await office.rows("SELECT * FROM notification_addresses")
        assert (address["address"], address["bounces"]) == (MOBILE, bounces)
    assert address["suppressed_at"] is not None
    await office.becomes(await office.post(MOBILE, channel="sms"), "given_up")
    assert len(providers.aliyun.asked) == 3
    assert await providers.failures("china") == 0


async def test_a_webhook_is_told_the_same_at_each_attempt(providers: Providers) -> None:
    office = providers.office
    async with ProviderServer(lambda _: Reply(204)) as receiver:
        receiver.replies = [Reply(500), Reply(drop=True), Reply(200, raw=b"{garbage")]
        await providers.way(
            "pager",
            "webhook",
            {"url": f"{receiver.url}/alarms"},
            secrets={"signing_secret": HOOK_SECRET},
        )
        number = await office.post("pager", channel="webhook")
        for attempts in (1, 2):
            await office.becomes(number, "waiting", attempts=attempts)
            office.later(120)
        row = await office.becomes(number, "sent")
        assert row["attempts"] == 3
        assert len({asked.body for asked in receiver.asked}) == 1
        assert all(is_signed(asked, HOOK_SECRET) for asked in receiver.asked)
        stamps = [int(asked.headers["webhook-timestamp"]) for asked in receiver.asked]
        assert stamps == sorted(stamps)
        assert abs(stamps[0] - time.time()) < 120

"""Drivers against stand-ins of providers that check signatures and times, and misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from provider_server import (
    Asked,
    ProviderServer,
    Reply,
    aliyun_signed,
    dingtalk_signed,
    feishu_signed,
    is_signed,
    tencent_signed,
)

from domain.notification.letters import Fault, Letter, Outcome, Refused, Rendered, Taken, TryAgain
from domain.notification.ways import Way, read_settings
from notify.courier_ports import Driver, Tools
from notify.drivers.registry import build_drivers
from runtime.clock import SystemClock
from store.database import Pool

MESSAGE = UUID("6d6f3e4e-1111-4222-8333-444455556666")
SECRET = "s3cr3t-of-the-test"
MOBILE = "+8613800138000"
LINK = "https://gemba.example/alarms/7"
RENDERED = Rendered(
    template="alarm_raised",
    subject="Machine down: saw-2",
    text=f"Machine down: saw-2\n\nWhat to do: go & look <@all> [here](x)\n\n{LINK}\n",
    html="<p>x</p>",
    short=f"Machine down: saw-2. Go and look. {LINK}",
    link=LINK,
    language="en",
    priority="critical",
    fields={"name": "Machine down", "subject": "plant-1/saw/line-1/saw-2" * 3, "response": "Go."},
)
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()

SETTINGS: Mapping[str, dict[str, Any]] = {
    "aliyun": {
        "access_key_id": "LTAI-test",
        "sign_name": "某工厂",
        "templates": {
            "alarm_raised": {
                "id": "SMS_1",
                "parameters": {"machine": "subject", "what": "name"},
            },
            "*/zh-CN": {"id": "SMS_9", "parameters": {"text": "short"}},
        },
    },
    "tencent": {
        "secret_id": "AKID-test",
        "app_id": "1400006666",
        "sign_name": "某工厂",
        "templates": {"*": {"id": "1110", "parameters": ["name", "subject"], "longest": 12}},
    },
    "twilio": {"account": "ACtest", "sender": "+15005550006"},
    "wecom": {"mention": ["mei", "@all"]},
    "dingtalk": {"mention": ["13800138000"]},
    "feishu": {},
    "webhook": {},
}
SECRETS: Mapping[str, dict[str, str]] = {
    "aliyun": {"access_key_secret": SECRET},
    "tencent": {"secret_key": SECRET},
    "twilio": {"auth_token": SECRET},
    "wecom": {"webhook_key": "693a91f6-7xxx"},
    "dingtalk": {"access_token": "token", "signing_secret": SECRET},
    "feishu": {"webhook_token": "hook-1", "signing_secret": SECRET},
    "webhook": {"signing_secret": WEBHOOK_SECRET},
}


def aliyun(asked: Asked) -> Reply:
    if not aliyun_signed(asked, SECRET):
        code = {"Code": "SignatureDoesNotMatch", "Message": "no", "RequestId": "r"}
        return Reply(400, code)
    return Reply(200, {"Code": "OK", "Message": "OK", "BizId": "9006197469364984^0"})


def tencent(asked: Asked) -> Reply:
    if not tencent_signed(asked, SECRET, now_s=time.time()):
        error = {"Code": "AuthFailure.SignatureFailure", "Message": "no"}
        return Reply(200, {"Response": {"Error": error, "RequestId": "r"}})
    return Reply(200, tencent_status("Ok"))


def tencent_status(code: str) -> dict[str, Any]:
    status = {"SerialNo": "5000:1045", "PhoneNumber": MOBILE, "Code": code, "Message": code}
    return {"Response": {"SendStatusSet": [status], "RequestId": "r"}}


def twilio(asked: Asked) -> Reply:
    word = base64.b64encode(f"ACtest:{SECRET}".encode()).decode()
    if asked.headers["authorization"] != f"Basic {word}":
        return Reply(401, {"code": 20003, "message": "Authenticate", "status": 401})
    return Reply(201, {"sid": "SM1", "status": "queued"})


def wecom(asked: Asked) -> Reply:
    good = asked.query.get("key") == "693a91f6-7xxx"
    return Reply(200, {"errcode": 0 if good else 93000, "errmsg": "ok" if good else "invalid"})


def dingtalk(asked: Asked) -> Reply:
    if not dingtalk_signed(asked, SECRET, now_ms=time.time() * 1000):
        return Reply(200, {"errcode": 310000, "errmsg": "sign not match"})
    return Reply(200, {"errcode": 0, "errmsg": "ok"})


def feishu(asked: Asked) -> Reply:
    if not feishu_signed(asked, SECRET, now_s=time.time()):
        return Reply(400, {"code": 19021, "msg": "sign match fail or timestamp is not within"})
    return Reply(200, {"code": 0, "msg": "success", "data": {}})


def webhook(asked: Asked) -> Reply:
    stamp = asked.headers["webhook-timestamp"]
    assert abs(int(stamp) - time.time()) < 300
    return Reply(204)


ANSWERS = {
    "aliyun": aliyun,
    "tencent": tencent,
    "twilio": twilio,
    "wecom": wecom,
    "dingtalk": dingtalk,
    "feishu": feishu,
    "webhook": webhook,
}
KINDS = sorted(ANSWERS)


def letter(address: str = MOBILE, **fields: Any) -> Letter:
    told: dict[str, Any] = {
        "source": "alarms",
        "id": 1,
        "message_id": MESSAGE,
        "why": "step 0",
        "recipient": "mei",
        "channel": "sms",
        "address": address,
        "language": "en",
        "priority": "critical",
        "body": {},
        "attempts": 1,
        "decided_at": datetime(2026, 11, 23, 6, tzinfo=UTC),
    }
    return Letter(**told | fields)


class Bench:
    """The drivers, and the provider of one kind."""

    def __init__(self, drivers: Mapping[str, Driver], kind: str, server: ProviderServer) -> None:
        self.drivers = drivers
        self.kind = kind
        self.server = server
        place = "url" if kind == "webhook" else "endpoint"
        path = "/hook" if kind == "webhook" else ""
        self.way = Way(
            code=f"{kind}-1",
            kind=kind,
            settings=read_settings(kind, SETTINGS[kind] | {place: server.url + path}),
            secrets=SECRETS[kind],
        )

    async def deliver(self, *, to: str = MOBILE, way: Way | None = None, **changed: Any) -> Outcome:
        async with asyncio.timeout(30):
            return await self.drivers[self.kind].deliver(
                letter(to), msgspec.structs.replace(RENDERED, **changed), way or self.way
            )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
        yield client


def tools(http: httpx.AsyncClient, *, private: bool = True) -> Tools:
    return Tools(
        http=http,
        clock=SystemClock(),
        pool=cast("Pool", None),
        timeout_s=5.0,
        private=private,
        installation_key="k" * 32,
    )


@pytest.fixture
async def bench(request: pytest.FixtureRequest, http: httpx.AsyncClient) -> AsyncIterator[Bench]:
    kind: str = request.param
    async with ProviderServer(ANSWERS[kind]) as server:
        yield Bench(build_drivers(tools(http)), kind, server)


def of(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bench", kinds, indirect=True)


@of(*KINDS)
async def test_what_is_signed_is_taken(bench: Bench) -> None:
    taken = await bench.deliver()
    assert isinstance(taken, Taken), taken
    assert len(bench.server.asked) == 1
    assert bench.server.asked[0].method == "POST"


@of("aliyun", "tencent", "twilio", "dingtalk", "feishu", "wecom")
async def test_a_wrong_secret_is_the_way_s_fault(bench: Bench) -> None:
    wrong = msgspec.structs.replace(bench.way, secrets=dict.fromkeys(SECRETS[bench.kind], "wrong"))
    answered = await bench.deliver(way=wrong)
    assert isinstance(answered, TryAgain), answered
    assert answered.fault is Fault.WAY
    assert "wrong" not in answered.problem


@of(*KINDS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, raw=b"<html>out of order</html>"),
        Reply(502),
        Reply(200, raw=b"<html>signed in?</html>"),
        Reply(200, raw=b'{"unfinished": '),
        Reply(200, {"something": "else"}),
        Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(drop=True),
        Reply(hang=20.0),
    ],
    ids=["500", "502", "page", "broken", "strange", "redirect", "dropped", "silent"],
)
async def test_what_nobody_understands_is_tried_again(bench: Bench, reply: Reply) -> None:
    bench.server.replies = [reply]
    answered = await bench.deliver()
    if bench.kind == "webhook" and reply.status == 200 and not (reply.drop or reply.hang):
        assert isinstance(answered, Taken)  # its words mean nothing
        return
    assert isinstance(answered, TryAgain), answered
    assert answered.fault is Fault.WAY
    assert bench.way.code in answered.problem
    assert len(bench.server.asked) == 1  # a redirect is not followed
    assert isinstance(await bench.deliver(), Taken)


@of(*KINDS)
async def test_too_many_are_waited_for_as_long_as_it_is_told(bench: Bench) -> None:
    bench.server.replies = [Reply(429, {"message": "slow"}, headers={"Retry-After": "90"})]
    answered = await bench.deliver()
    assert isinstance(answered, TryAgain)
    assert answered.after_s == 90
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    bench.server.replies = [Reply(503, headers={"Retry-After": at})]
    answered = await bench.deliver()
    assert isinstance(answered, TryAgain)
    assert answered.after_s == pytest.approx(600, abs=60)
    bench.server.replies = [Reply(503, headers={"Retry-After": "soon"})]
    answered = await bench.deliver()
    assert isinstance(answered, TryAgain)
    assert answered.after_s is None


@of(*KINDS)
async def test_nothing_private_is_reached_unless_it_is_allowed(
    bench: Bench, http: httpx.AsyncClient
) -> None:
    bench.drivers = build_drivers(tools(http, private=False))
    answered = await bench.deliver()
    assert isinstance(answered, TryAgain)
    assert "RefusedAddressError" in answered.problem
    assert bench.server.asked == []


@of("aliyun", "tencent", "twilio")
async def test_what_is_no_number_is_never_sent(bench: Bench) -> None:
    for address in ("13800138000", "mei", "+86"):
        refused = await bench.deliver(to=address)
        assert isinstance(refused, Refused)
        assert refused.fault is Fault.ADDRESS
        assert address in refused.problem
    assert bench.server.asked == []


class TestAliyun:
    @of("aliyun")
    async def test_a_letter_is_a_template_and_its_variables(self, bench: Bench) -> None:
        taken = await bench.deliver(to="+86 138-0013-8000")
        assert taken == Taken(reference="9006197469364984^0", answer="OK")
        (asked,) = bench.server.asked
        assert asked.headers["x-acs-action"] == "SendSms"
        assert asked.headers["x-acs-version"] == "2017-05-25"
        query = asked.query
        assert query["PhoneNumbers"] == "13800138000"
        assert (query["TemplateCode"], query["SignName"]) == ("SMS_1", "某工厂")
        assert query["OutId"] == str(MESSAGE)
        values = json.loads(query["TemplateParam"])
        assert values["what"] == "Machine down"
        assert len(values["machine"]) == 35
        assert values["machine"].endswith("…")
        await bench.deliver(to="+85261234567", language="zh-CN", template="other")
        query = bench.server.asked[1].query
        assert (query["PhoneNumbers"], query["TemplateCode"]) == ("85261234567", "SMS_9")
        nonces = {each.headers["x-acs-signature-nonce"] for each in bench.server.asked}
        assert len(nonces) == 2

    @of("aliyun")
    async def test_without_a_template_it_waits_for_one(self, bench: Bench) -> None:
        answered = await bench.deliver(template="customer_date_moved")
        assert isinstance(answered, TryAgain)
        assert answered.fault is Fault.LETTER
        assert "customer_date_moved/en" in answered.problem
        answered = await bench.deliver(fields={})
        assert isinstance(answered, TryAgain)
        assert "no placeholder 'name'" in answered.problem
        assert bench.server.asked == []

    @of("aliyun")
    @pytest.mark.parametrize(
        ("code", "kind", "fault"),
        [
            ("isv.MOBILE_NUMBER_ILLEGAL", Refused, Fault.ADDRESS),
            ("isv.PARAM_LENGTH_LIMIT", Refused, Fault.LETTER),
            ("isv.SMS_TEMPLATE_ILLEGAL", TryAgain, Fault.LETTER),
            ("isv.BUSINESS_LIMIT_CONTROL", TryAgain, Fault.LETTER),
            ("isv.AMOUNT_NOT_ENOUGH", TryAgain, Fault.WAY),
            ("isp.SYSTEM_ERROR", TryAgain, Fault.WAY),
            ("new.AND_UNKNOWN", TryAgain, Fault.WAY),
        ],
    )
    async def test_codes(self, bench: Bench, code: str, kind: type, fault: Fault) -> None:
        bench.server.replies = [Reply(200, {"Code": code, "Message": "because"})]
        answered = await bench.deliver()
        assert isinstance(answered, kind)
        assert isinstance(answered, TryAgain | Refused)
        assert answered.fault is fault
        assert f"{code}: because" in answered.problem


class TestTencent:
    @of("tencent")
    async def test_a_letter_is_a_template_and_its_values_in_order(self, bench: Bench) -> None:
        taken = await bench.deliver()
        assert taken == Taken(reference="5000:1045", answer="Ok")
        (asked,) = bench.server.asked
        assert asked.headers["x-tc-version"] == "2021-01-11"
        assert asked.headers["x-tc-region"] == "ap-guangzhou"
        assert asked.content == {
            "PhoneNumberSet": [MOBILE],
            "SmsSdkAppId": "1400006666",
            "TemplateId": "1110",
            "TemplateParamSet": ["Machine down", "plant-1/saw…"],
            "SessionContext": str(MESSAGE),
            "SignName": "某工厂",
        }

    @of("tencent")
    @pytest.mark.parametrize(
        ("code", "kind", "fault", "after_s"),
        [
            ("FailedOperation.PhoneNumberInBlacklist", Refused, Fault.ADDRESS, None),
            ("FailedOperation.ContainSensitiveWord", Refused, Fault.LETTER, None),
            ("LimitExceeded.PhoneNumberThirtySecondLimit", TryAgain, Fault.LETTER, 30.0),
            ("FailedOperation.InsufficientBalanceInSmsPackage", TryAgain, Fault.WAY, None),
            ("InternalError.SendAndRecvFail", TryAgain, Fault.WAY, None),
        ],
    )
    async def test_codes(
        self, bench: Bench, code: str, kind: type, fault: Fault, after_s: float | None
    ) -> None:
        error = {"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r"}}
        for content in (tencent_status(code), error):
            bench.server.replies = [Reply(200, content)]
            answered = await bench.deliver()
            assert isinstance(answered, kind)
            assert isinstance(answered, TryAgain | Refused)
            assert answered.fault is fault
            assert getattr(answered, "after_s", None) == after_s


class TestTwilio:
    @of("twilio")
    async def test_a_letter_goes_in_our_own_words(self, bench: Bench) -> None:
        taken = await bench.deliver()
        assert taken == Taken(reference="SM1", answer="queued")
        (asked,) = bench.server.asked
        assert asked.path == "/2010-04-01/Accounts/ACtest/Messages.json"
        assert asked.form == {"To": MOBILE, "From": "+15005550006", "Body": RENDERED.short}

    @of("twilio")
    async def test_a_messaging_service_and_an_api_key(self, bench: Bench) -> None:
        settings = read_settings(
            "twilio",
            {"account": "ACtest", "key": "SKx", "service": "MGx", "endpoint": bench.server.url},
        )
        bench.server.replies = [Reply(201, {"sid": "SM2", "status": "accepted"})]
        await bench.deliver(way=msgspec.structs.replace(bench.way, settings=settings))
        (asked,) = bench.server.asked
        assert asked.form["MessagingServiceSid"] == "MGx"
        assert "From" not in asked.form
        word = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        assert word == f"SKx:{SECRET}"
        with pytest.raises(msgspec.ValidationError, match="either sender or service"):
            read_settings("twilio", {"account": "AC"})

    @of("twilio")
    @pytest.mark.parametrize(
        ("code", "kind", "fault"),
        [
            (21211, Refused, Fault.ADDRESS),
            (21610, Refused, Fault.ADDRESS),
            (21617, Refused, Fault.LETTER),
            (21606, TryAgain, Fault.WAY),
        ],
    )
    async def test_codes(self, bench: Bench, code: int, kind: type, fault: Fault) -> None:
        bench.server.replies = [Reply(400, {"code": code, "message": "m", "status": 400})]
        answered = await bench.deliver()
        assert isinstance(answered, kind)
        assert isinstance(answered, TryAgain | Refused)
        assert answered.fault is fault


class TestRobots:
    @of("wecom")
    async def test_wecom_says_it_in_markdown_and_names_people(self, bench: Bench) -> None:
        assert await bench.deliver() == Taken(answer="ok")
        await bench.deliver(priority="low", text="机床停机。" * 2_000)
        first, second = (each.content for each in bench.server.asked)
        assert first["msgtype"] == "markdown"
        text = first["markdown"]["content"]
        assert text.startswith("**Machine down: saw-2**\n")
        assert f"[Open]({LINK})" in text
        assert text.endswith("<@mei> <@all>")
        # What an operator wrote names nobody and makes no link.
        assert "＜@all＞ ［here］" in text
        long = second["markdown"]["content"]
        assert len(long.encode()) <= 4096
        assert long.endswith(f"[Open]({LINK})")
        assert "<@" not in long

    @of("dingtalk")
    async def test_dingtalk_breaks_lines_and_names_numbers(self, bench: Bench) -> None:
        assert isinstance(await bench.deliver(), Taken)
        (asked,) = bench.server.asked
        assert asked.query["access_token"] == "token"
        content = asked.content
        assert content["markdown"]["title"] == "Machine down: saw-2"
        assert "**Machine down: saw-2**  \n" in content["markdown"]["text"]
        assert content["markdown"]["text"].endswith("@13800138000")
        assert content["at"] == {"atMobiles": ["13800138000"], "isAtAll": False}

    @of("feishu")
    async def test_feishu_says_it_as_a_post_of_its_language(self, bench: Bench) -> None:
        assert isinstance(await bench.deliver(language="zh-CN"), Taken)
        (asked,) = bench.server.asked
        assert asked.path == "/hook-1"
        post = asked.content["content"]["post"]["zh_cn"]
        assert post["title"] == "Machine down: saw-2"
        assert post["content"][1] == [{"tag": "a", "text": "查看", "href": LINK}]

    @of("wecom", "dingtalk", "feishu")
    async def test_what_the_chat_says_against_a_message(self, bench: Bench) -> None:
        name, words = ("code", "msg") if bench.kind == "feishu" else ("errcode", "errmsg")
        codes = {
            "wecom": (45009, 45002, -1),
            "dingtalk": (130101, 430102, -1),
            "feishu": (11232, 9499, 19024),
        }[bench.kind]
        bench.server.replies = [Reply(200, {name: code, words: "no"}) for code in codes]
        often, letters, ways = [await bench.deliver() for _ in codes]
        assert isinstance(often, TryAgain)
        assert often.fault is Fault.LETTER
        assert (often.after_s or 0) >= 60
        assert isinstance(letters, Refused)
        assert letters.fault is Fault.LETTER
        assert isinstance(ways, TryAgain)
        assert ways.fault is Fault.WAY

    @of("wecom", "dingtalk")
    async def test_a_robot_says_no_more_than_twenty_a_minute(self, bench: Bench) -> None:
        said = [await bench.deliver() for _ in range(21)]
        assert all(isinstance(each, Taken) for each in said[:20])
        later = said[20]
        assert isinstance(later, TryAgain)
        assert later.fault is Fault.LETTER
        assert 0 < (later.after_s or 0) <= 60
        assert len(bench.server.asked) == 20
        other = msgspec.structs.replace(bench.way, code="another")
        assert isinstance(await bench.deliver(way=other), Taken)


class TestWebhook:
    @of("webhook")
    async def test_it_is_signed_as_all_webhooks_are(self, bench: Bench) -> None:
        assert isinstance(await bench.deliver(), Taken)
        assert isinstance(await bench.deliver(), Taken)
        first, second = bench.server.asked
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(MESSAGE)
        assert first.content["type"] == "notification.alarm_raised"
        data = first.content["data"]
        assert data["message_id"] == str(MESSAGE)
        assert (data["subject"], data["link"], data["priority"]) == (
            RENDERED.subject,
            LINK,
            "critical",
        )
        assert data["fields"]["response"] == "Go."
        assert is_signed(first, WEBHOOK_SECRET)
        assert not is_signed(first, "whsec_" + base64.b64encode(b"o" * 32).decode())

    @of("webhook")
    async def test_what_is_not_understood_does_not_break_the_way(self, bench: Bench) -> None:
        bench.server.replies = [Reply(422, raw=b"no such field"), Reply(404)]
        first, second = await bench.deliver(), await bench.deliver()
        assert isinstance(first, TryAgain)
        assert isinstance(second, TryAgain)
        assert (first.fault, second.fault) == (Fault.LETTER, Fault.WAY)
        assert "no such field" in first.problem

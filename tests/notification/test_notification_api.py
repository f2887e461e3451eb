"""Ways, templates and messages over the API, with a courier at work beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from api_client import Api
from mail_server import MailServer, page_of, text_of
from post_office import PostOffice
from pydantic import SecretStr

from api.context import Context
from api.service import build
from domain.access import Role
from runtime.settings import ApiSettings
from store.database import Pool


@pytest.fixture
async def api(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app."""
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        public_url="https://gemba.test",
        ui_dir=data_dir / "ui",
    )
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    """Somebody who may configure."""
    return await api.as_role(Role.PLANNER)


@pytest.fixture
async def office(api: Api, pool: Pool) -> AsyncIterator[PostOffice]:
    """A courier with the installation's own key, and no way yet."""
    found = PostOffice(pool, key=api.context.signing_key)
    await found.open()
    try:
        yield found
    finally:
        await found.close()


def mail_to(port: int, **told: Any) -> dict[str, Any]:
    """A way by a mail server on this machine."""
    settings = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "gemba@plant.test"}
    return {"name": "Mail", "kind": "smtp", "settings": settings | told.pop("settings", {})} | told


class TestWays:
    """Configured, tried, and their secrets kept."""

    async def test_a_way_is_made_tried_and_forgotten(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        del office
        place = "/v1/notification-ways/mail"
        made = await desk.put(place, json=mail_to(server.port))
        assert made.status_code == 200, made.text
        assert (made.json()["channel"], made.json()["version"]) == ("email", 1)
        tried = await desk.post(
            f"{place}/test",
            json={"address": "mei@plant.test", "language": "zh-CN"},
            params={"wait_s": 60},
        )
        told = tried.json()
        assert (told["state"], told["answer"]) == ("sent", "OK queued as 7F3A"), tried.text
        [mail] = server.mails
        assert "这是一条测试消息" in text_of(mail)
        assert told["message_id"] in str(mail["Message-ID"])
        server.recipients["gone@plant.test"] = ["550 5.1.1 no such user"]
        tried = await desk.post(
            f"{place}/test", json={"address": "gone@plant.test"}, params={"wait_s": 60}
        )
        assert tried.json()["state"] == "given_up"
        assert "550 5.1.1 no such user" in tried.json()["error"]
        listed = (await desk.get("/v1/notification-ways")).json()["items"]
        assert [(each["code"], each["failures"]) for each in listed] == [("mail", 0)]
        assert (await desk.delete(place)).status_code == 204
        assert (await desk.get(place)).status_code == 404

    async def test_without_a_courier_a_test_says_that_it_waits(
        self, desk: httpx.AsyncClient
    ) -> None:
        await desk.put("/v1/notification-ways/mail", json=mail_to(25))
        tried = await desk.post(
            "/v1/notification-ways/mail/test",
            json={"address": "mei@plant.test"},
            params={"wait_s": 0},
        )
        assert tried.json()["state"] == "waiting"

    async def test_secrets_go_in_and_never_come_out(
        self, desk: httpx.AsyncClient, api: Api
    ) -> None:
        place = "/v1/notification-ways/mail"
        told = mail_to(25, settings={"user": "gemba", "tls": "starttls", "host": "mail.test"})
        made = await desk.put(place, json=told | {"secrets": {"password": "open sesame"}})
        assert made.json()["secrets"] == ["password"]
        kept = await desk.put(place, json=told | {"name": "Mail 2", "version": 1})
        assert kept.json()["secrets"] == ["password"]
        # To somebody else it would be told to whoever changes the way.
        moved = told | {"settings": told["settings"] | {"host": "elsewhere.test"}, "version": 2}
        refused = await desk.put(place, json=moved)
        assert refused.status_code == 422
        assert "has to be given again" in refused.json()["detail"]
        again = await desk.put(place, json=moved | {"secrets": {"password": "open sesame 2"}})
        assert again.is_success, again.text
        without = moved | {"version": 3, "secrets": {"password": None}}
        assert (await desk.put(place, json=without)).json()["secrets"] == []
        everything = [
            (await desk.get("/v1/notification-ways")).text,
            str(await api.rows("SELECT before, after FROM audit_log")),
            str(await api.rows("SELECT settings, sealed FROM notification_ways")),
        ]
        assert not any("sesame" in each for each in everything)

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            ({"kind": "fax"}, "kind"),
            ({"settings": {"host": "a b"}}, "settings.host"),
            ({"settings": {"hots": "x"}}, "settings"),
            ({"secrets": {"passwort": "x"}}, "secrets.passwort"),
        ],
    )
    async def test_refuses_what_is_no_way(
        self, desk: httpx.AsyncClient, told: dict[str, Any], field: str
    ) -> None:
        answer = await desk.put("/v1/notification-ways/mail", json=mail_to(25, **told))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field, answer.text

    async def test_a_secret_of_the_wrong_type_is_not_told_back(
        self, desk: httpx.AsyncClient
    ) -> None:
        told = mail_to(25, secrets={"password": "x" * 10_001})
        answer = await desk.put("/v1/notification-ways/mail", json=told)
        assert answer.status_code == 422
        assert "xxx" not in answer.text

    async def test_of_two_changes_one_wins(self, desk: httpx.AsyncClient) -> None:
        assert (await desk.put("/v1/notification-ways/mail", json=mail_to(25))).is_success
        answer = await desk.put("/v1/notification-ways/mail", json=mail_to(26))
        assert (answer.status_code, answer.json()["code"]) == (409, "stale-version")

    async def test_every_kind_is_described(self, desk: httpx.AsyncClient) -> None:
        kinds = (await desk.get("/v1/notification-ways/schema")).json()["items"]
        smtp = next(each for each in kinds if each["kind"] == "smtp")
        assert (smtp["channel"], smtp["secrets"]) == ("email", ["password"])
        assert "host" in str(smtp["settings"])

    async def test_whoever_is_limited_to_sites_changes_nothing(self, api: Api) -> None:
        await api.rows("INSERT INTO sites (code, name) VALUES ('s1', 'S1') RETURNING id")
        limited = await api.as_role(Role.PLANNER, "s1")
        answer = await limited.put("/v1/notification-ways/mail", json=mail_to(25))
        assert answer.status_code == 403
        assert (await limited.get("/v1/notifications")).status_code == 403


class TestTemplates:
    """Words that people change."""

    PLACE = "/v1/notification-templates/alarm_raised/en"
    WORDS: ClassVar = {
        "subject": "[{site}] {name}",
        "text": "{subject} has stopped.",
        "short": "{name}: {subject}",
        "html": "<h2>{name}</h2><p>{response}</p>",
    }

    async def test_changed_words_are_sent_and_taken_back(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        put = await desk.put(self.PLACE, json={"words": self.WORDS, "version": 0, "reason": "ours"})
        assert put.status_code == 200, put.text
        assert (put.json()["version"], put.json()["changed"]) == (1, True)
        await office.becomes(await office.post("mei@plant.test"), "sent")
        [mail] = server.mails
        assert mail["Subject"] == "[plant-1] Machine down"
        assert "<p>Go &amp; look &lt;now&gt;.</p>" in page_of(mail)
        back = await desk.put(self.PLACE, json={"words": None, "version": 1})
        assert (back.json()["version"], back.json()["changed"]) == (2, False)
        assert [each["version"] for each in back.json()["versions"]] == [2, 1]
        await office.becomes(await office.post("lin@plant.test"), "sent")
        assert server.mails[1]["Subject"] == "Machine down: plant-1/saw/line-1/saw-2"

    async def test_a_missing_field_is_refused_by_its_name(self, desk: httpx.AsyncClient) -> None:
        words = self.WORDS | {"text": "{machin} has stopped"}
        answer = await desk.put(self.PLACE, json={"words": words, "version": 0})
        assert answer.status_code == 422
        told = answer.json()
        assert (told["code"], told["params"]["placeholder"]) == ("template-invalid", "machin")
        assert told["errors"][0]["field"] == "words.text"
        assert "there is no {machin} here" in told["detail"]
        assert (await desk.get(self.PLACE)).json()["version"] == 0

    async def test_words_that_fail_all_the_same_give_way_to_the_built_in_ones(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        # As a version of the program left them that knew another placeholder.
        await office.rows(
            """
            INSERT INTO notification_templates (name, language, version, words, made_by)
            VALUES ('alarm_raised', 'en', 1,
                    '{"subject": "{gone}", "text": "x", "short": "x"}', 'test') RETURNING version
            """
        )
        for _ in range(2):
            row = await office.becomes(await office.post("mei@plant.test"), "sent")
        assert "{gone} has no value; the built-in words were sent" in row["note"]
        assert server.mails[0]["Subject"] == "Machine down: plant-1/saw/line-1/saw-2"
        shown = (await desk.get(self.PLACE)).json()
        assert (shown["problem"], shown["problem_times"]) == ("{gone} has no value", 2)
        [first, *_] = (await desk.get("/v1/notifications")).json()["items"]
        assert "cannot be used" in first["note"]

    async def test_a_preview_shows_and_counts(self, desk: httpx.AsyncClient) -> None:
        answer = await desk.post(f"{self.PLACE}/preview", json={"words": self.WORDS})
        told = answer.json()
        assert told["faults"] == [], answer.text
        assert (told["subject"], told["parts"], told["cut"]) == ("[north] Machine down", 1, False)
        assert told["short"].endswith(" https://gemba.test/alarms/7")
        long = self.WORDS | {"short": "{response}" * 10}
        told = (await desk.post(f"{self.PLACE}/preview", json={"words": long})).json()
        assert (told["parts"], told["cut"]) == (2, True)
        wrong = self.WORDS | {"html": "<script>x</script>", "subject": "{oops}"}
        told = (await desk.post(f"{self.PLACE}/preview", json={"words": wrong})).json()
        assert {(each["part"], each["placeholder"]) for each in told["faults"]} == {
            ("subject", "oops"),
            ("html", None),
        }
        assert told["subject"] is None

    async def test_all_of_them_are_listed_in_both_languages(self, desk: httpx.AsyncClient) -> None:
        items = (await desk.get("/v1/notification-templates")).json()["items"]
        names = {(each["name"], each["language"]) for each in items}
        assert {("alarm_raised", "en"), ("alarm_cleared", "zh-CN"), ("test", "en")} <= names
        raised = next(each for each in items if each["name"] == "alarm_raised")
        assert {"name", "subject", "raised_at"} <= {each["name"] for each in raised["fields"]}
        assert all(each["sample"] for each in raised["fields"])

    async def test_of_two_changes_one_wins(self, desk: httpx.AsyncClient) -> None:
        body = {"words": self.WORDS, "version": 0}
        assert (await desk.put(self.PLACE, json=body)).is_success
        answer = await desk.put(self.PLACE, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "stale-version")


class TestMessages:
    """What became of each."""

    async def test_each_is_traced_to_its_cause(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        server.recipients["gone@plant.test"] = ["550 5.1.1 no such user"]
        await office.becomes(await office.post("mei@plant.test"), "sent")
        lost = await office.becomes(await office.post("gone@plant.test"), "given_up")
        items = (await desk.get("/v1/notifications", params={"state": "given_up"})).json()["items"]
        [told] = items
        assert told["message_id"] == str(lost["message_id"])
        assert (told["source"], told["cause"], told["why"]) == ("alarms", "alarms", "step 0")
        assert (told["way"], told["next_at"]) == ("mail", None)
        assert "550 5.1.1" in told["last_error"]
        for wanted, count in (
            ({"recipient": "mei"}, 1),
            ({"channel": "sms"}, 0),
            ({"cause": "alarms"}, 2),
            ({"source": "tests"}, 0),
            ({"address": "gone@plant.test", "state": ["sent", "given_up"]}, 1),
        ):
            answer = await desk.get("/v1/notifications", params=wanted)
            assert answer.json()["total"] == count, wanted

    async def test_what_was_given_up_is_sent_once_more_by_hand(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        server.recipients["new@plant.test"] = ["550 5.1.1 no such user"]
        number = await office.post("new@plant.test")
        row = await office.becomes(number, "given_up")
        server.recipients["new@plant.test"] = ["250 OK"]
        place = f"/v1/notifications/{row['message_id']}"
        answer = await desk.post(f"{place}/retry", json={"reason": "the box is there now"})
        assert (answer.status_code, answer.json()["state"]) == (200, "waiting"), answer.text
        await office.becomes(number, "sent")
        assert (await desk.get(place)).json()["state"] == "sent"
        answer = await desk.post(f"{place}/retry", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "not-given-up")
        assert (await desk.post(f"/v1/notifications/{uuid4()}/retry", json={})).status_code == 404

    async def test_an_address_that_bounces_is_listed_and_released(
        self, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        server.recipients["gone@plant.test"] = ["550 5.1.1 no such user"]
        for _ in range(3):
            await office.becomes(await office.post("gone@plant.test"), "given_up")
        [bad] = (
            await desk.get("/v1/notification-addresses", params={"suppressed": "true"})
        ).json()["items"]
        assert (bad["address"], bad["bounces"]) == ("gone@plant.test", 3)
        number = await office.post("gone@plant.test")
        await office.becomes(number, "given_up", error="release it with")
        body = {"channel": "email", "address": "gone@plant.test"}
        assert (await desk.post("/v1/notification-addresses/release", json=body)).status_code == 204
        server.recipients["gone@plant.test"] = ["250 OK"]
        row = await office.letter(number)
        await desk.post(f"/v1/notifications/{row['message_id']}/retry", json={})
        await office.becomes(number, "sent")
        assert (await desk.post("/v1/notification-addresses/release", json=body)).status_code == 404

    async def test_whoever_sees_the_alarm_is_not_told_the_address(
        self, api: Api, desk: httpx.AsyncClient, office: PostOffice, server: MailServer
    ) -> None:
        await office.way(server.port)
        server.recipients["gone@plant.test"] = ["550 5.1.1 <gone@plant.test>: no such user"]
        number = await office.post("gone@plant.test")
        await office.becomes(number, "given_up")
        rule = {"name": "Down", "condition": {"kind": "machine_down"}, "response": "Go."}
        put = await desk.put("/v1/alarm-definitions/rules/down", json={"body": rule})
        assert put.is_success, put.text
        await office.rows(
            "INSERT INTO alarms (cause, rule_id, rule_version, subject_kind, subject_key, priority,"
            " latching, standing, raised_at, changed_at)"
            " SELECT 'c', id, version, 'machine', 'm', 'low', false, 3, now(), now()"
            " FROM alarm_definitions WHERE code = 'down' RETURNING id"
        )
        await office.rows(
            "UPDATE alarm_messages SET alarm_id = a.id FROM alarms a WHERE alarm_messages.id = %s"
            " RETURNING a.id",
            [number],
        )
        viewer = await api.as_role(Role.VIEWER)
        [alarm] = (await viewer.get("/v1/alarms")).json()["items"]
        answer = await viewer.get(f"/v1/alarms/{alarm['id']}")
        [told] = answer.json()["messages"]
        assert told["state"] == "given_up"
        assert "5.1.1 <…>: no such user" in told["last_error"]
        assert "gone@plant.test" not in answer.text
        assert (await viewer.get("/v1/notifications")).status_code == 403

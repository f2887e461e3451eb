"""Letters on real rows, by a real mail server: each becomes one mail, or says why it did not."""

from __future__ import annotations

import asyncio

import pytest
from mail_server import MailServer, page_of, text_of
from post_office import BODY, PostOffice

from domain.notification.retrying import Policy
from launch import notifications
from runtime.health import HealthState
from store.database import Pool
from store.errors import NotFoundError


class TestSending:
    """A message becomes a mail."""

    async def test_an_alarm_is_told_in_the_plants_time_with_a_link(
        self, office: PostOffice, server: MailServer
    ) -> None:
        number = await office.post("mei@plant.test")
        row = await office.becomes(number, "sent")
        [mail] = server.mails
        assert mail["Subject"] == "Machine down: plant-1/saw/line-1/saw-2"
        assert str(mail["Message-ID"]) == f"<{row['message_id']}@plant.test>"
        assert "23 Nov 2026, 07:15 CET" in text_of(mail)
        assert "https://gemba.test/alarms/7" in text_of(mail)
        assert "Go &amp; look &lt;now&gt;." in page_of(mail)
        assert (row["way"], row["reference"], row["attempts"]) == ("mail", "OK queued as 7F3A", 1)

    async def test_in_chinese(self, office: PostOffice, server: MailServer) -> None:
        number = await office.post("lin@plant.test", language="zh-CN", why="step 1")
        await office.becomes(number, "sent")
        [mail] = server.mails
        assert str(mail["Subject"]).startswith("尚未处理：Machine down")
        assert "升级的第 2 步" in text_of(mail)
        assert "2026-11-23 07:15 CET" in text_of(mail)
        assert 'lang="zh-CN"' in page_of(mail)

    async def test_what_is_over_and_what_was_gathered(
        self, office: PostOffice, server: MailServer
    ) -> None:
        over = {**BODY, "cleared_at": "2026-11-23T06:43:10+00:00"}
        first = await office.post("a@plant.test", why="cleared", body=over)
        both = [{**BODY, "why": "step 0"}, {**over, "why": "cleared"}]
        second = await office.post(
            "b@plant.test", why="digest", body={"count": 2, "messages": both}
        )
        await office.becomes(first, "sent")
        await office.becomes(second, "sent")
        assert "07:43 CET (28 min)" in text_of(server.to("a@plant.test")[0])
        [digest] = server.to("b@plant.test")
        assert digest["Subject"] == "2 alarm messages"
        assert "over - Machine down: plant-1/saw/line-1/saw-2" in text_of(digest)

    async def test_the_most_urgent_goes_first_and_each_goes_once(
        self, office: PostOffice, server: MailServer
    ) -> None:
        numbers = [await office.post(f"p{each}@plant.test") for each in range(25)]
        for number in numbers:
            await office.becomes(number, "sent")
        assert sorted(server.asked) == sorted(f"p{each}@plant.test" for each in range(25))

    async def test_of_two_couriers_one_sends(
        self, office: PostOffice, pool: Pool, server: MailServer
    ) -> None:
        second = PostOffice(pool)
        await second.open()
        try:
            numbers = [await office.post(f"q{each}@plant.test") for each in range(20)]
            for number in numbers:
                await office.becomes(number, "sent")
        finally:
            await second.close()
        assert len(server.mails) == 20


class TestRefusals:
    """What a server refuses is tried again, or stopped by rule."""

    async def test_greylisted_it_goes_later(self, office: PostOffice, server: MailServer) -> None:
        server.recipients["mei@plant.test"] = ["451 4.7.1 try again later", "250 OK"]
        number = await office.post("mei@plant.test")
        row = await office.becomes(number, "waiting", error="451 4.7.1 try again later")
        assert row["next_at"] > office.now()
        office.later(30)
        row = await office.becomes(number, "sent")
        assert (row["attempts"], row["last_error"]) == (2, None)
        [way] = await office.rows("SELECT failures FROM notification_ways")
        assert way["failures"] == 0, "greylisting is nothing that the way does wrong"

    async def test_an_address_that_bounces_is_suppressed_and_released(
        self, office: PostOffice, server: MailServer
    ) -> None:
        server.recipients["gone@plant.test"] = ["550 5.1.1 no such user"]
        for each in range(3):
            number = await office.post("gone@plant.test")
            row = await office.becomes(number, "given_up", error="550 5.1.1 no such user")
            [known] = await office.rows("SELECT * FROM notification_addresses")
            assert known["bounces"] == each + 1
            assert (known["suppressed_at"] is not None) == (each == 2)
        number = await office.post("gone@plant.test")
        row = await office.becomes(number, "given_up", error="is sent nothing since")
        assert row["attempts"] == 1
        assert server.asked.count("gone@plant.test") == 3
        await office.rows("DELETE FROM notification_addresses RETURNING address")
        server.recipients["gone@plant.test"] = ["250 OK"]
        await office.becomes(await office.post("gone@plant.test"), "sent")

    async def test_a_mail_that_is_taken_ends_the_count(
        self, office: PostOffice, server: MailServer
    ) -> None:
        server.recipients["shaky@plant.test"] = ["550 5.1.1 no", "550 5.1.1 no", "250 OK"]
        for state in ("given_up", "given_up", "sent"):
            await office.becomes(await office.post("shaky@plant.test"), state)
        assert await office.rows("SELECT * FROM notification_addresses") == []

    async def test_policy_is_no_bounce(self, office: PostOffice, server: MailServer) -> None:
        server.recipients["far@else.test"] = ["554 5.7.1 relaying denied"]
        await office.becomes(
            await office.post("far@else.test"), "given_up", error="5.7.1 relaying denied"
        )
        assert await office.rows("SELECT * FROM notification_addresses") == []

    async def test_a_mail_that_is_refused_for_what_it_says(
        self, office: PostOffice, server: MailServer
    ) -> None:
        server.data = ["554 5.6.0 this is spam"]
        await office.becomes(await office.post("mei@plant.test"), "given_up", error="this is spam")

    async def test_what_is_no_address(self, office: PostOffice) -> None:
        await office.becomes(
            await office.post("nobody at home"), "given_up", error="is no mail address"
        )


class TestMisbehaviour:
    """A server that hangs, hangs up or loses count harms nobody else."""

    async def test_hung_up_after_the_mail_it_goes_again_under_the_same_id(
        self, office: PostOffice, server: MailServer
    ) -> None:
        server.data = [""]
        number = await office.post("mei@plant.test")
        await office.becomes(number, "waiting", error="it may have arrived")
        office.later(30)
        await office.becomes(number, "sent")
        first, second = (str(mail["Message-ID"]) for mail in server.mails)
        assert first == second

    async def test_one_that_is_slow_holds_up_nobody_elses(
        self, pool: Pool, server: MailServer
    ) -> None:
        office = PostOffice(pool, timeout_s=2.0)
        async with MailServer(slow_s=60.0) as slow:
            await office.way(slow.port, "slow", prefixes=("far-",), rank=1)
            await office.way(server.port, "mail", prefixes=("near-",))
            await office.open()
            try:
                far = [await office.post(f"far-{each}@plant.test") for each in range(12)]
                near = [await office.post(f"near-{each}@plant.test") for each in range(6)]
                for number in near:
                    await office.becomes(number, "sent")
                assert (await office.letter(far[0]))["state"] == "waiting"
                await office.becomes(far[0], "waiting", error="slow: nothing within 2 s")
            finally:
                await office.close()

    async def test_one_that_is_away_is_left_alone_and_comes_back(self, pool: Pool) -> None:
        office = PostOffice(pool)
        async with MailServer() as server:
            port = server.port
        await office.way(port)
        await office.open()
        try:
            numbers = [await office.post(f"m{each}@plant.test") for each in range(8)]
            async with asyncio.timeout(60):
                while True:
                    office.later(10)
                    [way] = await office.rows("SELECT * FROM notification_ways")
                    if way["failures"] >= 5:
                        break
                    await asyncio.sleep(0.2)
            assert way["broken_until"] is not None
            assert "127.0.0.1" in way["last_error"]
            # Its letters say why they wait, and the service says so.
            office.later(11)
            async with asyncio.timeout(60):
                while True:
                    assert office.courier is not None
                    if office.courier.health[0] is HealthState.DEGRADED:
                        break
                    office.later(0.5)
                    await asyncio.sleep(0.2)
            async with MailServer(port=port) as again:
                for number in numbers:
                    async with asyncio.timeout(60):
                        while (await office.letter(number))["state"] != "sent":
                            office.later(60)
                            await asyncio.sleep(0.1)
                assert len({str(mail["Message-ID"]) for mail in again.mails}) == 8
            [way] = await office.rows("SELECT * FROM notification_ways")
            assert (way["failures"], way["broken_until"], way["last_error"]) == (0, None, None)
        finally:
            await office.close()

    async def test_another_way_takes_over(self, pool: Pool, server: MailServer) -> None:
        office = PostOffice(pool)
        async with MailServer() as gone:
            port = gone.port
        await office.way(port, "first", rank=1)
        await office.way(server.port, "second", rank=2)
        await office.open()
        try:
            number = await office.post("mei@plant.test")
            await office.becomes(number, "waiting", error="127.0.0.1")
            office.later(30)
            row = await office.becomes(number, "sent")
            assert row["way"] == "second"
        finally:
            await office.close()


class TestGivingUp:
    """What cannot be sent is given up by rule, and says why."""

    async def test_without_a_way_it_waits_and_says_so(self, pool: Pool) -> None:
        office = PostOffice(pool)
        await office.open()
        try:
            number = await office.post("mei@plant.test")
            row = await office.becomes(number, "waiting", error="no way is configured for email")
            assert row["attempts"] == 0
            old = await office.post("lin@plant.test", decided_at=office.ago(25))
            office.later(11)
            await office.becomes(old, "given_up", error="no way is configured")
            async with MailServer() as server:
                await office.way(server.port)
                await office.becomes(number, "sent")
        finally:
            await office.close()

    async def test_after_so_many_hours_and_attempts(self, pool: Pool) -> None:
        office = PostOffice(pool, policy=Policy(attempts=2))
        async with MailServer() as server:
            server.recipients["mei@plant.test"] = ["451 4.2.1 not now"]
            await office.way(server.port)
            await office.open()
            try:
                number = await office.post("mei@plant.test", decided_at=office.ago(30))
                await office.becomes(number, "waiting", error="not now", attempts=1)
                office.later(60)
                row = await office.becomes(number, "given_up", error="not now")
                assert row["attempts"] == 2
            finally:
                await office.close()

    async def test_a_row_that_says_nothing(self, office: PostOffice) -> None:
        await office.becomes(
            await office.post("mei@plant.test", body={}), "given_up", error="cannot be read"
        )

    async def test_a_robot_that_nobody_knows(self, office: PostOffice) -> None:
        number = await office.post("floor", channel="wecom")
        await office.becomes(number, "waiting", error="no way is configured for wecom")


class TestCommand:
    """`gemba notify`."""

    async def test_a_way_is_tried_by_the_courier(
        self, office: PostOffice, server: MailServer, database_url: str
    ) -> None:
        del office
        tried = await notifications.try_way(
            database_url, None, "mei@plant.test", language="en", wait_s=60
        )
        assert (tried.state, tried.reference) == ("sent", "OK queued as 7F3A")
        assert server.mails[0]["Subject"] == "gemba: a test of mail"
        [way] = await notifications.listed(database_url)
        assert (way.code, way.channel, way.failures) == ("mail", "email", 0)

    async def test_a_way_that_there_is_none_of(self, pool: Pool, database_url: str) -> None:
        del pool
        with pytest.raises(NotFoundError, match="there is no notification way 'fax'"):
            await notifications.try_way(database_url, "fax", "x", language="en", wait_s=1)

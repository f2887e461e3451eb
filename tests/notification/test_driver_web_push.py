"""Notifications in browsers: a push service that checks who sends, and browsers that decrypt."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from post_office import KEY, PostOffice
from provider_server import Asked, ProviderServer, Reply

from runtime.web_push import decoded, encoded
from store.audit import Actor
from store.database import Pool
from store.notification import push, trials
from store.notification.push import Owner, Subscription

ACTOR = Actor("test", "test")
HOUR = 3_600


@dataclass
class Browser:
    """One that has subscribed; reads what it is sent as RFC 8291 says, by itself."""

    name: str
    private: ec.EllipticCurvePrivateKey
    auth: bytes

    @classmethod
    def new(cls, name: str) -> Browser:
        return cls(name, ec.generate_private_key(ec.SECP256R1()), name.encode().ljust(16, b"."))

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, service: ProviderServer) -> Subscription:
        return Subscription(
            endpoint=f"{service.url}/p/{self.name}",
            p256dh=encoded(self.public),
            auth=encoded(self.auth),
        )

    def read(self, asked: Asked) -> dict[str, Any]:
        salt, size, length = asked.body[:16], asked.body[16:20], asked.body[20]
        theirs, sealed = asked.body[21 : 21 + length], asked.body[21 + length :]
        assert int.from_bytes(size, "big") == 4096
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        shared = self.private.exchange(ec.ECDH(), point)
        material = derived(shared, self.auth, b"WebPush: info\0" + self.public + theirs, 32)
        key = derived(material, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derived(material, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02"
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def service_answers(asked: Asked) -> Reply:
    """Whether RFC 8292's token is good: for this service, in time, signed with the key it names."""
    scheme, token, key = asked.headers["authorization"].replace(",", "").split(" ")
    head, claims, signature = token.removeprefix("t=").split(".")
    told = json.loads(decoded(claims))
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), decoded(key.removeprefix("k="))
    )
    raw = decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    point.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    good = (
        scheme == "vapid"
        and told["aud"] == f"http://{asked.headers['host']}"
        and time.time() < told["exp"] <= time.time() + 24 * HOUR
        and asked.headers["content-encoding"] == "aes128gcm"
        and int(asked.headers["ttl"]) > 0
        and len(asked.headers["topic"]) <= 32
    )
    return Reply(201, headers={"Location": "/m/1"}) if good else Reply(403, raw=b"not you")


@dataclass
class Pushing:
    """A courier, a push service, and people with browsers."""

    office: PostOffice
    pool: Pool
    service: ProviderServer

    async def subscribe(self, browser: Browser, owner: Owner, **changed: Any) -> int:
        async with self.pool.connection() as connection, connection.transaction():
            keys = await push.keys(connection, installation_key=KEY, contact=None, actor=ACTOR)
            row = await push.subscribe(
                connection,
                owner,
                browser.subscription(self.service),
                public_key=changed.get("public_key", keys.public_key),
                device=browser.name,
                language="en",
                installation_key=KEY,
            )
        return row.id

    async def post(self, address: str, **told: Any) -> int:
        return await self.office.post(address, channel="web_push", **told)

    async def subscribed(self) -> set[str]:
        rows = await self.office.rows("SELECT device FROM push_subscriptions")
        return {row["device"] for row in rows}


@pytest.fixture
async def pushing(pool: Pool) -> AsyncIterator[Pushing]:
    office = PostOffice(pool, timeout_s=3.0)
    async with ProviderServer(service_answers) as service:
        found = Pushing(office, pool, service)
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO users (name, display_name, password_hash, role)"
                " VALUES ('mei', 'Mei', '!', 'planner'), ('li', 'Li', '!', 'planner')"
            )
        await office.open()
        try:
            yield found
        finally:
            await office.close()


async def user(pushing: Pushing, name: str) -> Owner:
    (row,) = await pushing.office.rows("SELECT id FROM users WHERE name = %s", (name,))
    return Owner(user_id=row["id"])


async def test_every_browser_of_somebody_is_told_what_only_it_can_read(pushing: Pushing) -> None:
    pad, phone, other = (Browser.new(name) for name in ("pad", "phone", "other"))
    mei = await user(pushing, "mei")
    await pushing.subscribe(pad, mei)
    await pushing.subscribe(phone, mei)
    await pushing.subscribe(other, await user(pushing, "li"))
    number = await pushing.post("mei", priority="critical")
    row = await pushing.office.becomes(number, "sent")
    assert row["attempts"] == 1
    told = {asked.path: asked for asked in pushing.service.asked}
    assert set(told) == {"/p/pad", "/p/phone"}
    for browser in (pad, phone):
        asked = told[f"/p/{browser.name}"]
        said = browser.read(asked)
        assert said["id"] == str(row["message_id"])
        assert said["title"].startswith("Machine down")
        assert said["link"] == "https://gemba.test/alarms/7"
        assert (said["priority"], said["language"]) == ("critical", "en")
        assert (asked.headers["urgency"], asked.headers["ttl"]) == ("high", str(4 * HOUR))
        assert asked.headers["topic"] == UUID(str(row["message_id"])).hex
        assert b"Machine" not in asked.body
    sent = await pushing.office.rows(
        "SELECT device FROM push_subscriptions WHERE last_sent_at IS NOT NULL ORDER BY device"
    )
    assert [each["device"] for each in sent] == ["pad", "phone"]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(pushing: Pushing, status: int) -> None:
    pad, phone = Browser.new("pad"), Browser.new("phone")
    mei = await user(pushing, "mei")
    for browser in (pad, phone):
        await pushing.subscribe(browser, mei)
    gone = Reply(status)
    pushing.service.answers = lambda asked: (
        gone if asked.path == "/p/pad" else service_answers(asked)
    )
    await pushing.office.becomes(await pushing.post("mei"), "sent")
    assert await pushing.subscribed() == {"phone"}
    pushing.service.answers = lambda _: gone
    row = await pushing.office.becomes(await pushing.post("mei"), "given_up")
    assert str(status) in row["last_error"]
    assert await pushing.subscribed() == set()
    row = await pushing.office.becomes(await pushing.post("mei"), "given_up")
    assert "no browser" in row["last_error"]
    # Nobody's address is at fault: who subscribes again is told again.
    assert await pushing.office.rows("SELECT * FROM notification_addresses") == []
    await pushing.subscribe(pad, mei)
    pushing.service.answers = service_answers
    await pushing.office.becomes(await pushing.post("mei"), "sent")


async def test_a_push_service_that_is_away_is_asked_again(pushing: Pushing) -> None:
    pad = Browser.new("pad")
    await pushing.subscribe(pad, await user(pushing, "mei"))
    pushing.service.replies = [Reply(503, headers={"Retry-After": "120"}), Reply(drop=True)]
    number = await pushing.post("mei")
    row = await pushing.office.becomes(number, "waiting", error="503", attempts=1)
    assert (row["next_at"] - pushing.office.now()).total_seconds() > 60
    pushing.office.later(200)
    await pushing.office.becomes(number, "waiting", error="RemoteProtocolError", attempts=2)
    pushing.office.later(200)
    await pushing.office.becomes(number, "sent")
    assert await pushing.subscribed() == {"pad"}
    topics = {asked.headers["topic"] for asked in pushing.service.asked}
    assert len(topics) == 1
    (way,) = await pushing.office.rows("SELECT failures FROM notification_ways")
    assert way["failures"] == 0


async def test_taken_without_an_answer_is_in_the_books_once(pushing: Pushing) -> None:
    """The service takes it and hangs; it gets it again under the same topic, as one message."""
    pad = Browser.new("pad")
    await pushing.subscribe(pad, await user(pushing, "mei"))
    pushing.service.replies = [Reply(201, hang=60.0)]
    number = await pushing.post("mei")
    await pushing.office.becomes(number, "waiting", attempts=1)
    pushing.office.later(60)
    await pushing.office.becomes(number, "sent")
    first, second = pushing.service.asked
    assert first.headers["topic"] == second.headers["topic"]
    assert pad.read(first) == pad.read(second)
    assert first.body != second.body
    rows = await pushing.office.rows("SELECT state FROM alarm_messages")
    assert [row["state"] for row in rows] == ["sent"]


async def test_a_browser_that_knows_another_key_is_forgotten(pushing: Pushing) -> None:
    pad = Browser.new("pad")
    await pushing.subscribe(pad, await user(pushing, "mei"), public_key="of-before")
    row = await pushing.office.becomes(await pushing.post("mei"), "given_up")
    assert "another key" in row["last_error"]
    assert await pushing.subscribed() == set()
    assert pushing.service.asked == []


async def test_who_is_disabled_is_told_nothing(pushing: Pushing) -> None:
    await pushing.subscribe(Browser.new("pad"), await user(pushing, "mei"))
    await pushing.office.rows(
        "UPDATE users SET disabled_at = now() WHERE name = 'mei' RETURNING id"
    )
    row = await pushing.office.becomes(await pushing.post("mei"), "given_up")
    assert "'mei' has no browser" in row["last_error"]
    assert pushing.service.asked == []


async def test_one_device_can_be_tried(pushing: Pushing) -> None:
    pad, phone = Browser.new("pad"), Browser.new("phone")
    mei = await user(pushing, "mei")
    await pushing.subscribe(phone, mei)
    number = await pushing.subscribe(pad, mei)
    async with pushing.pool.connection() as connection:
        message = await trials.add(
            connection,
            way="web-push",
            channel="web_push",
            address=f"device/{number}",
            language="zh-CN",
            by="mei",
            now=pushing.office.now(),
        )
    assert pushing.office.courier is not None
    pushing.office.courier.wake()
    found = None
    while found is None or found.state == "waiting":
        await asyncio.sleep(0.05)
        async with pushing.pool.connection() as connection:
            found = await trials.find(connection, message)
    assert found.state == "sent", found
    (asked,) = pushing.service.asked
    assert asked.path == "/p/pad"
    assert pad.read(asked)["language"] == "zh-CN"

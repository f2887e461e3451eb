"""The SMTP driver by itself, on real servers: signing in, TLS, what it refuses to do without."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
from mail_server import MailServer, text_of

from domain.notification.letters import (
    Attachment,
    Fault,
    Letter,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.ways import Smtp, Tls, Way
from launch.certificates import make_certificates
from notify.courier_ports import Tools
from notify.drivers.smtp import SmtpDriver
from runtime.clock import SystemClock
from store.database import build_pool

LETTER = Letter(
    source="alarms",
    id=1,
    message_id=UUID("00000000-0000-4000-8000-00000000002a"),
    why="step 0",
    recipient="mei",
    channel="email",
    address="mei@plant.test",
    language="en",
    priority="critical",
    body={},
    attempts=1,
    decided_at=datetime(2026, 11, 23, 6, tzinfo=UTC),
)
RENDERED = Rendered(
    template="report",
    subject="停机 Machine down",
    text="Line one\n.\nLine three",
    html="<p>Hello</p>",
    short="Hello",
    link=None,
    language="en",
    priority="critical",
    fields={},
    attachments=(Attachment(name="日报.pdf", media_type="application/pdf", content=b"%PDF-1.7"),),
    headers={"List-Unsubscribe": "<https://gemba.test/u/1>", "To": "others@plant.test"},
)


def driver_of(client: httpx.AsyncClient, *, timeout_s: float) -> SmtpDriver:
    """A driver that may not leave this machine without TLS."""
    return SmtpDriver(
        Tools(
            http=client,
            clock=SystemClock(),
            pool=build_pool("postgresql://nowhere.test/x", name="unused", max_size=1),
            timeout_s=timeout_s,
            private=False,
            installation_key="unused",
        )
    )


@pytest.fixture
async def driver() -> AsyncIterator[SmtpDriver]:
    """A driver that waits long."""
    async with httpx.AsyncClient() as client:
        yield driver_of(client, timeout_s=20.0)


@pytest.fixture
async def hasty() -> AsyncIterator[SmtpDriver]:
    """One that gives up soon, for servers that do not answer."""
    async with httpx.AsyncClient() as client:
        yield driver_of(client, timeout_s=2.0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, and who signed it."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder, ["localhost", "127.0.0.1"])
    return folder


def tls_of(folder: Path) -> ssl.SSLContext:
    """What a server shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def way_to(port: int, *, password: str | None = None, **told: object) -> Way:
    """A way to a server on this machine."""
    plain = {"host": "127.0.0.1", "port": port, "sender": "gemba@plant.test"}
    secrets = {} if password is None else {"password": password}
    return Way(
        code="mail", kind="smtp", settings=msgspec.convert(plain | told, Smtp), secrets=secrets
    )


async def test_a_mail_with_a_file_arrives_whole(driver: SmtpDriver, server: MailServer) -> None:
    way = way_to(server.port, tls=Tls.NONE, sender_name="Werk 1, Süd", reply_to="it@plant.test")
    outcome = await driver.deliver(LETTER, RENDERED, way)
    assert outcome == Taken(reference="OK queued as 7F3A", answer="OK queued as 7F3A")
    [mail] = server.mails
    assert str(mail["From"]) == '"Werk 1, Süd" <gemba@plant.test>'
    assert (str(mail["To"]), str(mail["Subject"])) == ("mei@plant.test", "停机 Machine down")
    assert str(mail["Message-ID"]) == "<00000000-0000-4000-8000-00000000002a@plant.test>"
    assert (str(mail["Auto-Submitted"]), str(mail["X-Priority"])) == (
        "auto-generated",
        "1 (Highest)",
    )
    assert str(mail["List-Unsubscribe"]) == "<https://gemba.test/u/1>"
    assert str(mail["Reply-To"]) == "it@plant.test"
    assert text_of(mail).splitlines() == ["Line one", ".", "Line three"]
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("日报.pdf", b"%PDF-1.7")


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
async def test_with_tls_and_signing_in(driver: SmtpDriver, certificates: Path, tls: Tls) -> None:
    async with MailServer(
        tls=tls_of(certificates), implicit=tls is Tls.IMPLICIT, user=("gemba", "open sesame")
    ) as server:
        authority = (certificates / "ca.pem").read_text()
        told = {"tls": tls, "user": "gemba", "certificates": authority}
        way = way_to(server.port, password="open sesame", **told)
        assert isinstance(await driver.deliver(LETTER, RENDERED, way), Taken)
        wrong = way_to(server.port, password="guess", **told)
        outcome = await driver.deliver(LETTER, RENDERED, wrong)
        assert isinstance(outcome, TryAgain)
        assert outcome.fault is Fault.WAY, "others' letters would fare no better"
        assert "signing in as gemba: 535" in outcome.problem
        assert "guess" not in outcome.problem
        unsigned = way_to(server.port, tls=tls, certificates=authority)
        outcome = await driver.deliver(LETTER, RENDERED, unsigned)
        assert isinstance(outcome, TryAgain)
        assert (outcome.fault, "530 5.7.0" in outcome.problem) == (Fault.WAY, True)
        # Of whom nobody knows who signed for it, nothing is told.
        foreign = way_to(server.port, password="open sesame", tls=tls, user="gemba")
        outcome = await driver.deliver(LETTER, RENDERED, foreign)
        assert isinstance(outcome, TryAgain)
        assert "certificate" in outcome.problem.lower()
        assert len(server.mails) == 1


async def test_a_server_without_starttls_is_told_nothing(
    driver: SmtpDriver, server: MailServer
) -> None:
    outcome = await driver.deliver(LETTER, RENDERED, way_to(server.port, tls=Tls.STARTTLS))
    assert isinstance(outcome, TryAgain)
    assert "STARTTLS" in outcome.problem
    assert server.asked == []


async def test_without_tls_it_does_not_leave_this_machine(driver: SmtpDriver) -> None:
    way = way_to(25, host="192.0.2.7", tls=Tls.NONE)
    outcome = await driver.deliver(LETTER, RENDERED, way)
    assert isinstance(outcome, TryAgain)
    assert "without TLS mail goes to this machine only" in outcome.problem


async def test_nobody_there(driver: SmtpDriver) -> None:
    async with MailServer() as server:
        port = server.port
    outcome = await driver.deliver(LETTER, RENDERED, way_to(port, tls=Tls.NONE))
    assert isinstance(outcome, TryAgain)
    assert f"127.0.0.1:{port}" in outcome.problem


@pytest.mark.parametrize(
    ("answer", "fault", "again"),
    [
        ("550 5.1.1 unknown", Fault.ADDRESS, False),
        ("550 unknown", Fault.ADDRESS, False),
        ("553 5.1.3 bad syntax", Fault.ADDRESS, False),
        ("550 5.2.1 disabled", Fault.ADDRESS, False),
        ("554 5.7.1 relaying denied", Fault.LETTER, False),
        ("554 no", Fault.LETTER, False),
        ("552 5.2.2 mailbox full", Fault.ADDRESS, True),
        ("451 4.7.1 greylisted", Fault.ADDRESS, True),
        ("421 4.3.2 shutting down", Fault.WAY, True),
    ],
)
async def test_what_is_said_of_a_recipient(
    driver: SmtpDriver, server: MailServer, answer: str, fault: Fault, *, again: bool
) -> None:
    server.recipients["mei@plant.test"] = [answer]
    outcome = await driver.deliver(LETTER, RENDERED, way_to(server.port, tls=Tls.NONE))
    assert isinstance(outcome, TryAgain if again else Refused)
    assert outcome.fault is fault
    assert answer.partition(" ")[2] in outcome.problem


@pytest.mark.parametrize(
    "address", ["", "mei", "mei@", "a@b, c@d", "a@b\r\nBcc: c@d", "<a@b>", "a b@c"]
)
async def test_what_is_no_address(driver: SmtpDriver, address: str) -> None:
    letter = msgspec.structs.replace(LETTER, address=address)
    outcome = await driver.deliver(letter, RENDERED, way_to(25, tls=Tls.NONE))
    assert isinstance(outcome, Refused)
    assert outcome.fault is Fault.ADDRESS


async def test_a_header_with_a_line_break_is_refused(driver: SmtpDriver) -> None:
    rendered = msgspec.structs.replace(RENDERED, subject="a\r\nBcc: others@plant.test")
    outcome = await driver.deliver(LETTER, rendered, way_to(25, tls=Tls.NONE))
    assert isinstance(outcome, Refused)
    assert outcome.fault is Fault.LETTER


@asynccontextmanager
async def scripted(said: Mapping[str, str]) -> AsyncIterator[int]:
    """A server that answers each command as it is told, however wrong; its port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said["connect"].encode())
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode():
                if line == ".\r\n":
                    writer.write(said["."].encode())
                answer = said.get(line[:4].strip().upper())
                if answer is not None:
                    writer.write(answer.encode())
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


USUAL = {
    "connect": "220 mail.test\r\n",
    "EHLO": "250 mail.test\r\n",
    "HELO": "250 mail.test\r\n",
    "MAIL": "250 OK\r\n",
    "RCPT": "250 OK\r\n",
    "DATA": "354 go on\r\n",
    ".": "250 OK queued as 1\r\n",
    "QUIT": "221 bye\r\n",
}


class TestAnswersThatAreNone:
    """Whatever a server says is an outcome, and harms no other letter."""

    async def test_one_that_answers_the_mail_twice_has_taken_it_once(
        self, driver: SmtpDriver
    ) -> None:
        twice = USUAL | {".": "250 OK queued as 1\r\n550 5.1.1 no, after all\r\n"}
        async with scripted(twice) as port:
            outcome = await driver.deliver(LETTER, RENDERED, way_to(port, tls=Tls.NONE))
        assert outcome == Taken(reference="OK queued as 1", answer="OK queued as 1")

    @pytest.mark.parametrize(
        "told",
        [
            {name: answer * 2 for name, answer in USUAL.items()},
            {"connect": "554 5.3.2 not today\r\n"},
            {"connect": "HTTP/1.1 400 Bad Request\r\n\r\n"},
            {"EHLO": "\x00\xff\r\n"},
            {"DATA": "250 OK\r\n"},
            {".": "999\r\n"},
            {"RCPT": "250-OK\r\n251 else\r\n", ".": "421 4.3.2 going\r\n"},
        ],
        ids=["all twice", "no service", "http", "bytes", "no data", "no code", "going"],
    )
    async def test_others_are_tried_again_or_refused(
        self, hasty: SmtpDriver, told: dict[str, str]
    ) -> None:
        async with scripted(USUAL | told) as port:
            outcome = await hasty.deliver(LETTER, RENDERED, way_to(port, tls=Tls.NONE))
        assert isinstance(outcome, TryAgain | Refused | Taken)
        if isinstance(outcome, Taken):
            assert "OK" in outcome.answer
        else:
            assert outcome.fault is not Fault.ADDRESS
            assert f"127.0.0.1:{port}" in outcome.problem

"""A real SMTP server that takes mails, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PATIENCE_S = 120.0


@dataclass
class MailServer:
    """Takes mails on a port of this machine. It is told before it is used how it behaves.

    Attributes:
        recipients: by address, what it says to each RCPT; the last one is said from then on.
        data: what it says to each DATA; an empty text: it hangs up without a word.
        slow_s: how long it thinks before it takes a mail.
        user: who has to sign in, and with which password.
        tls: offered with STARTTLS, or from the first byte if `implicit`.
    """

    user: tuple[str, str] | None = None
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    slow_s: float = 0.0
    recipients: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    data: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: list[SMTP] = field(default_factory=list)
    _taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def conversation() -> SMTP:
            one = SMTP(
                self,
                loop=loop,
                hostname="mail.test",
                enable_SMTPUTF8=True,
                tls_context=None if self.implicit else self.tls,
                require_starttls=self.tls is not None and not self.implicit,
                auth_require_tls=False,
                authenticator=self._authenticate,
            )
            self._open.append(one)
            return one

        self._server = await loop.create_server(
            conversation, "127.0.0.1", self.port, ssl=self.tls if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()
        for one in self._open:
            if one.transport is not None:
                one.transport.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        del server, session, envelope, mechanism
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.user, handled=False)

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient."""
        del server, options
        if self.user is not None and not session.authenticated:
            return "530 5.7.0 sign in first"
        self.asked.append(address)
        answers = self.recipients[address]
        answer = "250 OK"
        if answers:
            answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """A mail."""
        del session
        await asyncio.sleep(self.slow_s)
        answer = self.data.pop(0) if self.data else "250 OK queued as 7F3A"
        if answer.startswith("250") or not answer:
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, EmailMessage, policy=SMTP_POLICY)
            self.mails.append(mail)
            self._taken.set()
        if not answer:
            assert server.transport is not None
            server.transport.close()
        return answer or "250 never heard"

    async def has(self, count: int, address: str = "") -> list[EmailMessage]:
        """Wait until somebody, or anybody, has so many mails; answers them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.to(address)) < count:
                self._taken.clear()
                await self._taken.wait()
        return self.to(address)

    def to(self, address: str) -> list[EmailMessage]:
        """The mails that somebody got."""
        return [mail for mail in self.mails if address in str(mail["To"])]


def text_of(mail: EmailMessage) -> str:
    """A mail's plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def page_of(mail: EmailMessage) -> str:
    """A mail's page."""
    part = mail.get_body(("html",))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content

"""A real SMTP server that keeps what it takes, and thinks as long as it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Inbox:
    """Takes mails on a port of this machine.

    Attributes:
        slow_s: how long it thinks after it has heard a mail, before it takes it.
        heard: mails that were told to it, taken or not.
        mails: those that it took.
    """

    slow_s: float = 0.0
    heard: list[EmailMessage] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: list[SMTP] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def conversation() -> SMTP:
            one = SMTP(self, loop=loop, hostname="mail.test", enable_SMTPUTF8=True)
            self._open.append(one)
            return one

        self._server = await loop.create_server(conversation, "127.0.0.1", self.port)
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

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """A mail."""
        del session
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, EmailMessage, policy=SMTP_POLICY)
        self.heard.append(mail)
        await asyncio.sleep(self.slow_s)
        if server.transport is None or server.transport.is_closing():
            return "451 nobody listens"
        self.mails.append(mail)
        return "250 OK queued"

    async def until(self, mails: list[EmailMessage], count: int, within_s: float = 240.0) -> None:
        """Wait until so many mails are in one of the lists."""
        deadline = asyncio.get_running_loop().time() + within_s
        while len(mails) < count:
            assert asyncio.get_running_loop().time() < deadline, f"{len(mails)} of {count} mails"
            await asyncio.sleep(0.1)


def text_of(mail: EmailMessage) -> str:
    """A mail's plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def files_of(mail: EmailMessage) -> dict[str, bytes]:
    """A mail's attachments by name."""
    files: dict[str, bytes] = {}
    for part in mail.iter_attachments():
        content = part.get_content()
        files[part.get_filename() or ""] = content.encode() if isinstance(content, str) else content
    return files

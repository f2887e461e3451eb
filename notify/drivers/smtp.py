"""Mail by SMTP (RFC 5321), one connection per letter.

A letter is for one recipient, so an answer is about one address. What the server says is sorted by
where in the conversation it says it and by its enhanced status code (RFC 3463): `5.1.x` and `5.2.x`
are about the address, `5.7.x` is policy. A connection of its own per letter costs a handshake, and
a server that loses count of its answers harms no other letter.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from domain.notification.letters import Fault, Letter, Outcome, Refused, Rendered, Taken, TryAgain
from domain.notification.ways import Smtp, Tls, Way
from domain.outward import is_public
from notify.courier_ports import Tools
from notify.sending import RefusedAddressError

_QUIT_S: Final = 2.0
_MOST_CONTEXTS: Final = 16
_LONGEST_ANSWER: Final = 200
_PERMANENT: Final = 500
_WAYS_FAULT: Final = frozenset((421, 530, 534, 535, 538))
"""It goes away, or wants somebody to sign in (otherwise)."""
_TOO_LARGE: Final = 552
_ENHANCED: Final = re.compile(r"^\s*[245]\.(\d{1,3})\.\d{1,3}\b")
_ABOUT_ADDRESS: Final = frozenset(("1", "2"))
_ADDRESS_CODES: Final = frozenset((550, 551, 553))
_PROTECTED: Final = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "message-id", "content-type")
)
_PRIORITY: Final = {"critical": "1 (Highest)", "high": "2 (High)"}


class SmtpDriver:
    """Sends mails by a server."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Hand a mail to the server; see `Driver`."""
        settings = way.settings
        assert isinstance(settings, Smtp)  # noqa: S101 - the registry goes by the kind
        try:
            mail = written_mail(letter, rendered, settings)
        except BadAddressError as error:
            return Refused(problem=str(error), fault=Fault.ADDRESS)
        except (ValueError, HeaderParseError) as error:
            return Refused(problem=f"this is no mail: {error}", fault=Fault.LETTER)
        try:
            server = await self._server(settings)
            await server.connect()
        except RefusedAddressError as error:
            return TryAgain(problem=str(error))
        except SMTPConnectResponseError as error:
            return TryAgain(problem=_said(settings, "connecting", error))
        except (SMTPException, OSError, ssl.SSLError, ValueError) as error:
            return TryAgain(problem=f"{settings.host}:{settings.port}: {_words(error)}")
        try:
            return await _converse(server, settings, way.secrets.get("password", ""), mail)
        finally:
            server.close()

    async def _server(self, settings: Smtp) -> SMTP:
        """A server that nothing was said to yet.

        Raises:
            RefusedAddressError: without TLS it would leave this machine.
            OSError: its name means nothing.
        """
        host = settings.host
        if settings.tls is Tls.NONE:
            host = await _near(settings, private=self._tools.private)
        return SMTP(
            hostname=host,
            port=settings.port,
            use_tls=settings.tls is Tls.IMPLICIT,
            start_tls=settings.tls is Tls.STARTTLS,
            tls_context=None if settings.tls is Tls.NONE else await self._context(settings),
            timeout=self._tools.timeout_s,
            local_hostname=_own_name(),
        )

    async def _context(self, settings: Smtp) -> ssl.SSLContext:
        """What a server's certificate is checked with."""
        known = self._contexts.get(settings.certificates)
        if known is None:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.clear()
            # Reading the authorities of the system takes some tens of milliseconds.
            known = self._contexts[settings.certificates] = await asyncio.to_thread(
                ssl.create_default_context, cadata=settings.certificates
            )
        return known


class BadAddressError(ValueError):
    """What is no mail address."""


def written_mail(letter: Letter, rendered: Rendered, settings: Smtp) -> EmailMessage:
    """A letter as a mail: plain text and a page, and what goes with it.

    Raises:
        BadAddressError: the recipient's address is none.
        ValueError: a header would have a line break in it.
    """
    try:
        to = Address(addr_spec=letter.address)
    except (HeaderParseError, ValueError, IndexError) as error:
        raise BadAddressError(f"{letter.address!r} is no mail address: {error}") from error
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    mail["To"] = to
    mail["Subject"] = rendered.subject
    mail["Date"] = format_datetime(letter.decided_at)
    domain = settings.sender.rpartition("@")[2]
    # The same at each attempt: what arrives twice is seen to be one.
    mail["Message-ID"] = f"<{letter.message_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = rendered.language
    if settings.reply_to is not None:
        mail["Reply-To"] = settings.reply_to
    if rendered.priority in _PRIORITY:
        mail["X-Priority"] = _PRIORITY[rendered.priority]
    for name, value in rendered.headers.items():
        if name.lower() not in _PROTECTED:
            mail[name] = value
    mail.set_content(rendered.text)
    mail.add_alternative(rendered.html, subtype="html")
    for each in rendered.attachments:
        kind, _, subkind = each.media_type.partition("/")
        mail.add_attachment(each.content, maintype=kind, subtype=subkind, filename=each.name)
    return mail


async def _converse(server: SMTP, settings: Smtp, password: str, mail: EmailMessage) -> Outcome:
    """What is said once the connection stands."""
    try:
        if settings.user is not None:
            await server.login(settings.user, password)
        _, answer = await server.send_message(mail, sender=settings.sender)
    except SMTPRecipientsRefused as error:
        [refused] = error.recipients
        return _recipient_refused(settings, refused)
    except SMTPDataError as error:
        return _mail_refused(settings, error)
    except (SMTPException, OSError, ValueError) as error:
        return TryAgain(problem=_conversation_failed(settings, error))
    # It is taken: however the server says goodbye, that stays so.
    with contextlib.suppress(SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_QUIT_S):
            await server.quit()
    said = " ".join(answer.split())[:_LONGEST_ANSWER]
    return Taken(reference=said or None, answer=said)


def _recipient_refused(settings: Smtp, error: SMTPRecipientRefused) -> Outcome:
    problem = _said(settings, f"recipient {error.recipient}", error)
    if error.code in _WAYS_FAULT:
        return TryAgain(problem=problem)
    if error.code < _PERMANENT or error.code == _TOO_LARGE:
        # Greylisting, a full box: later it may be taken.
        return TryAgain(problem=problem, fault=Fault.ADDRESS)
    enhanced = _ENHANCED.match(error.message)
    about_address = (
        enhanced[1] in _ABOUT_ADDRESS if enhanced is not None else error.code in _ADDRESS_CODES
    )
    return Refused(problem=problem, fault=Fault.ADDRESS if about_address else Fault.LETTER)


def _mail_refused(settings: Smtp, error: SMTPDataError) -> Outcome:
    problem = _said(settings, "the mail itself", error)
    if error.code < _PERMANENT:
        return TryAgain(problem=problem)
    return Refused(problem=problem, fault=Fault.LETTER)


def _conversation_failed(settings: Smtp, error: Exception) -> str:
    """What broke a conversation off: the server's words, or that it has none any more."""
    if isinstance(error, SMTPAuthenticationError):
        return _said(settings, f"signing in as {settings.user}", error)
    if isinstance(error, SMTPSenderRefused):
        return _said(settings, f"sender {settings.sender}", error)
    if isinstance(error, SMTPResponseException):
        return _said(settings, "the conversation", error)
    return f"{settings.host}:{settings.port}: {_words(error)}; it may have arrived"


async def _near(settings: Smtp, *, private: bool) -> str:
    """The address of a server that is spoken to without TLS: this machine's, or this network's.

    Raises:
        RefusedAddressError: it is elsewhere.
        OSError: the name means nothing.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        near = address.startswith("127.") or address == "::1"
        if not near and (is_public(address) or not private):
            raise RefusedAddressError(
                f"{settings.host} is {address}: without TLS mail goes to this machine only, and to"
                " this network with GEMBA_WEBHOOKS_TO_PRIVATE_ADDRESSES=true; choose starttls or"
                " implicit"
            )
    return addresses[0]


def _own_name() -> str:
    """What this machine calls itself in EHLO; asking DNS could take long."""
    name = socket.gethostname()
    return name if name.isascii() and name else "localhost"


def _said(settings: Smtp, about: str, error: SMTPResponseException) -> str:
    words = " ".join(str(error.message).split())
    return f"{settings.host}:{settings.port} says of {about}: {error.code} {words}"


def _words(error: BaseException) -> str:
    """What went wrong, and what was behind it: the library says only that it did not connect."""
    words = f"{type(error).__name__}: {error}".rstrip(": ")
    behind = error.__cause__
    if behind is None or str(behind) in words:
        return words
    return f"{words} ({_words(behind)})"

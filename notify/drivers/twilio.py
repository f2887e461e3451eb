"""Text messages by Twilio: `POST /2010-04-01/Accounts/{SID}/Messages.json`, HTTP Basic.

Sources: www.twilio.com/docs/messaging/api/message-resource and www.twilio.com/docs/api/errors.
Twilio changes its error codes, so only those are told apart that blame the number or the words;
there is no key for repeats, so what times out may arrive twice.
"""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import urlencode

from domain.notification.http_ways import TwilioSms
from domain.notification.letters import (
    Fault,
    Letter,
    Outcome,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.numbers import e164
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.aliyun import bad_number
from notify.drivers.provider import Asking, no_object, object_of

_ADDRESS: Final = frozenset({21211, 21265, 21610, 21614, 21635})
"""Not valid, a short code, opted out, no mobile, a landline."""
_LETTER: Final = frozenset({21602, 21605, 21617})
"""No words, too many of them."""
_FORM: Final = "application/x-www-form-urlencoded"


class TwilioDriver:
    """Hands text messages to Twilio."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Send one."""
        settings = way.settings
        assert isinstance(settings, TwilioSms)  # noqa: S101 - its kind says so
        number = e164(letter.address)
        if number is None:
            return bad_number(letter.address)
        fields = {"To": number, "Body": rendered.short}
        if settings.service is not None:
            fields["MessagingServiceSid"] = settings.service
        elif settings.sender is not None:
            fields["From"] = settings.sender
        user = settings.key or settings.account
        word = base64.b64encode(f"{user}:{way.secrets.get('auth_token', '')}".encode()).decode()
        answer = await self._asking.ask(
            way,
            f"{settings.endpoint.rstrip('/')}/2010-04-01/Accounts/{settings.account}/Messages.json",
            content=urlencode(fields).encode(),
            headers={"authorization": f"Basic {word}", "content-type": _FORM},
        )
        if isinstance(answer, TryAgain):
            return answer
        unwell = self._asking.unwell(way, answer)
        if unwell is not None:
            return unwell
        found = object_of(answer)
        if found is None:
            return no_object(way, answer)
        if answer.is_success and isinstance(found.get("sid"), str):
            return Taken(reference=found["sid"], answer=str(found.get("status", "")))
        return meaning(way, found.get("code"), str(found.get("message", "")))


def meaning(way: Way, code: object, message: str) -> Outcome:
    """What an error code means."""
    words = f"{way.code}: {code}: {message}".rstrip(": ")
    if code in _ADDRESS:
        return Refused(problem=words, fault=Fault.ADDRESS)
    if code in _LETTER:
        return Refused(problem=words, fault=Fault.LETTER)
    return TryAgain(problem=words)

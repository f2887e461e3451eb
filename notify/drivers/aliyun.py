"""Text messages by Alibaba Cloud: `SendSms` of Dysmsapi 2017-05-25, signature V3.

Sources: help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms and its list of
error codes (alibabacloud.com/help/doc-detail/116206.htm); signature: `domain.notification.signing`.
"""

from __future__ import annotations

import uuid
from typing import Final
from urllib.parse import urlsplit

import msgspec

from domain.notification.http_ways import AliyunSms
from domain.notification.letters import (
    Fault,
    Letter,
    Outcome,
    Refused,
    Rendered,
    Taken,
    TryAgain,
)
from domain.notification.numbers import e164, is_mainland
from domain.notification.signing import acs3, canonical_query
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.provider import Asking, missing, no_object, object_of
from notify.drivers.sms_templates import NoTemplateError, named_values, template_of

ACTION: Final = "SendSms"
VERSION: Final = "2017-05-25"

_ADDRESS: Final = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.PHONE_NUMBER_ILLEGAL"})
_LETTER: Final = frozenset(
    {
        "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.SMS_CONTENT_ILLEGAL",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
    }
)
_OF_TEMPLATE: Final = frozenset(
    {
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.INVALID_JSON_PARAM",
        "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
    }
)
"""Others' letters may fare better: they name another template."""
_OF_NUMBER: Final = frozenset({"isv.BUSINESS_LIMIT_CONTROL"})
"""A limit of this number; the one of an hour is waited for."""
_LIMIT_S: Final = 3_600.0


class AliyunDriver:
    """Hands text messages to Alibaba Cloud; `OutId` is the message's id."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Send one."""
        settings = way.settings
        assert isinstance(settings, AliyunSms)  # noqa: S101 - its kind says so
        number = e164(letter.address)
        if number is None:
            return bad_number(letter.address)
        try:
            template = template_of(settings.templates, rendered)
            values = named_values(template, rendered)
        except NoTemplateError as error:
            return missing(way, str(error))
        parameters = {
            "PhoneNumbers": number.removeprefix("+86") if is_mainland(number) else number[1:],
            "SignName": settings.sign_name,
            "TemplateCode": template.id,
            "OutId": str(letter.message_id),
        }
        if values:
            parameters["TemplateParam"] = msgspec.json.encode(values).decode()
        headers = acs3(
            host=urlsplit(settings.endpoint).netloc,
            action=ACTION,
            version=VERSION,
            parameters=parameters,
            key_id=settings.access_key_id,
            key_secret=way.secrets.get("access_key_secret", ""),
            at=self._asking.now,
            nonce=uuid.uuid4().hex,
        )
        url = f"{settings.endpoint.rstrip('/')}/?{canonical_query(parameters)}"
        answer = await self._asking.ask(way, url, content=b"", headers=headers)
        if isinstance(answer, TryAgain):
            return answer
        found = object_of(answer)
        if found is None or not isinstance(code := found.get("Code"), str):
            return self._asking.unwell(way, answer) or no_object(way, answer)
        if code == "OK":
            return Taken(reference=str(found.get("BizId", "")) or None, answer="OK")
        # Their own trouble (`Throttling`, `isp.…`) may say how long it lasts; the rest has a code.
        theirs = None if code.startswith("isv.") else self._asking.unwell(way, answer)
        return theirs or meaning(way, code, str(found.get("Message", "")))


def meaning(way: Way, code: str, message: str) -> Outcome:
    """What an error code means."""
    words = f"{way.code}: {code}: {message}".rstrip(": ")
    if code in _ADDRESS:
        return Refused(problem=words, fault=Fault.ADDRESS)
    if code in _LETTER:
        return Refused(problem=words, fault=Fault.LETTER)
    if code in _OF_TEMPLATE:
        return TryAgain(problem=words, fault=Fault.LETTER)
    if code in _OF_NUMBER:
        return TryAgain(problem=words, fault=Fault.LETTER, after_s=_LIMIT_S)
    return TryAgain(problem=words)


def bad_number(address: str) -> Refused:
    """A number that no provider takes."""
    return Refused(
        problem=f"{address!r} is no telephone number with its country, as +8613800138000",
        fault=Fault.ADDRESS,
    )

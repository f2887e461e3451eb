"""Text messages by Tencent Cloud: `SendSms` of 2021-01-11, signature TC3-HMAC-SHA256.

Sources: cloud.tencent.com/document/product/382/55981 (request, answer, error codes) and
cloud.tencent.com/document/product/382/52072 (signature).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from domain.notification.http_ways import TencentSms
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
from domain.notification.signing import tc3
from domain.notification.ways import Way
from notify.courier_ports import Tools
from notify.drivers.aliyun import bad_number
from notify.drivers.provider import Asking, missing, no_object, object_of
from notify.drivers.sms_templates import NoTemplateError, ordered_values, template_of

ACTION: Final = "SendSms"
VERSION: Final = "2021-01-11"
SERVICE: Final = "sms"

_ADDRESS: Final = frozenset(
    {
        "FailedOperation.PhoneNumberInBlacklist",
        "InvalidParameterValue.IncorrectPhoneNumber",
    }
)
_LETTER: Final = frozenset(
    {
        "FailedOperation.ContainSensitiveWord",
        "InvalidParameterValue.TemplateParameterLengthLimit",
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        "InvalidParameterValue.ContentLengthLimit",
    }
)
_OF_TEMPLATE: Final = frozenset(
    {
        "FailedOperation.TemplateIncorrectOrUnapproved",
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        "InvalidParameterValue.TemplateParameterFormatError",
        "InvalidParameterValue.TemplateWithOnlyVariable",
    }
)
_OF_NUMBER_S: Final = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.PhoneNumberOneHourLimit": 3_600.0,
    "LimitExceeded.PhoneNumberDailyLimit": 6 * 3_600.0,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": 6 * 3_600.0,
}
"""Limits of one number, and how long they are waited for."""


class TencentDriver:
    """Hands text messages to Tencent Cloud; `SessionContext` is the message's id."""

    def __init__(self, tools: Tools) -> None:
        self._asking = Asking(tools)

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Send one."""
        settings = way.settings
        assert isinstance(settings, TencentSms)  # noqa: S101 - its kind says so
        number = e164(letter.address)
        if number is None:
            return bad_number(letter.address)
        try:
            template = template_of(settings.templates, rendered)
            values = ordered_values(template, rendered)
        except NoTemplateError as error:
            return missing(way, str(error))
        request: dict[str, Any] = {
            "PhoneNumberSet": [number],
            "SmsSdkAppId": settings.app_id,
            "TemplateId": template.id,
            "TemplateParamSet": values,
            "SessionContext": str(letter.message_id),
        }
        if settings.sign_name:
            request["SignName"] = settings.sign_name
        if settings.sender_id:
            request["SenderId"] = settings.sender_id
        content = msgspec.json.encode(request)
        headers = tc3(
            host=urlsplit(settings.endpoint).netloc,
            service=SERVICE,
            action=ACTION,
            version=VERSION,
            content=content,
            secret_id=settings.secret_id,
            secret_key=way.secrets.get("secret_key", ""),
            at=self._asking.now,
            region=settings.region,
        )
        answer = await self._asking.ask(
            way, f"{settings.endpoint.rstrip('/')}/", content=content, headers=headers
        )
        if isinstance(answer, TryAgain):
            return answer
        response = (object_of(answer) or {}).get("Response")
        if not isinstance(response, dict):
            return self._asking.unwell(way, answer) or no_object(way, answer)
        return _read(way, response) or no_object(way, answer)


def _read(way: Way, response: dict[str, Any]) -> Outcome | None:
    """What a response says; None: nothing that it may say."""
    error = response.get("Error")
    if isinstance(error, dict):
        return meaning(way, str(error.get("Code", "")), str(error.get("Message", "")))
    statuses = response.get("SendStatusSet")
    if not isinstance(statuses, list) or not statuses or not isinstance(statuses[0], dict):
        return None
    status = statuses[0]
    code = str(status.get("Code", ""))
    if code == "Ok":
        return Taken(reference=str(status.get("SerialNo", "")) or None, answer=code)
    return meaning(way, code, str(status.get("Message", "")))


def meaning(way: Way, code: str, message: str) -> Outcome:
    """What an error code means."""
    words = f"{way.code}: {code}: {message}".rstrip(": ")
    if code in _ADDRESS:
        return Refused(problem=words, fault=Fault.ADDRESS)
    if code in _LETTER:
        return Refused(problem=words, fault=Fault.LETTER)
    if code in _OF_TEMPLATE:
        return TryAgain(problem=words, fault=Fault.LETTER)
    if code in _OF_NUMBER_S:
        return TryAgain(problem=words, fault=Fault.LETTER, after_s=_OF_NUMBER_S[code])
    return TryAgain(problem=words)

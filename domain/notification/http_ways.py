"""Settings of ways that go by HTTP: text messages, robots of chats, webhooks, web push.

Chinese providers take no free text: a message names a template that they have approved and gives
values for its variables. `templates` says for each of our templates (by name, by name and language
as `alarm_raised/zh-CN`, or `*` for all others) which of theirs it is and what its variables mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from domain.notification.way_settings import Line, WaySettings

Url = Annotated[
    str, msgspec.Meta(pattern=r"^https?://[^\s/?#]+(/[^\s]*)?(?![\s\S])", max_length=2_000)
]
Sender = Annotated[str, msgspec.Meta(pattern=r"^(\+[0-9]{4,15}|[0-9A-Za-z _-]{1,20})(?![\s\S])")]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+(?![\s\S])")]
OTHERS = "*"
"""Of `templates`: for every template that is not named."""


class NamedTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider's template whose variables have names.

    Attributes:
        id: the provider's id of it (`SMS_154950909`).
        parameters: what its variables say, by their names: a placeholder of our template, or
            `subject`, `short`, `text`, `link`.
        longest: so many characters a variable may have; what is longer is cut.
    """

    id: Key
    parameters: Mapping[str, Line] = {}
    longest: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 35


class OrderedTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider's template whose variables are numbered: `parameters` in their order."""

    id: Key
    parameters: tuple[Line, ...] = ()
    longest: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100


class AliyunSms(WaySettings, frozen=True, kw_only=True):
    """Alibaba Cloud's text messages (Dysmsapi, `SendSms` of 2017-05-25).

    Attributes:
        access_key_id: of a RAM user that may send messages.
        sign_name: the approved signature.
    """

    access_key_id: Key
    sign_name: Line
    templates: Mapping[str, NamedTemplate]
    endpoint: Url = "https://dysmsapi.aliyuncs.com"


class TencentSms(WaySettings, frozen=True, kw_only=True):
    """Tencent Cloud's text messages (`SendSms` of 2021-01-11).

    Attributes:
        app_id: the message application's id (SmsSdkAppId).
        sign_name: the approved signature; messages to mainland China need one.
        sender_id: for messages elsewhere, where one was registered.
    """

    secret_id: Key
    app_id: Key
    region: Key = "ap-guangzhou"
    sign_name: Line | None = None
    sender_id: Line | None = None
    templates: Mapping[str, OrderedTemplate]
    endpoint: Url = "https://sms.tencentcloudapi.com"


class TwilioSms(WaySettings, frozen=True, kw_only=True):
    """Twilio's text messages, in our own words.

    Attributes:
        account: the account's SID.
        key: the SID of an API key, whose secret is `auth_token`; None: the account's own token.
        sender: a number or name of the account.
        service: a messaging service's SID, in place of a sender.
    """

    account: Key
    key: Key | None = None
    sender: Sender | None = None
    service: Key | None = None
    endpoint: Url = "https://api.twilio.com"

    def __post_init__(self) -> None:
        """Refuse what names nobody who sends."""
        if (self.sender is None) == (self.service is None):
            raise ValueError("either sender or service has to be given, and not both")


class WecomRobot(WaySettings, frozen=True, kw_only=True):
    """A robot of a group chat of WeCom; its webhook's `key` is the secret.

    Attributes:
        mention: user ids who are named in what is of the highest priority; `@all` is everybody.
    """

    endpoint: Url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
    mention: tuple[Line, ...] = ()


class DingtalkRobot(WaySettings, frozen=True, kw_only=True):
    """A custom robot of a DingTalk group that checks signatures.

    Attributes:
        mention: telephone numbers who are named in what is of the highest priority.
    """

    endpoint: Url = "https://oapi.dingtalk.com/robot/send"
    mention: tuple[Line, ...] = ()


class FeishuRobot(WaySettings, frozen=True, kw_only=True):
    """A custom bot of a Feishu (or Lark) group; the last part of its webhook is the secret."""

    endpoint: Url = "https://open.feishu.cn/open-apis/bot/v2/hook"


class MessageHook(WaySettings, frozen=True, kw_only=True):
    """Somebody's own address, which is told by a signed POST (Standard Webhooks)."""

    url: Url


class WebPush(WaySettings, frozen=True, kw_only=True):
    """Notifications in browsers; made by the program when somebody asks for the first.

    Attributes:
        public_key: of the pair that signs (VAPID), base64url without padding.
        contact: `mailto:` or `https:`, for whoever runs a push service.
    """

    public_key: Key
    contact: Key | None = None

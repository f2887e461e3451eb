"""All drivers by the kind of way. Whoever writes one adds it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from notify.courier_ports import Builder, Driver, Tools
from notify.drivers.aliyun import AliyunDriver
from notify.drivers.dingtalk import DingtalkDriver
from notify.drivers.feishu import FeishuDriver
from notify.drivers.smtp import SmtpDriver
from notify.drivers.tencent import TencentDriver
from notify.drivers.twilio import TwilioDriver
from notify.drivers.web_push import WebPushDriver
from notify.drivers.webhook import WebhookDriver
from notify.drivers.wecom import WecomDriver

BUILDERS: Final[Mapping[str, Builder]] = {
    "smtp": SmtpDriver,
    "aliyun": AliyunDriver,
    "tencent": TencentDriver,
    "twilio": TwilioDriver,
    "wecom": WecomDriver,
    "dingtalk": DingtalkDriver,
    "feishu": FeishuDriver,
    "webhook": WebhookDriver,
    "web_push": WebPushDriver,
}


def build_drivers(tools: Tools) -> dict[str, Driver]:
    """A driver for each kind."""
    return {kind: build(tools) for kind, build in BUILDERS.items()}

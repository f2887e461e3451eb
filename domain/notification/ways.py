"""Ways: what an installation has configured to reach people by a channel.

Each kind has settings that may be shown, and secrets that are sealed and never shown again. Several
ways may serve a channel: the first by `rank` that serves an address and is not broken is taken.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from domain.alarms.recipients import Channel
from domain.notification.http_ways import (
    AliyunSms,
    DingtalkRobot,
    FeishuRobot,
    MessageHook,
    TencentSms,
    TwilioSms,
    WebPush,
    WecomRobot,
)
from domain.notification.way_settings import Line, WaySettings

_HOST: Final = r"^[A-Za-z0-9._:-]{1,253}(?![\s\S])"
_MAIL: Final = r"^[^\s@<>,;:\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\x00-\x1f\x7f]{1,255}(?![\s\S])"

Host = Annotated[str, msgspec.Meta(pattern=_HOST)]
MailAddress = Annotated[str, msgspec.Meta(pattern=_MAIL)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Tls(enum.StrEnum):
    """How a connection is protected."""

    IMPLICIT = "implicit"
    """From the first byte (SMTPS, port 465)."""
    STARTTLS = "starttls"
    """Asked for, and insisted on, before anything is said (port 587)."""
    NONE = "none"
    """To this very machine only; to others of this network if the installation allows it."""


class Smtp(WaySettings, frozen=True, kw_only=True):
    """A mail server.

    Attributes:
        user: None: it asks for none.
        sender: the address mails come from.
        sender_name: the name beside it.
        certificates: PEM of who signed the server's certificate, where that is no public authority.
    """

    host: Host
    port: Port = 587
    tls: Tls = Tls.STARTTLS
    user: Line | None = None
    sender: MailAddress
    sender_name: Line = "gemba"
    reply_to: MailAddress | None = None
    certificates: Annotated[str, msgspec.Meta(max_length=100_000)] | None = None


class WayKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of way.

    Attributes:
        channel: which channel it serves.
        settings: their type.
        secrets: the names of its secrets.
        named: whether an address is the code of a way (robots, webhooks), not a person's.
    """

    channel: Channel
    settings: type[WaySettings]
    secrets: tuple[str, ...] = ()
    named: bool = False


KINDS: Final[Mapping[str, WayKind]] = {
    "smtp": WayKind(channel=Channel.EMAIL, settings=Smtp, secrets=("password",)),
    "aliyun": WayKind(channel=Channel.SMS, settings=AliyunSms, secrets=("access_key_secret",)),
    "tencent": WayKind(channel=Channel.SMS, settings=TencentSms, secrets=("secret_key",)),
    "twilio": WayKind(channel=Channel.SMS, settings=TwilioSms, secrets=("auth_token",)),
    "wecom": WayKind(
        channel=Channel.WECOM, settings=WecomRobot, secrets=("webhook_key",), named=True
    ),
    "dingtalk": WayKind(
        channel=Channel.DINGTALK,
        settings=DingtalkRobot,
        secrets=("access_token", "signing_secret"),
        named=True,
    ),
    "feishu": WayKind(
        channel=Channel.FEISHU,
        settings=FeishuRobot,
        secrets=("webhook_token", "signing_secret"),
        named=True,
    ),
    "webhook": WayKind(
        channel=Channel.WEBHOOK, settings=MessageHook, secrets=("signing_secret",), named=True
    ),
    "web_push": WayKind(channel=Channel.WEB_PUSH, settings=WebPush, secrets=("private_key",)),
}
"""All kinds by name."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A way as a driver gets it, its secrets opened.

    Attributes:
        code: what the installation calls it.
        kind: one of KINDS.
        version: rises with every change, so that what is kept for it is made anew.
        prefixes: of addresses that it serves (`+86`); empty: all.
    """

    code: str
    kind: str
    settings: WaySettings
    secrets: Mapping[str, str] = {}
    version: int = 1
    rank: int = 100
    prefixes: tuple[str, ...] = ()

    @property
    def channel(self) -> Channel:
        """Which channel it serves."""
        return KINDS[self.kind].channel

    def serves(self, address: str) -> bool:
        """Whether it is for this address."""
        if KINDS[self.kind].named:
            return address == self.code
        return not self.prefixes or address.startswith(self.prefixes)


class UnknownKindError(ValueError):
    """There is no such kind of way."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"there is no kind of way {kind!r}; there are {', '.join(sorted(KINDS))}")
        self.kind = kind


def read_settings(kind: str, told: Mapping[str, Any]) -> WaySettings:
    """Settings of plain values.

    Raises:
        UnknownKindError: there is no such kind.
        msgspec.ValidationError: they are none of this kind.
    """
    if kind not in KINDS:
        raise UnknownKindError(kind)
    return msgspec.convert(dict(told), KINDS[kind].settings)

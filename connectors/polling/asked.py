"""How a system is asked: where, as whom, how often; and when again after a fault."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import msgspec

from connectors.polling.client import Client
from connectors.polling.kingdee import KingdeeAccount, KingdeeClient
from connectors.polling.poller import Position
from connectors.polling.yonyou import PUBLIC_URL, YonyouAccount, YonyouClient
from connectors.wall_times import BEIJING
from domain.documents import Format

POLLED: Final = (Format.KINGDEE, Format.YONYOU)
"""Formats of systems that can be asked."""
INTERVAL_S: Final = 60.0
LONGEST_PAUSE_S: Final = 3_600.0
REFUSED_PAUSE_S: Final = 300.0
"""A system that refuses is left alone for longer: too many wrong sign-ins lock an account."""
_FIRST_LOOK: Final = timedelta(days=7)
_DOUBLINGS: Final = 16
_SPREAD: Final = 0.25


class AskedWronglyError(ValueError):
    """Something that the system's client needs was not said.

    Attributes:
        field: what is missing: `server`, `user`, `app_id`.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a channel's system is asked. The secret stands elsewhere.

    Attributes:
        account: Kingdee: the data centre's id. Yonyou: the tenant's.
        server: Kingdee: the site's address. Yonyou: where tenants are looked up, if not in public.
        user: Kingdee: the integration's user.
        app_id: of the third-party sign-in; Yonyou: the app key.
        interval_s: from the end of a round to the next one.
        since: what changed before is not asked for, by the system's own clock.
        page_size: orders per call of a list; None: what the system takes well.
    """

    account: str
    server: str | None = None
    user: str | None = None
    app_id: str | None = None
    interval_s: float = INTERVAL_S
    since: datetime | None = None
    page_size: int | None = None

    def system(self, spoken: Format) -> str:
        """What a position holds for: whose ids and clock, and from when on."""
        since = "" if self.since is None else f" since {self.since.isoformat()}"
        return f"{spoken} {self.server or PUBLIC_URL} {self.account}{since}"

    def first(self, now: datetime) -> Position:
        """Where to begin: at `since`, else a week ago in Beijing's time."""
        if self.since is not None:
            return Position(since=self.since.replace(tzinfo=None))
        return Position(since=(now.astimezone(BEIJING) - _FIRST_LOOK).replace(tzinfo=None))


def require(spoken: Format, asked: Asked) -> None:
    """See that a client could be made.

    Raises:
        AskedWronglyError: something that it needs was not said.
    """
    if spoken not in POLLED:
        names = " and ".join(POLLED)
        raise AskedWronglyError("format", f"{spoken} tells by itself: {names} are asked")
    if spoken is Format.KINGDEE:
        if asked.server is None:
            raise AskedWronglyError("server", "Kingdee needs the address of its site (server)")
        if asked.user is None:
            raise AskedWronglyError("user", "Kingdee needs the integration's user (user)")
    elif asked.app_id is None:
        raise AskedWronglyError("app_id", "Yonyou needs the app key (app_id)")


def client_for(
    spoken: Format, asked: Asked, secret: str, http: httpx.AsyncClient, **how: Any
) -> Client:
    """The client of a channel's system; `how` as in `Caller`.

    Raises:
        AskedWronglyError: something that it needs was not said.
    """
    require(spoken, asked)
    if asked.page_size is not None:
        how["page"] = asked.page_size
    if spoken is Format.KINGDEE:
        kingdee = KingdeeAccount(
            url=asked.server or "",
            account=asked.account,
            user=asked.user or "",
            app_id=asked.app_id,
            secret=secret,
        )
        return KingdeeClient(http, kingdee, **how)
    yonyou = YonyouAccount(
        tenant=asked.account,
        app_key=asked.app_id or "",
        secret=secret,
        url=asked.server or PUBLIC_URL,
    )
    return YonyouClient(http, yonyou, **how)


def pause_after_s(interval_s: float, failures: int, chance: float, *, refused: bool) -> float:
    """How long to wait for the next round.

    Args:
        interval_s: between rounds that go well.
        failures: in a row; 0: this one went well.
        chance: 0 to 1; keeps apart what failed at the same moment.
        refused: the system said that it will not: asking soon again is no use.
    """
    if failures == 0:
        return interval_s
    first = max(interval_s, REFUSED_PAUSE_S) if refused else interval_s
    whole = first * 2.0 ** min(failures - 1, _DOUBLINGS)
    # An interval that is longer than the longest pause stays the shortest one.
    return max(interval_s, min(whole, LONGEST_PAUSE_S) * (1 - _SPREAD * chance))

"""Rounds of `gemba orders poll`: one, or one after the other until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from connectors.polling import Asked, AskedWronglyError, Client, PollError, client_for
from launch.orders_poll import (
    PolledChannel,
    PollFailedError,
    channel_of,
    keep_position,
    position_of,
    run_round,
)

_ERP_TIMEOUT_S: Final = 30
_API_TIMEOUT_S: Final = 120


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which channel is fed from where, and how often (`every_s` None: once)."""

    channel: str
    account: str
    secret: str
    position: Path
    server: str | None = None
    user: str | None = None
    app_id: str | None = None
    since: datetime | None = None
    every_s: float | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Wanted(channel={self.channel!r}, account={self.account!r})"


async def run(
    url: str,
    token: str | None,
    wanted: Wanted,
    *,
    show: Callable[[dict[str, Any]], None],
    warn: Callable[[str], None],
) -> None:
    """Poll; with `every_s` a round that fails is told and followed by the next.

    Raises:
        PollFailedError: the only round failed, or the channel is not fit for it.
    """
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=_API_TIMEOUT_S) as api,
        httpx.AsyncClient(timeout=_ERP_TIMEOUT_S) as http,
    ):
        channel = await channel_of(api, wanted.channel, wanted.account)
        client = client_of(http, channel, wanted)
        position = position_of(wanted.position, wanted.since, datetime.now(UTC))
        # From here on the file says where to go on, also when the first round fails.
        keep_position(wanted.position, position)
        while True:
            try:
                position, told = await run_round(api, client, channel, wanted.position, position)
            except (PollError, PollFailedError) as error:
                if wanted.every_s is None:
                    raise PollFailedError(str(error)) from error
                warn(f"{wanted.channel}: {error}")
            else:
                show(msgspec.to_builtins(told))
            if wanted.every_s is None:
                return
            await asyncio.sleep(wanted.every_s)


def client_of(http: httpx.AsyncClient, channel: PolledChannel, wanted: Wanted) -> Client:
    """The client of the channel's system.

    Raises:
        PollFailedError: something that it needs was not said.
    """
    asked = Asked(
        account=wanted.account, server=wanted.server, user=wanted.user, app_id=wanted.app_id
    )
    try:
        return client_for(channel.format, asked, wanted.secret, http)
    except AskedWronglyError as error:
        raise PollFailedError(f"{error}: --{error.field.replace('_', '-')}") from error

"""Asking an ERP what changed, and handing it to `POST /v1/intake/{format}`: `gemba orders poll`."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import msgspec

from connectors.polling import POLLED, Client, Position, poll
from connectors.wall_times import BEIJING
from domain.documents import Format
from notify.handover import HandoverError, Told, ask, hand_over

_FIRST_LOOK: Final = timedelta(days=7)


class PollFailedError(Exception):
    """The channel is not fit for polling, its position is damaged, or the API does not answer."""


class PolledChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel whose documents are fetched; `source` is set where the channel has none."""

    name: str
    format: Format
    source: str | None = None


async def channel_of(api: httpx.AsyncClient, name: str, account: str) -> PolledChannel:
    """A channel of the API.

    Raises:
        PollFailedError: there is none, it is of another format, or it is disabled.
    """
    try:
        answer = await ask(api, "GET", f"/v1/channels/{name}")
    except HandoverError as error:
        raise PollFailedError(str(error)) from error
    told = answer.json()
    if not answer.is_success:
        raise PollFailedError(str(told.get("detail", f"status {answer.status_code}")))
    spoken = Format(told["format"])
    if spoken not in POLLED:
        raise PollFailedError(
            f"channel {name!r} is of format {spoken}: kingdee and yonyou are asked"
        )
    if told.get("poll") is not None:
        raise PollFailedError(
            f"channel {name!r} is asked by the installation itself, see GET /v1/channels/{name}:"
            f" have a round now with POST /v1/channels/{name}/poll, or take `poll` out of it first"
        )
    if not told["enabled"]:
        raise PollFailedError(f"channel {name!r} is disabled")
    source = None if told.get("source") else f"{spoken}:{account}"
    return PolledChannel(name=name, format=spoken, source=source)


def position_of(path: Path, since: datetime | None, now: datetime) -> Position:
    """Where the last round ended; before the first one, `since`, else a week ago in Beijing's time.

    Raises:
        PollFailedError: the file holds something else.
    """
    if since is not None:
        return Position(since=since.replace(tzinfo=None))
    try:
        return msgspec.json.decode(path.read_bytes(), type=Position)
    except FileNotFoundError:
        return Position(since=(now.astimezone(BEIJING) - _FIRST_LOOK).replace(tzinfo=None))
    except msgspec.MsgspecError as error:
        raise PollFailedError(
            f"{path}: no position ({error}); delete it and say --since"
        ) from error


def keep_position(path: Path, position: Position) -> None:
    """Remember where to go on: whole or not at all, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(msgspec.json.encode(position))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


async def run_round(
    api: httpx.AsyncClient, client: Client, channel: PolledChannel, path: Path, position: Position
) -> tuple[Position, Told]:
    """One round; the new position is kept when everything of it was handed over.

    Raises:
        connectors.polling.PollError: the system could not be asked.
        PollFailedError: the API did not take what was handed over.
    """
    told = Told()

    async def deliver(body: bytes) -> None:
        try:
            await hand_over(
                api,
                told,
                body,
                spoken=channel.format,
                channel=channel.name,
                source=channel.source,
            )
        except HandoverError as error:
            raise PollFailedError(str(error)) from error

    done = await poll(client, position, deliver)
    keep_position(path, done.position)
    told.delivered, told.gone = done.delivered, done.gone
    told.since = done.position.since.isoformat(sep=" ")
    return done.position, told

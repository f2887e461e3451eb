"""Channels, by which documents come in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from api.auth.principal import Configurer, Orderer, Principal, Reader
from api.channels.schemas import (
    Channel,
    ChannelList,
    ChannelName,
    PollSettings,
    PollState,
    PutChannel,
)
from api.context import RequestContext
from api.errors import FieldProblem, ProblemError
from api.fields import Paging
from connectors.polling.asked import Asked, AskedWronglyError, require
from runtime.sealed import seal
from store import audit, catalogue, machines
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.intake import channels, mappings, polls
from store.intake.channels import ChannelRow
from store.intake.polls import PollRow

router = APIRouter(prefix="/v1/channels", tags=["intake"])

_SETTINGS = ("source", "mapping", "priority")


@router.get("", operation_id="listChannels")
async def list_channels(context: RequestContext, principal: Reader, page: Paging) -> ChannelList:
    """Channels by name."""
    async with context.connection() as connection:
        rows, total = await channels.channels(connection, page, limited_to=principal.sites)
        asked = await polls.polls(connection, [row.id for row in rows])
    return ChannelList(items=[_shown(row, asked.get(row.id)) for row in rows], total=total)


@router.get("/{name}", operation_id="getChannel")
async def get_channel(context: RequestContext, principal: Reader, name: ChannelName) -> Channel:
    """A channel; whether it has a secret is told, the secret is not."""
    async with context.connection() as connection:
        return await _with_poll(connection, await _seen(connection, principal, name))


@router.put("/{name}", operation_id="putChannel")
async def put_channel(
    context: RequestContext, principal: Configurer, name: ChannelName, wanted: PutChannel
) -> Channel:
    """Make a channel, or describe it anew. Without `secret` it keeps the one it has."""
    async with context.transaction() as connection:
        before = await channels.channel(connection, name)
        if before is not None:
            _require(principal, before)
        site_id = await _site(connection, principal, wanted.site)
        customer_id = None
        if wanted.customer is not None:
            customer_id = (await catalogue.known_customer(connection, wanted.customer)).id
        mapping = wanted.mapping
        if mapping is not None and await mappings.mapping(connection, mapping) is None:
            raise UnknownReferenceError("mapping", mapping, "there is no such mapping")
        sealed = None
        if wanted.secret is not None:
            secret = wanted.secret.get_secret_value().encode()
            sealed = seal(context.signing_key, secret, purpose=channels.seal_purpose(name))
        system = _system(wanted, has_secret=sealed is not None or _has_secret(before))
        await channels.put(
            connection,
            name,
            document_format=wanted.format,
            site_id=site_id,
            customer_id=customer_id,
            settings=_settings(wanted),
            sealed_secret=sealed,
            enabled=wanted.enabled,
        )
        if system is None:
            await polls.stop(connection, name)
        else:
            await polls.arrange(connection, name, system)
        row = await channels.channel(connection, name)
        assert row is not None  # noqa: S101 - just written
        shown = await _with_poll(connection, row)
        told = {"secret_changed": True} if sealed is not None else {}
        await audit.write(
            connection,
            actor=principal.actor,
            action="ChannelChanged",
            site_id=site_id,
            object_kind="channel",
            object_key=name,
            before=None if before is None else _described(before),
            after=_described(row) | told,
        )
    return shown


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, operation_id="deleteChannel")
async def delete_channel(context: RequestContext, principal: Configurer, name: ChannelName) -> None:
    """Remove a channel by which nothing came in yet; 409 otherwise: disable it then."""
    async with context.transaction() as connection:
        row = await _seen(connection, principal, name)
        await channels.delete(connection, name)
        await audit.write(
            connection,
            actor=principal.actor,
            action="ChannelDeleted",
            site_id=row.site_id,
            object_kind="channel",
            object_key=name,
            before=_described(row),
        )


@router.post("/{name}/poll", status_code=HTTPStatus.ACCEPTED, operation_id="pollChannel")
async def poll_channel(context: RequestContext, principal: Orderer, name: ChannelName) -> Channel:
    """Ask the channel's system now, whatever the last round ended with.

    The answer comes before the round ends: `poll.last_at` and what follows it tell what became of
    it. 409 where the channel is not asked, or disabled.
    """
    async with context.transaction() as connection:
        row = await _seen(connection, principal, name)
        if "poll" not in row.settings:
            raise ConflictError(
                f"channel {name!r} is not asked for orders: put it with `poll` (account, server, …)"
            )
        if not row.enabled:
            raise ConflictError(f"channel {name!r} is disabled: put it with enabled: true first")
        await polls.ask_now(connection, row.id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="ChannelPollAsked",
            site_id=row.site_id,
            object_kind="channel",
            object_key=name,
        )
        return await _with_poll(connection, row)


async def _seen(connection: Connection, principal: Principal, name: str) -> ChannelRow:
    row = await channels.channel(connection, name)
    if row is None:
        raise NotFoundError("channel", name)
    _require(principal, row)
    return row


def _require(principal: Principal, row: ChannelRow) -> None:
    """Somebody limited to sites knows the channels of these sites only."""
    if principal.sites and (row.site is None or not principal.sees(row.site)):
        raise NotFoundError("channel", row.name)


async def _site(connection: Connection, principal: Principal, code: str | None) -> int | None:
    if code is None:
        if principal.sites:
            problem = "you are limited to sites, so the channel has to be of one of them"
            raise UnknownReferenceError("site", "", problem)
        return None
    if not principal.sees(code):
        raise UnknownReferenceError("site", code, "there is no such site")
    return (await machines.known_site(connection, code)).id


def _has_secret(row: ChannelRow | None) -> bool:
    return row is not None and row.sealed_secret is not None


def _system(wanted: PutChannel, *, has_secret: bool) -> str | None:
    """Which system the channel is asked of; None: it is not asked.

    Raises:
        ProblemError: something is missing to ask it (422).
    """
    if wanted.poll is None:
        return None
    asked = Asked(**wanted.poll.model_dump())
    try:
        require(wanted.format, asked)
    except AskedWronglyError as error:
        field = error.field if error.field == "format" else f"poll.{error.field}"
        raise _lacking(field, str(error)) from error
    if not has_secret:
        raise _lacking("secret", "whoever asks has to sign in: the app's secret is missing")
    return asked.system(wanted.format)


def _lacking(field: str, problem: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        problem,
        errors=[FieldProblem(field=field, problem=problem)],
    )


def _settings(wanted: PutChannel) -> dict[str, Any]:
    settings = {key: value for key in _SETTINGS if (value := getattr(wanted, key)) is not None}
    if wanted.poll is not None:
        settings["poll"] = wanted.poll.model_dump(mode="json", exclude_none=True)
    return settings


def _described(row: ChannelRow) -> dict[str, Any]:
    """What somebody said of the channel, for the audit log."""
    told = _shown(row, None).model_dump(mode="json")
    return told | {"poll": row.settings.get("poll")}


async def _with_poll(connection: Connection, row: ChannelRow) -> Channel:
    return _shown(row, (await polls.polls(connection, [row.id])).get(row.id))


def _poll(row: ChannelRow, state: PollRow) -> PollState:
    return PollState(
        **PollSettings.model_validate(row.settings["poll"]).model_dump(),
        next_at=state.next_at,
        last_at=state.last_at,
        last_success_at=state.last_success_at,
        last_error=state.last_error,
        last_error_at=state.last_error_at,
        failures=state.failures,
        last_round=state.last_told,
    )


def _shown(row: ChannelRow, state: PollRow | None) -> Channel:
    return Channel(
        name=row.name,
        format=row.format,
        site=row.site,
        customer=row.customer,
        source=row.settings.get("source"),
        mapping=row.settings.get("mapping"),
        priority=int(row.settings.get("priority") or 0),
        has_secret=row.sealed_secret is not None,
        enabled=row.enabled,
        changed_at=row.changed_at,
        poll=None if state is None else _poll(row, state),
    )

"""Channels, by which documents come in."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from api.auth.principal import Configurer, Principal, Reader
from api.channels.schemas import Channel, ChannelList, ChannelName, PutChannel
from api.context import RequestContext
from api.fields import Paging
from api.intake.sender import seal_purpose
from runtime.sealed import seal
from store import audit, catalogue, machines
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.intake import channels, mappings
from store.intake.channels import ChannelRow

router = APIRouter(prefix="/v1/channels", tags=["intake"])

_SETTINGS = ("source", "mapping", "priority")


@router.get("", operation_id="listChannels")
async def list_channels(context: RequestContext, principal: Reader, page: Paging) -> ChannelList:
    """Channels by name."""
    async with context.connection() as connection:
        rows, total = await channels.channels(connection, page, limited_to=principal.sites)
    return ChannelList(items=[_shown(row) for row in rows], total=total)


@router.get("/{name}", operation_id="getChannel")
async def get_channel(context: RequestContext, principal: Reader, name: ChannelName) -> Channel:
    """A channel; whether it has a secret is told, the secret is not."""
    async with context.connection() as connection:
        return _shown(await _seen(connection, principal, name))


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
            sealed = seal(context.signing_key, secret, purpose=seal_purpose(name))
        await channels.put(
            connection,
            name,
            document_format=wanted.format,
            site_id=site_id,
            customer_id=customer_id,
            settings={
                key: value for key in _SETTINGS if (value := getattr(wanted, key)) is not None
            },
            sealed_secret=sealed,
            enabled=wanted.enabled,
        )
        row = await channels.channel(connection, name)
        assert row is not None  # noqa: S101 - just written
        shown = _shown(row)
        told = {"secret_changed": True} if sealed is not None else {}
        await audit.write(
            connection,
            actor=principal.actor,
            action="ChannelChanged",
            site_id=site_id,
            object_kind="channel",
            object_key=name,
            before=None if before is None else _shown(before).model_dump(mode="json"),
            after=shown.model_dump(mode="json") | told,
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
            before=_shown(row).model_dump(mode="json"),
        )


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


def _shown(row: ChannelRow) -> Channel:
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
    )

"""What a channel's orders cause: which documents, and where they are pushed to."""

from __future__ import annotations

import secrets
from typing import Final
from uuid import uuid4

from fastapi import APIRouter

from api.auth.principal import Administrator, Principal, Reader
from api.channels.schemas import ChannelName
from api.context import Context, RequestContext
from api.outbound.schemas import OutboundSettings, PutOutboundSettings, SavedOutboundSettings
from domain.outbound import PRODUCTION_EVERY_S, SPOKEN, DocumentKind, wanted
from domain.outward import secret_bytes, written_secret
from runtime.sealed import seal
from store import audit
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.intake import channels
from store.intake.channels import ChannelRow
from store.outbound import settings
from store.outbound.settings import Push, SettingsRow

router = APIRouter(prefix="/v1/channels", tags=["outbound"])

_SECRET_BYTES: Final = 32


@router.get("/{name}/outbound", operation_id="getChannelOutbound")
async def get_channel_outbound(
    context: RequestContext, principal: Reader, name: ChannelName
) -> OutboundSettings:
    """Which documents the channel's orders cause; where nothing was set, what holds then."""
    async with context.connection() as connection:
        channel = await _seen(connection, principal, name)
        return _shown(channel, await settings.of_channel(connection, channel.id))


@router.put("/{name}/outbound", operation_id="putChannelOutbound")
async def put_channel_outbound(
    context: RequestContext,
    principal: Administrator,
    name: ChannelName,
    told: PutOutboundSettings,
) -> SavedOutboundSettings:
    """Say which documents a channel's orders cause, and where they are pushed to, signed."""
    async with context.transaction() as connection:
        channel = await _seen(connection, principal, name)
        before = await settings.of_channel(connection, channel.id, for_update=True)
        possible = SPOKEN.get(channel.format, frozenset())
        chosen = sorted(possible) if told.documents is None else sorted(set(told.documents))
        for kind in chosen:
            if kind not in possible:
                problem = f"{channel.format} has no such document; a channel of it may name " + (
                    ", ".join(sorted(possible)) or "none"
                )
                raise UnknownReferenceError("documents", kind, problem)
        push, secret = _push(context, told, before)
        await settings.put(
            connection,
            channel.id,
            documents=chosen,
            production_every_s=told.production_every_s,
            push=push,
            state=told.state,
            by=principal.actor.name,
        )
        after = _shown(channel, await settings.of_channel(connection, channel.id))
        await audit.write(
            connection,
            actor=principal.actor,
            action="ChannelOutboundChanged",
            site_id=channel.site_id,
            object_kind="channel",
            object_key=name,
            before=_shown(channel, before).model_dump(mode="json"),
            after=after.model_dump(mode="json")
            | ({"secret": "changed"} if secret is not None else {}),
        )
    return SavedOutboundSettings(**after.model_dump(), secret=secret)


def _push(
    context: Context, told: PutOutboundSettings, before: SettingsRow | None
) -> tuple[Push | None, str | None]:
    """Where is pushed to, and the secret if it is another one."""
    if told.url is None:
        return None, None
    if told.secret is None and before is not None and before.sealed_secret and before.secret_id:
        kept = Push(url=told.url, sealed_secret=before.sealed_secret, secret_id=before.secret_id)
        return kept, None
    key = secret_bytes(told.secret) if told.secret else secrets.token_bytes(_SECRET_BYTES)
    secret_id = uuid4()
    sealed = seal(context.signing_key, key, purpose=settings.purpose_of(secret_id))
    return Push(url=told.url, sealed_secret=sealed, secret_id=secret_id), written_secret(key)


async def _seen(connection: Connection, principal: Principal, name: str) -> ChannelRow:
    """A channel, for somebody who may know of it: who is limited to sites knows those of theirs."""
    row = await channels.channel(connection, name)
    if row is None or (principal.sites and (row.site is None or not principal.sees(row.site))):
        raise NotFoundError("channel", name)
    return row


def _shown(channel: ChannelRow, row: SettingsRow | None) -> OutboundSettings:
    if row is None:
        return OutboundSettings(
            channel=channel.name,
            documents=_in_order(wanted(channel.format, None)),
            production_every_s=PRODUCTION_EVERY_S,
            url=None,
            state="active",
            disabled_at=None,
            disabled_reason=None,
            failures=0,
            failing_since=None,
        )
    return OutboundSettings(
        channel=channel.name,
        documents=_in_order(wanted(channel.format, row.documents)),
        production_every_s=row.production_every_s,
        url=row.url,
        state=row.state,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        failures=row.failures,
        failing_since=row.failing_since,
    )


def _in_order(kinds: frozenset[DocumentKind]) -> list[DocumentKind]:
    return [kind for kind in DocumentKind if kind in kinds]

"""Who sends documents: somebody signed in, or a shop whose webhook is signed."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials

from api.auth.principal import (
    Needs,
    Principal,
    address_of,
    bearer_scheme,
    cookie_scheme,
    signed_in,
    unauthenticated,
)
from api.context import Context, RequestContext
from api.errors import ProblemError
from connectors import shopify
from domain.access import Permission, Role
from domain.documents import Format
from runtime.sealed import SealError, unseal
from store.intake import channels

SIGNATURE: Final = "X-Shopify-Hmac-Sha256"
SHOP: Final = "X-Shopify-Shop-Domain"
_ORDERER: Final = Needs(Permission.ORDER)


async def _sender(
    request: Request,
    context: RequestContext,
    cookie: Annotated[str | None, Security(cookie_scheme)] = None,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)] = None,
) -> Principal:
    """Whoever sends.

    Raises:
        ProblemError: nobody is signed in and no signature fits (401), the one signed in may not
            take orders in (403), or webhooks come too fast (429).
    """
    is_webhook = (
        request.path_params.get("format") == Format.SHOPIFY and SIGNATURE in request.headers
    )
    if is_webhook and cookie is None and bearer is None:
        return await _shop(request, context)
    return await _ORDERER(await signed_in(request, context, cookie, bearer))


Sender = Annotated[Principal, Depends(_sender)]
"""Whoever may send documents to `POST /v1/intake/{format}`."""


async def _shop(request: Request, context: Context) -> Principal:
    """The shop whose signature the body bears.

    The answer is the same for a channel that does not exist, has no secret, or has another one.
    """
    name = request.query_params.get("channel", "")
    address = address_of(request)
    _slow_down(context, name, address)
    body = await request.body()
    if not await _is_signed(context, name, body, request.headers.get(SIGNATURE)):
        context.limits.webhook_failures.note(address)
        raise unauthenticated("The signature does not fit the body, or there is no such channel.")
    context.limits.webhooks.note(name)
    return Principal(
        kind="token",
        name=f"channel {name}",
        display_name=name,
        role=Role.SALES,
        sites=frozenset(),
        origin=f"webhook {address}",
    )


def _slow_down(context: Context, channel: str, address: str) -> None:
    wait = max(
        context.limits.webhook_failures.wait_s(address), context.limits.webhooks.wait_s(channel)
    )
    if wait > 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many webhooks; the shop sends them again later.",
            headers={"Retry-After": str(math.ceil(wait))},
        )


async def _is_signed(context: Context, name: str, body: bytes, signature: str | None) -> bool:
    if "\x00" in name:
        return False
    async with context.connection() as connection:
        channel = await channels.channel(connection, name)
    if channel is None or channel.sealed_secret is None or not channel.enabled:
        return False
    if channel.format != Format.SHOPIFY:
        return False
    try:
        secret = unseal(
            context.signing_key, channel.sealed_secret, purpose=channels.seal_purpose(name)
        )
    except SealError:
        return False
    return shopify.verify(body, signature, secret)

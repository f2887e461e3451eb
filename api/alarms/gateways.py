"""Gateways that were heard of, and those that were taken down for good."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.auth.principal import Configurer, Principal, Reader, forbidden
from api.context import RequestContext
from api.fields import ON_A_LINE, Listing, required_moment
from store import audit
from store.alarms import facts
from store.errors import ConflictError, NotFoundError

router = APIRouter(prefix="/v1/gateways", tags=["alarms"])

_ALIVE_MS: Final = 60_000
_Name = Annotated[str, Path(min_length=1, max_length=200), ON_A_LINE]


class KnownGateway(BaseModel):
    """A gateway that was heard of."""

    name: str = Field(description="As `GEMBA_GATEWAY` says there.")
    last_heard_at: datetime
    silent_s: int


class KnownGatewayList(Listing[KnownGateway]):
    """Gateways by name."""


@router.get("", operation_id="listGateways")
async def list_gateways(context: RequestContext, principal: Reader) -> KnownGatewayList:
    """Gateways, and for how long each has said nothing. They belong to no site."""
    _for_all_sites(principal)
    now_ms = context.clock.now_ms()
    async with context.connection() as connection:
        found = await facts.gateways(connection)
    items = [
        KnownGateway(
            name=each.name,
            last_heard_at=required_moment(each.last_heard_ms),
            silent_s=max((now_ms - each.last_heard_ms) // 1_000, 0),
        )
        for each in found
    ]
    return KnownGatewayList(items=items, total=len(items))


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, operation_id="forgetGateway")
async def forget_gateway(context: RequestContext, principal: Configurer, name: _Name) -> None:
    """Miss a gateway no longer that was taken down; its alarm clears with the next look.

    404 when none of that name was heard of; 409 `gateway-alive` while it still speaks.
    """
    _for_all_sites(principal)
    now_ms = context.clock.now_ms()
    async with context.transaction() as connection:
        known = {each.name: each for each in await facts.gateways(connection)}
        if name not in known:
            raise NotFoundError("gateway", name)
        before = known[name].last_heard_ms
        if not await facts.forget_gateway(connection, name, silent_since_ms=now_ms - _ALIVE_MS):
            silent_s = max((now_ms - before) // 1_000, 0)
            raise ConflictError(
                f"gateway {name!r} was heard of {silent_s} s ago; stop it first, and ask again a"
                " minute later",
                code="gateway-alive",
                params={"gateway": name, "silent_s": silent_s},
            )
        await audit.write(
            connection,
            actor=principal.actor,
            action="GatewayForgotten",
            object_kind="gateway",
            object_key=name,
            before={"last_heard_at": required_moment(before).isoformat()},
        )


def _for_all_sites(principal: Principal) -> None:
    """Gateways are everybody's: who is limited to sites learns nothing of them.

    Raises:
        ProblemError: they are limited (403).
    """
    if principal.sites:
        raise forbidden("Gateways belong to no site: they are for who may see every site.")

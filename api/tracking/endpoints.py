"""The customer's view of an order: the link is all they need."""

from __future__ import annotations

import math
from http import HTTPStatus

from fastapi import APIRouter, Request

from api.auth.principal import address_of
from api.context import Context, RequestContext
from api.errors import ProblemError
from api.fields import Wanted
from api.tracking.schemas import Tracking
from store import access
from store.access import LinkedOrder
from store.database import Connection
from store.live_views import tracking_view

router = APIRouter(prefix="/v1/tracking", tags=["tracking"])


@router.get("/{token}", operation_id="track")
async def track(request: Request, context: RequestContext, token: Wanted) -> Tracking:
    """Where the order is and when to expect it. No sign-in: whoever has the link may look.

    404 when the link expired, was revoked or never was; 429 after too many tries.
    """
    async with context.connection() as connection:
        linked = await follow_link(request, context, connection, token)
        view = await tracking_view(
            connection,
            linked.order_id,
            now_ms=context.clock.now_ms(),
            line=linked.line,
            shipment=linked.shipment,
        )
    if view is None:
        raise _no_such_link()
    return Tracking.model_validate(view)


async def follow_link(
    request: Request, context: Context, connection: Connection, token: str
) -> LinkedOrder:
    """Where a link leads.

    Raises:
        ProblemError: nowhere (404), or its sender tries, or it is asked for, too often (429).
    """
    address = address_of(request)
    limits = context.limits
    wait_for(max(limits.tracking.wait_s(address), limits.tracking_failures.wait_s(address)))
    limits.tracking.note(address)
    linked = await access.linked_order(connection, token)
    if linked is None:
        limits.tracking_failures.note(address)
        raise _no_such_link()
    # A link that was passed around is asked for from everywhere.
    link = str(linked.link_id)
    wait_for(limits.tracking_link.wait_s(link))
    limits.tracking_link.note(link)
    return linked


def wait_for(wait_s: float) -> None:
    """Let somebody wait who tries too often.

    Raises:
        ProblemError: they have to (429).
    """
    if wait_s > 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many requests for tracking links; wait a little.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )


def _no_such_link() -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND, "not-found", "This link leads nowhere; maybe it has expired."
    )

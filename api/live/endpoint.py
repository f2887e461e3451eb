"""`/v1/live` and the tickets that open it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Cookie, Query, Request, Response, WebSocket, status
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import BaseModel
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from api.auth.principal import COOKIE, SignedIn
from api.context import Context, RequestContext, context_of
from api.fields import Wanted, required_moment
from api.live import tickets
from api.live.hub import LiveHub
from api.live.socket import LiveSocket
from api.live.tickets import Ticket
from api.tracking.endpoints import follow_link
from contracts.live import SUBPROTOCOL, ChannelKind
from runtime.tokens import verify_token
from store.access import token_hash
from store.live_access import session_end

router = APIRouter(prefix="/v1", tags=["live"])

_LINK_SOCKET: Final = timedelta(hours=12)
_KEY_SOCKET: Final = timedelta(hours=24)


class TicketIssued(BaseModel):
    """A ticket for one socket."""

    ticket: str
    expires_in_s: int


def hub_of(connection: HTTPConnection) -> LiveHub:
    """The hub of the application (`app.state.live_hub`)."""
    hub = connection.app.state.live_hub
    assert isinstance(hub, LiveHub)  # noqa: S101 - set by `build`
    return hub


@router.post("/live/ticket", operation_id="createLiveTicket")
async def create_ticket(
    request: Request,
    response: Response,
    context: RequestContext,
    principal: SignedIn,
    cookie: Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)] = None,
) -> TicketIssued:
    """A single-use ticket for `GET /v1/live?ticket=…`, good for half a minute."""
    session: str | None = None
    end: datetime | None
    if principal.kind == "user" and cookie is not None:
        hashed = token_hash(cookie)
        session = hashed.hex()
        async with context.connection() as connection:
            end = await session_end(connection, hashed)
    elif principal.kind == "key":
        # A key that has no end, or is revoked before it, is looked after by the hub.
        end = required_moment(context.clock.now_ms()) + _KEY_SOCKET
    else:
        _, bearer = get_authorization_scheme_param(request.headers.get("authorization"))
        end = verify_token(context.signing_key, bearer).expires_at
    ticket = Ticket(
        kind=principal.kind,
        subject=principal.name,
        role=principal.role.value,
        sites=sorted(principal.sites),
        lines=sorted(principal.lines),
        customer_id=principal.customer_id,
        key=principal.key_id,
        session=session,
        expires_ms=int(end.timestamp() * 1000) if end is not None else context.clock.now_ms(),
    )
    return await _issue(context, response, ticket)


@router.post("/tracking/{token}/ticket", operation_id="createTrackingTicket")
async def create_tracking_ticket(
    request: Request, response: Response, context: RequestContext, token: Wanted
) -> TicketIssued:
    """A single-use ticket that opens the channel of one tracking link and nothing else.

    404 when the link expired, was revoked or never was; 429 after too many tries.
    """
    async with context.connection() as connection:
        await follow_link(request, context, connection, token)
    lasting_ms = int(_LINK_SOCKET.total_seconds() * 1000)
    ticket = Ticket(
        kind="link",
        channel=f"{ChannelKind.TRACKING}:{token}",
        expires_ms=context.clock.now_ms() + lasting_ms,
    )
    return await _issue(context, response, ticket)


async def _issue(context: Context, response: Response, ticket: Ticket) -> TicketIssued:
    response.headers["Cache-Control"] = "no-store"
    word = await tickets.issue(context.redis, ticket)
    return TicketIssued(ticket=word, expires_in_s=tickets.LIFETIME_S)


@router.websocket("/live")
async def live(websocket: WebSocket, ticket: Annotated[str, Query()] = "") -> None:
    """The live protocol; `docs/protocol.md`. Refused (403) without a good ticket and Origin."""
    context = context_of(websocket)
    admitted = await _admit(websocket, context, ticket)
    if admitted is None:
        await websocket.close(status.WS_1008_POLICY_VIOLATION)
        return
    offered = websocket.scope.get("subprotocols") or []
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await LiveSocket(websocket, hub_of(websocket), admitted).serve()


async def _admit(websocket: WebSocket, context: Context, word: str) -> Ticket | None:
    """Who the socket belongs to, if its page may open it and its ticket is good.

    A page of elsewhere does not use a ticket up. A program that sends no Origin gets in with the
    ticket of a bearer token or an API key only: browsers always send one.
    """
    origin = websocket.headers.get("origin")
    if not word or (origin is not None and origin not in _allowed_origins(websocket, context)):
        return None
    try:
        ticket = await tickets.redeem(context.redis, word)
    except RedisError:
        return None
    if ticket is None or (origin is None and ticket.kind not in ("token", "key")):
        return None
    return ticket


def _allowed_origins(websocket: WebSocket, context: Context) -> set[str]:
    scheme = "https" if websocket.url.scheme in ("https", "wss") else "http"
    allowed = {f"{scheme}://{websocket.headers.get('host', '')}", *context.settings.allowed_origins}
    if context.settings.public_url:
        public = urlsplit(context.settings.public_url)
        allowed.add(f"{public.scheme}://{public.netloc}")
    return allowed

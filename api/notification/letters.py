"""Messages to people over the API: what caused each, what became of it, once more by hand.

Addresses are people's: they are shown to those who may change them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query

from api.auth.principal import Configurer, Principal, forbidden
from api.context import RequestContext
from api.fields import Moment, Paging, Wanted
from api.notification.schemas import (
    AddressRelease,
    BadAddress,
    BadAddressList,
    LetterState,
    Notification,
    NotificationList,
    NotificationRetry,
)
from domain.alarms.recipients import Channel
from store import audit
from store.errors import ConflictError, NotFoundError
from store.notification import addresses, letter_lists
from store.notification.letter_lists import LetterRow, WantedLetters

router = APIRouter(prefix="/v1/notifications", tags=["notifications"])
addresses_router = APIRouter(prefix="/v1/notification-addresses", tags=["notifications"])

_WAITING = frozenset(("held", "gathered", "waiting"))


@router.get("", operation_id="listNotifications")
async def list_notifications(
    *,
    context: RequestContext,
    principal: Configurer,
    page: Paging,
    state: Annotated[list[LetterState] | None, Query(description="In one of these.")] = None,
    source: Annotated[Wanted | None, Query(description="As `alarms`, `tests`.")] = None,
    cause: Annotated[Wanted | None, Query(description="As `alarm:7`, `way:mail`.")] = None,
    recipient: Annotated[Wanted | None, Query(description="By code.")] = None,
    channel: Channel | None = None,
    address: Wanted | None = None,
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="Not included.")] = None,
) -> NotificationList:
    """Messages of all sources, newest first, with what became of each."""
    _may_see(principal)
    wanted = WantedLetters(
        source=source,
        state=state,
        recipient=recipient,
        channel=channel,
        address=address,
        cause=cause,
        since=start,
        until=end,
    )
    async with context.connection() as connection:
        rows, total = await letter_lists.listed(connection, page, wanted)
    return NotificationList(items=[_shown(row) for row in rows], total=total)


@router.get("/{message}", operation_id="getNotification")
async def get_notification(
    context: RequestContext, principal: Configurer, message: UUID
) -> Notification:
    """One message by its id, which stands in it as well (mail: Message-ID)."""
    _may_see(principal)
    async with context.connection() as connection:
        row = await letter_lists.find(connection, message)
    if row is None:
        raise NotFoundError("message", str(message))
    return _shown(row)


@router.post("/{message}/retry", operation_id="retryNotification")
async def retry_notification(
    context: RequestContext, principal: Configurer, message: UUID, wanted: NotificationRetry
) -> Notification:
    """Send a message that was given up once more, under the same id."""
    _may_see(principal)
    now = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    async with context.transaction() as connection:
        before = await letter_lists.find(connection, message)
        if before is None:
            raise NotFoundError("message", str(message))
        if before.source == "tests" or not await letter_lists.retry(connection, before, now=now):
            raise ConflictError(
                f"message {message} is {before.state}: only what was given up is sent once more,"
                " and a test is asked for anew",
                code="not-given-up",
                params={"state": before.state},
            )
        await audit.write(
            connection,
            actor=principal.actor,
            action="NotificationRetried",
            object_kind="notification",
            object_key=str(message),
            reason=wanted.reason,
            before={"state": before.state, "attempts": before.attempts, "cause": before.cause},
            after={"state": "waiting", "attempts": 0},
        )
        after = await letter_lists.find(connection, message)
    return _shown(after or before)


@addresses_router.get("", operation_id="listBadAddresses")
async def list_bad_addresses(
    *,
    context: RequestContext,
    principal: Configurer,
    page: Paging,
    suppressed: Annotated[
        bool | None, Query(description="Only those that are sent nothing; false: the others.")
    ] = None,
) -> BadAddressList:
    """Addresses that refused messages for good, the latest first."""
    _may_see(principal)
    async with context.connection() as connection:
        rows, total = await addresses.listed(connection, page, suppressed=suppressed)
    items = [BadAddress.model_validate(row, from_attributes=True) for row in rows]
    return BadAddressList(items=items, total=total)


@addresses_router.post("/release", operation_id="releaseBadAddress", status_code=204)
async def release_bad_address(
    context: RequestContext, principal: Configurer, wanted: AddressRelease
) -> None:
    """Send messages to an address again. Those that were given up are sent by `…/retry`."""
    _may_see(principal)
    async with context.transaction() as connection:
        if not await addresses.clear(connection, wanted.channel, wanted.address):
            raise NotFoundError("bad address", wanted.address)
        await audit.write(
            connection,
            actor=principal.actor,
            action="BadAddressReleased",
            object_kind="notification_address",
            object_key=f"{wanted.channel}:{wanted.address}",
            reason=wanted.reason,
        )


def _may_see(principal: Principal) -> None:
    """Messages are of all sites."""
    if principal.sites or principal.lines:
        raise forbidden("Messages are those of all sites; who is limited to some cannot see them.")


def _shown(row: LetterRow) -> Notification:
    told = msgspec.structs.asdict(row)
    if row.state not in _WAITING:
        told["next_at"] = None
    return Notification.model_validate(told)

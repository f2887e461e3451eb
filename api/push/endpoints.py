"""One's own browsers that are told of what one is told of."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from api.auth.principal import Principal, SignedIn
from api.context import Context, RequestContext
from api.errors import FieldProblem, ProblemError
from api.fields import Wanted, required_moment
from api.push.schemas import (
    PushState,
    PushSubscription,
    PushSubscriptionAsked,
    PushTested,
)
from api.tracking.endpoints import follow_link
from domain.alarms.recipients import Channel
from domain.notification.http_ways import WebPush
from runtime.web_push import BadKeyError, check_subscription
from store import audit, users
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.notification import push, trials, ways
from store.notification.push import Owner, Subscription, SubscriptionRow

router = APIRouter(prefix="/v1/push", tags=["notifications"])
tracking_router = APIRouter(prefix="/v1/tracking", tags=["tracking"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
_KIND: Final = "push_subscription"


@router.get("", operation_id="getPush")
async def get_push(context: RequestContext, principal: SignedIn) -> PushState:
    """The key to subscribe with (made when somebody first asks), and one's own subscriptions."""
    async with context.transaction() as connection:
        owner = await _own(connection, principal)
        keys = await _keys(context, connection, principal.actor)
        rows = await push.listed(connection, owner)
    return PushState(public_key=keys.public_key, subscriptions=[_subscription(row) for row in rows])


@router.post("/subscriptions", status_code=HTTPStatus.CREATED, operation_id="subscribePush")
async def subscribe_push(
    context: RequestContext, principal: SignedIn, wanted: PushSubscriptionAsked
) -> PushSubscription:
    """Be told in this browser. Again: the same subscription, as it is said now."""
    async with context.transaction() as connection:
        owner = await _own(connection, principal)
        row = await _subscribed(context, connection, owner, wanted, actor=principal.actor)
        await _audit(connection, principal.actor, "PushSubscribed", row)
    return _subscription(row)


@router.delete(
    "/subscriptions/{subscription}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="unsubscribePush",
)
async def unsubscribe_push(context: RequestContext, principal: SignedIn, subscription: Id) -> None:
    """Be told in a browser no more, this one or another of one's own."""
    async with context.transaction() as connection:
        owner = await _own(connection, principal)
        if not await push.forget(connection, owner, subscription):
            raise NotFoundError("push subscription", str(subscription))
        await audit.write(
            connection,
            actor=principal.actor,
            action="PushUnsubscribed",
            object_kind=_KIND,
            object_key=str(subscription),
        )


@router.post(
    "/subscriptions/{subscription}/test",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="testPush",
)
async def test_push(context: RequestContext, principal: SignedIn, subscription: Id) -> PushTested:
    """Send a notification to one of one's own browsers."""
    async with context.transaction() as connection:
        owner = await _own(connection, principal)
        found = [each for each in await push.listed(connection, owner) if each.id == subscription]
        if not found:
            raise NotFoundError("push subscription", str(subscription))
        await _keys(context, connection, principal.actor)
        way = next(each for each in await ways.listed(connection) if each.kind == push.KIND)
        message_id = await trials.add(
            connection,
            way=way.code,
            channel=Channel.WEB_PUSH,
            address=f"device/{subscription}",
            language=found[0].language,
            by=principal.name,
            now=required_moment(context.clock.now_ms()),
        )
        await _audit(connection, principal.actor, "PushTested", found[0])
    return PushTested(message_id=message_id)


# By a tracking link ------------------------------------------------------------------------------


@tracking_router.get("/{token}/push", operation_id="getTrackingPush")
async def get_tracking_push(
    request: Request, response: Response, context: RequestContext, token: Wanted
) -> PushState:
    """The key to subscribe with; subscriptions of a link that was passed around are not told."""
    response.headers["Cache-Control"] = "no-store"
    async with context.transaction() as connection:
        linked = await follow_link(request, context, connection, token)
        keys = await _keys(context, connection, _by_link(linked.link_id))
    return PushState(public_key=keys.public_key, subscriptions=[])


@tracking_router.post(
    "/{token}/push", status_code=HTTPStatus.CREATED, operation_id="subscribeTrackingPush"
)
async def subscribe_tracking_push(
    request: Request, context: RequestContext, token: Wanted, wanted: PushSubscriptionAsked
) -> PushSubscription:
    """Be told of the link's order in this browser, for as long as the link is valid."""
    async with context.transaction() as connection:
        linked = await follow_link(request, context, connection, token)
        actor = _by_link(linked.link_id)
        owner = Owner(link_id=linked.link_id)
        row = await _subscribed(context, connection, owner, wanted, actor=actor)
        await _audit(connection, actor, "PushSubscribed", row, order_id=linked.order_id)
    return _subscription(row)


@tracking_router.delete(
    "/{token}/push/{subscription}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="unsubscribeTrackingPush",
)
async def unsubscribe_tracking_push(
    request: Request, context: RequestContext, token: Wanted, subscription: Id
) -> None:
    """Be told of the link's order no more."""
    async with context.transaction() as connection:
        linked = await follow_link(request, context, connection, token)
        owner = Owner(link_id=linked.link_id)
        if not await push.forget(connection, owner, subscription):
            raise NotFoundError("push subscription", str(subscription))
        await audit.write(
            connection,
            actor=_by_link(linked.link_id),
            action="PushUnsubscribed",
            order_id=linked.order_id,
            object_kind=_KIND,
            object_key=str(subscription),
        )


# Both --------------------------------------------------------------------------------------------


async def _own(connection: Connection, principal: Principal) -> Owner:
    """Whose subscriptions these are.

    Raises:
        ConflictError: a program has no browser.
    """
    account = None
    if principal.kind == "user":
        account = await users.find(connection, principal.name)
    if account is None:
        raise ConflictError(
            f"{principal.kind} {principal.name!r} is a program: only people are told in browsers",
            code="no-browser",
        )
    return Owner(user_id=account.id)


async def _keys(context: Context, connection: Connection, actor: Actor) -> WebPush:
    public = context.settings.public_url
    return await push.keys(
        connection,
        installation_key=context.signing_key,
        contact=public if public.startswith("https://") else None,
        actor=actor,
    )


def _checked(wanted: PushSubscriptionAsked) -> Subscription:
    """A subscription whose keys are some.

    Raises:
        ProblemError: they are none (422).
    """
    try:
        check_subscription(wanted.keys.p256dh, wanted.keys.auth)
    except BadKeyError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad-push-keys",
            f"The browser's keys cannot be used: {error}.",
            errors=[FieldProblem(field="keys", problem=str(error))],
        ) from error
    return Subscription(endpoint=wanted.endpoint, p256dh=wanted.keys.p256dh, auth=wanted.keys.auth)


async def _subscribed(
    context: Context,
    connection: Connection,
    owner: Owner,
    wanted: PushSubscriptionAsked,
    *,
    actor: Actor,
) -> SubscriptionRow:
    checked = _checked(wanted)
    keys = await _keys(context, connection, actor)
    return await push.subscribe(
        connection,
        owner,
        checked,
        public_key=keys.public_key,
        device=wanted.device,
        language=wanted.language,
        installation_key=context.signing_key,
    )


async def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    row: SubscriptionRow,
    *,
    order_id: int | None = None,
) -> None:
    await audit.write(
        connection,
        actor=actor,
        action=action,
        order_id=order_id,
        object_kind=_KIND,
        object_key=str(row.id),
        after={"host": row.host, "device": row.device, "language": row.language},
    )


def _by_link(link_id: int) -> Actor:
    return Actor(f"link {link_id}", "tracking")


def _subscription(row: SubscriptionRow) -> PushSubscription:
    return PushSubscription(
        id=row.id,
        endpoint_sha256=row.endpoint_hash.hex(),
        host=row.host,
        device=row.device,
        language=row.language,
        created_at=row.created_at,
        last_sent_at=row.last_sent_at,
    )

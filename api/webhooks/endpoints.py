"""Webhooks over the API: made, changed, tried, looked at, sent again."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Path

from api.auth.principal import Administrator, Principal
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Paging
from api.idempotency import IdempotentRoute
from api.webhooks.schemas import (
    CreatedWebhook,
    Delivery,
    DeliveryList,
    NewWebhook,
    Sent,
    Webhook,
    WebhookChange,
    WebhookList,
)
from domain.outward import TEST_EVENT, payload, secret_bytes, written_secret
from runtime.sealed import seal
from store import audit, machines, webhooks
from store.database import Connection
from store.errors import NotFoundError, StaleVersionError

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=IdempotentRoute)

_Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
_SECRET_BYTES = 32


@router.get("", operation_id="listWebhooks")
async def list_webhooks(
    context: RequestContext, principal: Administrator, page: Paging
) -> WebhookList:
    """Webhooks by name; for whoever is limited to sites: theirs."""
    async with context.connection() as connection:
        rows, total = await webhooks.listed(connection, page, limited_to=sorted(principal.sites))
    return WebhookList(items=[_shown(row) for row in rows], total=total)


@router.post("", status_code=HTTPStatus.CREATED, operation_id="createWebhook")
async def create_webhook(
    context: RequestContext, principal: Administrator, wanted: NewWebhook
) -> CreatedWebhook:
    """Make a webhook. Its secret is shown here and never again."""
    if principal.sites and wanted.site is None:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "site-missing",
            "Who is limited to sites has to name one: a webhook without is told of all of them.",
        )
    key = secret_bytes(wanted.secret) if wanted.secret else secrets.token_bytes(_SECRET_BYTES)
    secret_id = uuid4()
    async with context.transaction() as connection:
        site_id = None
        if wanted.site is not None:
            principal.require_site(wanted.site)
            site_id = (await machines.known_site(connection, wanted.site, field="site")).id
        webhook_id = await webhooks.insert(
            connection,
            name=wanted.name,
            url=wanted.url,
            event_types=wanted.event_types,
            site_id=site_id,
            sealed_secret=seal(context.signing_key, key, purpose=webhooks.purpose_of(secret_id)),
            secret_id=secret_id,
            created_by=principal.actor.name,
        )
        row = await _known(connection, principal, webhook_id)
        await _tell(connection, principal, "WebhookCreated", row, after=_told(row))
    return CreatedWebhook(**_shown(row).model_dump(), secret=written_secret(key))


@router.get("/{webhook}", operation_id="getWebhook")
async def get_webhook(context: RequestContext, principal: Administrator, webhook: _Id) -> Webhook:
    """One webhook, how it does, and why it is disabled."""
    async with context.connection() as connection:
        return _shown(await _known(connection, principal, webhook))


@router.patch("/{webhook}", operation_id="changeWebhook")
async def change_webhook(
    context: RequestContext, principal: Administrator, webhook: _Id, wanted: WebhookChange
) -> Webhook:
    """Change a webhook, disable it, or enable it again: what waited goes out then."""
    async with context.transaction() as connection:
        before = await _known(connection, principal, webhook, for_update=True)
        if before.version != wanted.version:
            raise StaleVersionError(
                "webhook", before.name, expected=wanted.version, actual=before.version
            )
        sealed = before.sealed_secret
        if wanted.secret is not None:
            purpose = webhooks.purpose_of(before.secret_id)
            sealed = seal(context.signing_key, secret_bytes(wanted.secret), purpose=purpose)
        await webhooks.change(
            connection,
            webhook,
            url=wanted.url or before.url,
            event_types=before.event_types if wanted.event_types is None else wanted.event_types,
            state=wanted.state or before.state,
            sealed_secret=sealed,
        )
        after = await _known(connection, principal, webhook)
        told = _told(after) | ({"secret": "changed"} if wanted.secret is not None else {})
        await _tell(
            connection, principal, "WebhookChanged", after, before=_told(before), after=told
        )
    return _shown(after)


@router.delete("/{webhook}", status_code=HTTPStatus.NO_CONTENT, operation_id="deleteWebhook")
async def delete_webhook(context: RequestContext, principal: Administrator, webhook: _Id) -> None:
    """Forget a webhook and its deliveries."""
    async with context.transaction() as connection:
        before = await _known(connection, principal, webhook, for_update=True)
        await webhooks.delete(connection, webhook)
        await _tell(connection, principal, "WebhookDeleted", before, before=_told(before))


@router.post("/{webhook}/test", status_code=HTTPStatus.ACCEPTED, operation_id="testWebhook")
async def test_webhook(context: RequestContext, principal: Administrator, webhook: _Id) -> Sent:
    """Send a message of the type `webhook.test`; its delivery says what became of it."""
    message_id = f"msg_{uuid4().hex}"
    now = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    async with context.transaction() as connection:
        row = await _known(connection, principal, webhook)
        delivery = await webhooks.add_delivery(
            connection,
            webhook,
            message_id=message_id,
            event_type=TEST_EVENT,
            body=payload(TEST_EVENT, now, {"webhook": row.name}),
        )
        await _tell(connection, principal, "WebhookTested", row, after={"message_id": message_id})
    return Sent(delivery=delivery, message_id=message_id)


@router.get("/{webhook}/deliveries", operation_id="listWebhookDeliveries")
async def list_deliveries(
    *,
    context: RequestContext,
    principal: Administrator,
    webhook: _Id,
    page: Paging,
    state: Literal["waiting", "delivered", "given_up"] | None = None,
) -> DeliveryList:
    """A webhook's messages, newest first, with what became of them."""
    async with context.connection() as connection:
        await _known(connection, principal, webhook)
        rows, total = await webhooks.deliveries(connection, webhook, page, state=state)
    return DeliveryList(items=[_delivery(row) for row in rows], total=total)


@router.post(
    "/{webhook}/deliveries/{delivery}/replay",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="replayWebhookDelivery",
)
async def replay_delivery(
    context: RequestContext, principal: Administrator, webhook: _Id, delivery: _Id
) -> None:
    """Send a message again, under the same `webhook-id`."""
    async with context.transaction() as connection:
        row = await _known(connection, principal, webhook)
        if not await webhooks.replay(connection, webhook, delivery):
            raise NotFoundError("delivery", str(delivery))
        await _tell(
            connection, principal, "WebhookDeliveryReplayed", row, after={"delivery": delivery}
        )


async def _known(
    connection: Connection, principal: Principal, webhook_id: int, *, for_update: bool = False
) -> webhooks.Webhook:
    """A webhook, for somebody who may know of it.

    Raises:
        NotFoundError: there is none for them.
    """
    row = await webhooks.find(connection, webhook_id, for_update=for_update)
    hidden = row is not None and bool(principal.sites) and row.site not in principal.sites
    if row is None or hidden:
        raise NotFoundError("webhook", str(webhook_id))
    return row


def _told(row: webhooks.Webhook) -> dict[str, object]:
    return {"url": row.url, "event_types": row.event_types, "site": row.site, "state": row.state}


async def _tell(
    connection: Connection,
    principal: Principal,
    action: str,
    row: webhooks.Webhook,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        object_kind="webhook",
        object_key=row.name,
        before=before,
        after=after,
    )


def _shown(row: webhooks.Webhook) -> Webhook:
    told = msgspec.structs.asdict(row)
    return Webhook.model_validate({name: told[name] for name in Webhook.model_fields})


def _delivery(row: webhooks.Delivery) -> Delivery:
    told = msgspec.structs.asdict(row)
    if row.state != "waiting":
        told["next_at"] = None
    return Delivery.model_validate(told)

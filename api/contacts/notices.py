"""The pages that links in mails lead to: yes, this address is mine; no more of these, please.

They are pages of their own, without scripts: a mail program's scanner opens links, so that only the
button does what the page is for. Mail programs that know RFC 8058 press it themselves.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.auth.principal import address_of
from api.contacts import service
from api.context import Context, RequestContext
from api.fields import Wanted
from api.tracking.endpoints import wait_for
from domain.customer_notices import links
from domain.customer_notices.contacts import masked
from domain.customer_notices.links import Purpose
from store.audit import Actor
from store.customer_notices import contacts
from store.customer_notices.contacts import ContactRow
from store.database import Connection

router = APIRouter(prefix="/v1/notices", tags=["contacts"], default_response_class=HTMLResponse)

Chosen = Annotated[Literal["en", "zh-CN"] | None, Query(description="Of the page.")]

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "confirm_title": "Tell {address} when the date moves?",
        "confirm_text": "We write to this address when the expected date of {what} moves, and say"
        " why. Every message has a link to stop them.",
        "confirm_button": "Yes, tell me",
        "confirmed_title": "You will be told",
        "confirmed_text": "We write to {address} when the expected date of {what} moves.",
        "unsubscribe_title": "No more messages to {address}?",
        "unsubscribe_text": "You will not be told any more when the expected date of {what} moves.",
        "unsubscribe_button": "No more messages",
        "unsubscribed_title": "You will not be told any more",
        "unsubscribed_text": "No more messages about {what} go to {address}.",
        "gone_title": "This link leads nowhere",
        "gone_text": "It may have expired, or the address was taken out already.",
        "order": "order {order}",
        "orders": "orders of {customer}",
    },
    "zh-CN": {
        "confirm_title": "交期变动时通知 {address}？",
        "confirm_text": "{what} 的预计日期变动时，我们会发送邮件并说明原因。"
        "每封邮件都带有退订链接。",
        "confirm_button": "是，通知我",
        "confirmed_title": "订阅成功",
        "confirmed_text": "{what} 的预计日期变动时，我们会通知 {address}。",
        "unsubscribe_title": "不再向 {address} 发送消息？",
        "unsubscribe_text": "{what} 的预计日期变动时，您将不再收到通知。",
        "unsubscribe_button": "退订",
        "unsubscribed_title": "已退订",
        "unsubscribed_text": "不再向 {address} 发送 {what} 的消息。",
        "gone_title": "链接无效",
        "gone_text": "链接可能已过期，或该地址已被移除。",
        "order": "订单 {order}",
        "orders": "{customer} 的订单",
    },
}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:24px;background:#f4f5f7;"
    "color:#16181d}main{max-width:34rem;margin:10vh auto 0;padding:24px;background:#fff;"
    "border:1px solid #d5d9e0;border-radius:8px;overflow-wrap:anywhere}h1{font-size:1.35rem;"
    "margin:0 0 8px}button{font:inherit;min-height:44px;padding:0 20px;border:0;"
    "border-radius:6px;background:#5a3fd0;color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid #b8a6ff;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#0f1115;color:#e8eaee}"
    "main{background:#171a20;border-color:#333945}button{background:#b8a6ff;color:#17102f}}"
)


@router.get("/{token}/confirm", operation_id="showConfirmation")
async def show_confirmation(
    request: Request, context: RequestContext, token: Wanted, language: Chosen = None
) -> HTMLResponse:
    """The page that asks whether an address is the reader's own."""
    async with context.connection() as connection:
        row = await _contact(request, context, connection, Purpose.CONFIRM, token)
    return _page(row, "confirmed" if row is not None and row.told else "confirm", language)


@router.post("/{token}/confirm", operation_id="confirmContact")
async def confirm_contact(
    request: Request, context: RequestContext, token: Wanted, language: Chosen = None
) -> HTMLResponse:
    """The address is the reader's own: from now on it is told."""
    async with context.transaction() as connection:
        row = await _contact(request, context, connection, Purpose.CONFIRM, token)
        if row is not None and not row.told:
            await contacts.confirm(connection, row.contact_id, by="mail")
            row = await contacts.known(connection, row.contact_id)
            await service.write(
                connection, row, "ContactConfirmed", _actor(request), after={"told": True}
            )
    return _page(row, "confirmed", language)


@router.get("/{token}/unsubscribe", operation_id="showUnsubscription")
async def show_unsubscription(
    request: Request, context: RequestContext, token: Wanted, language: Chosen = None
) -> HTMLResponse:
    """The page that asks whether no more shall be sent."""
    async with context.connection() as connection:
        row = await _contact(request, context, connection, Purpose.UNSUBSCRIBE, token)
    left = row is not None and row.unsubscribed_at is not None
    return _page(row, "unsubscribed" if left else "unsubscribe", language)


@router.post("/{token}/unsubscribe", operation_id="unsubscribeContact")
async def unsubscribe_contact(
    request: Request, context: RequestContext, token: Wanted, language: Chosen = None
) -> HTMLResponse:
    """No more is sent; also what a mail program's own button does (RFC 8058)."""
    async with context.transaction() as connection:
        row = await _contact(request, context, connection, Purpose.UNSUBSCRIBE, token)
        if row is not None and await contacts.unsubscribe(connection, row.contact_id, by="mail"):
            await service.write(
                connection, row, "ContactUnsubscribed", _actor(request), after={"told": False}
            )
    return _page(row, "unsubscribed", language)


async def _contact(
    request: Request, context: Context, connection: Connection, purpose: Purpose, token: str
) -> ContactRow | None:
    """Whose link it is; None: nobody's, any more.

    Raises:
        ProblemError: its sender tries too often.
    """
    address = address_of(request)
    limits = context.limits
    wait_for(max(limits.tracking.wait_s(address), limits.tracking_failures.wait_s(address)))
    limits.tracking.note(address)
    found = links.contact_of(
        context.signing_key, purpose, token, now_s=context.clock.now_ms() // 1_000
    )
    row = await contacts.find(connection, found) if found is not None else None
    if row is None:
        limits.tracking_failures.note(address)
    return row


def _actor(request: Request) -> Actor:
    return Actor("contact", f"mail {address_of(request)}")


def _page(row: ContactRow | None, what: str, chosen: str | None) -> HTMLResponse:
    language = chosen or (row.language if row is not None else "en")
    words = _WORDS[language]
    if row is None:
        body = _written(words["gone_title"], words["gone_text"])
        return HTMLResponse(_whole(language, body), status_code=HTTPStatus.NOT_FOUND)
    about = (
        words["order"].format(order=row.order)
        if row.order is not None
        else words["orders"].format(customer=row.customer_name)
    )
    values = {"address": masked(row.way, row.address), "what": about}
    button = words.get(f"{what}_button")
    body = _written(words[f"{what}_title"].format(**values), words[f"{what}_text"].format(**values))
    if button is not None:
        body += f'<form method="post"><button>{html.escape(button)}</button></form>'
    return HTMLResponse(_whole(language, body))


def _written(title: str, text: str) -> str:
    return f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"


def _whole(language: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="robots" content="noindex"><title>gemba</title>'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )

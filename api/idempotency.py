"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a repeat gets the same answer.

Routers whose POSTs take the header say so: `APIRouter(route_class=IdempotentRoute)`. Requests that
carry none are not touched. Only what was carried out is remembered: a request that was refused
changed nothing, and is looked at anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.auth.principal import COOKIE, Principal, bearer_scheme, signed_in
from api.context import CLAIM, Context, context_of
from api.errors import ProblemError
from api.fields import required_moment
from runtime.sealed import seal, unseal
from store.intake import idempotency
from store.intake.idempotency import Refusal, Remembered

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_LONGEST_KEY: Final = 255
_PURPOSE: Final = "remembered answer"
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_PARAMETER: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the same answer, for two days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY},
}


class IdempotentRoute(APIRoute):
    """A route whose POST may carry an `Idempotency-Key`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        if "POST" in (settings.get("methods") or ()):
            extra = dict(settings.get("openapi_extra") or {})
            extra["parameters"] = [*extra.get("parameters", []), _PARAMETER]
            settings["openapi_extra"] = extra
        super().__init__(path, endpoint, **settings)

    def get_route_handler(self) -> _Handler:
        """The route's handler; a request that carries a key goes by the remembered answers."""
        handler = super().get_route_handler()
        if "POST" not in (self.methods or ()):
            return handler

        async def handle(request: Request) -> Response:
            if HEADER not in request.headers:
                return await handler(request)
            return await _once(request, handler)

        return handle


def _who(principal: Principal) -> str:
    """Whose answers these are: programs of one name but other rights are others."""
    limits = ",".join([*sorted(principal.sites), *sorted(principal.lines)])
    return f"{principal.kind}:{principal.name}:{principal.role}:{principal.customer_id}:{limits}"


async def _once(request: Request, handler: _Handler) -> Response:
    context = context_of(request)
    principal = await _principal(request, context)
    if principal is None:
        return await handler(request)  # which refuses it
    key = _key(request)
    digest = await _digest(request)
    who = _who(principal)
    async with context.connection() as connection:
        claim = await idempotency.claim(
            connection, principal=who, key=key, sha256=digest, now=_now(context)
        )
    match claim:
        case Refusal():
            raise _refused(claim)
        case Remembered():
            return _replayed(context, claim)
    token = CLAIM.set((who, key))
    try:
        response = await handler(request)
    except BaseException:
        await asyncio.shield(_give_back(context, who, key))
        raise
    finally:
        CLAIM.reset(token)
    body = bytes(response.body)
    async with context.connection() as connection:
        await idempotency.remember(
            connection,
            principal=who,
            key=key,
            status=response.status_code,
            media_type=response.headers.get("content-type"),
            sealed_body=seal(context.signing_key, body, purpose=_PURPOSE),
            now=_now(context),
        )
    return response


async def _principal(request: Request, context: Context) -> Principal | None:
    """Who asks; None when nobody is signed in, or not validly."""
    try:
        return await signed_in(
            request, context, request.cookies.get(COOKIE), await bearer_scheme(request)
        )
    except ProblemError:
        return None


def _key(request: Request) -> str:
    """The key; the draft writes it as a string of structured fields, many write it bare.

    Raises:
        ProblemError: it is empty, too long, or not of printable ASCII.
    """
    text = request.headers[HEADER].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not text or len(text) > _LONGEST_KEY or not (text.isascii() and text.isprintable()):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "idempotency-key",
            f"{HEADER} has to be 1 to {_LONGEST_KEY} printable ASCII characters.",
        )
    return text


async def _digest(request: Request) -> bytes:
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        digest.update(part.encode() + b"\n")
    digest.update(await request.body())
    return digest.digest()


def _refused(why: Refusal) -> ProblemError:
    match why:
        case Refusal.OTHER_REQUEST:
            return ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                f"This {HEADER} was sent with another request; take a new one.",
            )
        case Refusal.UNDER_WAY:
            return ProblemError(
                HTTPStatus.CONFLICT,
                "request-under-way",
                f"The request with this {HEADER} is being carried out; ask again shortly.",
                headers={"Retry-After": "2"},
            )
        case Refusal.ANSWER_LOST:
            return ProblemError(
                HTTPStatus.CONFLICT,
                "answer-lost",
                f"The request with this {HEADER} was carried out, but its answer was lost when the"
                " service was ended: look at what it made, do not send it again.",
            )


def _replayed(context: Context, answer: Remembered) -> Response:
    body = unseal(context.signing_key, answer.sealed_body, purpose=_PURPOSE)
    headers = {REPLAYED: "true"}
    if answer.media_type is not None:
        headers["content-type"] = answer.media_type
    return Response(body, status_code=answer.status, headers=headers)


async def _give_back(context: Context, principal: str, key: str) -> None:
    async with context.connection() as connection:
        await idempotency.give_back(connection, principal=principal, key=key)


def _now(context: Context) -> datetime:
    return required_moment(context.clock.now_ms())

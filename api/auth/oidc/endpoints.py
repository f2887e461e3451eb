"""To the OpenID provider and back: `GET /v1/session/oidc/start` and `/callback`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import math
import re
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import msgspec
from fastapi import APIRouter, Cookie, Query, Request, Response
from starlette.responses import RedirectResponse

from api.auth.cookies import drop_session_cookie, is_https, set_session_cookie
from api.auth.oidc import people
from api.auth.oidc.id_token import Claims, IdTokenError
from api.auth.oidc.people import NotAdmittedError
from api.auth.oidc.provider import OpenIdProvider, ProviderError
from api.auth.principal import COOKIE, SignedIn, address_of, own_origin
from api.auth.schemas import SignedOut
from api.context import Context, RequestContext
from api.errors import ProblemError
from api.fields import Wanted
from store import access, audit
from store.audit import Actor

router = APIRouter(prefix="/v1/session/oidc", tags=["session"])
_log = logging.getLogger(__name__)

BROWSER: Final = "gemba_oidc"
"""The cookie that binds a sign-in to the browser that began it."""
_PATH: Final = "/v1/session/oidc"
_LASTS_S: Final = 600
_KEY: Final = "gemba:oidc:"
_HERE: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_CODE: Final = re.compile(r"[a-z_]{1,40}")


class _Begun(msgspec.Struct, frozen=True):
    """What has to be known when the browser comes back."""

    nonce: str
    verifier: str
    browser: str
    """The hash of the browser's cookie."""
    redirect_uri: str
    next: str


class _RefusedError(Exception):
    """A sign-in that ends at the sign-in page, with a code that says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@router.get(
    "/start",
    operation_id="startOidc",
    status_code=HTTPStatus.SEE_OTHER,
    response_class=RedirectResponse,
)
async def start(
    request: Request,
    context: RequestContext,
    next_: Annotated[
        Wanted, Query(alias="next", description="Where to go afterwards: a path of this site.")
    ] = "/",
) -> Response:
    """Lead the browser to the OpenID provider. 404 when none is set up."""
    provider = _provider(context)
    _count(request, context)
    state, browser = access.new_token(), access.new_token()
    begun = _Begun(
        nonce=access.new_token(),
        verifier=access.new_token(),
        browser=_hashed(browser),
        redirect_uri=f"{base_url(request, context)}{_PATH}/callback",
        next=next_ if _HERE.fullmatch(next_) else "/",
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest())
    try:
        address = await provider.leads_to(
            state=state,
            nonce=begun.nonce,
            challenge=challenge.rstrip(b"=").decode(),
            redirect_uri=begun.redirect_uri,
        )
    except ProviderError as error:
        _log.warning("sign-in with OpenID: %s", error)
        return _to_sign_in("unavailable")
    await context.redis.set(_KEY + _hashed(state), msgspec.json.encode(begun), ex=_LASTS_S)
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        BROWSER,
        browser,
        max_age=_LASTS_S,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=is_https(request, context),
    )
    return response


@router.get(
    "/callback",
    operation_id="finishOidc",
    status_code=HTTPStatus.SEE_OTHER,
    response_class=RedirectResponse,
)
async def callback(
    *,
    request: Request,
    context: RequestContext,
    state: Wanted = "",
    code: Annotated[str, Query(max_length=4_096)] = "",
    error: Wanted = "",
    iss: Wanted | None = None,
    browser: Annotated[str | None, Cookie(alias=BROWSER, include_in_schema=False)] = None,
) -> Response:
    """Where the provider sends the browser back to; it ends at the page asked for, signed in.

    What does not hold ends at `/login?problem=oidc-<why>`: `state` (not begun in this browser, too
    long ago, or used already), `denied`, `unavailable`, `token`, `unknown`, `disabled`, `no-role`,
    `no-site`, `no-customer`.
    """
    provider = _provider(context)
    _count(request, context)
    try:
        begun = await _begun(context, state, browser)
        await _check_sender(provider, error, iss)
        claims = await provider.vouches_for(
            code, verifier=begun.verifier, nonce=begun.nonce, redirect_uri=begun.redirect_uri
        )
        response = await _sign_in(request, context, claims, begun.next)
    except _RefusedError as refusal:
        _log.warning("sign-in with OpenID refused: %s", refusal)
        response = _to_sign_in(refusal.code)
    except NotAdmittedError as refusal:
        _log.warning("sign-in with OpenID: not admitted: %s", refusal)
        response = _to_sign_in(refusal.code)
    except ProviderError as refusal:
        _log.warning("sign-in with OpenID: %s", refusal)
        response = _to_sign_in("unavailable")
    except IdTokenError as refusal:
        _log.warning("sign-in with OpenID: the ID token is refused: %s", refusal)
        response = _to_sign_in("token")
    response.delete_cookie(BROWSER, path=_PATH, httponly=True, samesite="lax")
    return response


@router.post("/logout", operation_id="signOutOidc")
async def sign_out_oidc(
    request: Request,
    response: Response,
    context: RequestContext,
    principal: SignedIn,
    token: Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)] = None,
) -> SignedOut:
    """Sign out here, and say where to sign out of the provider as well (RP-initiated logout)."""
    if token is not None and principal.session_id is not None:
        async with context.transaction() as connection:
            await access.close_session(connection, token)
            await audit.write(
                connection,
                actor=principal.actor,
                action="SignedOut",
                object_kind="user",
                object_key=principal.name,
            )
    drop_session_cookie(response)
    if context.oidc is None or principal.method != "oidc":
        return SignedOut(url=None)
    try:
        url = await context.oidc.signs_out_at(f"{base_url(request, context)}/login")
    except ProviderError as error:
        _log.warning("sign-out of OpenID: %s", error)
        url = None
    return SignedOut(url=url)


def base_url(request: Request, context: Context) -> str:
    """How browsers name this installation, without a path."""
    if context.settings.public_url:
        public = urlsplit(context.settings.public_url)
        return f"{public.scheme}://{public.netloc}"
    return own_origin(request)


def _provider(context: Context) -> OpenIdProvider:
    if context.oidc is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, "not-found", "No OpenID provider is set up (GEMBA_OIDC_ISSUER)."
        )
    return context.oidc


def _count(request: Request, context: Context) -> None:
    limit, address = context.limits.oidc, address_of(request)
    wait_s = limit.wait_s(address)
    if wait_s > 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many tries to sign in; wait a little.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
    limit.note(address)


async def _begun(context: Context, state: str, browser: str | None) -> _Begun:
    """The sign-in that this browser began; it can be ended once."""
    stored = await context.redis.getdel(_KEY + _hashed(state))
    if stored is None:
        raise _RefusedError("state", "nobody has begun it, or it was ended already")
    begun = msgspec.json.decode(stored, type=_Begun)
    if browser is None or not hmac.compare_digest(_hashed(browser), begun.browser):
        raise _RefusedError("state", "it was begun in another browser")
    return begun


async def _check_sender(provider: OpenIdProvider, error: str, iss: str | None) -> None:
    """That the answer comes from the provider asked (RFC 9207), and is no refusal."""
    required = (await provider.metadata()).authorization_response_iss_parameter_supported
    if (iss is None and required) or (iss is not None and iss != provider.issuer):
        raise _RefusedError("token", "the answer comes from another issuer")
    if error:
        told = error if _CODE.fullmatch(error) else "an error without a name"
        raise _RefusedError("denied", f"the provider answers {told}")


async def _sign_in(request: Request, context: Context, claims: Claims, next_: str) -> Response:
    lasting = timedelta(hours=context.settings.session_hours)
    origin = f"oidc {address_of(request)}"
    async with context.transaction() as connection:
        account = await people.admit(connection, context.settings, claims, origin=origin)
        token = await access.open_session(
            connection,
            account.id,
            lasting=lasting,
            method="oidc",
            address=address_of(request),
            agent=request.headers.get("user-agent", "")[:200] or None,
        )
        await audit.write(
            connection,
            actor=Actor(account.name, origin),
            action="SignedIn",
            object_kind="user",
            object_key=account.name,
            after={"method": "oidc"},
        )
    response = RedirectResponse(next_, HTTPStatus.SEE_OTHER)
    set_session_cookie(response, token, lasting, secure=is_https(request, context))
    return response


def _to_sign_in(code: str) -> Response:
    return RedirectResponse(f"/login?problem=oidc-{quote(code)}", HTTPStatus.SEE_OTHER)


def _hashed(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()

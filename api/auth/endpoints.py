"""Signing in and out."""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Cookie, Request, Response

from api.auth.principal import (
    COOKIE,
    Principal,
    SignedIn,
    address_of,
    forbidden,
    origin_allowed,
    unauthenticated,
)
from api.auth.schemas import Session, SignIn, User
from api.context import Context, RequestContext
from api.errors import ProblemError
from domain.access import Role, permissions
from store import access
from store.access import UserRow

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("", operation_id="signIn")
async def sign_in(
    request: Request, response: Response, context: RequestContext, wanted: SignIn
) -> Session:
    """Sign in with a name and a password; the session is a cookie.

    Too many tries of a name or from an address are answered with 429 and Retry-After.
    """
    if "origin" in request.headers and not origin_allowed(request, context):
        raise forbidden("The request does not come from a page of this installation.")
    _count(context, request, wanted.name)
    user = await _authenticate(context, wanted)
    if user is None:
        raise unauthenticated("The name or the password is wrong.")
    context.limits.sign_in_by_name.forgive(wanted.name)
    context.limits.sign_in_by_address.forgive(address_of(request))
    lasting = timedelta(hours=context.settings.session_hours)
    async with context.connection() as connection:
        token = await access.open_session(connection, user.id, lasting=lasting)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(lasting.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_https(request, context),
        path="/",
    )
    response.headers["Cache-Control"] = "no-store"
    return Session(
        user=_user(user.name, user.display_name, Role(user.role), sorted(user.sites)),
    )


@router.get("", operation_id="getSession")
async def get_session(principal: SignedIn) -> Session:
    """Who is signed in."""
    return Session(user=_user_of(principal))


@router.delete("", status_code=HTTPStatus.NO_CONTENT, operation_id="signOut")
async def sign_out(
    response: Response,
    context: RequestContext,
    _principal: SignedIn,
    token: Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)] = None,
) -> None:
    """Sign out: the session ends here, not only in the browser."""
    if token is not None:
        async with context.connection() as connection:
            await access.close_session(connection, token)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def _count(context: Context, request: Request, name: str) -> None:
    """Count a try before it is made, so that tries at the same time count too."""
    by_name, by_address = context.limits.sign_in_by_name, context.limits.sign_in_by_address
    wait_s = max(by_name.wait_s(name), by_address.wait_s(address_of(request)))
    if wait_s > 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many tries to sign in; wait a little.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
    by_name.note(name)
    by_address.note(address_of(request))


async def _authenticate(context: Context, wanted: SignIn) -> UserRow | None:
    """The user, when the password is theirs. An unknown name takes as long as a wrong password."""
    async with context.connection() as connection:
        hashed = await access.password_hash(connection, wanted.name)
    if not await access.password_matches(hashed, wanted.password.get_secret_value()):
        return None
    async with context.connection() as connection:
        return await access.find_user(connection, wanted.name)


def _is_https(request: Request, context: Context) -> bool:
    return request.url.scheme == "https" or context.settings.public_url.startswith("https://")


def _user_of(principal: Principal) -> User:
    return _user(principal.name, principal.display_name, principal.role, sorted(principal.sites))


def _user(name: str, display_name: str, role: Role, sites: list[str]) -> User:
    return User(
        name=name,
        display_name=display_name,
        role=role,
        sites=sites,
        permissions=sorted(permissions(role)),
    )

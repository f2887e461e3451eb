"""Signing in and out, and looking after one's own sessions and password."""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Cookie, Path, Request, Response

from api.auth.cookies import drop_session_cookie, is_https, set_session_cookie
from api.auth.principal import (
    COOKIE,
    Principal,
    SignedIn,
    address_of,
    forbidden,
    origin_allowed,
    unauthenticated,
)
from api.auth.schemas import (
    OidcMethod,
    OpenSession,
    OpenSessionList,
    PasswordChange,
    Session,
    SignIn,
    SignInMethods,
    User,
)
from api.context import Context, RequestContext
from api.errors import FieldProblem, ProblemError
from domain.access import Role, permissions
from store import access, audit, users
from store.access import UserRow, WeakPasswordError
from store.audit import Actor
from store.database import Connection
from store.errors import NotFoundError

router = APIRouter(prefix="/v1/session", tags=["session"])

SessionId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/methods", operation_id="listSignInMethods")
async def list_methods(context: RequestContext) -> SignInMethods:
    """How people may sign in here; for the sign-in page."""
    settings = context.settings
    return SignInMethods(
        password=settings.password_sign_in,
        oidc=OidcMethod(name=settings.oidc_name, start="/v1/session/oidc/start")
        if context.oidc is not None
        else None,
    )


@router.post("", operation_id="signIn")
async def sign_in(
    request: Request, response: Response, context: RequestContext, wanted: SignIn
) -> Session:
    """Sign in with a name and a password; the session is a cookie.

    Too many tries of a name or from an address are answered with 429 and Retry-After. A password
    that somebody else gave out is good for once, together with `new_password`: else 403,
    `urn:gemba:problem:password-used-up`.
    """
    if "origin" in request.headers and not origin_allowed(request, context):
        raise forbidden("The request does not come from a page of this installation.")
    if not context.settings.password_sign_in:
        raise forbidden("People sign in with the OpenID provider here, not with a password.")
    _count(context, request, wanted.name)
    user = await _authenticate(context, wanted)
    if user is None:
        raise unauthenticated("The name or the password is wrong.")
    context.limits.sign_in_by_name.forgive(wanted.name)
    context.limits.sign_in_by_address.forgive(address_of(request))
    lasting = timedelta(hours=context.settings.session_hours)
    actor = Actor(user.name, f"session {address_of(request)}")
    async with context.transaction() as connection:
        if user.must_change or wanted.new_password is not None:
            await _change_password(connection, actor, user.name, wanted)
        token = await access.open_session(
            connection,
            user.id,
            lasting=lasting,
            address=address_of(request),
            agent=request.headers.get("user-agent", "")[:200] or None,
        )
        await audit.write(
            connection,
            actor=actor,
            action="SignedIn",
            object_kind="user",
            object_key=user.name,
            after={"method": "password"},
        )
    set_session_cookie(response, token, lasting, secure=is_https(request, context))
    return Session(user=_user(Role(user.role), user))


@router.get("", operation_id="getSession")
async def get_session(principal: SignedIn) -> Session:
    """Who is signed in."""
    return Session(user=_user_of(principal))


@router.delete("", status_code=HTTPStatus.NO_CONTENT, operation_id="signOut")
async def sign_out(
    response: Response,
    context: RequestContext,
    principal: SignedIn,
    token: Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)] = None,
) -> None:
    """Sign out: the session ends here, not only in the browser."""
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


@router.get("/all", operation_id="listOwnSessions")
async def list_own_sessions(context: RequestContext, principal: SignedIn) -> OpenSessionList:
    """One's own open sessions; programs have none."""
    async with context.connection() as connection:
        user_id = await _own_id(connection, principal)
        rows = await users.sessions(connection, user_id) if user_id is not None else []
    items = open_sessions(rows, current=principal.session_id)
    return OpenSessionList(items=items, total=len(items))


@router.delete("/all/{session_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="endOwnSession")
async def end_own_session(
    context: RequestContext, principal: SignedIn, session_id: SessionId
) -> None:
    """End one of one's own sessions: that of a browser elsewhere."""
    async with context.transaction() as connection:
        user_id = await _own_id(connection, principal)
        if user_id is None or not await users.end_session(connection, user_id, session_id):
            raise NotFoundError("session", str(session_id))
        await audit.write(
            connection,
            actor=principal.actor,
            action="SessionEnded",
            object_kind="user",
            object_key=principal.name,
            after={"session": session_id},
        )


@router.post("/password", status_code=HTTPStatus.NO_CONTENT, operation_id="changeOwnPassword")
async def change_own_password(
    request: Request,
    response: Response,
    context: RequestContext,
    principal: SignedIn,
    wanted: PasswordChange,
) -> None:
    """Choose another password. One's other sessions end, this one goes on under another cookie."""
    if principal.kind != "user":
        raise forbidden("A program has no password.")
    _count(context, request, principal.name)
    checked = SignIn(
        name=principal.name, password=wanted.password, new_password=wanted.new_password
    )
    user = await _authenticate(context, checked)
    if user is None:
        raise forbidden("The present password is wrong.")
    context.limits.sign_in_by_name.forgive(principal.name)
    lasting = timedelta(hours=context.settings.session_hours)
    async with context.transaction() as connection:
        await _change_password(connection, principal.actor, user.name, checked)
        token = await access.open_session(
            connection,
            user.id,
            lasting=lasting,
            address=address_of(request),
            agent=request.headers.get("user-agent", "")[:200] or None,
        )
    set_session_cookie(response, token, lasting, secure=is_https(request, context))


def open_sessions(rows: list[users.SessionRow], *, current: int | None = None) -> list[OpenSession]:
    """Sessions as they are shown."""
    return [
        OpenSession(
            id=row.id,
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
            method="oidc" if row.method == "oidc" else "password",
            address=row.address,
            agent=row.agent,
            current=row.id == current,
        )
        for row in rows
    ]


async def _own_id(connection: Connection, principal: Principal) -> int | None:
    if principal.kind != "user":
        return None
    account = await users.find(connection, principal.name)
    return account.id if account is not None else None


async def _change_password(connection: Connection, actor: Actor, name: str, wanted: SignIn) -> None:
    if wanted.new_password is None:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "password-used-up",
            "This password was good for once: send the one that shall be yours as new_password.",
        )
    old, new = wanted.password.get_secret_value(), wanted.new_password.get_secret_value()
    if old == new:
        raise _no_password("is the present one")
    try:
        await access.set_password(connection, name=name, password=new)
    except WeakPasswordError as error:
        raise _no_password(str(error)) from error
    await audit.write(
        connection,
        actor=actor,
        action="PasswordChanged",
        object_kind="user",
        object_key=name,
    )


def _no_password(problem: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"new_password: {problem}",
        errors=[FieldProblem(field="new_password", problem=problem)],
    )


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


def _user_of(principal: Principal) -> User:
    return _user(principal.role, principal)


def _user(role: Role, who: Principal | UserRow) -> User:
    return User(
        name=who.name,
        display_name=who.display_name,
        role=role,
        sites=sorted(who.sites),
        lines=sorted(who.lines),
        customer=who.customer,
        permissions=sorted(permissions(role)),
    )

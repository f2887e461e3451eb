"""People's accounts: who may come in, as what, and limited to what."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.endpoints import SessionId, open_sessions
from api.auth.principal import Administrator
from api.auth.schemas import OpenSessionList
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.users import service
from api.users.schemas import (
    CreatedUser,
    NewUser,
    OneTimePassword,
    SessionsEnded,
    UserAccount,
    UserChange,
    UserList,
)
from domain.access import Role
from store import users

router = APIRouter(prefix="/v1/users", tags=["access"])


@router.get("", operation_id="listUsers")
async def list_users(
    *,
    context: RequestContext,
    principal: Administrator,
    page: Paging,
    search: Annotated[Wanted | None, Query(description="Text in names or address.")] = None,
    role: Role | None = None,
    disabled: bool | None = None,
) -> UserList:
    """Accounts by name; for whoever is limited to sites or lines: those within them."""
    async with context.connection() as connection:
        rows, total = await users.accounts(
            connection,
            page,
            search=search,
            role=role,
            disabled=disabled,
            within_sites=sorted(principal.sites),
            within_lines=sorted(principal.lines),
        )
    return UserList(items=[service.shown(row) for row in rows], total=total)


@router.post("", status_code=HTTPStatus.CREATED, operation_id="createUser")
async def create_user(
    context: RequestContext, principal: Administrator, wanted: NewUser
) -> CreatedUser:
    """Make an account. Its password is good for the first sign-in, within three days."""
    return await service.create(context, principal, wanted)


@router.get("/{name}", operation_id="getUser")
async def get_user(context: RequestContext, principal: Administrator, name: Wanted) -> UserAccount:
    """One account."""
    async with context.connection() as connection:
        return service.shown(await service.known(connection, principal, name))


@router.patch("/{name}", operation_id="changeUser")
async def change_user(
    context: RequestContext, principal: Administrator, name: Wanted, wanted: UserChange
) -> UserAccount:
    """Change what somebody may do, or disable them. Who may do something else is signed out."""
    return await service.change(context, principal, name, wanted)


@router.post("/{name}/password", operation_id="resetPassword")
async def reset_password(
    context: RequestContext, principal: Administrator, name: Wanted
) -> OneTimePassword:
    """Give somebody a password for one sign-in; their sessions end."""
    return await service.reset_password(context, principal, name)


@router.get("/{name}/sessions", operation_id="listUserSessions")
async def list_user_sessions(
    context: RequestContext, principal: Administrator, name: Wanted
) -> OpenSessionList:
    """Somebody's open sessions."""
    async with context.connection() as connection:
        account = await service.known(connection, principal, name)
        rows = await users.sessions(connection, account.id)
    items = open_sessions(rows, current=principal.session_id)
    return OpenSessionList(items=items, total=len(items))


@router.delete("/{name}/sessions", operation_id="endUserSessions")
async def end_user_sessions(
    context: RequestContext, principal: Administrator, name: Wanted
) -> SessionsEnded:
    """Sign somebody out everywhere."""
    return SessionsEnded(ended=await service.end_sessions(context, principal, name, None))


@router.delete("/{name}/sessions/{session_id}", operation_id="endUserSession")
async def end_user_session(
    context: RequestContext, principal: Administrator, name: Wanted, session_id: SessionId
) -> SessionsEnded:
    """End one of somebody's sessions."""
    return SessionsEnded(ended=await service.end_sessions(context, principal, name, session_id))

"""Making, changing and looking after accounts: each with its audit entry, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.granting import granted, within
from api.users.schemas import (
    CreatedUser,
    NewUser,
    OneTimePassword,
    UserAccount,
    UserChange,
)
from domain.access import Role
from store import access, audit, users
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.users import Account, Changed

ONCE: Final = timedelta(days=3)
"""How long a password that somebody else gave out is good."""
_PASSWORD_BYTES: Final = 12


async def create(context: Context, principal: Principal, wanted: NewUser) -> CreatedUser:
    """Make an account.

    Raises:
        ConflictError: the name or the address is taken.
        UnknownReferenceError: a site, line or customer is not there; or an account without a
            password has no address.
    """
    if not wanted.password and wanted.email is None:
        problem = "is needed for whoever signs in with the OpenID provider"
        raise UnknownReferenceError("email", "", problem)
    once = _one_time(context) if wanted.password else None
    async with context.transaction() as connection:
        rights = await granted(
            connection,
            principal,
            role=wanted.role,
            sites=wanted.sites,
            lines=wanted.lines,
            customer=wanted.customer,
        )
        await access.create_user(
            connection,
            name=wanted.name,
            password=once.password if once else None,
            role=rights.role,
            display_name=wanted.display_name,
            sites=rights.sites,
            lines=rights.lines,
            customer_id=rights.customer_id,
            email=wanted.email,
            once_until=once.until if once else None,
        )
        account = await known(connection, principal, wanted.name)
        await _note(connection, principal, "UserCreated", account.name, after=told(account))
    return CreatedUser(user=shown(account), one_time_password=once)


async def change(
    context: Context, principal: Principal, name: str, wanted: UserChange
) -> UserAccount:
    """Change an account; the same again changes nothing.

    Raises:
        NotFoundError: there is no such account.
        ConflictError: it has changed since `version`, or nobody could administer any more.
        UnknownReferenceError: a site, line or customer is not there.
    """
    async with context.transaction() as connection:
        account = await known(connection, principal, name, for_update=True)
        if account.version != wanted.version:
            raise ConflictError(
                f"user {name!r} has changed since version {wanted.version}; it is at"
                f" {account.version}: look at it again"
            )
        changed = await _changed(connection, principal, account, wanted)
        if _is_the_last_admin(account, changed) and not await users.other_admins(
            connection, account.id
        ):
            raise ConflictError(f"{name!r} is the last one who may administer everything")
        before = told(account)
        await users.change(connection, account, changed)
        after = await known(connection, principal, name)
        if told(after) == before:
            return shown(after)
        await _note(
            connection,
            principal,
            "UserChanged",
            name,
            reason=wanted.reason,
            before=before,
            after=told(after),
        )
    return shown(after)


async def reset_password(context: Context, principal: Principal, name: str) -> OneTimePassword:
    """Give an account a password for one sign-in, and end its sessions.

    Raises:
        NotFoundError: there is no such account.
        ConflictError: it is bound to the OpenID provider.
    """
    once = _one_time(context)
    async with context.transaction() as connection:
        account = await known(connection, principal, name, for_update=True)
        if account.subject is not None:
            raise ConflictError(f"{name!r} signs in with the OpenID provider, without a password")
        await access.set_password(
            connection, name=name, password=once.password, once_until=once.until
        )
        await _note(connection, principal, "PasswordReset", name, after={"good_until": once.until})
    return once


async def end_sessions(
    context: Context, principal: Principal, name: str, session_id: int | None
) -> int:
    """End somebody's sessions, or one of them; answers how many.

    Raises:
        NotFoundError: there is no such account, or session.
    """
    async with context.transaction() as connection:
        account = await known(connection, principal, name)
        if session_id is None:
            ended = await users.end_sessions(connection, account.id)
        elif await users.end_session(connection, account.id, session_id):
            ended = 1
        else:
            raise NotFoundError("session", str(session_id))
        await _note(
            connection,
            principal,
            "SessionEnded",
            name,
            after={"ended": ended, "session": session_id},
        )
    return ended


async def known(
    connection: Connection, principal: Principal, name: str, *, for_update: bool = False
) -> Account:
    """An account that somebody may look after.

    Raises:
        NotFoundError: there is none.
    """
    account = await users.find(connection, name, for_update=for_update)
    if account is None or not within(principal, account.sites, account.lines):
        raise NotFoundError("user", name)
    return account


def shown(account: Account) -> UserAccount:
    """An account as the API shows it."""
    return UserAccount(
        name=account.name,
        display_name=account.display_name,
        role=Role(account.role),
        sites=account.sites,
        lines=account.lines,
        customer=account.customer,
        email=account.email,
        password=account.has_password,
        password_once_until=account.password_once_until,
        openid=account.subject is not None,
        created_at=account.created_at,
        last_sign_in_at=account.last_sign_in_at,
        disabled_at=account.disabled_at,
        version=account.version,
    )


def told(account: Account) -> Mapping[str, object]:
    """An account as the audit log tells of it."""
    return {
        "display_name": account.display_name,
        "role": account.role,
        "sites": account.sites,
        "lines": account.lines,
        "customer": account.customer,
        "email": account.email,
        "disabled": account.disabled_at is not None,
    }


async def _changed(
    connection: Connection, principal: Principal, account: Account, wanted: UserChange
) -> Changed:
    given = wanted.model_fields_set
    role = wanted.role or Role(account.role)
    customer = wanted.customer if "customer" in given else account.customer
    rights = await granted(
        connection,
        principal,
        role=role,
        sites=account.sites if wanted.sites is None else wanted.sites,
        lines=account.lines if wanted.lines is None else wanted.lines,
        customer=customer if role is Role.CUSTOMER or "customer" in given else None,
    )
    was_disabled = account.disabled_at is not None
    return Changed(
        display_name=wanted.display_name or account.display_name,
        role=rights.role.value,
        sites=rights.sites,
        lines=rights.lines,
        customer_id=rights.customer_id,
        email=wanted.email if "email" in given else account.email,
        disabled=was_disabled if wanted.disabled is None else wanted.disabled,
    )


def _is_the_last_admin(account: Account, wanted: Changed) -> bool:
    def administers(role: str, *limits: object) -> bool:
        return role == Role.ADMIN and not any(limits)

    before = administers(account.role, account.sites, account.lines, account.disabled_at)
    return before and not administers(wanted.role, wanted.sites, wanted.lines, wanted.disabled)


def _one_time(context: Context) -> OneTimePassword:
    now = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    return OneTimePassword(password=secrets.token_urlsafe(_PASSWORD_BYTES), until=now + ONCE)


async def _note(
    connection: Connection,
    principal: Principal,
    action: str,
    name: str,
    *,
    reason: str | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        object_kind="user",
        object_key=name,
        reason=reason,
        before=before,
        after=after,
    )

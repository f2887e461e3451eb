"""Whose account a person of the OpenID provider signs in to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.auth.oidc.id_token import Claims
from api.auth.oidc.provider import claim
from domain.access import Role
from runtime.settings import ApiSettings
from store import access, audit, users
from store.audit import Actor
from store.database import Connection
from store.errors import ConflictError
from store.users import Account, Changed

_NAMES: Final = 20
_NOT_IN_NAMES: Final = re.compile("[\x00-\x20\x7f-\x9f/\u2028\u2029\ud800-\udfff]+")


class NotAdmittedError(Exception):
    """Somebody whom the provider vouches for, and who may not come in here.

    Attributes:
        code: why, for the sign-in page: `unknown`, `disabled`, `no-role`, `no-customer`, `no-site`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider's claims make of somebody; None: it says nothing, gemba's own holds."""

    role: Role | None
    sites: list[str] | None
    customer_id: int | None


async def admit(
    connection: Connection, settings: ApiSettings, claims: Claims, *, origin: str
) -> Account:
    """The account of a person, made or changed as the claims say; within a transaction.

    Raises:
        NotAdmittedError: they have none, or may not come in.
    """
    issuer, subject = settings.oidc_issuer, claims["sub"]
    account = await users.find_person(connection, issuer=issuer, subject=subject)
    if account is None:
        account = await _awaited(connection, claims, issuer, origin)
    if account is not None and account.disabled_at is not None:
        raise NotAdmittedError("disabled")
    rights = await _rights(connection, settings, claims)
    if account is None:
        if settings.oidc_users != "create":
            raise NotAdmittedError("unknown")
        return await _created(connection, claims, rights, issuer, origin)
    return await _updated(connection, account, claims, rights, origin)


async def _awaited(
    connection: Connection, claims: Claims, issuer: str, origin: str
) -> Account | None:
    """The account that an administrator made for this person, by an address that is verified."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        return None
    account = await users.find_awaited(connection, email)
    if account is None:
        return None
    await users.bind(connection, account.id, issuer=issuer, subject=claims["sub"])
    await audit.write(
        connection,
        actor=Actor(account.name, origin),
        action="UserBound",
        object_kind="user",
        object_key=account.name,
        after={"issuer": issuer, "subject": claims["sub"], "email": email},
    )
    return await users.find(connection, account.name)


async def _rights(connection: Connection, settings: ApiSettings, claims: Claims) -> Rights:
    role: Role | None = None
    if settings.oidc_roles:
        held = _texts(claim(claims, settings.oidc_role_claim))
        named = [name for value, name in settings.oidc_roles.items() if value in held]
        if not named:
            raise NotAdmittedError("no-role")
        role = Role(named[0])
    sites: list[str] | None = None
    if settings.oidc_sites_claim:
        sites = sorted(_texts(claim(claims, settings.oidc_sites_claim)))
        if not sites:
            raise NotAdmittedError("no-site")  # no site must never come to mean every site
    customer_id: int | None = None
    if role is Role.CUSTOMER:
        code = claim(claims, settings.oidc_customer_claim) if settings.oidc_customer_claim else None
        if isinstance(code, str):
            customer_id = await users.customer_id_of(connection, code)
        if customer_id is None:
            raise NotAdmittedError("no-customer")
    return Rights(role=role, sites=sites, customer_id=customer_id)


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()


async def _created(
    connection: Connection, claims: Claims, rights: Rights, issuer: str, origin: str
) -> Account:
    if rights.role is None:
        raise NotAdmittedError("no-role")
    wanted = _name(claims)
    for number in range(1, _NAMES + 1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if await users.find(connection, name) is None:
            break
    email = claims.get("email") if claims.get("email_verified") is True else None
    try:
        await access.create_user(
            connection,
            name=name,
            password=None,
            role=rights.role,
            display_name=_text(claims, "name") or name,
            sites=rights.sites or (),
            customer_id=rights.customer_id,
            email=email if isinstance(email, str) else None,
            identity=(issuer, claims["sub"]),
        )
    except ConflictError as error:
        # Their address belongs to an account that was not made for the provider: it stays so.
        raise NotAdmittedError("unknown") from error
    account = await users.find(connection, name)
    assert account is not None  # noqa: S101 - it has just been made
    await audit.write(
        connection,
        actor=Actor(name, origin),
        action="UserCreated",
        object_kind="user",
        object_key=name,
        reason="first sign-in with the OpenID provider",
        after={"role": account.role, "sites": account.sites, "customer": account.customer},
    )
    return account


async def _updated(
    connection: Connection, account: Account, claims: Claims, rights: Rights, origin: str
) -> Account:
    """The account with what the provider says now; whoever lost a right has lost it everywhere."""
    role = rights.role.value if rights.role is not None else account.role
    customer_id = account.customer_id if rights.role is None else rights.customer_id
    wanted = Changed(
        display_name=_text(claims, "name") or account.display_name,
        role=role,
        sites=rights.sites if rights.sites is not None else account.sites,
        lines=account.lines,
        customer_id=customer_id,
        email=account.email,
        disabled=False,
    )
    before = _told(account)
    await users.change(connection, account, wanted)
    after = await users.find(connection, account.name)
    assert after is not None  # noqa: S101 - its row is locked
    if _told(after) != before:
        await audit.write(
            connection,
            actor=Actor(account.name, origin),
            action="UserChanged",
            object_kind="user",
            object_key=account.name,
            reason="as the OpenID provider says",
            before=before,
            after=_told(after),
        )
    return after


def _told(account: Account) -> Mapping[str, object]:
    return {
        "display_name": account.display_name,
        "role": account.role,
        "sites": account.sites,
        "customer": account.customer,
    }


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    if not isinstance(value, str):
        return None
    return re.sub("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", value).strip()[:200] or None


def _name(claims: Claims) -> str:
    """A name to sign in by, from what they are called at the provider."""
    for source in ("preferred_username", "email", "sub"):
        name = _NOT_IN_NAMES.sub("-", _text(claims, source) or "").strip("-")
        if name:
            return name[:80]
    return "somebody"

"""The one who asks, and the dependencies by which a route says what it needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.context import Context, RequestContext
from api.errors import ProblemError
from contracts.ids import SiteCode
from domain.access import (
    Permission,
    Role,
    allows,
    sees,
    sees_machine,
    sees_scope,
    sites_within,
)
from runtime.tokens import TokenError
from store import access, api_keys
from store.audit import Actor
from store.errors import NotFoundError

COOKIE: Final = "gemba_session"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_VALID: Final = "The bearer token is not valid here, or has expired."

cookie_scheme = APIKeyCookie(
    name=COOKIE, scheme_name="session", auto_error=False, description="Set by `POST /v1/session`."
)
bearer_scheme = HTTPBearer(
    scheme_name="bearer",
    auto_error=False,
    description="A token of `gemba token --role …`, or an API key (`gk_…`) of `POST /v1/api-keys`.",
)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody who is signed in, or a program with a token or a key.

    Attributes:
        kind: `user` has a session, `token` a bearer token, `key` an API key.
        name: the user's name, the token's subject, or the key's name.
        display_name: how people call them.
        role: what they are here for.
        sites: what they are limited to; empty: every site.
        origin: from where they ask, for the audit log.
        lines: the lines (`site/area/line`) they are limited to; empty: every line of the sites.
        customer_id: whose orders they see, for the role `customer`; None for everybody else.
        customer: that customer's code.
        session_id: their session, for a user.
        key_id: the API key, for a key.
        method: how a user signed in: `password` or `oidc`.
    """

    kind: Literal["user", "token", "key"]
    name: str
    display_name: str
    role: Role
    sites: frozenset[SiteCode]
    origin: str
    lines: frozenset[str] = frozenset()
    customer_id: int | None = None
    customer: str | None = None
    session_id: int | None = None
    key_id: int | None = None
    method: str | None = None

    @property
    def actor(self) -> Actor:
        """Who and from where, for the audit log."""
        return Actor(self.name if self.kind == "user" else f"{self.kind} {self.name}", self.origin)

    def may(self, permission: Permission) -> bool:
        """Whether they have a permission."""
        return allows(self.role, permission)

    def sees(self, site: str) -> bool:
        """Whether they may know of a site."""
        return sees(self.sites, SiteCode(site))

    def sees_machine(self, path: str) -> bool:
        """Whether they may know of a machine: of its site, and of its line."""
        return self.sees(path.partition("/")[0]) and sees_machine(self.lines, path)

    def sees_scope(self, sites: Collection[str]) -> bool:
        """Whether they may know of what is planned at these sites together.

        A plan tells of every line: whoever is limited to lines does not see it.
        """
        return not self.lines and sees_scope(self.sites, [SiteCode(site) for site in sites])

    def require_site(self, site: str, *, kind: str = "site", name: str | None = None) -> None:
        """Deny that something of a site exists to somebody who may not know of the site.

        Raises:
            NotFoundError: they may not; it reads as if there were no such thing.
        """
        if not self.sees(site):
            raise NotFoundError(kind, site if name is None else name)

    def require_machine(self, path: str) -> None:
        """Deny that a machine exists to somebody who may not know of its site or its line.

        Raises:
            NotFoundError: they may not; it reads as if there were no such machine.
        """
        if not self.sees_machine(path):
            raise NotFoundError("machine", path)


def own_origin(request: Request) -> str:
    """The origin under which the request reached this service."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def origin_allowed(request: Request, context: Context) -> bool:
    """Whether the page a browser says it comes from is ours or an allowed one."""
    origin = request.headers.get("origin")
    if origin is None:
        return False
    allowed = {own_origin(request), *context.settings.allowed_origins}
    if context.settings.public_url:
        public = urlsplit(context.settings.public_url)
        allowed.add(f"{public.scheme}://{public.netloc}")
    return origin in allowed


def forbidden(detail: str) -> ProblemError:
    """Signed in, but not allowed."""
    return ProblemError(HTTPStatus.FORBIDDEN, "forbidden", detail)


def unauthenticated(detail: str) -> ProblemError:
    """Not signed in."""
    return ProblemError(
        HTTPStatus.UNAUTHORIZED,
        "unauthenticated",
        detail,
        headers={"WWW-Authenticate": 'Bearer realm="gemba"'},
    )


async def signed_in(
    request: Request,
    context: RequestContext,
    cookie: Annotated[str | None, Security(cookie_scheme)] = None,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)] = None,
) -> Principal:
    """Whoever asks.

    A bearer token stands for itself. A cookie is sent by any page's doing, so it changes nothing
    unless the browser says that the page is ours.

    Raises:
        ProblemError: nobody is signed in (401), or a foreign page asks (403).
    """
    if bearer is not None:
        if bearer.credentials.startswith(api_keys.PREFIX):
            return await _of_key(request, context, bearer.credentials)
        return await _of_token(request, context, bearer.credentials)
    if cookie is None:
        raise unauthenticated("Sign in, or send a bearer token.")
    if request.method not in _SAFE_METHODS and not origin_allowed(request, context):
        raise forbidden("The request does not come from a page of this installation.")
    async with context.connection() as connection:
        user = await access.session_user(connection, cookie)
        if user is not None and user.stale:
            await access.note_use(connection, user.session_id)
    if user is None:
        raise unauthenticated("The session has ended; sign in again.")
    return Principal(
        kind="user",
        name=user.name,
        display_name=user.display_name,
        role=Role(user.role),
        sites=_sites(user.sites, user.lines),
        origin=f"session {address_of(request)}",
        lines=frozenset(user.lines),
        customer_id=user.customer_id,
        customer=user.customer,
        session_id=user.session_id,
        method=user.method,
    )


def address_of(request: Request) -> str:
    """The address that asks."""
    return request.client.host if request.client is not None else "unknown"


def _sites(sites: Collection[str], lines: Collection[str]) -> frozenset[SiteCode]:
    return sites_within([SiteCode(site) for site in sites], lines)


async def _of_token(request: Request, context: Context, token: str) -> Principal:
    try:
        claims = context.tokens.claims(token)
        role = Role(claims.role)
    except (TokenError, ValueError) as error:
        raise unauthenticated(_NOT_VALID) from error
    customer_id = None
    if role is Role.CUSTOMER:
        # A token for a customer that there is not (any more) opens nothing.
        customer_id = await context.customer_ids.of(claims.customer or "")
        if customer_id is None:
            raise unauthenticated(_NOT_VALID)
    return Principal(
        kind="token",
        name=claims.subject,
        display_name=claims.subject,
        role=role,
        sites=_sites(claims.sites, claims.lines),
        origin=f"token {address_of(request)}",
        lines=frozenset(claims.lines),
        customer_id=customer_id,
        customer=claims.customer if customer_id is not None else None,
    )


async def _of_key(request: Request, context: Context, text: str) -> Principal:
    async with context.connection() as connection:
        key = await api_keys.known(connection, text)
    if key is None:
        raise unauthenticated(_NOT_VALID)
    return Principal(
        kind="key",
        name=key.name,
        display_name=key.name,
        role=Role(key.role),
        sites=_sites(key.sites, key.lines),
        origin=f"key {key.prefix} {address_of(request)}",
        lines=frozenset(key.lines),
        customer_id=key.customer_id,
        customer=key.customer,
        key_id=key.id,
    )


class Needs:
    """A dependency: whoever asks is signed in and has the permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, principal: Annotated[Principal, Depends(signed_in)]) -> Principal:
        """The one who asks.

        Raises:
            ProblemError: they lack the permission.
        """
        if not principal.may(self.permission):
            raise forbidden(
                f"The role {principal.role.value!r} lacks the permission {self.permission.value!r}."
            )
        return principal


SignedIn = Annotated[Principal, Depends(signed_in)]
Reader = Annotated[Principal, Depends(Needs(Permission.READ))]
Configurer = Annotated[Principal, Depends(Needs(Permission.CONFIGURE))]
Orderer = Annotated[Principal, Depends(Needs(Permission.ORDER))]
Reviewer = Annotated[Principal, Depends(Needs(Permission.REVIEW))]
PlanMaker = Annotated[Principal, Depends(Needs(Permission.PLAN))]
Operating = Annotated[Principal, Depends(Needs(Permission.OPERATE))]
AlarmKeeper = Annotated[Principal, Depends(Needs(Permission.ALARMS))]
DeadLetterKeeper = Annotated[Principal, Depends(Needs(Permission.DEAD_LETTERS))]
MetricsReader = Annotated[Principal, Depends(Needs(Permission.METRICS))]
Auditor = Annotated[Principal, Depends(Needs(Permission.AUDIT))]
Administrator = Annotated[Principal, Depends(Needs(Permission.ADMINISTER))]


@dataclass(frozen=True, kw_only=True)
class OwnPrincipal:
    """Somebody of a customer, and whose orders they see."""

    principal: Principal
    customer_id: int


async def _customer(
    principal: Annotated[Principal, Depends(Needs(Permission.OWN_ORDERS))],
) -> OwnPrincipal:
    if principal.customer_id is None:
        raise forbidden("Nobody says whose orders these shall be.")
    return OwnPrincipal(principal=principal, customer_id=principal.customer_id)


OfCustomer = Annotated[OwnPrincipal, Depends(_customer)]

"""Giving rights away: limits of accounts and keys, and that nobody gives more than they have.

An administrator who is limited to sites or lines looks after accounts and keys within those limits;
the others read as if they did not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.auth.principal import Principal, forbidden
from api.fields import Level, Wanted
from contracts.topics import TopicError, parse_topic
from domain.access import Role
from store import machines, users
from store.database import Connection
from store.errors import UnknownReferenceError


def _line(text: str) -> str:
    try:
        parse_topic(f"gemba/v1/{text}/machine/heartbeat")
    except TopicError as error:
        raise PydanticCustomError("line", "must be <site>/<area>/<line>") from error
    return text


Line = Annotated[str, Field(min_length=5, max_length=400), AfterValidator(_line)]
SiteLimits = Annotated[
    list[Level], Field(max_length=100, description="Limited to these sites; empty: all.")
]
LineLimits = Annotated[
    list[Line],
    Field(max_length=500, description="Limited to these lines (site/area/line); empty: all."),
]
CustomerCode = Annotated[
    Wanted | None, Field(description="Whose orders they see; for the role customer, and only it.")
]


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """Rights that may be given."""

    role: Role
    sites: list[str]
    lines: list[str]
    customer_id: int | None


async def granted(
    connection: Connection,
    principal: Principal,
    *,
    role: Role,
    sites: Sequence[str],
    lines: Sequence[str],
    customer: str | None,
) -> Granted:
    """Rights that somebody wants to give, looked up.

    Raises:
        UnknownReferenceError: a site or the customer is not there, a line is at another site, or
            role and customer do not go together.
        ProblemError: they are more than whoever gives them has (403).
    """
    for index, site in enumerate(sites):
        await machines.known_site(connection, site, field=f"sites[{index}]")
    for index, line in enumerate(lines):
        site = line.partition("/")[0]
        if sites and site not in sites:
            problem = "is at none of the sites"
            raise UnknownReferenceError(f"lines[{index}]", line, problem)
        await machines.known_site(connection, site, field=f"lines[{index}]")
    customer_id: int | None = None
    if (role is Role.CUSTOMER) != (customer is not None):
        problem = "goes with the role customer, and with no other"
        raise UnknownReferenceError("customer", customer or "", problem)
    if customer is not None:
        customer_id = await users.customer_id_of(connection, customer)
        if customer_id is None:
            raise UnknownReferenceError("customer", customer, "there is no such customer")
    if not within(principal, sites, lines):
        raise forbidden("You can give no rights beyond the sites and lines that you have.")
    return Granted(
        role=role, sites=sorted(set(sites)), lines=sorted(set(lines)), customer_id=customer_id
    )


def within(principal: Principal, sites: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether limits are as narrow as somebody's own, or narrower."""
    if principal.sites and not (sites and principal.sites.issuperset(sites)):
        return False
    return not principal.lines or (bool(lines) and principal.lines.issuperset(lines))

"""Who may do what: roles, permissions, and the sites and lines somebody is limited to.

A line is ISA-95's, written `<site>/<area>/<line>`: the first three levels of its machines' paths.
Who is limited to lines sees the sites of those lines, and at them the machines of those lines only.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from contracts.ids import SiteCode


class Role(enum.StrEnum):
    """What somebody is here for. The values stand in bearer tokens and in the users' rows."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    PLANNER = "planner"
    SALES = "sales"
    CUSTOMER_SERVICE = "customer_service"
    PURCHASING = "purchasing"
    WAREHOUSE = "warehouse"
    QUALITY = "quality"
    FINANCE = "finance"
    OPERATOR = "operator"
    VIEWER = "viewer"
    GATEWAY = "gateway"
    CUSTOMER = "customer"
    """Somebody outside, who sees their own orders only."""


class Permission(enum.StrEnum):
    """What a call of the API needs."""

    READ = "read"
    CONFIGURE = "configure"
    ORDER = "order"
    REVIEW = "review"
    PLAN = "plan"
    STOCK = "stock"
    PURCHASE = "purchase"
    SHIP = "ship"
    OPERATE = "operate"
    ALARMS = "alarms"
    DEAD_LETTERS = "dead_letters"
    METRICS = "metrics"
    AUDIT = "audit"
    ADMINISTER = "administer"
    OWN_ORDERS = "own_orders"


_STAFF: Final = frozenset(Role) - {Role.GATEWAY, Role.CUSTOMER}

_GRANTED: Final[Mapping[Permission, frozenset[Role]]] = MappingProxyType(
    {
        Permission.READ: _STAFF,
        Permission.CONFIGURE: frozenset({Role.ADMIN, Role.PLANNER}),
        Permission.ORDER: frozenset(
            {Role.ADMIN, Role.PLANNER, Role.SALES, Role.CUSTOMER_SERVICE},
        ),
        Permission.REVIEW: frozenset(
            {Role.ADMIN, Role.PLANNER, Role.SALES, Role.CUSTOMER_SERVICE},
        ),
        Permission.PLAN: frozenset({Role.ADMIN, Role.PLANNER}),
        Permission.STOCK: frozenset(
            {Role.ADMIN, Role.PLANNER, Role.PURCHASING, Role.WAREHOUSE, Role.QUALITY},
        ),
        Permission.PURCHASE: frozenset({Role.ADMIN, Role.PLANNER, Role.PURCHASING}),
        Permission.SHIP: frozenset({Role.ADMIN, Role.WAREHOUSE, Role.CUSTOMER_SERVICE}),
        Permission.OPERATE: frozenset({Role.ADMIN, Role.SUPERVISOR, Role.OPERATOR}),
        Permission.ALARMS: _STAFF - {Role.VIEWER, Role.FINANCE},
        Permission.DEAD_LETTERS: frozenset({Role.ADMIN, Role.SUPERVISOR}),
        Permission.METRICS: frozenset({Role.ADMIN, Role.GATEWAY}),
        Permission.AUDIT: frozenset({Role.ADMIN, Role.QUALITY, Role.FINANCE}),
        Permission.ADMINISTER: frozenset({Role.ADMIN}),
        Permission.OWN_ORDERS: frozenset({Role.CUSTOMER}),
    }
)


def permissions(role: Role) -> frozenset[Permission]:
    """Everything that a role may do."""
    return frozenset(permission for permission, roles in _GRANTED.items() if role in roles)


def allows(role: Role, permission: Permission) -> bool:
    """Whether a role has a permission."""
    return role in _GRANTED[permission]


def sees(limited_to: Collection[SiteCode], site: SiteCode) -> bool:
    """Whether somebody limited to these sites may know of a site; no limit means every site."""
    return not limited_to or site in limited_to


def sees_scope(limited_to: Collection[SiteCode], sites: Collection[SiteCode]) -> bool:
    """Whether somebody limited to these sites may know of what is planned at the scope's sites.

    A plan tells of machines and orders of all its sites, so they have to see every one of them. A
    scope without sites does not exist.
    """
    return bool(sites) and all(sees(limited_to, site) for site in sites)


def line_of(machine: str) -> str:
    """The line of a machine's path (`<site>/<area>/<line>/<machine>`), or of a line: itself."""
    return "/".join(machine.split("/", 3)[:3])


def sees_machine(lines: Collection[str], machine: str) -> bool:
    """Whether somebody limited to these lines may know of a machine; no limit means every line."""
    return not lines or line_of(machine) in lines


def sites_within(sites: Collection[SiteCode], lines: Collection[str]) -> frozenset[SiteCode]:
    """The sites that limits to sites and to lines leave together; empty: no limit.

    Lines outside of the sites open nothing: the sites stay, and no machine of them is seen.
    """
    of_lines = frozenset(SiteCode(line.partition("/")[0]) for line in lines)
    if not of_lines or not sites:
        return of_lines or frozenset(sites)
    return of_lines & frozenset(sites) or frozenset(sites)

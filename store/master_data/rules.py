"""What something costs and how long it takes, by the rules of master data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from store.database import Connection


class PriceAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants a price for.

    Attributes:
        item_id: of what.
        customer_id: for whom.
        quantity: in the item's unit; bands count by it.
        on: the day that the price has to hold on.
        currency: ISO 4217; None: whichever there is a rule for.
    """

    item_id: int
    customer_id: int
    quantity: Decimal
    on: date
    currency: str | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price by a rule: `price` for `price_basis` of the item's unit.

    Attributes:
        rule_id: the rule.
        tolerance_percent: by how much an order's price may differ.
    """

    rule_id: int
    price: Decimal
    price_basis: Decimal
    currency: str
    tolerance_percent: Decimal

    @property
    def each(self) -> Decimal:
        """The price of one unit."""
        return self.price / self.price_basis

    def accepts(self, price: Decimal, price_basis: Decimal = Decimal(1)) -> bool:
        """Whether a price of an order is near enough; exact, so without division."""
        told, ruled = price * self.price_basis, self.price * price_basis
        return abs(told - ruled) * 100 <= ruled * self.tolerance_percent


class LeadTimeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know the lead time of: so much of an item, from a site."""

    item_id: int
    site_id: int
    quantity: Decimal


class LeadTime(msgspec.Struct, frozen=True, kw_only=True):
    """Days from order to delivery by a rule."""

    rule_id: int
    days: Decimal


async def price_for(
    connection: Connection,
    *,
    item_id: int,
    customer_id: int,
    quantity: Decimal,
    on: date,
    currency: str | None = None,
) -> Price | None:
    """The price of an item for a customer; None: no rule says any."""
    ask = PriceAsk(
        item_id=item_id, customer_id=customer_id, quantity=quantity, on=on, currency=currency
    )
    [price] = await prices_for(connection, [ask])
    return price


async def prices_for(connection: Connection, asks: Sequence[PriceAsk]) -> list[Price | None]:
    """The prices that were asked for, in the same order, in one query.

    An item's own rule counts before its family's, a customer's before those for everybody, then the
    highest quantity that is reached (as review judges prices, `store.review.facts`).
    """
    if not asks:
        return []
    cursor = await connection.execute(
        """
        SELECT r.id, r.price, r.price_basis, r.currency, r.tolerance_percent
        FROM unnest(%s::integer[], %s::integer[], %s::numeric[], %s::date[], %s::text[])
            WITH ORDINALITY AS a (item_id, customer_id, quantity, day, currency, place)
        LEFT JOIN items i ON i.id = a.item_id
        LEFT JOIN LATERAL (
            SELECT p.id, p.price, p.price_basis, p.currency, p.tolerance_percent
            FROM price_rules p
            WHERE (p.item_id = a.item_id OR p.family = i.family)
                AND (p.customer_id = a.customer_id OR p.customer_id IS NULL)
                AND (a.currency IS NULL OR p.currency = a.currency)
                AND p.from_quantity <= a.quantity
                AND daterange(p.valid_from, p.valid_to, '[]') @> a.day
            ORDER BY p.item_id IS NULL, p.customer_id IS NULL, p.from_quantity DESC,
                p.valid_from DESC NULLS LAST, p.currency
            LIMIT 1
        ) AS r ON true
        ORDER BY a.place
        """,
        (
            [ask.item_id for ask in asks],
            [ask.customer_id for ask in asks],
            [ask.quantity for ask in asks],
            [ask.on for ask in asks],
            [ask.currency for ask in asks],
        ),
    )
    return [
        None
        if rule_id is None
        else Price(
            rule_id=rule_id,
            price=price,
            price_basis=price_basis,
            currency=currency,
            tolerance_percent=tolerance,
        )
        for rule_id, price, price_basis, currency, tolerance in await cursor.fetchall()
    ]


async def lead_time_for(
    connection: Connection, *, item_id: int, site_id: int, quantity: Decimal
) -> LeadTime | None:
    """How long it takes to deliver so much of an item; None: no rule says."""
    ask = LeadTimeAsk(item_id=item_id, site_id=site_id, quantity=quantity)
    [found] = await lead_times_for(connection, [ask])
    return found


async def lead_times_for(
    connection: Connection, asks: Sequence[LeadTimeAsk]
) -> list[LeadTime | None]:
    """The lead times that were asked for, in the same order, in one query.

    The most special rule counts: item before family before any, then a site's own before all.
    """
    if not asks:
        return []
    cursor = await connection.execute(
        """
        SELECT r.id, r.days + coalesce(a.quantity / r.units_per_day, 0)
        FROM unnest(%s::integer[], %s::integer[], %s::numeric[])
            WITH ORDINALITY AS a (item_id, site_id, quantity, place)
        LEFT JOIN items i ON i.id = a.item_id
        LEFT JOIN LATERAL (
            SELECT t.id, t.days, t.units_per_day FROM lead_time_rules t
            WHERE (t.item_id = a.item_id OR t.family = i.family
                    OR (t.item_id IS NULL AND t.family IS NULL))
                AND (t.site_id = a.site_id OR t.site_id IS NULL)
            ORDER BY t.item_id IS NULL, t.family IS NULL, t.site_id IS NULL LIMIT 1
        ) AS r ON true
        ORDER BY a.place
        """,
        (
            [ask.item_id for ask in asks],
            [ask.site_id for ask in asks],
            [ask.quantity for ask in asks],
        ),
    )
    return [
        None if rule_id is None else LeadTime(rule_id=rule_id, days=days)
        for rule_id, days in await cursor.fetchall()
    ]


async def transport_hours(connection: Connection) -> dict[tuple[int, int], Decimal]:
    """How long goods take between sites, by the ids of both; what is missing is not connected."""
    cursor = await connection.execute("SELECT from_site_id, to_site_id, hours FROM transport_times")
    return {(here, there): hours for here, there, hours in await cursor.fetchall()}

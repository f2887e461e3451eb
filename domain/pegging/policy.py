"""How a site wants its work orders cut and put together, and what becomes of unwanted work."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.pegging.needs import Running


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """For some items: when work orders are put together, and how large they may be.

    A limit that is None does not limit. A rule without item and family is for every item.

    Attributes:
        item: the item's code.
        family: the family of items.
        merge: whether work orders of the same item are put together.
        window_hours: only those whose due dates lie no further apart.
        batch_max, batch_min: pieces that a work order has at most and at least.
        multiple: all but the last work order have a multiple of it.
        capacity_hours: no operation of a work order takes longer at its machine's standard pace.
        split_due: whether demands that are due further apart than the window are cut apart.
        from_stock: whether what lies free in stock is taken first (made to stock), or all of it is
            made (made to order); None: as the site's policy says.
    """

    item: str | None = None
    family: str | None = None
    merge: bool = False
    window_hours: int | None = None
    batch_max: Decimal | None = None
    batch_min: Decimal | None = None
    multiple: Decimal | None = None
    capacity_hours: Decimal | None = None
    split_due: bool = False
    from_stock: bool | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A site's.

    Attributes:
        rules: the first one that fits an item counts.
        at_release: whether the rules apply when orders are released; else on demand only.
        at_confirmation: whether an order is released, by these rules, as soon as it is confirmed.
        from_stock: whether released lines take what lies free in stock first. By default all of a
            line is made: made to order.
        join_open: whether released lines join work orders of earlier releases that have not begun.
        running: what becomes of work that has begun and is wanted no more.
    """

    rules: tuple[Rule, ...] = ()
    at_release: bool = False
    join_open: bool = False
    running: Running = Running.STOP
    at_confirmation: bool = False
    from_stock: bool = False

    @property
    def ruled(self) -> bool:
        """Whether released lines are cut and put together by the rules."""
        return self.at_release or self.at_confirmation

    def takes_from_stock(self, item: str, family: str | None) -> bool:
        """Whether lines of an item are covered from stock before anything is made."""
        rule = self.rule_for(item, family)
        return self.from_stock if rule is None or rule.from_stock is None else rule.from_stock

    def rule_for(self, item: str, family: str | None) -> Rule | None:
        """The first rule that fits an item."""
        for rule in self.rules:
            if rule.item is not None and rule.item != item:
                continue
            if rule.family is not None and rule.family != family:
                continue
            return rule
        return None

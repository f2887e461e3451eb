"""The month's stock, unit costs and answered questions: drawn, and reckoned a second time.

Nothing of the product is used here, as in `month_factory` and `month_books`. What machines made has
been booked by the product, so stock is reckoned from the ledger's rows as they stand; what was
drawn here is compared with them first.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

import pandas as pd
from month_books import FROM_MS, UNTIL_MS
from month_factory import DAY, HOUR, ITEMS, LAST, MINUTE, SITE, ZONE

MATERIALS: Final = tuple(f"month-material-{number}" for number in range(1, 7))
CURRENCY: Final = "CNY"
OUTCOME: Final = {"receipt": 1, "shipped": -1, "consumed": -1, "taken": -1, "adjusted": 1}
"""What happens to stock, and its sign; an adjustment has one of its own."""
USED: Final = frozenset({"shipped", "consumed"})
QUESTIONS: Final = {
    "order_status": "/v1/orders/{number:path}/status",
    "order": "/v1/orders/{number:path}",
    "own_order": "/v1/own/orders/{number:path}",
    "tracking": "/v1/tracking/{token}",
}
"""What is asked about orders, and the route that answers it."""
TARGET_S: Final = 5.0
YEAR_DAYS: Final = 365


@dataclass(frozen=True)
class Moved:
    """Something that happened to a material's stock; an adjustment may be below 0."""

    at_ms: int
    item: str
    what: str
    quantity: Decimal

    @property
    def change(self) -> Decimal:
        """What the stock rose by."""
        return self.quantity * OUTCOME[self.what]


@dataclass(frozen=True)
class Cost:
    """A unit cost from a day on; without a site it holds for all."""

    item: str
    valid_from: date
    cost: Decimal
    site: str | None = None


@dataclass(frozen=True)
class Asked:
    """An answer to somebody who asked about an order."""

    at_ms: int
    question: str
    status: int
    seconds: float


COSTS: Final = (
    # The last part and the last material have none.
    *(
        Cost(item, date(2026, 1, 1), Decimal(number * 125) / 100)
        for number, item in enumerate((*ITEMS[:-1], *MATERIALS[:-1]), start=1)
    ),
    # One rises within the month; one is dearer at this site, from before the month on.
    Cost(ITEMS[0], date(2026, 10, 13), Decimal("1.75")),
    Cost(ITEMS[1], date(2026, 9, 1), Decimal("4.05"), SITE),
)


def moved(seed: int = 7) -> list[Moved]:
    """Materials from two days before the month until two days after it, never below 0."""
    chance = random.Random(f"{seed}-stock")
    found: list[Moved] = []
    for item in MATERIALS:
        at_ms, level = FROM_MS - 2 * DAY, Decimal(0)
        while at_ms < UNTIL_MS + 2 * DAY:
            what = chance.choice(tuple(OUTCOME)) if level > 100 else "receipt"
            quantity = Decimal(chance.randrange(1, 80_000)) / 1_000
            if what == "receipt":
                quantity += 300
            elif what == "adjusted":
                quantity = Decimal(chance.choice((-3, 2)))
            each = Moved(at_ms, item, what, quantity)
            found.append(each)
            level += each.change
            at_ms += chance.randrange(4 * HOUR, 40 * HOUR) // MINUTE * MINUTE
    return sorted(found, key=lambda each: (each.at_ms, each.item))


def asked(number: int = 3_000, seed: int = 7) -> list[Asked]:
    """Questions about orders, some before and after the month, some right at the target."""
    chance = random.Random(f"{seed}-asked")
    times = (0.02, 0.3, 0.9, 1.7, 4.2, TARGET_S, 5.001, 8.0, 30.0)
    return [
        Asked(
            chance.randrange(FROM_MS - DAY, UNTIL_MS + DAY),
            chance.choice(tuple(QUESTIONS)),
            chance.choices((200, 404, 500, 401), (90, 4, 4, 2))[0],
            chance.choices(times, (30, 25, 15, 10, 6, 4, 4, 4, 2))[0],
        )
        for _ in range(number)
    ]


def service(some: Iterable[Asked]) -> dict[str, tuple[int, int]]:
    """In time and all, by question; what was refused (401) was not asked."""
    found: dict[str, tuple[int, int]] = {}
    for each in some:
        if FROM_MS <= each.at_ms < UNTIL_MS and each.status != 401:
            good, count = found.get(each.question, (0, 0))
            in_time = each.status < 500 and each.seconds <= TARGET_S
            found[each.question] = good + in_time, count + 1
    return found


def cost_on(item: str, day: date) -> Decimal | None:
    """What a unit costs at the month's site on a day."""
    known = [each for each in COSTS if each.item == item and each.valid_from <= day]
    known.sort(key=lambda each: (each.site is not None, each.valid_from))
    return known[-1].cost if known else None


def scrap_costs(made: pd.DataFrame) -> dict[str, tuple[Fraction, int]]:
    """Money and pieces without a cost, by item, of `month_books.pieces`."""
    found: dict[str, tuple[Fraction, int]] = {}
    for item, ms, scrap in zip(made["item"], made["t"], made["scrap"], strict=True):
        cost = cost_on(item, datetime.fromtimestamp(ms / 1_000, ZONE).date())
        money, without = found.get(item, (Fraction(0), 0))
        found[item] = (
            (money, without + int(scrap))
            if cost is None
            else (money + Fraction(cost) * int(scrap), without)
        )
    return found


@dataclass(frozen=True)
class Kept:
    """An item's level, summed over the month (unit x ms), and what was used of it."""

    level_ms: Fraction
    used: Fraction


def kept(ledger: pd.DataFrame) -> dict[str, Kept]:
    """The month's stock by item.

    Args:
        ledger: item, at_ms, change and used (what went to customers and into production).
    """
    found = {}
    for item, rows in ledger[ledger["at_ms"] < UNTIL_MS].groupby("item"):
        by_moment: dict[int, Decimal] = defaultdict(Decimal)
        used = Decimal(0)
        for at_ms, change, out in zip(rows["at_ms"], rows["change"], rows["used"], strict=True):
            by_moment[max(at_ms, FROM_MS)] += change
            used += out if at_ms >= FROM_MS else 0
        edges = sorted(by_moment)
        level, total = Decimal(0), Fraction(0)
        for at_ms, next_ms in zip(edges, [*edges[1:], UNTIL_MS], strict=True):
            level += by_moment[at_ms]
            total += Fraction(max(level, Decimal(0))) * (next_ms - at_ms)
        found[str(item)] = Kept(total, Fraction(used))
    return found


def in_money(stocks: Mapping[str, Kept]) -> tuple[Kept, int]:
    """All items that have a cost on the month's last day together, and how many have none."""
    costs = {item: cost_on(item, LAST) for item in stocks}
    known = {item: Fraction(cost) for item, cost in costs.items() if cost is not None}
    return (
        Kept(
            sum((stocks[item].level_ms * cost for item, cost in known.items()), Fraction(0)),
            sum((stocks[item].used * cost for item, cost in known.items()), Fraction(0)),
        ),
        len(costs) - len(known),
    )


def turns(stock: Kept) -> dict[str, Fraction | None]:
    """Turns a year, days of stock and the average level; None: nothing to tell."""
    year_ms = YEAR_DAYS * DAY
    return {
        "inventory_turns": stock.used * year_ms / stock.level_ms if stock.level_ms else None,
        "inventory_days": (
            stock.level_ms * YEAR_DAYS / (stock.used * year_ms) if stock.used else None
        ),
        "stock_average": stock.level_ms / (UNTIL_MS - FROM_MS),
    }

"""Review before release: what is odd about an order, by rules over its facts.

`examine` is a pure function of what is known of an order and of a policy's thresholds. A finding
has a code, the values compared, and a key that names its cause within the order: as long as the
key is the same it is the same finding, whatever else has moved.

*Far from history* is measured on logarithms, because prices and quantities vary by factors: the
distance from the median in robust standard deviations (1.4826 times the median absolute deviation;
Hampel 1974), where a history that hardly varies still allows `PRICE_SPREAD` or `QUANTITY_SPREAD`.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from types import MappingProxyType
from typing import Any, Final

import msgspec

PRICE_SPREAD: Final = 0.05
"""Prices that vary by less than this share are taken to vary by it."""
QUANTITY_SPREAD: Final = 0.4
"""Likewise for quantities, where the same item is ordered in very different lots."""
_MAD_TO_DEVIATION: Final = 1.4826
_MOST_NAMED: Final = 3


class Severity(enum.StrEnum):
    """What a finding asks for."""

    ERROR = "error"
    """It has to be settled, or overruled with a reason, before the order is confirmed."""
    WARNING = "warning"
    """Somebody should look at it; confirming the order is the answer."""
    OFF = "off"
    """A policy's word: the rule does not apply."""


class Code(enum.StrEnum):
    """The rules' findings."""

    UNKNOWN_CUSTOMER = "unknown_customer"
    UNKNOWN_ITEM = "unknown_item"
    NO_ROUTING = "no_routing"
    UNIT_NOT_CONVERTIBLE = "unit_not_convertible"
    PRICE_OFF_RULE = "price_off_rule"
    PRICE_OFF_HISTORY = "price_off_history"
    QUANTITY_OFF_HISTORY = "quantity_off_history"
    DUE_IN_PAST = "due_in_past"
    DUE_NOT_REACHABLE = "due_not_reachable"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    DOCUMENT_WARNING = "document_warning"
    VERSION_CONFLICT = "version_conflict"
    RUSH_BEYOND_POLICY = "rush_beyond_policy"


SEVERITIES: Final[Mapping[Code, Severity]] = MappingProxyType(
    {
        Code.UNKNOWN_CUSTOMER: Severity.ERROR,
        Code.UNKNOWN_ITEM: Severity.ERROR,
        Code.NO_ROUTING: Severity.ERROR,
        Code.UNIT_NOT_CONVERTIBLE: Severity.ERROR,
        Code.PRICE_OFF_RULE: Severity.WARNING,
        Code.PRICE_OFF_HISTORY: Severity.WARNING,
        Code.QUANTITY_OFF_HISTORY: Severity.WARNING,
        Code.DUE_IN_PAST: Severity.WARNING,
        Code.DUE_NOT_REACHABLE: Severity.WARNING,
        Code.POSSIBLE_DUPLICATE: Severity.ERROR,
        Code.DOCUMENT_WARNING: Severity.WARNING,
        Code.VERSION_CONFLICT: Severity.ERROR,
        Code.RUSH_BEYOND_POLICY: Severity.WARNING,
    }
)
"""What findings ask for where no policy says otherwise."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds of the rules, and whether what has no finding is confirmed by itself.

    Attributes:
        auto_confirm: an order without findings is confirmed without anybody looking.
        history_at_least: how many earlier lines make a history; with fewer nothing is said.
        price_deviations: how many robust standard deviations a price may be from its history.
        quantity_deviations: likewise for a quantity.
        price_percent: by how much a price may differ from a price rule that does not say so.
        duplicate_days: two orders of the same content within so many days are suspected.
        promise_days: what a document wants within so many days is asked for a promise over
            material and capacity; 0: never.
        priority_at_most: a higher priority has to be granted by somebody.
        severities: what findings ask for, where it is not the default; `off`: the rule is off.
    """

    auto_confirm: bool = False
    history_at_least: int = 8
    price_deviations: float = 4.0
    quantity_deviations: float = 4.0
    price_percent: float = 2.0
    duplicate_days: int = 3
    promise_days: int = 7
    priority_at_most: int = 10
    severities: dict[Code, Severity] = {}

    def severity(self, code: Code) -> Severity:
        """What a finding of this code asks for."""
        return self.severities.get(code, SEVERITIES[code])


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something odd about an order.

    Attributes:
        code: which rule.
        line: the line's number; None: the order as a whole.
        severity: never `off`.
        key: names the cause within the order.
        detail: the values compared, as JSON has them; `explain` makes words of them.
    """

    code: Code
    severity: Severity
    key: str
    line: int | None = None
    detail: dict[str, Any] = {}


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Earlier lines of an item: quantities in its unit, prices for one unit in one currency."""

    quantities: Sequence[float] = ()
    prices: Sequence[float] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a document's problem says, as far as review needs it."""

    code: str
    place: str
    problem: str
    value: str | None = None


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier order that looks the same; `same` is `reference` or `lines`."""

    number: str
    received_at: datetime
    same: str


class LineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a line.

    Attributes:
        number: the line's.
        item: its code, or what the document calls it when nobody knows it.
        item_known: whether it stands in the master data.
        site: who makes or delivers it.
        deliverable: the item has a routing there, is bought, or is on stock there.
        unit: as the line has it; another one than `item_unit` could not be converted.
        item_unit: the item's.
        quantity: in `unit`.
        price: for one `unit`, in the order's currency; None: not told.
        due_at: when it is wanted.
        own_history: this customer's earlier lines of the item.
        history: everybody's.
        rule_price: what the price rules say for it.
        rule_percent: by how much the rule lets a price differ; None or 0: as the policy says.
        earliest_at: when it can be delivered at the earliest, and by what (`promise`,
            `lead_time`, `routing`) that is known; None: nothing is known.
    """

    number: int
    item: str
    item_known: bool
    site: str
    deliverable: bool
    unit: str
    item_unit: str
    quantity: Decimal
    price: Decimal | None = None
    due_at: datetime | None = None
    own_history: History = History()
    history: History = History()
    rule_price: Decimal | None = None
    rule_percent: float | None = None
    earliest_at: datetime | None = None
    earliest_by: str | None = None


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order; `lines` are those that are not cancelled."""

    customer: str
    customer_known: bool
    priority: int
    currency: str | None
    lines: Sequence[LineFacts]
    warnings: Sequence[Told] = ()
    conflicts: Sequence[Told] = ()
    twins: Sequence[Twin] = ()


class Deviation(msgspec.Struct, frozen=True):
    """How far a value is from a history: its median, and robust standard deviations (signed)."""

    median: float
    deviations: float


def examine(facts: OrderFacts, policy: Policy, now: datetime) -> list[Finding]:
    """Everything odd about an order, the order's own before its lines'; each key once."""
    found = list(_of_order(facts, policy))
    for line in facts.lines:
        found.extend(_of_line(facts, line, policy, now))
    return list({finding.key: finding for finding in found}.values())


def deviation(value: float, history: Sequence[float], *, least_spread: float) -> Deviation | None:
    """How far a value is from a history of positive values; None when there is no history.

    Args:
        value: to be judged; not above zero is infinitely far below.
        history: earlier values; those not above zero are left out.
        least_spread: the standard deviation of logarithms that is assumed at least.
    """
    found = _middle(tuple(history))
    if found is None:
        return None
    middle, spread = found
    if value <= 0:
        return Deviation(math.exp(middle), -math.inf)
    away = (math.log(value) - middle) / max(spread, least_spread)
    return Deviation(math.exp(middle), away)


@functools.lru_cache(maxsize=4_096)
def _middle(history: tuple[float, ...]) -> tuple[float, float] | None:
    """Median and robust standard deviation of logarithms: many lines share one history."""
    logarithms = [math.log(one) for one in history if one > 0]
    if not logarithms:
        return None
    middle = median(logarithms)
    return middle, _MAD_TO_DEVIATION * median(abs(one - middle) for one in logarithms)


def _of_order(facts: OrderFacts, policy: Policy) -> Iterable[Finding]:
    if not facts.customer_known:
        yield from _finding(policy, Code.UNKNOWN_CUSTOMER, facts.customer, customer=facts.customer)
    for twin in facts.twins[:_MOST_NAMED]:
        yield from _finding(
            policy,
            Code.POSSIBLE_DUPLICATE,
            twin.number,
            order=twin.number,
            received=_time(twin.received_at),
            same=twin.same,
        )
    for code, told in (
        (Code.VERSION_CONFLICT, facts.conflicts),
        (Code.DOCUMENT_WARNING, facts.warnings),
    ):
        for one in told:
            yield from _finding(
                policy,
                code,
                f"{one.code}:{one.place}:{one.value or ''}",
                problem_code=one.code,
                place=one.place,
                value=one.value,
                problem=one.problem,
            )
    if facts.priority > policy.priority_at_most:
        yield from _finding(
            policy,
            Code.RUSH_BEYOND_POLICY,
            str(facts.priority),
            priority=facts.priority,
            allowed=policy.priority_at_most,
        )


def _of_line(
    facts: OrderFacts, line: LineFacts, policy: Policy, now: datetime
) -> Iterable[Finding]:
    if not line.item_known:
        yield from _finding(policy, Code.UNKNOWN_ITEM, line.item, line=line.number, item=line.item)
    elif line.unit != line.item_unit:
        yield from _finding(
            policy,
            Code.UNIT_NOT_CONVERTIBLE,
            line.unit,
            line=line.number,
            item=line.item,
            unit=line.unit,
            item_unit=line.item_unit,
        )
    if line.item_known and not line.deliverable:
        yield from _finding(
            policy,
            Code.NO_ROUTING,
            f"{line.item}@{line.site}",
            line=line.number,
            item=line.item,
            site=line.site,
        )
    yield from _price(facts, line, policy)
    if line.unit == line.item_unit:
        yield from _quantity(line, policy)
    yield from _due(line, policy, now)


def _price(facts: OrderFacts, line: LineFacts, policy: Policy) -> Iterable[Finding]:
    if line.price is None:
        return
    values: dict[str, Any] = {
        "item": line.item,
        "price": _plain(line.price),
        "currency": facts.currency,
    }
    if line.rule_price is not None:
        if line.rule_price > 0:
            percent = float(100 * (line.price - line.rule_price) / line.rule_price)
            allowed = line.rule_percent or policy.price_percent
            if abs(percent) > allowed:
                yield from _finding(
                    policy,
                    Code.PRICE_OFF_RULE,
                    _plain(line.price),
                    line=line.number,
                    **values,
                    rule_price=_plain(line.rule_price),
                    percent=round(percent, 1),
                    allowed_percent=allowed,
                )
        return  # a rule says more than what was paid before it
    histories = (line.own_history.prices, line.history.prices)
    limits = (policy.price_deviations, PRICE_SPREAD)
    for far in _off_history(line.price, histories, limits, policy):
        yield from _finding(
            policy,
            Code.PRICE_OFF_HISTORY,
            _plain(line.price),
            line=line.number,
            **values,
            **far,
        )


def _quantity(line: LineFacts, policy: Policy) -> Iterable[Finding]:
    histories = (line.own_history.quantities, line.history.quantities)
    limits = (policy.quantity_deviations, QUANTITY_SPREAD)
    for far in _off_history(line.quantity, histories, limits, policy):
        yield from _finding(
            policy,
            Code.QUANTITY_OFF_HISTORY,
            _plain(line.quantity),
            line=line.number,
            item=line.item,
            quantity=_plain(line.quantity),
            unit=line.unit,
            **far,
        )


def _off_history(
    value: Decimal,
    histories: tuple[Sequence[float], Sequence[float]],
    limits: tuple[float, float],
    policy: Policy,
) -> Iterable[dict[str, Any]]:
    """What to tell of a value that is far from this customer's history, or from everybody's.

    The customer's own counts where it is long enough.
    """
    allowed, least_spread = limits
    for whose, history in zip(("customer", "all"), histories, strict=True):
        if len(history) < policy.history_at_least:
            continue
        away = deviation(float(value), history, least_spread=least_spread)
        if away is not None and abs(away.deviations) > allowed:
            finite = math.isfinite(away.deviations)
            yield {
                "usual": _rounded(away.median),
                "deviations": round(away.deviations, 1) if finite else None,
                "allowed_deviations": allowed,
                "history": len(history),
                "whose": whose,
            }
        return


def _due(line: LineFacts, policy: Policy, now: datetime) -> Iterable[Finding]:
    if line.due_at is None:
        return
    due = _time(line.due_at)
    if line.due_at < now:
        yield from _finding(
            policy, Code.DUE_IN_PAST, due, line=line.number, item=line.item, due=due
        )
    elif line.earliest_at is not None and line.earliest_at > line.due_at:
        yield from _finding(
            policy,
            Code.DUE_NOT_REACHABLE,
            due,
            line=line.number,
            item=line.item,
            due=due,
            earliest=_time(line.earliest_at),
            by=line.earliest_by,
            late_hours=math.ceil((line.earliest_at - line.due_at) / timedelta(hours=1)),
        )


def _finding(
    policy: Policy, code: Code, cause: str, *, line: int | None = None, **detail: Any
) -> Iterable[Finding]:
    severity = policy.severity(code)
    if severity is not Severity.OFF:
        key = f"{code}:{'' if line is None else line}:{cause}"
        yield Finding(code=code, severity=severity, key=key[:500], line=line, detail=detail)


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _plain(value: Decimal) -> str:
    """An exact decimal without exponent and trailing zeros."""
    return f"{value.normalize():f}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


# Words -----------------------------------------------------------------------------------------


class Words(msgspec.Struct, frozen=True):
    """A finding for people: what is odd, and what to do about it."""

    problem: str
    advice: str


_WORDS: Final[Mapping[Code, tuple[str, str]]] = MappingProxyType(
    {
        Code.UNKNOWN_CUSTOMER: (
            "The customer {customer!r} is not in the master data.",
            "Assign the customer whom you know, or add this one to the master data.",
        ),
        Code.UNKNOWN_ITEM: (
            "The item {item!r} is not in the master data.",
            "Assign the item that is meant, or add this one to the master data.",
        ),
        Code.NO_ROUTING: (
            "{item!r} has no routing at {site!r}, is not bought and not on stock there.",
            "Give it a routing there, or let another site make the line.",
        ),
        Code.UNIT_NOT_CONVERTIBLE: (
            "{item!r} is ordered in {unit!r} and kept in {item_unit!r}; no factor is known.",
            "Ask the customer for the quantity in {item_unit!r}, and change the line.",
        ),
        Code.PRICE_OFF_RULE: (
            "The price of {item!r} is {price}, by the rule {rule_price} ({percent:+.1f} %).",
            "Agree on the price with the customer, or correct the rule.",
        ),
        Code.PRICE_OFF_HISTORY: (
            "The price of {item!r} is {price}, and {usual:g} is usual in {history} orders.",
            "Check the price, its unit and its currency.",
        ),
        Code.QUANTITY_OFF_HISTORY: (
            "{quantity} {unit} of {item!r} are ordered; usual in {history} orders is {usual:g}.",
            "Ask whether the quantity is meant, and in which unit.",
        ),
        Code.DUE_IN_PAST: (
            "{item!r} is wanted by {due}, which is over.",
            "Agree on a new date with the customer.",
        ),
        Code.DUE_NOT_REACHABLE: (
            "{item!r} is wanted by {due}, and can be there by {earliest} at the earliest.",
            "Agree on a later date or a part of it, or let the planner look.",
        ),
        Code.POSSIBLE_DUPLICATE: (
            "Order {order!r} of the same customer has the same {same}; it came in {received}.",
            "Compare the two; reject this one if it is the same.",
        ),
        Code.DOCUMENT_WARNING: (
            "The document says at {place}: {problem}",
            "Compare the order with the document.",
        ),
        Code.VERSION_CONFLICT: (
            "A document of this order was not applied: {problem}",
            "Compare the document with the order, and change the order by hand.",
        ),
        Code.RUSH_BEYOND_POLICY: (
            "Priority {priority} is beyond what is granted by itself ({allowed}).",
            "Grant it by confirming, or lower the priority.",
        ),
    }
)


def explain(code: Code, detail: Mapping[str, Any]) -> Words:
    """A finding in words; what the detail lacks (it was stored by an older version) is a dash."""
    problem, advice = _WORDS[code]
    return Words(_filled(problem, detail), _filled(advice, detail))


def _filled(words: str, detail: Mapping[str, Any]) -> str:
    try:
        return words.format(**detail)
    except (KeyError, ValueError, TypeError):
        return words.replace("{", "<").replace("}", ">")

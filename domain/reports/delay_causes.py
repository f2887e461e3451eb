"""What made an order late, divided among its causes: shares that add up to the delay exactly.

The delay is measured from the date that was agreed first to the moment when the order was complete
(or to the moment that is asked about, while it is not). It is divided in this order, each step at
most what is left:

1. *Customer*: what the customer's own changes moved the date by. An order that is complete by the
   date that holds now, after the customer moved it, has no other cause.
2. *Plan*: what the first plan that was published with the order already ended it late by. It has
   the causes of the planner's own why-chain (`domain.plan.delay`: capacity, set-ups, material,
   closures …), in proportion to their shares.
3. *Execution*: what went otherwise than planned. The evidence are stretches between the plan and
   the end in which the order stood still: a stop of its machine, a shortage, scrap that was made
   again, goods that waited for shipping. Where stretches overlap the more specific cause has the
   moment (RANK); what is left is divided in proportion to their lengths, none with more than it
   lasted.
4. *Unexplained*: the rest. It is shown, never spread over the others.

All times are whole milliseconds; proportions go by largest remainders.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

import msgspec

from domain.plan.delay import apportion
from domain.reports.periods import Span
from domain.reports.ratios import parts_of_one


class Cause(enum.StrEnum):
    """What delay is attributed to."""

    CUSTOMER = "customer"
    CAPACITY = "capacity"
    SETUP = "setup"
    RESOURCE = "resource"
    CLOSED = "closed"
    RELEASE = "release"
    WORK = "work"
    OVERDUE = "overdue"
    MATERIAL = "material"
    BREAKDOWN = "breakdown"
    STOP = "stop"
    QUALITY = "quality"
    SHIPPING = "shipping"
    UNEXPLAINED = "unexplained"


OF_PLAN: Final[Mapping[str, Cause]] = {
    "machine_busy": Cause.CAPACITY,
    "setup": Cause.SETUP,
    "resource": Cause.RESOURCE,
    "unavailable": Cause.CLOSED,
    "material": Cause.MATERIAL,
    "release": Cause.RELEASE,
    "work": Cause.WORK,
    "way": Cause.WORK,
    "overdue": Cause.OVERDUE,
    "held": Cause.CAPACITY,
}
"""The planner's words (`domain.plan.delay`) as causes; another word stays unexplained."""

RANK: Final = (Cause.MATERIAL, Cause.BREAKDOWN, Cause.QUALITY, Cause.STOP, Cause.SHIPPING)
"""What evidence of execution may name, the more specific first: an idle machine that waits for
material waits for material."""


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A share of the planner's: its word, and how much (ms) of the delay that it foresaw.

    Attributes:
        subject: which machine or resource, as it is shown.
    """

    word: str
    share_ms: int
    subject: str = ""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """A stretch in which the order stood still, and why; `cause` is one of RANK."""

    cause: Cause
    span: Span
    subject: str = ""


class LateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order that is late.

    Attributes:
        order: its id.
        first_due_ms: the date that was agreed first.
        customer_due_ms: the date after the customer's own changes.
        end_ms: when it was complete, or the moment that is asked about.
        planned_ms: when it was planned first; evidence from before is the plan's business.
        planned: the planner's shares then.
    """

    order: int
    first_due_ms: int
    customer_due_ms: int
    end_ms: int
    planned_ms: int | None = None
    planned: tuple[Planned, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Share(msgspec.Struct, frozen=True, order=True, gc=False):
    """What one cause has of an order's delay (ms, above 0)."""

    cause: Cause
    subject: str
    share_ms: int


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """An order's delay and what it is made of, the greatest share first."""

    order: int
    delay_ms: int
    shares: tuple[Share, ...]


def attribute(late: LateOrder) -> Attribution:
    """Divide an order's delay; an order that is not late has no shares.

    Raises:
        ValueError: evidence names a cause that is not one of execution.
    """
    delay = max(late.end_ms - late.first_due_ms, 0)
    found: dict[tuple[Cause, str], int] = defaultdict(int)
    left = delay
    moved = min(max(late.customer_due_ms - late.first_due_ms, 0), left)
    found[Cause.CUSTOMER, ""] += moved
    left -= moved
    left -= _planned(found, late.planned, left)
    left -= _executed(found, late, left)
    found[Cause.UNEXPLAINED, ""] += left
    shares = [Share(cause, subject, ms) for (cause, subject), ms in found.items() if ms]
    shares.sort(key=lambda each: (-each.share_ms, each.cause, each.subject))
    return Attribution(order=late.order, delay_ms=delay, shares=tuple(shares))


def by_cause(attributions: Iterable[Attribution]) -> dict[Cause, int]:
    """How much of all delay together each cause has (ms)."""
    found: dict[Cause, int] = defaultdict(int)
    for each in attributions:
        for share in each.shares:
            found[share.cause] += share.share_ms
    return dict(found)


def cause_shares(attributions: Iterable[Attribution]) -> dict[Cause, Fraction]:
    """Each cause's part of all delay; they add up to 1."""
    return parts_of_one(by_cause(attributions))


def _planned(found: dict[tuple[Cause, str], int], planned: Sequence[Planned], left: int) -> int:
    known = [each for each in planned if each.word in OF_PLAN and each.share_ms > 0]
    foreseen = min(sum(each.share_ms for each in known), left)
    parts = apportion(foreseen, [each.share_ms for each in known])
    for each, part in zip(known, parts, strict=True):
        found[OF_PLAN[each.word], each.subject] += part
    return foreseen


def _executed(found: dict[tuple[Cause, str], int], late: LateOrder, left: int) -> int:
    begun = late.first_due_ms if late.planned_ms is None else late.planned_ms
    within = Span(min(begun, late.end_ms), late.end_ms)
    lengths = disjoint(late.evidence, within)
    explained = min(sum(lengths.values()), left)
    for key, part in zip(lengths, apportion(explained, list(lengths.values())), strict=True):
        found[key] += part
    return explained


def disjoint(evidence: Iterable[Evidence], within: Span) -> dict[tuple[Cause, str], int]:
    """How long each cause lasted, every moment counted once: for the first in RANK.

    Raises:
        ValueError: a cause is not one of RANK.
    """
    clipped: list[tuple[Span, int, str]] = []
    for each in evidence:
        if each.cause not in RANK:
            raise ValueError(f"'{each.cause}' is no evidence of execution; there is: {RANK}")
        span = each.span.within(within)
        if span.length_ms:
            clipped.append((span, RANK.index(each.cause), each.subject))
    clipped.sort()
    edges = sorted({edge for span, _, _ in clipped for edge in (span.from_ms, span.until_ms)})
    lengths: dict[tuple[Cause, str], int] = defaultdict(int)
    holding: list[tuple[int, str, int]] = []
    index = 0
    for begins, ends in pairwise(edges):
        while index < len(clipped) and clipped[index][0].from_ms <= begins:
            span, rank, subject = clipped[index]
            heappush(holding, (rank, subject, span.until_ms))
            index += 1
        while holding and holding[0][2] <= begins:
            heappop(holding)
        if holding:
            lengths[RANK[holding[0][0]], holding[0][1]] += ends - begins
    return dict(lengths)

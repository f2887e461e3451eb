"""How good the alarms are, against the standard's targets.

Source of the measures and targets: ANSI/ISA-18.2-2016 (IEC 62682), monitoring and assessment: per
operating position about 6 annunciations an hour on average (144 a day) are acceptable and 12 the
most that is manageable; at most about 1 % of the time in flood (more than 10 within 10 minutes; it
ends below 5); fewer than 5 stale alarms (active for more than 24 hours) on any day; no chattering
ones (3 or more annunciations within a minute); the ten most frequent at most 1 % to 5 % of all;
priorities about 80 % low, 15 % medium, 5 % high.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from domain.alarms.rules import AlarmPriority

HOUR_MS: Final = 3_600_000
WINDOW_MS: Final = 600_000
CHATTER_MS: Final = 60_000
CHATTERS: Final = 3
STALE_MS: Final = 24 * HOUR_MS
FLOOD_ABOVE: Final = 10
FLOOD_ENDS_BELOW: Final = 5
_TOP: Final = 10

TARGETS: Final[dict[str, float]] = {
    "per_hour": 6.0,
    "most_per_hour": 12.0,
    "flood_percent": 1.0,
    "stale": 5.0,
    "chattering": 0.0,
    "top_ten_percent": 5.0,
    "low_percent": 80.0,
    "medium_percent": 15.0,
    "high_percent": 5.0,
}
"""See the module's source."""


class Annunciation(msgspec.Struct, frozen=True):
    """An alarm was told to people."""

    at_ms: int
    cause: str
    rule: str
    priority: AlarmPriority


class Lasting(msgspec.Struct, frozen=True):
    """An alarm that is active, and since when."""

    cause: str
    since_ms: int


class Frequent(msgspec.Struct, frozen=True):
    """An alarm and how often it was told."""

    cause: str
    rule: str
    count: int


class Flood(msgspec.Struct, frozen=True):
    """A flood: from its first annunciation until the rate had fallen, and how many there were."""

    from_ms: int
    until_ms: int
    count: int
    peak: int


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a period.

    Attributes:
        count: annunciations in all.
        per_hour: of one operator, on average.
        worst_hour: the most within an hour of the period's own grid.
        floods, flood_percent: how often and for which share of the time.
        stale: alarms that have been active for more than a day at the period's end.
        chattering: causes that came three times or more within a minute.
        frequent: the ten most frequent causes; `top_ten_percent` is their share.
        priorities: how many of each.
    """

    from_ms: int
    until_ms: int
    operators: int
    count: int
    per_hour: float
    worst_hour: int
    floods: tuple[Flood, ...]
    flood_percent: float
    stale: tuple[Lasting, ...]
    chattering: tuple[str, ...]
    frequent: tuple[Frequent, ...]
    top_ten_percent: float
    priorities: dict[AlarmPriority, int]


def rates(
    told: Iterable[Annunciation],
    active: Iterable[Lasting],
    *,
    from_ms: int,
    until_ms: int,
    operators: int = 1,
) -> Rates:
    """Measure a period.

    Args:
        told: annunciations; those outside of the period do not count.
        active: what is active at its end.
        from_ms: when the period begins.
        until_ms: its end, not included.
        operators: among how many people they are shared.

    Raises:
        ValueError: the period is empty, or nobody is there.
    """
    if until_ms <= from_ms or operators < 1:
        raise ValueError("a period has to last, and somebody has to be there")
    within = sorted(
        (each for each in told if from_ms <= each.at_ms < until_ms), key=lambda one: one.at_ms
    )
    hours = (until_ms - from_ms) / HOUR_MS
    by_cause = Counter(each.cause for each in within)
    rule_of = {each.cause: each.rule for each in within}
    top = sorted(by_cause.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
    floods = floods_of([each.at_ms for each in within], operators=operators, until_ms=until_ms)
    by_hour = Counter((each.at_ms - from_ms) // HOUR_MS for each in within)
    return Rates(
        from_ms=from_ms,
        until_ms=until_ms,
        operators=operators,
        count=len(within),
        per_hour=len(within) / hours / operators,
        worst_hour=max(by_hour.values(), default=0),
        floods=floods,
        flood_percent=100
        * sum(each.until_ms - each.from_ms for each in floods)
        / (until_ms - from_ms),
        stale=tuple(
            sorted(
                (each for each in active if until_ms - each.since_ms > STALE_MS),
                key=lambda one: (one.since_ms, one.cause),
            )
        ),
        chattering=_chattering(within),
        frequent=tuple(Frequent(cause, rule_of[cause], count) for cause, count in top),
        top_ten_percent=100 * sum(count for _, count in top) / len(within) if within else 0.0,
        priorities={
            priority: sum(each.priority is priority for each in within)
            for priority in AlarmPriority
        },
    )


def floods_of(at_ms: Sequence[int], *, operators: int = 1, until_ms: int) -> tuple[Flood, ...]:
    """The floods among annunciations in order of time.

    One begins with the annunciation that is the first of the more than 10 within 10 minutes, and
    ends when fewer than 5 are within the last 10 minutes.
    """
    found: list[Flood] = []
    index = start = 0
    while index < len(at_ms):
        first = max(bisect_left(at_ms, at_ms[index] - WINDOW_MS + 1), start)
        if index - first + 1 <= FLOOD_ABOVE * operators:
            index += 1
            continue
        begin, peak, last = at_ms[first], index - first + 1, index
        while True:
            # It ends when the window before some moment holds fewer than 5: that moment is when
            # the fifth from last leaves it, unless another one comes before.
            leaves = at_ms[max(last - FLOOD_ENDS_BELOW * operators + 1, 0)] + WINDOW_MS
            if last + 1 < len(at_ms) and at_ms[last + 1] < leaves:
                last += 1
                oldest = bisect_left(at_ms, at_ms[last] - WINDOW_MS + 1)
                peak = max(peak, last - oldest + 1)
                continue
            break
        found.append(Flood(begin, min(leaves, until_ms), last - first + 1, peak))
        index = start = last + 1
    return tuple(found)


def _chattering(told: Sequence[Annunciation]) -> tuple[str, ...]:
    moments: dict[str, list[int]] = defaultdict(list)
    for each in told:
        moments[each.cause].append(each.at_ms)
    return tuple(
        sorted(
            cause
            for cause, times in moments.items()
            if any(
                later - earlier < CHATTER_MS
                for earlier, later in zip(times, times[CHATTERS - 1 :], strict=False)
            )
        )
    )

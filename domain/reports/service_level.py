"""The service level of the product itself: how many questions about an order were answered in time.

    service level = answers within the target / all answers     (target: 5 s)

Times are kept as a histogram, so the number is exact where the target is a bucket's border, and
else lies between two numbers, which are both told. Failed answers count, and never as in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from domain.reports.ratios import Absent, Ratio, ratio

TARGET_MS: Final = 5_000
"""How soon somebody who asks for an order's status has to have it."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers took: they may be added.

    Attributes:
        within: how many took at most so many ms (and more than the next smaller border).
        beyond: took longer than the last border.
        failed: were no answer.
    """

    within: Mapping[int, int]
    beyond: int = 0
    failed: int = 0

    @property
    def count(self) -> int:
        """All that were asked."""
        return sum(self.within.values()) + self.beyond + self.failed

    def __add__(self, other: Answers) -> Answers:
        borders = sorted({*self.within, *other.within})
        return Answers(
            within={each: self.within.get(each, 0) + other.within.get(each, 0) for each in borders},
            beyond=self.beyond + other.beyond,
            failed=self.failed + other.failed,
        )


class ServiceLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The part that was answered in time: between `at_least` and `at_most`; mostly they are one."""

    at_least: Ratio
    at_most: Ratio


def service_level(answers: Answers, target_ms: int = TARGET_MS) -> ServiceLevel:
    """The service level for a target."""
    certain = sum(count for border, count in answers.within.items() if border <= target_ms)
    over = [border for border in sorted(answers.within) if border > target_ms]
    exact = target_ms in answers.within
    possible = 0 if exact else answers.within[over[0]] if over else answers.beyond
    return ServiceLevel(
        at_least=ratio(certain, answers.count, Absent.NOTHING_ASKED),
        at_most=ratio(certain + possible, answers.count, Absent.NOTHING_ASKED),
    )

"""Which numbers of a publisher were accepted, as disjoint, sorted ranges."""

from __future__ import annotations

from bisect import bisect_right


class SeenRanges:
    """A set of integers kept as ranges; neighbours are merged.

    Attributes:
        firsts, lasts: the ranges' ends (inclusive), sorted.
    """

    __slots__ = ("firsts", "lasts")

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        self.firsts = [first for first, _ in ranges or ()]
        self.lasts = [last for _, last in ranges or ()]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.firsts, number) - 1
        return at >= 0 and number <= self.lasts[at]

    def add(self, number: int) -> None:
        """Take a number in; one that is there already changes nothing."""
        firsts, lasts = self.firsts, self.lasts
        if lasts and number == lasts[-1] + 1:  # the rule on a floor: the next one
            lasts[-1] = number
            return
        at = bisect_right(firsts, number) - 1
        if at >= 0 and number <= lasts[at]:
            return
        joins_before = at >= 0 and lasts[at] == number - 1
        joins_after = at + 1 < len(firsts) and firsts[at + 1] == number + 1
        if joins_before and joins_after:
            lasts[at] = lasts[at + 1]
            del firsts[at + 1], lasts[at + 1]
        elif joins_before:
            lasts[at] = number
        elif joins_after:
            firsts[at + 1] = number
        else:
            firsts.insert(at + 1, number)
            lasts.insert(at + 1, number)

    def ranges(self) -> list[tuple[int, int]]:
        """The ranges as (first, last), sorted."""
        return list(zip(self.firsts, self.lasts, strict=True))

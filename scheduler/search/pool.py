"""Good solutions that differ, and what to start the next search from."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from scheduler.search.compiled import Random, draw
from scheduler.search.layout import Solution
from scheduler.search.relink import between, distance

SIZE: Final = 8
ALIKE: Final = 20
"""Solutions that differ in fewer than one in so many operations are one."""
NEAREST_SHARE: Final = 30
FURTHEST_SHARE: Final = 70
IN_VAIN: Final = 12
"""After so many searches that brought nothing new the pool is emptied but for its best."""


class Pool(NamedTuple):
    """A pool at one moment; a new one is made for every change.

    Attributes:
        members: by value, the best first.
        in_vain: how many searches in a row have brought nothing.
        wanted: how many more starts from nothing there should be.
    """

    members: tuple[Solution, ...] = ()
    in_vain: int = 0
    wanted: int = 4

    def with_result(self, found: Solution) -> Pool:
        """The pool after a search."""
        least = max(1, len(found.order) // ALIKE)
        twins = [each for each in self.members if distance(each, found) < least]
        if any(each.value <= found.value for each in twins):
            return self._after_nothing()
        members = sorted(
            [each for each in self.members if all(each is not twin for twin in twins)] + [found],
            key=lambda each: each.value,
        )[:SIZE]
        if not any(each is found for each in members):
            return self._after_nothing()
        return Pool(tuple(members), 0, self.wanted)

    def _after_nothing(self) -> Pool:
        if self.in_vain + 1 < IN_VAIN:
            return Pool(self.members, self.in_vain + 1, self.wanted)
        return Pool(self.members[:1], 0, SIZE // 2)

    def started_anew(self) -> Pool:
        """The pool after a start from nothing has been given away."""
        return Pool(self.members, self.in_vain, max(0, self.wanted - 1))

    def next_start(self, random: Random) -> Solution | None:
        """Something between two members; None to start from nothing."""
        count = len(self.members)
        if self.wanted or count < 2:  # noqa: PLR2004 - a way has two ends
            return None
        one = draw(random, count)
        other = (one + 1 + draw(random, count - 1)) % count
        share = NEAREST_SHARE + draw(random, FURTHEST_SHARE - NEAREST_SHARE + 1)
        chance = np.array(
            [draw(random, 100) for _ in range(len(self.members[one].order))], dtype=np.int64
        )
        return between(self.members[one], self.members[other], share, chance)

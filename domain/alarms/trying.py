"""What rules would have raised: the past goes by, and the same decisions are made as live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from domain.alarms.deciding import Decision, Known, Pending, decide
from domain.alarms.facts import Facts
from domain.alarms.observing import Found, observe
from domain.alarms.rules import Rule


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that would have been raised.

    Attributes:
        cleared_ms: when it would have cleared; None: it still held at the end.
    """

    cause: str
    rule: str
    subject: str
    site: str | None
    raised_ms: int
    cleared_ms: int | None = None
    value: float | None = None
    limit: float | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, in order of time, and how many moments were looked at."""

    episodes: Sequence[Episode]
    looks: int


def try_on(rules: Sequence[Rule], past: Iterable[Iterable[Facts]], *, until_ms: int) -> Trial:
    """Let rules watch the past.

    Args:
        rules: in force together; suppressed alarms are none, as nobody would have been told.
        past: what was so, whenever it changed, in order of time; several timelines of things that
            have nothing to do with each other's alarms.
        until_ms: the end.
    """
    episodes: list[Episode] = []
    looks = 0
    for timeline in past:
        watching = _Watching(rules)
        last: Facts | None = None
        for facts in timeline:
            if last is not None:
                watching.wait(last, facts.now_ms)
            watching.look(facts)
            last = facts
        if last is not None:
            watching.wait(last, until_ms)
        episodes += watching.episodes()
        looks += watching.looks
    episodes.sort(key=lambda one: (one.raised_ms, one.cause))
    return Trial(episodes=episodes, looks=looks)


class _Watching:
    """Alarms while the past goes by."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._known: dict[str, Known] = {}
        self._pending: dict[str, Pending] = {}
        self._open: dict[str, Episode] = {}
        self._over: list[Episode] = []
        self._look_at_ms: int | None = None
        self.looks = 0

    def wait(self, facts: Facts, until_ms: int) -> None:
        """Look again whenever a delay is over, before something else happens."""
        while self._look_at_ms is not None and self._look_at_ms < until_ms:
            self.look(replace(facts, now_ms=self._look_at_ms))

    def look(self, facts: Facts) -> None:
        """Decide as a round does."""
        self.looks += 1
        active = {cause for cause, each in self._known.items() if each.active}
        decision = decide(
            observe(self._rules, facts, active),
            self._known.values(),
            self._rules,
            pending=self._pending,
            now_ms=facts.now_ms,
        )
        self._take(decision, facts.now_ms)

    def episodes(self) -> list[Episode]:
        """All of them."""
        return [*self._over, *self._open.values()]

    def _take(self, decision: Decision, now_ms: int) -> None:
        self._pending = dict(decision.pending)
        self._look_at_ms = decision.look_at_ms
        for each in decision.raised:
            self._known[each.found.cause] = Known(
                cause=each.found.cause,
                rule=each.found.rule.code,
                subject=each.found.subject,
                active=True,
                suppressed_by=each.suppressed_by,
            )
            if each.suppressed_by is None:
                self._begin(each.found, now_ms)
        for cause in decision.cleared:
            self._known[cause] = replace(self._known[cause], active=False)
            self._end(cause, now_ms)
        for cause, by in decision.suppressed.items():
            self._known[cause] = replace(self._known[cause], suppressed_by=by)
            self._end(cause, now_ms)
        for cause in decision.unsuppressed:
            known = self._known[cause] = replace(self._known[cause], suppressed_by=None)
            if known.active:
                self._open[cause] = Episode(
                    cause=cause,
                    rule=known.rule,
                    subject=known.subject.key,
                    site=known.subject.site,
                    raised_ms=now_ms,
                )
        self._known = {
            cause: each
            for cause, each in self._known.items()
            if each.active or each.suppressed_by is not None
        }

    def _begin(self, found: Found, now_ms: int) -> None:
        self._open[found.cause] = Episode(
            cause=found.cause,
            rule=found.rule.code,
            subject=found.subject.key,
            site=found.subject.site,
            raised_ms=now_ms,
            value=found.value,
            limit=found.limit,
        )

    def _end(self, cause: str, now_ms: int) -> None:
        episode = self._open.pop(cause, None)
        if episode is not None:
            self._over.append(replace(episode, cleared_ms=now_ms))

"""Which conditions hold, of what: limits, dead bands, places, shifts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_facts import (
    HOUR,
    LINE,
    M1,
    M2,
    M3,
    MINUTE,
    NOW,
    OTHER,
    SECOND,
    SITE,
    alarm_rule,
    down,
    facts,
    machine,
)

from domain.alarms.conditions import (
    DeadLetters,
    GatewayOffline,
    LineDown,
    MachineDown,
    MachineSilent,
    OrderAtRisk,
    OrderLate,
    PaceBelow,
    PlanInfeasible,
    ReadingOutside,
    ScrapRate,
    Shortage,
)
from domain.alarms.facts import (
    GatewayFacts,
    LetterFacts,
    Needs,
    OrderFacts,
    ReadingFact,
    ScopeFacts,
    ShortageFacts,
    needs_of,
)
from domain.alarms.observing import observe
from domain.alarms.rules import During


def order(**fields: Any) -> OrderFacts:
    given_: dict[str, Any] = {
        "id": 1,
        "number": "SO-1",
        "site": SITE,
        "customer": "acme",
        "priority": 0,
        "due_ms": NOW + HOUR,
        "late_minutes": None,
    }
    return OrderFacts(**{**given_, **fields})


class TestMachines:
    def test_down_is_told_since_the_machine_said_so(self) -> None:
        [found] = observe([alarm_rule()], facts(down(reason="jam"), machine(M2)))
        assert found.cause == f"machine_down:machine:{M1}"
        assert found.since_ms == NOW - SECOND
        assert found.detail == {"state": "down", "reason": "jam"}

    def test_only_for_the_reasons_asked_for(self) -> None:
        rule = alarm_rule(condition=MachineDown(states=("idle",), reasons=("no_parts",)))
        waiting = machine(M1, state="idle", reason="no_parts")
        asked = observe([rule], facts(waiting, machine(M2, state="idle", reason="tea")))
        assert [each.subject.key for each in asked] == [M1]

    def test_silent_from_the_minute_on_at_which_it_should_have_been_heard(self) -> None:
        rule = alarm_rule(condition=MachineSilent(minutes=5))
        heard = NOW - 5 * MINUTE
        [found] = observe([rule], facts(machine(M1, last_seen_ms=heard)))
        assert (found.since_ms, found.value) == (NOW, 5.0)
        assert not observe([rule], facts(machine(M1, last_seen_ms=heard + 1)))

    def test_of_a_machine_that_nobody_set_up_nothing_is_expected(self) -> None:
        rule = alarm_rule(condition=MachineSilent())
        assert not observe([rule], facts(machine(M1, last_seen_ms=0, configured=False)))
        assert not observe([rule], facts(machine(M1, last_seen_ms=None)))

    def test_outside_its_shift_a_machine_may_be_silent(self) -> None:
        quiet = machine(M1, last_seen_ms=NOW - HOUR, works=False)
        rule = alarm_rule(condition=MachineSilent(), during=During.SHIFT)
        assert not observe([rule], facts(quiet))
        always = msgspec.structs.replace(rule, during=During.ALWAYS)
        assert observe([always], facts(quiet))

    @pytest.mark.parametrize(
        ("pace", "active", "holds"),
        [(69, False, True), (70, False, False), (74, True, True), (75, True, False)],
    )
    def test_pace_has_a_dead_band(self, pace: int, *, active: bool, holds: bool) -> None:
        rule = alarm_rule(condition=PaceBelow(percent=70, dead_band=5))
        known = {f"pace_below:machine:{M1}"} if active else set[str]()
        assert bool(observe([rule], facts(machine(pace_percent=pace)), known)) is holds

    def test_a_machine_that_does_not_run_has_no_pace(self) -> None:
        rule = alarm_rule(condition=PaceBelow(percent=70))
        assert not observe([rule], facts(down(pace_percent=10), machine(M2)))

    @pytest.mark.parametrize(
        ("good", "scrap", "active", "holds"),
        [
            (94, 6, False, True),
            (95, 5, False, False),
            (95, 5, True, True),
            (96, 4, True, False),
            (0, 19, False, False),
            (0, 20, False, True),
        ],
    )
    def test_scrap_needs_enough_pieces(
        self, good: int, scrap: int, *, active: bool, holds: bool
    ) -> None:
        rule = alarm_rule(condition=ScrapRate(percent=5, dead_band=1))
        known = {f"scrap_rate:machine:{M1}"} if active else set[str]()
        made = machine(pieces={60: (Decimal(good), Decimal(scrap))})
        assert bool(observe([rule], facts(made), known)) is holds

    def test_a_line_is_down_when_its_last_machine_is(self) -> None:
        rule = alarm_rule(condition=LineDown())
        assert not observe([rule], facts(down(M1), down(M2), machine(M3)))
        since = NOW - 30 * SECOND
        [found] = observe([rule], facts(down(M1, since_ms=NOW - HOUR), down(M2, since_ms=since)))
        assert (found.subject.place, found.since_ms) == (LINE, since)
        assert found.detail["count"] == 2


class TestReadings:
    RULE = alarm_rule(condition=ReadingOutside(metric="temp", low=20, high=80, dead_band=5))
    CAUSE = f"reading_outside(temp):machine:{M1}"

    def holds(self, value: float, *, active: bool = False, age_ms: int = 0) -> bool:
        warm = machine(readings={"temp": ReadingFact(value, NOW - age_ms, "C")})
        return bool(observe([self.RULE], facts(warm), {self.CAUSE} if active else set()))

    @pytest.mark.parametrize("value", [20, 50, 80])
    def test_the_limits_are_within(self, value: float) -> None:
        assert not self.holds(value)

    @pytest.mark.parametrize("value", [19.9, 80.1])
    def test_beyond_them_is_outside(self, value: float) -> None:
        assert self.holds(value)

    @pytest.mark.parametrize(
        ("value", "stays"), [(75.1, True), (75, False), (25, False), (24.9, True)]
    )
    def test_it_comes_back_by_the_dead_band(self, value: float, *, stays: bool) -> None:
        assert self.holds(value, active=True) is stays

    def test_what_is_old_says_nothing(self) -> None:
        assert not self.holds(99, age_ms=HOUR)
        assert self.holds(50, active=True, age_ms=HOUR)

    @given(st.lists(st.floats(0, 100), min_size=2, max_size=40))
    def test_noise_smaller_than_the_dead_band_never_chatters(self, noise: list[float]) -> None:
        """Around a limit, by less than the band: raised once at most, never cleared."""
        active, changes = False, 0
        for value in noise:
            then = self.holds(78 + value / 100 * 4.9, active=active)
            changes += then is not active
            active = then
        assert changes <= 1

    @pytest.mark.parametrize(
        "band", [{}, {"low": 5, "high": 5}, {"low": 0, "high": 10, "dead_band": 5}]
    )
    def test_a_band_that_is_none_is_refused(self, band: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=r"low|band"):
            ReadingOutside(metric="temp", **band)  # type: ignore[arg-type]  # numbers only


class TestOrders:
    def test_at_risk_before_it_is_due_and_late_after(self) -> None:
        rules = [
            alarm_rule("risk", OrderAtRisk(minutes=60)),
            alarm_rule("late", OrderLate(minutes=1)),
        ]
        ahead = order(late_minutes=90)
        past = order(due_ms=NOW - 10 * MINUTE, late_minutes=90)
        assert [each.rule.code for each in observe(rules, facts(orders=[ahead]))] == ["risk"]
        [found] = observe(rules, facts(orders=[past]))
        assert (found.rule.code, found.value) == ("late", 10.0)
        assert found.since_ms == past.due_ms + MINUTE

    def test_less_than_asked_for_is_no_risk(self) -> None:
        rule = alarm_rule(condition=OrderAtRisk(minutes=60))
        assert not observe([rule], facts(orders=[order(late_minutes=59), order()]))

    def test_only_orders_of_a_priority(self) -> None:
        rule = alarm_rule(condition=OrderLate(priority_at_least=5))
        late = [order(due_ms=0), order(number="SO-2", due_ms=0, priority=5)]
        assert [each.subject.key for each in observe([rule], facts(orders=late))] == ["SO-2"]


class TestOthers:
    def test_a_shortage_within_its_hours(self) -> None:
        rule = alarm_rule(condition=Shortage(within_hours=1))
        short = ShortageFacts(
            site=SITE,
            item="wire",
            item_name="Wire",
            unit="m",
            missing=Decimal("2.5"),
            need_ms=NOW + HOUR,
            comes_ms=None,
            work_orders=("WO-1", "WO-2"),
        )
        [found] = observe([rule], facts(shortages=[short]))
        assert (found.subject.key, found.value) == (f"{SITE}/wire", 2.5)
        later = msgspec.structs.replace(short, need_ms=NOW + HOUR + 1)
        assert not observe([rule], facts(shortages=[later]))

    def test_letters_are_counted_in_the_rules_own_window(self) -> None:
        rule = alarm_rule(condition=DeadLetters(count=3, window_minutes=5))
        letters = [LetterFacts(site=SITE, counts={5: 3}), LetterFacts(site="b", counts={5: 2})]
        assert [each.subject.key for each in observe([rule], facts(letters=letters))] == [SITE]

    def test_a_scope_without_a_plan(self) -> None:
        scope = ScopeFacts(scope="north", sites=("a", "b"), failed_ms=5, codes=("no_machine",))
        [found] = observe([alarm_rule(condition=PlanInfeasible())], facts(scopes=[scope]))
        assert (found.subject.key, found.subject.site, found.since_ms) == ("north", None, 5)

    def test_one_gateway_serves_everything_of_several_nobody_knows(self) -> None:
        rule = alarm_rule(condition=GatewayOffline(seconds=30))
        silent = GatewayFacts(name="gw-1", last_heard_ms=NOW - 30 * SECOND)
        [found] = observe([rule], facts(gateways=[silent]))
        assert found.subject.place == ""
        heard = GatewayFacts(name="gw-2", last_heard_ms=NOW)
        [found] = observe([rule], facts(gateways=[silent, heard]))
        assert (found.subject.key, found.subject.place) == ("gw-1", None)


class TestPlaces:
    def test_the_narrowest_rule_has_the_subject(self) -> None:
        wide = alarm_rule("wide", PaceBelow(percent=90))
        narrow = alarm_rule("narrow", PaceBelow(percent=50), where=(LINE,))
        slow = [machine(path, pace_percent=60) for path in (M1, OTHER)]
        found = observe([wide, narrow], facts(*slow))
        assert [(each.rule.code, each.subject.key) for each in found] == [("wide", OTHER)]

    def test_a_variant_is_an_alarm_of_its_own(self) -> None:
        warn = alarm_rule("warn", PaceBelow(percent=90))
        stop = alarm_rule("stop", PaceBelow(percent=50), variant="stop")
        found = observe([warn, stop], facts(machine(pace_percent=40)))
        assert len({each.cause for each in found}) == 2

    def test_what_is_not_in_force_watches_nothing(self) -> None:
        assert not observe([alarm_rule(enabled=False)], facts(down()))

    def test_a_place_is_no_beginning_of_a_word(self) -> None:
        rule = alarm_rule(where=(f"{SITE}/cutting/line",))
        assert not observe([rule], facts(down()))

    @given(st.sets(st.sampled_from(["", SITE, f"{SITE}/cutting", LINE, M1]), min_size=1))
    def test_one_finding_per_cause_however_many_rules(self, places: set[str]) -> None:
        rules = [
            alarm_rule(f"r{number}", where=(place,) if place else ())
            for number, place in enumerate(sorted(places))
        ]
        [found] = observe(rules, facts(down()))
        assert found.rule is rules[-1]  # the longest of places within each other


def test_only_what_is_asked_for_is_read() -> None:
    needs = needs_of([ScrapRate(percent=5, window_minutes=30), Shortage(within_hours=8)])
    assert needs == Needs(machines=True, pieces_minutes=frozenset({30}), shortage_hours=8)

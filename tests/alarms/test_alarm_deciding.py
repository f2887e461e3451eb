"""Delays and suppression: findings become events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from plant_facts import (
    LINE,
    M1,
    M2,
    NOW,
    SECOND,
    alarm_rule,
    down,
    facts,
    machine,
)

from domain.alarms.conditions import LineDown, MachineDown, PaceBelow
from domain.alarms.deciding import Decision, Known, Pending, decide
from domain.alarms.facts import MachineFacts
from domain.alarms.observing import Found, observe
from domain.alarms.rules import Rule

LINE_RULE = alarm_rule("line", LineDown())
PARTS = alarm_rule(
    "parts",
    MachineDown(states=("idle",), reasons=("no_parts",)),
    variant="parts",
    suppressed_by=("line",),
)
MACHINE_RULE = alarm_rule("machine", suppressed_by=("line",))


class Floor:
    """Alarms as rows would have them, for decisions that follow each other."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.known: dict[str, Known] = {}
        self.pending: dict[str, Pending] = {}

    def look(
        self, *machines: MachineFacts, now_ms: int = NOW, unknown: Sequence[str] = ()
    ) -> Decision:
        """Decide, and keep what was decided."""
        active = {cause for cause, each in self.known.items() if each.active}
        found = observe(self.rules, facts(*machines, now_ms=now_ms), active)
        return self.take(found, now_ms=now_ms, unknown=unknown)

    def take(self, found: Iterable[Found], *, now_ms: int, unknown: Sequence[str] = ()) -> Decision:
        decision = decide(
            found,
            self.known.values(),
            self.rules,
            pending=self.pending,
            now_ms=now_ms,
            unknown=unknown,
        )
        self.pending = dict(decision.pending)
        for each in decision.raised:
            self.known[each.found.cause] = Known(
                cause=each.found.cause,
                rule=each.found.rule.code,
                subject=each.found.subject,
                active=True,
                suppressed_by=each.suppressed_by,
            )
        for cause in decision.cleared:
            self.change(cause, active=False)
        for cause, by in decision.suppressed.items():
            self.change(cause, suppressed_by=by)
        for cause in decision.unsuppressed:
            self.change(cause, suppressed_by=None)
        self.known = {
            cause: each
            for cause, each in self.known.items()
            if each.active or each.suppressed_by is not None
        }
        return decision

    def change(self, cause: str, **fields: object) -> None:
        before = self.known[cause]
        given_ = {name: getattr(before, name) for name in before.__struct_fields__}
        self.known[cause] = Known(**{**given_, **fields})


class TestDelays:
    def test_without_a_delay_it_is_raised_at_once(self) -> None:
        floor = Floor(alarm_rule())
        assert len(floor.look(down()).raised) == 1
        assert not floor.look(down()).raised
        assert len(floor.look(machine()).cleared) == 1

    def test_the_delay_counts_from_what_the_machine_says(self) -> None:
        floor = Floor(alarm_rule(on_delay_s=10))
        early = floor.look(down(since_ms=NOW - 9 * SECOND))
        assert not early.raised
        assert early.look_at_ms == NOW + SECOND
        assert floor.look(down(since_ms=NOW - 9 * SECOND), now_ms=NOW + SECOND).raised

    def test_where_nobody_knows_since_when_it_counts_from_the_first_look(self) -> None:
        floor = Floor(alarm_rule("pace", PaceBelow(percent=70), on_delay_s=10))
        slow = machine(pace_percent=10)
        assert floor.look(slow).look_at_ms == NOW + 10 * SECOND
        assert not floor.look(slow, now_ms=NOW + 9 * SECOND).raised
        assert floor.look(slow, now_ms=NOW + 10 * SECOND).raised

    def test_an_interruption_begins_the_delay_anew(self) -> None:
        floor = Floor(alarm_rule("pace", PaceBelow(percent=70), on_delay_s=10))
        slow, fast = machine(pace_percent=10), machine(pace_percent=100)
        floor.look(slow)
        floor.look(fast, now_ms=NOW + 5 * SECOND)
        assert floor.pending == {}
        floor.look(slow, now_ms=NOW + 6 * SECOND)
        assert not floor.look(slow, now_ms=NOW + 12 * SECOND).raised

    def test_it_clears_when_the_off_delay_is_over(self) -> None:
        floor = Floor(alarm_rule(off_delay_s=10))
        floor.look(down())
        assert floor.look(machine()).look_at_ms == NOW + 10 * SECOND
        assert not floor.look(down(), now_ms=NOW + 9 * SECOND).cleared
        assert floor.pending == {}
        floor.look(machine(), now_ms=NOW + 20 * SECOND)
        assert floor.look(machine(), now_ms=NOW + 30 * SECOND).cleared

    def test_of_what_could_not_be_read_nothing_is_decided(self) -> None:
        floor = Floor(alarm_rule(on_delay_s=10, off_delay_s=10))
        floor.look(down(since_ms=NOW - 10 * SECOND))
        floor.look(machine())
        waiting = dict(floor.pending)
        assert not floor.look(now_ms=NOW + 60 * SECOND, unknown=["machine_down"]).cleared
        assert floor.pending == waiting

    def test_the_alarms_of_a_rule_that_is_gone_clear(self) -> None:
        floor = Floor(alarm_rule(off_delay_s=600))
        floor.look(down())
        floor.rules = ()
        assert floor.look(down()).cleared


class TestSuppression:
    RULES = (LINE_RULE, MACHINE_RULE, PARTS)

    def test_a_line_that_is_down_silences_its_machines(self) -> None:
        floor = Floor(*self.RULES)
        decision = floor.look(down(M1), down(M2))
        by = {each.found.cause: each.suppressed_by for each in decision.raised}
        line = f"line_down:line:{LINE}"
        assert by == {
            line: None,
            f"machine_down:machine:{M1}": line,
            f"machine_down:machine:{M2}": line,
        }

    def test_what_was_told_before_is_silenced_when_the_line_stops(self) -> None:
        floor = Floor(*self.RULES)
        waits = machine(M2, state="idle", reason="no_parts")
        assert [each.suppressed_by for each in floor.look(down(M1), waits).raised] == [None, None]
        stopped = floor.look(down(M1), down(M2))
        assert stopped.suppressed == {f"machine_down:machine:{M1}": f"line_down:line:{LINE}"}

    def test_what_still_holds_comes_back_when_the_line_runs(self) -> None:
        floor = Floor(*self.RULES)
        floor.look(down(M1), down(M2))
        back = floor.look(down(M1), machine(M2))
        assert set(back.unsuppressed) == {
            f"machine_down:machine:{M1}",
            f"machine_down:machine:{M2}",
        }
        assert set(back.cleared) == {f"line_down:line:{LINE}", f"machine_down:machine:{M2}"}

    def test_another_line_silences_nobody(self) -> None:
        floor = Floor(*self.RULES)
        other = "plant-1/cutting/line2/m09"
        decision = floor.look(down(other), down(M1), machine(M2))
        by = {each.found.cause: each.suppressed_by for each in decision.raised}
        assert by[f"machine_down:machine:{M1}"] is None
        assert by[f"machine_down:machine:{other}"] == "line_down:line:plant-1/cutting/line2"


STATES = st.sampled_from(["running", "down", "idle"])


@given(st.lists(st.tuples(STATES, STATES, st.integers(0, 20)), max_size=25))
def test_whatever_happens_alarms_follow_their_conditions(
    looks: list[tuple[str, str, int]],
) -> None:
    """Raised only when not active, cleared only when active, suppressed only while explained."""
    floor = Floor(
        LINE_RULE, alarm_rule("machine", suppressed_by=("line",), on_delay_s=5, off_delay_s=5)
    )
    now_ms = NOW
    for first, second, pause_s in looks:
        now_ms += pause_s * SECOND
        before = dict(floor.known)
        machines = [
            machine(M1, state=first, since_ms=None),
            machine(M2, state=second, since_ms=None),
        ]
        decision = floor.look(*machines, now_ms=now_ms)
        for each in decision.raised:
            known = before.get(each.found.cause)
            assert known is None or not known.active
        for cause in decision.cleared:
            assert before[cause].active
        line = f"line_down:line:{LINE}"
        for cause, row in floor.known.items():
            if row.suppressed_by is not None:
                assert row.suppressed_by == line
                assert line in floor.known
                assert cause != line
        assert (line in floor.known) == (first == second == "down")

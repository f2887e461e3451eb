"""The past goes by: the same decisions as live, whatever it is cut into."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plant_facts import M1, M2, NOW, SECOND, alarm_rule, facts, machine
from test_alarm_deciding import Floor

from domain.alarms.conditions import LineDown
from domain.alarms.facts import Facts
from domain.alarms.trying import try_on

CHANGES = st.lists(
    st.tuples(st.sampled_from([M1, M2]), st.sampled_from(["running", "down"]), st.integers(1, 30)),
    max_size=30,
)


def timeline(changes: list[tuple[str, str, int]], *paths: str) -> list[Facts]:
    """Facts of some machines at each of their changes."""
    states = dict.fromkeys(paths, ("running", NOW))
    at_ms = NOW
    told = [facts(*(machine(path, since_ms=NOW) for path in paths))]
    for path, state, pause_s in changes:
        at_ms += pause_s * SECOND
        if path in states and states[path][0] != state:
            states[path] = (state, at_ms)
            machines = (machine(p, state=s, since_ms=since) for p, (s, since) in states.items())
            told.append(facts(*machines, now_ms=at_ms))
    return told


@given(CHANGES, st.integers(0, 20), st.integers(0, 20))
def test_each_machine_alone_comes_to_the_same(
    changes: list[tuple[str, str, int]], on_delay_s: int, off_delay_s: int
) -> None:
    rules = [alarm_rule(on_delay_s=on_delay_s, off_delay_s=off_delay_s)]
    until_ms = NOW + 2_000 * SECOND
    together = try_on(rules, [timeline(changes, M1, M2)], until_ms=until_ms)
    apart = try_on(rules, [timeline(changes, M1), timeline(changes, M2)], until_ms=until_ms)
    assert together.episodes == apart.episodes


@given(CHANGES, st.integers(0, 20), st.integers(0, 20))
def test_it_is_what_a_watch_that_looks_every_second_decides(
    changes: list[tuple[str, str, int]], on_delay_s: int, off_delay_s: int
) -> None:
    rule = alarm_rule(on_delay_s=on_delay_s, off_delay_s=off_delay_s)
    told = timeline(changes, M1, M2)
    until_ms = told[-1].now_ms + 60 * SECOND
    floor, live, coming = Floor(rule), [], list(told)
    now = coming.pop(0)
    for at_ms in range(NOW, until_ms, SECOND):
        while coming and coming[0].now_ms <= at_ms:
            now = coming.pop(0)
        decision = floor.look(*now.machines, now_ms=at_ms)
        live += [(each.found.cause, "raise", at_ms) for each in decision.raised]
        live += [(cause, "clear", at_ms) for cause in decision.cleared]
    past = []
    for each in try_on([rule], [told], until_ms=until_ms).episodes:
        past.append((each.cause, "raise", each.raised_ms))
        if each.cleared_ms is not None:
            past.append((each.cause, "clear", each.cleared_ms))
    assert sorted(past) == sorted(live)


def test_what_another_alarm_explains_would_not_have_been_told() -> None:
    rules = [
        alarm_rule("line", LineDown()),
        alarm_rule("machine", suppressed_by=("line",)),
    ]
    changes = [(M1, "down", 10), (M2, "down", 10), (M2, "running", 10), (M1, "running", 10)]
    trial = try_on(rules, [timeline(changes, M1, M2)], until_ms=NOW + 100 * SECOND)
    told = [
        (each.rule, (each.raised_ms - NOW) // SECOND, ((each.cleared_ms or 0) - NOW) // SECOND)
        for each in trial.episodes
    ]
    assert told == [("machine", 10, 20), ("line", 20, 30), ("machine", 30, 40)]

"""The frozen zone holds what can begin in it, and nothing else."""

from __future__ import annotations

import pytest
from plan_problems import HOUR, MINUTE, NOW, at, breaks

from domain.plan.freezing import FrozenZone
from domain.plan.problem import (
    Interval,
    Mode,
    Need,
    Operation,
    Overlap,
    Phase,
    Pin,
    PinKind,
    Precedence,
)

ZONE = 10
"""Minutes."""


def zone(
    *,
    closed: tuple[Interval, ...] = (),
    away: tuple[Interval, ...] = (),
    minutes: float = ZONE,
) -> FrozenZone:
    return FrozenZone(NOW, at(minutes), closed={1: closed}, away={7: away})


def work(
    name: int,
    machine: int = 1,
    *,
    after: tuple[Precedence, ...] = (),
    release: float | None = None,
    needs: tuple[Need, ...] = (),
    runs: bool = False,
    lasts: int = 30 * MINUTE,
) -> Operation:
    kind = PinKind.RUNNING if runs else PinKind.FROZEN
    return Operation(
        id=name,
        job=1,
        modes=(Mode(machine, lasts, 0, needs),),
        after=after,
        release_ms=0 if release is None else at(release),
        pin=Pin(kind=kind, machine=machine),
    )


def test_what_nothing_is_in_the_way_of_is_held() -> None:
    assert zone().holds(work(1))


@pytest.mark.parametrize(("until", "held"), [(9, True), (10, False), (240, False)])
def test_what_is_on_a_machine_that_is_closed_is_held_if_that_opens_in_time(
    until: float, *, held: bool
) -> None:
    """So a machine that is soon back keeps its work, and only the times shift."""
    assert zone(closed=breaks((-5, until))).holds(work(1)) is held
    assert zone(closed=breaks((-5, until))).holds(work(1, 2))


def test_a_break_later_in_the_zone_lets_it_begin_before() -> None:
    assert zone(closed=breaks((3, 240))).holds(work(1))


@pytest.mark.parametrize(("left", "held"), [(5, True), (30, False)])
def test_what_waits_for_running_work_is_held_if_that_can_end_in_time(
    left: int, *, held: bool
) -> None:
    of_floor = zone()
    of_floor.add(work(1, 2, runs=True, lasts=left * MINUTE))
    assert of_floor.holds(work(2, after=(Precedence(1),))) is held


def test_what_waits_for_work_that_is_stuck_on_a_broken_machine_is_free() -> None:
    """Else an idle machine would wait with it."""
    of_floor = zone(closed=breaks((-30, 120)))
    of_floor.add(work(1, 1, runs=True, lasts=MINUTE))
    assert not of_floor.holds(work(2, 2, after=(Precedence(1),)))
    assert of_floor.holds(work(3, 2))


def test_pieces_that_are_handed_on_let_it_begin_before_all_are_made() -> None:
    of_floor = zone()
    of_floor.add(work(1, 2, runs=True, lasts=HOUR))
    assert of_floor.holds(work(2, after=(Precedence(1, 0, Overlap(1, 1)),)))
    assert not of_floor.holds(work(3, after=(Precedence(1, 0),)))
    assert not of_floor.holds(work(4, after=(Precedence(1, 20 * MINUTE, Overlap(1, 1)),)))


@pytest.mark.parametrize(("comes", "held"), [(5, True), (10, False)])
def test_what_waits_for_material_is_held_if_that_comes_in_time(comes: float, *, held: bool) -> None:
    assert zone().holds(work(1, release=comes)) is held


@pytest.mark.parametrize(
    ("phase", "held"), [(Phase.RUN, False), (Phase.BOTH, False), (Phase.SETUP, True)]
)
def test_what_needs_somebody_who_is_away_is_free(phase: Phase, *, held: bool) -> None:
    needy = work(1, needs=(Need(7, 1, phase),))
    assert zone(away=breaks((-5, 60))).holds(needy) is held
    assert zone(away=breaks((-5, 5))).holds(needy)


def test_without_a_zone_only_what_can_begin_at_once_is_held() -> None:
    assert zone(minutes=0).holds(work(1))
    assert not zone(minutes=0, closed=breaks((-5, 1))).holds(work(1))
    assert not zone(minutes=0).holds(work(1, release=1))

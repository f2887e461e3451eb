"""What one plan does differently from another, by hand."""

from __future__ import annotations

from domain.plan.differences import Difference, DifferenceKind, differences
from domain.plan.plan import Assignment

MINUTE = 60_000


def _placed(operation: int, machine: int, start: int, end: int) -> Assignment:
    return Assignment(
        operation=operation,
        machine=machine,
        setup_start_ms=start * MINUTE,
        start_ms=start * MINUTE,
        end_ms=end * MINUTE,
    )


def _kinds(before: list[Assignment], after: list[Assignment]) -> list[tuple[int, str, int]]:
    found = differences(
        {each.operation: each for each in before},
        {each.operation: each for each in after},
        5 * MINUTE,
    )
    return [(one.operation, one.kind, one.shift_ms // MINUTE) for one in found]


def test_equal_plans_have_none() -> None:
    assert _kinds([_placed(1, 7, 0, 10)], [_placed(1, 7, 0, 10)]) == []


def test_within_the_tolerance_nothing_has_changed() -> None:
    assert _kinds([_placed(1, 7, 0, 10)], [_placed(1, 7, 5, 15)]) == []


def test_a_start_beyond_the_tolerance_is_earlier_or_later() -> None:
    before = [_placed(1, 7, 20, 30), _placed(2, 7, 40, 50)]
    after = [_placed(1, 7, 14, 24), _placed(2, 7, 46, 56)]
    assert _kinds(before, after) == [(1, "earlier", -6), (2, "later", 6)]


def test_running_work_is_later_by_its_end() -> None:
    assert _kinds([_placed(1, 7, 0, 10)], [_placed(1, 7, 0, 40)]) == [(1, "later", 30)]


def test_another_machine_is_a_difference_at_any_time() -> None:
    assert _kinds([_placed(1, 7, 0, 10)], [_placed(1, 8, 0, 10)]) == [(1, "reassigned", 0)]


def test_added_and_removed_work_names_the_side_it_is_on() -> None:
    new, gone = _placed(1, 7, 50, 60), _placed(2, 7, 0, 10)
    assert differences({2: gone}, {1: new}, 0) == [
        Difference(operation=1, kind=DifferenceKind.ADDED, before=None, after=new),
        Difference(operation=2, kind=DifferenceKind.REMOVED, before=gone, after=None),
    ]


def test_they_come_in_the_order_of_the_later_plan() -> None:
    before = [_placed(1, 7, 0, 10), _placed(2, 7, 10, 20), _placed(3, 7, 20, 30)]
    after = [_placed(1, 7, 90, 100), _placed(2, 7, 60, 70)]
    assert _kinds(before, after) == [(2, "later", 50), (1, "later", 90), (3, "removed", 0)]

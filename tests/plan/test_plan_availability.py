"""When a machine that is down is expected back."""

from __future__ import annotations

import pytest

from domain.plan.availability import expected_back_ms
from domain.plan.policy import Policy

MINUTE = 60_000
NOW = 1_000 * MINUTE
POLICY = Policy(down_threshold_ms=2 * MINUTE, repair_ms=40 * MINUTE)


@pytest.mark.parametrize("state", ["running", "stopped", "setup", "idle", "offline"])
def test_only_a_machine_that_is_down_is_unavailable(state: str) -> None:
    assert expected_back_ms(state, NOW - 60 * MINUTE, NOW, POLICY) is None


@pytest.mark.parametrize(
    ("since", "back"),
    [
        (0, None),
        (2 * MINUTE - 1, None),
        (2 * MINUTE, 38 * MINUTE),
        (35 * MINUTE, 5 * MINUTE),
        (36 * MINUTE - 1, 4 * MINUTE + 1),
        (36 * MINUTE, 10 * MINUTE),
        (500 * MINUTE, 10 * MINUTE),
    ],
    ids=[
        "it went down this moment",
        "a micro-stop",
        "just no micro-stop",
        "in repair",
        "a tenth of the repair left",
        "nearly over: a quarter more",
        "overdue",
    ],
)
def test_a_repair_takes_its_time_from_its_beginning(since: int, back: int | None) -> None:
    expected = None if back is None else NOW + back
    assert expected_back_ms("down", NOW - since, NOW, POLICY) == expected


def test_without_a_threshold_it_counts_at_once() -> None:
    policy = Policy(down_threshold_ms=0, repair_ms=40 * MINUTE)
    assert expected_back_ms("down", NOW, NOW, policy) == NOW + 40 * MINUTE
    assert expected_back_ms("down", None, NOW, policy) == NOW + 40 * MINUTE


def test_it_is_given_a_second_at_least() -> None:
    policy = Policy(down_threshold_ms=0, repair_ms=1_000)
    assert expected_back_ms("down", NOW - MINUTE, NOW, policy) == NOW + 1_000

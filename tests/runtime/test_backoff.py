"""Pauses grow, are bounded, and differ between those who wait at the same time."""

from __future__ import annotations

import random

from runtime.backoff import Backoff


def pauses(seed: int, count: int = 8) -> list[float]:
    backoff = Backoff(first_s=0.1, last_s=2.0, chance=random.Random(seed))
    return [backoff.pause_s() for _ in range(count)]


def test_each_pause_is_between_half_and_the_whole_of_a_doubling_time() -> None:
    wholes = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    for seed in range(50):
        for pause, whole in zip(pauses(seed), wholes, strict=True):
            assert whole / 2 <= pause <= whole


def test_two_who_lost_the_same_server_do_not_come_back_together() -> None:
    together = {tuple(round(pause, 4) for pause in pauses(seed)) for seed in range(50)}
    assert len(together) == 50


def test_after_a_success_it_begins_anew() -> None:
    backoff = Backoff(first_s=0.1, last_s=2.0, chance=random.Random(1))
    for _ in range(5):
        backoff.pause_s()
    backoff.reset()
    assert backoff.pause_s() <= 0.1


def test_the_machines_own_chance_is_used_when_none_is_given() -> None:
    first = [Backoff(first_s=1.0, last_s=1.0).pause_s() for _ in range(20)]
    assert len(set(first)) > 1

"""The names of processes, and what several of them say together."""

from __future__ import annotations

import os
import socket

import pytest
from redis.asyncio import Redis

from launch.vitals import Vitals
from runtime.health import (
    Health,
    HealthState,
    distinct,
    instance_of,
    key_of,
    report,
    worst,
)


def word(
    instance: str, state: HealthState = HealthState.OK, *, at_ms: int = 0, pid: int = 1
) -> Health:
    return Health(service="streams", instance=instance, state=state, at_ms=at_ms, pid=pid)


class TestInstanceOf:
    def test_the_embedded_installation_needs_none(self) -> None:
        assert instance_of("embedded://") == ""

    def test_on_kafka_machine_and_process_or_what_it_is_called(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("GEMBA_INSTANCE", raising=False)
        assert instance_of("kafka://a") == f"{socket.gethostname()}-{os.getpid()}"
        assert instance_of("kafka+ssl://a", pid=7) == f"{socket.gethostname()}-7"
        monkeypatch.setenv("GEMBA_INSTANCE", "worker-2")
        assert instance_of("kafka://a") == "worker-2"


class TestTogether:
    def test_the_newest_word_of_each(self) -> None:
        old, new, other = word("a", at_ms=1), word("a", at_ms=2), word("b", at_ms=1)
        assert distinct([new, old, other]) == [new, other]

    def test_a_service_is_as_bad_as_its_worst(self) -> None:
        failed = word("b", HealthState.FAILED)
        assert worst([word("a"), failed, word("c", HealthState.DEGRADED)]) == failed


async def test_each_has_a_key_and_a_supervisor_hears_its_own(redis_url: str) -> None:
    class Status:
        pid = 7

    class Child:
        name = "streams"
        status = Status()

    async with Redis.from_url(redis_url) as redis:
        ours = word(instance_of("kafka://a", pid=7), pid=7, at_ms=1)
        await report(redis, ours)
        await report(redis, word("elsewhere-9", pid=9, at_ms=2))
        assert await redis.exists(key_of("streams", ours.instance), key_of("streams")) == 2
        vitals = Vitals(redis)
        vitals.add(Child())  # type: ignore[arg-type] # the part of a child that is asked
        await vitals.ask("streams")
        assert vitals.last_word_of("streams") == ours

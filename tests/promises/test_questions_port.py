"""The way to the planner and back, over a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
from redis.asyncio import Redis

from contracts.new_work import NewStep, NewWay, NewWork
from contracts.questions import (
    Answer,
    Asked,
    InForce,
    Promised,
    PromiseQuestion,
    Refused,
    WithoutHarm,
)
from runtime import tasks
from store.live_channels import connect_redis
from store.questions import MOST_WAITING, TURN_LIFETIME_MS, Desk, NoAnswerError, Questions

QUESTION = PromiseQuestion(
    works=(
        NewWork(
            item="bracket",
            quantity=Decimal("2.5"),
            steps=(
                NewStep(
                    number=10,
                    ways=(NewWay(machine=1, cycle_ms=60_000),),
                    transfer_batch=Decimal(1),
                    needs=("welder=2",),
                ),
            ),
            otherwise_ms=1_700_000_000_000,
        ),
    )
)
PATIENCE_S = 20.0


def refused(who: str) -> Refused:
    return Refused(code="test", detail=who)


class Planner:
    """A desk that answers everything with its name."""

    def __init__(self, redis: Redis, name: str, scopes: list[str]) -> None:
        self.desk = Desk(redis)
        self.name = name
        self.scopes = scopes
        self.held: list[str] = []
        self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            self.held = await self.desk.hold(self.scopes)
            if not self.held:
                await asyncio.sleep(0.05)
                continue
            asked = await self.desk.next(self.held, within_s=0.1)
            if asked is not None:
                await self.desk.answer(asked, refused(f"{self.name} {asked.scope}"))

    async def until_held(self, *scopes: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not set(scopes) <= set(self.held):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)

    async def vanish(self) -> None:
        """Be gone without a word, as after SIGKILL."""
        await tasks.end([self.task])


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connect_redis(redis_url) as client:
        yield client


@pytest.fixture
async def questions(redis_url: str) -> AsyncIterator[Questions]:
    made = Questions(connect_redis(redis_url))
    yield made
    await made.aclose()


def test_messages_come_back_as_they_were() -> None:
    answer: Answer = Promised(
        in_force=InForce(plan_id=1, number=2, as_of_ms=3, pending=False),
        valid_until_ms=4,
        without_harm=WithoutHarm(ends_ms=(5,), made=(True,), operations=()),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=Answer) == answer
    asked = Asked(id="a", scope="plant-1", question=QUESTION)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(asked), type=Asked) == asked


async def test_nobody_is_asked_where_nobody_plans(questions: Questions, redis: Redis) -> None:
    with pytest.raises(NoAnswerError, match="no planner is running") as caught:
        await questions.ask("plant-1", QUESTION)
    assert (caught.value.code, caught.value.scope) == ("no_planner", "plant-1")
    assert await redis.keys("gemba:question*") == []


async def test_each_scope_is_answered_by_who_plans_it(questions: Questions, redis: Redis) -> None:
    one = Planner(redis, "one", ["plant-1"])
    two = Planner(redis, "two", ["plant-2"])
    await one.until_held("plant-1")
    await two.until_held("plant-2")
    answers = await asyncio.gather(
        *(questions.ask(scope, QUESTION) for scope in ("plant-1", "plant-2") * 10)
    )
    assert answers == [refused("one plant-1"), refused("two plant-2")] * 10
    await one.vanish()
    await two.vanish()


async def test_two_planners_do_not_answer_for_one_scope(questions: Questions, redis: Redis) -> None:
    first = Planner(redis, "first", ["plant-1"])
    await first.until_held("plant-1")
    second = Planner(redis, "second", ["plant-1", "plant-2"])
    await second.until_held("plant-2")
    assert second.held == ["plant-2"]
    assert await questions.ask("plant-1", QUESTION) == refused("first plant-1")
    await first.vanish()
    await first.desk.leave(["plant-1"])
    await second.until_held("plant-1")
    assert await questions.ask("plant-1", QUESTION) == refused("second plant-1")
    await second.vanish()


async def test_a_planner_that_is_gone_is_replaced_while_somebody_waits(
    questions: Questions, redis: Redis
) -> None:
    """The first one takes the question with it."""
    first = Desk(redis)
    assert await first.hold(["plant-1"]) == ["plant-1"]
    waiting = asyncio.create_task(questions.ask("plant-1", QUESTION, timeout_s=PATIENCE_S))
    assert await first.next(["plant-1"], within_s=PATIENCE_S) is not None
    second = Planner(redis, "second", ["plant-1"])
    assert await waiting == refused("second plant-1")
    await second.vanish()


async def test_who_waits_hears_that_the_last_planner_is_gone(
    questions: Questions, redis: Redis
) -> None:
    desk = Desk(redis)
    await desk.hold(["plant-1"])
    began = time.monotonic()
    with pytest.raises(NoAnswerError) as caught:
        await questions.ask("plant-1", QUESTION, timeout_s=PATIENCE_S)
    assert caught.value.code == "no_planner"
    assert time.monotonic() - began >= TURN_LIFETIME_MS / 1_000 - 0.5


async def test_an_answer_that_does_not_come_in_time_is_not_waited_for(
    questions: Questions, redis: Redis
) -> None:
    desk = Desk(redis)
    await desk.hold(["plant-1"])
    with pytest.raises(NoAnswerError, match=r"within 0\.2 s") as caught:
        await questions.ask("plant-1", QUESTION, timeout_s=0.2)
    assert caught.value.code == "no_answer"
    # Nobody waits any more, so it is not worked on either.
    async with asyncio.timeout(PATIENCE_S):
        while await redis.keys("gemba:question:*"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    assert await desk.next(["plant-1"], within_s=1.0) is None


async def test_too_many_questions_are_turned_away(questions: Questions, redis: Redis) -> None:
    desk = Desk(redis)
    await desk.hold(["plant-1"])
    await redis.rpush("gemba:questions:plant-1", *(["nobody's"] * MOST_WAITING))
    with pytest.raises(NoAnswerError) as caught:
        await questions.ask("plant-1", QUESTION)
    assert caught.value.code == "busy"


async def test_what_cannot_be_read_is_told_and_taken_away(redis: Redis) -> None:
    desk = Desk(redis)
    await desk.hold(["plant-1"])
    await redis.set("gemba:question:x", b"\xc1")
    await redis.rpush("gemba:questions:plant-1", "x")
    with pytest.raises(msgspec.MsgspecError):
        await desk.next(["plant-1"], within_s=1.0)
    assert await desk.next(["plant-1"], within_s=0.1) is None


async def test_redis_that_is_away_is_told() -> None:
    questions = Questions(connect_redis("redis://127.0.0.1:1/0"))
    with pytest.raises(NoAnswerError, match="Redis is away") as caught:
        await questions.ask("plant-1", QUESTION)
    assert caught.value.code == "away"
    await questions.aclose()

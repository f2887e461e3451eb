"""Requests that wait are carried out together: who with whom, and what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from api.gathering import Apart, Gathering


class Work:
    """Carries wishes out when it is told to, and notes which came together."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.may_end = asyncio.Event()
        self.fails: Exception | None = None

    async def carry_out(self, wishes: Sequence[str]) -> Sequence[str | Exception]:
        """Answers `done <wish>`; a wish called `bad…` is answered by an error."""
        self.groups.append(list(wishes))
        await self.may_end.wait()
        if self.fails is not None:
            raise self.fails
        return [ValueError(wish) if wish.startswith("bad") else f"done {wish}" for wish in wishes]


@pytest.fixture
def work() -> Work:
    return Work()


async def wish(gathering: Gathering, work: Work, *wishes: str) -> list[asyncio.Task[str]]:
    """Wishes made one after the other, each waiting for its answer."""
    made = []
    for one in wishes:
        taking = gathering.take(one, work.carry_out, keys=frozenset(one.split("-")[1:]))
        made.append(asyncio.create_task(taking))
        await asyncio.sleep(0)
    return made


class TestGroups:
    async def test_the_first_goes_alone_and_who_came_meanwhile_together(self, work: Work) -> None:
        gathering = Gathering()
        made = await wish(gathering, work, "a", "b", "c")
        assert work.groups == [["a"]]
        work.may_end.set()
        assert await asyncio.gather(*made) == ["done a", "done b", "done c"]
        assert work.groups == [["a"], ["b", "c"]]
        assert (gathering.groups, gathering.members) == (2, 3)

    async def test_who_shares_a_key_comes_one_after_the_other(self, work: Work) -> None:
        made = await wish(Gathering(), work, "a", "b-1", "c-1", "d-2-1", "e-2", "f")
        work.may_end.set()
        await asyncio.gather(*made)
        assert work.groups == [["a"], ["b-1", "f"], ["c-1"], ["d-2-1"], ["e-2"]]

    async def test_a_group_weighs_no_more_than_it_may(self, work: Work) -> None:
        gathering = Gathering(most=3)
        made = await wish(gathering, work, "a")
        for one, weight in (("b", 2), ("c", 2), ("d", 1), ("e", 9)):
            taking = gathering.take(one, work.carry_out, weight=weight)
            made.append(asyncio.create_task(taking))
            await asyncio.sleep(0)
        work.may_end.set()
        await asyncio.gather(*made)
        assert work.groups == [["a"], ["b"], ["c", "d"], ["e"]]


class TestFailures:
    async def test_an_error_of_one_is_raised_to_that_one(self, work: Work) -> None:
        made = await wish(Gathering(), work, "a", "bad", "c")
        work.may_end.set()
        answers = await asyncio.gather(*made, return_exceptions=True)
        assert answers[0] == "done a"
        assert isinstance(answers[1], ValueError)
        assert answers[2] == "done c"

    async def test_when_a_group_breaks_each_goes_on_for_itself(self, work: Work) -> None:
        work.fails = psycopg.errors.LockNotAvailable("somebody holds it")
        made = await wish(Gathering(), work, "a", "b", "c")
        work.may_end.set()
        answers = await asyncio.gather(*made, return_exceptions=True)
        assert all(isinstance(answer, Apart) for answer in answers)

    async def test_when_the_database_is_away_all_are_told(self, work: Work) -> None:
        work.fails = psycopg.OperationalError("the connection is closed")
        made = await wish(Gathering(), work, "a", "b")
        work.may_end.set()
        answers = await asyncio.gather(*made, return_exceptions=True)
        assert [type(answer) for answer in answers] == [psycopg.OperationalError] * 2

    async def test_who_has_gone_is_left_out_and_the_others_go_on(self, work: Work) -> None:
        first, gone, last = await wish(Gathering(), work, "a", "b", "c")
        gone.cancel()
        await asyncio.sleep(0)
        work.may_end.set()
        assert [await first, await last] == ["done a", "done c"]
        assert work.groups == [["a"], ["c"]]

    async def test_who_goes_during_the_work_keeps_nobody(self, work: Work) -> None:
        first, second = await wish(Gathering(), work, "a", "b")
        first.cancel()
        await asyncio.sleep(0)
        work.may_end.set()
        assert await second == "done b"
        assert first.cancelled()

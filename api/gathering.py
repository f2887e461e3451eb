"""Requests that are carried out together, in one transaction, when several wait.

A transaction costs the same round trips whether it takes in one document or fifty, and while one is
under way further requests come in. So they are gathered: whoever comes first starts at once and
alone, those who come meanwhile make the next group. Nobody waits for company.

What makes a group fail does not fail its members: each is then carried out for itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import psycopg

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")
logger: Final = logging.getLogger("gemba.api")
_MOST: Final = 50
"""What a group weighs at most, so that the first of it does not wait long for the last."""


class Apart(Exception):  # noqa: N818 - not an error of anybody's: the request goes alone
    """The request has to be carried out for itself."""


@dataclass(frozen=True, eq=False)
class _Member(Generic[Wish, Answer]):
    wish: Wish
    keys: frozenset[Hashable]
    weight: int
    carry_out: Callable[[Sequence[Wish]], Awaitable[Sequence[Answer | Exception]]]
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gathering:
    """Gathers requests; one group at a time is at work.

    Args:
        most: what the members of a group weigh together at most; one alone may weigh more.

    Attributes:
        groups: how many were begun.
        members: how many requests were in them.
    """

    def __init__(self, *, most: int = _MOST) -> None:
        self.groups = 0
        self.members = 0
        self._most = most
        self._waiting: deque[_Member[Any, Any]] = deque()
        self._at_work: asyncio.Task[None] | None = None

    async def take(
        self,
        wish: Wish,
        carry_out: Callable[[Sequence[Wish]], Awaitable[Sequence[Answer | Exception]]],
        *,
        keys: frozenset[Hashable] = frozenset(),
        weight: int = 1,
    ) -> Answer:
        """Have a wish carried out together with others; answers what is its own.

        Args:
            wish: what is wanted.
            carry_out: carries wishes out, all or none of them, and answers each in its order; an
                exception among the answers is raised to whoever wished. It is the same function for
                all wishes of a gathering.
            keys: two wishes that share one are never in the same group, so that one sees what the
                other did.
            weight: how much work it is, beside others.

        Raises:
            Apart: the group failed, so this wish has to be carried out for itself.
        """
        member = _Member(wish, keys, weight, carry_out)
        self._waiting.append(member)
        self._begin()
        return await member.answer

    def _begin(self) -> None:
        if self._at_work is None and (group := self._next()):
            self._at_work = asyncio.create_task(self._work(group), name="gathering")
            self._at_work.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._at_work = None
        self._begin()

    def _next(self) -> list[_Member[Any, Any]]:
        """Who is next, first come first; who shares a key with somebody before waits."""
        group: list[_Member[Any, Any]] = []
        later: list[_Member[Any, Any]] = []
        taken: set[Hashable] = set()
        weight = 0
        while self._waiting:
            member = self._waiting.popleft()
            if member.answer.done():  # whoever wished has gone
                continue
            if group and weight + member.weight > self._most:
                later.append(member)
                break
            if member.keys & taken:
                later.append(member)
            else:
                group.append(member)
                weight += member.weight
            taken |= member.keys
        self._waiting.extendleft(reversed(later))
        return group

    async def _work(self, group: Sequence[_Member[Any, Any]]) -> None:
        self.groups += 1
        self.members += len(group)
        try:
            answers = await group[0].carry_out([member.wish for member in group])
        except Exception as error:
            if not _concerns_all(error):
                if not isinstance(error, psycopg.Error):
                    logger.exception("a group of requests broke off; each goes on for itself")
                answers = [Apart() for _ in group]
            else:
                answers = [error for _ in group]
        except BaseException:
            for member in group:
                member.answer.cancel()
            raise
        for member, answer in zip(group, answers, strict=True):
            if member.answer.done():
                continue
            if isinstance(answer, Exception):
                member.answer.set_exception(answer)
            else:
                member.answer.set_result(answer)


def _concerns_all(error: Exception) -> bool:
    """Whether a request alone would fail in the same way: the database is not there."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None

"""Taking down what is wrong with a document while it is read."""

from __future__ import annotations

import msgspec

from connectors.texts import clean
from domain.documents import Problem, Severity

MAX_VALUE_CHARACTERS = 200
MAX_PROBLEM_CHARACTERS = 1_000
MAX_PROBLEMS = 5_000
"""Told of one file. Who has more wrong cells than that has mapped the wrong columns."""


class Problems:
    """The problems of a file. Only so many are kept; that there were more is told at the end."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._left_out = 0

    def add(self, problem: Problem) -> None:
        """Take one down; its value is cut."""
        if len(self._kept) >= MAX_PROBLEMS:
            self._left_out += 1
            return
        self._kept.append(_presentable(problem))

    def told(self) -> tuple[Problem, ...]:
        """All of them, in the order in which they were found."""
        if not self._left_out:
            return tuple(self._kept)
        more = Problem(
            severity=Severity.WARNING,
            code="more_problems",
            place="whole file",
            problem=f"{self._left_out} further problems are not listed",
        )
        return (*self._kept, more)


def _presentable(problem: Problem) -> Problem:
    """A problem that can be kept and shown, whatever the document has put into it."""
    value = problem.value
    return msgspec.structs.replace(
        problem,
        value=clean(value[:MAX_VALUE_CHARACTERS]) if value is not None else None,
        problem=clean(problem.problem[:MAX_PROBLEM_CHARACTERS]),
        place=clean(problem.place[:MAX_PROBLEM_CHARACTERS]),
    )


def whole_file(
    code: str, problem: str, *, place: str = "whole file", value: str | None = None
) -> Problem:
    """An error because of which nothing of the bytes is taken in."""
    return _presentable(
        Problem(severity=Severity.ERROR, code=code, place=place, problem=problem, value=value)
    )


def too_large(size: int, limit: int) -> Problem:
    """An error: more bytes than are looked at."""
    return whole_file(
        "too_large",
        f"the document has {size} bytes, and no more than {limit} are looked at; send it in parts",
    )

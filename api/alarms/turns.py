"""Who is on call when, by a rota that is in force or that somebody is about to change."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from api.alarms.defining import read_definition
from api.alarms.schemas import AlarmDefinitionKind, RotaAsked, RotaTurn, RotaTurns
from api.errors import ProblemError
from domain.alarms.rotas import Rota
from domain.alarms.turns import TooManyTurnsError, turns

_LONGEST: Final = timedelta(days=92)


async def turns_of(wanted: RotaAsked) -> RotaTurns:
    """The turns of a rota.

    Raises:
        ProblemError: it is none, or the time is none or too long.
    """
    rota = read_definition(AlarmDefinitionKind.ROTAS, wanted.rota)
    assert isinstance(rota, Rota)  # noqa: S101 - of that kind
    if not timedelta() < wanted.end - wanted.start <= _LONGEST:
        raise _invalid(f"start must lie before end, by {_LONGEST.days} days at most")
    try:
        # In a thread: the answer to others does not wait for it.
        found = await asyncio.to_thread(turns, rota, wanted.start, wanted.end)
    except TooManyTurnsError as error:
        raise _invalid(str(error)) from error
    return RotaTurns(
        items=[RotaTurn(member=each.member, start=each.start, end=each.end) for each in found]
    )


def _invalid(words: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", words)

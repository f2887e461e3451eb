"""Trying a rule on the past."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from api.alarms.defining import read_definition
from api.alarms.schemas import AlarmDefinitionKind, AlarmEpisode, AlarmTrial, AlarmTrialled
from api.context import Context
from api.errors import ProblemError
from api.fields import required_moment
from domain.alarms.rates import Annunciation, rates
from domain.alarms.rules import Rule
from domain.alarms.trying import try_on
from store.alarms import past
from store.alarms.past_limits import TooMuchError

_MOST_EPISODES: Final = 1_000


async def try_rule(context: Context, wanted: AlarmTrial) -> AlarmTrialled:
    """What a rule would have raised.

    Raises:
        ProblemError: it is none, or the past of what it watches for is not kept, or is too long.
    """
    rule = read_definition(AlarmDefinitionKind.RULES, {**wanted.rule, "enabled": True})
    assert isinstance(rule, Rule)  # noqa: S101 - of that kind
    from_ms = round(wanted.start.timestamp() * 1000)
    until_ms = min(round(wanted.end.timestamp() * 1000), context.clock.now_ms())
    if until_ms <= from_ms:
        raise _invalid("start must lie before end, and in the past")
    async with context.connection() as connection:
        try:
            told = await past.read_past(
                connection, rule.condition, from_ms=from_ms, until_ms=until_ms
            )
        except past.NotKeptError as error:
            raise _invalid(str(error), code="past-not-kept", kind=error.kind) from error
        except TooMuchError as error:
            raise _invalid(str(error), code="past-too-long") from error
    # In a thread: the answer to others does not wait for a week going by.
    trial = await asyncio.to_thread(try_on, [rule], told.timelines, until_ms=until_ms)
    measured = rates(
        [
            Annunciation(each.raised_ms, each.cause, each.rule, rule.priority)
            for each in trial.episodes
        ],
        (),
        from_ms=from_ms,
        until_ms=until_ms,
    )
    return AlarmTrialled(
        episodes=[
            AlarmEpisode(
                cause=each.cause,
                subject=each.subject,
                site=each.site,
                raised=required_moment(each.raised_ms),
                cleared=None if each.cleared_ms is None else required_moment(each.cleared_ms),
                value=each.value,
                limit=each.limit,
            )
            for each in trial.episodes[:_MOST_EPISODES]
        ],
        total=len(trial.episodes),
        per_hour=round(measured.per_hour, 3),
        floods=len(measured.floods),
        chattering=list(measured.chattering),
        looked_at=trial.looks,
        basis=told.basis,
    )


def _invalid(words: str, *, code: str | None = None, **params: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", words, code=code, params=params)

"""Asking the planner on behalf of a request that has no answer without it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from api.context import Context
from api.errors import ProblemError
from contracts.questions import Answer, Question
from store.questions import TIMEOUT_S, NoAnswerError

RETRY_AFTER_S: Final = 2
_WHAT_TO_DO: Final = {
    "no_planner": "Start it (`gemba run scheduler`) or look at /readyz, then ask again.",
    "busy": "Ask again in a moment.",
    "no_answer": "Ask again; if it stays so, /readyz says how the planner is.",
    "away": "/readyz says what is wrong.",
}


async def asked(
    context: Context,
    scope: str,
    question: Question,
    *,
    timeout_s: float = TIMEOUT_S,
    lane: str = "",
) -> Answer:
    """The planner's answer.

    Args:
        context: of the request; no transaction of it should be open meanwhile.
        scope: the planning scope that is asked about.
        question: what is asked.
        timeout_s: how long an answer is waited for.
        lane: whose question it is (`store.questions`).

    Raises:
        ProblemError: 503: there is none; `code` says why and `detail` what to do.
    """
    try:
        return await context.questions.ask(scope, question, timeout_s=timeout_s, lane=lane)
    except NoAnswerError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            f"The planner gives no answer: {error}. {_WHAT_TO_DO[error.code]}",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            code=error.code,
            params={"scope": scope},
        ) from error

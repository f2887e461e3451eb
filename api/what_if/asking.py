"""Asking the planner, and what it says no to as a problem of the request or of how things are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, TypeVar

from api.asking import RETRY_AFTER_S, asked
from api.context import Context
from api.errors import FieldProblem, ProblemError
from contracts.questions import Question, Refused
from store.questions import WHAT_IF

T = TypeVar("T")

_WAIT_S: Final = 20.0
"""Beyond what it may take to look for a better plan."""
_OF_THE_REQUEST: Final = frozenset(
    {
        "unknown_operation",
        "unknown_machine",
        "unknown_order",
        "running",
        "no_mode",
        "not_there",
        "pinned_there",
        "no_steps",
        "policy",
        "empty_span",
        "unknown_resource",
        "several_sites",
        "one_piece",
        "decided",
        "no_resource",
        "too_long",
    }
)
"""What the planner refuses for what was asked, not for how things are."""


async def answered(
    context: Context, scope: str, question: Question, kind: type[T], *, timeout_s: float = 0.0
) -> T:
    """The planner's answer.

    Raises:
        ProblemError: it refuses, or there is no planner.
    """
    answer = await asked(context, scope, question, timeout_s=_WAIT_S + timeout_s, lane=WHAT_IF)
    if isinstance(answer, Refused):
        raise _refused(answer)
    assert isinstance(answer, kind)  # noqa: S101 - each question has its answer
    return answer


def _refused(refused: Refused) -> ProblemError:
    """What the planner says no to, for whoever asked."""
    params: dict[str, str | int | float] = dict(refused.params)
    if refused.code in _OF_THE_REQUEST:
        index = refused.params.get("index")
        field = f"changes[{index}]" if index is not None else "body"
        errors = [
            FieldProblem(field=field, problem=refused.detail, code=refused.code, params=params)
        ]
        return ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{field}: {refused.detail}",
            errors=errors,
            code=refused.code,
            params=params,
        )
    away = refused.code in ("busy", "broken")
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.CONFLICT,
        "unavailable" if away else "conflict",
        refused.detail[:1].upper() + refused.detail[1:] + ".",
        headers={"Retry-After": str(RETRY_AFTER_S)} if refused.code == "busy" else None,
        code=refused.code,
        params=params,
    )

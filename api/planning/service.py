"""Planning scopes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.errors import ProblemError


async def planning_list(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def planning(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def put_policy(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def request_plan(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def plan_list(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")

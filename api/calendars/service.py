"""Calendars."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.errors import ProblemError


async def calendar(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def put_calendar(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")

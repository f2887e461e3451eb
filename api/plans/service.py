"""Plan versions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.errors import ProblemError


async def plan(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def operations(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def differences(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def publish(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")


async def discard(*args: Any, **kwargs: Any) -> Any:
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Planning is being built.")

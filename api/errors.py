"""Errors as RFC 9457 problem details. Nothing of the inside goes out: no trace, no secret."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import msgspec
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.errors import ConflictError, NotFoundError, StoreError, UnknownReferenceError
from store.log import LogError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 2
_LONGEST_VALUE: Final = 200
_SECRET_FIELDS: Final = frozenset({"password", "token", "secrets"})

logger = logging.getLogger("gemba.api")


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="Where it stands: `lines[0].quantity`, `limit`.")
    value: Any = Field(default=None, description="What was sent there; never a secret.")
    problem: str = Field(description="What is wrong with it, in words.")
    code: str | None = Field(default=None, description="The same for programs: `greater_than`.")
    params: dict[str, str | int | float] | None = Field(
        default=None, description="The values that its words are made with."
    )


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="`urn:gemba:problem:<kind>`")
    title: str
    status: int
    detail: str
    code: str | None = Field(
        default=None,
        description="What `detail` says, for programs: stable, narrower than `type` or the same.",
    )
    params: dict[str, str | int | float] | None = Field(
        default=None, description="The values that `detail` is made with."
    )
    errors: list[FieldProblem] | None = Field(default=None, description="By field, where it helps.")
    id: str | None = Field(default=None, description="Names the entry in the service's log.")


class ProblemError(Exception):
    """A request that ends here, with what to tell its sender."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] | None = None,
        code: str | None = None,
        params: Mapping[str, str | int | float] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.code = code
        self.params = dict(params or {})
        self.headers = dict(headers or {})
        self.errors = list(errors) if errors is not None else None


class ErrorBoundary:
    """ASGI middleware: what nobody foresaw is logged under an id, and only the id goes out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer 500 when that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:
            error_id = uuid4().hex
            route = getattr(scope.get("route"), "path", "?")
            logger.exception("error %s in %s %s", error_id, scope["method"], route)
            if started:
                raise
            response = problem_response(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here; the log of the service says what, under this id.",
                error_id=error_id,
            )
            await response(scope, receive, send)


def problem_response(
    status: HTTPStatus,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldProblem] | None = None,
    error_id: str | None = None,
    code: str | None = None,
    params: Mapping[str, str | int | float] | None = None,
) -> Response:
    """A problem as a response. `code`: what is narrower than `kind`."""
    problem = Problem(
        type=f"urn:gemba:problem:{kind}",
        title=status.phrase,
        status=status.value,
        detail=detail,
        code=code or kind,
        params=dict(params) if params else None,
        errors=list(errors) if errors is not None else None,
        id=error_id,
    )
    return Response(
        msgspec.json.encode(problem.model_dump(exclude_none=True)),
        status_code=status.value,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(StoreError, _on_store)
    app.add_exception_handler(psycopg.DataError, _on_unstorable)
    for away in (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        RedisError,
        LogError,
    ):
        app.add_exception_handler(away, _on_away)


def safe_value(value: object) -> Any:
    """A value as it may be told back: JSON, and not too long."""
    match value:
        case None | bool():
            return value
        case int() if abs(value) < 2**53:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            text = value if isinstance(value, str) else repr(value)
            shown = text.encode("utf-8", "replace").decode()
            return shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + "…"


async def _on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for it
    return problem_response(
        error.status,
        error.kind,
        str(error),
        headers=error.headers,
        errors=error.errors,
        code=error.code,
        params=error.params,
    )


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    problems = [_field_problem(entry) for entry in error.errors()]
    count = "A field" if len(problems) == 1 else f"{len(problems)} fields"
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"{count} of the request cannot be taken: "
        + "; ".join(f"{problem.field}: {problem.problem}" for problem in problems[:5]),
        errors=problems,
    )


def _field_problem(entry: Mapping[str, Any]) -> FieldProblem:
    place, *rest = entry["loc"]
    if entry["type"] == "json_invalid":
        reason = entry.get("ctx", {}).get("error", "")
        return FieldProblem(field="body", problem=f"is not JSON: {reason}")
    field = ""
    for part in rest:
        if isinstance(part, int):
            field += f"[{part}]"
        else:
            field += f".{part}" if field else str(part)
    secret = any(part in _SECRET_FIELDS for part in rest) or not rest
    missing = entry["type"] == "missing"
    return FieldProblem(
        field=field or str(place),
        value=None if secret or missing else safe_value(entry.get("input")),
        problem=str(entry["msg"]),
        code=str(entry["type"]),
        params=None if secret else _params_of(entry.get("ctx")),
    )


def _params_of(context: object) -> dict[str, str | int | float] | None:
    """The limits that a value was compared with."""
    if not isinstance(context, Mapping):
        return None
    found: dict[str, str | int | float] = {
        str(name): value if isinstance(value, int) else str(safe_value(value))
        for name, value in context.items()
        if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool)
    }
    return found or None


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request's body is too large.",
    }
    return problem_response(
        status,
        status.phrase.lower().replace(" ", "-"),
        details.get(status, str(error.detail)),
        headers=error.headers,
    )


@dataclass(frozen=True)
class Said:
    """What an error says, besides its words, in a form that can be said in another language."""

    code: str
    params: dict[str, str | int | float] | None = None
    errors: list[FieldProblem] | None = None


def said(error: StoreError | ProblemError) -> Said:
    """The code, the values and the single reasons of an error."""
    match error:
        case ProblemError():
            return Said(error.code or error.kind, error.params or None, error.errors)
        case NotFoundError():
            return Said("not-found", {"kind": error.kind, "name": str(safe_value(error.name))})
        case UnknownReferenceError():
            code = error.code or "unknown-reference"
            params = dict(error.params) or {
                "field": error.field,
                "value": str(safe_value(error.value)),
            }
            problem = FieldProblem(
                field=error.field,
                value=safe_value(error.value),
                problem=error.problem,
                code=code,
                params=params,
            )
            return Said(code, params, [problem])
        case _:
            found = [
                FieldProblem(
                    field=fault.place,
                    problem=fault.problem,
                    code=fault.code,
                    params=fault.params or None,
                )
                for fault in error.faults
            ]
            return Said(error.code or "conflict", dict(error.params) or None, found or None)


async def _on_store(_request: Request, error: Exception) -> Response:
    match error:
        case NotFoundError():
            status, kind = HTTPStatus.NOT_FOUND, "not-found"
            detail = f"There is no {error.kind} {safe_value(error.name)!r}."
        case UnknownReferenceError():
            status, kind = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"
            detail = f"{error.field}: {error.problem}"
        case ConflictError():
            status, kind, detail = HTTPStatus.CONFLICT, "conflict", str(error)
        case _:
            raise error
    told = said(error)
    return problem_response(
        status, kind, detail, errors=told.errors, code=told.code, params=told.params
    )


async def _on_unstorable(_request: Request, error: Exception) -> Response:
    logger.warning("a request held what no column takes: %s", type(error).__name__)
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        "A value of the request is outside of what can be stored.",
    )


async def _on_away(_request: Request, error: Exception) -> Response:
    logger.warning("answered 503: %s: %s", type(error).__name__, error)
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "A part of the installation does not answer at the moment; try again shortly.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )

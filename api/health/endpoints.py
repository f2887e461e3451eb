"""Whether the process works, whether the installation does, and the figures of both."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from api.auth.principal import MetricsReader, Principal, bearer_scheme, cookie_scheme, signed_in
from api.context import RequestContext
from api.errors import ProblemError
from api.health import service
from api.health.schemas import Alive, Readiness
from domain.access import Permission

router = APIRouter(tags=["health"])


async def _perhaps_signed_in(
    request: Request,
    context: RequestContext,
    cookie: Annotated[str | None, Security(cookie_scheme)] = None,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)] = None,
) -> Principal | None:
    """Whoever asks, if that can be told: health must answer when the database does not."""
    try:
        return await signed_in(request, context, cookie, bearer)
    except (ProblemError, psycopg.Error):
        return None


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Alive:
    """The process works."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="readyz",
    responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness}},
)
async def readyz(
    context: RequestContext,
    response: Response,
    principal: Annotated[Principal | None, Depends(_perhaps_signed_in)],
) -> Readiness:
    """How each part of the installation is; 503 when one of them is down.

    Who is signed in is told the reasons too.
    """
    components = await service.components(context)
    down = any(component.state in ("failed", "missing") for component in components)
    if down:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    if principal is None or not principal.may(Permission.READ):
        components = [part.model_copy(update={"reason": None}) for part in components]
    return Readiness(status="not_ready" if down else "ready", components=components)


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def metrics(context: RequestContext, _principal: MetricsReader) -> Response:
    """The figures of the API and of the services, in Prometheus' text format."""
    try:
        healths = await service.service_healths(context)
    except (RedisError, OSError):
        healths = []
    return Response(context.metrics.text(healths), media_type=CONTENT_TYPE_LATEST)

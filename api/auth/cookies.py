"""The cookie that a session is."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request, Response

from api.auth.principal import COOKIE
from api.context import Context


def is_https(request: Request, context: Context) -> bool:
    """Whether browsers reach this installation by https."""
    return request.url.scheme == "https" or context.settings.public_url.startswith("https://")


def set_session_cookie(response: Response, token: str, lasting: timedelta, *, secure: bool) -> None:
    """Give the browser a session; scripts cannot read it."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(lasting.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )
    response.headers["Cache-Control"] = "no-store"


def drop_session_cookie(response: Response) -> None:
    """Make the browser forget its session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

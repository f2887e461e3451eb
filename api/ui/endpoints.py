"""The pages of the staff app and the customer's page, and the files they load."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.errors import ProblemError

STAFF_PAGES: Final = (
    "/",
    "/login",
    "/orders",
    "/orders/{rest:path}",
    "/review",
    "/promise",
    "/import",
    "/stock",
    "/outbound",
    "/master-data",
    "/alarms",
    "/alarms/{rest:path}",
    "/reports",
    "/reports/{rest:path}",
    "/own",
    "/own/{rest:path}",
    "/floor",
    "/floor/{rest:path}",
    "/plan",
    "/plan/{rest:path}",
    "/disruptions",
    "/disruptions/{rest:path}",
    "/dead-letters",
    "/terminal",
    "/terminal/{rest:path}",
)
CUSTOMER_PAGE: Final = "/t/{token}"

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"


class _HashedFiles(StaticFiles):
    """Files whose names hold a hash of their content: they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOR_GOOD
        return response


def mount(app: FastAPI, ui_dir: Path) -> None:
    """Serve the pages that are built; the others answer 404."""
    folder = ui_dir.resolve()

    async def staff_page() -> Response:
        return _page(folder / "index.html")

    async def customer_page() -> Response:
        return _page(folder / "tracking.html")

    for path in STAFF_PAGES:
        app.add_api_route(path, staff_page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route(
        CUSTOMER_PAGE, customer_page, methods=["GET", "HEAD"], include_in_schema=False
    )
    if (folder / "assets").is_dir():
        app.mount("/assets", _HashedFiles(directory=folder / "assets"))
    if folder.is_dir():
        for entry in sorted(folder.iterdir()):
            if entry.is_file() and entry.suffix != ".html":
                _serve_file(app, entry)


def _serve_file(app: FastAPI, file: Path) -> None:
    async def root_file() -> Response:
        return _page(file)

    app.add_api_route(f"/{file.name}", root_file, methods=["GET", "HEAD"], include_in_schema=False)


def _page(file: Path) -> Response:
    if not file.is_file():
        raise ProblemError(
            HTTPStatus.NOT_FOUND, "not-built", "The pages of the installation are not built."
        )
    return FileResponse(file, headers={"Cache-Control": _ASK_FIRST})

"""The API's description, for those who may use it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from api.auth.principal import Reader

router = APIRouter(prefix="/v1/openapi.json", tags=["description"])


@router.get("", operation_id="getOpenApi")
async def get_openapi(request: Request, principal: Reader) -> dict[str, Any]:
    """This API as OpenAPI 3.1."""
    del principal  # whoever may read may know what there is to read
    described: dict[str, Any] = request.app.openapi()
    return described

"""API keys: what programs show instead of a password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query

from api.auth.principal import Administrator
from api.context import RequestContext
from api.fields import Paging
from api.granting import granted, within
from api.keys.schemas import ApiKey, ApiKeyList, CreatedKey, NewKey
from store import api_keys, audit
from store.api_keys import KeyRow
from store.errors import NotFoundError

router = APIRouter(prefix="/v1/api-keys", tags=["access"])


@router.get("", operation_id="listApiKeys")
async def list_api_keys(
    context: RequestContext,
    principal: Administrator,
    page: Paging,
    revoked: Annotated[bool | None, Query(description="Only (not) revoked ones.")] = None,
) -> ApiKeyList:
    """Keys, newest first; for whoever is limited to sites or lines: those within them."""
    async with context.connection() as connection:
        rows, total = await api_keys.keys(
            connection,
            page,
            revoked=revoked,
            within_sites=sorted(principal.sites),
            within_lines=sorted(principal.lines),
        )
    return ApiKeyList(items=[_shown(row) for row in rows], total=total)


@router.post("", status_code=HTTPStatus.CREATED, operation_id="createApiKey")
async def create_api_key(
    context: RequestContext, principal: Administrator, wanted: NewKey
) -> CreatedKey:
    """Make a key: `Authorization: Bearer gk_…`. It is shown here and never again."""
    now = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
    async with context.transaction() as connection:
        rights = await granted(
            connection,
            principal,
            role=wanted.role,
            sites=wanted.sites,
            lines=wanted.lines,
            customer=wanted.customer,
        )
        row, text = await api_keys.create(
            connection,
            name=wanted.name,
            role=rights.role.value,
            created_by=principal.actor.name,
            sites=rights.sites,
            lines=rights.lines,
            customer_id=rights.customer_id,
            expires_at=now + timedelta(days=wanted.days) if wanted.days is not None else None,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ApiKeyCreated",
            object_kind="api_key",
            object_key=row.name,
            after=_told(row),
        )
    return CreatedKey(key=text, api_key=_shown(row))


@router.delete("/{key_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="revokeApiKey")
async def revoke_api_key(
    context: RequestContext,
    principal: Administrator,
    key_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
) -> None:
    """Make a key open nothing from now on."""
    async with context.transaction() as connection:
        row = await api_keys.find(connection, key_id, for_update=True)
        if row is None or not within(principal, row.sites, row.lines):
            raise NotFoundError("API key", str(key_id))
        if row.revoked_at is None:
            await api_keys.revoke(connection, key_id)
            await audit.write(
                connection,
                actor=principal.actor,
                action="ApiKeyRevoked",
                object_kind="api_key",
                object_key=row.name,
                before=_told(row),
            )


def _shown(row: KeyRow) -> ApiKey:
    fields = msgspec.structs.asdict(row)
    del fields["customer_id"]
    return ApiKey(**fields)


def _told(row: KeyRow) -> Mapping[str, object]:
    return {
        "id": row.id,
        "prefix": row.prefix,
        "role": row.role,
        "sites": row.sites,
        "lines": row.lines,
        "customer": row.customer,
        "expires_at": row.expires_at,
    }

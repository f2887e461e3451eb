"""Documents for partners: listed, fetched, acknowledged, sent again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Query, Response

from api.auth.principal import Orderer, Principal, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.idempotency import IdempotentRoute
from api.outbound.schemas import Acknowledgement, OutboundDocument, OutboundDocuments
from domain.outbound import DocumentKind, DocumentState
from store import audit
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.outbound import documents
from store.outbound.documents import DocumentRow

router = APIRouter(prefix="/v1/outbound", tags=["outbound"], route_class=IdempotentRoute)

DocumentId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_ENDINGS: Final = {"x12": "x12", "edifact": "edi", "sap-idoc": "xml"}


@router.get("", operation_id="listOutbound")
async def list_outbound(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    kind: DocumentKind | None = None,
    state: Annotated[
        DocumentState | None, Query(description="`made`: it waits to be fetched or pushed.")
    ] = None,
    channel: Wanted | None = None,
    order: Annotated[Wanted | None, Query(description="Our number.")] = None,
    work_order: Wanted | None = None,
    search: Annotated[
        Wanted | None, Query(description="Text in the order's number, here or there.")
    ] = None,
    newest_first: Annotated[bool, Query(description="For people; programs read in order.")] = False,
) -> OutboundDocuments:
    """Documents, oldest first where nothing else is asked for.

    An ERP asks with `state=made`, and acknowledges each.
    """
    wanted = documents.Wanted(
        kind=kind,
        state=state,
        channel=channel,
        order=order,
        work_order=work_order,
        search=search,
        newest_first=newest_first,
        site=sites.site,
        limited_to=sites.limited_to,
    )
    async with context.connection() as connection:
        rows, total = await documents.listed(connection, page, wanted)
    return OutboundDocuments(items=[_shown(row) for row in rows], total=total)


@router.get("/{document}", operation_id="getOutbound")
async def get_outbound(
    context: RequestContext, principal: Reader, document: DocumentId
) -> OutboundDocument:
    """One document, and what became of it."""
    async with context.connection() as connection:
        return _shown(await _known(connection, principal, document))


@router.get(
    "/{document}/content",
    operation_id="getOutboundContent",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def get_outbound_content(
    context: RequestContext, principal: Reader, document: DocumentId
) -> Response:
    """The document byte for byte. Reading it changes nothing: acknowledge it when you have it."""
    async with context.connection() as connection:
        row = await _known(connection, principal, document)
        content = await documents.content(connection, document)
    ending = _ENDINGS.get(row.format, "bin") if row.kind != DocumentKind.PRODUCTION else "json"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{row.name}-{row.id}.{ending}"',
            "X-Document-Media-Type": row.media_type,
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@router.post("/{document}/acknowledge", operation_id="acknowledgeOutbound")
async def acknowledge_outbound(
    context: RequestContext, principal: Orderer, document: DocumentId, told: Acknowledgement
) -> OutboundDocument:
    """Say that the partner's system has the document, or could not take it. A repeat does nothing.

    What was taken stays taken: 409 to `failed` after it. What failed may be taken later.
    """
    async with context.transaction() as connection:
        before = await _known(connection, principal, document, for_update=True)
        if before.state == told.state and before.reason == told.reason:
            return _shown(before)
        if before.state == DocumentState.TAKEN:
            raise ConflictError(
                f"document {document} was taken by {before.settled_by}; send it again first"
                f" (POST /v1/outbound/{document}/resend)"
            )
        await documents.settle(
            connection, document, state=told.state, by=principal.actor.name, reason=told.reason
        )
        after = await _known(connection, principal, document)
        await _tell(connection, principal, "OutboundAcknowledged", before, after)
    return _shown(after)


@router.post("/{document}/resend", status_code=HTTPStatus.ACCEPTED, operation_id="resendOutbound")
async def resend_outbound(
    context: RequestContext, principal: Orderer, document: DocumentId
) -> OutboundDocument:
    """Have a document fetched or pushed again: the same bytes, the same numbers."""
    async with context.transaction() as connection:
        before = await _known(connection, principal, document, for_update=True)
        await documents.send_again(connection, document)
        after = await _known(connection, principal, document)
        await _tell(connection, principal, "OutboundResent", before, after)
    return _shown(after)


async def _known(
    connection: Connection, principal: Principal, document: int, *, for_update: bool = False
) -> DocumentRow:
    """A document, for somebody who may know of it.

    Raises:
        NotFoundError: there is none for them.
    """
    row = await documents.find(connection, document, for_update=for_update)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("outbound document", str(document))
    return row


async def _tell(
    connection: Connection,
    principal: Principal,
    action: str,
    before: DocumentRow,
    after: DocumentRow,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        site_id=after.site_id,
        order_id=after.order_id,
        object_kind="outbound_document",
        object_key=str(after.id),
        reason=after.reason,
        before={"state": before.state},
        after={"state": after.state, "name": after.name},
    )


def _shown(row: DocumentRow) -> OutboundDocument:
    told = msgspec.structs.asdict(row)
    if row.state != DocumentState.MADE or not row.pushed:
        told["next_at"] = None
    return OutboundDocument.model_validate(told)

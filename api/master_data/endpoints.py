"""Master data as a whole, suppliers, and the rules that screens show."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.auth.principal import Configurer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Code, Paging, Reason, Wanted
from api.master_data import service, single
from api.master_data.schemas import (
    Bill,
    BillList,
    ImportOutcome,
    LeadTimeRule,
    LeadTimeRuleList,
    PriceRule,
    PriceRuleList,
    RecordList,
    Supplier,
    SupplierChange,
    SupplierList,
    shown,
)
from domain.master_data.kinds import BILLS, BY_NAME, LEAD_TIME_RULES, PRICE_RULES, SUPPLIERS
from store.errors import NotFoundError
from store.master_data import journal
from store.master_data import single as one

router = APIRouter(prefix="/v1", tags=["master data"])

_NAMES: Final = {
    "application/yaml": "master-data.yaml",
    "application/x-yaml": "master-data.yaml",
    "text/yaml": "master-data.yaml",
    "application/json": "master-data.json",
    "application/zip": "master-data.zip",
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        name: {"type": "array", "items": {"type": "object"}} for name in BY_NAME
                    },
                }
            },
            "text/csv": {"schema": {"type": "string"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class ExportFormat(StrEnum):
    """How master data is written."""

    YAML = "yaml"
    CSV_ZIP = "csv-zip"


@router.post("/master-data", operation_id="importMasterData", openapi_extra=_BODY)
async def import_master_data(
    context: RequestContext,
    principal: Configurer,
    request: Request,
    *,
    kind: Annotated[
        Code | None, Query(description="For text/csv: whose records these are.")
    ] = None,
    file: Annotated[Code | None, Query(description="What to call the file in faults.")] = None,
    dry_run: Annotated[bool, Query(description="Say what would happen; write nothing.")] = False,
    remove_missing: Annotated[
        bool, Query(description="Give up what the kinds of the file hold no more.")
    ] = False,
    remove: Annotated[
        bool,
        Query(description="Give up the records that the file names; their keys are enough."),
    ] = False,
    reason: Annotated[Reason | None, Query(description="Why, for the audit log.")] = None,
) -> ImportOutcome:
    """Take in a file of master data, all of it or nothing. With `dry_run` faults are an answer.

    A record that is there changes in the fields that the file names; what it leaves out stays. A
    mapping of kinds to lists of records is YAML or JSON; a table is CSV with `kind`; a zip holds
    several of either.
    """
    content = await request.body()
    name = _name(request.headers.get("content-type", ""), kind, file)
    return await service.import_(
        context,
        principal,
        name,
        content,
        dry_run=dry_run,
        remove_missing=remove_missing,
        remove=remove,
        reason=reason,
    )


def _name(content_type: str, kind: str | None, file: str | None) -> str:
    """What the file is called; its ending says what it is.

    Raises:
        ProblemError: it is of no kind that can be taken (415), or a table of nobody knows what.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media == "text/csv":
        if kind is None:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid",
                "kind: say whose records the table holds, as ?kind=items",
            )
        return f"{kind}.csv"
    if media not in _NAMES:
        known = ", ".join([*_NAMES, "text/csv"])
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"Content-Type {media!r} cannot be taken; send {known}.",
        )
    ending = _NAMES[media].rpartition(".")[2]
    if file is not None and file.lower().endswith((f".{ending}", ".yml", ".yaml")):
        return file
    return _NAMES[media]


@router.get(
    "/master-data",
    operation_id="exportMasterData",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/yaml": {"schema": {"type": "string"}},
                "application/zip": {"schema": {"type": "string", "format": "binary"}},
            }
        }
    },
)
async def export_master_data(
    context: RequestContext,
    principal: Reader,
    *,
    format_: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.YAML,
    kinds: Annotated[
        Wanted | None, Query(description="Only these, separated by commas, as `items,bills`.")
    ] = None,
) -> Response:
    """All master data, or some kinds of it, as a file that can be imported again."""
    names = [name.strip() for name in (kinds or "").split(",") if name.strip()]
    as_zip = format_ is ExportFormat.CSV_ZIP
    content = await service.export(context, principal, service.kinds_of(names), as_zip=as_zip)
    file = "master-data.zip" if as_zip else "master-data.yaml"
    return Response(
        content,
        media_type="application/zip" if as_zip else "application/yaml",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


@router.get("/master-data/records", operation_id="listMasterDataRecords")
async def list_records(
    context: RequestContext,
    principal: Reader,
    sites: Sites,
    page: Paging,
    *,
    kind: Annotated[Wanted, Query(description="As in an import: `items`, `shift_patterns`.")],
    search: Annotated[
        Wanted | None, Query(description="A part of its key, name, family or place.")
    ] = None,
) -> RecordList:
    """Records of a kind, as an export has them."""
    (found,) = service.kinds_of([kind])
    return await service.records(context, principal, found, page, search=search, site=sites.site)


@router.get("/suppliers", operation_id="listSuppliers")
async def list_suppliers(context: RequestContext, _principal: Reader, page: Paging) -> SupplierList:
    """Suppliers by code."""
    async with context.connection() as connection:
        records, total = await one.listed(connection, SUPPLIERS, page)
    return SupplierList(items=[shown(Supplier, each) for each in records], total=total)


@router.get("/suppliers/{code:path}", operation_id="getSupplier")
async def get_supplier(context: RequestContext, _principal: Reader, code: Wanted) -> Supplier:
    """A supplier."""
    async with context.connection() as connection:
        record = await one.find(connection, SUPPLIERS, code)
    if record is None:
        raise NotFoundError("supplier", code)
    return shown(Supplier, record)


@router.put("/suppliers/{code:path}", operation_id="putSupplier")
async def put_supplier(
    context: RequestContext, principal: Configurer, code: Code, wanted: SupplierChange
) -> Supplier:
    """Make a supplier, or change what is named of them."""
    async with context.transaction() as connection:
        change, record = await single.put(
            connection, SUPPLIERS, code, wanted.model_dump(exclude_unset=True)
        )
        if change is not None:
            await journal.write(connection, [change], actor=principal.actor)
    return shown(Supplier, record)


@router.get("/bills", operation_id="listBills")
async def list_bills(
    context: RequestContext, sites: Sites, page: Paging, item: Wanted | None = None
) -> BillList:
    """Bills of material by item: all versions that were not given up."""
    async with context.connection() as connection:
        records, total = await one.listed(
            connection, BILLS, page, item=item, site=sites.site, sites=sites.limited_to
        )
    return BillList(items=[shown(Bill, each) for each in records], total=total)


@router.get("/price-rules", operation_id="listPriceRules")
async def list_price_rules(
    context: RequestContext,
    _principal: Reader,
    page: Paging,
    item: Wanted | None = None,
    customer: Wanted | None = None,
) -> PriceRuleList:
    """Price rules: of an item with those of its family, of a customer their own."""
    async with context.connection() as connection:
        records, total = await one.listed(
            connection, PRICE_RULES, page, item=item, customer=customer
        )
    return PriceRuleList(items=[shown(PriceRule, each) for each in records], total=total)


@router.get("/lead-time-rules", operation_id="listLeadTimeRules")
async def list_lead_time_rules(
    context: RequestContext, sites: Sites, page: Paging, item: Wanted | None = None
) -> LeadTimeRuleList:
    """Lead-time rules: of an item with those of its family, of a site with those of all."""
    async with context.connection() as connection:
        records, total = await one.listed(
            connection, LEAD_TIME_RULES, page, item=item, site=sites.site, sites=sites.limited_to
        )
    return LeadTimeRuleList(items=[shown(LeadTimeRule, each) for each in records], total=total)

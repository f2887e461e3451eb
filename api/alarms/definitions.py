"""What is watched for and who is told: rules, escalations, rotas, recipients, with versions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from api.alarms import defining, trials, turns
from api.alarms.schemas import (
    AlarmDefinitionImport,
    AlarmDefinitionKind,
    AlarmDefinitionList,
    AlarmDefinitionPut,
    AlarmDefinitionWithVersions,
    AlarmTrial,
    AlarmTrialled,
    RotaAsked,
    RotaTurns,
)
from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Code, Reason
from domain.alarms.yaml_text import AlarmSet, write_alarm_set
from store.alarms import definitions

router = APIRouter(prefix="/v1/alarm-definitions", tags=["alarms"])

_Code = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_.-]{0,99}$")]
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}


@router.get("/schema", operation_id="getAlarmDefinitionSchema")
async def get_alarm_definition_schema(_principal: Reader) -> dict[str, Any]:
    """What rules, escalations, rotas and recipients are like, as JSON Schema."""
    return msgspec.json.schema(AlarmSet)


@router.get("/export", operation_id="exportAlarmDefinitions")
async def export_alarm_definitions(context: RequestContext, _principal: Configurer) -> Response:
    """Everything that is in force, as YAML that can be imported again."""
    async with context.connection() as connection:
        found = await definitions.in_force(connection)
    told = AlarmSet(
        rules=found.rules,
        escalations=tuple(found.escalations.values()),
        rotas=tuple(found.rotas.values()),
        recipients=tuple(found.recipients.values()),
    )
    return Response(write_alarm_set(told), media_type="application/yaml")


@router.post("/import", operation_id="importAlarmDefinitions", openapi_extra=_BODY)
async def import_alarm_definitions(
    context: RequestContext,
    principal: Configurer,
    request: Request,
    *,
    file: Annotated[Code, Query(description="What to call the text in faults.")] = "alarms.yaml",
    dry_run: Annotated[bool, Query(description="Say what would happen; write nothing.")] = False,
    reason: Annotated[Reason | None, Query(description="Why, for the audit log.")] = None,
) -> AlarmDefinitionImport:
    """Take in a YAML text, all of it or nothing. What it does not name stays.

    With `dry_run` faults are an answer, else a 422 whose `errors[].field` is `file:line:column`.
    """
    content = await request.body()
    return await defining.import_text(
        context, principal, file, content, dry_run=dry_run, reason=reason
    )


@router.post("/rules/preview", operation_id="tryAlarmRule")
async def try_alarm_rule(
    context: RequestContext, _principal: Configurer, wanted: AlarmTrial
) -> AlarmTrialled:
    """What a rule would have raised, had it been in force. Changes nothing."""
    return await trials.try_rule(context, wanted)


@router.post("/rotas/turns", operation_id="listRotaTurns")
async def list_rota_turns(_principal: Reader, wanted: RotaAsked) -> RotaTurns:
    """Who is on call when, by a rota as it is told here. Changes nothing."""
    return await turns.turns_of(wanted)


@router.get("/{kind}", operation_id="listAlarmDefinitions")
async def list_alarm_definitions(
    *,
    context: RequestContext,
    principal: Reader,
    kind: AlarmDefinitionKind,
    retired: Annotated[
        bool, Query(description="Those that are not in force any more as well.")
    ] = False,
) -> AlarmDefinitionList:
    """The definitions of a kind by code; recipients only for those who may configure."""
    return await defining.listed(context, principal, kind, retired=retired)


@router.get("/{kind}/{code}", operation_id="getAlarmDefinition")
async def get_alarm_definition(
    context: RequestContext, principal: Reader, kind: AlarmDefinitionKind, code: _Code
) -> AlarmDefinitionWithVersions:
    """A definition and its versions."""
    return await defining.found(context, principal, kind, code)


@router.put("/{kind}/{code}", operation_id="putAlarmDefinition")
async def put_alarm_definition(
    *,
    context: RequestContext,
    principal: Configurer,
    kind: AlarmDefinitionKind,
    code: _Code,
    wanted: AlarmDefinitionPut,
) -> AlarmDefinitionWithVersions:
    """Put a definition into force: a new version. All that is in force is judged with it."""
    return await defining.put(context, principal, kind, code, wanted)


@router.delete("/{kind}/{code}", operation_id="retireAlarmDefinition")
async def retire_alarm_definition(
    *,
    context: RequestContext,
    principal: Configurer,
    kind: AlarmDefinitionKind,
    code: _Code,
    reason: Annotated[Reason | None, Query(description="Why, for the audit log.")] = None,
) -> AlarmDefinitionWithVersions:
    """Put a definition out of force; a rule's alarms clear."""
    return await defining.retire(context, principal, kind, code, reason=reason)

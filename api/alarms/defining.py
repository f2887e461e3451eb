"""Changing what is watched for: read, judged with everything in force, stored, audited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from api.alarms.schemas import (
    AlarmDefinition,
    AlarmDefinitionChange,
    AlarmDefinitionFault,
    AlarmDefinitionImport,
    AlarmDefinitionKind,
    AlarmDefinitionList,
    AlarmDefinitionPut,
    AlarmDefinitionVersion,
    AlarmDefinitionWithVersions,
)
from api.auth.principal import Principal, forbidden
from api.context import Context
from api.errors import FieldProblem, ProblemError
from domain.access import Permission
from domain.alarms.judging import faults_of_set
from domain.alarms.texts import explained
from domain.alarms.yaml_text import KINDS, AlarmSet, read_alarm_set
from domain.master_data.faults import Fault, Faults, Place
from store import audit
from store.alarms import definitions
from store.alarms.definitions import KIND_OF, Definition, InForce, Stored
from store.database import Connection
from store.errors import NotFoundError, StaleVersionError

_MOST_EPISODES: Final = 1_000
_MOST_NAMED: Final = 50
_SINGULAR: Final = {
    AlarmDefinitionKind.RULES: "alarm_rule",
    AlarmDefinitionKind.ESCALATIONS: "alarm_escalation",
    AlarmDefinitionKind.ROTAS: "alarm_rota",
    AlarmDefinitionKind.RECIPIENTS: "alarm_recipient",
}


async def listed(
    context: Context, principal: Principal, kind: AlarmDefinitionKind, *, retired: bool
) -> AlarmDefinitionList:
    """The definitions of a kind."""
    _may_see(principal, kind)
    async with context.connection() as connection:
        rows = await definitions.listed(connection, kind, retired=retired)
    items = [AlarmDefinition.model_validate(row, from_attributes=True) for row in rows]
    return AlarmDefinitionList(items=items, total=len(items))


async def found(
    context: Context, principal: Principal, kind: AlarmDefinitionKind, code: str
) -> AlarmDefinitionWithVersions:
    """A definition and its versions."""
    _may_see(principal, kind)
    async with context.connection() as connection:
        return await _shown(connection, kind, code)


async def put(
    context: Context,
    principal: Principal,
    kind: AlarmDefinitionKind,
    code: str,
    wanted: AlarmDefinitionPut,
) -> AlarmDefinitionWithVersions:
    """Put a definition into force.

    Raises:
        ProblemError: it is none, or does not go with the others.
        StaleVersionError: another version is in force.
    """
    _may_change(principal)
    definition = read_definition(kind, {**wanted.body, "code": code})
    async with context.transaction() as connection:
        await definitions.take_turn(connection)
        before = await definitions.find(connection, kind, code)
        seen = wanted.version or 0
        actual = before.version if before is not None and before.retired_at is None else 0
        if seen != actual:
            raise StaleVersionError(_SINGULAR[kind], code, expected=seen, actual=actual)
        in_force = await definitions.in_force(connection)
        _refuse(_faults_of_set(_with(in_force, [definition]), {}))
        await _store(connection, principal, definition, before, reason=wanted.reason)
        return await _shown(connection, kind, code)


async def retire(
    context: Context,
    principal: Principal,
    kind: AlarmDefinitionKind,
    code: str,
    *,
    reason: str | None,
) -> AlarmDefinitionWithVersions:
    """Put a definition out of force.

    Raises:
        NotFoundError: there is none in force.
        ProblemError: others need it.
    """
    _may_change(principal)
    async with context.transaction() as connection:
        await definitions.take_turn(connection)
        before = await definitions.find(connection, kind, code)
        if before is None or before.retired_at is not None:
            raise NotFoundError(_SINGULAR[kind].replace("_", " "), code)
        in_force = await definitions.in_force(connection)
        _refuse(_faults_of_set(_without(in_force, kind, code), {}))
        await definitions.retire(connection, kind, code, by=principal.actor.name, reason=reason)
        await audit.write(
            connection,
            actor=principal.actor,
            action=_action(kind, "Retired"),
            object_kind=_SINGULAR[kind],
            object_key=code,
            reason=reason,
            before=_audited(kind, before.body),
        )
        return await _shown(connection, kind, code)


async def import_text(
    context: Context,
    principal: Principal,
    file: str,
    content: bytes,
    *,
    dry_run: bool,
    reason: str | None,
) -> AlarmDefinitionImport:
    """Take in a YAML text, all of it or nothing.

    Raises:
        ProblemError: it is wrong, and this is no dry run.
    """
    _may_change(principal)
    faults = Faults()
    read = read_alarm_set(file, content, faults)
    told: list[Definition] = [
        *read.told.rules,
        *read.told.escalations,
        *read.told.rotas,
        *read.told.recipients,
    ]
    changes = []
    async with context.transaction(rehearsal=dry_run) as connection:
        await definitions.take_turn(connection)
        in_force = await definitions.in_force(connection)
        wrong = faults.sorted() or _faults_of_set(_with(in_force, told), read.places, file)
        if wrong and not dry_run:
            _refuse(wrong)
        for each in told if not wrong else ():
            kind = AlarmDefinitionKind(KIND_OF[type(each)])
            before = await definitions.find(connection, kind, each.code)
            changed = await _store(connection, principal, each, before, reason=reason)
            was = before is not None and before.retired_at is None
            change = ("changed" if was else "added") if changed else "unchanged"
            changes.append(
                AlarmDefinitionChange(
                    kind=kind, code=each.code, change=change, body=msgspec.to_builtins(each)
                )
            )
    return AlarmDefinitionImport(
        dry_run=dry_run,
        applied=not dry_run,
        changes=changes,
        faults=[_fault(each) for each in wrong],
    )


# Parts -------------------------------------------------------------------------------------------


def _may_see(principal: Principal, kind: AlarmDefinitionKind) -> None:
    """Addresses of people are for those who may change them."""
    if kind is AlarmDefinitionKind.RECIPIENTS and not principal.may(Permission.CONFIGURE):
        raise forbidden("Who is told is shown to those who may configure.")


def _may_change(principal: Principal) -> None:
    """What is watched for is of the whole installation."""
    if principal.sites or principal.lines:
        raise forbidden(
            "Alarm rules hold for all sites; who is limited to some cannot change them."
        )


def read_definition(kind: AlarmDefinitionKind, body: Mapping[str, Any]) -> Definition:
    """A definition of plain values.

    Raises:
        ProblemError: it is none.
    """
    try:
        return msgspec.convert(dict(body), KINDS[kind])
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        words = explained(words)
        field = place.rstrip("`").removeprefix(".") or "body"
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{field}: {words}",
            errors=[FieldProblem(field=field, problem=words)],
        ) from error


def _with(in_force: InForce, told: Iterable[Definition]) -> AlarmSet:
    """Everything in force, and these in their places."""
    sets: dict[str, dict[str, Any]] = {
        "rules": {each.code: each for each in in_force.rules},
        "escalations": dict(in_force.escalations),
        "rotas": dict(in_force.rotas),
        "recipients": dict(in_force.recipients),
    }
    for each in told:
        sets[KIND_OF[type(each)]][each.code] = each
    return AlarmSet(**{kind: tuple(known.values()) for kind, known in sets.items()})


def _without(in_force: InForce, kind: AlarmDefinitionKind, code: str) -> AlarmSet:
    """Everything in force but one."""
    whole = _with(in_force, ())
    kept = tuple(each for each in getattr(whole, kind) if each.code != code)
    return msgspec.structs.replace(whole, **{kind.value: kept})


def _faults_of_set(
    told: AlarmSet, places: Mapping[tuple[str, str], Place], file: str = ""
) -> list[Fault]:
    """What is wrong with everything taken together, where it stands."""
    return [
        Fault(
            places.get((each.kind, each.code), Place(file or f"{each.kind}/{each.code}")),
            each.problem,
            each.code,
        )
        for each in faults_of_set(told)
    ]


def _refuse(wrong: list[Fault]) -> None:
    if wrong:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{wrong[0].place}: {wrong[0].problem}"
            + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""),
            errors=[
                FieldProblem(field=str(each.place), value=each.value, problem=each.problem)
                for each in wrong[:_MOST_NAMED]
            ],
        )


async def _store(
    connection: Connection,
    principal: Principal,
    definition: Definition,
    before: Stored | None,
    *,
    reason: str | None,
) -> bool:
    """Store a definition, and audit it; False: it stands like that already."""
    version = await definitions.put(connection, definition, by=principal.actor.name, reason=reason)
    if version is None:
        return False
    kind = AlarmDefinitionKind(KIND_OF[type(definition)])
    await audit.write(
        connection,
        actor=principal.actor,
        action=_action(kind, "Changed"),
        object_kind=_SINGULAR[kind],
        object_key=definition.code,
        reason=reason,
        before=_audited(kind, before.body) if before is not None else None,
        after=_audited(kind, msgspec.to_builtins(definition)),
    )
    return True


def _audited(kind: AlarmDefinitionKind, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the audit log keeps: of people's addresses only which channels they are of."""
    if kind is not AlarmDefinitionKind.RECIPIENTS:
        return body
    kept = {name: value for name, value in body.items() if name != "addresses"}
    return {**kept, "channels": [each["channel"] for each in body.get("addresses", ())]}


def _action(kind: AlarmDefinitionKind, what: str) -> str:
    """The audit log's word, `AlarmRuleChanged`."""
    return "".join(part.title() for part in _SINGULAR[kind].split("_")) + what


async def _shown(
    connection: Connection, kind: AlarmDefinitionKind, code: str
) -> AlarmDefinitionWithVersions:
    row = await definitions.find(connection, kind, code)
    if row is None:
        raise NotFoundError(_SINGULAR[kind].replace("_", " "), code)
    versions = await definitions.versions(connection, row.id)
    return AlarmDefinitionWithVersions(
        **AlarmDefinition.model_validate(row, from_attributes=True).model_dump(),
        versions=[
            AlarmDefinitionVersion.model_validate(each, from_attributes=True) for each in versions
        ],
    )


def _fault(fault: Fault) -> AlarmDefinitionFault:
    return AlarmDefinitionFault(
        file=fault.place.file,
        line=fault.place.line,
        column=fault.place.column,
        problem=fault.problem,
        value=fault.value,
    )

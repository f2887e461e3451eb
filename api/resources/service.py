"""Operators and tools: telling them, and what follows when one is away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from api.auth.principal import Principal
from api.chosen_sites import ChosenSites
from api.context import Context
from api.disruptions.service import raise_change
from api.errors import FieldProblem, ProblemError
from api.resources.schemas import Absence, NewAbsence, Resource, ResourceKind, ResourceList
from api.scopes import known_scope
from contracts.plan import DisruptionKind
from store import audit
from store.database import Connection
from store.errors import NotFoundError
from store.filters import Page
from store.planning import disruptions, resources
from store.planning.policies import scope_of_site
from store.planning.resources import AbsenceRow, ResourceRow


async def resource_list(
    context: Context,
    sites: ChosenSites,
    page: Page,
    *,
    kind: ResourceKind | None,
    skill: str | None,
) -> ResourceList:
    """Operators and tools by site and code."""
    async with context.connection() as connection:
        rows, total = await resources.listed(
            connection,
            page,
            site=sites.site,
            kind=kind,
            skill=skill,
            limited_to=sites.limited_to,
        )
        away = await resources.absences(connection, [row.id for row in rows], since=_now(context))
    return ResourceList(items=[_shown(row, away[row.id]) for row in rows], total=total)


async def resource(context: Context, principal: Principal, resource_id: int) -> Resource:
    """One of them.

    Raises:
        NotFoundError: there is none.
    """
    async with context.connection() as connection:
        row = await resources.by_id(connection, resource_id)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("resource", str(resource_id))
        away = await resources.absences(connection, [row.id], since=_now(context))
    return _shown(row, away[row.id])


async def tell_absence(
    context: Context, principal: Principal, resource_id: int, wanted: NewAbsence
) -> Absence:
    """Note that one is away.

    Raises:
        NotFoundError: there is none.
        ProblemError: it would be over already, or there are not so many of it (422).
    """
    now = _now(context)
    starts_at = wanted.starts_at or now
    if wanted.ends_at is not None and wanted.ends_at <= max(starts_at, now):
        problem = "is over already; an absence ends in the future, or has no end yet"
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"ends_at {problem}",
            errors=[
                FieldProblem(field="ends_at", value=wanted.ends_at.isoformat(), problem=problem)
            ],
        )
    async with context.transaction() as connection:
        row, scope = await _plannable(connection, principal, resource_id)
        quantity = _quantity(row, wanted)
        absence = await resources.add_absence(
            connection,
            row.id,
            starts_at=starts_at,
            ends_at=wanted.ends_at,
            reason=wanted.reason,
            told_by=principal.actor.name,
            quantity=quantity,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="AbsenceTold",
            site_id=row.site_id,
            object_kind="resource",
            object_key=f"{row.site}/{row.code}",
            reason=wanted.reason,
            after=_told(row, absence),
        )
        await _tell(
            connection, context, principal, scope=scope, row=row, absence=absence, back=False
        )
    return _absence(absence)


async def end_absence(
    context: Context, principal: Principal, resource_id: int, absence_id: int
) -> None:
    """Note that one is back.

    Raises:
        NotFoundError: there is none, or no such absence.
    """
    async with context.transaction() as connection:
        row, scope = await _plannable(connection, principal, resource_id)
        now = _now(context)
        absence = await resources.end_absence(connection, row.id, absence_id, ends_at=now)
        if absence is None:
            raise NotFoundError("absence", str(absence_id))
        if absence.ends_at is not None and absence.ends_at <= now:
            return
        await audit.write(
            connection,
            actor=principal.actor,
            action="AbsenceEnded",
            site_id=row.site_id,
            object_kind="resource",
            object_key=f"{row.site}/{row.code}",
            before=_told(row, absence),
            after={"resource": row.code, "ends_at": now.isoformat()},
        )
        await _tell(
            connection, context, principal, scope=scope, row=row, absence=absence, back=True
        )


async def _plannable(
    connection: Connection, principal: Principal, resource_id: int
) -> tuple[ResourceRow, str]:
    """A resource whose site's plan somebody makes, its row locked, and the scope."""
    row = await resources.by_id(connection, resource_id, for_update=True)
    if row is None:
        raise NotFoundError("resource", str(resource_id))
    scope = await scope_of_site(connection, row.site_id)
    try:
        await known_scope(connection, principal, scope)
    except NotFoundError as error:
        raise NotFoundError("resource", str(resource_id)) from error
    return row, scope


async def _tell(
    connection: Connection,
    context: Context,
    principal: Principal,
    *,
    scope: str,
    row: ResourceRow,
    absence: AbsenceRow,
    back: bool,
) -> None:
    disruption = await raise_change(
        connection,
        context,
        principal,
        scope=scope,
        kind=DisruptionKind.RESOURCE_ABSENT,
        site_id=row.site_id,
        detail={
            "resource": row.code,
            "name": row.name,
            "resource_kind": row.kind,
            "from": absence.starts_at.isoformat(),
            "until": None if absence.ends_at is None else absence.ends_at.isoformat(),
            "reason": absence.reason,
            "back": back,
            "quantity": absence.quantity,
            "of": row.quantity,
        },
    )
    await context.log.append_in(connection, [disruptions.record(disruption)])


def _told(row: ResourceRow, absence: AbsenceRow) -> dict[str, Any]:
    return {
        "resource": row.code,
        "name": row.name,
        "starts_at": absence.starts_at.isoformat(),
        "ends_at": None if absence.ends_at is None else absence.ends_at.isoformat(),
        "quantity": absence.quantity,
    }


def _quantity(row: ResourceRow, wanted: NewAbsence) -> int | None:
    """How many are away; None: all of it."""
    if wanted.quantity is None or wanted.quantity == row.quantity:
        return None
    if wanted.quantity > row.quantity:
        problem = f"{wanted.quantity} of {row.code} cannot be away: there are {row.quantity}"
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"quantity: {problem}",
            errors=[FieldProblem(field="quantity", value=str(wanted.quantity), problem=problem)],
        )
    return wanted.quantity


def _now(context: Context) -> datetime:
    return datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)


def _shown(row: ResourceRow, away: Sequence[AbsenceRow]) -> Resource:
    return Resource(
        id=row.id,
        site=row.site,
        code=row.code,
        name=row.name,
        kind=ResourceKind(row.kind),
        quantity=row.quantity,
        skills=row.skills,
        place=row.place,
        pattern=row.pattern,
        absences=[_absence(each) for each in away],
    )


def _absence(row: AbsenceRow) -> Absence:
    return Absence.model_validate(row, from_attributes=True)

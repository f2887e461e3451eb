"""The planner's answers as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.fields import moment_of, required_moment
from api.plans.schemas import Behind, DelayCause, LateCause
from api.what_if import changes, schemas
from contracts.what_if import (
    Cause,
    Change,
    Explained,
    HelpTold,
    LaterOrder,
    MaterialAt,
    MoreOfResource,
    Move,
    NamedOperation,
    OrderRaised,
    Overtime,
    PolicyInstead,
    Price,
    Split,
)
from domain.plan.delay import apportion
from domain.plan.entering import ENTERED
from domain.plan.helps import HelpKind
from store.planning.plan_rows import PlanRow

_MINUTE_MS = 60_000


def thought(row: PlanRow, in_force: int | None) -> schemas.WhatIf:
    """What a draft is about.

    Args:
        row: the draft.
        in_force: the id of the plan in force.
    """
    about = row.what_if
    assert about is not None  # noqa: S101 - only of drafts that somebody thought of
    stale = row.base_id != in_force
    entered = [
        isinstance(change, (*ENTERED, PolicyInstead, OrderRaised)) for change in about.changes
    ]
    return schemas.WhatIf(
        name=about.name,
        created_by=row.created_by,
        expires_at=row.expires_at,
        settle=about.settle,
        changes=[
            schemas.ChangeView(
                kind=change.kind,
                assumed=index in about.assumed,
                entered=entered[index],
                machine=change.machine,
                resource=change.resource,
                count=change.count,
                due=moment_of(change.until_ms) if change.kind in ("due", "add_order") else None,
                operation=_behind(change.operation),
                before=_behind(change.before),
                order=change.order,
                name=change.name,
                items=list(change.items),
                priority=change.priority,
                starts_at=moment_of(change.from_ms),
                ends_at=moment_of(change.until_ms),
                fields=change.fields,
            )
            for index, change in enumerate(about.told)
        ],
        publishable=not stale and all(entered[index] for index in about.assumed),
        stale=stale,
        added=[
            schemas.AddedOperation(
                order=each.order,
                item=each.item,
                operation=each.operation,
                machine=each.machine,
                setup_start=required_moment(each.setup_start_ms),
                start=required_moment(each.start_ms),
                end=required_moment(each.end_ms),
            )
            for each in about.added
        ],
        added_orders=[
            schemas.AddedOrder(
                order=each.order,
                end=required_moment(each.end_ms),
                due=moment_of(each.due_ms),
                lateness_minutes=None
                if each.due_ms is None
                else (each.end_ms - each.due_ms) // _MINUTE_MS,
            )
            for each in about.added_orders
        ],
        parts=[
            schemas.SplitPart(
                work_order=each.work_order,
                operation=each.operation,
                machine=each.machine,
                pieces=each.pieces,
                setup_start=required_moment(each.setup_start_ms),
                start=required_moment(each.start_ms),
                end=required_moment(each.end_ms),
            )
            for each in about.parts
        ],
    )


def why(
    found: Explained, plan: int, order: str, *, paths: Mapping[int, str], sites: Mapping[int, str]
) -> schemas.Why:
    """Why an order is late; the shares in whole minutes add up to the delay in whole minutes.

    Args:
        found: the planner's answer.
        plan: which plan was asked about.
        order: and which order.
        paths: what machines are called that proposals name.
        sites: what sites are called.
    """
    delay = found.delay_ms // _MINUTE_MS
    minutes = apportion(max(delay, 0), [share.share_ms or 0 for share in found.shares])
    return schemas.Why(
        plan=plan,
        order=order,
        as_of=required_moment(found.as_of_ms),
        work_order=found.work_order,
        end=required_moment(found.end_ms),
        due=moment_of(found.due_ms),
        delay_minutes=delay,
        chain=[LateCause(**_cause(link)) for link in found.chain],
        shares=[
            DelayCause(**_cause(share), share_minutes=part)
            for share, part in zip(found.shares, minutes, strict=True)
            if part
        ],
        helps=[_help(each, trying(each.change, paths, sites)) for each in found.helps],
    )


def price(found: Price) -> schemas.Price:
    """What a place in the plan costs."""
    return schemas.Price(
        end=required_moment(found.end_ms),
        late_minutes=_minutes(found.late_ms),
        later=_later(found.later),
        newly_late=found.newly_late,
        setup_minutes=_minutes(found.setup_ms),
        tardiness_minutes=_minutes(found.tardiness_ms),
        cost=found.cost,
        moved=found.moved,
    )


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "cause": cause.cause,
        "machine": cause.machine,
        "work_order": cause.operation.work_order if cause.operation is not None else None,
        "operation": cause.operation.operation if cause.operation is not None else None,
        "behind": _behind(cause.behind),
        "since": moment_of(cause.since_ms),
        "wait_minutes": cause.wait_ms // _MINUTE_MS,
        "resource": cause.resource,
        "closure": cause.closure,
    }


def trying(
    change: Change | None, paths: Mapping[int, str], sites: Mapping[int, str]
) -> changes.Change | None:
    """A proposal as the body of a draft's change; None: it is nothing but a new plan."""
    match change:
        case Overtime():
            return changes.Overtime(
                kind="overtime",
                machine=paths[change.machine],
                starts_at=required_moment(change.from_ms),
                ends_at=required_moment(change.until_ms),
            )
        case Move():
            return changes.Move(
                kind="move",
                operation=change.operation,
                machine=paths[change.machine],
                start=moment_of(change.start_ms),
                before=change.before,
            )
        case MaterialAt():
            at = required_moment(change.at_ms)
            return changes.MaterialAt(kind="material", operation=change.operation, at=at)
        case MoreOfResource():
            return changes.MoreOfResource(
                kind="more_of_resource",
                resource=change.resource,
                count=change.count,
                site=None if change.site is None else sites.get(change.site),
                starts_at=required_moment(change.from_ms),
                ends_at=required_moment(change.until_ms),
            )
        case Split():
            machine = paths[change.machine]
            return changes.Split(kind="split", operation=change.operation, machine=machine)
        case _:
            return None


def _help(each: HelpTold, change: changes.Change | None) -> schemas.Help:
    return schemas.Help(
        change=change,
        kind=HelpKind(each.kind),
        minutes=_minutes(each.gain_ms),
        end=required_moment(each.end_ms),
        operation=_behind(each.operation),
        machine=each.machine,
        from_machine=each.from_machine,
        behind=_behind(each.behind),
        resource=each.resource,
        starts_at=moment_of(each.from_ms),
        ends_at=moment_of(each.until_ms),
        later=_later(each.later),
        later_work_orders=each.later_jobs,
    )


def _later(found: Sequence[LaterOrder]) -> list[schemas.LaterOrder]:
    return [
        schemas.LaterOrder(
            order=each.order,
            work_order=each.work_order,
            minutes=_minutes(each.by_ms),
            late_minutes=_minutes(each.late_ms),
        )
        for each in found
    ]


def _behind(named: NamedOperation | None) -> Behind | None:
    if named is None:
        return None
    return Behind(work_order=named.work_order, operation=named.operation)


def _minutes(ms: int) -> int:
    return round(ms / _MINUTE_MS)

"""What would help, as a change of a draft: to be tried."""

from __future__ import annotations

from contracts.what_if import Change, MaterialAt, MoreOfResource, Move, Overtime, Split
from domain.plan.helps import Help, HelpKind
from store.planning.loaded import Loaded


def change_of(each: Help, loaded: Loaded) -> Change | None:
    """The change that tries a help; None: nothing but a new plan.

    What is only thought of itself has no id that a draft could be told.
    """
    operation, machine, now_ms = each.operation, each.machine, loaded.problem.now_ms
    if operation is None or machine is None or min(operation, each.behind or 0) < 0:
        return None
    from_ms = now_ms if each.from_ms is None else each.from_ms
    until_ms = now_ms if each.until_ms is None else each.until_ms
    change: Change | None = None
    match each.kind:
        case HelpKind.OVERTIME:
            change = Overtime(machine=machine, from_ms=from_ms, until_ms=until_ms)
        case HelpKind.OTHER_MACHINE | HelpKind.AHEAD:
            start_ms = now_ms if each.behind is None else None
            change = Move(
                operation=operation, machine=machine, before=each.behind, start_ms=start_ms
            )
        case HelpKind.EARLIER_MATERIAL:
            change = MaterialAt(operation=operation, at_ms=now_ms)
        case HelpKind.MORE_OF_RESOURCE:
            sites = {resource.id: resource.site for resource in loaded.problem.resources}
            change = MoreOfResource(
                resource=loaded.resources.get(each.resource or 0, ""),
                from_ms=from_ms,
                until_ms=until_ms,
                site=sites.get(each.resource or 0),
            )
        case HelpKind.SPLIT:
            change = Split(operation=operation, machine=machine)
        case HelpKind.CLOSE_UP:
            pass
    return change

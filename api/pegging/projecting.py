"""When rearranged work would be done, by the planner's decoder on the problem of the scope."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from api.context import Context
from api.pegging.deciding import Decided
from domain.pegging import outlook
from domain.pegging.book import Book, Supply, SupplyId, SupplyKind
from domain.pegging.outlook import Outlook, Step, Work
from domain.plan.problem import Problem
from store import work_orders
from store.database import Connection
from store.machines import find_site
from store.planning.problem import load_problem
from store.work_orders import OperationRow


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of it; `before` and `after` None: no plan can be made, ends are estimated."""

    before: Outlook | None
    after: Outlook | None
    ends_before: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def estimated(self) -> bool:
        """Whether no plan could be made to tell the ends."""
        return self.before is None or self.after is None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What was read for a projection; the rest is arithmetic."""

    problem: Problem
    now_ms: int
    gone: list[int]
    before: list[Work]
    after: list[Work]


async def prepare(context: Context, connection: Connection, decided: Decided) -> Prepared:
    """Read what a projection needs, within one transaction."""
    site = await find_site(connection, decided.site)
    assert site is not None  # noqa: S101 - work orders of it were found
    now_ms = context.clock.now_ms()
    loaded = await load_problem(connection, site.scope, now_ms=now_ms)
    book, after = decided.loaded.book, decided.rearranged.book
    ids = [id_ for id_ in book.supplies if id_.kind is SupplyKind.WORK]
    shapes = _Shapes(
        was=book,
        operations=await work_orders.operations_of(connection, [id_.id for id_ in ids]),
        machines={path: id_ for id_, path in loaded.machines.items()},
        families={id_: row.setup_family for id_, row in decided.loaded.works.items()},
    )
    changed = [id_ for id_ in after.supplies if after.supplies[id_] != book.supplies.get(id_)]
    return Prepared(
        problem=loaded.problem,
        now_ms=now_ms,
        gone=[id_.id for id_ in ids if id_ not in after.supplies],
        before=shapes.works(book, ids, {}),
        after=shapes.works(
            after,
            [id_ for id_ in changed if id_.kind is SupplyKind.WORK],
            decided.rearranged.origins,
        ),
    )


async def project(prepared: Prepared) -> Projection:
    """What would come of it; computed beside the event loop."""
    return await asyncio.to_thread(_project, prepared)


def _project(prepared: Prepared) -> Projection:
    problem = prepared.problem
    before = outlook.outlook(problem)
    after = outlook.outlook(outlook.changed(problem, prepared.gone, prepared.after))
    guessed = outlook.estimate(prepared.before, prepared.now_ms)
    guessed_after = {
        **{id_: end for id_, end in guessed.items() if id_ not in prepared.gone},
        **outlook.estimate(prepared.after, prepared.now_ms),
    }
    return Projection(
        before=before,
        after=after,
        ends_before=before.ends if before is not None and after is not None else guessed,
        ends=after.ends if before is not None and after is not None else guessed_after,
    )


class _Shapes(msgspec.Struct, frozen=True, kw_only=True):
    """Work orders in the planner's terms, from the rows of those that there are."""

    was: Book
    operations: Mapping[int, Sequence[OperationRow]]
    machines: Mapping[str, int]
    families: Mapping[int, str | None]

    def works(
        self, book: Book, ids: Sequence[SupplyId], origins: Mapping[SupplyId, int]
    ) -> list[Work]:
        """These work orders of a book; new ones have the steps of those they are split off."""
        new = itertools.count(-1, -1)
        found = []
        for id_ in ids:
            supply = book.supplies[id_]
            fresh, like = id_ in origins, origins.get(id_, id_.id)
            steps = [
                Step(
                    id=next(new) if fresh else row.id,
                    like=row.id,
                    remaining=supply.quantity
                    if fresh
                    else _remaining(row, self.was.supplies[id_], supply),
                    ways=_ways(row, self.machines),
                    family=self.families.get(like),
                )
                for row in self.operations[like]
                if row.state not in ("completed", "aborted")
            ]
            found.append(Work(id=id_.id, like=like, due_ms=supply.due_ms, steps=tuple(steps)))
        return found


def _remaining(row: OperationRow, before: Supply, after: Supply) -> Decimal:
    quantity = (row.quantity if row.quantity is not None else before.quantity) + (
        after.quantity - before.quantity
    )
    return max(quantity - row.good_pieces, Decimal(0))


def _ways(row: OperationRow, machines: Mapping[str, int]) -> tuple[tuple[int, int, int], ...]:
    if row.alternatives:
        return tuple((each.machine_id, each.cycle_ms, each.setup_ms) for each in row.alternatives)
    if row.machine is None or row.cycle_ms is None or row.machine not in machines:
        return ()
    return ((machines[row.machine], row.cycle_ms, row.setup_ms),)

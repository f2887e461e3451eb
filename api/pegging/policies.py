"""A site's rules for its work orders, and whom a work order is for."""

from __future__ import annotations

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.pegging.schemas import (
    AlikeWork,
    AttributedLine,
    PeggedLine,
    ShownPolicy,
    ShownRule,
    WorkOrderPegs,
    WorkOrderPolicy,
)
from domain.pegging.book import DemandKind, work
from domain.pegging.moves import splittable
from domain.pegging.policy import Policy, Rule
from store import audit, machines
from store.database import Connection
from store.errors import NotFoundError
from store.machines import SiteRow
from store.pegging import books, policies


async def policy(context: Context, principal: Principal, code: str) -> ShownPolicy:
    """A site's policy.

    Raises:
        NotFoundError: there is no such site.
    """
    async with context.connection() as connection:
        site = await _site(connection, principal, code)
        return _shown(site, await policies.policy_of(connection, site.id))


async def put_policy(
    context: Context, principal: Principal, code: str, wanted: WorkOrderPolicy
) -> ShownPolicy:
    """Set a site's policy; the same again changes nothing.

    Raises:
        NotFoundError: there is no such site.
    """
    new = Policy(
        rules=tuple(Rule(**rule.model_dump()) for rule in wanted.rules),
        at_release=wanted.at_release,
        join_open=wanted.join_open,
        running=wanted.running,
        at_confirmation=wanted.at_confirmation,
        from_stock=wanted.from_stock,
    )
    async with context.transaction() as connection:
        site = await _site(connection, principal, code)
        before = await policies.policy_of(connection, site.id)
        if before != new:
            await policies.put_policy(connection, site.id, new, changed_by=principal.actor.name)
            await audit.write(
                connection,
                actor=principal.actor,
                action="WorkOrderPolicyChanged",
                site_id=site.id,
                object_kind="work_order_policy",
                object_key=code,
                before=msgspec.to_builtins(before),
                after=msgspec.to_builtins(new),
            )
    return _shown(site, new)


async def pegs(context: Context, principal: Principal, work_order_id: int) -> WorkOrderPegs:
    """Whom a work order is for, how much of it, and what has been made for them.

    Raises:
        NotFoundError: there is no such work order.
    """
    async with context.connection() as connection:
        loaded = await books.load(connection, work_order_ids=[work_order_id])
        row = loaded.works.get(work_order_id)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("work order", str(work_order_id))
        to_stock = await books.to_stock(connection, work_order_id)
        alike: list[int] = []
        if row.alike is not None and not row.started and row.item is not None:
            ids = await books.not_begun(connection, row.site_id, item=row.item, limit=1_000)
            others = await books.works(connection, ids)
            alike = [
                id_ for id_, other in others.items() if id_ != row.id and other.alike == row.alike
            ]
        candidates = await _candidates(connection, alike) if alike else []
    supply = loaded.book.supplies[work(row.id)]
    return WorkOrderPegs.model_validate(
        {
            "work_order": row.number,
            "kind": row.kind,
            "closing": row.closing,
            "quantity": row.quantity,
            "good_pieces": row.good,
            "to_stock": to_stock,
            "surplus": loaded.book.surplus(work(row.id)),
            "splittable": splittable(supply),
            "alike": alike,
            "candidates": candidates,
            "lines": [
                AttributedLine(
                    order=loaded.lines[demand.id].order,
                    line=loaded.lines[demand.id].number,
                    customer=loaded.lines[demand.id].customer,
                    quantity=peg.quantity,
                    due=loaded.lines[demand.id].due_at,
                    made=peg.made,
                )
                for demand, peg in sorted(loaded.book.on(work(row.id)).items())
                if demand.kind is DemandKind.LINE
            ],
        }
    )


async def _candidates(connection: Connection, ids: list[int]) -> list[AlikeWork]:
    """Work orders as one chooses among them, by due date."""
    loaded = await books.load(connection, work_order_ids=ids)
    rows = sorted(
        (loaded.works[id_] for id_ in ids),
        key=lambda row: (row.due_at is None, row.due_at and row.due_at.timestamp(), row.id),
    )
    return [
        AlikeWork(
            id=row.id,
            number=row.number,
            quantity=loaded.book.supplies[work(row.id)].quantity,
            unit=row.unit,
            due=row.due_at,
            lines=[
                PeggedLine(
                    order=loaded.lines[demand.id].order,
                    line=loaded.lines[demand.id].number,
                    customer=loaded.lines[demand.id].customer,
                    quantity=peg.quantity,
                    due=loaded.lines[demand.id].due_at,
                )
                for demand, peg in sorted(loaded.book.on(work(row.id)).items())
                if demand.kind is DemandKind.LINE
            ],
        )
        for row in rows
    ]


async def _site(connection: Connection, principal: Principal, code: str) -> SiteRow:
    principal.require_site(code)
    site = await machines.find_site(connection, code)
    if site is None:
        raise NotFoundError("site", code)
    return site


def _shown(site: SiteRow, policy_: Policy) -> ShownPolicy:
    return ShownPolicy(
        site=site.code,
        rules=[ShownRule(**msgspec.structs.asdict(rule)) for rule in policy_.rules],
        at_release=policy_.at_release,
        join_open=policy_.join_open,
        running=policy_.running,
        at_confirmation=policy_.at_confirmation,
        from_stock=policy_.from_stock,
    )

"""Orders' events become disruptions, in the fenced transaction of their batch."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from contracts.streams import BEFORE_WORK, OrderEvent, decode_events
from domain.plan.cause import Cause
from domain.plan.order_changes import OrderChange, order_cause
from domain.plan.policy import Policy
from store.database import Connection, Pool
from store.log import StreamLog
from store.planning.disruptions import NewDisruption, raise_disruptions, record
from store.planning.policies import ScopeRow, policy_of, scopes
from store.planning.standing import order_facts
from streams.consumption import Message
from streams.fenced import FencedPartitions

GROUP: Final = "gemba.planning"
_log = logging.getLogger(__name__)


class OrderChanges:
    """Tells of what people did to orders and work orders. One transaction per batch.

    Args:
        pool: where the rows are.
        log: where the disruptions' events go, within the same transaction.
    """

    def __init__(self, *, pool: Pool, log: StreamLog) -> None:
        self._stream_log = log
        self._partitions = FencedPartitions(pool, GROUP)

    async def on_assigned(self, topic: str, partition: int) -> None:
        """Raise the partition's epoch and learn what was done."""
        await self._partitions.on_assigned(topic, partition)

    @property
    def stopped(self) -> Mapping[tuple[str, int], str]:
        """Which partitions stand still, and why."""
        return self._partitions.stopped

    async def handle(self, batch: Sequence[Message]) -> int:
        """Raise what a batch's events mean for plans; answers how many disruptions were new.

        Raises:
            Fenced: another worker has the partition.
        """
        raised = await self._partitions.commit(
            batch, self._effects, concerns=lambda records: bool(_order_events(records))
        )
        return raised or 0

    async def _effects(self, connection: Connection, records: Sequence[Message]) -> int:
        return await self._raise(connection, _order_events(records))

    async def _raise(self, connection: Connection, events: Sequence[OrderEvent]) -> int:
        if not events:
            return 0
        facts = await order_facts(connection, {one.order_id for one in events if one.order_id})
        sites = {
            code: (site_id, row)
            for row in await scopes(connection, limited_to={one.site for one in events})
            for code, site_id in zip(row.sites, row.site_ids, strict=True)
        }
        policies: dict[str, Policy] = {}
        new = []
        for event in events:
            if event.site not in sites:
                continue
            site_id, row = sites[event.site]
            if row.scope not in policies:
                policies[row.scope] = await policy_of(connection, row.scope)
            order = facts.get(event.order_id)
            change = OrderChange(
                name=event.name,
                order=order.id if order else None,
                work_orders=event.work_order_ids,
                version=event.version,
                occurred_ms=event.occurred_ms,
                priority=order.priority if order else 0,
                released=order is None or order.released or event.name == "WorkOrderCancelled",
            )
            cause = order_cause(change, policies[row.scope])
            if cause is not None:
                new.append(_new(cause, row, site_id))
        rows = await raise_disruptions(connection, new)
        if rows:
            await self._stream_log.append_in(connection, [record(row) for row in rows])
        return len(rows)


def _new(cause: Cause, scope: ScopeRow, site_id: int) -> NewDisruption:
    return NewDisruption(
        scope=scope.scope,
        kind=cause.kind,
        key=cause.key,
        occurred_ms=cause.occurred_ms,
        site_id=site_id,
        order_id=cause.order,
        detail=cause.detail,
    )


def _order_events(records: Iterable[Message]) -> list[OrderEvent]:
    found = []
    for each in records:
        try:
            events = decode_events(each.value or b"")
        except msgspec.DecodeError as error:
            # The roll-up sets the record aside; here it names nothing.
            _log.warning("%s[%d]@%d: %s", each.topic, each.partition, each.offset, error)
            continue
        found += [
            event
            for event in events
            if isinstance(event, OrderEvent) and event.name not in BEFORE_WORK
        ]
    return found

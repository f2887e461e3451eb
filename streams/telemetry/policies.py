"""The installation's policies about what nobody configured: adopt it, or set it aside visibly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeAlias

from msgspec import UNSET

from contracts.ids import MachinePath
from contracts.telemetry import Count, Job
from domain.floor.machine import Received
from domain.floor.standing import OperationKey
from domain.intake import Refusal
from runtime.settings import StreamsSettings
from store.database import Connection
from store.telemetry.adoption import configured_machines, planned_operations

Refuse: TypeAlias = Callable[[Received, Refusal, str], None]


async def quarantine(
    connection: Connection,
    settings: StreamsSettings,
    arrived: dict[MachinePath, list[Received]],
    refuse: Refuse,
) -> None:
    """Take out of `arrived` what the policies refuse, and hand it to `refuse`."""
    if settings.unknown_machine == "quarantine":
        configured = await configured_machines(connection, list(arrived))
        for path in arrived.keys() - configured:
            for received in arrived[path]:
                refuse(
                    received,
                    Refusal.UNKNOWN_MACHINE,
                    f"machine {path!r} is not configured (policy unknown_machine: quarantine);"
                    " configure it, then replay this dead letter",
                )
            arrived[path] = []
    if settings.unplanned == "quarantine":
        await _unplanned(connection, arrived, refuse)


async def _unplanned(
    connection: Connection, arrived: dict[MachinePath, list[Received]], refuse: Refuse
) -> None:
    named: dict[str, set[OperationKey]] = defaultdict(set)
    for path, some in arrived.items():
        named[path.split("/")[0]] |= {key for one in some if (key := _named(one)) is not None}
    planned = {
        site: await planned_operations(connection, site, keys)
        for site, keys in named.items()
        if keys
    }
    for path, some in arrived.items():
        kept = []
        for received in some:
            key = _named(received)
            if key is None or key in planned[path.split("/")[0]]:
                kept.append(received)
                continue
            refuse(
                received,
                Refusal.UNPLANNED,
                f"operation {key[1]} of work order {key[0]!r} is not planned (policy unplanned:"
                " quarantine); create it, then replay this dead letter",
            )
        arrived[path] = kept


def _named(received: Received) -> OperationKey | None:
    message = received.object.message
    if isinstance(message, Job):
        return message.work_order, message.operation
    if (
        isinstance(message, Count)
        and message.work_order is not UNSET
        and message.operation is not UNSET
    ):
        return message.work_order, message.operation
    return None

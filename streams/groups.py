"""Which groups make effects of which topics, each by its own row in `effect_offsets`.

On Kafka a partition begins after what all of them have done (`streams.kafka.positions`). Who makes
no effects in transactions (the live agent, planning's looks at rows) is not among them.
"""

from __future__ import annotations

from typing import Final

from contracts.streams import GOODS, OPERATIONS, ORDERS, PROGRESS, TELEMETRY, WAREHOUSE
from streams import planning, progress, warehouse
from streams.telemetry import agent as telemetry

EFFECTS: Final[dict[str, tuple[str, ...]]] = {
    TELEMETRY: (telemetry.GROUP,),
    OPERATIONS: (telemetry.GROUP,),
    WAREHOUSE: (telemetry.GROUP,),
    PROGRESS: (progress.GROUP,),
    GOODS: (warehouse.GROUP,),
    ORDERS: (progress.GROUP, warehouse.GROUP, planning.GROUP),
}

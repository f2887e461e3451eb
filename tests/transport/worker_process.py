"""A stream worker in a process of its own, for tests that kill it.

Its effects are lines in a file, each durable before the batch is acknowledged:
`<topic> <partition> <offset>`; `assigned <topic> <partition>` when a partition begins.

Arguments: consumer group, file. The installation comes from GEMBA_* variables.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.streams import OPERATIONS, TELEMETRY
from runtime.settings import StreamsSettings
from streams.app import build_app, run_worker
from streams.consumption import Message, consume


async def main(group: str, path: Path) -> int:
    settings = StreamsSettings()
    app = build_app(settings, group=group)
    with path.open("a", encoding="utf-8") as file:

        def write(lines: Sequence[str]) -> None:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

        async def handler(messages: Sequence[Message]) -> None:
            write([f"{m.topic} {m.partition} {m.offset}" for m in messages])

        async def on_assigned(topic: str, partition: int) -> None:
            write([f"assigned {topic} {partition}"])

        @app.agent(app.topic(TELEMETRY, OPERATIONS, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
        async def record(stream: Any) -> None:
            await consume(stream, handler, on_assigned=on_assigned, max_records=20)

        return await run_worker(app, settings)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(asyncio.run(main(sys.argv[1], Path(sys.argv[2]))))

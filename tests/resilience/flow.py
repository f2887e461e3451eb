"""A steady flow of telemetry from machines whose publisher loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Final, Self

from contracts.ids import MachinePath
from simulator.publisher import OutboxPublisher

SITE: Final = "plant-1"
INTERVAL_S: Final = 0.02
_FLUSH_S: Final = 120.0


class Flow:
    """Machines that each work on an operation and make pieces, on a thread of its own."""

    def __init__(self, mqtt_url: str, folder: Path, name: str, *, machines: int = 3) -> None:
        self.machines = [
            MachinePath(f"{SITE}/cutting/{name}/m{number}") for number in range(machines)
        ]
        self.work_order = f"WO-{name}"
        self.pieces: Counter[int] = Counter()
        """Pieces by operation."""
        self.objects = 0
        self._url = mqtt_url
        self._file = folder / f"{name}.sqlite"
        self._ending = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"flow-{name}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    @property
    def made(self) -> int:
        """Pieces so far."""
        return sum(self.pieces.values())

    def end(self) -> None:
        """Make no more, and wait until the gateway has everything."""
        self._ending.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001 - raised by `end`, on the test's thread
            self._problem = error

    async def _work(self) -> None:
        async with OutboxPublisher(self._url, self._file) as publisher:
            for number, machine in enumerate(self.machines):
                job = {"event": "started", "work_order": self.work_order, "operation": number}
                await publisher.publish(f"gemba/v1/{machine}/job", job)
            turn = 0
            while not self._ending.is_set():
                number = turn % len(self.machines)
                topic = f"gemba/v1/{self.machines[number]}/count"
                await publisher.publish(topic, {"good": 1 + turn % 3})
                self.pieces[number] += 1 + turn % 3
                turn += 1
                await asyncio.sleep(INTERVAL_S)
            self.objects = publisher.published
            await publisher.flush(timeout_s=_FLUSH_S)

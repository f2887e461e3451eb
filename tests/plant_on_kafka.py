"""An installation on a real Kafka whose processes may be several, killed, paused and continued."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from kafka_server import KafkaNode
from service_stack import ServiceStack, wait_for

from simulator.publisher import OutboxPublisher
from simulator.replay import komax565, scenario

PIECES_OF = """
SELECT w.number, o.good_pieces::bigint
FROM operations o JOIN work_orders w ON w.id = o.work_order_id
"""


@dataclass
class PlantOnKafka(ServiceStack):
    """Services by name; `streams@2` is a further process of the service `streams`."""

    names: dict[str, str] = field(default_factory=dict)

    def start(self, service: str, **settings: str) -> None:
        """Start a process."""
        real, _, _ = service.partition("@")
        super().start(real, **settings)
        if real != service:
            self.processes[service] = self.processes.pop(real)

    def start_with(self, workers: int) -> None:
        """Start everything, with so many stream workers."""
        self.start_all()
        first = self.processes.pop("streams")
        self.processes["streams@1"] = first
        for number in range(2, workers + 1):
            self.start(f"streams@{number}")
        wait_for(self.ready, f"everything is ready; {self.log_of('streams')}")

    def ready(self) -> bool:
        """Whether the API says that all is well."""
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def pause(self, service: str) -> None:
        """SIGSTOP."""
        self.processes[service].send_signal(signal.SIGSTOP)

    def go_on(self, service: str) -> None:
        """SIGCONT."""
        self.processes[service].send_signal(signal.SIGCONT)

    def stop_all(self) -> None:
        """End the processes, also the paused ones."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
        super().stop_all()

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """What the API answers."""
        answer = httpx.get(
            f"{self.url}{path}",
            params=parameters,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
        )
        answer.raise_for_status()
        content = answer.json()
        assert isinstance(content, dict)
        return content

    def metrics(self) -> str:
        """The figures, as Prometheus reads them."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return httpx.get(f"{self.url}/metrics", headers=headers).text

    def replay_scenario(self, file: Path) -> int:
        """Replay a floor scenario and compare the result; 0 when it is as expected."""
        return scenario.run(
            file,
            mqtt_url=self.machine_mqtt_url,
            api_url=self.url,
            token=self.token(),
            check=True,
            timeout_s=90.0,
        )

    def replay_komax(self, directory: Path, **options: Any) -> int:
        """Replay a machine's logs; 0 when all is stored."""
        settings: dict[str, Any] = {
            "mqtt_url": self.machine_mqtt_url,
            "api_url": self.url,
            "token": self.token(),
            "timeout_s": 120.0,
            "json_output": True,
        }
        return komax565.run(directory, **(settings | options))

    def pieces(self) -> dict[str, int]:
        """The good pieces of every work order, from the rows."""
        with psycopg.connect(self.database_url) as connection:
            return dict(connection.execute(PIECES_OF).fetchall())

    def pause_s(self, work_orders: Sequence[str], since: Mapping[str, int]) -> float:
        """How long it takes until each work order has more pieces than `since`."""
        begun = time.monotonic()

        def moved() -> bool:
            now = self.pieces()
            return all(now.get(one, 0) > since.get(one, 0) for one in work_orders)

        wait_for(moved, f"all machines' pieces are counted again; {self.log_of('streams')}")
        return time.monotonic() - begun


class Load:
    """Machines that count, each for a work order of its own, through one publisher."""

    def __init__(self, plant: PlantOnKafka, folder: Path, *, site: str, machines: int) -> None:
        self._plant = plant
        self._outbox = folder / f"{site}.db"
        self._topics = {
            f"{site}-{number}": f"gemba/v1/{site}/area/line/m{number}" for number in range(machines)
        }
        self.sent = dict.fromkeys(self._topics, 0)
        self._stop = asyncio.Event()

    @property
    def work_orders(self) -> list[str]:
        """One per machine."""
        return list(self._topics)

    def stop(self) -> None:
        """Count no more."""
        self._stop.set()

    async def run(self, *, every_s: float = 0.02) -> None:
        """Count a piece on every machine again and again until stopped; then all is stored."""
        async with OutboxPublisher(self._plant.machine_mqtt_url, self._outbox) as publisher:
            for work_order, topic in self._topics.items():
                job = {"event": "started", "work_order": work_order, "operation": 10}
                await publisher.publish(f"{topic}/job", job | {"requested": 1_000_000})
            while not self._stop.is_set():
                for work_order, topic in self._topics.items():
                    await publisher.publish(f"{topic}/count", {"good": 1})
                    self.sent[work_order] += 1
                await asyncio.sleep(every_s)
            await publisher.flush(180.0)


def power_cut(node: KafkaNode) -> None:
    """Kill Kafka and start it again on its data."""
    node.restart()

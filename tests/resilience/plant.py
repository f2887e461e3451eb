"""An installation whose every server stands behind a proxy, under a flow of telemetry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from flow import SITE, Flow
from plant_broker import PlantBroker, plant_broker
from resilience_servers import Server, port_of, through
from service_stack import ServiceStack, wait_for
from tcp_proxy import TcpProxy, tcp_proxy

from launch.backends.postgres import PostgresServer
from launch.backends.valkey import ValkeyServer
from launch.devices import Role
from store.migrate import migrate

RECOVERY_S: Final = 120.0
"""The history's roll-ups come every minute: so long they may say that the last one failed."""
_ANSWER_S: Final = 60.0


@dataclass
class Plant:
    """The servers, the proxies in front of them, and the services."""

    stack: ServiceStack
    postgres: Server
    valkey: Server
    broker: PlantBroker
    database_proxy: TcpProxy
    redis_proxy: TcpProxy
    mqtt_proxy: TcpProxy
    machine_url: str
    folder: Path
    flows: int = 0

    @contextmanager
    def flow(self) -> Iterator[Flow]:
        """Machines at work; what they made has been stored once when the block began to end."""
        self.flows += 1
        with Flow(self.machine_url, self.folder, f"f{self.flows}") as flow:
            yield flow

    def component(self, name: str) -> tuple[str, str]:
        """State and reason of a part, as the API tells somebody signed in."""
        for part in self.ask("/readyz")["components"]:
            if part["name"] == name:
                return part["state"], part["reason"] or ""
        return "absent", ""

    def ask(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.stack.token()}"}
        url = f"{self.stack.url}{path}"
        return httpx.get(url, headers=headers, timeout=_ANSWER_S).json()

    def becomes(self, name: str, state: str, reason: str = "") -> None:
        """Wait until a part is in a state, with a reason that says so much."""
        seen: list[tuple[str, str]] = []

        def is_so() -> bool:
            seen.append(self.component(name))
            return seen[-1][0] == state and reason in seen[-1][1]

        try:
            wait_for(is_so, f"{name} is {state}", RECOVERY_S)
        except AssertionError:
            raise AssertionError(f"{name} is {seen[-1]}, not {state} {reason!r}") from None

    def is_well(self) -> None:
        """Wait until every part says that it is well, and see that no service was started anew."""
        seen: list[Any] = []

        def well() -> bool:
            seen.append(self.ask("/readyz")["components"])
            return all(part["state"] == "ok" for part in seen[-1])

        try:
            wait_for(well, "all is well", RECOVERY_S)
        except AssertionError:
            raise AssertionError(f"not well after {RECOVERY_S:.0f} s: {seen[-1]}") from None
        for name, process in self.stack.processes.items():
            assert process.poll() is None, f"{name} ended: {self.stack.log_of(name)}"

    def flows_on(self, flow: Flow) -> None:
        """Wait until pieces made from now on are stored."""
        made = flow.made
        wait_for(lambda: self.stored(flow) > made, "what is made now is stored", RECOVERY_S)

    def stored(self, flow: Flow) -> int:
        return sum(self.operations(flow).values())

    def operations(self, flow: Flow) -> dict[int, int]:
        """Good pieces by operation; nothing while the API does not answer."""
        try:
            items = self.ask(f"/v1/operations?site={SITE}&limit=1000")["items"]
        except (httpx.TransportError, KeyError):
            return {}
        return {
            item["operation"]: item["good_pieces"]
            for item in items
            if item["work_order"] == flow.work_order
        }

    def counts(self, flow: Flow) -> None:
        """End the flow; see that every piece was counted exactly once and nothing set aside."""
        flow.end()
        wait_for(
            lambda: self.operations(flow) == dict(flow.pieces),
            f"{dict(flow.pieces)} pieces are counted",
            RECOVERY_S,
        )
        assert self.ask(f"/v1/dead-letters?site={SITE}")["total"] == 0

    def no_secret_in_any_log(self) -> None:
        secrets = [url.partition("@")[0].rpartition(":")[2] for url in self.urls]
        for name in self.stack.processes:
            text = (self.stack.data_dir / f"{name}.log").read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], name

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.stack.database_url, self.stack.redis_url, self.stack.gateway_mqtt_url)


@contextmanager
def running_plant(
    folder: Path, *, database_url: str = "", stream_url: str = "embedded://"
) -> Iterator[Plant]:
    """All servers and services, ready; ended afterwards.

    Args:
        folder: everything of the plant.
        database_url: an empty database elsewhere, without a proxy in front of it.
        stream_url: the log. On Kafka a relay runs, too.
    """
    with ExitStack() as stack:
        data = folder / "var"
        data.mkdir()
        postgres = Server(
            PostgresServer(folder / "postgres-data", durable=False, shared_buffers_mb=64),
            folder / "postgres.log",
        )
        valkey = Server(ValkeyServer(folder / "valkey-data"), folder / "valkey.log")
        for server in (valkey,) if database_url else (postgres, valkey):
            stack.callback(server.stop)
            server.start()
        migrate(database_url or postgres.backend.url)
        broker = stack.enter_context(plant_broker(folder / "broker"))
        gateway_url = broker.plain_url("gateway-1", Role.GATEWAY)
        machine_url = broker.plain_url("machines", Role.SIMULATOR)
        broker.start()
        proxies = [
            stack.enter_context(tcp_proxy(port_of(url)))
            for url in (postgres.backend.url, valkey.backend.url, gateway_url)
        ]
        machine_url = through(machine_url, proxies[2].port)
        services = ServiceStack(
            database_url=database_url or through(postgres.backend.url, proxies[0].port),
            redis_url=through(valkey.backend.url, proxies[1].port),
            gateway_mqtt_url=through(gateway_url, proxies[2].port),
            machine_mqtt_url=machine_url,
            data_dir=data,
        )
        stack.callback(services.stop_all)
        on_kafka = stream_url.startswith("kafka:")
        for service in ("api", "edge", "streams", "scheduler", *(("relay",) if on_kafka else ())):
            services.start(service, GEMBA_STREAM_URL=stream_url)
        wait_for(lambda: _answers(services), f"the API answers; {services.log_of('api')}")
        plant = Plant(
            services, postgres, valkey, broker, proxies[0], proxies[1], proxies[2],
            machine_url, folder,
        )  # fmt: skip
        plant.is_well()
        yield plant


def _answers(services: ServiceStack) -> bool:
    try:
        return httpx.get(f"{services.url}/healthz").is_success
    except httpx.TransportError:
        return False


def lasting(seconds: float, condition: Callable[[], bool] = lambda: True) -> None:
    """Let time pass, as long as a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and condition():
        time.sleep(0.05)

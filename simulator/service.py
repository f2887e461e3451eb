"""The simulator as a service: machines of a site that work on what the installation has to do.

It asks the API for open work, runs the machines, and publishes over MQTT as they would, through an
outbox on disk, so that nothing is lost when broker, gateway or the simulator itself is killed. When
it comes back it goes on with what the installation shows to be on the machines.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contracts.ids import EpochMs
from contracts.topics import PREFIX
from runtime import tasks
from runtime.clock import Clock, SystemClock
from runtime.mqtt_url import parse_mqtt_url
from runtime.settings import Installation
from simulator import factory
from simulator.installation_api import ApiError, InstallationApi, InstallationAuth
from simulator.plant import Plant, Said
from simulator.publisher import FlushTimeoutError, OutboxPublisher
from simulator.settings import SimulatorSettings

_LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.1
_REFRESH_S: Final = 1.0
_REORDER_S: Final = 15.0
_FLUSH_S: Final = 10.0
_OPEN_ORDERS_LEAST: Final = 4
"""With fewer open orders the demo orders more: it lives for days without growing without end."""

_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_ANY_ADDRESS: Final = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 - replaced, not bound
_ROLE: Final = "planner"


def outbox_file(settings: SimulatorSettings) -> Path:
    """Where the simulated machines keep what no gateway has acknowledged: one file per site."""
    return settings.data_dir / "simulator" / f"{quote(settings.site, safe='')}.sqlite"


class SimulatorService:
    """The simulator with what it stands on. Nothing is opened before `run`."""

    def __init__(self, settings: SimulatorSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._plant = Plant(seed=settings.seed, speed=settings.speed)
        self._complaint: str | None = None
        self._speaking = asyncio.Lock()
        """What machines say is numbered in the order they said it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        settings = self._settings
        host = "127.0.0.1" if settings.http_host in _ANY_ADDRESS else settings.http_host
        key_file = settings.data_dir / "secrets" / "installation.key"
        auth = InstallationAuth(key_file, role=_ROLE, site=settings.site)
        api = InstallationApi(f"http://{host}:{settings.http_port}", auth, settings.site)
        file = outbox_file(settings)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            async with OutboxPublisher(settings.mqtt_url.get_secret_value(), file) as publisher:
                await self._work(stop, api, publisher)
        finally:
            await api.close()

    async def _work(
        self, stop: asyncio.Event, api: InstallationApi, publisher: OutboxPublisher
    ) -> None:
        # What an earlier run said comes first: the installation should know it before it is asked.
        try:
            await publisher.flush(_FLUSH_S)
        except FlushTimeoutError as error:
            _LOG.info("going on with words of an earlier run unacknowledged: %s", error)
        work = [
            asyncio.create_task(self._tick_for_ever(publisher)),
            asyncio.create_task(self._refresh_for_ever(api, publisher)),
            asyncio.create_task(self._reorder_for_ever(api)),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await tasks.end((*work, stopping))
        for task in done:
            task.result()  # work never ends by itself: what ended it is raised here

    async def _tick_for_ever(self, publisher: OutboxPublisher) -> None:
        while True:
            async with self._speaking:
                await self._publish(publisher, self._plant.advance(self._now()))
            await asyncio.sleep(_TICK_S)

    async def _refresh_for_ever(self, api: InstallationApi, publisher: OutboxPublisher) -> None:
        while True:
            try:
                stored = await publisher.waiting() == 0
                machines = await api.machines()
                work_orders = await api.open_work()
            except ApiError as error:
                self._complain(str(error))
            else:
                configured = any(one.configured for one in machines)
                self._complain(
                    None
                    if configured
                    else f"site {self._settings.site!r} has no configured machines; "
                    "`gemba demo` loads a factory"
                )
                async with self._speaking:
                    said = self._plant.refresh(machines, work_orders, self._now(), stored=stored)
                    await self._publish(publisher, said)
            await asyncio.sleep(_REFRESH_S)

    async def _reorder_for_ever(self, api: InstallationApi) -> None:
        """Customers order more when little is left, as long as it is the demo's factory."""
        if self._settings.site != factory.SITE:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(_REORDER_S)
            try:
                newest = await api.newest_demo_order()
                if newest and await api.open_orders() < _OPEN_ORDERS_LEAST:
                    order = factory.further_order(newest + 1, self._settings.seed)
                    if await api.order(order):
                        _LOG.info("%s ordered %d %s", order.customer, order.quantity, order.item)
            except ApiError as error:
                self._complain(str(error))

    async def _publish(self, publisher: OutboxPublisher, said: Sequence[Said]) -> None:
        for machine, emitted in said:
            await publisher.publish(
                f"{PREFIX}{machine}/{emitted.kind}", emitted.fields, t=int(emitted.t_ms)
            )

    def _complain(self, what: str | None) -> None:
        """Say a trouble once, and once that it is over."""
        if what is not None and self._complaint is None:
            _LOG.warning("%s", what)
        elif what is None and self._complaint is not None:
            _LOG.info("goes on")
        self._complaint = what

    def _now(self) -> EpochMs:
        return EpochMs(self._clock.now_ms())


def build(settings: Installation) -> SimulatorService:
    """The service these settings mean; nothing is connected yet.

    Raises:
        runtime.mqtt_url.MqttUrlError: the broker's URL is missing or wrong.
    """
    own = (
        settings
        if isinstance(settings, SimulatorSettings)
        else SimulatorSettings(**settings.model_dump())
    )
    parse_mqtt_url(own.mqtt_url.get_secret_value())
    return SimulatorService(own, clock=SystemClock())


def run(settings: Installation) -> None:
    """Run the simulator until SIGTERM or SIGINT."""
    # Does nothing where whoever starts services has set up logging.
    logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
    service = build(settings)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await service.run(stop)

    asyncio.run(main())

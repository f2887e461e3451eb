"""The simulator as a service: a factory that works on what the installation has to do.

It asks the API for open work, runs machines, people and warehouse, and publishes over MQTT as they
would, through an outbox on disk, so that nothing is lost when broker, gateway or the simulator
itself is killed. When it comes back it goes on with what the installation shows to be on the
machines, and where its scenario was.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiomqtt

from contracts.ids import EpochMs
from contracts.telemetry import JobEvent
from contracts.topics import Kind
from runtime import tasks
from runtime.clock import Clock, SystemClock
from runtime.mqtt_url import parse_mqtt_url
from runtime.settings import Installation
from simulator.breaking import Break, CommandError, command_of, listen
from simulator.connection import connected
from simulator.floor import Floor
from simulator.installation_api import ApiError, InstallationApi, InstallationAuth
from simulator.memory import Memory
from simulator.pace import Pace
from simulator.plant import Said
from simulator.publisher import FlushTimeoutError, OutboxPublisher
from simulator.scenario import Scenario, find_scenario
from simulator.settings import SimulatorSettings
from simulator.story import Story, breaking, repairing
from simulator.voice import Voice

_LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.1
_FAST_TICK_S: Final = 0.25
"""From speed 10 on machines count several pieces at once: there is no need to look more often."""
_FAST: Final = 10
_REFRESH_S: Final = 1.5
_REFRESH_LEAST_S: Final = 0.3
_STORY_S: Final = 1.0
_SHIP_S: Final = 3.0
_CALENDAR_S: Final = 10.0
_NOTE_S: Final = 5.0
_FLUSH_S: Final = 10.0
_RECONNECT_S: Final = 2.0
_COMMANDS_WINDOW: Final = 10
_COMMANDS_TIMEOUT_S: Final = 15.0
_MINUTE_MS: Final = 60_000

_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_ANY_ADDRESS: Final = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 - replaced, not bound
_ROLE: Final = "planner"


def outbox_file(settings: SimulatorSettings) -> Path:
    """Where simulated machines keep what no gateway has acknowledged: one file per simulator."""
    return settings.data_dir / "simulator" / f"{quote(settings.simulator_sites[0], safe='')}.sqlite"


def memory_file(settings: SimulatorSettings) -> Path:
    """Where the simulator keeps what it knows of itself."""
    return settings.data_dir / "simulator" / "memory.sqlite"


class SimulatorService:
    """The simulator with what it stands on. Nothing is opened before `run`."""

    def __init__(self, settings: SimulatorSettings, scenario: Scenario, *, clock: Clock) -> None:
        self._settings = settings
        self._scenario = scenario
        self._clock = clock
        self._pace = Pace(settings.simulator_speed or scenario.speed)
        self._seed = settings.simulator_seed or scenario.seed
        self._floors: list[Floor] = []
        self._troubles: dict[str, str] = {}
        self._look = asyncio.Event()
        """An operation has ended: there may be something new to begin."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        settings = self._settings
        host = "127.0.0.1" if settings.http_host in _ANY_ADDRESS else settings.http_host
        key_file = settings.data_dir / "secrets" / "installation.key"
        auth = InstallationAuth(
            key_file,
            role=_ROLE,
            sites=settings.simulator_sites,
            key=settings.installation_key.get_secret_value(),
        )
        api = InstallationApi(f"http://{host}:{settings.http_port}", auth)
        memory = Memory(memory_file(settings))
        try:
            async with OutboxPublisher(
                settings.mqtt_url.get_secret_value(), outbox_file(settings)
            ) as publisher:
                # What an earlier run said comes first: it should be known before anybody asks.
                try:
                    await publisher.flush(_FLUSH_S)
                except FlushTimeoutError as error:
                    _LOG.info("going on with words of an earlier run unacknowledged: %s", error)
                await self._work(stop, api, Voice(publisher, self._clock), memory)
        finally:
            memory.close()
            await api.close()

    async def _work(
        self, stop: asyncio.Event, api: InstallationApi, voice: Voice, memory: Memory
    ) -> None:
        began_ms = memory.begin(self._scenario.name, self._pace.speed, self._seed, voice.now_ms())
        self._floors = [
            Floor(site, self._scenario, seed=self._seed, pace=self._pace, memory=memory)
            for site in self._settings.simulator_sites
        ]
        story = Story(
            self._scenario,
            self._floors,
            seed=self._seed,
            pace=self._pace,
            memory=memory,
            began_ms=began_ms,
        )
        _LOG.info("scenario %s at speed %g", self._scenario.name, self._pace.speed)
        work = [
            asyncio.create_task(self._tick_for_ever(voice)),
            asyncio.create_task(self._refresh_for_ever(api, voice)),
            asyncio.create_task(self._tell_for_ever(story, api, voice)),
            asyncio.create_task(self._ship_for_ever(api, voice)),
            asyncio.create_task(self._read_calendars_for_ever(api, voice)),
            asyncio.create_task(self._note_for_ever(memory, voice)),
            asyncio.create_task(self._listen_for_ever(voice)),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await tasks.end((*work, stopping), within_s=4.0, again_s=2.0)
            self._note(memory, voice)
        for task in done:
            task.result()  # work never ends by itself: what ended it is raised here

    async def _tick_for_ever(self, voice: Voice) -> None:
        tick_s = _TICK_S if self._pace.speed < _FAST else _FAST_TICK_S
        while True:
            for floor in self._floors:
                if any(_ends_work(one) for one in await voice.say(floor.plant.advance)):
                    self._look.set()
            await asyncio.sleep(tick_s)

    async def _refresh_for_ever(self, api: InstallationApi, voice: Voice) -> None:
        while True:
            self._look.clear()
            try:
                plans = await api.published_plans()
            except ApiError as error:
                plans = {}
                self._complain("plans", str(error))
            else:
                self._complain("plans", None)
            for floor in self._floors:
                try:
                    works = await floor.refresh(api, voice, plans.get(floor.site))
                except ApiError as error:
                    self._complain(floor.site, str(error))
                else:
                    nothing = (
                        f"site {floor.site!r} has no configured machines; "
                        "`gemba demo` loads a factory"
                    )
                    self._complain(floor.site, None if works else nothing)
            await asyncio.sleep(_REFRESH_LEAST_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_REFRESH_S - _REFRESH_LEAST_S):
                    await self._look.wait()

    async def _tell_for_ever(self, story: Story, api: InstallationApi, voice: Voice) -> None:
        while True:
            try:
                await story.go_on(api, voice)
            except ApiError as error:
                self._complain("customers", str(error))
            else:
                self._complain("customers", None)
            await asyncio.sleep(_STORY_S)

    async def _ship_for_ever(self, api: InstallationApi, voice: Voice) -> None:
        while True:
            for floor in self._floors:
                try:
                    await floor.ship(api, voice)
                except ApiError as error:
                    self._complain(f"warehouse of {floor.site}", str(error))
                else:
                    self._complain(f"warehouse of {floor.site}", None)
            await asyncio.sleep(_SHIP_S)

    async def _read_calendars_for_ever(self, api: InstallationApi, voice: Voice) -> None:
        while True:
            await asyncio.sleep(_CALENDAR_S)
            for floor in self._floors:
                try:
                    await floor.read_calendar(api, voice)
                except ApiError as error:
                    self._complain(f"calendar of {floor.site}", str(error))
                else:
                    self._complain(f"calendar of {floor.site}", None)

    async def _note_for_ever(self, memory: Memory, voice: Voice) -> None:
        while True:
            self._note(memory, voice)
            await asyncio.sleep(_NOTE_S)

    def _note(self, memory: Memory, voice: Voice) -> None:
        broken = {path: one for floor in self._floors for path, one in floor.plant.broken.items()}
        memory.still_there(voice.now_ms(), broken)

    async def _listen_for_ever(self, voice: Voice) -> None:
        """Let machines be broken, and mended, by hand."""
        address = parse_mqtt_url(self._settings.mqtt_url.get_secret_value())
        while True:
            try:
                async with connected(
                    address,
                    client_id=f"simulator-commands-{quote(self._settings.simulator_sites[0])}",
                    window_messages=_COMMANDS_WINDOW,
                    timeout_s=_COMMANDS_TIMEOUT_S,
                ) as client:
                    await listen(client)
                    async for message in client.messages:
                        await self._obey(message, voice)
            except (aiomqtt.MqttError, OSError) as error:
                _LOG.info("%s: %s", address, error)
            await asyncio.sleep(_RECONNECT_S)

    async def _obey(self, message: aiomqtt.Message, voice: Voice) -> None:
        try:
            command = command_of(str(message.topic), bytes(message.payload))
        except CommandError as error:
            _LOG.warning("%s", error)
            return
        for floor in self._floors:
            if floor.site != command.machine.partition("/")[0]:
                continue
            if isinstance(command, Break):
                until_ms = EpochMs(voice.now_ms() + round(command.minutes * _MINUTE_MS))
                said = await voice.say(breaking(floor, command.machine, until_ms, command.reason))
            else:
                said = await voice.say(repairing(floor, command.machine))
            _LOG.info("%s: %s", command, "done" if said else "there is nothing to do")

    def _complain(self, about: str, what: str | None) -> None:
        """Say a trouble once, and once that it is over."""
        if what is None:
            if self._troubles.pop(about, None) is not None:
                _LOG.info("%s: goes on", about)
        elif about not in self._troubles:
            self._troubles[about] = what
            _LOG.warning("%s", what)


def _ends_work(said: Said) -> bool:
    emitted = said.emitted
    return emitted.kind is Kind.JOB and emitted.fields["event"] == JobEvent.COMPLETED


def build(settings: Installation) -> SimulatorService:
    """The service these settings mean; nothing is connected yet.

    Raises:
        runtime.mqtt_url.MqttUrlError: the broker's URL is missing or wrong.
        simulator.scenario.ScenarioError: there is no such scenario.
    """
    own = (
        settings
        if isinstance(settings, SimulatorSettings)
        else SimulatorSettings(**settings.model_dump())
    )
    parse_mqtt_url(own.mqtt_url.get_secret_value())
    scenario = find_scenario(own.simulator_scenario)
    return SimulatorService(own, scenario, clock=SystemClock())


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

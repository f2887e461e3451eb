"""The floor of one site: its plant and its warehouse, held against what the installation shows."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.ids import EpochMs, MachinePath
from simulator import factory, master_data
from simulator.calendars import calendar_body, up_to_date
from simulator.installation_api import InstallationApi
from simulator.memory import Memory
from simulator.pace import Pace
from simulator.people import People
from simulator.plant import Finished, Plant, Said
from simulator.scenario import Scenario
from simulator.voice import Voice
from simulator.warehouse import Warehouse
from simulator.work import NO_PLAN, Plan

_LOG = logging.getLogger(__name__)

_PATIENCE_MINUTES: Final = 15
_REWORK_LEAST: Final = 3
_REWORK_DUE_MINUTES: Final = 8 * 60
_REWORK_CYCLES: Final = 2


class Floor:
    """Everything that is simulated at one site."""

    def __init__(
        self, site: str, scenario: Scenario, *, seed: int, pace: Pace, memory: Memory
    ) -> None:
        self.site = site
        self._scenario = scenario
        self._seed = seed
        self._pace = pace
        self._memory = memory
        people = People(site, seed=seed, pace=pace, habits=scenario.habits)
        self.plant = Plant(
            people, seed=seed, pace=pace, troubles=scenario.troubles, broken=memory.broken()
        )
        self.warehouse = Warehouse(site, seed=seed, pace=pace, deliveries=memory.deliveries(site))
        self._plan = NO_PLAN
        self._plan_id: int | None = None
        self._knows_calendar = False

    async def refresh(self, api: InstallationApi, voice: Voice, plan_id: int | None) -> bool:
        """Look at what is to be done; whether there is a machine to do it.

        Raises:
            ApiError: the API is away or refuses.
        """
        if not self._knows_calendar:
            await self.read_calendar(api, voice)
        stored = not await voice.unheard()
        machines = await api.machines(self.site)
        work_orders = await api.open_work(self.site)
        await self._read_plan(api, plan_id)

        def act(now_ms: EpochMs) -> list[Said]:
            return self.plant.refresh(machines, work_orders, now_ms, stored=stored, plan=self._plan)

        await voice.say(act)
        await self._rework(api, voice.now_ms())
        return any(one.configured for one in machines)

    async def read_calendar(self, api: InstallationApi, voice: Voice) -> None:
        """Learn when people work; write the demo's further breaks before they run out.

        Raises:
            ApiError: the API is away or refuses.
        """
        calendar = await api.calendar(self.site)
        ours = factory.site_of(self.site)
        now_ms = voice.now_ms()
        rolls = ours is not None and self._pace.speed != 1
        if ours is not None and rolls and not up_to_date(ours, self._pace, now_ms, calendar):
            body = calendar_body(ours, self._pace, now_ms, calendar)
            calendar = await api.put_calendar(self.site, body)
        self.plant.people.go_by(calendar)
        self._knows_calendar = True

    async def ship(self, api: InstallationApi, voice: Voice) -> None:
        """Take what is produced through the warehouse.

        Raises:
            ApiError: the API is away or refuses.
        """
        for number, delivery in self.warehouse.notice(
            await api.produced_orders(self.site), voice.now_ms()
        ):
            self._memory.deliver(self.site, number, delivery)
        await voice.say(self._move)

    def _move(self, now_ms: EpochMs) -> list[Said]:
        said: list[Said] = []
        for moved in self.warehouse.work(now_ms):
            self._memory.deliver(self.site, moved.order, moved.delivery)
            said += moved.said
        return said

    async def _read_plan(self, api: InstallationApi, plan_id: int | None) -> None:
        if plan_id is None:
            self._plan, self._plan_id = NO_PLAN, None
        elif plan_id != self._plan_id:
            planned = await api.planned(plan_id)
            self._plan = Plan(planned.get(self.site, {}), self._pace.minutes(_PATIENCE_MINUTES))
            self._plan_id = plan_id

    async def _rework(self, api: InstallationApi, now_ms: EpochMs) -> None:
        """Some of what was spoiled can be mended: it becomes a work order of its own."""
        for finished in self.plant.finished():
            source = f"{finished.task.work_order}-{finished.task.operation}"
            name = f"{self._seed}/{self.site}/rework/{source}"
            chance = random.Random(name)  # noqa: S311 - reproducible, no secret
            wanted = chance.random() < self._scenario.troubles.rework
            if not wanted or finished.task.scrap < _REWORK_LEAST or source.startswith("RW-"):
                continue
            if await api.plan_rework(self._rework_body(finished, source, now_ms)):
                _LOG.info("%s: %d pieces to be reworked", source, finished.task.scrap)

    def _rework_body(self, finished: Finished, source: str, now_ms: EpochMs) -> dict[str, object]:
        due = datetime.fromtimestamp(now_ms / 1_000, UTC) + timedelta(
            milliseconds=self._pace.minutes(_REWORK_DUE_MINUTES)
        )
        return master_data.rework_body(
            self.site,
            finished.machine,
            source,
            cycle_ms=_REWORK_CYCLES * finished.task.cycle_ms,
            pieces=finished.task.scrap,
            due=due,
        )


def place_of(floors: Sequence[Floor], name: str) -> tuple[Floor, MachinePath] | None:
    """A machine of the factory by the last part of its path, and the floor it stands on."""
    for machine in factory.MACHINES:
        if machine.path.rsplit("/", 1)[-1] == name:
            for floor in floors:
                if floor.site == machine.site:
                    return floor, machine.path
    return None

"""A scenario as it unfolds: customers' orders, changes of mind, and what was meant to happen."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from contracts.ids import EpochMs, MachinePath
from simulator.customers import Cancel, Change, Customers, Place, Wish
from simulator.floor import Floor, place_of
from simulator.installation_api import ApiError, InstallationApi
from simulator.memory import Memory
from simulator.pace import Pace
from simulator.scenario import Breakdown, Event, OperatorsLate, Scenario
from simulator.voice import Act, Voice
from simulator.work import Key

_LOG = logging.getLogger(__name__)


class Story:
    """What happens in the factory that machines do not do by themselves."""

    def __init__(
        self,
        scenario: Scenario,
        floors: Sequence[Floor],
        *,
        seed: int,
        pace: Pace,
        memory: Memory,
        began_ms: EpochMs,
    ) -> None:
        """Set it up.

        Args:
            scenario: what is to happen.
            floors: the sites that are simulated.
            seed: of the whole factory.
            pace: how much faster than life it goes.
            memory: what has happened already.
            began_ms: when the scenario began.
        """
        self._scenario = scenario
        self._floors = floors
        self._pace = pace
        self._memory = memory
        self._began_ms = began_ms
        self._customers = Customers(scenario, seed=seed, pace=pace)
        for event in scenario.timeline:
            if isinstance(event, OperatorsLate):
                self._be_late(event)

    async def go_on(self, api: InstallationApi, voice: Voice) -> None:
        """Let happen what is due by now.

        Raises:
            ApiError: the API is away or refuses; what was due is tried again.
        """
        await self._break_machines(voice)
        sites = [floor.site for floor in self._floors]
        newest = await api.newest_order(self._scenario)
        if not newest:
            return  # nobody has loaded the scenario's orders: it is not this factory
        open_orders = await api.open_orders(self._scenario, sites)
        happened = self._memory.happened()
        for key, event in self._due(voice.now_ms(), happened):
            wish = self._customers.timeline(event, key, open_orders, newest)
            if wish is not None:
                await self._fulfil(wish, api, voice)
                newest += isinstance(wish, Place)
        for wish in self._customers.changed_minds(open_orders, happened, voice.now_ms()):
            await self._fulfil(wish, api, voice)
        further = self._customers.next_order(open_orders, newest, voice.now_ms())
        if further is not None:
            await self._fulfil(further, api, voice)

    def _at_ms(self, event: Event) -> EpochMs:
        return EpochMs(self._began_ms + self._pace.minutes(event.at_minutes))

    def _due(self, now_ms: EpochMs, happened: dict[str, int]) -> list[tuple[str, Event]]:
        return [
            (key, event)
            for number, event in enumerate(self._scenario.timeline)
            if (key := f"timeline/{number}") not in happened and self._at_ms(event) <= now_ms
        ]

    def _be_late(self, event: OperatorsLate) -> None:
        start_ms = self._at_ms(event)
        end_ms = start_ms + self._pace.minutes(event.minutes)
        for name in event.machines:
            found = place_of(self._floors, name)
            if found is not None:
                floor, path = found
                floor.plant.people.stay_away([path], start_ms, end_ms)

    async def _break_machines(self, voice: Voice) -> None:
        for key, event in self._due(voice.now_ms(), self._memory.happened()):
            found = place_of(self._floors, event.machine) if isinstance(event, Breakdown) else None
            if found is None or not isinstance(event, Breakdown):
                continue
            floor, path = found
            if not floor.plant.knows(path):
                continue
            until_ms = EpochMs(self._at_ms(event) + self._pace.minutes(event.minutes))
            self._memory.note(key, voice.now_ms())
            if until_ms > voice.now_ms():
                await voice.say(breaking(floor, path, until_ms, event.reason))
                _LOG.info("%s breaks down: %s", path, event.reason)

    async def _fulfil(self, wish: Wish, api: InstallationApi, voice: Voice) -> None:
        """Ask the installation for what a customer wants, once."""
        self._memory.note(wish.key, voice.now_ms())
        try:
            if isinstance(wish, Place):
                if await api.order(wish.order, self._pace):
                    order = wish.order
                    _LOG.info("%s orders %d %s", order.customer, order.quantity, order.item)
            elif isinstance(wish, Change):
                if await api.change(wish):
                    _LOG.info("order %s is changed: %s", wish.order.number, wish.reason)
            else:
                await self._cancel(wish, api, voice)
        except ApiError:
            self._memory.forget(wish.key)
            raise

    async def _cancel(self, wish: Cancel, api: InstallationApi, voice: Voice) -> None:
        running = await api.cancel(wish)
        _LOG.info("order %s is cancelled: %s", wish.order.number, wish.reason)
        for floor in self._floors:
            if floor.site == wish.order.site and running:
                await voice.say(_giving_up(floor, running))


def breaking(floor: Floor, path: MachinePath, until_ms: EpochMs, reason: str) -> Act:
    """A machine breaks down, as something to act on."""
    return lambda now_ms: floor.plant.break_down(path, until_ms, reason, now_ms)


def repairing(floor: Floor, path: MachinePath) -> Act:
    """A machine is mended, as something to act on."""
    return lambda now_ms: floor.plant.repair(path, now_ms)


def _giving_up(floor: Floor, operations: Sequence[Key]) -> Act:
    return lambda now_ms: floor.plant.give_up(operations, now_ms)

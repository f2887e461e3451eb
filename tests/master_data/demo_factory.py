"""The demo's factory as records of master data, at the speed of life."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from domain.master_data.fields import WEEKDAYS
from domain.master_data.kinds import (
    CALENDARS,
    CUSTOMERS,
    ITEMS,
    MACHINES,
    ROUTINGS,
    SETUPS,
    SITES,
    Key,
    Kind,
)
from domain.master_data.merging import MasterData
from domain.master_data.records import (
    Alternative,
    Calendar,
    Customer,
    Item,
    Machine,
    Record,
    Routing,
    Setup,
    Shift,
    Site,
    Step,
)
from simulator import calendars, factory, master_data, working_time
from simulator.pace import Pace

PACE = Pace(1.0)


def demo_factory() -> MasterData:
    """What the demo puts into an installation, apart from orders and policies."""
    found: dict[str, dict[Key, Record]] = defaultdict(dict)

    def add(kind: Kind[Record], record: Record) -> None:
        found[kind.name][kind.key_of(record)] = record

    for site in factory.SITES:
        add(SITES, Site(code=site.code, name=site.name, time_zone=site.time_zone))
        body = calendars.calendar_body(site, PACE, 0, working_time.Calendar())
        for calendar in _calendars(site.code, body["working_times"]):
            add(CALENDARS, calendar)
    for machine in factory.MACHINES:
        add(MACHINES, Machine(path=machine.path, name=machine.name, position=machine.position))
        for setup in master_data.setups_body(machine, PACE)["setups"]:
            add(SETUPS, Setup(machine=machine.path, **setup))
    for customer in factory.CUSTOMERS:
        add(CUSTOMERS, Customer(code=customer.code, name=customer.name))
    for item in factory.ITEMS:
        body = master_data.item_body(item, PACE)
        add(
            ITEMS,
            Item(
                code=item.code,
                name=body["name"],
                unit=body["unit"],
                setup_family=body["setup_family"],
                family=item.family,
            ),
        )
        [routing] = body["routings"]
        steps = tuple(_step(step) for step in routing["steps"])
        add(ROUTINGS, Routing(item=item.code, site=routing["site"], version="1", steps=steps))
    return MasterData(found)


def _step(body: dict[str, Any]) -> Step:
    ways = [Alternative(**way) for way in body["alternatives"]]
    ordered = tuple(sorted(ways, key=lambda way: way.machine))
    return Step(**{**body, "alternatives": ordered})


def _calendars(site: str, times: list[dict[str, Any]]) -> list[Calendar]:
    spans: dict[str, dict[tuple[str, str, str], set[int]]] = defaultdict(lambda: defaultdict(set))
    for time in times:
        key = time["shift"], time["start"], time["end"]
        spans[time["machine"]][key].add(time["weekday"])
    return [
        Calendar(
            site=site,
            machine=machine,
            shifts=tuple(
                Shift(
                    shift=shift,
                    weekdays=tuple(WEEKDAYS[day] for day in sorted(days)),
                    start=start,
                    end=end,
                )
                for (shift, start, end), days in sorted(of_machine.items())
            ),
        )
        for machine, of_machine in spans.items()
    ]

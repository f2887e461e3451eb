"""The people at the machines: there or not, in a hurry or late, forgetful now and then. Pure.

Everything is a function of seed, machine and time, so a simulator that was killed finds the same
people where it left them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NamedTuple

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import MachineState
from simulator import factory
from simulator.calendars import shift_at
from simulator.pace import Pace
from simulator.scenario import Habits
from simulator.states import Absence
from simulator.working_time import Calendar, Off, last_return, off_at, off_times

LATE: Final = "operator late"
_OPERATORS: Final = (
    "A. Nowak",
    "J. Müller",
    "L. Chen",
    "M. Kowalska",
    "P. Wiśniewski",
    "S. Wang",
    "E. Lindqvist",
    "Zhou Min",
    "T. Zieliński",
    "Li Na",
)
_READ_AGAIN_MS: Final = 6 * 3_600_000
"""Weekly working times reach three days ahead: after so long they are worked out again."""


class Missing(NamedTuple):
    """Nobody comes to a machine for a while."""

    machine: MachinePath
    start_ms: int
    end_ms: int


class People:
    """Who works at a site's machines, and when."""

    def __init__(
        self,
        site: str,
        *,
        seed: int,
        pace: Pace = Pace(),  # noqa: B008 - immutable
        habits: Habits = Habits(),  # noqa: B008 - immutable
    ) -> None:
        self._site = factory.site_of(site)
        self._seed = seed
        self._pace = pace
        self._habits = habits
        self._calendar = Calendar()
        self._off: dict[MachinePath, list[Off]] = {}
        self._read_ms = 0
        self._missing: list[Missing] = []

    def go_by(self, calendar: Calendar) -> None:
        """Read the site's calendar."""
        if calendar != self._calendar:
            self._calendar = calendar
            self._off.clear()

    def stay_away(self, machines: Sequence[MachinePath], start_ms: int, end_ms: int) -> None:
        """Be late at these machines."""
        self._missing += [Missing(machine, start_ms, end_ms) for machine in machines]

    def absence(self, machine: MachinePath, now_ms: EpochMs) -> Absence | None:
        """Why nobody is at the machine; None while somebody is."""
        off = self._off_times(machine, now_ms)
        now_off = off_at(off, now_ms)
        if now_off is not None:
            return Absence(MachineState.PLANNED_STOP, now_off.reason)
        back_ms = last_return(off, now_ms)
        if back_ms is not None and now_ms < back_ms + self._late_ms(machine, back_ms):
            return Absence(MachineState.IDLE, LATE)
        if any(
            one.machine == machine and one.start_ms <= now_ms < one.end_ms for one in self._missing
        ):
            return Absence(MachineState.IDLE, LATE)
        return None

    def pause_ms(self, machine: MachinePath, key: tuple[str, int]) -> int:
        """How long it takes until somebody starts an operation that could be started."""
        chance = self._chance("start", machine, *key)
        if chance.random() < self._habits.late:
            return self._pace.minutes(chance.uniform(*self._habits.late_minutes))
        seconds = chance.uniform(*self._habits.change_seconds)
        return self._pace.ms(seconds * 1_000) if seconds else 0

    def operator(self, machine: MachinePath, key: tuple[str, int], now_ms: EpochMs) -> str | None:
        """Who logs on to start an operation; None when they forget to."""
        if self._chance("log on", machine, *key).random() < self._habits.forget:
            return None
        shift = shift_at(self._site, self._pace, now_ms) if self._site is not None else ""
        return self._chance("operator", machine, shift).choice(_OPERATORS)

    def _off_times(self, machine: MachinePath, now_ms: EpochMs) -> list[Off]:
        if now_ms - self._read_ms > _READ_AGAIN_MS:
            self._read_ms = now_ms
            self._off.clear()
        off = self._off.get(machine)
        if off is None:
            off = self._off[machine] = off_times(self._calendar, machine, now_ms)
        return off

    def _late_ms(self, machine: MachinePath, back_ms: int) -> int:
        chance = self._chance("back", machine, back_ms)
        if chance.random() >= self._habits.late:
            return 0
        return self._pace.minutes(chance.uniform(*self._habits.late_minutes))

    def _chance(self, *what: object) -> random.Random:
        name = "/".join(map(str, (self._seed, *what)))
        return random.Random(name)  # noqa: S311 - reproducible, no secret

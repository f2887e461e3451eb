"""Dispatching rules as priorities: which of the operations that compete for a machine comes first.

All of them look at an operation as it would be appended to its machine now: it waits until it is
ready, is set up, is worked on, and behind it lies the rest of its job. Lower comes first.
"""

from __future__ import annotations

import enum
from math import exp
from typing import Final

from domain.plan.decoder import DecodeError
from domain.plan.indexed import Indexed

_LOOK_AHEAD: Final = 2.0
"""`k` of ATC: how many average operations ahead a due date is felt; the usual range is 1 to 4."""
_SETUP_DREAD: Final = 0.5
"""The same for set-ups, in average set-ups (Lee, Bhaskaran & Pinedo 1997)."""
NEVER: Final = 400 * 86_400_000
"""A job that is not due is due so long from now."""


class Order(enum.StrEnum):
    """Dispatching rules."""

    ATC = "atc"
    """Apparent tardiness cost (Vepsalainen & Morton 1987), with set-ups."""
    EDD = "edd"
    """Earliest due date, of the operation: the job's less the work behind it."""
    SLACK = "slack"
    """Least slack; a weighted job's counts for less."""
    SPT = "spt"
    """Shortest time until it is done, set-up and waiting included, weighted."""
    CR = "cr"
    """Critical ratio: time until due over work left."""
    MWR = "mwr"
    """Most work remaining behind it."""
    PLANNED = "planned"
    """As in the plan in force, behind all that is new: a rush order."""
    PLANNED_DUE = "planned_due"
    """As in the plan in force; new work as if it had been planned to end just in time."""


class Urgency:
    """What rules need to know of each operation. Everything by index; milliseconds.

    Attributes:
        due: when the jobs that wait for it are due, the earliest.
        latest_end: when it has to end for them to end in time.
        tail: the longest work (and way) behind it.
        shortest: its duration on its fastest machine.
        weight: its job's weight, at least 1.
    """

    __slots__ = (
        "_average",
        "_average_setup",
        "_given",
        "due",
        "latest_end",
        "shortest",
        "tail",
        "weight",
    )

    def __init__(self, indexed: Indexed) -> None:
        jobs = {job.id: job for job in indexed.problem.jobs}
        never = indexed.now + NEVER
        count = len(indexed.operations)
        self.shortest = [min([mode[1] for mode in modes]) for modes in indexed.modes]
        self.due = [never] * count
        self.weight = [1] * count
        for index, operation in enumerate(indexed.operations):
            job = jobs.get(operation.job)
            if job is not None:
                self.weight[index] = max(job.weight, 1)
                if job.due_ms is not None:
                    self.due[index] = job.due_ms
        self.latest_end = list(self.due)
        self.tail = [0] * count
        for follower in reversed(_in_order(indexed)):
            work = self.shortest[follower]
            for index, lag_ms in indexed.after[follower]:
                self.due[index] = min(self.due[index], self.due[follower])
                self.tail[index] = max(self.tail[index], lag_ms + work + self.tail[follower])
                self.latest_end[index] = min(
                    self.latest_end[index], self.latest_end[follower] - work - lag_ms
                )
        now = indexed.now
        planned = [now if start is None else start for start in indexed.base_start]
        just_in_time = [
            max(end - work, now) if start is None else start
            for start, end, work in zip(
                indexed.base_start, self.latest_end, self.shortest, strict=True
            )
        ]
        self._given = {
            Order.EDD: self.latest_end,
            Order.PLANNED: planned,
            Order.PLANNED_DUE: just_in_time,
        }
        self._average = max(sum(self.shortest) / max(count, 1), 1.0)
        setups = [mode[2] for modes in indexed.modes for mode in modes]
        self._average_setup = max(sum(setups) / max(len(setups), 1), 60_000.0)

    def priority(
        self, order: Order, operation: int, free: int, when: tuple[int, int, int]
    ) -> float:
        """The operation's priority by the rule, on a machine that is free from `free` on.

        Args:
            order: the rule.
            operation: whose.
            free: when the machine has ended what is on it.
            when: what its set-up would take, when it would start, and when end.
        """
        setup, start, end = when
        given = self._given.get(order)
        if given is not None:
            return given[operation]
        weight = self.weight[operation]
        if order is Order.SPT:
            return (end - free) / weight
        if order is Order.MWR:
            return -(end - start + self.tail[operation])
        if order is Order.CR:
            left = max(end - start + self.tail[operation], 1)
            return (self.due[operation] - start) / left
        slack = self.latest_end[operation] - end
        if order is Order.SLACK:
            return slack / weight if slack > 0 else slack * weight
        urgency = exp(-max(slack, 0) / (_LOOK_AHEAD * self._average))
        dread = exp(-setup / (_SETUP_DREAD * self._average_setup))
        return -weight / max(end - free, 1) * urgency * dread


def _in_order(indexed: Indexed) -> list[int]:
    """All operations, each behind what it waits for."""
    waits_for = [len(before) for before in indexed.after]
    order = [index for index, waits in enumerate(waits_for) if not waits]
    for index in order:  # the list is the queue
        for follower in indexed.followers[index]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                order.append(follower)
    if len(order) < len(indexed.operations):
        stuck = next(
            operation.id
            for operation, waits in zip(indexed.operations, waits_for, strict=True)
            if waits
        )
        raise DecodeError(f"operation {stuck} waits for itself", stuck)
    return order

"""Where an operation goes on its machine when it needs more than the machine.

It starts as early as calendars, resources, transfer batches and transport let it, or joins the
batch that an oven did last: if it is ready by then, there is room for it, and the batch need not
change for it. A batch that is to wait for an operation is given the time until when it waits.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.plan.extras import Extras, Link, Way
from domain.plan.indexed import RUNNING, Indexed
from domain.plan.usage import Usage


class Fit(NamedTuple):
    """A place on a machine; `setup` is working time.

    Attributes:
        joins: whether it is a place in the batch that the machine did last.
    """

    setup: int
    setup_start: int
    start: int
    end: int
    joins: bool = False


class _Batch(NamedTuple):
    """What an oven did last, until something else follows."""

    batch_family: str | None
    family: str | None
    room: int
    before: str | None
    """What the machine was set up for before."""
    way: Way
    duration: int
    fit: Fit
    begin: int
    rank: int
    started: int | None


class _Done(NamedTuple):
    """An operation that has been placed."""

    machine: int
    begin: int
    duration: int
    end: int


class Fitting:
    """The machines' surroundings while operations are appended. Everything by index."""

    __slots__ = ("_batches", "_done", "_extras", "_indexed", "usage")

    def __init__(self, indexed: Indexed, extras: Extras) -> None:
        self._indexed = indexed
        self._extras = extras
        self.usage = Usage(indexed.problem.resources)
        self._batches: list[_Batch | None] = [None] * len(indexed.machines)
        self._done: dict[int, _Done] = {}

    def fit(
        self,
        operation: int,
        mode: tuple[int, int, int],
        *,
        free: int,
        family: str | None,
        ready: int,
    ) -> Fit:
        """Where it would go if it were appended now.

        Args:
            operation: which one; all that comes before it is placed.
            mode: where, with duration and set-up.
            free: when the machine has ended what is on it.
            family: what the machine is set up for then.
            ready: before when it does not start for reasons of its own.
        """
        machine, duration, _ = mode
        ready = self.arrived(operation, mode, ready)
        joined = self._joined(operation, mode, ready)
        if joined is not None:
            return joined
        way = self._extras.ways[operation, machine]
        setup = self._setup(operation, mode, family)
        fit = earliest(
            self.usage,
            way,
            free=free,
            setup=setup,
            ready=ready,
            duration=duration,
            whole=self._indexed.whole[operation],
        )
        assert fit is not None  # noqa: S101 - without an end there is always room
        return fit

    def running(self, operation: int, mode: tuple[int, int, int], free: int, start: int) -> Fit:
        """Where what runs goes on: now, behind what else runs there, or with it in an oven."""
        machine, duration, _ = mode
        pin = self._indexed.operations[operation].pin
        batch = self._batches[machine]
        if (
            batch is not None
            and batch.started is not None
            and pin is not None
            and pin.started_ms == batch.started
            and self._alike(operation, batch)
        ):
            # What is in it is a fact, whether or not there should be room for it.
            return Fit(0, start, start, batch.fit.end, joins=True)
        clock = self._extras.ways[operation, machine].run_clock
        return Fit(0, start, start, clock.advance(free, duration))

    def place(
        self,
        operation: int,
        mode: tuple[int, int, int],
        fit: Fit,
        *,
        free: int,
        family: str | None,
    ) -> None:
        """Remember that it has been placed, and what it holds."""
        indexed = self._indexed
        machine, duration, _ = mode
        way = self._extras.ways[operation, machine]
        runs = indexed.ranks[operation] == RUNNING
        begin = free if runs else fit.start
        batch = self._batches[machine]
        if fit.joins and batch is not None:
            begin = batch.begin
            units = indexed.operations[operation].units
            self._batches[machine] = batch._replace(room=batch.room - units)
        else:
            self._open(operation, mode, fit, begin, family)
        if not runs and not fit.joins:
            self.usage.hold(way.setup, fit.setup_start, fit.start, way.setup_clock)
        if runs or not fit.joins:
            self.usage.hold(way.run, begin, fit.end, way.run_clock)
        self.note(operation, machine, begin=begin, duration=duration, end=fit.end)

    def note(self, operation: int, machine: int, *, begin: int, duration: int, end: int) -> None:
        """Remember where an operation is, for those that come behind it (`arrived`)."""
        self._done[operation] = _Done(machine, begin, duration, end)

    def _open(
        self,
        operation: int,
        mode: tuple[int, int, int],
        fit: Fit,
        begin: int,
        family: str | None,
    ) -> None:
        """Let others join it if the machine is an oven."""
        machine, duration, _ = mode
        room = self._extras.room[machine]
        if room is None:
            return
        subject = self._indexed.operations[operation]
        rank = self._indexed.ranks[operation]
        pin = subject.pin
        self._batches[machine] = _Batch(
            batch_family=subject.batch_family,
            family=subject.family,
            room=room - subject.units,
            before=family,
            way=self._extras.ways[operation, machine],
            duration=duration,
            fit=fit,
            begin=begin,
            rank=rank,
            started=pin.started_ms if pin is not None and rank == RUNNING else None,
        )

    def _joined(self, operation: int, mode: tuple[int, int, int], ready: int) -> Fit | None:
        """Its place in the batch that the machine did last; None when it cannot join it."""
        machine, duration, _ = mode
        batch = self._batches[machine]
        if batch is None or batch.rank == RUNNING or not self._alike(operation, batch):
            return None
        fit, way = batch.fit, self._extras.ways[operation, machine]
        broken = fit.end - fit.start > batch.duration
        if (
            self._indexed.operations[operation].units > batch.room
            or ready > fit.start
            or duration > batch.duration
            or (broken and self._indexed.whole[operation])
            or self._setup(operation, mode, batch.before) > fit.setup
            or not (set(way.setup) <= set(batch.way.setup))
            or not (set(way.run) <= set(batch.way.run))
        ):
            return None
        return Fit(fit.setup, fit.setup_start, fit.start, fit.end, joins=True)

    def _alike(self, operation: int, batch: _Batch) -> bool:
        """Whether it is of the batch's kind."""
        subject = self._indexed.operations[operation]
        return (
            subject.batch_family is not None
            and subject.batch_family == batch.batch_family
            and subject.family == batch.family
        )

    def arrived(self, operation: int, mode: tuple[int, int, int], ready: int) -> int:
        """When all that comes before it, which is placed, lets it start on this machine."""
        for link in self._extras.links[operation]:
            ready = max(ready, self._arrival(operation, mode, link))
        return ready

    def _arrival(self, operation: int, mode: tuple[int, int, int], link: Link) -> int:
        """When one that comes before it lets it start on this machine."""
        machine, duration, _ = mode
        done, extras = self._done[link.operation], self._extras
        way_ms = link.lag_ms + extras.travel_ms(done.machine, machine)
        last = done.end + way_ms
        overlap = link.overlap
        if overlap is None or extras.room[done.machine] or extras.room[machine]:
            return last
        operations = self._indexed.operations
        first = self._indexed.now
        if overlap.first:
            share = _share(done.duration, overlap.first, operations[link.operation].pieces)
            made = extras.ways[link.operation, done.machine].run_clock.advance(done.begin, share)
            first = made + way_ms
        # It ends when its work on the last batch does: so its start is no earlier than that less
        # all of its work.
        own = _share(duration, overlap.last, operations[operation].pieces)
        clock = extras.ways[operation, machine].run_clock
        return max(first, clock.retreat(clock.advance(last, own), duration))

    def _setup(self, operation: int, mode: tuple[int, int, int], family: str | None) -> int:
        machine, _, mode_setup = mode
        indexed = self._indexed
        name = indexed.machines[machine].id
        return indexed.setups.ms(name, family, indexed.families[operation], mode_setup)


def earliest(
    usage: Usage,
    way: Way,
    *,
    free: int,
    setup: int,
    ready: int,
    duration: int,
    whole: bool,
    latest: int | None = None,
) -> Fit | None:
    """The first place behind a moment that calendars and resources leave.

    Args:
        usage: who holds what.
        way: what it needs.
        free: nothing of it, set-up included, comes before.
        setup: working time.
        ready: the work itself does not start before.
        duration: working time.
        whole: whether no break may fall into it.
        latest: it is to end by then; None: at any time.

    Returns:
        None: there is none by then.
    """
    start = max(way.setup_clock.advance(free, setup), ready)
    while True:
        if whole:
            start = way.run_clock.fits(start, duration)
            end = start + duration
        else:
            start = way.run_clock.next(start)
            end = way.run_clock.advance(start, duration)
        if latest is not None and end > latest:
            return None
        setup_start = way.setup_clock.retreat(start, setup) if setup else start
        until = usage.blocked(way.setup, setup_start, start, way.setup_clock)
        if until is not None:
            start = max(start + 1, way.setup_clock.advance(until, setup))
            continue
        until = usage.blocked(way.run, start, end, way.run_clock)
        if until is None:
            return Fit(setup, setup_start, start, end)
        start = max(start + 1, until)


def _share(duration_ms: int, pieces: int, of: int) -> int:
    """The working time for some of the pieces, rounded up."""
    return -(-duration_ms * min(pieces, of) // of)

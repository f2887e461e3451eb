"""What somebody watches: the projections by machine, order and site, and who has to be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from contracts.live import EVERYWHERE, ChannelKind
from streams.marks import Mark, MarkKind
from streams.projections import (
    WORK_INTERVAL_S,
    AlarmsProjection,
    PlanProjection,
    Projection,
    SiteCache,
)

ORDER_KINDS = (ChannelKind.ORDER, ChannelKind.TRACKING, ChannelKind.OWN)
"""The channels whose subject is an order."""


class Watched:
    """The projections of all watched channels.

    The methods that tell of a change answer whether anything has to be read for it.

    Attributes:
        sites: what is kept of sites between readings.
        expires: when each channel counts as no longer watched, on the monotonic clock.
        new: channels of which nothing is known yet.
    """

    def __init__(self) -> None:
        self.sites: dict[str, SiteCache] = {}
        self.expires: dict[str, float] = {}
        self.new: set[str] = set()
        self._all: dict[str, Projection] = {}
        self._by_machine: dict[int, Projection] = {}
        self._by_order: dict[int, set[Projection]] = defaultdict(set)
        self._by_site: dict[str, set[Projection]] = defaultdict(set)
        self._plans: dict[str, PlanProjection] = {}
        self._plans_at: dict[str, PlanProjection] = {}
        self._alarms: dict[str, AlarmsProjection] = {}

    def __iter__(self) -> Iterator[Projection]:
        return iter(self._all.values())

    @property
    def names(self) -> list[str]:
        """The channels that are projected."""
        return list(self._all)

    def want(self, names: Iterable[str], until: float) -> None:
        """Note that channels are watched until then."""
        for name in names:
            self.expires[name] = until
            if name not in self._all:
                self.new.add(name)

    def add(self, projection: Projection) -> None:
        """A channel's subject was found: project it."""
        self._all[projection.name] = projection
        if isinstance(projection, PlanProjection):
            self._plans[projection.site] = projection
            self.stands(projection, projection.sites)
            return
        if isinstance(projection, AlarmsProjection):
            self._alarms[projection.site] = projection
            return
        self._by_site[projection.site].add(projection)
        if projection.kind is ChannelKind.MACHINE:
            self._by_machine[projection.subject] = projection
        elif projection.kind in ORDER_KINDS:
            self._by_order[projection.subject].add(projection)

    def forget(self, name: str) -> None:
        """Nobody watches a channel any more, or it cannot be projected."""
        self.expires.pop(name, None)
        self.new.discard(name)
        projection = self._all.pop(name, None)
        if projection is None:
            return
        if isinstance(projection, PlanProjection):
            self._plans.pop(projection.site, None)
            self.stands(projection, ())
            return
        if isinstance(projection, AlarmsProjection):
            self._alarms.pop(projection.site, None)
            return
        self._by_site[projection.site].discard(projection)
        if projection.kind is ChannelKind.MACHINE:
            self._by_machine.pop(projection.subject, None)
        elif projection.kind in ORDER_KINDS:
            self._by_order[projection.subject].discard(projection)
            if not self._by_order[projection.subject]:
                del self._by_order[projection.subject]

    def stands(self, projection: PlanProjection, sites: Collection[str]) -> None:
        """A planning board shows these sites."""
        for site in projection.sites:
            if self._plans_at.get(site) is projection:
                del self._plans_at[site]
        projection.sites = frozenset(sites)
        self._plans_at |= dict.fromkeys(sites, projection)

    def note(self, mark: Mark) -> bool:
        """Note a change that somebody told."""
        match mark.kind:
            case MarkKind.MACHINE:
                return self.machine_changed(mark.place, mark.subject)
            case MarkKind.ORDER:
                return self.order_changed(mark.place, mark.subject)
            case MarkKind.WORK:
                return self.work_changed(mark.place)
            case MarkKind.WORK_ORDER:
                return self.work_order_changed(mark.place, mark.subject)
            case MarkKind.OPERATION:
                return self.operation_changed(mark.place, mark.subject)
            case _:
                return self._note_rare(mark)

    def _note_rare(self, mark: Mark) -> bool:
        match mark.kind:
            case MarkKind.PROJECTION:
                return self.projection_changed(mark.place, mark.subject)
            case MarkKind.DISRUPTIONS:
                return self.disruptions_changed(mark.place)
            case MarkKind.PLAN:
                return self.plan_changed(mark.place)
            case MarkKind.DEAD_LETTERS:
                return self.dead_letters_changed(mark.place)
            case MarkKind.ALARMS:
                return self.alarms_moved(mark.place)
            case _:
                self.begin_anew()
                return True

    def mark_all(self) -> None:
        """Everything may have changed with the time."""
        for projection in self:
            projection.mark_all()

    def begin_anew(self) -> None:
        """Nobody knows what was missed: nothing that is kept between readings is right."""
        self.sites.clear()
        self.mark_all()

    def machine_changed(self, site: str, machine_id: int) -> bool:
        """A machine's committed rows changed."""
        concerned = [each for each in self._at(site) if each.kind is ChannelKind.FLOOR]
        if machine_id in self._by_machine:
            concerned.append(self._by_machine[machine_id])
        for projection in concerned:
            projection.mark(machine_id)
        if (board := self._plans_at.get(site)) is not None:
            board.mark_machine(machine_id)
        return bool(concerned) or board is not None

    def order_changed(self, site: str, order_id: int) -> bool:
        """An order's committed rows (or those of its operations) changed."""
        concerned = self._by_order.get(order_id, set())
        for projection in concerned:
            projection.mark(order_id)
        if site in self.sites:
            self.sites[site].counts_changed()
        return bool(concerned)

    def work_changed(self, site: str) -> bool:
        """Work was planned, released, changed or cancelled."""
        if site in self.sites:
            self.sites[site].work_changed()
        concerned = [each for each in self._at(site) if each.kind not in ORDER_KINDS]
        for projection in concerned:
            projection.mark_all(gap_s=WORK_INTERVAL_S)
        return bool(concerned)

    def operation_changed(self, site: str, operation_id: int) -> bool:
        """An operation at a site was worked on."""
        board = self._plans_at.get(site)
        if board is not None:
            board.mark(operation_id)
        return board is not None

    def work_order_changed(self, site: str, work_order_id: int) -> bool:
        """A work order at a site, or the order that it is for, was made, changed or cancelled."""
        board = self._plans_at.get(site)
        if board is not None:
            board.mark_work(work_order_id)
        return board is not None

    def projection_changed(self, scope: str, operation_id: int) -> bool:
        """The projection of a scope's operation changed."""
        board = self._plans.get(scope)
        if board is not None:
            board.mark(operation_id)
        return board is not None

    def disruptions_changed(self, scope: str) -> bool:
        """Something made a scope's plan wrong, or a draft of it was made or discarded."""
        board = self._plans.get(scope)
        if board is not None:
            board.mark_extra()
        return board is not None

    def plan_changed(self, scope: str) -> bool:
        """Another plan is in force in a scope, or what its planning goes by was changed."""
        board = self._plans.get(scope)
        if board is not None:
            board.mark_all()
        concerned = board is not None
        for code in [code for code, cache in self.sites.items() if cache.site.scope == scope]:
            concerned = self.work_changed(code) or concerned
        return concerned

    def dead_letters_changed(self, site: str) -> bool:
        """Dead letters were stored or replayed."""
        if site in self.sites:
            self.sites[site].counts_changed()
        concerned = [each for each in self._at(site) if each.kind is ChannelKind.FLOOR]
        for projection in concerned:
            projection.mark_extra()
        return bool(concerned)

    def alarms_moved(self, site: str) -> bool:
        """An alarm of a site moved; an empty site: one of none."""
        boards = [self._alarms[place] for place in (site, EVERYWHERE) if place in self._alarms]
        for board in boards:
            board.moved()
        return bool(boards)

    def _at(self, site: str) -> Iterable[Projection]:
        return self._by_site.get(site, ())

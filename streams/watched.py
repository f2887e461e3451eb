"""What somebody watches: the projections by machine, order and site, and who has to be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from contracts.live import ChannelKind
from streams.projections import WORK_INTERVAL_S, Projection, SiteCache

ORDER_KINDS = (ChannelKind.ORDER, ChannelKind.TRACKING)
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
        self._by_site[projection.site].discard(projection)
        if projection.kind is ChannelKind.MACHINE:
            self._by_machine.pop(projection.subject, None)
        elif projection.kind in ORDER_KINDS:
            self._by_order[projection.subject].discard(projection)
            if not self._by_order[projection.subject]:
                del self._by_order[projection.subject]

    def mark_all(self) -> None:
        """Everything may have changed."""
        for projection in self:
            projection.mark_all()

    def machine_changed(self, site: str, machine_id: int) -> bool:
        """A machine's committed rows changed."""
        concerned = [each for each in self._at(site) if each.kind is ChannelKind.FLOOR]
        if machine_id in self._by_machine:
            concerned.append(self._by_machine[machine_id])
        for projection in concerned:
            projection.mark(machine_id)
        return bool(concerned)

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

    def dead_letters_changed(self, site: str) -> bool:
        """Dead letters were stored or replayed."""
        if site in self.sites:
            self.sites[site].counts_changed()
        concerned = [each for each in self._at(site) if each.kind is ChannelKind.FLOOR]
        for projection in concerned:
            projection.mark_extra()
        return bool(concerned)

    def _at(self, site: str) -> Iterable[Projection]:
        return self._by_site.get(site, ())

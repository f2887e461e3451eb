"""One record that was told, while it is judged."""

from __future__ import annotations

from datetime import date

from domain.master_data.faults import Faults
from domain.master_data.kinds import Key, Kind
from domain.master_data.merging import Wanted
from domain.master_data.records import Record


class Case:
    """One record that was told, being judged."""

    def __init__(self, wanted: Wanted, faults: Faults, kind: Kind[Record], key: Key) -> None:
        self.wanted = wanted
        self.kind = kind
        self.key = key
        self.record = wanted.records.of(kind)[key]
        self._faults = faults

    def fault(self, field: str, problem: str, value: object = None) -> None:
        """Note a fault of a field."""
        place = self.wanted.place(self.kind, self.key, field)
        assert place is not None  # noqa: S101 - only what was told is judged
        self._faults.add(place, problem, None if value is None else str(value))

    def unread(self, field: str) -> bool:
        """Whether the field is told, but holds something that cannot be read."""
        told = self.wanted.told[self.kind.name][self.key]
        return field in told.places and field not in told.given

    def machine_at(self, field: str, path: str, site: str) -> None:
        """A machine has to stand at the site."""
        if path.partition("/")[0] != site:
            self.fault(field, f"does not stand at the site {site!r}", path)


def span(case: Case, valid_from: date | None, valid_to: date | None) -> None:
    """Days from one to another that is not before it."""
    if valid_from is not None and valid_to is not None and valid_from > valid_to:
        case.fault("valid_to", f"is before valid_from ({valid_from})", valid_to)

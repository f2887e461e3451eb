"""A partition of Kafka, and what relays that know nothing of each other bring into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from store.log.outbox import HEADER, AnyHeaders

RELAYS: Final = 3


@dataclass
class Told:
    """A record as a partition of Kafka holds it; `number` is None for one that came by itself."""

    offset: int
    number: int | None
    topic: str = "t"
    partition: int = 0
    timestamp: float = 0.0
    key: bytes | None = None
    value: bytes | None = b""
    headers: AnyHeaders = None

    def __post_init__(self) -> None:
        if self.number is not None:
            self.headers = [(HEADER, b"%d" % self.number)]


@dataclass
class Partition:
    """One partition of the outbox and of Kafka, and relays that know nothing of each other."""

    noted: int = 0
    """Position in `log_commits`."""
    told: list[Told] = field(default_factory=list)
    relays: dict[int, int] = field(default_factory=dict)
    """Up to where each living relay has an acknowledgement."""

    def append(self, number: int | None) -> None:
        self.told.append(Told(len(self.told), number))

    def relay(self, name: int, action: str, count: int) -> None:
        position = self.relays.setdefault(name, self.noted)
        sent = range(position, position + count)
        match action:
            case "acknowledged":
                for number in sent:
                    self.append(number)
                self.relays[name] = position + count
            case "noted":
                # Never backwards, as in the database.
                self.noted = max(self.noted, position)
            case "unacknowledged":  # it is there, but the relay does not hear of it
                for number in sent:
                    self.append(number)
            case "dies":
                del self.relays[name]
            case "itself":  # a gateway appends between
                self.append(None)


STEPS = st.lists(
    st.tuples(
        st.integers(0, RELAYS - 1),
        st.sampled_from(["acknowledged", "noted", "unacknowledged", "dies", "itself"]),
        st.integers(1, 5),
    ),
    max_size=60,
)

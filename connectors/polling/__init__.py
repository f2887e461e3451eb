"""Clients of systems that have to be asked what changed, instead of telling it.

A client signs in as its system wants it, and answers which orders changed since a moment of the
system's own clock, and an order as the connector of its format reads it. What to do with them is
not its business.
"""

from connectors.polling.asked import (
    POLLED,
    Asked,
    AskedWronglyError,
    client_for,
    pause_after_s,
    require,
)
from connectors.polling.client import (
    Changed,
    Client,
    PollError,
    RefusedError,
    SessionLostError,
    SlowDownError,
    UnreachableError,
)
from connectors.polling.kingdee import KingdeeAccount, KingdeeClient
from connectors.polling.poller import Position, Round, poll
from connectors.polling.yonyou import YonyouAccount, YonyouClient

__all__ = [
    "POLLED",
    "Asked",
    "AskedWronglyError",
    "Changed",
    "Client",
    "KingdeeAccount",
    "KingdeeClient",
    "PollError",
    "Position",
    "RefusedError",
    "Round",
    "SessionLostError",
    "SlowDownError",
    "UnreachableError",
    "YonyouAccount",
    "YonyouClient",
    "client_for",
    "pause_after_s",
    "poll",
    "require",
]

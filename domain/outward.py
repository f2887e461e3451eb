"""What the outside is told: event types, signatures (Standard Webhooks), when to try again.

Standard Webhooks (https://www.standardwebhooks.com): the headers `webhook-id`, `webhook-timestamp`
and `webhook-signature` (`v1,` and the base64 HMAC-SHA256 of `<id>.<timestamp>.<body>`), under a
secret that is written `whsec_<base64>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

import msgspec

from contracts.outward import DATA, WEBHOOK_TEST

EVENT_OF: Final[Mapping[str, str]] = {
    "OrderReceived": "order.received",
    "OrderConfirmed": "order.confirmed",
    "OrderRejected": "order.rejected",
    "OrderReleased": "order.released",
    "OrderChanged": "order.changed",
    "OrderHeld": "order.held",
    "OrderResumed": "order.resumed",
    "OrderCancelled": "order.cancelled",
    "LineStateChanged": "order.line_state_changed",
    "ExpectedDateMoved": "order.date_moved",
    "ShipmentPacked": "shipment.packed",
    "ShipmentShipped": "shipment.shipped",
    "CarrierReported": "shipment.carrier_reported",
    "ShipmentDelivered": "shipment.delivered",
    "ShipmentReturned": "shipment.returned",
    "ShipmentCorrected": "shipment.corrected",
}
"""The outside's event types by the audit log's words."""

EVENT_TYPES: Final = frozenset(DATA)
"""Everything that subscribers are told; what no entry of the audit log is comes from `notify`."""

TEST_EVENT: Final = WEBHOOK_TEST
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins
SECRET_BYTES: Final = (24, 64)
"""How long a secret has to be at least, and may be at most."""

_FIRST_S: Final = 5.0
_FACTOR: Final = 4.0
_LONGEST_S: Final = 6 * 3600.0
_JITTER: Final = 0.2


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to give up.

    Attributes:
        attempts: so many times a message is sent at most.
        failures: so many attempts in a row have to have failed before an endpoint is disabled,
        failing_for: and for so long.
    """

    attempts: int = 12
    failures: int = 20
    failing_for: timedelta = timedelta(days=3)


def secret_bytes(secret: str) -> bytes:
    """The key that a written secret means.

    Raises:
        ValueError: it is not `whsec_` and base64 of 24 to 64 bytes.
    """
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret begins with {SECRET_PREFIX!r}")
    try:
        key = base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"what follows {SECRET_PREFIX!r} has to be base64") from error
    shortest, longest = SECRET_BYTES
    if not shortest <= len(key) <= longest:
        raise ValueError(f"a secret has {shortest} to {longest} bytes, not {len(key)}")
    return key


def written_secret(key: bytes) -> str:
    """A key as people copy it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The header `webhook-signature`."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def next_after(attempts: int, chance: float) -> float:
    """Seconds until the next attempt: 5 s, 20 s, 80 s, … up to 6 h, 20 % more or less.

    Args:
        attempts: how many have failed, from 1.
        chance: from 0 to 1, drawn by the caller.
    """
    step = min(_FIRST_S * _FACTOR ** (attempts - 1), _LONGEST_S)
    return step * (1 - _JITTER + 2 * _JITTER * chance)


def is_hopeless(
    policy: Policy, *, failures: int, failing_since: datetime | None, now: datetime
) -> bool:
    """Whether an endpoint has failed so often and for so long that it is disabled."""
    return (
        failures >= policy.failures
        and failing_since is not None
        and now - failing_since >= policy.failing_for
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet's, and none of this network or machine."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return found.is_global and not found.is_multicast


def payload(event_type: str, at: datetime, data: Mapping[str, Any]) -> str:
    """A message's body. It is made once, so that every attempt sends the same bytes."""
    told = {"type": event_type, "timestamp": at.isoformat(), "data": dict(data)}
    return msgspec.json.encode(told).decode()

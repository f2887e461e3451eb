"""Partners: NAD and what belongs to it (RFF, CTA, COM)."""

from __future__ import annotations

import msgspec

from connectors.edifact.codes import AGENCIES, INTERCHANGE_NAMES, PARTY_REFERENCES, ROLES
from connectors.edifact.partner import Partner
from connectors.segments import Segment
from domain.documents import Name, NameScheme, Party, PartyRole

LOOP = frozenset({"LOC", "FII", "RFF", "DOC", "CTA", "COM"})
"""What belongs to a partner as long as nothing else has come."""


class PartyLoop:
    """A partner while its segments come in."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.code = segment.get(1)
        self._names: list[Name] = []
        self._phone = ""
        identity, agency = segment.component(2, 1), segment.component(2, 3)
        if identity:
            self._names.append(Name(AGENCIES.get(agency, NameScheme.OTHER), identity))

    def add(self, segment: Segment) -> None:
        """A further segment of the loop."""
        match segment.tag:
            case "RFF" if segment.component(1, 2):
                scheme = PARTY_REFERENCES.get(segment.component(1, 1))
                if scheme is not None:
                    self._names.append(Name(scheme, segment.component(1, 2)))
            case "COM":
                self._contact(segment.component(1, 1), segment.component(1, 2))
            case _:
                return

    def _contact(self, value: str, kind: str) -> None:
        if kind in {"TE", "AL"} and not self._phone:
            self._phone = value
        elif kind == "EM" and value:
            self._names.append(Name(NameScheme.EMAIL, value))

    def party(self) -> Party:
        """The partner as it was told. Without a structured name the first line is the name."""
        segment = self._segment
        lines = [line for line in segment.components(3) if line]
        called = [line for line in segment.components(4) if line]
        street = [line for line in segment.components(5) if line]
        if not called and lines:
            called, lines = lines[:1], lines[1:]
        region = segment.components(7)
        return Party(
            role=ROLES.get(self.code, PartyRole.OTHER),
            role_code=self.code,
            names=tuple(self._names),
            name=" ".join(called) or None,
            street=tuple(lines + street),
            city=segment.get(6) or None,
            region=(region[0] or region[-1] or None) if region else None,
            postal_code=segment.get(8) or None,
            country=segment.get(9) or None,
            phone=self._phone or None,
        )


def with_customer(told: list[Party], partner: Partner) -> tuple[Party, ...]:
    """The partners of an order, the customer among them.

    The customer is the buyer (BY, OB), else who gets the invoice (IV, BT, PR), else the sender of
    the interchange, whose identity is always one of the customer's names.
    """
    scheme = INTERCHANGE_NAMES.get(partner.qualifier, NameScheme.OTHER)
    sender = (Name(scheme, partner.identity),) if partner.identity else ()
    wanted = (PartyRole.SOLD_TO, PartyRole.BILL_TO)
    found = next((party for role in wanted for party in told if party.role is role), None)
    if found is None:
        return (Party(role=PartyRole.SOLD_TO, role_code="UNB", names=sender), *told)
    names = found.names + tuple(name for name in sender if name not in found.names)
    customer = msgspec.structs.replace(found, role=PartyRole.SOLD_TO, names=names)
    if found.role is PartyRole.SOLD_TO:
        return tuple(customer if party is found else party for party in told)
    return (customer, *told)

"""Partners: the N1 loop (N1, N2, N3, N4, PER)."""

from __future__ import annotations

import msgspec

from connectors.faults import Faults
from connectors.segments import Segment
from connectors.x12.codes import INTERCHANGE_NAMES, PARTNER_NAMES, ROLES
from connectors.x12.partner import Partner
from domain.documents import Name, NameScheme, Party, PartyRole

LOOP = frozenset({"N1", "N2", "N3", "N4", "PER", "REF", "NX2", "SI", "FOB", "TD1", "TD3", "TD4"})
"""What belongs to a partner as long as nothing else has come."""

_CONTACTS = ((3, 4), (5, 6), (7, 8))


class PartyLoop:
    """A partner while its segments come in."""

    def __init__(self, segment: Segment, faults: Faults) -> None:
        self.code = segment.get(1)
        self._names: list[Name] = []
        self._called: list[str] = [segment.get(2)] if segment.get(2) else []
        self._street: list[str] = []
        self._place: tuple[str, str, str, str] = ("", "", "", "")
        self._phone = ""
        if not self.code:
            faults.warning(
                "mandatory_missing",
                "nobody can say who this partner is: N101 is missing",
                segment,
                element=1,
                standard="1",
            )
        if identity := segment.get(4):
            scheme = PARTNER_NAMES.get(segment.get(3), NameScheme.OTHER)
            self._names.append(Name(scheme, identity))

    def add(self, segment: Segment) -> None:
        """A further segment of the loop."""
        match segment.tag:
            case "N2":
                self._called += [value for at in (1, 2) if (value := segment.get(at))]
            case "N3":
                self._street += [value for at in (1, 2) if (value := segment.get(at))]
            case "N4":
                self._place = (segment.get(1), segment.get(2), segment.get(3), segment.get(4))
            case "PER":
                self._contact(segment)
            case _:
                return

    def _contact(self, segment: Segment) -> None:
        for qualifier, value in _CONTACTS:
            match segment.get(qualifier):
                case "TE" | "CP" if not self._phone:
                    self._phone = segment.get(value)
                case "EM" if segment.get(value):
                    self._names.append(Name(NameScheme.EMAIL, segment.get(value)))
                case _:
                    continue

    def party(self) -> Party:
        """The partner as it was told."""
        city, region, postal_code, country = self._place
        return Party(
            role=ROLES.get(self.code, PartyRole.OTHER),
            role_code=self.code,
            names=tuple(self._names),
            name=", ".join(self._called) or None,
            street=tuple(self._street),
            city=city or None,
            region=region or None,
            postal_code=postal_code or None,
            country=country or None,
            phone=self._phone or None,
        )


def with_customer(told: list[Party], partner: Partner) -> tuple[Party, ...]:
    """The partners of an order, the customer among them.

    The customer is the buyer (BY, OB, SO), else who gets the bill (BT, PR), else the sender of the
    interchange. The sender's identity is always one of the customer's names: it is the one thing
    that every partner gets right.
    """
    scheme = INTERCHANGE_NAMES.get(partner.qualifier, NameScheme.OTHER)
    sender = (Name(scheme, partner.identity),) if partner.identity else ()
    wanted = (PartyRole.SOLD_TO, PartyRole.BILL_TO)
    found = next((party for role in wanted for party in told if party.role is role), None)
    if found is None:
        return (
            Party(role=PartyRole.SOLD_TO, role_code="ISA06", names=sender, name=None),
            *told,
        )
    names = found.names + tuple(name for name in sender if name not in found.names)
    customer = msgspec.structs.replace(found, role=PartyRole.SOLD_TO, names=names)
    if found.role is PartyRole.SOLD_TO:
        return tuple(customer if party is found else party for party in told)
    return (customer, *told)

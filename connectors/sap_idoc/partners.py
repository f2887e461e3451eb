"""Partners of an IDoc (E1EDKA1, E1EDPA1, the sender) as parties."""

from __future__ import annotations

from connectors.sap_idoc.report import Report
from connectors.sap_idoc.segments import ROLES
from connectors.sap_idoc.stream import Node
from connectors.sap_idoc.values import named
from domain.documents import Name, NameScheme, Party, PartyRole


def parties_of(
    idoc: Node, control: Node | None, header: Node | None, report: Report
) -> tuple[Party, ...]:
    """The partners of an order; the customer may be known by who sent the document."""
    told = idoc.all("E1EDKA1")
    parties = [_party(one) for one in told if one.field("PARVW")]
    if not any(party.role is PartyRole.SHIP_TO for party in parties):
        parties += _ship_to_of_items(idoc, report)
    tax = header.field("KUNDEUINR") if header is not None else ""
    sold_to = next((one for one in parties if one.role is PartyRole.SOLD_TO), None)
    if sold_to is None and control is not None and control.field("SNDPRT") == "KU":
        names = tuple(named(NameScheme.SUPPLIER, control.field("SNDPRN")))
        sold_to = Party(role=PartyRole.SOLD_TO, role_code="SNDPRN", names=names)
        parties.insert(0, sold_to)
    if sold_to is None:
        report.warning(
            "customer_missing", idoc, "E1EDKA1",
            "no partner is the sold-to party (PARVW AG): whose order it is, is not said", value="",
        )  # fmt: skip
    elif tax:
        place = parties.index(sold_to)
        parties[place] = _with_name(sold_to, Name(NameScheme.TAX, tax))
    return tuple(parties)


def _with_name(party: Party, name: Name) -> Party:
    return Party(
        **{field: getattr(party, field) for field in Party.__struct_fields__ if field != "names"},
        names=(*party.names, name),
    )


def _ship_to_of_items(idoc: Node, report: Report) -> list[Party]:
    """The ship-to that items name where the header does not."""
    found: dict[tuple[str, ...], tuple[Node, Party]] = {}
    for item in idoc.all("E1EDP01"):
        for one in item.all("E1EDPA1"):
            if one.field("PARVW") == "WE":
                key = tuple(one.field(name) for name in ("PARTN", "LIFNR", "ILNNR", "NAME1"))
                found.setdefault(key, (one, _party(one)))
    if len(found) > 1:
        second = list(found.values())[1][0]
        report.warning(
            "several_ship_to", second, "PARTN",
            f"the items go to {len(found)} places; the order shows the first",
        )  # fmt: skip
    return [party for _, party in found.values()][:1]


def _party(one: Node) -> Party:
    """A partner. PARTN is the receiver's number of it (ours), LIFNR what the sender calls it."""
    code = one.field("PARVW")
    names = [
        *named(NameScheme.SUPPLIER, one.field("PARTN")),
        *named(NameScheme.GLN, one.field("ILNNR")),
        *named(NameScheme.BUYER, one.field("LIFNR")),
    ]
    told = [one.field(name) for name in ("NAME1", "NAME2", "NAME3", "NAME4")]
    street = [one.field(name) for name in ("STRAS", "STRS2", "ORT02")]
    return Party(
        role=ROLES.get(code, PartyRole.OTHER),
        role_code=code,
        names=tuple(dict.fromkeys(names)),
        name=" ".join(part for part in told if part) or None,
        street=tuple(part for part in street if part),
        city=one.field("ORT01") or None,
        region=one.field("REGIO") or None,
        postal_code=one.field("PSTLZ") or None,
        country=one.field("LAND1") or None,
        phone=one.field("TELF1") or None,
    )

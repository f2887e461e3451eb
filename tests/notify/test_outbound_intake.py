"""What intake says of an order is what notify says: one word, wherever it is asked for."""

from __future__ import annotations

import httpx
import pytest
from api_client import Api
from outbound_floor import changed, confirmed, content, of, outbound, sample, segments, taken, told

from connectors.segments import decode

ENVELOPE = frozenset({"ISA", "GS", "GE", "IEA"})
"""Segments with the interchange's own number and time."""


async def shown(desk: httpx.AsyncClient, document: int) -> list[str]:
    """The answers that intake has for a document's order."""
    answer = await desk.get(f"/v1/intake/documents/{document}/answers")
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["items"])
    return [one["content"] for one in answer.json()["items"]]


def said(text: str) -> list[list[str]]:
    """What an 855 says, whatever its number."""
    return [one for one in segments(text.encode()) if one[0] not in ENVELOPE]


async def test_before_the_document_is_made_it_says_the_same_field_by_field(
    api: Api, desk: httpx.AsyncClient
) -> None:
    document = await taken(desk, sample("order-850.x12"), "x12")
    assert await shown(desk, document["id"]) == []
    await confirmed(desk, document["order"])
    (first_look,) = await shown(desk, document["id"])
    found = said(first_look)
    assert of("BAK", found)[0][:5] == ["BAK", "00", "AD", "PO-48213", "20261120"]
    assert of("PO1", found) == [
        ["PO1", "1", "120", "EA", "14.5", "", "VN", "BRACKET-40", "BP", "NW-778"],
        ["PO1", "2", "2000", "EA", "3.25", "HP", "UK", "012345678905"],
        ["PO1", "3", "90", "KG", "2.1", "", "BP", "NW-900"],
    ]
    assert of("ACK", found) == [
        ["ACK", "IA", "120", "EA", "067", "20261211"],
        ["ACK", "IA", "2000", "EA", "067", "20261218"],
        ["ACK", "IA", "40", "KG", "067", "20261211"],
        ["ACK", "IA", "50", "KG", "067", "20270115"],
    ]
    await told(api)
    (made,) = await outbound(desk)
    assert said((await content(desk, made)).decode()) == found


@pytest.mark.parametrize(
    ("name", "spoken"),
    [("order-850.x12", "x12"), ("orders.edi", "edifact"), ("sap-orders05.xml", "sap-idoc")],
)
async def test_the_document_that_was_made_is_shown_byte_for_byte(
    api: Api, desk: httpx.AsyncClient, name: str, spoken: str
) -> None:
    document = await taken(desk, sample(name), spoken)
    await confirmed(desk, document["order"])
    await told(api)
    (made,) = await outbound(desk)
    assert await shown(desk, document["id"]) == [decode(await content(desk, made)).characters]


async def test_what_has_changed_since_is_said_anew_and_replaces_what_was_said(
    api: Api, desk: httpx.AsyncClient
) -> None:
    document = await taken(desk, sample("order-850.x12"), "x12")
    await confirmed(desk, document["order"])
    await told(api)
    wishes = [{"number": 1, "quantity": 100}, {"number": 2, "cancel": True}]
    await changed(desk, document["order"], lines=wishes, reason="no more of it")
    (first_look,) = await shown(desk, document["id"])
    found = said(first_look)
    assert of("BAK", found)[0][1:4] == ["05", "AC", "PO-48213"]
    assert of("ACK", found)[:2] == [
        ["ACK", "IQ", "100", "EA", "067", "20261211"],
        ["ACK", "IR", "2000", "EA"],
    ]
    await told(api)
    _, second = await outbound(desk)
    sent = decode(await content(desk, second)).characters
    assert said(sent) == found
    assert await shown(desk, document["id"]) == [sent]

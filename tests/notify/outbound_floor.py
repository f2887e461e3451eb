"""Orders that came as documents, and what notify makes of them, one round at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest
from api_client import SITE, Api
from defusedxml.ElementTree import fromstring

from notify import documents
from notify.tending import Pace, Tending
from store import outward

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "howto" / "samples"
REFERENCE = ROOT.parent / "shared" / "data" / "documents"


def sample(name: str) -> bytes:
    """A document that a how-to shows."""
    return (SAMPLES / name).read_bytes()


def reference(name: str) -> bytes:
    """A document of the reference data; skipped where it is absent."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip("the reference data (../shared/data/documents) is not beside the checkout")
    return path.read_bytes()


def tending(api: Api, **pace: float) -> Tending:
    """Notify's rounds, to be made one by one."""
    return Tending(
        pool=api.context.pool,
        clock=api.context.clock,
        keep=timedelta(days=400),
        pace=Pace(**pace),
    )


async def told(api: Api) -> None:
    """Notify has told and made everything that there is."""
    while True:
        async with api.context.transaction() as connection:
            entries = await outward.tell(connection)
        done = await tending(api).make_documents()
        if not entries and not done:
            return


async def taken(
    desk: httpx.AsyncClient, content: bytes, spoken: str, **query: str
) -> dict[str, Any]:
    """The one document of a file that was taken in."""
    answer = await desk.post(
        f"/v1/intake/{spoken}", content=content, params={"site": SITE, **query}
    )
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["documents"]
    assert one["outcome"] in ("created", "changed", "cancelled"), one
    document: dict[str, Any] = one
    return document


async def confirmed(desk: httpx.AsyncClient, number: str) -> None:
    """People accept an order, whatever review says of it."""
    answer = await desk.post(f"/v1/orders/{number}/confirm", json={"overrule": "agreed by phone"})
    assert answer.status_code == 200, answer.text


async def changed(desk: httpx.AsyncClient, number: str, **wish: Any) -> None:
    """People change an order."""
    version = (await desk.get(f"/v1/orders/{number}")).json()["version"]
    answer = await desk.patch(f"/v1/orders/{number}", json={"version": version, **wish})
    assert answer.status_code == 200, answer.text


async def outbound(desk: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """Documents that went out, oldest first."""
    answer = await desk.get("/v1/outbound", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    assert answer.json()["total"] == len(found)
    return found


async def content(desk: httpx.AsyncClient, document: dict[str, Any]) -> bytes:
    """A document's bytes."""
    answer = await desk.get(f"/v1/outbound/{document['id']}/content")
    assert answer.status_code == 200
    assert answer.headers["x-document-media-type"] == document["media_type"]
    assert len(answer.content) == document["size"]
    return answer.content


async def shipped(
    desk: httpx.AsyncClient, number: str, lines: dict[int, float] | None = None, **more: Any
) -> int:
    """Goods of an order have left; answers the shipment's number."""
    body = {"lines": [{"line": line, "quantity": some} for line, some in (lines or {}).items()]}
    planned = await desk.post(f"/v1/orders/{number}/shipments", json=body if lines else {})
    assert planned.status_code == 201, planned.text
    shipment: int = planned.json()["number"]
    left = await desk.post(
        f"/v1/orders/{number}/shipments/{shipment}/ship", json={"insist": True, **more}
    )
    assert left.status_code == 200, left.text
    return shipment


def segments(content: bytes, element: str = "*", terminator: str = "~") -> list[list[str]]:
    """Segments of X12 (or EDIFACT without release characters), split by hand."""
    text = content.decode("latin-1" if content.startswith(b"UNB+UNOC") else "utf-8")
    return [part.strip().split(element) for part in text.split(terminator) if part.strip()]


def of(tag: str, found: list[list[str]]) -> list[list[str]]:
    """The segments of a tag."""
    return [one for one in found if one[0] == tag]


def assert_x12_counts(found: list[list[str]], control: int | None = None) -> None:
    """The envelope's counts and numbers, counted by hand."""
    tags = [one[0] for one in found]
    assert tags[:3] == ["ISA", "GS", "ST"]
    assert tags[-3:] == ["SE", "GE", "IEA"]
    start, end = tags.index("ST"), tags.index("SE")
    assert found[end] == ["SE", str(end - start + 1), found[start][2]]
    assert found[-2] == ["GE", "1", found[1][6]]
    assert found[-1] == ["IEA", "1", found[0][13]]
    if control is not None:
        assert int(found[0][13]) == control


def assert_edifact_counts(found: list[list[str]]) -> None:
    """UNT and UNZ, counted by hand."""
    tags = [one[0] for one in found]
    start, end = tags.index("UNH"), tags.index("UNT")
    assert found[end] == ["UNT", str(end - start + 1), found[start][1]]
    assert found[-1] == ["UNZ", "1", found[tags.index("UNB")][5]]


def xml(content: bytes) -> Element:
    """An IDoc's tree."""
    root: Element = fromstring(content)
    return root


async def production_told(api: Api) -> int:
    """ERPs are told what was made."""
    async with api.context.transaction() as connection:
        return await documents.confirm_production(connection, now=datetime.now(UTC))

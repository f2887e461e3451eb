"""856 and DESADV: what has left of an order, in parts, and corrected."""

from __future__ import annotations

import httpx
from api_client import SITE, Api
from outbound_floor import (
    assert_edifact_counts,
    assert_x12_counts,
    confirmed,
    content,
    of,
    outbound,
    sample,
    segments,
    shipped,
    taken,
    told,
    xml,
)


async def _order(api: Api, desk: httpx.AsyncClient, name: str, spoken: str) -> str:
    order: str = (await taken(desk, sample(name), spoken))["order"]
    await confirmed(desk, order)
    await told(api)
    return order


async def test_a_partial_shipment_is_told_by_856_and_the_rest_by_another(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = await _order(api, desk, "order-850.x12", "x12")
    await shipped(
        desk,
        order,
        {1: 50, 3: 40},
        carrier="DHL",
        tracking_number="JD014600003",
        expected_at="2026-12-10T09:00:00Z",
    )
    await told(api)
    (first,) = await outbound(desk, kind="ship_notice")
    assert (first["name"], first["shipment"], first["reference"]) == ("856", 1, "PO-48213")
    found = segments(await content(desk, first))
    assert_x12_counts(found)
    assert found[1][:4] == ["GS", "SH", "GEMBA", "123456789"]
    assert of("BSN", found)[0][1:3] == ["00", f"{order}-1"]
    assert of("HL", found) == [
        ["HL", "1", "", "S", "1"],
        ["HL", "2", "1", "O", "1"],
        ["HL", "3", "2", "I", "0"],
        ["HL", "4", "2", "I", "0"],
    ]
    assert of("PRF", found) == [["PRF", "PO-48213"]]
    assert ["REF", "VN", order] in found
    assert ["REF", "CN", "JD014600003"] in found
    assert of("TD5", found) == [["TD5", "", "", "", "", "DHL"]]
    assert ["DTM", "017", "20261210", "0900", "UT"] in found
    assert of("LIN", found) == [
        ["LIN", "1", "VN", "BRACKET-40", "BP", "NW-778"],
        ["LIN", "3", "BP", "NW-900"],
    ]
    assert of("SN1", found) == [
        ["SN1", "1", "50", "EA", "", "120", "EA"],
        ["SN1", "3", "40", "KG", "", "40", "KG"],
    ]
    assert of("CTT", found) == [["CTT", "4"]]
    await shipped(desk, order)
    await told(api)
    _, second = await outbound(desk, kind="ship_notice")
    rest = segments(await content(desk, second))
    assert_x12_counts(rest)
    assert of("BSN", rest)[0][1:3] == ["00", f"{order}-2"]
    assert [line[1:4] for line in of("SN1", rest)] == [
        ["1", "70", "EA"],
        ["2", "2000", "EA"],
        ["3", "50", "KG"],
    ]


async def test_each_notice_names_the_lots_that_left_with_it(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = await _order(api, desk, "order-850.x12", "x12")
    item = (await desk.get(f"/v1/orders/{order}")).json()["lines"][0]["item"]
    for lot, quantity, last_day in (("L-7", 30, "2031-01-31"), ("L-8", 100, "2031-12-31")):
        line = {"item": item, "quantity": quantity, "lot": lot, "expires_on": last_day}
        answer = await desk.post("/v1/stock/receipts", json={"site": SITE, "lines": [line]})
        assert answer.status_code == 201, answer.text
    await shipped(desk, order, {1: 50, 2: 5})
    await shipped(desk, order, {1: 20})
    await told(api)
    lots = []
    for notice in await outbound(desk, kind="ship_notice"):
        found = segments(await content(desk, notice))
        assert_x12_counts(found)
        lots.append(
            [one for one in found if one[:2] in (["LIN", "1"], ["LIN", "2"], ["REF", "LT"])]
        )
    assert [[one[:3] if one[0] == "REF" else one[:2] for one in some] for some in lots] == [
        # The second line left although the books had none of it: no lot is known.
        [["LIN", "1"], ["REF", "LT", "L-7"], ["REF", "LT", "L-8"], ["LIN", "2"]],
        [["LIN", "1"], ["REF", "LT", "L-8"]],
    ]


async def test_a_shipment_of_edifact_is_told_by_desadv(api: Api, desk: httpx.AsyncClient) -> None:
    order = await _order(api, desk, "orders.edi", "edifact")
    await shipped(desk, order, {1: 20}, carrier="DHL", tracking_number="JD01")
    await told(api)
    (one,) = await outbound(desk, kind="ship_notice")
    found = segments(await content(desk, one), "+", "'")
    assert_edifact_counts(found)
    assert of("UNH", found) == [["UNH", "1", "DESADV:D:96A:UN"]]
    assert of("BGM", found) == [["BGM", "351", f"{order}-1", "9"]]
    assert ["RFF", "ON:45-00917"] in found
    assert ["RFF", f"VN:{order}"] in found
    assert ["RFF", "CN:JD01"] in found
    assert of("LIN", found) == [["LIN", "1", "", "4006381333931:EN"]]
    assert of("QTY", found) == [["QTY", "12:20:PCE"], ["QTY", "21:120:PCE"]]
    assert of("CNT", found) == [["CNT", "2:1"]]


async def test_a_shipment_of_an_idocs_order_is_told_by_an_idoc(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = await _order(api, desk, "sap-orders05.xml", "sap-idoc")
    shipment = await shipped(desk, order, {1: 3})
    await told(api)
    (one,) = await outbound(desk, kind="ship_notice")
    assert one["name"] == "DESADV"
    delivery = xml(await content(desk, one)).find("IDOC/E1EDL20")
    assert delivery is not None
    assert delivery.findtext("LIFEX") == f"{order}-{shipment}"
    (item,) = delivery.findall("E1EDL24")
    assert item.findtext("LFIMG") == "3.000"
    assert item.findtext("E1EDL41/BSTNR") == "4500017301"


async def test_what_leaves_in_a_row_is_told_of_each_shipment_and_a_carriers_word_is_not(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = await _order(api, desk, "order-850.x12", "x12")
    for quantity in (10, 20, 30):
        number = await shipped(desk, order, {1: quantity})
    heard = await desk.post(
        f"/v1/orders/{order}/shipments/{number}/carrier-events",
        json={"status": "delivered", "at": "2026-11-22T11:30:00Z"},
    )
    assert heard.status_code == 200
    await told(api)
    notices = await outbound(desk, kind="ship_notice")
    assert [one["shipment"] for one in notices] == [1, 2, 3]
    quantities = [of("SN1", segments(await content(desk, one)))[0][2] for one in notices]
    assert quantities == ["10", "20", "30"]


async def test_a_corrected_shipment_replaces_its_notice(api: Api, desk: httpx.AsyncClient) -> None:
    order = await _order(api, desk, "order-850.x12", "x12")
    await shipped(desk, order, {1: 10})
    await told(api)
    rows = await api.rows("SELECT id, site_id FROM orders WHERE number = %s", order)
    await api.rows("UPDATE shipment_lines SET shipped = 8 WHERE order_id = %s", rows[0][0])
    await api.rows(
        """
        WITH entry AS (INSERT INTO audit_log (actor, origin, site_id, order_id, action, after)
            VALUES ('warehouse', 'scanner', %s, %s, 'ShipmentCorrected', '{"shipment": 1}')
            RETURNING id)
        INSERT INTO outward_queue SELECT id FROM entry
        """,
        rows[0][1],
        rows[0][0],
    )
    await told(api)
    _, second = await outbound(desk, kind="ship_notice")
    found = segments(await content(desk, second))
    assert of("BSN", found)[0][1:3] == ["05", f"{order}-1"]
    assert of("SN1", found)[0][2] == "8"

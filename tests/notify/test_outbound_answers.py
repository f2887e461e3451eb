"""855 and ORDRSP: what a partner is told of its order, element by element, from its file on."""

from __future__ import annotations

import httpx
from api_client import MACHINE, SITE, Api
from outbound_floor import (
    assert_edifact_counts,
    assert_x12_counts,
    changed,
    confirmed,
    content,
    of,
    outbound,
    reference,
    sample,
    segments,
    taken,
    told,
    xml,
)

from connectors import edifact, x12
from connectors.options import ReadOptions
from domain.access import Role

OPTIONS = ReadOptions()


async def test_the_how_tos_850_is_answered_once_it_is_confirmed(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await told(api)
    assert await outbound(desk) == []
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk, state="made")
    assert (one["kind"], one["name"], one["format"]) == ("order_answer", "855", "x12")
    assert (one["order"], one["reference"], one["channel"]) == (order, "PO-48213", None)
    assert (one["pushed"], one["attempts"], one["next_at"]) == (False, 0, None)
    found = segments(await content(desk, one))
    assert_x12_counts(found)
    assert (found[0][5:9], found[1][:4]) == (
        ["ZZ", "GEMBA          ", "01", "123456789      "],
        ["GS", "PR", "GEMBA", "123456789"],
    )
    (bak,) = of("BAK", found)
    assert bak[:5] == ["BAK", "00", "AD", "PO-48213", "20261120"]
    assert bak[8] == order
    assert of("CUR", found) == [["CUR", "SE", "USD"]]
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
    assert of("CTT", found) == [["CTT", "3"]]


async def test_our_reader_has_nothing_against_what_is_written(
    api: Api, desk: httpx.AsyncClient
) -> None:
    for name, spoken, read in (
        ("order-850.x12", "x12", x12.read),
        ("orders.edi", "edifact", edifact.read),
    ):
        order = (await taken(desk, sample(name), spoken))["order"]
        await confirmed(desk, order)
        await told(api)
        (one,) = await outbound(desk, order=order)
        problems = read(await content(desk, one), OPTIONS).problems
        assert {problem.code for problem in problems} <= {
            "set_unsupported",
            "message_unsupported",
            "no_order",
        }


async def test_the_850_of_the_reference_data_is_answered_in_its_yards(
    api: Api, desk: httpx.AsyncClient
) -> None:
    document = await taken(desk, reference("x12.850a.edi"), "x12")
    order = document["order"]
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk)
    found = segments(await content(desk, one))
    assert_x12_counts(found)
    (bak,) = of("BAK", found)
    assert bak[2:5] == ["AD", "4600000406", "20140724"]
    lines = of("PO1", found)
    assert [line[1:5] for line in lines[:3]] == [
        ["000100001", "2500", "YD", "2.53"],
        ["000200001", "2000", "YD", "3.41"],
        ["000200002", "1000", "YD", "3.41"],
    ]
    assert len(lines) == len(document["lines"])
    assert len(of("ACK", found)) == len(lines)
    assert lines[0][6:10] == ["BP", "A_QU001-BLK", "VN", "SINGLE LINE DIAMOND PATTERN"]
    assert {line[1] for line in of("ACK", found)} == {"IA"}


async def test_another_quantity_and_a_refused_line_are_said_and_replace_what_was_said(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    await told(api)
    await changed(
        desk,
        order,
        lines=[{"number": 1, "quantity": 100}, {"number": 2, "cancel": True}],
        reason="no more of it",
    )
    await told(api)
    first, second = await outbound(desk, order=order)
    assert first["id"] < second["id"]
    found = segments(await content(desk, second))
    assert_x12_counts(found)
    assert of("BAK", found)[0][1:4] == ["05", "AC", "PO-48213"]
    assert of("ACK", found)[:2] == [
        ["ACK", "IQ", "100", "EA", "067", "20261211"],
        ["ACK", "IR", "2000", "EA"],
    ]
    assert int(found[0][13]) > int(segments(await content(desk, first))[0][13])


async def test_what_was_promised_goes_before_what_was_asked_for(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await api.rows(
        "UPDATE order_lines SET promised_at = '2026-12-20T10:00:00Z' WHERE number = 1"
        " AND order_id = (SELECT id FROM orders WHERE number = %s)",
        order,
    )
    await confirmed(desk, order)
    await told(api)
    (answer,) = await outbound(desk, order=order)
    found = segments(await content(desk, answer))
    assert of("ACK", found)[0] == ["ACK", "DR", "120", "EA", "067", "20261220"]


async def test_another_date_is_told_and_nothing_new_is_not(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    await told(api)
    await changed(desk, order, priority=5)
    await told(api)
    assert len(await outbound(desk, order=order)) == 1
    await changed(desk, order, lines=[{"number": 1, "due_at": "2026-12-20T10:00:00Z"}])
    await told(api)
    _, second = await outbound(desk, order=order)
    found = segments(await content(desk, second))
    assert of("ACK", found)[0] == ["ACK", "DR", "120", "EA", "067", "20261220"]
    assert of("BAK", found)[0][2] == "AC"


async def test_a_partners_change_is_answered_by_what_it_asks_for_then(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    await told(api)
    await taken(desk, sample("change-860.x12"), "x12")
    await confirmed(desk, order)  # the line that was added waits
    await told(api)
    *_, last = await outbound(desk, order=order)
    found = segments(await content(desk, last))
    assert_x12_counts(found)
    lines = {line[1]: line for line in of("PO1", found)}
    assert lines["1"][2:4] == ["150", "EA"]
    assert lines["4"][2:8] == ["10", "EA", "99", "", "VN", "FRAME-2"]
    assert of("ACK", found) == [
        ["ACK", "IA", "150", "EA", "067", "20261214"],
        ["ACK", "ID", "0", "EA"],
        ["ACK", "IA", "40", "KG", "067", "20261211"],
        ["ACK", "IA", "50", "KG", "067", "20270115"],
        ["ACK", "IA", "10", "EA", "067", "20261211"],
    ]


async def test_a_rejected_order_is_answered_with_why(api: Api, desk: httpx.AsyncClient) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    refused = await desk.post(f"/v1/orders/{order}/reject", json={"reason": "not made any more"})
    assert refused.status_code == 200, refused.text
    await told(api)
    (one,) = await outbound(desk, order=order)
    found = segments(await content(desk, one))
    assert of("BAK", found)[0][1:4] == ["00", "RD", "PO-48213"]
    assert [ack[1] for ack in of("ACK", found)] == ["IR"] * 4
    assert ["MSG", "not made any more"] in found
    assert_x12_counts(found)


async def test_orders_of_edifact_are_answered_by_ordrsp(api: Api, desk: httpx.AsyncClient) -> None:
    order = (await taken(desk, sample("orders.edi"), "edifact"))["order"]
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk)
    assert (one["name"], one["media_type"]) == ("ORDRSP", "application/edifact")
    text = await content(desk, one)
    found = segments(text, "+", "'")
    assert_edifact_counts(found)
    assert of("UNB", found)[0][1:4] == ["UNOC:3", "4012345000009:14", "5412345000013:14"]
    assert of("UNH", found) == [["UNH", "1", "ORDRSP:D:96A:UN"]]
    assert of("BGM", found) == [["BGM", "231", order, "29"]]
    assert of("RFF", found)[0] == ["RFF", "ON:45-00917"]
    assert of("LIN", found) == [["LIN", "1", "5", "4006381333931:EN"], ["LIN", "2", "5"]]
    assert of("QTY", found) == [
        ["QTY", "21:120:PCE"],
        ["QTY", "113:120:PCE"],
        ["QTY", "21:90:KGM"],
        ["QTY", "113:90:KGM"],
    ]
    assert of("PRI", found) == [["PRI", "AAA:14.5"], ["PRI", "AAA:210:::100:KGM"]]
    assert ["DTM", "67:20261211:102"] in found
    assert ["DTM", "67:20261218:102"] in found
    assert of("CNT", found) == [["CNT", "2:2"]]


async def test_the_edifact_of_the_reference_data_is_answered(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, reference("edifact.orders-with-group.edi"), "edifact"))["order"]
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk)
    found = segments(await content(desk, one), "+", "'")
    assert_edifact_counts(found)
    assert ["RFF", "ON:C1441747"] in found
    assert ["QTY", "113:288"] in [[*row[:1], row[1].removesuffix(":PCE")] for row in found[:-1]]
    assert of("LIN", found) == [["LIN", "1", "5", "5400111864181:EN"]]


async def test_an_idoc_is_answered_by_an_idoc(api: Api, desk: httpx.AsyncClient) -> None:
    document = await taken(desk, sample("sap-orders05.xml"), "sap-idoc")
    order = document["order"]
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk)
    assert (one["name"], one["format"], one["reference"]) == ("ORDRSP", "sap-idoc", "4500017301")
    idoc = xml(await content(desk, one)).find("IDOC")
    assert idoc is not None
    assert idoc.findtext("EDI_DC40/MESTYP") == "ORDRSP"
    assert idoc.findtext("EDI_DC40/RCVPRN") == "PRDCLNT100"
    assert idoc.findtext("E1EDK01/BELNR") == order
    items = idoc.findall("E1EDP01")
    positions = {line["position"].partition("/")[0] for line in document["lines"]}
    assert {item.findtext("POSEX") for item in items} == positions
    assert {item.findtext("ACTION") for item in items} == {"004"}


async def test_a_plan_that_ends_a_line_later_gives_it_another_date(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await desk.put(f"/v1/machines/{MACHINE}", json={"name": "Saw"})
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
    item = {"name": "Bracket", "routings": [{"site": SITE, "steps": [step]}]}
    assert (await desk.put("/v1/items/BRACKET-40", json=item)).status_code == 200
    order = (await taken(desk, _one_line(), "x12"))["order"]
    await confirmed(desk, order)
    released = await desk.post(f"/v1/orders/{order}/release", json={})
    assert released.status_code == 200, released.text
    await told(api)
    await api.rows(
        """
        WITH plan AS (
            INSERT INTO plans (scope, number, state, as_of_ms, method, solve_ms, reasons, metrics)
            VALUES ('plant-1', 1, 'published', 0, 'test', 0, '[]', '{}') RETURNING id
        ), placed AS (
            INSERT INTO plan_operations
                (plan_id, operation_id, machine_id, setup_start_ms, start_ms, end_ms)
            SELECT plan.id, o.id, m.id, 0, 0,
                   extract(epoch FROM '2026-12-15T08:00:00Z'::timestamptz) * 1000
            FROM plan, operations o, machines m
        ), entry AS (
            INSERT INTO audit_log (actor, origin, site_id, order_id, action)
            SELECT 'scheduler', 'test', site_id, id, 'ExpectedDateMoved' FROM orders RETURNING id
        )
        INSERT INTO outward_queue SELECT id FROM entry
        """
    )
    await told(api)
    first, second = await outbound(desk, order=order)
    assert of("ACK", segments(await content(desk, first))) == [
        ["ACK", "IA", "120", "EA", "067", "20261211"]
    ]
    found = segments(await content(desk, second))
    assert of("ACK", found) == [["ACK", "DR", "120", "EA", "067", "20261215"]]
    assert of("BAK", found)[0][1:3] == ["05", "AC"]


def _one_line() -> bytes:
    """The how-to's 850 with its first line only."""
    text = sample("order-850.x12").decode()
    head, rest = text[: text.index("PO1*2*")], text[text.index("GE*1*") :]
    return f"{head}CTT*1*120~\nSE*16*0001~\n{rest}".encode()


async def test_a_line_on_hold_that_nobody_accepted_is_not_answered(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    held = await desk.post(f"/v1/orders/{order}/hold", json={"reason": "unpaid"})
    assert held.status_code == 200, held.text
    await changed(desk, order, priority=3)
    await told(api)
    assert await outbound(desk) == []
    assert await api.rows("SELECT count(*) FROM outbound_tasks") == [(0,)]


async def test_an_order_by_hand_is_not_answered(api: Api, desk: httpx.AsyncClient) -> None:
    made = await desk.post(
        "/v1/orders",
        json={
            "number": "SO-1",
            "site": "plant-1",
            "customer": "acme",
            "lines": [{"item": "bolt", "quantity": 5}],
        },
    )
    assert made.status_code == 201
    await told(api)
    assert await outbound(desk) == []


async def test_a_channel_says_which_documents_its_orders_cause(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await desk.put("/v1/channels/north", json={"format": "x12", "site": "plant-1"})
    settings = "/v1/channels/north/outbound"
    assert (await desk.get(settings)).json()["documents"] == ["order_answer", "ship_notice"]
    saved = await desk.put(settings, json={"documents": ["ship_notice"]})
    assert saved.status_code == 200, saved.text
    assert saved.json()["documents"] == ["ship_notice"]
    log = (await desk.get("/v1/audit", params={"action": "ChannelOutboundChanged"})).json()
    assert [entry["object_key"] for entry in log["items"]] == ["north"]
    assert log["items"][0]["before"]["documents"] == ["order_answer", "ship_notice"]
    wrong = await desk.put(settings, json={"documents": ["production"]})
    assert wrong.status_code == 422, wrong.text
    order = (await taken(desk, sample("order-850.x12"), "x12", channel="north"))["order"]
    await confirmed(desk, order)
    await told(api)
    assert await outbound(desk) == []
    elsewhere = await api.as_role(Role.ADMIN, "plant-9")
    assert (await elsewhere.get(settings)).status_code == 404
    assert (await elsewhere.put(settings, json={})).status_code == 404


async def test_an_erp_fetches_acknowledges_and_asks_again(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    await told(api)
    (one,) = await outbound(desk, state="made", kind="order_answer")
    before = await content(desk, one)
    address = f"/v1/outbound/{one['id']}"
    elsewhere = await api.as_role(Role.SALES, "plant-9")
    assert (await elsewhere.get(address)).status_code == 404
    assert (await elsewhere.get(f"{address}/content")).status_code == 404
    failed = await desk.post(
        f"{address}/acknowledge", json={"state": "failed", "reason": "no such partner"}
    )
    assert (failed.json()["state"], failed.json()["reason"]) == ("failed", "no such partner")
    taken_ = await desk.post(f"{address}/acknowledge", json={"state": "taken"})
    assert taken_.status_code == 200
    assert taken_.json()["settled_by"]
    again = await desk.post(f"{address}/acknowledge", json={"state": "taken"})
    assert again.json() == taken_.json()
    late = await desk.post(f"{address}/acknowledge", json={"state": "failed"})
    assert late.status_code == 409
    assert await outbound(desk, state="made") == []
    resent = await desk.post(f"{address}/resend")
    assert resent.status_code == 202
    assert resent.json()["state"] == "made"
    assert await content(desk, one) == before
    log = (await desk.get("/v1/audit", params={"object_kind": "outbound_document"})).json()
    assert [entry["action"] for entry in log["items"]] == [
        "OutboundResent",
        "OutboundAcknowledged",
        "OutboundAcknowledged",
    ]
    assert (await desk.get("/v1/outbound/999999")).status_code == 404

"""What was made of an ERP's production orders: what came since, once, and its end at once."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api
from outbound_floor import content, outbound, production_told


@pytest.fixture
async def work(desk: httpx.AsyncClient) -> int:
    """A production order of the ERP `erp-1` with two operations, and the channel that names it."""
    for path, body in (
        (f"/v1/machines/{MACHINE}", {"name": "Saw"}),
        ("/v1/channels/erp", {"format": "sap-idoc", "site": SITE, "source": "erp-1"}),
    ):
        answer = await desk.put(path, json=body)
        assert answer.status_code == 200, answer.text
    made = await desk.post(
        "/v1/work-orders",
        json={
            "site": SITE,
            "number": "WO-1",
            "external_source": "erp-1",
            "external_id": "1000123",
            "item": "bolt",
            "quantity_ordered": 100,
            "operations": [
                {"number": 10, "machine": MACHINE, "cycle_ms": 1000},
                {"number": 20, "machine": MACHINE, "cycle_ms": 1000},
            ],
        },
    )
    assert made.status_code == 201, made.text
    id_: int = made.json()["id"]
    return id_


async def _counted(
    api: Api, work: int, number: int, pieces: tuple[int, int], state: str = "running"
) -> None:
    """Good pieces and scrap, as the telemetry agent writes them."""
    await api.rows(
        """
        UPDATE operations SET good_pieces = %s, scrap_pieces = %s, runs = 1,
            started_ms = 1795334400000, state = %s::text,
            ended_ms = CASE WHEN %s::text = 'completed'
                            THEN (extract(epoch FROM now()) * 1000)::bigint END
        WHERE work_order_id = %s AND number = %s
        """,
        *pieces,
        state,
        state,
        work,
        number,
    )


async def _tickets(desk: httpx.AsyncClient) -> list[list[dict[str, Any]]]:
    found = []
    for one in await outbound(desk, kind="production"):
        told = json.loads(await content(desk, one))
        assert (told["POST_WRONG_ENTRIES"], told["TESTRUN"]) == ("0", "")
        found.append(told["TIMETICKETS"])
    return found


async def test_only_what_came_since_is_told(api: Api, desk: httpx.AsyncClient, work: int) -> None:
    assert await production_told(api) == 0
    await _counted(api, work, 10, (7, 1))
    assert await production_told(api) == 1
    assert await production_told(api) == 0
    (document,) = await outbound(desk)
    assert (document["name"], document["channel"]) == ("BAPI_PRODORDCONF_CREATE_TT", "erp")
    assert (document["work_order"], document["reference"]) == ("WO-1", "1000123")
    ((ticket,),) = await _tickets(desk)
    assert {name: ticket[name] for name in ("ORDERID", "OPERATION", "FIN_CONF")} == {
        "ORDERID": "000001000123",
        "OPERATION": "0010",
        "FIN_CONF": "",
    }
    assert (ticket["YIELD"], ticket["SCRAP"], ticket["REWORK"]) == ("7.000", "1.000", "0.000")
    assert ticket["CONF_QUAN_UNIT_ISO"] == "PCE"
    await _counted(api, work, 10, (20, 1))
    await _counted(api, work, 20, (5, 0))
    assert await production_told(api) == 1  # the first operation was told less than 15 min ago
    await _counted(api, work, 10, (30, 2), "completed")
    assert await production_told(api) == 1
    assert await production_told(api) == 0
    _, (second,), (third,) = await _tickets(desk)
    assert (second["OPERATION"], second["YIELD"]) == ("0020", "5.000")
    assert (third["OPERATION"], third["YIELD"], third["SCRAP"]) == ("0010", "23.000", "1.000")
    assert third["FIN_CONF"] == "X"
    assert "EXEC_FIN_DATE" in third


async def test_a_count_that_was_corrected_downwards_waits_until_it_is_more(
    api: Api, desk: httpx.AsyncClient, work: int
) -> None:
    await desk.put("/v1/channels/erp/outbound", json={"production_every_s": 1})
    await _counted(api, work, 10, (7, 0))
    assert await production_told(api) == 1
    await api.rows("UPDATE production_told SET told_at = told_at - interval '1 hour'")
    await _counted(api, work, 10, (5, 0))
    assert await production_told(api) == 0
    await _counted(api, work, 10, (9, 0))
    assert await production_told(api) == 1
    tickets = await _tickets(desk)
    assert [one[0]["YIELD"] for one in tickets] == ["7.000", "2.000"]


async def test_an_erp_that_does_not_want_it_is_not_told(
    api: Api, desk: httpx.AsyncClient, work: int
) -> None:
    saved = await desk.put("/v1/channels/erp/outbound", json={"documents": ["order_answer"]})
    assert saved.status_code == 200
    await _counted(api, work, 10, (7, 0), "completed")
    assert await production_told(api) == 0

"""Scrap opens a shortage that is made up for; work that is to be stopped is not gone on with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
from api_client import MACHINE, SITE, Api
from test_api_pegging import ids, pegs, released, start, works

from store.live_operations import terminal_view
from store.pegging import losses

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def noted(api: Api, *work_orders: int) -> int:
    async with api.context.transaction() as connection:
        return await losses.note(connection, work_orders, now=NOW)


async def shortages(plant: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await plant.get("/v1/work-order-shortages", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def scrapped(api: Api, work: int, pieces: int) -> None:
    """The last operation has lost pieces that the first one had made."""
    await start(api, work, good=60, last=40)
    await api.rows(
        "UPDATE operations SET scrap_pieces = %s, state = 'running', runs = 1"
        " WHERE work_order_id = %s AND number = 20",
        pieces,
        work,
    )


class TestScrap:
    async def test_what_cannot_be_made_any_more_is_told_and_made_up_for(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(plant, 100)
        (work,) = await ids(api)
        await scrapped(api, work, 8)
        assert await noted(api, work) == 1
        assert await noted(api, work) == 0, "it is told once"
        (short,) = await shortages(plant, state="open")
        assert (short["work_order"], short["quantity"], short["unit"]) == ("WO-000001", 8, "pcs")
        assert short["lines"] == [{"order": order["number"], "line": 1}]
        history = (await plant.get(f"/v1/orders/{order['number']}/events")).json()["items"]
        assert history[0]["action"] == "WorkOrderFellShort"
        assert history[0]["after"] == {"work_order": "WO-000001", "missing": "8"}

        answer = await plant.post(
            f"/v1/work-order-shortages/{short['id']}/make-up", json={"kind": "replacement"}
        )
        assert answer.status_code == 200, answer.text
        assert (answer.json()["state"], answer.json()["made_up_by"]) == ("made_up", "WO-000002")
        assert [row[1:] for row in await pegs(api)] == [(1, "WO-000001", 92), (1, "WO-000002", 8)]
        # The saw makes its hundred all the same: eight of them are lost behind it.
        assert await works(api) == [
            ("WO-000001", 92, False, [100, 92]),
            ("WO-000002", 8, False, [8, 8]),
        ]
        assert await api.rows("SELECT kind, makes_up_for FROM work_orders ORDER BY id") == [
            ("make", None),
            ("replacement", work),
        ]
        assert await noted(api, *await ids(api)) == 0
        again = await plant.post(
            f"/v1/work-order-shortages/{short['id']}/make-up", json={"kind": "rework"}
        )
        assert again.status_code == 409

    async def test_more_scrap_opens_another_one_and_a_correction_closes_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        (work,) = await ids(api)
        await scrapped(api, work, 3)
        await noted(api, work)
        await scrapped(api, work, 5)
        await noted(api, work)
        assert [(each["quantity"], each["state"]) for each in await shortages(plant)] == [
            (5, "open")
        ]
        await scrapped(api, work, 0)
        await noted(api, work)
        assert [each["state"] for each in await shortages(plant)] == ["gone"]

    async def test_what_somebody_lets_be_is_not_told_again(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        (work,) = await ids(api)
        await scrapped(api, work, 3)
        await noted(api, work)
        (short,) = await shortages(plant)
        path = f"/v1/work-order-shortages/{short['id']}/dismiss"
        assert (await plant.post(path, json={"reason": "they take 97"})).status_code == 200
        assert await noted(api, work) == 0
        await scrapped(api, work, 4)
        await noted(api, work)
        assert [(each["quantity"], each["state"]) for each in await shortages(plant)] == [
            (1, "open"),
            (3, "dismissed"),
        ]


class TestStopping:
    async def test_the_terminal_shows_it_and_lets_nobody_go_on(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(plant, 100)
        (work,) = await ids(api)
        await start(api, work, good=60, last=40)
        path = f"/v1/orders/{order['number']}/cancel"
        assert (await plant.post(path, json={"reason": "too late"})).status_code == 200
        report = {"work_order": "WO-000001", "operation": 10}
        for event in ("started", "resumed"):
            answer = await plant.post(
                f"/v1/machines/{MACHINE}/job", json={**report, "event": event}
            )
            assert answer.status_code == 409, answer.text
            assert "is to be stopped (too late): complete or abort it" in answer.json()["detail"]
        seen = f"/v1/machines/{MACHINE}/acknowledge"
        for _ in range(2):
            answer = await plant.post(seen, json={"work_order": "WO-000001"})
            assert answer.status_code == 204, answer.text
        async with api.context.connection() as connection:
            rows = await connection.execute("SELECT id FROM machines WHERE path = %s", (MACHINE,))
            machine = (await rows.fetchone() or (0,))[0]
            (shown,) = (await terminal_view(connection, machine, now_ms=0)).operations
        assert (shown.asked, shown.asked_seen_by) == ("stop", "token a-admin")
        assert shown.asked_seen is not None
        answer = await plant.post(
            f"/v1/machines/{MACHINE}/job", json={**report, "event": "completed"}
        )
        assert answer.status_code == 202, answer.text
        answer = await plant.post(seen, json={"work_order": "WO-000009"})
        assert answer.status_code == 409


class TestAtConfirmation:
    async def test_a_confirmed_order_is_released_by_the_rules(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        policy = {"at_confirmation": True, "rules": [{"item": "bracket", "batch_max": 40}]}
        answer = await plant.put(f"/v1/sites/{SITE}/work-order-policy", json=policy)
        assert answer.json()["at_confirmation"] is True
        lines = [{"item": "bracket", "quantity": 100}]
        order = (
            await plant.post("/v1/orders", json={"site": SITE, "customer": "acme", "lines": lines})
        ).json()
        path = f"/v1/orders/{order['number']}/confirm"
        answer = await plant.post(path, json={"overrule": "known customer"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "released"
        assert [row[1] for row in await works(api)] == [40, 40, 20]

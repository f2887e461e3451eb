"""Split and merge with preview and undo, changes that reach the floor, sites for lines."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api

from contracts.streams import ORDERS, OrderEvent, decode_events
from domain.access import Role
from store.live_operations import terminal_view
from store.planning.problem import load_problem
from store.roll_up import roll_up

DUE = "2026-12-0{}T08:00:00Z"


async def released(
    client: httpx.AsyncClient, *quantities: int, item: str = "bracket", **fields: Any
) -> dict[str, Any]:
    """An order on the floor: a line for each quantity, due a day after the other."""
    lines = [
        {"item": item, "quantity": quantity, "due_at": DUE.format(day)}
        for day, quantity in enumerate(quantities, start=1)
    ]
    body = {"site": SITE, "customer": "acme", "release": True, "lines": lines, **fields}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def previewed(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post("/v1/work-orders/preview", json={"wish": wish})
    assert answer.status_code == 200, answer.text
    preview: dict[str, Any] = answer.json()
    return preview


async def applied(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    token = (await previewed(client, **wish))["token"]
    answer = await client.post("/v1/work-orders/apply", json={"wish": wish, "token": token})
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def pegs(api: Api) -> list[tuple[Any, ...]]:
    return await api.rows(
        "SELECT o.number, l.number, w.number, p.quantity::float8 FROM pegs p"
        " JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id"
        " JOIN work_orders w ON w.id = p.work_order_id ORDER BY 1, 2, 3"
    )


async def works(api: Api) -> list[tuple[Any, ...]]:
    return await api.rows(
        "SELECT w.number, w.quantity_ordered::float8, w.cancelled_at IS NOT NULL,"
        " array_agg(o.quantity::float8 ORDER BY o.number)"
        " FROM work_orders w JOIN operations o ON o.work_order_id = w.id GROUP BY w.id ORDER BY 1"
    )


async def ids(api: Api) -> list[int]:
    return [row[0] for row in await api.rows("SELECT id FROM work_orders ORDER BY id")]


async def start(api: Api, work_order_id: int, good: int = 0, last: int = 0) -> None:
    """The floor has begun the first operation, and maybe made some pieces."""
    await api.rows(
        "UPDATE operations SET state = 'running', runs = 1, good_pieces = %s"
        " WHERE work_order_id = %s AND number = 10",
        good,
        work_order_id,
    )
    await api.rows(
        "UPDATE operations SET good_pieces = %s WHERE work_order_id = %s AND number = 20",
        last,
        work_order_id,
    )


async def events(api: Api) -> list[OrderEvent]:
    found = [event for value in await api.records(ORDERS) for event in decode_events(value)]
    return [event for event in found if isinstance(event, OrderEvent)]


class TestSplitting:
    async def test_by_quantities_previews_applies_and_is_undone(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 480)
        (work,) = await ids(api)
        before = (await pegs(api), await works(api))
        wish = {
            "action": "split",
            "work_order": work,
            "by": "quantities",
            "quantities": ["100.5", 79.5],
        }
        preview = await previewed(plant, **wish)
        assert (preview["work_orders_before"], preview["work_orders_after"]) == (1, 3)
        assert [
            (each["change"], each["quantity_before"], each["quantity_after"])
            for each in preview["work_orders"]
        ] == [("changed", 480, 300), ("new", None, 100.5), ("new", None, 79.5)]
        assert all(each["projected_end"] for each in preview["work_orders"])
        assert preview["setups_after"] == 3
        assert preview["setup_saved_minutes"] == -2
        assert [line["order"] for line in preview["lines"]] == ["SO-000001"]
        assert preview["estimated"] is False
        assert (await pegs(api), await works(api)) == before

        done = await applied(plant, **wish)
        assert await works(api) == [
            ("WO-000001", 300, False, [300, 300]),
            ("WO-000002", 100.5, False, [100.5, 100.5]),
            ("WO-000003", 79.5, False, [79.5, 79.5]),
        ]
        assert [row[2:] for row in await pegs(api)] == [
            ("WO-000001", 300),
            ("WO-000002", 100.5),
            ("WO-000003", 79.5),
        ]
        assert (await events(api))[-1].name == "WorkOrdersSplit"
        undone = await plant.post(f"/v1/rearrangements/{done['id']}/undo")
        assert undone.status_code == 200, undone.text
        assert undone.json()["undone_by"] == "token a-admin"
        assert await pegs(api) == before[0]
        assert (await works(api))[0] == before[1][0]
        assert [row[2] for row in await works(api)] == [False, True, True]
        again = await plant.post(f"/v1/rearrangements/{done['id']}/undo")
        assert again.status_code == 409
        log = (await plant.get("/v1/orders/SO-000001/events")).json()["items"]
        assert [entry["action"] for entry in log][:2] == ["RearrangementUndone", "WorkOrdersSplit"]

    async def test_by_batch_capacity_due_date_and_order(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 300)
        await released(plant, 100, 60)
        merge = {"action": "merge", "work_orders": await ids(api)}
        await applied(plant, **merge)
        work = (await ids(api))[0]

        async def sizes(**how: Any) -> list[float]:
            preview = await previewed(plant, action="split", work_order=work, **how)
            return [each["quantity_after"] for each in preview["work_orders"]]

        assert await sizes(by="batch", batch_max=200) == [200, 200, 60]
        assert await sizes(by="batch", batch_max=200, batch_min=100) == [200, 160, 100]
        assert await sizes(by="batch", batch_max=190, multiple=50) == [150, 150, 150, 10]
        # The press takes 2 s for a piece.
        assert await sizes(by="capacity", capacity_hours="0.1") == [180, 180, 100]
        assert await sizes(by="due", window_hours=12) == [400, 60]
        assert await sizes(by="order") == [300, 160]

    async def test_of_begun_work_only_what_remains(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 480)
        (work,) = await ids(api)
        await start(api, work, good=80, last=30)
        wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [401]}
        refused = await plant.post("/v1/work-orders/preview", json={"wish": wish})
        assert refused.status_code == 409
        assert "'WO-000001': of 480 the floor has begun 80" in refused.json()["detail"]
        await applied(plant, **{**wish, "quantities": [400]})
        assert [row[1] for row in await works(api)] == [80, 400]
        shown = (await plant.get(f"/v1/work-orders/{work}/pegs")).json()
        assert (shown["quantity"], shown["splittable"], shown["good_pieces"]) == (80, 0, 30)

    async def test_is_refused_after_something_changed(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(plant, 480)
        (work,) = await ids(api)
        wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [80]}
        token = (await previewed(plant, **wish))["token"]
        lines = [{"number": 1, "quantity": 500}]
        path = f"/v1/orders/{order['number']}"
        assert (await plant.patch(path, json={"version": 2, "lines": lines})).status_code == 200
        stale = await plant.post("/v1/work-orders/apply", json={"wish": wish, "token": token})
        assert stale.status_code == 409
        assert "preview it again" in stale.json()["detail"]

    async def test_of_many_at_once_one_is_done(self, plant: httpx.AsyncClient, api: Api) -> None:
        await released(plant, 480)
        (work,) = await ids(api)
        wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [80]}
        token = (await previewed(plant, **wish))["token"]
        body = {"wish": wish, "token": token}
        answers = await asyncio.gather(
            *(plant.post("/v1/work-orders/apply", json=body) for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert [row[1] for row in await works(api)] == [400, 80]

    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            ({"by": "batch"}, "wish.split"),
            ({"by": "quantities", "quantities": [0]}, "wish.split.quantities[0]"),
            ({"by": "weight"}, "wish.split.by"),
        ],
    )
    async def test_names_what_is_wrong(
        self, plant: httpx.AsyncClient, wish: dict[str, Any], field: str
    ) -> None:
        body = {"wish": {"action": "split", "work_order": 1, **wish}}
        answer = await plant.post("/v1/work-orders/preview", json=body)
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    async def test_what_one_may_not_know_of_does_not_exist(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 480)
        (work,) = await ids(api)
        wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [80]}
        done = await applied(plant, **wish)
        elsewhere = await api.as_role(Role.PLANNER, "plant-2")
        for method, path, body in (
            ("POST", "/v1/work-orders/preview", {"wish": wish}),
            ("POST", "/v1/work-orders/apply", {"wish": wish, "token": "0" * 64}),
            ("POST", f"/v1/rearrangements/{done['id']}/undo", {}),
            ("GET", f"/v1/work-orders/{work}/pegs", None),
            ("GET", f"/v1/sites/{SITE}/work-order-policy", None),
        ):
            answer = await elsewhere.request(method, path, json=body)
            assert answer.status_code == 404, (path, answer.text)
        assert (await elsewhere.get("/v1/rearrangements")).json()["total"] == 0
        shown = (await plant.get(f"/v1/rearrangements?work_order={work}")).json()
        assert [each["id"] for each in shown["items"]] == [done["id"]]


class TestMerging:
    async def test_saves_set_ups_and_keeps_every_link(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        await released(plant, 50)
        first, second = await ids(api)
        shown = (await plant.get(f"/v1/work-orders/{first}/pegs")).json()
        assert shown["alike"] == [second]
        wish = {"action": "merge", "work_orders": [second, first]}
        preview = await previewed(plant, **wish)
        assert preview["setup_saved_minutes"] == 1
        assert [(each["number"], each["change"]) for each in preview["work_orders"]] == [
            ("WO-000001", "changed"),
            ("WO-000002", "gone"),
        ]
        assert preview["work_orders"][1]["merged_into"] == "WO-000001"
        done = await applied(plant, **wish)
        assert await pegs(api) == [
            ("SO-000001", 1, "WO-000001", 100),
            ("SO-000002", 1, "WO-000001", 50),
        ]
        assert [row[1:3] for row in await works(api)] == [(150, False), (50, True)]
        names = [event.name for event in await events(api)]
        assert names.count("WorkOrdersMerged") == 2

        await start(api, first)
        late = await plant.post(f"/v1/rearrangements/{done['id']}/undo")
        assert late.status_code == 409
        assert "'WO-000001' has been started" in late.json()["detail"]
        await api.rows("UPDATE operations SET state = 'planned', runs = 0")
        assert (await plant.post(f"/v1/rearrangements/{done['id']}/undo")).status_code == 200
        assert [row[1:3] for row in await works(api)] == [(100, False), (50, False)]
        assert len(await pegs(api)) == 2

    async def test_what_is_made_otherwise_or_has_begun_stays_alone(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        await released(plant, 50)
        first, second = await ids(api)
        await start(api, first)
        wish = {"action": "merge", "work_orders": [first, second]}
        answer = await plant.post("/v1/work-orders/preview", json={"wish": wish})
        assert answer.status_code == 409
        assert "has been started" in answer.json()["detail"]
        await api.rows("UPDATE operations SET state = 'planned', runs = 0, cycle_ms = id")
        answer = await plant.post("/v1/work-orders/preview", json={"wish": wish})
        assert "in the same way" in answer.json()["detail"]


class TestMoving:
    async def test_a_line_takes_from_what_another_does_not_need(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        await released(plant, 50)
        first, second = await ids(api)
        await api.rows("UPDATE work_orders SET quantity_ordered = 130 WHERE id = %s", first)
        demand = {"order": "SO-000002", "line": 1}
        wish = {
            "action": "move", "demand": demand, "quantity": 30, "source": second, "target": first,
        }  # fmt: skip
        done = await applied(plant, **wish)
        assert await pegs(api) == [
            ("SO-000001", 1, "WO-000001", 100),
            ("SO-000002", 1, "WO-000001", 30),
            ("SO-000002", 1, "WO-000002", 20),
        ]
        assert (await plant.post(f"/v1/rearrangements/{done['id']}/undo")).status_code == 200
        assert len(await pegs(api)) == 2


class TestRules:
    async def test_of_a_site_at_release_and_on_demand(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        path = f"/v1/sites/{SITE}/work-order-policy"
        rule = {"item": "bracket", "merge": True, "window_hours": 30, "batch_max": 150}
        await released(plant, 30)
        await released(plant, 20)
        answer = await plant.put(path, json={"rules": [rule], "at_release": True})
        assert answer.status_code == 200, answer.text
        assert (await plant.get(path)).json()["rules"][0]["batch_max"] == 150
        await released(plant, 70, 80, 200)
        assert [(row[0], row[1]) for row in await works(api)] == [
            ("WO-000001", 30), ("WO-000002", 20), ("WO-000003", 150), ("WO-000004", 150),
            ("WO-000005", 50),
        ]  # fmt: skip
        assert [row[1:] for row in await pegs(api) if row[0] == "SO-000003"] == [
            (1, "WO-000003", 70), (2, "WO-000003", 80), (3, "WO-000004", 150),
            (3, "WO-000005", 50),
        ]  # fmt: skip
        done = await applied(plant, action="arrange", site=SITE)
        assert done["kind"] == "arrange"
        open_ = [(row[0], row[1]) for row in await works(api) if not row[2]]
        assert open_ == [
            ("WO-000001", 50),
            ("WO-000003", 150),
            ("WO-000004", 150),
            ("WO-000005", 50),
        ]
        nothing = await previewed(plant, action="arrange", site=SITE)
        assert nothing["nothing"] is True

    async def test_released_lines_join_earlier_work(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        rule = {"merge": True, "window_hours": 48}
        policy = {"rules": [rule], "at_release": True, "join_open": True}
        await plant.put(f"/v1/sites/{SITE}/work-order-policy", json=policy)
        await released(plant, 100)
        order = await released(plant, 40, release=False)
        answer = await plant.post(f"/v1/orders/{order['number']}/release")
        assert answer.status_code == 200, answer.text
        assert [(peg["work_order"], peg["quantity"]) for peg in answer.json()["pegs"]] == [
            ("WO-000001", 40)
        ]
        assert [row[1:3] for row in await works(api)] == [(140, False), (40, True)]


class TestComponents:
    async def test_what_is_missing_is_known_at_release_and_less_work_needs_less(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows(
            "INSERT INTO bills (item_id, version) SELECT id, '1' FROM items WHERE code = 'bracket'"
        )
        await api.rows(
            "INSERT INTO bill_lines (bill_id, number, component_item_id, quantity_per)"
            " SELECT b.id, 1, i.id, 0.5 FROM bills b, items i WHERE i.code = 'wire'"
        )
        order = await released(plant, 480, release=False)
        path = f"/v1/orders/{order['number']}"
        assert (await plant.post(f"{path}/release")).status_code == 200

        async def missing() -> list[tuple[str, float]]:
            answer = await plant.get("/v1/shortages")
            assert answer.status_code == 200, answer.text
            return [(each["item"], each["missing"]) for each in answer.json()["items"]]

        assert await missing() == [("wire", 240)]
        lines = [{"number": 1, "quantity": 100}]
        await plant.patch(path, json={"version": 2, "lines": lines})
        assert await missing() == [("wire", 50)]
        await plant.post(f"{path}/cancel", json={"reason": "no need"})
        assert await missing() == []


class TestReachingTheFloor:
    async def test_less_trims_what_has_not_begun_and_more_makes_more(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(plant, 480)
        (work,) = await ids(api)
        await applied(plant, action="split", work_order=work, by="batch", batch_max=200)
        path = f"/v1/orders/{order['number']}"

        async def changed(version: int, quantity: int) -> None:
            lines = [{"number": 1, "quantity": quantity}]
            answer = await plant.patch(path, json={"version": version, "lines": lines})
            assert answer.status_code == 200, answer.text

        await changed(3, 350)
        assert [row[1:3] for row in await works(api)] == [(200, False), (150, False), (80, True)]
        await changed(4, 400)
        assert [row[1:3] for row in await works(api)] == [(200, False), (200, False), (80, True)]
        assert sum(row[3] for row in await pegs(api)) == 400

    async def test_begun_work_is_stopped_or_finished_for_the_stock(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        first = await released(plant, 100)
        second = await released(plant, 100)
        one, other = await ids(api)
        for work in (one, other):
            await start(api, work, good=60, last=40)
        async with api.context.transaction() as connection:
            await roll_up(connection, order_ids=[], work_order_ids=[one, other], now_ms=0)
        path = f"/v1/orders/{first['number']}/cancel"
        assert (await plant.post(path, json={"reason": "too late"})).status_code == 200
        policy = f"/v1/sites/{SITE}/work-order-policy"
        await plant.put(policy, json={"running": "to_stock"})
        path = f"/v1/orders/{second['number']}/cancel"
        assert (await plant.post(path, json={"reason": "too late"})).status_code == 200
        assert await api.rows(
            "SELECT closing, closing_reason, kind, cancelled_at IS NOT NULL FROM work_orders"
            " ORDER BY id"
        ) == [("stop", "too late", "make", True), ("to_stock", "too late", "stock", False)]
        async with api.context.transaction() as connection:
            await roll_up(connection, order_ids=[], work_order_ids=[one, other], now_ms=0)
            rows = await connection.execute("SELECT id FROM machines WHERE path = %s", (MACHINE,))
            machine = (await rows.fetchone() or (0,))[0]
            queue = await terminal_view(connection, machine, now_ms=0)
            asked = {each.work_order: each.asked for each in queue.operations}
            assert asked == {"WO-000001": "stop", "WO-000002": "to_stock"}
            assert {each.asked_because for each in queue.operations} == {"too late"}
            problem = (await load_problem(connection, SITE, now_ms=0)).problem
            assert {operation.job for operation in problem.operations} == {other}
        shown = (await plant.get(f"/v1/work-orders/{other}/pegs")).json()
        assert (shown["closing"], shown["to_stock"], shown["kind"]) == ("to_stock", 40, "stock")
        told = [
            event.work_order_ids for event in await events(api) if event.name == "OrderCancelled"
        ]
        assert sorted(told) == [[one], [other]]

    async def test_less_than_was_begun_asks_the_floor_to_stop(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(plant, 100)
        (work,) = await ids(api)
        await start(api, work, good=60, last=40)
        lines = [{"number": 1, "quantity": 50}]
        path = f"/v1/orders/{order['number']}"
        answer = await plant.patch(path, json={"version": 2, "lines": lines, "reason": "less"})
        assert answer.status_code == 200, answer.text
        assert await api.rows("SELECT closing, quantity_ordered::int FROM work_orders") == [
            ("stop", 60)
        ]
        assert (await pegs(api))[0][3] == 50

    async def test_lines_are_added_and_cancelled(self, plant: httpx.AsyncClient, api: Api) -> None:
        order = await released(plant, 100, 50)
        path = f"/v1/orders/{order['number']}"
        wanted = {
            "version": 2,
            "reason": "another one",
            "lines": [{"number": 2, "cancel": True}],
            "add": [{"item": "bracket", "quantity": 20, "due_at": DUE.format(9)}],
        }
        answer = await plant.patch(path, json=wanted)
        assert answer.status_code == 200, answer.text
        lines = answer.json()["lines"]
        assert [(line["number"], line["quantity"]) for line in lines] == [
            (1, 100),
            (2, 50),
            (3, 20),
        ]
        assert lines[1]["state"] == "cancelled"
        assert lines[2]["state"] == "received"
        assert [row[2] for row in await works(api)] == [False, True]
        for bad in (
            {"lines": [{"number": 1, "cancel": True}]},
            {"lines": [{"number": 1, "cancel": True, "quantity": 3}], "reason": "x"},
            {"add": [{"item": "nothing", "quantity": 3}]},
        ):
            answer = await plant.patch(path, json={"version": 3, **bad})
            assert answer.status_code == 422, answer.text

    async def test_reservations_are_freed(self, plant: httpx.AsyncClient, api: Api) -> None:
        order = await released(plant, 100)
        await api.rows(
            "INSERT INTO stock_heads (item_id, site_id, available, hard_reserved)"
            " SELECT item_id, 1, 10, 10 FROM order_lines"
        )
        await api.rows(
            "INSERT INTO reservations (item_id, site_id, quantity, kind, need_at, order_line_id,"
            " head_version, created_by) SELECT item_id, 1, 10, 'hard', now(), id, 0, 'a test'"
            " FROM order_lines"
        )
        path = f"/v1/orders/{order['number']}/cancel"
        assert (await plant.post(path, json={"reason": "no need"})).status_code == 200
        assert await api.rows("SELECT state FROM reservations WHERE kind = 'hard'") == [
            ("released",)
        ]
        assert await api.rows("SELECT hard_reserved::int FROM stock_heads") == [(0,)]

    async def test_what_others_wait_for_goes_on_without_the_cancelled(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        first = await released(plant, 100)
        await released(plant, 50)
        await applied(plant, action="merge", work_orders=await ids(api))
        path = f"/v1/orders/{first['number']}/cancel"
        assert (await plant.post(path, json={"reason": "no need"})).status_code == 200
        assert [row[1:3] for row in await works(api)] == [(50, False), (50, True)]
        assert await pegs(api) == [("SO-000002", 1, "WO-000001", 50)]


class TestAttribution:
    async def test_pieces_belong_to_whoever_needs_them_first_and_stay_theirs(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant, 100)
        await released(plant, 50, priority=5)
        await applied(plant, action="merge", work_orders=await ids(api))
        work = (await ids(api))[0]

        async def counted(last: int) -> list[tuple[Any, ...]]:
            await start(api, work, good=last, last=last)
            async with api.context.transaction() as connection:
                await roll_up(connection, order_ids=[], work_order_ids=[work], now_ms=0)
            return await api.rows("SELECT good_quantity::int FROM order_lines ORDER BY id")

        assert await counted(70) == [(20,), (50,)]
        # The first becomes more urgent, and the second keeps what it has.
        await api.rows("UPDATE orders SET priority = 9 WHERE number = 'SO-000001'")
        assert await counted(80) == [(30,), (50,)]
        assert await counted(170) == [(100,), (50,)]
        assert await api.rows("SELECT to_stock::int FROM work_orders WHERE id = %s", work) == [
            (20,)
        ]
        assert await counted(10) == [(10,), (0,)]


class TestSites:
    async def test_the_rule_takes_the_site_that_is_in_time(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        far = "plant-2/cutting/line1/m09"
        routings = [
            {
                "site": site,
                "steps": [{"number": 10, "name": "Saw", "machine": machine, "cycle_ms": cycle}],
            }
            for site, machine, cycle in ((SITE, MACHINE, 36_000_000), ("plant-2", far, 1_000))
        ]
        item = {"name": "Plate", "routings": routings}
        assert (await plant.put("/v1/items/plate", json=item)).status_code == 200
        lines = [{"item": "plate", "quantity": 1_000, "due_at": DUE.format(9)}]
        body = {"site": SITE, "customer": "acme", "lines": lines}
        order = (await plant.post("/v1/orders", json=body)).json()
        path = f"/v1/orders/{order['number']}/lines/1/site"
        shown = (await plant.get(path)).json()
        assert shown["chosen"] == SITE
        why_not = {each["site"]: each["why_not"] for each in shown["candidates"]}
        assert "nobody said how long goods take" in why_not["plant-2"]
        await api.rows(
            "INSERT INTO transport_times SELECT a.id, b.id, 12 FROM sites a, sites b"
            " WHERE a.code = 'plant-2' AND b.code = %s",
            SITE,
        )
        shown = (await plant.get(path)).json()
        assert shown["chosen"] == "plant-2"
        best, home = shown["candidates"]
        assert (best["in_time"], home["in_time"]) == (True, False)
        assert (best["transport_hours"], best["source"]) == (12, "make")
        stale = await plant.post(path, json={"version": 99})
        assert stale.status_code == 409
        answer = await plant.post(path, json={"version": shown["version"]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["current"] == "plant-2"
        await api.rows("UPDATE order_lines SET state = 'confirmed'")
        await plant.post(f"/v1/orders/{order['number']}/release")
        assert (await plant.get("/v1/work-orders?site=plant-2")).json()["total"] == 1
        assert {event.site for event in await events(api) if event.name == "OrderReleased"} == {
            SITE,
            "plant-2",
        }
        late = await plant.post(path, json={"site": SITE})
        assert late.status_code == 409

    async def test_a_site_that_cannot_says_why(self, plant: httpx.AsyncClient) -> None:
        lines = [{"item": "wire", "quantity": 10}]
        body = {"site": SITE, "customer": "acme", "lines": lines}
        order = (await plant.post("/v1/orders", json=body)).json()
        path = f"/v1/orders/{order['number']}/lines/1/site"
        shown = (await plant.get(path)).json()
        assert shown["chosen"] is None
        home = next(each for each in shown["candidates"] if each["site"] == SITE)
        assert "no routing of 'wire'" in home["why_not"]
        assert (await plant.post(path, json={})).status_code == 409
        assert (await plant.post(path, json={"site": "nowhere"})).status_code == 422
        by_hand = await plant.post(path, json={"site": "plant-2", "reason": "they buy it"})
        assert by_hand.json()["current"] == "plant-2"
        assert (await plant.get(f"/v1/orders/{order['number']}/lines/7/site")).status_code == 404

"""The status of one order says what its page says, in one question to the database."""

from __future__ import annotations

import httpx
from api_client import SITE, Api

from domain.access import Role


async def test_the_status_says_what_the_order_says(plant: httpx.AsyncClient) -> None:
    wanted = {
        "site": SITE,
        "customer": "acme",
        "number": "2026/0815",
        "release": True,
        "lines": [{"item": "bracket", "quantity": 480, "due_at": "2026-12-01T08:00:00Z"}],
    }
    assert (await plant.post("/v1/orders", json=wanted)).status_code == 201

    order = (await plant.get("/v1/orders/2026/0815")).json()
    status = (await plant.get("/v1/orders/2026/0815/status")).json()

    assert status["state"] == "released"
    assert status["lines"][0]["work_orders"] == [order["pegs"][0]["work_order"]]
    for name, value in status.items():
        if name != "lines":
            assert value == order[name], name
    for line, shown in zip(status["lines"], order["lines"], strict=True):
        for name in line.keys() & shown.keys():
            assert line[name] == shown[name], name


async def test_orders_of_other_sites_do_not_exist(plant: httpx.AsyncClient, api: Api) -> None:
    wanted = {"site": SITE, "customer": "acme", "lines": [{"item": "bracket", "quantity": 1}]}
    number = (await plant.post("/v1/orders", json=wanted)).json()["number"]

    elsewhere = await api.as_role(Role.VIEWER, "plant-2")

    assert (await elsewhere.get(f"/v1/orders/{number}/status")).status_code == 404
    assert (await plant.get("/v1/orders/nothing/status")).status_code == 404

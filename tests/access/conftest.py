"""The API of `tests/api`, for those who try to get further than they may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from domain.access import Role
from runtime.settings import ApiSettings

FAR = "plant-2/cutting/line1/m09"
OTHER_LINE = f"{SITE}/cutting/line2/m05"


@pytest.fixture
def settings(database_url: str, redis_url: str, data_dir: Path) -> ApiSettings:
    return ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    """The app, its background work running and its topics made."""
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def admin(api: Api) -> httpx.AsyncClient:
    return await api.as_role(Role.ADMIN)


@pytest.fixture
async def plant(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """An admin's client where there are two sites, two lines, two customers with an order each."""
    for path, body in (
        (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Asia/Shanghai"}),
        ("/v1/sites/plant-2", {"name": "Plant 2"}),
        (f"/v1/machines/{MACHINE}", {"name": "Saw", "position": 1}),
        (f"/v1/machines/{OTHER_MACHINE}", {"name": "Press", "position": 2}),
        (f"/v1/machines/{OTHER_LINE}", {"name": "Other line"}),
        (f"/v1/machines/{FAR}", {"name": "Far away"}),
        ("/v1/customers/acme", {"name": "Acme Ltd"}),
        ("/v1/customers/globex", {"name": "Globex"}),
        ("/v1/items/bracket", _item("Bracket A")),
        ("/v1/items/hinge", _item("Hinge B")),
    ):
        answer = await admin.put(path, json=body)
        assert answer.status_code == 200, answer.text
    for customer, item in (("acme", "bracket"), ("globex", "hinge")):
        order = {
            "site": SITE,
            "number": f"SO-{customer}",
            "customer": customer,
            "customer_reference": f"PO {customer}",
            "release": True,
            "lines": [{"item": item, "quantity": 100}],
        }
        answer = await admin.post("/v1/orders", json=order)
        assert answer.status_code == 201, answer.text
    return admin


def _item(name: str) -> dict[str, object]:
    steps = [
        {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000},
        {"number": 20, "name": "Press", "machine": OTHER_LINE, "cycle_ms": 2000},
    ]
    return {"name": name, "routings": [{"site": SITE, "steps": steps}]}

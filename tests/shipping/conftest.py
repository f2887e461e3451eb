"""Shipping on real servers: an API with an order that is confirmed and goods in stock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from api_client import SITE, Api
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from domain.access import Role
from runtime.settings import ApiSettings


@pytest.fixture
async def api(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app, its background work running and its topics made."""
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    """An admin at a plant with 100 bolts and 10 wires in stock, and order SO-1 for 60 and 4."""
    client = await api.as_role(Role.ADMIN)
    for path, body in (
        (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Asia/Shanghai"}),
        ("/v1/customers/acme", {"name": "Acme Ltd"}),
        ("/v1/items/bolt", {"name": "Bolt"}),
        ("/v1/items/wire", {"name": "Wire", "unit": "m"}),
    ):
        answer = await client.put(path, json=body)
        assert answer.status_code == 200, answer.text
    await _post(
        client,
        "/v1/stock/receipts",
        {
            "site": SITE,
            "lines": [{"item": "bolt", "quantity": 100}, {"item": "wire", "quantity": 10}],
        },
    )
    await _post(
        client,
        "/v1/orders",
        {
            "number": "SO-1",
            "site": SITE,
            "customer": "acme",
            "lines": [{"item": "bolt", "quantity": 60}, {"item": "wire", "quantity": 4}],
        },
    )
    return client


async def _post(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text

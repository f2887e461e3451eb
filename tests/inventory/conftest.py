"""Stock on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from inventory_api import MACHINE, OTHER_MACHINE, OTHER_SITE, SITE, Api, Stockroom
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import ApiSettings


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
async def room(api: Api) -> AsyncIterator[Stockroom]:
    """A plant with two machines, a second site, and items; the books balance in the end."""
    admin = await api.as_role()
    for path, body in (
        (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Asia/Shanghai"}),
        (f"/v1/sites/{OTHER_SITE}", {"name": "Plant 2"}),
        (f"/v1/machines/{MACHINE}", {"name": "Saw", "position": 1}),
        (f"/v1/machines/{OTHER_MACHINE}", {"name": "Press", "position": 2}),
        ("/v1/customers/acme", {"name": "Acme Ltd"}),
        ("/v1/items/wire", {"name": "Wire", "unit": "m"}),
        ("/v1/items/screw", {"name": "Screw"}),
        (
            "/v1/items/bracket",
            {
                "name": "Bracket A",
                "routings": [
                    {
                        "site": SITE,
                        "steps": [
                            {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000},
                            {
                                "number": 20,
                                "name": "Press",
                                "machine": OTHER_MACHINE,
                                "cycle_ms": 2000,
                                "setup_ms": 60_000,
                            },
                        ],
                    }
                ],
            },
        ),
    ):
        answer = await admin.put(path, json=body)
        assert answer.status_code == 200, answer.text
    yield Stockroom(api, admin)
    assert await api.imbalances() == []

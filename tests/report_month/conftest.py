"""An installation with a month in it, for all tests of a module."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import month_booking
import month_money
import month_writing
import pytest
import pytest_asyncio
from api_client import Api
from month_factory import drawn
from month_told import Told
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from domain.access import Role
from launch.backends.valkey import ValkeyServer
from runtime.settings import ApiSettings
from store.reports.keeping import keep_all

REST_S = 120
"""So long the keeping of reports has, before the hour is full."""


@pytest.fixture(scope="module")
def month_settings(
    module_database_url: str,
    valkey_server: ValkeyServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> ApiSettings:
    folder = tmp_path_factory.mktemp("month")
    return ApiSettings(
        data_dir=folder,
        database_url=SecretStr(module_database_url),
        redis_url=SecretStr(valkey_server.url),
        stream_url="embedded://",
        ui_dir=folder / "ui",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(month_settings: ApiSettings) -> AsyncIterator[Told]:
    """10,000 orders of a month, made, shipped, and reckoned."""
    month = drawn()
    app = build(month_settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            api = Api(app, context, stack)
            admin = await api.as_role(Role.ADMIN)
            await month_writing.write_master_data(admin)
            async with context.connection() as connection:
                await month_writing.write_orders(connection, month)
                await month_writing.write_plans(connection, month)
            await month_writing.tell(context.pool, month)
            await month_writing.roll_up(context.pool)
            async with context.connection() as connection:
                await month_writing.write_shipments(connection, month)
            await month_booking.book_costs(admin)
            await month_booking.book_stock(admin, context.pool, month_money.moved())
            await month_booking.count_answers(context.pool, month_money.asked())
            judged_ms = await _hour()
            await keep_all(context.pool)
            yield Told(month, api, admin, judged_ms)


async def _hour() -> int:
    """The last full hour (epoch ms), a while before the next one: delays are judged up to it."""
    left_s = 3_600 - time.time() % 3_600
    if left_s < REST_S:
        await asyncio.sleep(left_s)
    return int(time.time() // 3_600) * 3_600_000

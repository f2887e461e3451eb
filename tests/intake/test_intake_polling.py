"""Orders of Kingdee and YonBIP come in by polling, change there, and change here."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from intake_plant import SITE, Plant

sys.path.append(str(Path(__file__).resolve().parents[1] / "connectors"))

from erp_servers import Kingdee, Yonyou, serving

from connectors.polling import Position
from domain.access import Role
from domain.documents import Format
from launch.orders_poll import (
    PolledChannel,
    PollFailedError,
    channel_of,
    keep_position,
    position_of,
    run_round,
)
from launch.orders_poll_run import Wanted, client_of

SINCE = Position(since=datetime.fromisoformat("2026-11-20T00:00:00"))


@pytest.fixture
async def api(plant: Plant) -> httpx.AsyncClient:
    """The API, with a channel for each system."""
    client = await plant.as_role(Role.ADMIN)
    for name in ("kingdee", "yonyou"):
        answer = await client.put(f"/v1/channels/{name}", json={"format": name, "site": SITE})
        assert answer.is_success, answer.text
    return client


async def lines_of(api: httpx.AsyncClient, search: str) -> list[dict[str, Any]]:
    """The lines of the order with that number there."""
    documents = (await api.get("/v1/intake/documents", params={"search": search})).json()["items"]
    order = (await api.get(f"/v1/orders/{documents[0]['order']}")).json()
    lines: list[dict[str, Any]] = order["lines"]
    return lines


@pytest.mark.parametrize("spoken", [Format.KINGDEE, Format.YONYOU])
async def test_an_order_comes_in_and_its_change_changes_it(
    api: httpx.AsyncClient, tmp_path: Path, spoken: Format
) -> None:
    system: Kingdee | Yonyou = Kingdee() if spoken is Format.KINGDEE else Yonyou()
    mark = "T" if spoken is Format.KINGDEE else " "
    numbered = "XS-7" if spoken is Format.KINGDEE else "UO-7"
    path = tmp_path / "position.json"
    async with serving(system.app) as url, httpx.AsyncClient() as http:
        channel = await channel_of(api, spoken.value, "tenant/7")
        assert channel.source == f"{spoken}:tenant/7"
        wanted = Wanted(
            channel=spoken.value, account="tenant/7", secret=system.secret, position=path,
            server=f"{url}/k3cloud" if spoken is Format.KINGDEE else url, user="gemba",
            app_id="app",
        )  # fmt: skip
        if isinstance(system, Yonyou):
            system.now_ms = int(datetime.now(UTC).timestamp() * 1000)
        client = client_of(http, channel, wanted)
        told = system.put(7, f"2026-11-21{mark}10:00:00")
        position, first = await run_round(api, client, channel, path, SINCE)
        assert (first.delivered, first.outcomes, first.refused) == (1, {"created": 1}, [])
        assert [Decimal(str(one["quantity"])) for one in await lines_of(api, numbered)] == [
            Decimal(40),
            Decimal("125.5"),
        ]
        # Unchanged, within the overlap: a repeat, which does no harm.
        position, again = await run_round(api, client, channel, path, position)
        assert again.outcomes.keys() == {"repeated"}
        key, quantity = (
            ("SaleOrderEntry", "Qty") if spoken is Format.KINGDEE else ("orderDetails", "qty")
        )
        told[key][0][quantity] = 44
        system.put(7, f"2026-11-21{mark}11:00:00")
        assert position_of(path, None, datetime.now(UTC)) == position
        _, changed = await run_round(api, client, channel, path, position)
        assert changed.delivered == 1
        assert Decimal(str((await lines_of(api, numbered))[0]["quantity"])) == Decimal(44)


async def test_a_channel_of_another_format_is_not_polled(api: httpx.AsyncClient) -> None:
    await api.put("/v1/channels/shop", json={"format": "csv", "site": SITE})
    with pytest.raises(PollFailedError, match="format csv"):
        await channel_of(api, "shop", "acct")


async def test_an_order_that_cannot_be_read_holds_up_no_others(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    system = Kingdee()
    system.put(1, "2026-11-21T10:00:00", SaleOrderEntry=[])
    system.put(2, "2026-11-21T10:00:00")
    channel = PolledChannel(name="kingdee", format=Format.KINGDEE, source="kingdee:a")
    async with serving(system.app) as url, httpx.AsyncClient() as http:
        wanted = Wanted(
            channel="kingdee", account="a", secret=system.secret, position=tmp_path / "p.json",
            server=f"{url}/k3cloud", user="gemba", app_id="app",
        )  # fmt: skip
        client = client_of(http, channel, wanted)
        _, told = await run_round(api, client, channel, wanted.position, SINCE)
    assert told.outcomes.get("created") == 1
    assert any("no entries" in line for line in told.refused)


def test_the_position_is_kept_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "polling" / "erp.json"
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert position_of(path, None, now).since.isoformat() == "2026-11-15T20:00:00"
    keep_position(path, SINCE)
    assert position_of(path, None, now) == SINCE
    assert position_of(path, now, now).since == now.replace(tzinfo=None)
    path.write_text("{")
    with pytest.raises(PollFailedError, match="--since"):
        position_of(path, None, now)

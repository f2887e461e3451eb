"""Who may follow the plan of which scope."""

from __future__ import annotations

import pytest
from live_rows import Rows
from live_stack import Server

WEST = "plan:west"


@pytest.fixture
async def west(rows: Rows) -> None:
    """Two sites that are planned together, and one for itself."""
    for code in ("plant-1", "plant-2", "plant-3"):
        await rows.site(code)
    await rows.run("UPDATE sites SET planning_scope = 'west' WHERE code <> 'plant-3'")


@pytest.mark.usefixtures("projector", "west")
async def test_whoever_sees_every_site_of_a_scope_follows_its_plan(server: Server) -> None:
    for sites in ([], ["plant-1", "plant-2"], ["plant-1", "plant-2", "plant-3"]):
        async with server.client(sites=sites) as client:
            await client.subscribe(WEST)
            answer = await client.receive()
            assert (answer["op"], answer["channel"]) == ("snapshot", WEST), sites
            assert answer["data"]["plan"]["sites"] == ["plant-1", "plant-2"]


@pytest.mark.usefixtures("projector", "west")
async def test_LIVE_09_to_the_others_there_is_no_such_scope(server: Server) -> None:  # noqa: N802
    for sites, channel in (
        (["plant-1"], WEST),
        (["plant-3"], WEST),
        ([], "plan:nowhere"),
        ([], "plan:plant-1"),
        (["plant-1", "plant-2"], "plan:plant-3"),
    ):
        async with server.client(sites=sites) as client:
            await client.subscribe(channel)
            answer = await client.receive()
            assert (answer["op"], answer["code"]) == ("error", "not_found"), (sites, channel)
    async with server.client(role="gateway") as gateway:
        await gateway.subscribe(WEST)
        assert (await gateway.receive())["code"] == "forbidden"


@pytest.mark.usefixtures("projector", "west")
async def test_a_scope_that_grows_beyond_what_one_sees_is_left(server: Server, rows: Rows) -> None:
    limited = ["plant-1", "plant-2"]
    async with server.client(sites=limited) as client, server.client() as whole:
        for each in (client, whole):
            await each.subscribe(WEST)
            assert (await each.receive())["op"] == "snapshot"
        await rows.run("UPDATE sites SET planning_scope = 'west' WHERE code = 'plant-3'")
        await server.hub.refresh()
        while (answer := await client.receive())["op"] != "error":
            assert answer["op"] == "delta"
        assert answer["code"] == "not_found"
        await whole.send(op="ping")
        while (answer := await whole.receive())["op"] != "pong":
            assert answer["op"] == "delta"

"""Scopes, their sites and their policies."""

from __future__ import annotations

import pytest
from planning_rows import Rows

from domain.plan.policy import Policy, PublishRule
from store.database import Connection
from store.planning import policies
from store.planning.policies import ScopeRow


@pytest.fixture
async def sites(rows: Rows) -> list[int]:
    """Two sites that are planned together and one by itself."""
    return [
        await rows.site("south", planning_scope="region"),
        await rows.site("north", planning_scope="region"),
        await rows.site("Zentral"),
    ]


class TestScopes:
    async def test_sites_are_planned_together_or_each_by_itself(
        self, connection: Connection, sites: list[int]
    ) -> None:
        south, north, zentral = sites

        assert await policies.scopes(connection) == [
            ScopeRow(scope="Zentral", sites=["Zentral"], site_ids=[zentral]),
            ScopeRow(scope="region", sites=["north", "south"], site_ids=[north, south]),
        ]

    async def test_who_sees_a_site_sees_its_scope_as_a_whole(
        self, connection: Connection, sites: list[int]
    ) -> None:
        found = await policies.scopes(connection, limited_to=["north"])

        assert [(row.scope, row.site_ids) for row in found] == [("region", [sites[1], sites[0]])]

    async def test_a_site_leads_to_its_scope_and_back(
        self, connection: Connection, sites: list[int]
    ) -> None:
        assert await policies.scope_of_site(connection, sites[0]) == "region"
        assert await policies.scope_of_site(connection, sites[2]) == "Zentral"
        assert [row.code for row in await policies.sites_of_scope(connection, "region")] == [
            "north",
            "south",
        ]
        assert await policies.sites_of_scope(connection, "nowhere") == []
        with pytest.raises(LookupError):
            await policies.scope_of_site(connection, 999)


class TestPolicies:
    async def test_a_scope_of_which_nobody_said_anything_has_the_default(
        self, connection: Connection
    ) -> None:
        assert await policies.policy_of(connection, "plant-1") == Policy()

    async def test_the_last_policy_counts(self, connection: Connection) -> None:
        wanted = Policy(publish=PublishRule.DRAFT, frozen_ms=0, tardiness=7)
        await policies.put_policy(connection, "plant-1", Policy(), changed_by="ann")
        await policies.put_policy(connection, "plant-1", wanted, changed_by="bob")

        assert await policies.policy_of(connection, "plant-1") == wanted
        assert await policies.policy_of(connection, "plant-2") == Policy()

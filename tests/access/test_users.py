"""Accounts, sessions, one-time passwords and API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from api_client import MACHINE, ORIGIN, PASSWORD, SITE, Api

from domain.access import Role
from launch import users as commands
from store.errors import ConflictError, NotFoundError

OURS = {"Origin": ORIGIN}
NEW = "a password of my own"


async def signed_in(api: Api, name: str, password: str, **more: str) -> httpx.Response:
    client = api.client()
    body = {"name": name, "password": password, **more}
    return await client.post("/v1/session", json=body)


async def made(admin: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await admin.post("/v1/users", json={"name": "li", "role": "viewer", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestUsers:
    async def test_the_first_password_has_to_be_changed_at_once(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        created = await made(plant, sites=[SITE], lines=[f"{SITE}/cutting/line1"])
        word = created["one_time_password"]["password"]
        answer = await signed_in(api, "li", word)
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:gemba:problem:password-used-up"
        assert "gemba_session" not in answer.cookies
        assert (await signed_in(api, "li", word, new_password="short")).status_code == 422
        assert (await signed_in(api, "li", word, new_password=word)).status_code == 422
        answer = await signed_in(api, "li", word, new_password=NEW)
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["lines"] == [f"{SITE}/cutting/line1"]
        assert (await signed_in(api, "li", word)).status_code == 401
        assert (await signed_in(api, "li", NEW)).status_code == 200
        logged = str(await api.rows("SELECT before, after FROM audit_log"))
        assert word not in logged
        assert NEW not in logged

    async def test_it_ends_by_itself(self, plant: httpx.AsyncClient, api: Api) -> None:
        word = (await made(plant))["one_time_password"]["password"]
        await api.rows("UPDATE users SET password_once_until = now() - interval '1 second'")
        assert (await signed_in(api, "li", word, new_password=NEW)).status_code == 401

    async def test_changing_rights_and_disabling_end_sessions(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.user("mei", Role.PLANNER, SITE)
        client = api.client()
        await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        answer = await plant.patch("/v1/users/mei", json={"version": 1, "display_name": "Mei"})
        assert answer.json()["version"] == 2
        assert (await client.get("/v1/session")).status_code == 200  # no right has changed
        assert (
            await plant.patch("/v1/users/mei", json={"version": 1, "role": "sales"})
        ).status_code == 409
        answer = await plant.patch(
            "/v1/users/mei", json={"version": 2, "role": "sales", "reason": "moved"}
        )
        assert answer.json()["role"] == "sales"
        assert (await client.get("/v1/session")).status_code == 401
        answer = await plant.patch("/v1/users/mei", json={"version": 3, "disabled": True})
        assert answer.json()["disabled_at"] is not None
        assert (await signed_in(api, "mei", PASSWORD)).status_code == 401
        log = (await plant.get("/v1/audit?object_kind=user&object_key=mei")).json()["items"]
        assert [entry["action"] for entry in log[:2]] == ["UserChanged", "UserChanged"]
        assert (log[1]["before"]["role"], log[1]["after"]["role"], log[1]["reason"]) == (
            "planner",
            "sales",
            "moved",
        )

    async def test_somebody_can_always_administer(self, plant: httpx.AsyncClient, api: Api) -> None:
        await api.user("chief", Role.ADMIN)
        for change in ({"disabled": True}, {"role": "viewer"}, {"sites": [SITE]}):
            answer = await plant.patch("/v1/users/chief", json={"version": 1, **change})
            assert answer.status_code == 409, change
        await api.user("deputy", Role.ADMIN)
        answer = await plant.patch("/v1/users/chief", json={"version": 1, "disabled": True})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"role": "customer"}, "customer"),
            ({"role": "viewer", "customer": "acme"}, "customer"),
            ({"role": "customer", "customer": "nobody"}, "customer"),
            ({"sites": ["nowhere"]}, "sites[0]"),
            ({"sites": [SITE], "lines": ["plant-2/cutting/line1"]}, "lines[0]"),
            ({"lines": ["line1"]}, "lines[0]"),
            ({"password": False}, "email"),
            ({"name": "a b"}, "name"),
            ({"role": "emperor"}, "role"),
        ],
    )
    async def test_what_does_not_go_together_is_named(
        self, plant: httpx.AsyncClient, body: dict[str, Any], field: str
    ) -> None:
        answer = await plant.post("/v1/users", json={"name": "li", "role": "viewer", **body})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field

    async def test_nobody_gives_more_than_they_have(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await made(plant, name="all", role="viewer")
        here = await api.as_role(Role.ADMIN, SITE)
        for path in ("/v1/users", "/v1/api-keys"):
            for limits in ({}, {"sites": ["plant-2"]}, {"sites": [SITE, "plant-2"]}):
                answer = await here.post(path, json={"name": "x", "role": "viewer", **limits})
                assert answer.status_code == 403, (path, limits)
        assert (
            await here.post("/v1/users", json={"name": "own", "role": "viewer", "sites": [SITE]})
        ).status_code == 201
        assert [u["name"] for u in (await here.get("/v1/users")).json()["items"]] == ["own"]
        for method, path in (
            ("GET", "/v1/users/all"),
            ("POST", "/v1/users/all/password"),
            ("GET", "/v1/users/all/sessions"),
            ("DELETE", "/v1/users/all/sessions"),
        ):
            assert (await here.request(method, path)).status_code == 404, path
        answer = await here.patch("/v1/users/own", json={"version": 1, "sites": []})
        assert answer.status_code == 403

    async def test_sessions_are_listed_and_ended(self, plant: httpx.AsyncClient, api: Api) -> None:
        await api.user("mei", Role.PLANNER)
        here, there = api.client(**{"User-Agent": "Here/1"}), api.client(**{"User-Agent": "T/1"})
        for client in (here, there):
            await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        own = (await here.get("/v1/session/all")).json()["items"]
        assert {(s["agent"], s["current"]) for s in own} == {("Here/1", True), ("T/1", False)}
        other = next(s["id"] for s in own if not s["current"])
        assert (await here.delete(f"/v1/session/all/{other}", headers=OURS)).status_code == 204
        assert (await there.get("/v1/session")).status_code == 401
        assert (await here.delete(f"/v1/session/all/{other}", headers=OURS)).status_code == 404
        assert (await plant.get("/v1/users/mei/sessions")).json()["total"] == 1
        assert (await plant.delete("/v1/users/mei/sessions")).json() == {"ended": 1}
        assert (await here.get("/v1/session")).status_code == 401

    async def test_ones_own_password(self, api: Api) -> None:
        await api.user("mei", Role.PLANNER)
        here, there = api.client(), api.client()
        for client in (here, there):
            await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        wrong = {"password": "not this one", "new_password": NEW}
        answer = await here.post("/v1/session/password", json=wrong, headers=OURS)
        assert answer.status_code == 403
        right = {"password": PASSWORD, "new_password": NEW}
        answer = await here.post("/v1/session/password", json=right, headers=OURS)
        assert answer.status_code == 204, answer.text
        assert (await here.get("/v1/session")).status_code == 200
        assert (await there.get("/v1/session")).status_code == 401
        assert (await signed_in(api, "mei", NEW)).status_code == 200

    async def test_an_administrator_resets_a_password(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.user("mei", Role.PLANNER)
        word = (await plant.post("/v1/users/mei/password")).json()["password"]
        assert (await signed_in(api, "mei", PASSWORD)).status_code == 401
        assert (await signed_in(api, "mei", word, new_password=NEW)).status_code == 200


class TestApiKeys:
    async def test_a_key_opens_what_its_role_may_until_it_is_revoked(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        body = {"name": "erp", "role": "sales", "sites": [SITE]}
        created = (await plant.post("/v1/api-keys", json=body)).json()
        text, shown = created["key"], created["api_key"]
        assert text.startswith("gk_")
        assert text.startswith(shown["prefix"])
        assert len(text) >= 46
        program = api.client(Authorization=f"Bearer {text}")
        assert (await program.get("/v1/orders")).json()["total"] == 2
        assert (await program.get("/v1/users")).status_code == 403
        assert (await program.get("/v1/sites/plant-2")).status_code == 404
        assert (await program.post("/v1/live/ticket")).status_code == 200
        listed = await plant.get("/v1/api-keys")
        assert text not in listed.text
        assert listed.json()["items"][0]["last_used_at"] is not None
        stored = str(await api.rows("SELECT * FROM api_keys"))
        assert text not in stored
        assert (await plant.post("/v1/api-keys", json=body)).status_code == 409
        assert (await plant.delete(f"/v1/api-keys/{shown['id']}")).status_code == 204
        assert (await program.get("/v1/orders")).status_code == 401
        actions = (await plant.get("/v1/audit?object_kind=api_key")).json()["items"]
        assert [entry["action"] for entry in actions] == ["ApiKeyRevoked", "ApiKeyCreated"]

    async def test_it_ends_by_itself(self, plant: httpx.AsyncClient, api: Api) -> None:
        body = {"name": "erp", "role": "viewer", "days": 1}
        text = (await plant.post("/v1/api-keys", json=body)).json()["key"]
        program = api.client(Authorization=f"Bearer {text}")
        assert (await program.get("/v1/sites")).status_code == 200
        await api.rows("UPDATE api_keys SET expires_at = now() - interval '1 second'")
        assert (await program.get("/v1/sites")).status_code == 401

    @pytest.mark.parametrize("text", ["gk_", "gk_x", "gk_" + "a" * 43, "gk_" + "é" * 5, "GK_a"])
    async def test_a_made_up_key_opens_nothing(self, api: Api, text: str) -> None:
        client = api.client()
        headers = {b"Authorization": f"Bearer {text}".encode()}
        answer = await client.get("/v1/sites", headers=headers)
        assert answer.status_code == 401

    async def test_a_customers_key_opens_their_orders_only(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        body = {"name": "shop", "role": "customer", "customer": "acme"}
        text = (await plant.post("/v1/api-keys", json=body)).json()["key"]
        program = api.client(Authorization=f"Bearer {text}")
        listed = (await program.get("/v1/own/orders")).json()["items"]
        assert [order["number"] for order in listed] == ["SO-acme"]
        assert (await program.get("/v1/orders")).status_code == 403


class TestLines:
    """Who is limited to a line."""

    async def test_machines_and_operations_of_other_lines_do_not_exist(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        client = await api.as_role(Role.ADMIN, lines=(f"{SITE}/cutting/line1",))
        other = f"{SITE}/cutting/line2/m05"
        machines = (await client.get("/v1/machines")).json()
        assert machines["total"] == 2
        assert {m["line"] for m in machines["items"]} == {"line1"}
        operations = (await client.get("/v1/operations")).json()
        assert operations["total"] == 2
        assert {o["machine"] for o in operations["items"]} == {MACHINE}
        job = {"event": "started", "work_order": "W", "operation": 1}
        for method, path, body in (
            ("GET", other, None),
            ("GET", f"{other}/metrics", None),
            ("GET", f"{other}/history?from=2026-01-01T00:00:00Z", None),
            ("GET", f"{other}/setups", None),
            ("PUT", f"{other}/setups", {"setups": []}),
            ("PUT", other, {"name": "Mine"}),
            ("POST", f"{other}/job", job),
        ):
            answer = await client.request(method, f"/v1/machines/{path}", json=body)
            assert answer.status_code == 404, (method, path, answer.text)
        answer = await client.post(f"/v1/machines/{MACHINE}/job", json=job)
        assert answer.status_code == 202, answer.text
        assert (await client.get("/v1/sites")).json()["total"] == 1
        assert (await client.get(f"/v1/planning/{SITE}")).status_code == 404

    async def test_lines_outside_of_the_sites_open_nothing(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        client = await api.as_role(Role.ADMIN, "plant-2", lines=(f"{SITE}/cutting/line1",))
        assert (await client.get("/v1/machines")).json()["total"] == 0
        assert [s["code"] for s in (await client.get("/v1/sites")).json()["items"]] == ["plant-2"]


class TestCommands:
    async def test_accounts_and_keys_by_command(
        self, api: Api, database_url: str, plant: httpx.AsyncClient
    ) -> None:
        await commands.add(
            database_url,
            name="pia",
            role=Role.CUSTOMER,
            password=PASSWORD,
            sites=(),
            customer="acme",
        )
        assert [user.customer for user in await commands.listed(database_url)] == ["acme"]
        text = await commands.add_key(database_url, name="erp", role=Role.VIEWER, days=2)
        program = api.client(Authorization=f"Bearer {text}")
        assert (await program.get("/v1/sites")).status_code == 200
        [key] = await commands.keys(database_url)
        assert key.expires_at is not None
        assert key.expires_at - datetime.now(UTC) > timedelta(days=1)
        await commands.revoke_key(database_url, name="erp")
        assert (await program.get("/v1/sites")).status_code == 401
        with pytest.raises(NotFoundError):
            await commands.revoke_key(database_url, name="erp")
        await commands.disable(database_url, name="pia")
        assert (await signed_in(api, "pia", PASSWORD)).status_code == 401
        await commands.add(database_url, name="a", role=Role.ADMIN, password=PASSWORD, sites=())
        with pytest.raises(ConflictError, match="last one"):
            await commands.disable(database_url, name="a")
        for wrong in ({"customer": "acme"}, {"lines": ["line1"]}):
            with pytest.raises(ValueError, match="--"):
                await commands.add(
                    database_url,
                    name="b",
                    role=Role.VIEWER,
                    password=PASSWORD,
                    sites=(),
                    **wrong,
                )
        origins = await api.rows("SELECT DISTINCT origin FROM audit_log WHERE actor = 'gemba'")
        assert origins == [("command line",)]
        del plant


class TestAudit:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "DELETE FROM audit_log WHERE false",
            "TRUNCATE audit_log",
        ],
    )
    async def test_nothing_written_is_ever_changed(
        self, plant: httpx.AsyncClient, api: Api, statement: str
    ) -> None:
        del plant
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await api.rows(statement)

    async def test_the_trigger_refuses_it_even_with_the_right(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        await api.rows("GRANT UPDATE, DELETE, TRUNCATE ON audit_log TO CURRENT_USER")
        for statement in ("UPDATE audit_log SET actor = ''", "TRUNCATE audit_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await api.rows(statement)

    async def test_a_work_order_that_the_floor_named_can_still_go(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        """Deleting what entries could refer to looks for them under a row lock."""
        del plant
        await api.rows(
            "INSERT INTO work_orders (site_id, number, planned) SELECT id, 'X', false FROM sites"
            " WHERE code = 'plant-1'"
        )
        await api.rows("DELETE FROM work_orders WHERE number = 'X'")

    async def test_entries_are_found_by_who_what_when_and_object(
        self, plant: httpx.AsyncClient
    ) -> None:
        async def total(**query: str) -> int:
            answer = await plant.get("/v1/audit", params=query)
            assert answer.status_code == 200, answer.text
            return int(answer.json()["total"])

        everything = await total()
        assert everything > 10
        assert await total(actor="token a-admin") == everything
        assert await total(actor="nobody") == 0
        assert await total(action="OrderReceived") == 2
        assert await total(order="SO-acme") == 2
        assert await total(object_kind="order", object_key="SO-acme") == 2
        assert await total(object_kind="machine", object_key=MACHINE) == 1
        assert await total(site="plant-2") == 2
        assert await total(**{"from": "2100-01-01T00:00:00Z"}) == 0
        assert await total(to="2100-01-01T00:00:00Z") == everything
        assert await total(search="globex") == 3

    async def test_it_can_be_taken_along(self, plant: httpx.AsyncClient) -> None:
        await plant.put("/v1/customers/=1+2", json={"name": "=cmd"})
        answer = await plant.get("/v1/audit/export")
        assert answer.headers["content-type"].startswith("text/csv")
        lines = answer.text.splitlines()
        total = (await plant.get("/v1/audit")).json()["total"]
        assert lines[0].startswith("id,at,actor,origin,site,object_kind,object_key")
        assert len(lines) == total + 1
        assert ",'=1+2," in lines[-1]
        answer = await plant.get("/v1/audit/export?format=jsonl&action=OrderReceived")
        assert len(answer.text.splitlines()) == 2
        assert (await plant.get("/v1/audit/export?actor=nobody")).text.count("\n") == 1

    async def test_sites_hold_here_too(self, plant: httpx.AsyncClient, api: Api) -> None:
        del plant
        there = await api.as_role(Role.QUALITY, "plant-2")
        items = (await there.get("/v1/audit")).json()["items"]
        assert {entry["site"] for entry in items} == {"plant-2"}
        exported = (await there.get("/v1/audit/export")).text
        assert "SO-acme" not in exported
        assert (await there.get(f"/v1/audit?site={SITE}")).status_code == 404

"""Who changes something leaves an entry: who, from where, what, and what it was about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx
from api_client import MACHINE, ORIGIN, PASSWORD, SITE, Api

from domain.access import Role


@dataclass(frozen=True)
class Change:
    """A call that changes something, in the plant of `conftest.py`, after those before it."""

    operation: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    object_kind: str = "order"
    reason: str | None = None


_STEP: Final = {"number": 10, "machine": MACHINE, "cycle_ms": 1000}
_SHIFT: Final = {"shift": "early", "weekday": 0, "start": "06:00", "end": "14:00"}

CHANGES: Final = (
    Change("putSite", "PUT", f"/v1/sites/{SITE}", {"name": "P", "time_zone": "UTC"}, "site"),
    Change(
        "putCalendar",
        "PUT",
        f"/v1/sites/{SITE}/calendar",
        {"working_times": [_SHIFT], "exceptions": []},
        "site",
    ),
    Change("putMachine", "PUT", f"/v1/machines/{MACHINE}", {"name": "S"}, "machine"),
    Change(
        "putSetups",
        "PUT",
        f"/v1/machines/{MACHINE}/setups",
        {"setups": [{"from_family": "a", "to_family": "b", "setup_ms": 1000}]},
        "machine",
    ),
    Change(
        "reportJob",
        "POST",
        f"/v1/machines/{MACHINE}/job",
        {"event": "started", "work_order": "W", "operation": 1},
        "machine",
    ),
    Change("putCustomer", "PUT", "/v1/customers/new", {"name": "New"}, "customer"),
    Change("putItem", "PUT", "/v1/items/new", {"name": "New"}, "item"),
    Change(
        "takeOrderIn",
        "POST",
        "/v1/orders",
        {
            "site": SITE,
            "number": "SO-9",
            "customer": "acme",
            "lines": [{"item": "bracket", "quantity": 5}],
        },
    ),
    Change("releaseOrder", "POST", "/v1/orders/SO-9/release"),
    Change("createTrackingLink", "POST", "/v1/orders/SO-9/tracking-links"),
    Change("revokeTrackingLink", "DELETE", "/v1/tracking-links/1"),
    Change(
        "changeOrder",
        "PATCH",
        "/v1/orders/SO-9",
        {"version": 2, "priority": 5, "reason": "they called"},
        reason="they called",
    ),
    Change(
        "cancelOrder",
        "POST",
        "/v1/orders/SO-9/cancel",
        {"reason": "they do not want it"},
        reason="they do not want it",
    ),
    Change(
        "planWorkOrder",
        "POST",
        "/v1/work-orders",
        {"site": SITE, "number": "W-1", "item": "bracket", "operations": [_STEP]},
        "work_order",
    ),
    Change(
        "requestPlan",
        "POST",
        f"/v1/planning/{SITE}/replan",
        {"reason": "look again"},
        "planning_scope",
        reason="look again",
    ),
    Change("createUser", "POST", "/v1/users", {"name": "li", "role": "viewer"}, "user"),
    Change(
        "changeUser",
        "PATCH",
        "/v1/users/li",
        {"version": 1, "role": "sales", "reason": "moved"},
        "user",
        reason="moved",
    ),
    Change("resetPassword", "POST", "/v1/users/li/password", None, "user"),
    Change("endUserSessions", "DELETE", "/v1/users/li/sessions", None, "user"),
    Change("createApiKey", "POST", "/v1/api-keys", {"name": "e", "role": "viewer"}, "api_key"),
    Change("revokeApiKey", "DELETE", "/v1/api-keys/1", None, "api_key"),
    Change("replayDeadLetter", "POST", "/v1/dead-letters/1/replay", None, "dead_letter"),
)


class TestEveryChangeLeavesAnEntry:
    async def test_who_what_and_about_what(self, plant: httpx.AsyncClient, api: Api) -> None:
        await api.rows(
            "INSERT INTO dead_letters (site, mqtt_topic, origin_topic, origin_partition,"
            " origin_offset, received_ms, payload, size, code, reason)"
            " VALUES (%s, %s, 'gemba.telemetry.v1', 0, 0, 0, 'x', 1, 'not_json', 'bad')",
            SITE,
            f"gemba/v1/{MACHINE}/count",
        )
        for change in CHANGES:
            ((last,),) = await api.rows("SELECT coalesce(max(id), 0) FROM audit_log")
            answer = await plant.request(change.method, change.path, json=change.body)
            assert answer.is_success, (change.operation, answer.text)
            rows = await api.rows(
                "SELECT actor, origin, object_kind, object_key, reason, at > now() - interval"
                " '1 minute' FROM audit_log WHERE id > %s ORDER BY id LIMIT 1",
                last,
            )
            assert rows, f"{change.operation} leaves no entry"
            actor, origin, kind, key, reason, is_new = rows[0]
            assert actor == "token a-admin", change.operation
            assert origin.startswith("token "), change.operation
            assert kind == change.object_kind, change.operation
            assert key, change.operation
            assert reason == change.reason, change.operation
            assert is_new

    async def test_signing_in_and_out_and_another_password(self, api: Api) -> None:
        await api.user("mei", Role.PLANNER)
        client = api.client(Origin=ORIGIN)
        sign_in = {"name": "mei", "password": PASSWORD}
        assert (await client.post("/v1/session", json=sign_in)).status_code == 200
        change = {"password": PASSWORD, "new_password": "another good one"}
        assert (await client.post("/v1/session/password", json=change)).status_code == 204
        assert (await client.delete("/v1/session")).status_code == 204
        rows = await api.rows(
            "SELECT action, actor, object_kind, object_key FROM audit_log ORDER BY id"
        )
        assert rows == [
            (action, "mei", "user", "mei")
            for action in ("SignedIn", "PasswordChanged", "SignedOut")
        ]
        entries = str(await api.rows("SELECT before, after FROM audit_log"))
        assert "another good one" not in entries

    async def test_what_was_and_what_is_stand_beside_each_other(
        self, plant: httpx.AsyncClient
    ) -> None:
        await plant.put(f"/v1/machines/{MACHINE}", json={"name": "Saw 2", "position": 1})
        query = {"object_kind": "machine", "object_key": MACHINE}
        newest = (await plant.get("/v1/audit", params=query)).json()["items"][0]
        assert (newest["before"]["name"], newest["after"]["name"]) == ("Saw", "Saw 2")

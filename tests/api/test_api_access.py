"""Who gets in, and how far: sessions, bearer tokens, permissions, limits to sites."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from typing import Any, Final

import httpx
import pytest
from api_client import MACHINE, ORIGIN, PASSWORD, SITE, Api
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from domain.access import Permission, Role, allows
from runtime.settings import ApiSettings
from runtime.tokens import issue_token
from store import access
from store.errors import ConflictError

PUBLIC: Final = {
    "listSignInMethods",
    "startOidc",
    "finishOidc",
    "signIn",
    "healthz",
    "readyz",
    "track",
    "createTrackingTicket",
    "getTrackingPush",
    "subscribeTrackingPush",
    "unsubscribeTrackingPush",
    "createLinkContact",
    "showConfirmation",
    "confirmContact",
    "showUnsubscription",
    "unsubscribeContact",
}
SIGNED_IN: Final = {
    "getSession", "signOut", "createLiveTicket", "signOutOidc", "listOwnSessions", "endOwnSession",
    "changeOwnPassword", "getPush", "subscribePush", "unsubscribePush", "testPush",
}  # fmt: skip
NEEDS: Final = {
    Permission.SHIP: {
        "planShipment", "pickShipment", "packShipment", "shipShipment", "deliverShipment",
        "addCarrierEvent", "returnShipment",
    },
    Permission.READ: {
        "listGateways",
        "getDeliveryReport", "getLeadTimesReport", "getDelayCausesReport", "getForecastsReport",
        "getTurnsReport", "getServiceLevelReport", "getOverviewReport", "listReportLines",
        "listReportTargets", "getOeeReport", "getLossesReport", "getLoadReport", "getScrapReport",
        "listMachineStops", "listStopReasons", "getTimePolicy", "listItemCosts",
        "getDelivery", "getShipment", "listEvents",
        "listOutbound", "getOutbound", "getOutboundContent", "getChannelOutbound",
        "listDocuments", "getDocument", "getDocumentContent", "getDocumentAnswers",
        "listColumnMappings", "getColumnMapping", "listChannels", "getChannel",
        "listSites", "getSite", "listMachines", "getMachine", "getHistory", "listMetrics",
        "listMaintenance", "listResources", "getResource",
        "listCustomers", "listItems",
        "getOrderStatus",
        "listOrders", "getOrder", "listOrderEvents", "listWorkOrders", "getWorkOrder",
        "listOperations", "listDeadLetters", "getDeadLetter", "getIngest", "getOpenApi",
        "listUnmatchedMoves",
        "listShipments", "getCalendar", "getSetups", "listPlanning", "getPlanning", "listPlans",
        "getPlan", "listPlanOperations", "getPlanDifferences", "listDisruptions",
        "listDrafts", "comparePlans", "explainLateOrder", "getProblemSchema",
        "listPlanEntries", "exportComparedPlans",
        "listStock", "listStockItems", "listStockMovements", "listDeviceMoves", "listShortfalls",
        "listLocations", "listCounts", "getCount", "listReservations", "getReservation",
        "getAvailability", "listPurchases", "getPurchase", "listShortages", "listReplenishment",
        "getItem", "getCustomer", "exportMasterData", "listSuppliers", "getSupplier", "listBills",
        "listPriceRules", "listLeadTimeRules", "listMasterDataRecords", "listShiftPatterns",
        "getShiftPattern", "listShiftPlans", "listSpecialDays", "listWorkedDays",
        "exportOrders", "getOrderTimeline", "listOrderViews", "getOrderView", "putOrderView",
        "deleteOrderView", "listOrdersUnderReview", "listReviewPolicies", "listFindings",
        "listRearrangements", "getWorkOrderPegs", "getWorkOrderPolicy", "listLineSites",
        "listWorkOrderShortages",
        "listAlarms", "listAlarmHistory", "getAlarmRates", "getAlarm",
        "getAlarmDefinitionSchema", "listAlarmDefinitions", "getAlarmDefinition",
        "listRotaTurns", "getReportFile", "sendReportScheduleNow",
    },
    Permission.CONFIGURE: {
        "forgetGateway",
        "putStopReason", "putTimePolicy", "enterItemCosts",
        "putReportTargets", "listReportSchedules", "createReportSchedule", "getReportSchedule",
        "putReportSchedule", "deleteReportSchedule", "listReportSendings",
        "putChannel", "deleteChannel",
        "putSite", "putMachine", "putCustomer", "putItem", "putCalendar", "putSetups",
        "importMasterData", "putSupplier", "putReviewPolicy", "putWorkOrderPolicy",
        "putShiftPattern", "deleteShiftPattern", "putShiftPlan", "deleteShiftPlan",
        "putSpecialDay", "deleteSpecialDay",
        "exportAlarmDefinitions", "importAlarmDefinitions", "tryAlarmRule",
        "putAlarmDefinition", "retireAlarmDefinition",
        "listNotificationWays", "getNotificationWaySchema", "getNotificationWay",
        "putNotificationWay", "deleteNotificationWay", "testNotificationWay",
        "listNotificationTemplates", "getNotificationTemplate", "putNotificationTemplate",
        "previewNotificationTemplate", "listNotifications", "getNotification",
        "retryNotification", "listBadAddresses", "releaseBadAddress",
    },
    Permission.PLAN: {
        "putPolicy", "requestPlan", "publishPlan", "discardPlan", "takeBackPlanEntries",
        "lockOperation", "unlockOperation", "tellAbsence", "endAbsence", "planMaintenance",
        "giveUpMaintenance",
        "makeDraft", "dragOperation", "rebaseDraft", "solveProblem",
    },
    Permission.ORDER: {
        "listContacts", "createContact", "changeContact", "removeContact",
        "pollChannel",
        "takeDocumentsIn", "takeOrdersIn", "previewTable", "putColumnMapping",
        "acknowledgeOutbound", "resendOutbound",
        "takeOrderIn", "changeOrder", "releaseOrder", "cancelOrder", "createTrackingLink",
        "listTrackingLinks", "revokeTrackingLink", "planWorkOrder", "cancelWorkOrder",
        "reserve", "releaseReservation", "hardenReservation", "promise",
        "previewRearrangement", "applyRearrangement", "undoRearrangement", "assignLineSite",
        "makeUpShortage", "dismissShortage",
        "priceRushOrder", "acceptRushPrice",
        "actOnOrders", "previewCancellation",
        "confirmOrders", "confirmOrder", "holdOrder", "resumeOrder",
    },
    Permission.REVIEW: {
        "reviewAgain", "rejectOrder", "settleFinding", "assignItem", "assignCustomer",
    },
    Permission.STOCK: {
        "receiveGoods", "issueGoods", "adjustStock", "transferGoods", "changeStockStatus",
        "countStock", "approveCount", "rejectCount", "settleShortfall", "putLocation",
    },
    Permission.PURCHASE: {
        "createPurchase", "changePurchase", "cancelPurchase", "proposeReplenishment",
        "acceptReplenishment", "dismissReplenishment",
    },
    Permission.AUDIT: {"listAudit", "exportAudit"},
    Permission.ADMINISTER: {
        "listWebhooks", "createWebhook", "getWebhook", "changeWebhook", "deleteWebhook",
        "testWebhook", "listWebhookDeliveries", "replayWebhookDelivery", "putChannelOutbound",
        "listUsers", "createUser", "getUser", "changeUser", "resetPassword", "listUserSessions",
        "endUserSessions", "endUserSession", "listApiKeys", "createApiKey", "revokeApiKey",
    },
    Permission.OWN_ORDERS: {
        "listOwnOrders", "getOwnOrder", "listOwnShipments",
        "listOwnContacts", "createOwnContact", "changeOwnContact", "removeOwnContact",
    },
    Permission.OPERATE: {
        "reportJob", "acknowledgeRequest", "giveStopReasons", "undoStopReasons",
    },
    Permission.ALARMS: {
        "acknowledgeAlarms", "shelveAlarm", "unshelveAlarm", "resetAlarm", "removeAlarm",
        "returnAlarm", "assignAlarm",
    },
    Permission.DEAD_LETTERS: {"replayDeadLetter"},
    Permission.METRICS: {"metrics"},
}  # fmt: skip
"""The table of docs/architecture.md, written down once more so that the code cannot drift."""

_PLACES: Final = {"path": MACHINE, "number": "SO-1", "code": "x", "token": "x"}


def doors(api: Api) -> list[tuple[str, str, str]]:
    """Every call of the API: operation, method, address."""
    found = []
    for address, methods in api.app.openapi()["paths"].items():
        for method, operation in methods.items():
            place = address
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    value = _PLACES.get(parameter["name"], "1")
                    place = place.replace("{" + parameter["name"] + "}", value)
            if operation["operationId"] == "getIngest":
                place += f"?site={SITE}"
            found.append((operation["operationId"], method, place))
    return found


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """All routes, also those of routers that were included."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from every_route(router.routes)


class TestDoors:
    async def test_every_call_is_in_the_table(self, api: Api) -> None:
        known = PUBLIC.union(SIGNED_IN, *NEEDS.values())
        assert {operation for operation, _, _ in doors(api)} == known

    async def test_what_is_not_in_the_document_is_a_page(self, api: Api) -> None:
        hidden = {
            route.path
            for route in every_route(api.app.routes)
            if isinstance(route, APIRoute | APIWebSocketRoute)
            and not getattr(route, "include_in_schema", False)
        }
        assert hidden == {
            "/", "/login", "/orders", "/orders/{rest:path}", "/floor", "/floor/{rest:path}",
            "/terminal", "/terminal/{rest:path}", "/dead-letters", "/t/{token}", "/v1/live",
            "/plan", "/plan/{rest:path}", "/disruptions", "/disruptions/{rest:path}",
            "/review", "/import", "/promise", "/stock", "/outbound", "/master-data",
            "/alarms", "/alarms/{rest:path}", "/reports", "/reports/{rest:path}",
            "/own", "/own/{rest:path}",
        }  # fmt: skip
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await api.client().get(path)).status_code == 404

    async def test_nobody_gets_in_without_signing_in(self, api: Api) -> None:
        client = api.client()
        for operation, method, place in doors(api):
            answer = await client.request(method, place, json={})
            if operation in PUBLIC:
                assert answer.status_code != 401, operation
            else:
                assert answer.status_code == 401, operation
                assert answer.headers["www-authenticate"] == 'Bearer realm="gemba"'
                assert answer.json()["type"] == "urn:gemba:problem:unauthenticated"

    @pytest.mark.parametrize("role", list(Role))
    async def test_a_role_gets_exactly_as_far_as_the_table_says(self, api: Api, role: Role) -> None:
        client = await api.as_role(role)
        needed = {name: need for need, names in NEEDS.items() for name in names}
        for operation, method, place in doors(api):
            answer = await client.request(method, place, json={})
            lacks = operation in needed and not allows(role, needed[operation])
            assert (answer.status_code == 403) == lacks, (operation, answer.text)
            assert answer.status_code not in (401, 500), (operation, answer.text)

    @pytest.mark.parametrize(
        "word",
        ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "a" * 9000, "Bearer a.b.c"],
    )
    async def test_a_made_up_token_opens_nothing(self, api: Api, word: str) -> None:
        answer = await api.client(Authorization=word).get("/v1/sites")
        assert answer.status_code == 401

    async def test_a_foreign_expired_or_unknown_token_opens_nothing(self, api: Api) -> None:
        key = api.context.signing_key
        for token in (
            issue_token("another installation's key, long enough", role="admin"),
            issue_token(key, role="admin", days=-1),
            issue_token(key, role="emperor"),
        ):
            answer = await api.client(Authorization=f"Bearer {token}").get("/v1/sites")
            assert answer.status_code == 401
            assert token not in answer.text


class TestPermissions:
    def test_the_roles_have_what_the_plan_says(self) -> None:
        granted = {
            permission: {role.value for role in Role if allows(role, permission)}
            for permission in Permission
        }
        staff = {role.value for role in Role} - {"gateway", "customer"}
        assert granted == {
            Permission.READ: staff,
            Permission.CONFIGURE: {"admin", "planner"},
            Permission.ORDER: {"admin", "planner", "sales", "customer_service"},
            Permission.REVIEW: {"admin", "planner", "sales", "customer_service"},
            Permission.PLAN: {"admin", "planner"},
            Permission.STOCK: {"admin", "planner", "purchasing", "warehouse", "quality"},
            Permission.PURCHASE: {"admin", "planner", "purchasing"},
            Permission.SHIP: {"admin", "warehouse", "customer_service"},
            Permission.OPERATE: {"admin", "supervisor", "operator"},
            Permission.ALARMS: staff - {"viewer", "finance"},
            Permission.DEAD_LETTERS: {"admin", "supervisor"},
            Permission.METRICS: {"admin", "gateway"},
            Permission.AUDIT: {"admin", "quality", "finance"},
            Permission.ADMINISTER: {"admin"},
            Permission.OWN_ORDERS: {"customer"},
        }


async def signed_in(api: Api, name: str = "mei") -> httpx.AsyncClient:
    client = api.client()
    answer = await client.post("/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


class TestSessions:
    async def test_signing_in_sets_a_cookie_that_scripts_cannot_read(self, api: Api) -> None:
        await api.user("mei", Role.PLANNER, SITE)
        client = api.client()
        answer = await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        assert answer.json() == {
            "user": {
                "name": "mei",
                "display_name": "mei",
                "role": "planner",
                "sites": [SITE],
                "lines": [],
                "customer": None,
                "permissions": [
                    "alarms",
                    "configure",
                    "order",
                    "plan",
                    "purchase",
                    "read",
                    "review",
                    "stock",
                ],
            }
        }
        cookie = SimpleCookie(answer.headers["set-cookie"])["gemba_session"]
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (
            True,
            "lax",
            "",
            "/",
        )
        assert len(cookie.value) >= 43
        assert (await client.get("/v1/session")).json()["user"]["name"] == "mei"

    async def test_over_https_the_cookie_is_secure(self, api: Api) -> None:
        await api.user()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(api.app), base_url="https://gemba.test"
        ) as client:
            answer = await client.post("/v1/session", json={"name": "mei", "password": PASSWORD})
        assert "; Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]

    async def test_what_is_stored_is_no_key(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        token = client.cookies["gemba_session"]
        stored = str(await api.rows("SELECT token_hash FROM sessions"))
        hashed = (await api.rows("SELECT password_hash FROM users"))[0][0]
        assert token not in stored
        assert hashed.startswith("$argon2id$")
        assert PASSWORD not in hashed

    async def test_signing_out_ends_the_session_here_too(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        token = client.cookies["gemba_session"]
        answer = await client.delete("/v1/session", headers={"Origin": ORIGIN})
        assert answer.status_code == 204
        again = await api.client(Cookie=f"gemba_session={token}").get("/v1/session")
        assert again.status_code == 401

    async def test_a_session_ends_by_itself(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        await api.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
        assert (await client.get("/v1/session")).status_code == 401

    async def test_a_disabled_user_is_out_at_once(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        await api.rows("UPDATE users SET disabled_at = now()")
        assert (await client.get("/v1/session")).status_code == 401
        answer = await api.client().post("/v1/session", json={"name": "mei", "password": PASSWORD})
        assert answer.status_code == 401

    async def test_a_new_password_ends_the_sessions(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        async with api.context.connection() as connection:
            await access.set_password(connection, name="mei", password="another good one")
        assert (await client.get("/v1/session")).status_code == 401

    async def test_wrong_password_and_unknown_name_read_and_take_the_same(self, api: Api) -> None:
        await api.user()
        took: dict[str, list[float]] = {"mei": [], "nobody": []}
        texts = set()
        for _, name in itertools.product(range(4), took):
            started = time.perf_counter()
            answer = await api.client().post(
                "/v1/session", json={"name": name, "password": "wrong password"}
            )
            took[name].append(time.perf_counter() - started)
            assert answer.status_code == 401
            texts.add(answer.text)
        assert len(texts) == 1
        known, unknown = (statistics.median(times) for times in took.values())
        assert 1 / 4 < known / unknown < 4

    async def test_too_many_tries_of_a_name_have_to_wait(self, api: Api) -> None:
        await api.user()
        wrong = {"name": "mei", "password": "wrong password"}
        statuses = [
            (await api.client().post("/v1/session", json=wrong)).status_code for _ in range(10)
        ]
        assert set(statuses) == {401}
        right = {"name": "mei", "password": PASSWORD}
        answer = await api.client().post("/v1/session", json=right)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300

    @pytest.mark.parametrize(
        "body",
        [{}, {"name": "mei"}, {"name": "a\x00", "password": "x"}, {"name": 1, "password": []}],
    )
    async def test_a_password_is_never_told_back(self, api: Api, body: dict[str, Any]) -> None:
        answer = await api.client().post("/v1/session", json={**body, "extra": "s3cret"})
        assert answer.status_code == 422
        answer = await api.client().post(
            "/v1/session", json={"name": "mei", "password": ["s3cret"]}
        )
        assert "s3cret" not in answer.text


class TestOrigin:
    async def test_a_foreign_page_changes_nothing_with_the_cookie(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        for headers in ({}, {"Origin": "https://evil.test"}, {"Origin": "null"}):
            answer = await client.put("/v1/customers/x", json={"name": "X"}, headers=headers)
            assert answer.status_code == 403, headers
        answer = await client.put("/v1/customers/x", json={"name": "X"}, headers={"Origin": ORIGIN})
        assert answer.status_code == 200

    async def test_a_foreign_page_cannot_sign_anybody_in(self, api: Api) -> None:
        await api.user()
        answer = await api.client(Origin="https://evil.test").post(
            "/v1/session", json={"name": "mei", "password": PASSWORD}
        )
        assert answer.status_code == 403

    async def test_reading_needs_no_origin(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        assert (await client.get("/v1/customers")).status_code == 200

    async def test_a_bearer_token_needs_no_origin(self, api: Api) -> None:
        client = await api.as_role(Role.PLANNER)
        assert (await client.put("/v1/customers/x", json={"name": "X"})).status_code == 200


class TestAllowedOrigins:
    @pytest.fixture
    def settings(self, settings: ApiSettings) -> ApiSettings:
        return settings.model_copy(
            update={
                "allowed_origins": ("https://desk.test",),
                "public_url": "http://orders.test/",
            }
        )

    async def test_allowed_and_public_origins_may_come(self, api: Api) -> None:
        await api.user()
        client = await signed_in(api)
        for origin, status in (
            ("https://desk.test", 200),
            ("http://orders.test", 200),
            ("http://desk.test", 403),
            ("https://desk.test.evil.test", 403),
        ):
            answer = await client.put(
                "/v1/customers/x", json={"name": "X"}, headers={"Origin": origin}
            )
            assert answer.status_code == status, origin


class TestSiteLimits:
    async def test_lists_hold_only_what_one_may_see(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        lines = [{"item": "bracket", "quantity": 1}]
        order = {"site": SITE, "customer": "acme", "lines": lines, "release": True}
        assert (await plant.post("/v1/orders", json=order)).status_code == 201
        await api.rows(
            "INSERT INTO dead_letters (site, origin_topic, origin_partition, origin_offset,"
            " received_ms, payload, size, code, reason)"
            " VALUES ('plant-1', 'gemba.telemetry.v1', 0, 0, 0, 'x', 1, 'not_json', 'bad')"
        )
        here = await api.as_role(Role.ADMIN, SITE)
        there = await api.as_role(Role.ADMIN, "plant-2")
        for path, seen in (
            ("/v1/sites", 1),
            ("/v1/machines", 2),
            ("/v1/orders", 1),
            ("/v1/work-orders", 1),
            ("/v1/operations", 2),
            ("/v1/dead-letters", 1),
        ):
            assert (await here.get(path)).json()["total"] == seen, path
            elsewhere = 1 if path in ("/v1/sites", "/v1/machines") else 0
            assert (await there.get(path)).json()["total"] == elsewhere, path

    async def test_what_is_elsewhere_does_not_exist(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        lines = [{"item": "bracket", "quantity": 1}]
        order = {"site": SITE, "customer": "acme", "lines": lines, "release": True}
        number = (await plant.post("/v1/orders", json=order)).json()["number"]
        link = (await plant.post(f"/v1/orders/{number}/tracking-links")).json()["id"]
        work_order = (await plant.get("/v1/work-orders")).json()["items"][0]["id"]
        there = await api.as_role(Role.ADMIN, "plant-2")
        job = {"event": "started", "work_order": "W", "operation": 1}
        for method, path, body in (
            ("GET", f"/v1/sites/{SITE}", None),
            ("PUT", f"/v1/sites/{SITE}", {"name": "Mine"}),
            ("GET", f"/v1/machines?site={SITE}", None),
            ("GET", f"/v1/machines/{MACHINE}", None),
            ("PUT", f"/v1/machines/{MACHINE}", {"name": "Mine"}),
            ("POST", f"/v1/machines/{MACHINE}/job", job),
            ("GET", f"/v1/orders?site={SITE}", None),
            ("GET", f"/v1/orders/{number}", None),
            ("GET", f"/v1/orders/{number}/events", None),
            ("GET", f"/v1/orders/{number}/shipments", None),
            ("GET", f"/v1/sites/{SITE}/calendar", None),
            ("PUT", f"/v1/sites/{SITE}/calendar", {"working_times": [], "exceptions": []}),
            ("GET", f"/v1/machines/{MACHINE}/setups", None),
            ("PUT", f"/v1/machines/{MACHINE}/setups", {"setups": []}),
            ("GET", f"/v1/planning/{SITE}", None),
            ("GET", f"/v1/planning/{SITE}/plans", None),
            ("PUT", f"/v1/planning/{SITE}/policy", {}),
            ("POST", f"/v1/planning/{SITE}/replan", {"reason": "mine"}),
            ("GET", f"/v1/disruptions?scope={SITE}", None),
            ("GET", f"/v1/disruptions?site={SITE}", None),
            ("PATCH", f"/v1/orders/{number}", {"version": 2, "priority": 1}),
            ("POST", f"/v1/orders/{number}/release", None),
            ("POST", f"/v1/orders/{number}/cancel", {"reason": "mine"}),
            ("GET", f"/v1/orders/{number}/tracking-links", None),
            ("POST", f"/v1/orders/{number}/tracking-links", None),
            ("DELETE", f"/v1/tracking-links/{link}", None),
            ("GET", f"/v1/work-orders/{work_order}", None),
            ("POST", f"/v1/work-orders/{work_order}/cancel", {"reason": "mine"}),
            ("GET", f"/v1/work-orders?site={SITE}", None),
            ("GET", f"/v1/operations?site={SITE}", None),
            ("GET", f"/v1/dead-letters?site={SITE}", None),
            ("GET", f"/v1/ingest?site={SITE}", None),
        ):
            answer = await there.request(method, path, json=body)
            assert answer.status_code == 404, (method, path, answer.text)
        for path, new in (
            ("/v1/orders", {**order, "external_source": "x", "external_id": "1"}),
            ("/v1/work-orders", {"site": SITE, "number": "W", "operations": [{"number": 1}]}),
        ):
            answer = await there.post(path, json=new)
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["field"] == "site"


class TestAccounts:
    async def test_a_name_is_taken_once(self, api: Api) -> None:
        await api.user()
        with pytest.raises(ConflictError, match="'mei'"):
            await api.user()

    async def test_a_short_password_is_refused(self, api: Api) -> None:
        async with api.context.connection() as connection:
            with pytest.raises(access.WeakPasswordError):
                await access.create_user(connection, name="li", password="short", role=Role.VIEWER)

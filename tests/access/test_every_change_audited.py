"""Every call that is not safe leaves an entry in the audit log when it changes something.

Each entry names what it is about, so that everything done to a thing can be looked for.
The calls are taken from the app's own routes: a new one without a payload in `changes.py` fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import psycopg
from api_client import MACHINE, PASSWORD, SITE, Api
from changes import CHANGES, Change, Raw
from fastapi.routing import APIRoute
from planned import store_plan
from psycopg import sql
from what_if_planner import thinking

from contracts.plan import PlanState
from domain.access import Role

SAFE: Final = {"GET", "HEAD", "OPTIONS"}

CHANGES_NOTHING: Final = {
    "listRotaTurns": "tells who is on call",
    "tryAlarmRule": "tells what a rule would have raised",
    "previewNotificationTemplate": "tells how words would look",
    "previewTable": "tells what a table means",
    "previewRearrangement": "tells what would be",
    "solveProblem": "a plan for a problem of the caller's own, which is not kept",
    "priceRushOrder": "tells what would be",
    "previewCancellation": "tells what would be",
    "createLiveTicket": "a ticket of 30 s in Redis",
    "createTrackingTicket": "a ticket of 30 s in Redis",
}
"""Calls that are not safe by their method only, and why they need no entry."""

OF_SESSIONS: Final = {
    "signIn": "TestSessions",
    "signOut": "TestSessions",
    "changeOwnPassword": "TestSessions",
    "endOwnSession": "TestSessions",
    "signOutOidc": "TestSessions",
}
"""What somebody does with a session of their own; a token has none."""

OF_CUSTOMERS: Final = dict.fromkeys(
    (
        "createOwnContact", "changeOwnContact", "removeOwnContact",
        "createLinkContact", "confirmContact", "unsubscribeContact",
    ),
    "tests/customer_notices/test_contacts_api.py",
)  # fmt: skip
"""What customers' people do by themselves, or by a link, and staff do not."""

OF_BROWSERS: Final = dict.fromkeys(
    (
        "subscribePush", "unsubscribePush", "testPush", "subscribeTrackingPush",
        "unsubscribeTrackingPush",
    ),
    "tests/api/test_api_push.py",
) | {"sendReportScheduleNow": "tests/report_files/test_report_schedules_api.py"}  # fmt: skip
"""What people do in their own browsers, which a token has none of."""


def unsafe_operations(api: Api) -> set[str]:
    """The operations of all routes that are not safe by their method."""
    found = set()
    for route in api.app.routes:
        if isinstance(route, APIRoute) and not (route.methods or set()) <= SAFE:
            assert route.operation_id, route.path
            found.add(route.operation_id)
    if not found:
        # Newer FastAPI keeps included routers as they are: their routes stand in the description.
        found = {
            operation["operationId"]
            for methods in api.app.openapi()["paths"].values()
            for method, operation in methods.items()
            if method.upper() not in SAFE
        }
    return found


class Story:
    """The calls of `changes.py` one after the other, with what answers told so far."""

    def __init__(self, client: httpx.AsyncClient, api: Api) -> None:
        self.client = client
        self.api = api
        self.told: dict[str, Any] = {}

    def filled(self, value: Any) -> Any:
        """With what was told in place of words in braces."""
        if isinstance(value, str):
            for name, known in self.told.items():
                if value == "{" + name + "}":
                    return known
                value = value.replace("{" + name + "}", str(known))
            return value
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        return [self.filled(one) for one in value] if isinstance(value, list) else value

    async def tell(self, change: Change) -> httpx.Response:
        """Make the call."""
        if change.operation in BEFORE:
            await BEFORE[change.operation](self)
        method, path = self.filled(change.call).split()
        arguments: dict[str, Any] = {"params": change.query}
        if isinstance(change.body, Raw):
            arguments["content"] = change.body.content
            arguments["headers"] = {"Content-Type": change.body.media_type}
        elif change.body is not None:
            arguments["json"] = self.filled(change.body)
        answer = await self.client.request(method, path, **arguments)
        if answer.is_success:
            for name, place in change.keep.items():
                found = answer.json()
                for step in place.split("."):
                    found = found[int(step)] if step.isdigit() else found[step]
                self.told[name] = found
        return answer

    async def one(self, query: str, *parameters: object) -> Any:
        """A value from the rows."""
        ((found,),) = await self.api.rows(query, *parameters)
        return found


async def _finding(story: Story) -> None:
    story.told["finding"] = await story.one(
        "SELECT min(f.id) FROM review_findings f JOIN orders o ON o.id = f.order_id"
        " WHERE o.number = %s AND f.settled_at IS NULL",
        story.told["strange"],
    )


async def _unjudged(story: Story) -> None:
    await story.api.rows(
        "UPDATE order_lines SET state = 'confirmed' WHERE order_id ="
        " (SELECT id FROM orders WHERE number = %s)",
        story.told["strange"],
    )
    await story.api.rows(
        "UPDATE order_lines SET quantity = 100000000 WHERE order_id ="
        " (SELECT id FROM orders WHERE number = %s)",
        story.told["strange"],
    )


async def _draft(story: Story) -> None:
    story.told["plan"] = (await store_plan(story.api, state=PlanState.DRAFT)).id


async def _wish(story: Story) -> None:
    work = await story.one(
        "SELECT max(p.work_order_id) FROM pegs p JOIN order_lines l ON l.id = p.order_line_id"
        " JOIN orders o ON o.id = l.order_id WHERE o.number = 'SO-5'"
    )
    wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [2]}
    answer = await story.client.post("/v1/work-orders/preview", json={"wish": wish})
    assert answer.is_success, answer.text
    story.told |= {"wish": wish, "preview": answer.json()["token"]}


async def _shortage(story: Story) -> None:
    story.told["shortage"] = await story.one(
        "INSERT INTO work_order_shortages (work_order_id, quantity, opened_at)"
        " SELECT p.work_order_id, 1, now() FROM pegs p"
        " JOIN order_lines l ON l.id = p.order_line_id JOIN orders o ON o.id = l.order_id"
        " WHERE p.work_order_id IS NOT NULL AND p.work_order_id NOT IN"
        " (SELECT work_order_id FROM work_order_shortages) LIMIT 1 RETURNING id"
    )


async def _asked(story: Story) -> None:
    story.told["asked"] = await story.one(
        "UPDATE work_orders SET closing = 'stop', cancelled_at = now() WHERE id = ("
        " SELECT p.work_order_id FROM pegs p JOIN order_lines l ON l.id = p.order_line_id"
        " JOIN orders o ON o.id = l.order_id WHERE o.number = 'SO-globex' LIMIT 1)"
        " RETURNING number"
    )
    await story.api.rows(
        "UPDATE operations SET state = 'running', runs = 1 WHERE number = 10 AND work_order_id ="
        " (SELECT id FROM work_orders WHERE number = %s)",
        story.told["asked"],
    )
    await story.api.rows(
        "INSERT INTO machine_states (machine_id, state, state_since_ms, operation_id)"
        " SELECT o.machine_id, 'running', 1, o.id FROM operations o JOIN work_orders w"
        " ON w.id = o.work_order_id WHERE w.number = %s AND o.number = 10"
        " ON CONFLICT (machine_id) DO UPDATE SET operation_id = excluded.operation_id",
        story.told["asked"],
    )


async def _dead_letter(story: Story) -> None:
    await story.api.rows(
        "INSERT INTO dead_letters (site, mqtt_topic, origin_topic, origin_partition,"
        " origin_offset, received_ms, payload, size, code, reason)"
        " VALUES (%s, %s, 'gemba.telemetry.v1', 0, 0, 0, 'x', 1, 'not_json', 'bad')",
        SITE,
        f"gemba/v1/{MACHINE}/count",
    )


async def _gateway(story: Story) -> None:
    await story.api.rows(
        "INSERT INTO alarm_gateways (name, last_heard_at)"
        " VALUES ('gateway-9', now() - interval '1 hour')"
    )


async def _shortfall(story: Story) -> None:
    await story.api.rows(
        "UPDATE stock_heads SET shortfall = shortfall + 1"
        " WHERE item_id = (SELECT id FROM items WHERE code = 'bracket')"
    )
    story.told["shortfall"] = await story.one(
        "INSERT INTO stock_shortfalls (item_id, site_id, posting_id, quantity, open_quantity,"
        " occurred_at) SELECT i.id, s.id, (SELECT max(id) FROM stock_postings), 1, 1, now()"
        " FROM items i, sites s WHERE i.code = 'bracket' AND s.code = %s RETURNING id",
        SITE,
    )


async def _proposal(story: Story) -> None:
    story.told["proposal"] = await story.one(
        "INSERT INTO replenishment_proposals (item_id, site_id, kind, supplier_id, quantity,"
        " need_at, order_by, reason) SELECT i.id, s.id, 'purchase', p.id, 5, now(), now(), 'low'"
        " FROM items i, sites s, suppliers p"
        " WHERE i.code = 'hinge' AND s.code = %s AND p.code = 'steel' RETURNING id",
        SITE,
    )


async def _needs_stock(story: Story) -> None:
    await story.api.rows(
        "INSERT INTO item_sites (item_id, site_id, source, min_stock, max_stock, supplier_id,"
        " supplier_lead_days) SELECT i.id, s.id, 'buy', 10, 50, p.id, 5"
        " FROM items i, sites s, suppliers p"
        " WHERE i.code = 'new' AND s.code = %s AND p.code = 'steel'",
        SITE,
    )


async def _document(story: Story) -> None:
    story.told["document"] = await story.one(
        "INSERT INTO outbound_documents (kind, name, format, media_type, site_id, order_id, cause,"
        " content, digest) SELECT 'order_answer', '855', 'x12', 'text/plain', site_id, id,"
        " 'test:' || gen_random_uuid(), '', '' FROM orders WHERE number = 'SO-acme' RETURNING id"
    )


async def _session(story: Story) -> None:
    story.told["session"] = await story.one(
        "INSERT INTO sessions (user_id, token_hash, expires_at, method)"
        " SELECT id, decode(md5('a'), 'hex'), now() + interval '1 hour', 'password' FROM users"
        " WHERE name = 'li' RETURNING id"
    )


async def _delivery(story: Story) -> None:
    story.told["delivery"] = await story.one(
        "INSERT INTO webhook_deliveries (webhook_id, message_id, event_type, body, state,"
        " delivered_at) VALUES (%s, 'msg_1', 'order.received', '{}', 'delivered', now())"
        " RETURNING id",
        story.told["hook"],
    )


async def _planner(story: Story) -> None:
    """Somebody who answers what-if questions, and an operation to think of."""
    await story.api.stack.enter_async_context(thinking(story.api))
    story.told["free"] = await story.one(
        "SELECT p.operation_id FROM plan_operations p JOIN plans v ON v.id = p.plan_id"
        " JOIN operations o ON o.id = p.operation_id"
        " WHERE v.state = 'published' AND o.state IN ('planned', 'released')"
        " ORDER BY p.start_ms DESC LIMIT 1"
    )
    story.told["urgent"] = await story.one(
        "SELECT r.number FROM orders r JOIN order_lines l ON l.order_id = r.id"
        " JOIN pegs p ON p.order_line_id = l.id JOIN operations o"
        " ON o.work_order_id = p.work_order_id WHERE o.id = %s LIMIT 1",
        story.told["free"],
    )
    story.told["there"] = await story.one(
        "SELECT m.path FROM machines m JOIN operations o ON o.machine_id = m.id WHERE o.id = %s",
        story.told["free"],
    )


async def _alarm(story: Story) -> None:
    story.told["alarm"] = await story.one(
        "INSERT INTO alarms (cause, rule_id, rule_version, subject_kind, subject_key, site_id,"
        " place, priority, latching, standing, raised_at, changed_at)"
        " SELECT 'machine_down:machine:' || %s, d.id, d.version, 'machine', %s, s.id, %s, 'low',"
        " true, 3, now(), now() FROM alarm_definitions d, sites s"
        " WHERE d.code = 'down' AND s.code = %s RETURNING id",
        MACHINE,
        MACHINE,
        MACHINE,
        SITE,
    )


async def _latched(story: Story) -> None:
    await story.api.rows("UPDATE alarms SET standing = 4 WHERE id = %s", story.told["alarm"])


async def _given_up(story: Story) -> None:
    story.told["message"] = str(
        await story.one(
            "INSERT INTO alarm_messages (why, recipient, channel, address, language, priority,"
            " state, because, next_at, body, decided_at) VALUES ('digest', 'mei', 'email', %s,"
            " 'en', 'low', 'given_up', 'allowed', now(), '{}', now()) RETURNING message_id",
            "gone@plant.test",
        )
    )


async def _bounced(story: Story) -> None:
    await story.api.rows(
        "INSERT INTO notification_addresses (channel, address, bounces, first_at, last_at,"
        " last_error, suppressed_at) VALUES ('email', %s, 3, now(), now(), 'no', now())"
        " RETURNING address",
        "gone@plant.test",
    )


BEFORE: Final[dict[str | None, Callable[[Story], Awaitable[None]]]] = {
    "settleFinding": _finding,
    "reviewAgain": _unjudged,
    "publishPlan": _draft,
    "discardPlan": _draft,
    "makeDraft": _planner,
    "applyRearrangement": _wish,
    "makeUpShortage": _shortage,
    "dismissShortage": _shortage,
    "acknowledgeRequest": _asked,
    "replayDeadLetter": _dead_letter,
    "settleShortfall": _shortfall,
    "forgetGateway": _gateway,
    "proposeReplenishment": _needs_stock,
    "acceptReplenishment": _proposal,
    "dismissReplenishment": _proposal,
    "acknowledgeOutbound": _document,
    "resendOutbound": _document,
    "endUserSession": _session,
    "replayWebhookDelivery": _delivery,
    "acknowledgeAlarms": _alarm,
    "resetAlarm": _latched,
    "retryNotification": _given_up,
    "releaseBadAddress": _bounced,
}
"""Rows that a call needs and that services make, not calls."""


class TestEveryUnsafeRoute:
    def test_has_a_payload_here(self, api: Api) -> None:
        told = {change.operation for change in CHANGES if change.operation}
        asked = unsafe_operations(api)
        assert len(asked) > 80
        elsewhere = CHANGES_NOTHING.keys() | OF_SESSIONS.keys() | OF_CUSTOMERS.keys()
        elsewhere |= OF_BROWSERS.keys()
        assert asked - told - elsewhere == set(), (
            "calls without a payload in tests/access/changes.py"
        )
        assert told | elsewhere <= asked, "calls that are gone"

    async def test_leaves_an_entry(self, plant: httpx.AsyncClient, api: Api) -> None:
        story = Story(plant, api)
        faults = []
        for change in CHANGES:
            ((last,),) = await api.rows("SELECT coalesce(max(id), 0) FROM audit_log")
            try:
                answer = await story.tell(change)
            except (psycopg.Error, ValueError, TypeError, KeyError) as error:
                faults.append(f"{change.operation}: what it needs cannot be made: {error}")
                continue
            if not answer.is_success:
                faults.append(f"{change.operation}: {answer.status_code} {answer.text[:400]}")
                continue
            if change.operation is None:
                continue
            rows = await api.rows(
                "SELECT actor, origin, object_kind, object_key, at > now() - interval '1 minute'"
                " FROM audit_log WHERE id > %s AND actor = 'token a-admin' ORDER BY id",
                last,
            )
            if not rows:
                faults.append(f"{change.operation}: leaves no entry")
            if not all(origin.startswith("token ") and is_new for _, origin, _, _, is_new in rows):
                faults.append(f"{change.operation}: from where and when? {rows}")
            if not all(kind and key for _, _, kind, key, _ in rows):
                faults.append(f"{change.operation}: an entry does not say what about: {rows}")
            about = {kind for _, _, kind, _, _ in rows}
            if rows and change.kind is not None and change.kind not in about:
                faults.append(f"{change.operation}: about {about}, not {change.kind}")
        assert not faults, "\n".join(faults)

    async def test_changes_nothing_where_it_says_so(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        before = await _rows_of_all_tables(api)
        work = (await plant.get("/v1/work-orders")).json()["items"][0]["id"]
        link = await plant.post("/v1/live/ticket")
        assert link.is_success
        wish = {"action": "split", "work_order": work, "by": "quantities", "quantities": [40]}
        preview = await plant.post("/v1/work-orders/preview", json={"wish": wish})
        assert preview.is_success, preview.text
        number = (await plant.get("/v1/orders")).json()["items"][0]["number"]
        path = "/v1/orders/actions/cancel-preview"
        assert (await plant.post(path, json={"numbers": [number]})).is_success
        table = await plant.post("/v1/intake/preview/csv", content=b"Order,Item,Qty\n1,bracket,2\n")
        assert table.is_success, table.text
        assert await _rows_of_all_tables(api) == before


class TestSessions:
    async def test_each_thing_that_one_does_with_ones_sessions_leaves_an_entry(
        self, api: Api
    ) -> None:
        await api.user("mei", Role.PLANNER)
        client = api.client(Origin="http://gemba.test")
        sign_in = {"name": "mei", "password": PASSWORD}
        assert (await client.post("/v1/session", json=sign_in)).is_success
        elsewhere = api.client(Origin="http://gemba.test")
        assert (await elsewhere.post("/v1/session", json=sign_in)).is_success
        sessions = (await client.get("/v1/session/all")).json()["items"]
        other = next(one["id"] for one in sessions if not one["current"])
        assert (await client.delete(f"/v1/session/all/{other}")).is_success
        change = {"password": PASSWORD, "new_password": "another good one"}
        assert (await client.post("/v1/session/password", json=change)).is_success
        assert (await client.post("/v1/session/oidc/logout")).is_success
        assert (await client.post("/v1/session", json=sign_in | {
            "password": "another good one"})).is_success  # fmt: skip
        assert (await client.delete("/v1/session")).is_success
        rows = await api.rows("SELECT action FROM audit_log WHERE actor = 'mei' ORDER BY id")
        assert [action for (action,) in rows] == [
            "SignedIn", "SignedIn", "SessionEnded", "PasswordChanged", "SignedOut", "SignedIn",
            "SignedOut",
        ]  # fmt: skip


async def _rows_of_all_tables(api: Api) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and which transaction wrote the newest of them."""
    found = {}
    async with api.context.connection() as connection:
        cursor = await connection.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND relname !~ '^(log_|_yoyo|yoyo)'"
        )
        for (table,) in await cursor.fetchall():
            counted = await connection.execute(
                sql.SQL("SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {}").format(
                    sql.Identifier(table)
                )
            )
            row = await counted.fetchone()
            assert row is not None
            found[table] = (row[0], row[1])
    return found

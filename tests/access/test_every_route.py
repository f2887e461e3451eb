"""Every call × every role × somebody else's things, sockets included.

How far a role gets is the table `NEEDS` of `tests/api/test_api_access.py`, where a call without an
entry fails. Here everybody who has the permission asks for what belongs to another site, another
line or another customer, and nothing of it may come back, whatever the call is.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final
from unittest.mock import Mock

import httpx
import pytest
from api_client import MACHINE, SITE, Api

from api.live.endpoint import hub_of
from api.live.limits import of_lines
from api.live.socket import LiveSocket, _Refused
from api.live.tickets import Ticket
from contracts.live import ChannelKind, Position
from domain.access import Role
from store.live_channels import Deltas, Missing, Snapshot

OTHER_LINE: Final = f"{SITE}/cutting/line2/m05"
MARK: Final = "a-word-of-plant-1"
"""Stands in what belongs to the site, the line and the customer, and in no request."""

_PLACES: Final = {"number": "SO-acme", "code": SITE, "scope": SITE, "site": SITE}


@pytest.fixture
async def marked(plant: httpx.AsyncClient, api: Api) -> httpx.AsyncClient:
    """The plant; what must not be told bears the mark."""
    await plant.put(f"/v1/machines/{MACHINE}", json={"name": f"Saw {MARK}"})
    await plant.put(f"/v1/machines/{OTHER_LINE}", json={"name": f"Press {MARK}"})
    await plant.put(f"/v1/sites/{SITE}", json={"name": MARK, "time_zone": "UTC"})
    await api.rows("UPDATE orders SET customer_reference = %s WHERE number = 'SO-acme'", MARK)
    await api.rows("UPDATE orders SET priority = 77 WHERE number = 'SO-acme'")
    await plant.post("/v1/orders/SO-acme/tracking-links")
    await api.rows(
        "INSERT INTO dead_letters (site, origin_topic, origin_partition, origin_offset,"
        " received_ms, payload, size, code, reason)"
        " VALUES (%s, 'gemba.telemetry.v1', 0, 0, 0, 'x', 1, 'not_json', %s)",
        SITE,
        MARK,
    )
    return plant


def calls(api: Api, machine: str) -> list[tuple[str, str, str]]:
    """Every call: operation, method, address with the names of what is somebody else's."""
    found = []
    for address, methods in api.app.openapi()["paths"].items():
        for method, operation in methods.items():
            place = address
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    name = parameter["name"]
                    value = machine if name == "path" else _PLACES.get(name, "1")
                    place = place.replace("{" + name + "}", value)
            found.append((operation["operationId"], method, place))
    return found


_GLOBAL: Final = {
    "metrics",
    "getOpenApi",
    "healthz",
    "readyz",
    "signOut",
    "exportMasterData",
    "importMasterData",
}
"""What is of the installation as a whole; only unlimited people's calls are about sites there."""


class TestOtherTenants:
    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.CUSTOMER])
    async def test_nothing_of_another_site_comes_back(
        self, marked: httpx.AsyncClient, api: Api, role: Role
    ) -> None:
        del marked
        client = await api.as_role(role, "plant-2")
        for operation, method, place in calls(api, MACHINE):
            if operation in _GLOBAL:
                continue
            answer = await client.request(method, place, json={})
            assert MARK not in answer.text, (operation, answer.text[:300])
            assert answer.status_code < 500, (operation, answer.text)

    async def test_nothing_of_another_site_is_changed(
        self, marked: httpx.AsyncClient, api: Api
    ) -> None:
        del marked
        before = await api.rows("SELECT max(id) FROM audit_log")
        client = await api.as_role(Role.ADMIN, "plant-2")
        for operation, method, place in calls(api, MACHINE):
            if operation not in _GLOBAL and method != "get":
                await client.request(method, place, json={"name": "mine", "reason": "mine"})
        rows = await api.rows(
            "SELECT a.action, a.object_key FROM audit_log a JOIN sites s ON s.id = a.site_id"
            " WHERE a.id > %s AND s.code = %s",
            before[0][0],
            SITE,
        )
        assert rows == []

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.SUPERVISOR])
    async def test_no_machine_of_another_line_comes_back(
        self, marked: httpx.AsyncClient, api: Api, role: Role
    ) -> None:
        await marked.put(f"/v1/sites/{SITE}", json={"name": "Plant", "time_zone": "UTC"})
        await marked.put(f"/v1/machines/{MACHINE}", json={"name": "Saw"})
        client = await api.as_role(role, lines=(f"{SITE}/cutting/line1",))
        for operation, method, place in calls(api, OTHER_LINE):
            if operation in _GLOBAL or "{number}" in place or "SO-acme" in place:
                continue
            answer = await client.request(method, place, json={})
            assert f"Press {MARK}" not in answer.text, (operation, answer.text[:300])
            assert answer.status_code < 500, (operation, answer.text)

    async def test_a_customer_reaches_their_own_and_nothing_else(
        self, marked: httpx.AsyncClient, api: Api
    ) -> None:
        del marked
        client = await api.as_role(Role.CUSTOMER, customer="globex")
        own = {"listOwnOrders", "getOwnOrder", "listOwnShipments"}
        contacts = {"createOwnContact", "changeOwnContact", "removeOwnContact"}
        open_to_all = {
            "getSession", "signOut", "createLiveTicket", "signOutOidc", "listOwnSessions",
            "endOwnSession", "changeOwnPassword", "listSignInMethods", "startOidc", "finishOidc",
            "signIn", "healthz", "readyz", "track", "createTrackingTicket", "createLinkContact",
            "showConfirmation", "confirmContact", "showUnsubscription", "unsubscribeContact",
            "listOwnContacts", "getPush", "subscribePush", "unsubscribePush", "testPush",
            "getTrackingPush", "subscribeTrackingPush", "unsubscribeTrackingPush",
        }  # fmt: skip
        for operation, method, place in calls(api, MACHINE):
            answer = await client.request(method, place, json={})
            assert MARK not in answer.text, (operation, answer.text[:300])
            assert "acme" not in answer.text.replace("SO-acme", ""), (operation, answer.text)
            if operation in own:
                assert answer.status_code == (200 if operation == "listOwnOrders" else 404)
            elif operation in contacts:
                assert answer.status_code == 422, (operation, answer.text)
            elif operation not in open_to_all and answer.status_code != 403:
                # Doors for other keys than ours (a shop's signature) are no doors for a customer.
                assert answer.status_code in (401, 404), (operation, answer.text)


# Sockets ------------------------------------------------------------------------------------------

WHO: Final[dict[str, dict[str, Any]]] = {
    "viewer": {"role": "viewer"},
    "viewer of plant-2": {"role": "viewer", "sites": ["plant-2"]},
    "viewer of line1": {
        "role": "viewer",
        "sites": [SITE],
        "lines": [f"{SITE}/cutting/line1"],
    },
    "gateway": {"role": "gateway"},
    "acme": {"role": "customer"},
    "globex": {"role": "customer"},
    "link": {"kind": "link", "role": None},
}
CHANNELS: Final = {
    f"floor:{SITE}": {"viewer", "viewer of line1"},
    f"machine:{MACHINE}": {"viewer", "viewer of line1"},
    f"machine:{OTHER_LINE}": {"viewer"},
    "order:SO-acme": {"viewer", "viewer of line1"},
    f"plan:{SITE}": {"viewer"},
    "own:SO-acme": {"acme"},
    "own:SO-globex": {"globex"},
    "tracking:guessed": set[str](),
}
"""Who is admitted to which channel."""


class TestChannels:
    def test_every_kind_of_channel_is_in_the_table(self) -> None:
        told = {channel.partition(":")[0] for channel in CHANNELS}
        assert told | {"alarms"} == {kind.value for kind in ChannelKind}

    @pytest.mark.parametrize("who", WHO)
    async def test_who_is_admitted(self, plant: httpx.AsyncClient, api: Api, who: str) -> None:
        del plant
        fields = {"kind": "token", **WHO[who]}
        if who in ("acme", "globex"):
            rows = await api.rows("SELECT id FROM customers WHERE code = %s", who)
            fields["customer_id"] = rows[0][0]
        hub = hub_of(Mock(app=api.app))
        socket = LiveSocket(Mock(), hub, Ticket(**fields))
        admitted = set()
        async with api.context.connection() as connection:
            for channel in CHANNELS:
                kind, _, subject = channel.partition(":")
                with contextlib.suppress(_Refused):
                    await socket._admit(connection, ChannelKind(kind), subject)
                    admitted.add(channel)
        assert admitted == {channel for channel, whose in CHANNELS.items() if who in whose}

    def test_a_floor_tells_of_ones_own_lines_only(self) -> None:
        lines = frozenset({f"{SITE}/cutting/line1"})
        at = Position("e", 3)
        state = b'{"summary":{"machines":2},"plant-1/cutting/line1/m01":{"a":1},"%s":{"b":2}}' % (
            OTHER_LINE.encode()
        )
        assert of_lines("floor:plant-1", Snapshot(at, state), lines) == Snapshot(
            at, b'{"summary":{"machines":2},"plant-1/cutting/line1/m01":{"a":1}}'
        )
        gone = b'{"%s":null}' % OTHER_LINE.encode()
        assert of_lines("floor:plant-1", Deltas(at, [state, gone]), lines) == Deltas(
            at, [b'{"summary":{"machines":2},"plant-1/cutting/line1/m01":{"a":1}}', b"{}"]
        )
        assert of_lines("floor:plant-1", Missing(), lines) == Missing()


class TestPartialLinks:
    async def test_a_link_for_a_line_tells_of_that_line(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        lines = [{"item": "bracket", "quantity": 7}, {"item": "hinge", "quantity": 9}]
        body = {"site": SITE, "number": "SO-2", "customer": "acme", "lines": lines}
        assert (await plant.post("/v1/orders", json=body)).status_code == 201
        made = await plant.post("/v1/orders/SO-2/tracking-links", json={"line": 2})
        assert made.status_code == 201, made.text
        answer = await api.client().get(f"/v1/tracking/{made.json()['token']}")
        view = answer.json()
        assert (view["item"], view["quantity_ordered"]) == ("Hinge B", 9)
        assert "Bracket" not in answer.text
        listed = (await plant.get("/v1/orders/SO-2/tracking-links")).json()["items"]
        assert [(link["line"], link["shipment"]) for link in listed] == [(2, None)]

    async def test_a_link_for_a_shipment_tells_of_that_shipment(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number in (1, 2):
            await api.rows(
                "INSERT INTO shipments (order_id, number, state, device)"
                " SELECT id, %s, 'packed', 'd' FROM orders WHERE number = 'SO-acme'",
                number,
            )
            await api.rows(
                "INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed,"
                " shipped) SELECT o.id, %s, l.id, 3, 3, 0 FROM orders o"
                " JOIN order_lines l ON l.order_id = o.id WHERE o.number = 'SO-acme'",
                number,
            )
        made = await plant.post("/v1/orders/SO-acme/tracking-links", json={"shipment": 2})
        view = (await api.client().get(f"/v1/tracking/{made.json()['token']}")).json()
        assert [each["number"] for each in view["deliveries"]] == [2]

    @pytest.mark.parametrize("part", [{"line": 9}, {"shipment": 1}, {"line": 1, "shipment": 1}])
    async def test_what_the_order_has_not_is_refused(
        self, plant: httpx.AsyncClient, part: dict[str, int]
    ) -> None:
        answer = await plant.post("/v1/orders/SO-acme/tracking-links", json=part)
        assert answer.status_code == 422, answer.text

    async def test_one_link_is_limited_wherever_it_is_asked_from(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        made = await plant.post("/v1/orders/SO-acme/tracking-links")
        for _ in range(120):
            api.context.limits.tracking_link.note(str(made.json()["id"]))
        answer = await api.client().get(f"/v1/tracking/{made.json()['token']}")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0

"""What the simulator asks the installation's API, as an administrator's program on its machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from runtime.secrets import read_secret
from runtime.tokens import issue_token
from simulator import factory, master_data
from simulator.customers import Cancel, Change, OpenOrder
from simulator.factory import Order
from simulator.orders import number_of
from simulator.pace import Pace
from simulator.scenario import Scenario
from simulator.warehouse import ProducedOrder
from simulator.work import Key, Machine, Planned, WorkOrder
from simulator.working_time import Calendar

_LOG = logging.getLogger(__name__)

_OPEN_WORK: Final = ("planned", "running", "paused", "interrupted")
_OPEN_ORDERS: Final = ("released", "in_production")
"""The demo's orders are released as they come in."""

_LIMIT: Final = 10_000
_NEWEST: Final = 200
_PRODUCED: Final = 100
_TIMEOUT_S: Final = 10.0
_TOKEN_DAYS: Final = 1.0
_RENEW_S: Final = 6 * 3_600.0
_DETAIL: Final = 200
_TRY_AGAIN: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
)

Shape = TypeVar("Shape")


class ApiError(Exception):
    """The API is away or refuses; says what was asked and what it said."""


class MachineList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/machines`."""

    items: list[Machine]


class WorkOrderList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/work-orders`."""

    items: list[WorkOrder]


class OrderName(msgspec.Struct, frozen=True):
    """The part of an order that tells whether it is the demo's."""

    external_source: str | None
    external_id: str | None


class OrderList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/orders`."""

    items: list[OrderName]


class OpenOrderList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/orders`."""

    items: list[OpenOrder]


class ProducedList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/orders?state=produced`."""

    items: list[ProducedOrder]


class PublishedPlan(msgspec.Struct, frozen=True):
    """The part of a plan that says which one it is."""

    id: int


class Scope(msgspec.Struct, frozen=True):
    """A planning scope of `GET /v1/planning`."""

    sites: list[str]
    published: PublishedPlan | None


class ScopeList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/planning`."""

    items: list[Scope]


class PlannedOperation(msgspec.Struct, frozen=True):
    """An operation's place of `GET /v1/plans/{id}/operations`."""

    work_order: str
    operation: int
    machine: str
    start: datetime


class PlannedOperationList(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/plans/{id}/operations`."""

    items: list[PlannedOperation]


class StillRunning(msgspec.Struct, frozen=True):
    """An operation that the floor works on although its order was cancelled."""

    work_order: str
    operation: int


class Cancelled(msgspec.Struct, frozen=True):
    """An answer of `POST /v1/orders/{number}/cancel`."""

    still_running: list[StillRunning]


class InstallationAuth(httpx.Auth):
    """Bearer tokens made with the installation's own key, renewed before they expire.

    The key is in its file unless the settings give it.
    """

    def __init__(self, key_file: Path, *, role: str, sites: Sequence[str], key: str = "") -> None:
        self._key = key
        self._key_file = key_file
        self._role = role
        self._sites = tuple(sites)
        self._token = ""
        self._made = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token."""
        if not self._token or time.monotonic() - self._made > _RENEW_S:
            self._token = issue_token(
                self._key or read_secret(self._key_file),
                role=self._role,
                sites=self._sites,
                days=_TOKEN_DAYS,
                subject="simulator",
            )
            self._made = time.monotonic()
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class InstallationApi:
    """The questions. Close it in the end.

    Every question raises ApiError when the API is away or refuses.
    """

    def __init__(self, url: str, auth: httpx.Auth) -> None:
        self._client = httpx.AsyncClient(base_url=url, auth=auth, timeout=_TIMEOUT_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def machines(self, site: str) -> list[Machine]:
        """A site's machines."""
        return (await self._get(MachineList, "/v1/machines", site=site, limit=_LIMIT)).items

    async def open_work(self, site: str) -> list[WorkOrder]:
        """A site's work orders that are not finished."""
        found: list[WorkOrder] = []
        for state in _OPEN_WORK:
            path = "/v1/work-orders"
            found += (
                await self._get(WorkOrderList, path, site=site, state=state, limit=_LIMIT)
            ).items
        return found

    async def published_plans(self) -> dict[str, int]:
        """The id of the plan in force, by site."""
        scopes = await self._get(ScopeList, "/v1/planning")
        return {
            site: scope.published.id
            for scope in scopes.items
            if scope.published is not None
            for site in scope.sites
        }

    async def planned(self, plan: int) -> dict[str, dict[Key, Planned]]:
        """What a plan holds, by site."""
        rows = await self._get(PlannedOperationList, f"/v1/plans/{plan}/operations", limit=_LIMIT)
        found: dict[str, dict[Key, Planned]] = {}
        for row in rows.items:
            start_ms = round(row.start.timestamp() * 1_000)
            site = row.machine.partition("/")[0]
            of_site = found.setdefault(site, {})
            of_site[row.work_order, row.operation] = Planned(row.machine, start_ms)
        return found

    async def calendar(self, site: str) -> Calendar:
        """When a site works."""
        return await self._get(Calendar, f"/v1/sites/{quote(site)}/calendar")

    async def put_calendar(self, site: str, body: Mapping[str, Any]) -> Calendar:
        """Replace a site's calendar."""
        path = f"/v1/sites/{quote(site)}/calendar"
        return _decoded(await self._request("PUT", path, json=body), Calendar)

    async def open_orders(self, scenario: Scenario, sites: Sequence[str]) -> list[OpenOrder]:
        """The scenario's orders at these sites that are not produced yet."""
        found: list[OpenOrder] = []
        for site in sites:
            for state in _OPEN_ORDERS:
                answer = await self._get(
                    OpenOrderList, "/v1/orders", site=site, state=state, limit=_LIMIT
                )
                found += answer.items
        return [
            one
            for one in found
            if one.external_source == factory.SOURCE and number_of(scenario, one.external_id or "")
        ]

    async def newest_order(self, scenario: Scenario) -> int:
        """The highest number of an order of the scenario's; 0 when there is none."""
        orders = await self._get(OrderList, "/v1/orders", search=f"{scenario.name}-", limit=_NEWEST)
        numbers = [
            number_of(scenario, order.external_id)
            for order in orders.items
            if order.external_source == factory.SOURCE and order.external_id is not None
        ]
        return max(numbers, default=0)

    async def produced_orders(self, site: str) -> list[ProducedOrder]:
        """A site's newest produced orders."""
        return (
            await self._get(
                ProducedList, "/v1/orders", site=site, state="produced", limit=_PRODUCED
            )
        ).items

    async def order(self, order: Order, pace: Pace) -> bool:
        """Place an order; whether it was placed. One with this id that is there already stays."""
        body = master_data.order_body(order, pace, datetime.now(UTC))
        response = await self._request("POST", "/v1/orders", json=body)
        return _accepted(response)

    async def change(self, wish: Change) -> bool:
        """Change an order's only line; whether it could be. Somebody else may have been first."""
        line: dict[str, Any] = {"number": 1}
        if wish.quantity is not None:
            line["quantity"] = wish.quantity
        if wish.due_by_ms is not None and wish.order.due is not None:
            due = datetime.fromisoformat(wish.order.due) + timedelta(milliseconds=wish.due_by_ms)
            line["due_at"] = due.isoformat(timespec="milliseconds")
        body = {"version": wish.order.version, "lines": [line], "reason": wish.reason}
        path = f"/v1/orders/{quote(wish.order.number)}"
        return _accepted(await self._request("PATCH", path, json=body))

    async def cancel(self, wish: Cancel) -> list[Key]:
        """Cancel an order, if that can still be; what the floor still works on for it."""
        path = f"/v1/orders/{quote(wish.order.number)}/cancel"
        response = await self._request("POST", path, json={"reason": wish.reason})
        if not _accepted(response):
            return []
        running = _decoded(response, Cancelled).still_running
        return [(one.work_order, one.operation) for one in running]

    async def plan_rework(self, body: Mapping[str, Any]) -> bool:
        """Add a work order; whether it is new."""
        return _accepted(await self._request("POST", "/v1/work-orders", json=body))

    async def _get(self, shape: type[Shape], path: str, **parameters: str | int) -> Shape:
        return _decoded(await self._request("GET", path, params=parameters), shape)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str | int] | None = None,
        json: object = None,
    ) -> httpx.Response:
        try:
            return await self._client.request(method, path, params=params, json=json)
        except (httpx.TransportError, OSError) as error:
            raise ApiError(f"{method} {path}: {type(error).__name__}: {error}") from error


def _accepted(response: httpx.Response) -> bool:
    """Whether it was done. What is refused for its own sake would be so again: it is left."""
    if response.is_client_error and response.status_code not in _TRY_AGAIN:
        request = response.request
        _LOG.info(
            "%s %s: %s %s",
            request.method,
            request.url.path,
            response.status_code,
            response.text[:_DETAIL],
        )
        return False
    _judge(response)
    return True


def _decoded(response: httpx.Response, shape: type[Shape]) -> Shape:
    _judge(response)
    try:
        return msgspec.json.decode(response.content, type=shape)
    except msgspec.DecodeError as error:
        path = response.request.url.path
        raise ApiError(f"{response.request.method} {path}: not as expected: {error}") from error


def _judge(response: httpx.Response) -> None:
    if response.is_error:
        request = response.request
        raise ApiError(
            f"{request.method} {request.url.path}: {response.status_code} {response.text[:_DETAIL]}"
        )

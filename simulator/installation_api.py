"""What the simulator asks the installation's API, as an administrator's program on its machine."""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

import httpx
import msgspec

from runtime.secrets import read_secret
from runtime.tokens import issue_token
from simulator import factory
from simulator.demo import order_body
from simulator.work import Machine, WorkOrder

_OPEN_WORK: Final = ("planned", "running", "paused", "interrupted")
_OPEN_ORDERS: Final = ("received", "under_review", "confirmed", "released", "in_production")
_LIMIT: Final = 10_000
_NEWEST: Final = 200
_TIMEOUT_S: Final = 10.0
_TOKEN_DAYS: Final = 1.0
_RENEW_S: Final = 6 * 3_600.0
_DETAIL: Final = 200

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
    total: int


class InstallationAuth(httpx.Auth):
    """Bearer tokens made with the installation's own key, renewed before they expire."""

    def __init__(self, key_file: Path, *, role: str, site: str) -> None:
        self._key_file = key_file
        self._role = role
        self._site = site
        self._token = ""
        self._made = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token."""
        if not self._token or time.monotonic() - self._made > _RENEW_S:
            self._token = issue_token(
                read_secret(self._key_file),
                role=self._role,
                sites=(self._site,),
                days=_TOKEN_DAYS,
                subject="simulator",
            )
            self._made = time.monotonic()
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class InstallationApi:
    """The questions. Use as an asynchronous context manager.

    Every question raises ApiError when the API is away or refuses.
    """

    def __init__(self, url: str, auth: httpx.Auth, site: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, auth=auth, timeout=_TIMEOUT_S)
        self._site = site

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def machines(self) -> list[Machine]:
        """The site's machines."""
        return (await self._get(MachineList, "/v1/machines")).items

    async def open_work(self) -> list[WorkOrder]:
        """The site's work orders that are not finished."""
        found: list[WorkOrder] = []
        for state in _OPEN_WORK:
            found += (await self._get(WorkOrderList, "/v1/work-orders", state=state)).items
        return found

    async def open_orders(self) -> int:
        """How many orders are not produced yet."""
        totals = [
            (await self._get(OrderList, "/v1/orders", state=state, limit=0)).total
            for state in _OPEN_ORDERS
        ]
        return sum(totals)

    async def newest_demo_order(self) -> int:
        """The highest number of an order of the demo's; 0 when there is none."""
        search = f"{factory.SOURCE}-"
        orders = await self._get(OrderList, "/v1/orders", search=search, limit=_NEWEST)
        numbers = [
            factory.number_of(order.external_id)
            for order in orders.items
            if order.external_source == factory.SOURCE and order.external_id is not None
        ]
        return max(numbers, default=0)

    async def order(self, order: factory.Order) -> bool:
        """Place an order; whether it was placed. One with this id that is there already stays."""
        body = order_body(order, datetime.now(UTC))
        response = await self._request("POST", "/v1/orders", json=body)
        if response.status_code == HTTPStatus.CONFLICT:
            return False
        _judge(response)
        return True

    async def _get(self, shape: type[Shape], path: str, **parameters: str | int) -> Shape:
        query = {"site": self._site, "limit": _LIMIT, **parameters}
        response = await self._request("GET", path, params=query)
        _judge(response)
        try:
            return msgspec.json.decode(response.content, type=shape)
        except msgspec.DecodeError as error:
            raise ApiError(f"GET {path}: not what was expected: {error}") from error

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


def _judge(response: httpx.Response) -> None:
    if response.is_error:
        request = response.request
        raise ApiError(
            f"{request.method} {request.url.path}: {response.status_code} {response.text[:_DETAIL]}"
        )

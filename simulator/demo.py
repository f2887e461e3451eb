"""Loads the demo factory into an installation, over HTTP. Loading it again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from simulator import factory

_TIMEOUT_S: Final = 30.0
_PAGE: Final = 1_000
_DETAIL: Final = 300


class DemoError(Exception):
    """The API refused a part of the demo factory; says which part and why."""


@dataclass(frozen=True, kw_only=True)
class DemoInfo:
    """What was loaded.

    Attributes:
        orders: numbers of the demo's orders.
        created: how many of them are new.
        tracked_order: the order that the tracking link shows.
        tracking_url: the customer's link.
    """

    site: str
    machines: int
    orders: list[str]
    created: int
    tracked_order: str
    tracking_url: str

    @property
    def lines(self) -> list[str]:
        """What to show to whoever started the demo."""
        return [
            f"Customer's page of order {self.tracked_order}: {self.tracking_url}",
        ]


def load(api_url: str, token: str) -> DemoInfo:
    """Load the demo factory, and make a new tracking link for the order that is soon done.

    Args:
        api_url: the installation's HTTP address.
        token: a bearer token that may configure and order (`admin`, `planner`).

    Raises:
        DemoError: the API refused something, or cannot be reached.
    """
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api_url, headers=headers, timeout=_TIMEOUT_S) as client:
        _configure(client)
        known = known_orders(client)
        now = datetime.now(UTC)
        created = 0
        for order in factory.ORDERS:
            if order.external_id not in known:
                known[order.external_id] = place(client, order, now)
                created += 1
        tracked = known[factory.TRACKED]
        link = _send(client, "POST", f"/v1/orders/{quote(tracked)}/tracking-links", {})
    return DemoInfo(
        site=factory.SITE,
        machines=len(factory.MACHINES),
        orders=[known[order.external_id] for order in factory.ORDERS],
        created=created,
        tracked_order=tracked,
        tracking_url=str(link["url"]),
    )


def order_body(order: factory.Order, now: datetime) -> dict[str, Any]:
    """An order as the API takes it, released at once."""
    due = now + timedelta(minutes=order.due_minutes)
    return {
        "site": factory.SITE,
        "customer": order.customer,
        "customer_reference": order.customer_reference,
        "external_source": factory.SOURCE,
        "external_id": order.external_id,
        "priority": order.priority,
        "release": True,
        "lines": [
            {
                "item": order.item,
                "quantity": order.quantity,
                "unit": factory.UNIT,
                "due_at": due.isoformat(timespec="seconds"),
            }
        ],
    }


def place(client: httpx.Client, order: factory.Order, now: datetime) -> str:
    """Place an order; its number. One that somebody placed meanwhile is found again."""
    response = _request(client, "POST", "/v1/orders", order_body(order, now))
    if response.status_code == HTTPStatus.CONFLICT:
        number = known_orders(client).get(order.external_id)
        if number is not None:
            return number
    return str(_answer(response)["number"])


def known_orders(client: httpx.Client) -> dict[str, str]:
    """Numbers of the demo's orders that are there already, by external id."""
    known: dict[str, str] = {}
    offset = 0
    while True:
        path = f"/v1/orders?site={factory.SITE}&limit={_PAGE}&offset={offset}"
        answer = _send(client, "GET", path)
        items = answer["items"]
        for item in items:
            if item["external_source"] == factory.SOURCE:
                known[str(item["external_id"])] = str(item["number"])
        offset += len(items)
        if not items or offset >= int(answer["total"]):
            return known


def _configure(client: httpx.Client) -> None:
    site = {"name": factory.SITE_NAME, "time_zone": factory.TIME_ZONE}
    _send(client, "PUT", f"/v1/sites/{factory.SITE}", site)
    for machine in factory.MACHINES:
        body = {"name": machine.name, "position": machine.position}
        _send(client, "PUT", f"/v1/machines/{machine.path}", body)
    for customer in factory.CUSTOMERS:
        _send(client, "PUT", f"/v1/customers/{customer.code}", {"name": customer.name})
    for item in factory.ITEMS:
        steps = [step._asdict() for step in item.steps]
        routings = [{"site": factory.SITE, "steps": steps}]
        body = {"name": item.name, "unit": factory.UNIT, "routings": routings}
        _send(client, "PUT", f"/v1/items/{item.code}", body)


def _send(
    client: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return _answer(_request(client, method, path, body))


def _request(
    client: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None
) -> httpx.Response:
    try:
        return client.request(method, path, json=body)
    except httpx.TransportError as error:
        raise DemoError(f"{method} {path}: {type(error).__name__}: {error}") from error


def _answer(response: httpx.Response) -> dict[str, Any]:
    request = response.request
    where = f"{request.method} {request.url.path}"
    if response.is_error:
        raise DemoError(f"{where}: {response.status_code} {response.text[:_DETAIL]}")
    answer = response.json() if response.content else {}
    if not isinstance(answer, dict):
        raise DemoError(f"{where}: no JSON object: {response.text[:_DETAIL]}")
    return answer

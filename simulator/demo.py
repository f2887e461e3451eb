"""Loads the demo factory into an installation, over HTTP. Loading it again changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from simulator import factory, master_data, orders
from simulator.calendars import calendar_body, up_to_date
from simulator.factory import Order
from simulator.pace import Pace
from simulator.scenario import Scenario, ScenarioError, find_scenario
from simulator.working_time import Calendar

DEFAULT_SCENARIO: Final = "calm"
_TIMEOUT_S: Final = 30.0
_PAGE: Final = 1_000
_DETAIL: Final = 300
_OVER: Final = frozenset(("produced", "cancelled"))


class DemoError(Exception):
    """The API refused a part of the demo factory; says which part and why."""


@dataclass(frozen=True, kw_only=True)
class DemoInfo:
    """What was loaded.

    Attributes:
        site: the site to look at first.
        machines: how many there are, at all sites.
        orders: numbers of the scenario's first orders.
        created: how many of them are new.
        tracked_order: the order that the tracking link shows.
        also: another order and its link, where the scenario has one.
        tracking_url: the customer's link.
        scenario: its name.
        speed: how much faster than life the factory was loaded.
    """

    site: str
    machines: int
    orders: list[str]
    created: int
    tracked_order: str
    also: tuple[str, str] | None
    tracking_url: str
    scenario: str
    speed: float

    @property
    def lines(self) -> list[str]:
        """What to show to whoever started the demo."""
        return [
            f"Customer's page of order {self.tracked_order}: {self.tracking_url}",
        ]


class Known(msgspec.Struct, frozen=True):
    """An order of the demo's that is there."""

    number: str
    state: str


def load(
    api_url: str,
    token: str,
    *,
    scenario: str = DEFAULT_SCENARIO,
    speed: float | None = None,
    seed: int | None = None,
) -> DemoInfo:
    """Load the demo factory and a scenario's first orders, and make a new tracking link.

    Args:
        api_url: the installation's HTTP address.
        token: a bearer token that may configure, plan and order (`admin`, `planner`).
        scenario: its name, or the path of its file.
        speed: how much faster than life; the scenario's own when None. All standard times, breaks,
            due dates and the planner's thresholds are divided by it.
        seed: of what is drawn; the scenario's own when None.

    Raises:
        DemoError: the API refused something or cannot be reached, or there is no such scenario.
    """
    try:
        story = find_scenario(scenario)
    except ScenarioError as error:
        raise DemoError(str(error)) from error
    pace = Pace(story.speed if speed is None else speed)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api_url, headers=headers, timeout=_TIMEOUT_S) as client:
        _configure(client, story, pace)
        known = known_orders(client)
        first = orders.first_orders(story, story.seed if seed is None else seed)
        now = datetime.now(UTC)
        created = 0
        for order in first:
            if order.external_id not in known:
                known[order.external_id] = place(client, order, pace, now)
                created += 1
        tracked = _tracked(story, story.tracked, first, known)
        link = _link(client, tracked)
        also = _tracked(story, story.also_tracked, first, known) if story.also_tracked else None
        also_link = _link(client, also) if also is not None else ""
    return DemoInfo(
        site=factory.SITES[0].code,
        machines=len(factory.MACHINES),
        orders=[known[order.external_id].number for order in first],
        created=created,
        tracked_order=tracked,
        also=(also, also_link) if also is not None and also != tracked else None,
        tracking_url=link,
        scenario=story.name,
        speed=pace.speed,
    )


def place(client: httpx.Client, order: Order, pace: Pace, now: datetime) -> Known:
    """Place an order. One that somebody placed meanwhile is found again."""
    body = master_data.order_body(order, pace, now)
    response = _request(client, "POST", "/v1/orders", body)
    if response.status_code == HTTPStatus.CONFLICT:
        found = known_orders(client).get(order.external_id)
        if found is not None:
            return found
    answer = _answer(response)
    return Known(str(answer["number"]), str(answer["state"]))


def known_orders(client: httpx.Client) -> dict[str, Known]:
    """The demo's orders that are there already, by external id; newest first."""
    known: dict[str, Known] = {}
    for site in factory.SITES:
        offset = 0
        while True:
            path = f"/v1/orders?site={site.code}&limit={_PAGE}&offset={offset}"
            answer = _send(client, "GET", path)
            items = answer["items"]
            for item in items:
                if item["external_source"] == factory.SOURCE:
                    known[str(item["external_id"])] = Known(str(item["number"]), str(item["state"]))
            offset += len(items)
            if not items or offset >= int(answer["total"]):
                break
    return known


def _link(client: httpx.Client, number: str) -> str:
    """A new link to an order's page."""
    link = _send(client, "POST", f"/v1/orders/{quote(number)}/tracking-links", {})
    return str(link["url"])


def _tracked(story: Scenario, place: int, first: list[Order], known: Mapping[str, Known]) -> str:
    """The number of the order to track; when it is over, of the newest that is not."""
    meant = known[first[place - 1].external_id]
    if meant.state not in _OVER:
        return meant.number
    still = [one for name, one in known.items() if orders.number_of(story, name)]
    return next((one.number for one in still if one.state not in _OVER), meant.number)


def _configure(client: httpx.Client, story: Scenario, pace: Pace) -> None:
    for site in factory.SITES:
        body = {"name": site.name, "time_zone": site.time_zone}
        _send(client, "PUT", f"/v1/sites/{site.code}", body)
    for machine in factory.MACHINES:
        place_of = {"name": machine.name, "position": machine.position}
        _send(client, "PUT", f"/v1/machines/{machine.path}", place_of)
        path = f"/v1/machines/{machine.path}/setups"
        _settle(client, path, path, master_data.setups_body(machine, pace), within=None)
    for customer in factory.CUSTOMERS:
        _send(client, "PUT", f"/v1/customers/{customer.code}", {"name": customer.name})
    for item in factory.ITEMS:
        _send(client, "PUT", f"/v1/items/{item.code}", master_data.item_body(item, pace))
    for site in factory.SITES:
        _put_calendar(client, site, pace)
        scope = f"/v1/planning/{site.code}"
        body = master_data.policy_body(story, pace)
        _settle(client, scope, f"{scope}/policy", body, within="policy")


def _put_calendar(client: httpx.Client, site: factory.Site, pace: Pace) -> None:
    path = f"/v1/sites/{site.code}/calendar"
    known = msgspec.convert(_send(client, "GET", path), Calendar)
    now_ms = time.time_ns() // 1_000_000
    if not up_to_date(site, pace, now_ms, known):
        _send(client, "PUT", path, calendar_body(site, pace, now_ms, known))


def _settle(
    client: httpx.Client, get: str, put: str, wanted: dict[str, Any], *, within: str | None
) -> None:
    """Put what is wanted unless it is there: every change of these asks for a new plan."""
    answer = _send(client, "GET", get)
    has = answer if within is None else answer[within]
    if any(has.get(name) != value for name, value in wanted.items()):
        _send(client, "PUT", put, wanted)


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

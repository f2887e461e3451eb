"""Programs of every role who ask the API about master data, and the small plant they start from."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from fastapi import FastAPI

from api.context import Context
from domain.access import Role
from runtime.tokens import issue_token

YAML: Final = {"Content-Type": "application/yaml"}
CSV: Final = {"Content-Type": "text/csv"}
ZIP: Final = {"Content-Type": "application/zip"}

PLANT: Final = """\
sites:
- code: plant-1
  name: Plant 1
  time_zone: Asia/Shanghai
- code: plant-2
  name: Plant 2
areas:
- site: plant-1
  code: cutting
  name: Cutting shop
  position: 1
lines:
- site: plant-1
  area: cutting
  code: line1
  name: Saws
machines:
- path: plant-1/cutting/line1/m01
  name: Saw 1
  position: 1
  capabilities: [saw]
- path: plant-1/cutting/line1/m02
  name: Saw 2
  position: 2
  capabilities: [saw, deburr]
- path: plant-1/cutting/line1/m03
  name: Press
  position: 3
  needs: [press licence]
- path: plant-1/cutting/line1/m04
  name: Oven
  position: 4
  batch_capacity: 12.5
setups:
- machine: plant-1/cutting/line1/m03
  from_family: large
  to_family: small
  setup_ms: 60000
calendars:
- site: plant-1
  shifts:
  - shift: early
    weekdays: [mon, tue, wed, thu, fri]
    start: 06:00
    end: 14:00
  - shift: night
    weekdays: [mon, tue]
    start: 22:00
    end: 06:00
- site: plant-1
  machine: plant-1/cutting/line1/m03
  shifts:
  - shift: all
    weekdays: [sat]
    start: 00:00
    end: 24:00
calendar_exceptions:
- site: plant-1
  starts_at: 2026-12-24T00:00:00+08:00
  ends_at: 2026-12-26T00:00:00+08:00
  reason: Holidays
shift_patterns:
- code: two-shift
  name: Two shifts
  rotation_weeks: 2
  first_day: 2026-01-05
  valid_to: 2029-12-31
  shifts:
  - shift: early
    weekdays: [mon, tue, wed, thu, fri]
    weeks: [1]
    start: 06:00
    end: 14:00
    breaks: [09:00-09:15, 12:00-12:30]
  - shift: late
    weekdays: [mon, tue, wed, thu, fri]
    weeks: [2]
    start: 14:00
    end: 22:00
- code: nights
  name: Nights
  shifts:
  - shift: night
    weekdays: [sat, sun]
    start: 22:00
    end: 06:00
    breaks: [02:00-02:30]
shift_plans:
- at: plant-1/cutting
  pattern: two-shift
  valid_from: 2027-01-01
  valid_to: 2027-06-30
- at: plant-1/cutting
  pattern: nights
  valid_from: 2027-07-01
special_days:
- at: plant-1
  day: 2027-05-01
  last_day: 2027-05-03
  reason: Labour Day
- at: plant-1/cutting/line1/m01
  day: 2027-06-05
  start: 08:00
  end: 12:00
  working: true
  reason: Overtime
resources:
- site: plant-1
  code: li
  name: Li Na
  kind: operator
  skills: [press licence, setter]
  place: plant-1/cutting
- site: plant-1
  code: nights
  name: Night crew
  kind: operator
  quantity: 3
  skills: [press licence]
  pattern: nights
- site: plant-1
  code: die-7
  name: Die 7
  kind: tool
  quantity: 2
transport_times:
- from_site: plant-1
  to_site: plant-2
  hours: 12.5
shipping_zones:
- site: plant-1
  country: CN
  zone: domestic
  days: 2
customers:
- code: acme
  name: Acme Ltd
  city: Springfield
  country: US
  default_site: plant-1
  over_percent: 2.5
suppliers:
- code: steel
  name: Steel & Co
  lead_days: 10
items:
- code: bracket
  name: Bracket A
  kind: made
  family: brackets
  setup_family: small
  gtin: 4006381333931
  batch_max: 500
- code: tube
  name: Tube 20 mm
  unit: m
  kind: bought
- code: screw
  name: Screw
  kind: bought
item_sites:
- item: tube
  site: plant-1
  source: buy
  min_stock: 100
  max_stock: 1000
  supplier: steel
bills:
- item: bracket
  version: A
  lines:
  - component: screw
    quantity: 4
  - component: tube
    quantity: 0.35
    scrap_factor: 0.02
routings:
- item: bracket
  site: plant-1
  version: A
  steps:
  - number: 10
    name: Saw
    capability: saw
    cycle_ms: 1000
    setup_ms: 5000
  - number: 20
    name: Press
    machine: plant-1/cutting/line1/m03
    cycle_ms: 2000
    interruptible: false
    transfer_batch: 25
    wait_ms: 600000
    needs: [die-7=2, setter@setup]
  - number: 30
    name: Heat
    machine: plant-1/cutting/line1/m04
    cycle_ms: 3600000
    batch_family: 200 C
    batch_room: 0.05
price_rules:
- item: bracket
  currency: EUR
  price: 12
- item: bracket
  currency: EUR
  from_quantity: 100
  price: 11.5
- family: brackets
  customer: acme
  currency: EUR
  price: 10
  tolerance_percent: 5
lead_time_rules:
- days: 20
- family: brackets
  site: plant-1
  days: 3
  units_per_day: 200
item_names:
- item: bracket
  customer: acme
  scheme: buyer
  value: X-100
customer_names:
- customer: acme
  scheme: gln
  value: '4012345000009'
"""


@dataclass
class Api:
    """A running app and its clients."""

    app: FastAPI
    context: Context
    stack: AsyncExitStack
    clients: dict[Any, httpx.AsyncClient] = field(default_factory=dict)

    async def as_role(self, role: Role = Role.ADMIN, *sites: str) -> httpx.AsyncClient:
        """A program with a token of that role, limited to those sites."""
        key = (role, sites)
        if key not in self.clients:
            token = issue_token(
                self.context.signing_key, role=role, sites=sites, subject=f"a-{role}"
            )
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://gemba.test",
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
            self.clients[key] = await self.stack.enter_async_context(client)
        return self.clients[key]

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the test's own says."""
        async with self.context.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []


async def take(
    client: httpx.AsyncClient, text: str | bytes, query: str = "", **headers: str
) -> httpx.Response:
    """Import a document."""
    return await client.post(f"/v1/master-data{query}", content=text, headers={**YAML, **headers})


async def taken(client: httpx.AsyncClient, text: str | bytes, query: str = "") -> dict[str, Any]:
    """Import a document that is right; what was done."""
    answer = await take(client, text, query)
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    return outcome


def counts(outcome: dict[str, Any]) -> dict[str, tuple[int, int, int, int]]:
    """Added, changed, unchanged and retired records by kind."""
    return {
        one["kind"]: (one["added"], one["changed"], one["unchanged"], one["retired"])
        for one in outcome["kinds"]
    }

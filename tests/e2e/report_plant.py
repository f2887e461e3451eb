"""A plant's last week for the screens of reports: orders, late and in time, and a machine's day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from installation import Installation, eventually
from psycopg.types.json import Jsonb

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

SITE = "reps"
LINE = f"{SITE}/press/line-1"
MACHINE = f"{LINE}/press-1"
ZONE = ZoneInfo("Asia/Shanghai")
PASSWORD = "a long enough password"
HOUR_MS = 3_600_000

PEOPLE = (("rena", "planner"), ("olaf", "operator"), ("vito", "viewer"))
REASONS = (
    ("jammed", "Material jam", "卡料", "delay"),
    ("tooling", "Tool change", "换刀", "setup"),
    ("no_hands", "Nobody there", "缺少操作工", "delay"),
)


@dataclass(frozen=True)
class Sold:
    """An order of 100 pieces: due on a weekday at 18:00, made and left so many hours after that."""

    number: str
    customer: str
    item: str
    weekday: int
    made_h: float
    left_h: float | None


SOLD = (
    Sold("RS-1", "rep-acme", "rep-gear", 1, made_h=-8, left_h=-4),
    Sold("RS-2", "rep-acme", "rep-gear", 1, made_h=6, left_h=20),
    Sold("RS-3", "rep-suzhou", "rep-axle", 2, made_h=-9, left_h=30),
    Sold("RS-4", "rep-suzhou", "rep-axle", 3, made_h=-2, left_h=-1),
    Sold("RS-5", "rep-suzhou", "rep-gear", 4, made_h=-5, left_h=None),
)
"""RS-2 and RS-3 are late, RS-5 has not left."""


def last_week() -> tuple[date, date]:
    """Monday and Sunday of the week before this one, on the plant's clock."""
    today = datetime.now(ZONE).date()
    monday = today - timedelta(days=today.weekday() + 7)
    return monday, monday + timedelta(days=6)


def moment(weekday: int, hour: float) -> datetime:
    """An hour of a day of that week."""
    monday, _ = last_week()
    midnight = datetime.combine(monday + timedelta(days=weekday), time(), ZONE)
    return (midnight + timedelta(hours=hour)).astimezone(UTC)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


async def build(installation: Installation) -> None:
    """People, orders and the machine's Wednesday; waits until reports know."""
    for name, role in PEOPLE:
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, "--site", SITE, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Report works", "time_zone": ZONE.key}),
            (f"machines/{MACHINE}", {"name": "Press 1", "position": 1}),
            ("customers/rep-acme", {"name": "Report Acme"}),
            ("customers/rep-suzhou", {"name": "苏州精工电器有限公司"}),
            ("items/rep-gear", {"name": "Report gear", "unit": "pcs"}),
            ("items/rep-axle", {"name": "Report axle", "unit": "pcs"}),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        for reason, english, chinese, counts_as in REASONS:
            answer = await api.put(
                f"/v1/reports/stop-reasons/{reason}",
                json={
                    "site": SITE,
                    "name_en": english,
                    "name_zh": chinese,
                    "counts_as": counts_as,
                },
            )
            assert answer.is_success, answer.text
    await _sell(installation)
    await _work(installation)
    await _until_known(installation)


async def _sell(installation: Installation) -> None:
    """Orders as they came, with the entries of the audit log that reports go by."""
    async with await psycopg.AsyncConnection.connect(
        installation.addresses.database_url, autocommit=True
    ) as connection:
        for sold in SOLD:
            async with connection.transaction():
                await _order(connection, sold)


async def _order(connection: psycopg.AsyncConnection, sold: Sold) -> None:
    received = moment(0, -40)
    due = moment(sold.weekday, 18)
    made = due + timedelta(hours=sold.made_h)
    order = await _one(
        connection,
        """
        INSERT INTO orders (site_id, customer_id, number, received_at, confirmed_at)
        SELECT s.id, c.id, %s, %s, %s FROM sites s, customers c WHERE s.code = %s AND c.code = %s
        RETURNING id
        """,
        (sold.number, received, received + timedelta(hours=5), SITE, sold.customer),
    )
    line = await _one(
        connection,
        """
        INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state,
                                 started_at, produced_at)
        SELECT %s, 10, id, 100, 'pcs', %s, 'released', %s, %s FROM items WHERE code = %s
        RETURNING id
        """,
        (order, due, made - timedelta(hours=6), made, sold.item),
    )
    work = await _one(
        connection,
        """
        INSERT INTO work_orders (site_id, number, planned, created_at)
        SELECT site_id, %s, true, %s FROM machines WHERE path = %s RETURNING id
        """,
        (f"W{sold.number}", received, MACHINE),
    )
    await connection.execute(
        "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, 100)",
        (line, work),
    )
    await connection.execute(
        """
        INSERT INTO operations (work_order_id, number, planned, machine_id, cycle_ms, started_ms,
                                ended_ms)
        SELECT %s, 10, true, id, 60000, %s, %s FROM machines WHERE path = %s
        """,
        (work, ms(made - timedelta(hours=6)), ms(made), MACHINE),
    )
    if sold.left_h is not None:
        left = ms(due + timedelta(hours=sold.left_h))
        await connection.execute(
            "INSERT INTO shipments (order_id, number, state, packed_ms, shipped_ms, device)"
            " VALUES (%s, 1, 'shipped', %s, %s, 'dock')",
            (order, left - HOUR_MS // 2, left),
        )
        await connection.execute(
            "INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed, shipped)"
            " VALUES (%s, 1, %s, 100, 100, 100)",
            (order, line),
        )
    await connection.execute(
        """
        INSERT INTO audit_log (at, actor, origin, order_id, action, before, after)
        VALUES (%s, 'rena', 'test', %s, 'OrderReceived', %s, %s)
        """,
        (received, order, Jsonb(None), Jsonb(None)),
    )


async def _one(
    connection: psycopg.AsyncConnection, query: str, parameters: tuple[object, ...]
) -> int:
    row = await (await connection.execute(query.encode(), parameters)).fetchone()
    assert row is not None
    found: int = row[0]
    return found


async def _work(installation: Installation) -> None:
    """Wednesday of the machine, told over MQTT a week late: it stands twice, once for a reason."""
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    day: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (6, "state", {"state": "running"}),
        (8, "count", {"good": 90, "scrap": 10}),
        (10, "state", {"state": "down"}),
        (11, "state", {"state": "running"}),
        (13, "state", {"state": "down", "reason": "tooling"}),
        (13.5, "state", {"state": "running"}),
        (17, "count", {"good": 95, "scrap": 5}),
        (18, "state", {"state": "idle"}),
        (30, "state", {"state": "running"}),
    )
    async with MqttClient(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="report-machines",
    ) as machines:
        for seq, (hour, kind, fields) in enumerate(day):
            body = {"t": ms(moment(2, hour)), "boot": "reports", "seq": seq, **fields}
            await machines.publish(f"gemba/v1/{MACHINE}/{kind}", json.dumps(body), qos=1)


async def _until_known(installation: Installation) -> None:
    """Reports follow what happens within seconds; a machine's shifts after the last full hour."""
    monday, sunday = last_week()
    period = {"site": SITE, "from": monday.isoformat(), "to": sunday.isoformat()}

    async def known() -> tuple[float | None, float | None]:
        async with installation.api() as api:
            delivery = (await api.get("/v1/reports/delivery", params=period)).json()
            oee = (await api.get("/v1/reports/oee", params=period)).json()
        return (
            delivery["totals"]["due_lines"]["value"],
            oee["totals"]["scrap"]["value"],
        )

    await eventually(known, lambda seen: seen == (len(SOLD), 15), seconds=180)

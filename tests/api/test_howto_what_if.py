"""docs/howto/what-if.md: every call that it shows is answered, in the order that it shows them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from planned import store_plan
from what_if_planner import thinking

HOWTO: Final = Path(__file__).resolve().parents[2] / "docs" / "howto"
TEXTS: Final = [HOWTO / "what-if.md", HOWTO / "what-if.zh-CN.md"]
SHOWN: Final = re.compile(r"^```http\n(\w+) (\S+)\n(?:\n(.*?))?```", re.MULTILINE | re.DOTALL)
FIRST_DAY: Final = date(2026, 12, 1)
"""The texts' tomorrow."""
CREATED: Final = ("/drafts", "/drags", "/rebase")


def shown(text: Path) -> list[tuple[str, str, str]]:
    """What the text shows: method, path, and body."""
    return SHOWN.findall(text.read_text(encoding="utf-8"))


def nameless(body: str) -> Any:
    """A body without what it is called."""
    told = json.loads(body) if body else None
    return {name: value for name, value in told.items() if name != "name"} if told else None


def test_both_texts_show_the_same_calls() -> None:
    english, chinese = (
        [(method, path, nameless(body)) for method, path, body in shown(text)] for text in TEXTS
    )
    assert english == chinese
    assert len(english) == 14


@pytest.fixture
async def planner(plant: httpx.AsyncClient, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    answer = await plant.put(f"/v1/planning/{SITE}/policy", json={"frozen_ms": 0})
    assert answer.status_code == 200, answer.text
    async with thinking(api):
        yield plant


async def released(client: httpx.AsyncClient, number: str, minutes: int) -> None:
    due = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    line = {"item": "bracket", "quantity": 600, "due_at": due}
    order = {"site": SITE, "number": number, "customer": "acme", "release": True, "lines": [line]}
    answer = await client.post("/v1/orders", json=order)
    assert answer.status_code == 201, answer.text


def dated(text: str) -> str:
    """With the days from tomorrow on in place of the text's."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)

    def day(match: re.Match[str]) -> str:
        return (tomorrow + (date.fromisoformat(match[0]) - FIRST_DAY)).isoformat()

    return re.sub(r"2026-12-\d\d", day, text)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
async def test_every_call_is_answered(planner: httpx.AsyncClient, api: Api, text: Path) -> None:
    await released(planner, "SO-000012", 5)
    await released(planner, "SO-000017", 6)
    base = await store_plan(api)
    ((operation,),) = await api.rows(
        "INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)"
        " SELECT o.id, m.id, 1000, 0 FROM operations o JOIN pegs p"
        " ON p.work_order_id = o.work_order_id JOIN order_lines l ON l.id = p.order_line_id"
        " JOIN orders r ON r.id = l.order_id CROSS JOIN machines m"
        " WHERE o.number = 10 AND r.number = 'SO-000017' AND m.path = %s RETURNING operation_id",
        OTHER_MACHINE,
    )
    other = {"name": "other", "improve_ms": 0,
             "changes": [{"kind": "priority", "order": "SO-000012", "priority": 3}]}  # fmt: skip
    second = await planner.post(f"/v1/planning/{SITE}/drafts", json=other)
    assert second.status_code == 201, second.text
    ids = {"41": str(base.id), "57": str(second.json()["id"])}
    for method, path, body in shown(text):
        named = re.sub(r"(?<=[/=,])\d\d(?=[/,]|$)", lambda match: ids.get(match[0], match[0]), path)
        told = json.loads(dated(body).replace("4711", str(operation))) if body else None
        if told is not None and "plan_number" in told:
            scope = (await planner.get(f"/v1/planning/{SITE}")).json()
            told["plan_number"] = scope["published"]["number"]
        answer = await planner.request(method, named, json=told)
        expected = 201 if path.endswith(CREATED) and method == "POST" else 200
        assert answer.status_code == expected, (method, named, answer.text)
        if path.endswith("/drafts") and method == "POST":
            ids["56"] = str(answer.json()["id"])
        if "/why/" in path:
            assert answer.json()["delay_minutes"] > 0
            helps = answer.json()["helps"]
            assert helps
            assert all(help_["change"] or help_["kind"] == "close_up" for help_ in helps)
        if path.endswith("/entries"):
            state = "to_enter" if method == "GET" else "taken_back"
            assert [
                (one["kind"], one["state"], one["machine"]) for one in answer.json()["items"]
            ] == [("maintenance", state, MACHINE)]
    assert (await planner.get("/v1/orders/SO-000017")).json()["priority"] == 9

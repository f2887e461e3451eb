"""docs/howto/review-orders.md: every call it shows is answered as it says, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from api_client import SITE, Api

from domain.access import Role

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
TEXTS = [HOWTO / "review-orders.md", HOWTO / "review-orders.zh-CN.md"]
SHOWN = re.compile(r"^<!-- (.*?) -->\n(?:```json\n(.*?)```)?", re.MULTILINE | re.DOTALL)


def shown(text: Path) -> list[tuple[str, Any]]:
    """What the text shows: the line of the call and its body."""
    return [
        (call, json.loads(body) if body else None) for call, body in SHOWN.findall(text.read_text())
    ]


def test_both_texts_show_the_same_calls() -> None:
    english, chinese = (shown(text) for text in TEXTS)
    assert english == chinese
    assert len(english) == 7


async def test_every_call_is_answered_as_it_says(plant: httpx.AsyncClient, api: Api) -> None:
    line = {"item": "bracket", "quantity": 5, "due_at": "2020-01-01T00:00:00Z"}
    order = {"number": "SO-1", "site": SITE, "customer": "acme", "lines": [line]}
    entered = await plant.post("/v1/orders", json=order)
    assert entered.json()["state"] == "under_review"
    for call, body in shown(TEXTS[0]):
        method, path, role, status = call.split()
        client = await api.as_role(Role(role))
        answer = await client.request(method, path, json=body)
        assert answer.status_code == int(status), (call, answer.text)
        if path == "/v1/review":
            (finding,) = answer.json()["items"][0]["findings"]
            assert finding["code"] == "due_in_past"
        if path == "/v1/orders/confirm":
            assert answer.json()["done"] == 1
    assert (await plant.get("/v1/orders/SO-1")).json()["priority"] == 8

"""docs/howto/ship-orders.md and receive-webhooks.md: every call they show does what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import Api

from domain.access import Role

_HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
_SHOWN = re.compile(r"^<!-- (.*?) -->\n(?:```json\n(.*?)```)?", re.MULTILINE | re.DOTALL)
_TOPICS = {"ship-orders": 7, "receive-webhooks": 5}


def _shown(name: str) -> list[tuple[str, Any]]:
    text = (_HOWTO / f"{name}.md").read_text(encoding="utf-8")
    return [(call, json.loads(body) if body else None) for call, body in _SHOWN.findall(text)]


@pytest.mark.parametrize(("topic", "calls"), _TOPICS.items())
def test_both_texts_show_the_same_calls(topic: str, calls: int) -> None:
    assert _shown(topic) == _shown(f"{topic}.zh-CN")
    assert len(_shown(topic)) == calls


async def _called(api: Api, topic: str) -> list[Any]:
    answers = []
    for call, body in _shown(topic):
        method, path, role, status = call.split()
        client = await api.as_role(Role(role))
        answer = await client.request(method, path, json=body)
        assert answer.status_code == int(status), (call, answer.text)
        answers.append(answer.json())
    return answers


async def test_shipping_goes_as_the_text_says(api: Api, desk: httpx.AsyncClient) -> None:
    order = (await desk.get("/v1/orders/SO-1")).json()
    if order["state"] in ("received", "under_review"):
        confirmed = await desk.post("/v1/orders/SO-1/confirm", json={"version": order["version"]})
        assert confirmed.status_code == 200, confirmed.text
    answers = await _called(api, "ship-orders")
    assert answers[4]["state"] == "delivered"
    assert answers[5]["lines"][0]["returned"] == 5
    assert answers[6]["items"] == [
        {"line": 1, "delivery": "partly_delivered"},
        {"line": 2, "delivery": "open"},
    ]


async def test_webhooks_go_as_the_text_says(api: Api, desk: httpx.AsyncClient) -> None:
    del desk
    answers = await _called(api, "receive-webhooks")
    assert answers[0]["secret"].startswith("whsec_")
    assert [one["event_type"] for one in answers[2]["items"]] == ["webhook.test"]
    assert answers[3]["disabled_reason"] == "by hand"

"""docs/howto/send-documents.md: every call does what the text says, and so does its 855."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import Api
from outbound_floor import told

from domain.access import Role

_HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
_SHOWN = re.compile(r"^<!-- (.*?) -->\n(?:```(?:json|text)\n(.*?)```)?", re.MULTILINE | re.DOTALL)
_CALLS = 14


def _shown(name: str) -> list[tuple[list[str], str]]:
    text = (_HOWTO / name).read_text(encoding="utf-8")
    return [(call.split(), body) for call, body in _SHOWN.findall(text)]


def _of_the_day(content: str) -> str:
    """A document written on 2026-11-22 at 09:30, whenever it was; its number is 1."""
    header = content[:105]
    day, minute, control = header[70:76], header[77:81], header[90:99]
    for old, new in (
        (f"{day}*{minute}", "261122*0930"),
        (f"20{day}*{minute}", "20261122*0930"),
        (f"*20{day}~", "*20261122~"),
        (control, "000000001"),
        (f"*0930*{int(control)}*", "*0930*1*"),
        (f"GE*1*{int(control)}~", "GE*1*1~"),
    ):
        content = content.replace(old, new)
    return content


def test_both_texts_show_the_same() -> None:
    assert _shown("send-documents.md") == _shown("send-documents.zh-CN.md")
    assert len(_shown("send-documents.md")) == _CALLS


@pytest.fixture
async def answers(api: Api, desk: httpx.AsyncClient) -> dict[str, Any]:
    """What every call was answered, in their order, by method and path; the last one counts."""
    del desk
    found: dict[str, Any] = {}
    for (method, path, role, status, *samples), body in _shown("send-documents.md"):
        client = await api.as_role(Role(role))
        sent: dict[str, Any] = {"json": json.loads(body)} if body and not samples else {}
        if samples and method == "POST":
            sent = {"content": (_HOWTO / samples[0]).read_bytes()}
        answer = await client.request(method, path, **sent)
        assert answer.status_code == int(status), (path, answer.text)
        if samples and method == "GET":
            shown = (_HOWTO / samples[0]).read_text(encoding="utf-8")
            assert body == shown
            assert _of_the_day(answer.text) == shown
        else:
            found[f"{method} {path}"] = answer.json()
        await told(api)
    return found


async def test_the_text_is_true(answers: dict[str, Any]) -> None:
    (waiting,) = answers["GET /v1/outbound?state=made&channel=north"]["items"]
    assert (waiting["name"], waiting["reference"]) == ("855", "PO-48213")
    assert answers["POST /v1/outbound/1/acknowledge"]["state"] == "taken"
    assert answers["POST /v1/outbound/1/resend"]["state"] == "made"
    (notice,) = answers["GET /v1/outbound?kind=ship_notice"]["items"]
    assert (notice["name"], notice["shipment"]) == ("856", 1)
    pushed = answers["PUT /v1/channels/north/outbound"]
    assert pushed["secret"].startswith("whsec_")
    assert pushed["documents"] == ["order_answer", "ship_notice"]
    assert answers["PUT /v1/channels/erp/outbound"]["production_every_s"] == 300

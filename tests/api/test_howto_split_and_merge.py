"""The steps of docs/howto/split-and-merge, in both languages, one after the other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

_HOWTO = Path(__file__).parents[2] / "docs" / "howto"
_BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def differences(told: Any, shown: Any, place: str = "answer") -> list[str]:
    """Where an answer is not what a page shows of it; what a page leaves out may be anything."""
    if isinstance(shown, dict) and isinstance(told, dict):
        return [
            fault
            for key, value in shown.items()
            for fault in differences(told.get(key), value, f"{place}.{key}")
        ]
    if isinstance(shown, list) and isinstance(told, list) and len(shown) == len(told):
        return [
            fault
            for index, value in enumerate(shown)
            for fault in differences(told[index], value, f"{place}[{index}]")
        ]
    return [] if told == shown else [f"{place}: {told!r}, not {shown!r}"]


@pytest.mark.parametrize("page", ["split-and-merge.md", "split-and-merge.zh-CN.md"])
async def test_every_step_answers_as_the_page_shows(plant: httpx.AsyncClient, page: str) -> None:
    known: dict[str, Any] = {}
    answer: Any = None
    steps = 0
    for kind, text in _BLOCK.findall((_HOWTO / page).read_text(encoding="utf-8")):
        if kind == "json":
            assert differences(answer, json.loads(text)) == []
            continue
        for name, value in known.items():
            text = text.replace("{" + name + "}", str(value))  # noqa: PLW2901 - filled in
        head, _, body = text.partition("\n")
        method, path = head.split()
        response = await plant.request(
            method, path, json=json.loads(body) if body.strip() else None
        )
        assert response.is_success, (head, response.text)
        answer = response.json()
        known |= {name: answer[name] for name in ("token", "id") if name in answer}
        steps += 1
    assert steps == 10

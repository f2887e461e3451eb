"""Everything that the planner says to people is said in English and in Chinese, by names."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from contracts.plan import DisruptionKind
from contracts.what_if import Change
from domain.plan.entering import ENTERED, LEFT
from domain.plan.fact_words import FACT_WORDS, Language, fact
from domain.plan.facts import Fact
from domain.plan.helps import HelpKind
from domain.plan.plan import Conflict
from domain.plan.refusal_words import REFUSAL_WORDS, refusal
from scheduler.refusing import refused
from store.planning.loaded import OperationOf

ROOT: Final = Path(__file__).resolve().parents[2]
MESSAGES: Final = ROOT / "realtime_ui" / "messages"
CHINESE: Final = re.compile("[\u4e00-\u9fff]")
CAUSES: Final = (
    "machine_busy", "predecessor", "unavailable", "resource", "material", "release", "held", "work",
)  # fmt: skip
"""`domain.plan.plan.LateCause.cause`."""
SHARES: Final = ("setup", "way", "overdue")
"""What `domain.plan.plan.DelayShare` has besides."""


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    operations: dict[int, OperationOf]
    machines: dict[int, str]
    resources: dict[int, str]


CALLED = _Called(
    operations={
        98_001: OperationOf(work_order_id=98_009, work_order="WO-1", number=10),
        98_002: OperationOf(work_order_id=98_009, work_order="WO-1", number=20),
    },
    machines={98_003: "plant/press-01"},
    resources={98_004: "welders"},
)
WHOLE = Conflict(
    code="",
    operation=98_001,
    other=98_002,
    machine=98_003,
    resource=98_004,
    at_ms=1_700_000_040_000,
    value=5_400_000,
    limit=7,
)


def messages(language: str) -> dict[str, str]:
    """All that the screens say in a language."""
    found: dict[str, str] = {}
    for file in sorted((MESSAGES / language).glob("*.json")):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def check(english: str, chinese: str) -> None:
    """Both are there, in their language, without codes and ids."""
    assert english, chinese
    assert not CHINESE.search(english), english
    assert CHINESE.search(chinese), chinese
    for text in (english, chinese):
        assert "_" not in text, text
        assert "None" not in text, text
        assert not re.search(r"\b98_?\d{3}\b", text), text
        assert "{" not in text, text


@pytest.mark.parametrize("code", list(Fact))
def test_every_fact(code: Fact) -> None:
    told = msgspec.structs.replace(WHOLE, code=code)
    check(fact(told, CALLED), fact(told, CALLED, Language.CHINESE))


def test_facts_name_the_same_in_both_languages() -> None:
    fields = string.Formatter()
    for code, said in FACT_WORDS.items():
        english, chinese = (
            {name for _, name, _, _ in fields.parse(text) if name} for text in (said.en, said.zh)
        )
        assert english == chinese, code


def test_what_nobody_has_named_is_told_without_its_id() -> None:
    strange = msgspec.structs.replace(
        WHOLE, code=Fact.NEED, operation=98_101, machine=98_103, resource=98_104
    )
    check(fact(strange, CALLED), fact(strange, CALLED, Language.CHINESE))
    mistake = msgspec.structs.replace(WHOLE, code="rejected:overlap")
    check(fact(mistake, CALLED), fact(mistake, CALLED, Language.CHINESE))


@pytest.mark.parametrize("code", sorted(REFUSAL_WORDS))
def test_every_refusal(code: str) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(REFUSAL_WORDS[code].en) if name}
    values: dict[str, Any] = dict.fromkeys(names, "WO-1/10")
    check(refusal(code, **values), refusal(code, Language.CHINESE, **values))


def test_every_code_that_a_change_is_refused_with_has_words() -> None:
    told = set()
    for file in ("what_if", "what_if_orders", "workshop", "rush"):
        tree = ast.parse((ROOT / "domain" / "plan" / f"{file}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                told |= {
                    each.value
                    for each in node.args
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    assert len(told) > 10
    assert told - REFUSAL_WORDS.keys() == set()


def test_a_refusal_goes_out_in_both() -> None:
    told = refused("running", operation="WO-1/10", index="0")
    assert (told.code, told.detail) == ("running", "WO-1/10 has started: it stays where it is")
    assert told.params["zh"] == "WO-1/10 已开工，保持不动"


def test_what_publishing_does_not_enter_says_what_to_do_instead() -> None:
    changes = set(Change.__args__)
    decided = {
        each for each in changes if each.__name__ in ("Move", "OrderRaised", "PolicyInstead")
    }
    assert changes - decided == {*ENTERED, *LEFT}
    for said in LEFT.values():
        check(said.en, said.zh)


@pytest.mark.parametrize(
    "key",
    [
        *(f"cause.{cause}" for cause in CAUSES),
        *(f"share.{share}" for share in SHARES),
        *(f"help.{kind}" for kind in HelpKind),
        *(f"why.{kind}" for kind in DisruptionKind),
    ],
)
def test_late_reasons_helps_and_triggers_on_the_screens(key: str) -> None:
    english, chinese = messages("en"), messages("zh-CN")
    near = [name for name in english if name == key or name.startswith((f"{key}_", f"{key}."))]
    assert near, f"{key} has no words"
    for name in near:
        assert not CHINESE.search(english[name]), name
        assert CHINESE.search(chinese[name]), name

"""Scenario files, and comparing with what they expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.replay.comparison import Shown, differences
from simulator.replay.scenario import ordered
from simulator.replay.scenario_file import Scenario, ScenarioError, load

TOPIC = "gemba/v1/plant-1/cutting/line1/m01/count"
EXPECT = {
    "operations": [
        {
            "work_order": "WO1",
            "operation": 10,
            "good": 3,
            "scrap": 1,
            "runs": 1,
            "state": "completed",
        }
    ],
    "unassigned": [{"machine": "plant-1/cutting/line1/m01", "good": 2, "scrap": 0}],
    "dead_letters": 1,
}
OPERATION = {
    "work_order": "WO1",
    "operation": 10,
    "good_pieces": 3,
    "scrap_pieces": 1,
    "runs": 1,
    "state": "completed",
}
MACHINES = [
    {"machine": "plant-1/cutting/line1/m01", "unassigned": {"good": 2, "scrap": 0}},
    {"machine": "plant-1/cutting/line1/m02", "unassigned": {"good": 0, "scrap": 0}},
]


def scenario(tmp_path: Path, messages: list[dict[str, Any]], **changes: Any) -> Path:
    content = {
        "name": "s",
        "site": "plant-1",
        "features": [],
        "messages": messages,
        "expect": EXPECT,
    } | changes
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return file


def loaded(tmp_path: Path, messages: list[dict[str, Any]]) -> Scenario:
    return load(scenario(tmp_path, messages))


class TestLoad:
    def test_payloads_are_published_as_they_stand_without_indentation(self, tmp_path: Path) -> None:
        file = tmp_path / "s.json"
        file.write_text(
            """{"name":"s","site":"plant-1","messages":[{"topic":"TOPIC","payload":
            { "a": 1.0, "big": 123456789012345678901234567890, "a": "é\\u00e9" }},
            {"topic":"TOPIC","raw":"not { JSON é"},{"topic":"TOPIC","payload":null}],
            "expect":{"operations":[],"unassigned":[],"dead_letters":0}}""".replace("TOPIC", TOPIC),
            encoding="utf-8",
        )
        contents = [message.content for message in load(file).messages]
        assert contents == [
            '{"a":1.0,"big":123456789012345678901234567890,"a":"é\\u00e9"}'.encode(),
            "not { JSON é".encode(),
            b"null",
        ]

    @pytest.mark.parametrize(
        ("message", "problem"),
        [
            ({"topic": TOPIC}, "either `payload` or `raw`"),
            ({"topic": TOPIC, "payload": 1, "raw": "x"}, "either `payload` or `raw`"),
            ({"topic": "gemba/v1/+/x", "raw": "x"}, "nobody can publish"),
            ({"topic": "", "raw": "x"}, "nobody can publish"),
            ({"topic": "elsewhere/v1/a", "raw": "x"}, "names no site"),
            ({"topic": TOPIC, "raw": 7}, "Expected `str`"),
            ({"topic": TOPIC, "load": 7}, "unknown field"),
        ],
    )
    def test_a_malformed_message_is_named(
        self, tmp_path: Path, message: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ScenarioError, match=r"messages\[") as told:
            loaded(tmp_path, [message])
        assert problem in str(told.value)

    def test_a_file_that_is_missing_or_no_scenario_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match="No such file"):
            load(tmp_path / "none.json")
        with pytest.raises(ScenarioError, match="site"):
            load(scenario(tmp_path, [], site=7))
        (tmp_path / "x.json").write_bytes(b"[" * 100_000)
        with pytest.raises(ScenarioError):
            load(tmp_path / "x.json")


class TestOrdered:
    def test_only_an_object_that_comes_again_in_other_words_waits(self, tmp_path: Path) -> None:
        first = {"boot": "b", "seq": 1, "good": 1}
        messages: list[dict[str, Any]] = [
            {"topic": TOPIC, "payload": first},
            {"topic": TOPIC, "payload": first},
            {"topic": TOPIC, "payload": [first, {"boot": "b", "seq": 2}]},
            {"topic": TOPIC, "payload": first | {"good": 2}},
            {"topic": TOPIC.replace("m01", "m02"), "payload": first | {"good": 2}},
            {"topic": TOPIC.replace("count", "job"), "payload": first},
            {"topic": TOPIC, "raw": "garbage"},
            {"topic": TOPIC, "raw": "garbage"},
        ]
        halts = [one.after_all_before for one in ordered(loaded(tmp_path, messages))]
        assert halts == [False, False, False, True, False, True, False, False]


class TestDifferences:
    def shown(self, **changes: Any) -> Shown:
        content: dict[str, Any] = {
            "operations": [OPERATION],
            "machines": MACHINES,
            "dead_letters": 1,
        }
        return Shown(**content | changes)

    def test_none_when_all_is_as_expected(self, tmp_path: Path) -> None:
        assert differences(loaded(tmp_path, []).expect, self.shown()) == []

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"operations": []}, "operation WO1 / 10: missing"),
            (
                {"operations": [OPERATION | {"good_pieces": 4}]},
                "operation WO1 / 10: good_pieces is 4, expected 3",
            ),
            (
                {"operations": [OPERATION | {"scrap_pieces": True}]},
                "operation WO1 / 10: scrap_pieces is True, expected 1",
            ),
            (
                {"operations": [OPERATION | {"state": "running"}]},
                "operation WO1 / 10: state is 'running', expected 'completed'",
            ),
            (
                {"operations": [OPERATION, OPERATION | {"operation": 20}]},
                "operation WO1 / 20: not expected",
            ),
            ({"operations": [OPERATION, OPERATION]}, "operations: some are shown twice"),
            (
                {"machines": []},
                "unassigned of plant-1/cutting/line1/m01: good and scrap are (0, 0)",
            ),
            (
                {"machines": [*MACHINES, {"machine": "x", "unassigned": {"good": 0, "scrap": 5}}]},
                "unassigned of x: good and scrap are (0, 5), expected (0, 0)",
            ),
            ({"dead_letters": 0}, "dead letters: 0, expected 1"),
        ],
    )
    def test_each_is_told_in_a_line(
        self, tmp_path: Path, changes: dict[str, Any], line: str
    ) -> None:
        (told,) = differences(loaded(tmp_path, []).expect, self.shown(**changes))
        assert told.startswith(line)

"""Rules as YAML: faults with file, line and column; what is written is read again."""

from __future__ import annotations

import pytest
from plant_facts import LINE, SITE, alarm_rule

from domain.alarms.conditions import MachineDown, OrderLate, PaceBelow, ReadingOutside
from domain.alarms.rules import AlarmPriority, During, faults_of
from domain.alarms.starter import STARTER, STARTER_FILE
from domain.alarms.yaml_text import AlarmSet, read_alarm_set, write_alarm_set
from domain.master_data.faults import Faults

WHOLE = """\
rules:
  - code: temp
    name: Oven too hot
    condition:
      kind: reading_outside
      metric: temperature
      high: 240.5
      dead_band: 5
    priority: high
    response: Switch the heater off.
    where: [plant-1/heat]
    latching: true
    escalation: maintenance
escalations:
  - code: maintenance
    name: Maintenance
    steps:
      - tell: ["on-call:electricians"]
      - {after_minutes: 15, tell: [mei], counted: shift}
rotas:
  - code: electricians
    name: Electricians
    time_zone: Asia/Shanghai
    layers:
      - members: [mei, wang]
        first_day: 2026-11-02
        hours:
          - {from: "20:00", until: "06:00", weekdays: [0, 4]}
    overrides:
      - {member: wang, from: "2026-12-24T08:00:00+08:00", until: "2026-12-26T08:00:00+08:00"}
recipients:
  - code: mei
    name: 王梅
    language: zh-CN
    addresses:
      - {channel: email, to: mei@example.com}
      - {channel: sms, to: "+8613800000000", least: high}
    quiet:
      - {from: "22:00", until: "06:00"}
"""


def read(text: str) -> AlarmSet:
    faults = Faults()
    found = read_alarm_set("a.yaml", text.encode(), faults)
    assert not len(faults), faults.sorted()
    return found.told


def faults(text: str) -> list[str]:
    found = Faults()
    read_alarm_set("a.yaml", text.encode(), found)
    return [f"{each.place} {each.problem} [{each.value}]" for each in found.sorted()]


class TestReading:
    def test_everything_is_read(self) -> None:
        told = read(WHOLE)
        [rule] = told.rules
        assert rule.condition == ReadingOutside(metric="temperature", high=240.5, dead_band=5)
        assert (rule.priority, rule.latching, rule.where) == (
            AlarmPriority.HIGH,
            True,
            ("plant-1/heat",),
        )
        assert told.escalations[0].steps[1].after_minutes == 15
        assert told.rotas[0].layers[0].hours[0].from_ == "20:00"
        assert told.rotas[0].overrides[0].from_.isoformat() == "2026-12-24T08:00:00+08:00"
        assert told.recipients[0].addresses[1].to == "+8613800000000"

    def test_what_is_written_is_read_again(self) -> None:
        for text in (WHOLE, STARTER):
            told = read(text)
            assert read(write_alarm_set(told)) == told

    def test_what_is_as_by_default_is_not_written(self) -> None:
        text = write_alarm_set(AlarmSet(rules=(alarm_rule(),)))
        assert "latching" not in text
        assert "machine_down" in text

    def test_the_starter_is_right_by_itself(self) -> None:
        found = Faults()
        told = read_alarm_set(STARTER_FILE, STARTER.encode(), found).told
        assert not found.sorted()
        assert faults_of(told.rules) == []
        assert len(told.rules) >= 10


CONDITIONS = (
    "machine_down, machine_silent, line_down, pace_below, order_at_risk, order_late, shortage,"
    " scrap_rate, reading_outside, plan_infeasible, dead_letters, gateway_offline"
)
STEPS = """\
escalations:
  - code: a
    name: A
    steps:
      - {tell: [mei], after_minutes: 5}
      - {tell: [mei]}
"""
CODE = (
    "a.yaml:2:12 code: must be a code: small letters, digits, '-', '_' and '.', as 'machine-down'"
    " [Machine down]"
)
NO_KIND = f"a.yaml:5:23 is no kind, maybe 'machine_down'; known are {CONDITIONS} [machine_dwn]"
NO_FIELD = (
    "a.yaml:5:35 is no field of a pace_below, maybe 'percent'; known are percent, dead_band"
    " [pecent]"
)
RULE = "rules:\n  - code: a\n    name: A\n    response: Go.\n    condition: "


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                RULE + "{kind: machine_dwn}\n",
                NO_KIND,
            ),
            (
                RULE + "{percent: 5}\n",
                f"a.yaml:5:16 must say its kind: {CONDITIONS} [None]",
            ),
            (
                RULE + "{kind: pace_below, percent: fast}\n",
                "a.yaml:5:44 percent: expected `float`, got `str` [fast]",
            ),
            (
                RULE + "{kind: pace_below, percent: 101}\n",
                "a.yaml:5:44 percent: expected `float` <= 100.0 [101]",
            ),
            (
                RULE + "{kind: pace_below, pecent: 70}\n",
                NO_FIELD,
            ),
            (
                RULE + "{kind: reading_outside, metric: t}\n",
                "a.yaml:5:16 a reading needs `low`, or `high`, or both [None]",
            ),
            (
                'rules:\n  - {code: Machine down, name: "a\\0", response: R}\n',
                "a.yaml:2:32 name: must be text on one line, 1 to 200 characters [a\0]",
            ),
            (
                "rules:\n  - {code: Machine down, name: a, response: R}\n",
                CODE,
            ),
            ("ruls:\n  - {}\n", "a.yaml:1:1 is no kind, maybe 'rules' [ruls]"),
            ("rules:\n  - 5\n", "a.yaml:2:5 must be a rule: fields with their values [None]"),
            (
                "rules:\n  - {code: a}\n",
                "a.yaml:2:5 must also say: name, condition, response [None]",
            ),
            (
                "rotas:\n  - {code: a, name: A, time_zone: Mars/Base}\n",
                "a.yaml:2:5 'Mars/Base' is no time zone, maybe 'Europe/Berlin' [None]",
            ),
            (
                STEPS,
                "a.yaml:2:5 steps must stand in the order of their `after_minutes` [None]",
            ),
        ],
    )
    def test_a_fault_says_where_what_and_what_would_do(self, text: str, told: str) -> None:
        assert told in faults(text)

    def test_several_faults_are_told_at_once(self) -> None:
        text = (
            RULE + "{kind: pace_below, percent: 500}\n    priority: urgent\n    latching: maybe\n"
        )
        assert [each.split()[0] for each in faults(text)] == [
            "a.yaml:5:44",
            "a.yaml:6:15",
            "a.yaml:7:15",
        ]

    def test_a_code_is_there_once(self) -> None:
        twice = WHOLE + WHOLE.partition("recipients:\n")[2]
        assert "is there a second time" in faults(twice)[0]

    def test_what_is_no_yaml_has_a_place(self) -> None:
        assert faults("rules:\n  - {code: a\n")[0].startswith("a.yaml:3:1 is not YAML")


class TestSets:
    def test_a_rule_that_would_silence_itself_is_refused(self) -> None:
        rules = [
            alarm_rule("a", suppressed_by=("b",)),
            alarm_rule("b", PaceBelow(percent=5), suppressed_by=("c",)),
            alarm_rule("c", OrderLate(), suppressed_by=("a",)),
        ]
        [fault] = faults_of(rules)
        assert fault.problem == "would silence itself: a < b < c < a"

    def test_names_have_to_exist(self) -> None:
        rules = [alarm_rule("a", suppressed_by=("b",), escalation="night")]
        told = [(each.field, each.problem) for each in faults_of(rules, ["day"])]
        assert told == [
            ("suppressed_by", "there is no rule 'b'"),
            ("escalation", "there is no escalation 'night'"),
        ]

    def test_orders_have_no_shift(self) -> None:
        [fault] = faults_of([alarm_rule("a", OrderLate(), during=During.SHIFT)])
        assert fault.field == "during"

    def test_two_rules_for_the_same_at_the_same_place_are_told(self) -> None:
        alike = [alarm_rule("a"), alarm_rule("b", MachineDown(reasons=("jam",)))]
        [fault] = faults_of(alike)
        assert "everywhere for the same as 'a'" in fault.problem
        apart = [
            alarm_rule("a"),
            alarm_rule("b", variant="jam"),
            alarm_rule("c", where=(LINE,)),
            alarm_rule("d", where=(SITE,)),
            alarm_rule("e", enabled=False),
        ]
        assert faults_of(apart) == []

"""What is wrong with rules, escalations, rotas and recipients taken together."""

from __future__ import annotations

import msgspec

from domain.alarms.escalations import recipients_of, rotas_of
from domain.alarms.rules import faults_of
from domain.alarms.yaml_text import AlarmSet


class SetFault(msgspec.Struct, frozen=True):
    """What is wrong with one of them: its kind and code, and what to do."""

    kind: str
    code: str
    problem: str


def faults_of_set(told: AlarmSet) -> list[SetFault]:
    """What is wrong: names that do not exist, rules that silence themselves or are two for one."""
    rotas = {each.code for each in told.rotas}
    people = {each.code for each in told.recipients}
    wrong = [
        SetFault("rules", each.code, f"{each.field}: {each.problem}")
        for each in faults_of(told.rules, [one.code for one in told.escalations])
    ]
    for escalation in told.escalations:
        wrong += [
            SetFault("escalations", escalation.code, f"tell: there is no rota {code!r}")
            for code in sorted(rotas_of(escalation) - rotas)
        ]
        wrong += [
            SetFault("escalations", escalation.code, f"tell: there is no recipient {code!r}")
            for code in sorted(recipients_of(escalation) - people)
        ]
    for rota in told.rotas:
        members = {one for layer in rota.layers for one in layer.members}
        members |= {one.member for one in rota.overrides}
        wrong += [
            SetFault("rotas", rota.code, f"members: there is no recipient {code!r}")
            for code in sorted(members - people)
        ]
    return wrong

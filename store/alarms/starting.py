"""What an installation begins with."""

from __future__ import annotations

import msgspec

from domain.alarms.rules import Rule
from domain.alarms.starter import STARTER, STARTER_FILE
from domain.alarms.yaml_text import read_alarm_set
from domain.master_data.faults import Faults
from store import audit
from store.alarms import definitions
from store.audit import Actor
from store.database import Connection


async def begin_with_starter(connection: Connection, actor: Actor) -> list[Rule]:
    """Give an installation that never had a rule those to begin with; answers them."""
    async with connection.transaction():
        await definitions.take_turn(connection)
        if not await definitions.is_empty(connection):
            return []
        rules = read_alarm_set(STARTER_FILE, STARTER.encode(), Faults()).told.rules
        for rule in rules:
            await definitions.put(connection, rule, by=actor.name, reason="to begin with")
            await audit.write(
                connection,
                actor=actor,
                action="AlarmRuleChanged",
                object_kind="alarm_rule",
                object_key=rule.code,
                reason="to begin with",
                after=msgspec.to_builtins(rule),
            )
    return list(rules)

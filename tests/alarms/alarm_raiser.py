"""A process that raises, clears and acknowledges one cause, each when it is told to (for tests).

Reads an event per line; answers with how many alarms it moved.
"""

from __future__ import annotations

import asyncio
import sys

import psycopg
from plant_facts import NOW, alarm_rule, down, facts

from domain.alarms.deciding import Raising
from domain.alarms.observing import observe
from domain.alarms.states import AlarmEvent
from store.alarms.definitions import in_force
from store.alarms.moving import Move, move_alarms, raise_alarms
from store.audit import Actor


async def main(url: str, name: str) -> None:
    """Do what is told until the input ends."""
    actor = Actor(name, "test")
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        rule_ids = (await in_force(connection)).rule_ids
        found = observe([alarm_rule()], facts(down()))
        raising = [Raising(each) for each in found]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            event = AlarmEvent(line.strip())
            async with connection.transaction():
                if event is AlarmEvent.RAISE:
                    moved = await raise_alarms(
                        connection, raising, rule_ids=rule_ids, now_ms=NOW, actor=actor
                    )
                else:
                    # Whoever tries to insert it takes a number: the alarm's own may be any.
                    cursor = await connection.execute("SELECT id FROM alarms")
                    moves = [Move(id=row[0], event=event) for row in await cursor.fetchall()]
                    moved = await move_alarms(connection, moves, now_ms=NOW, actor=actor)
            sys.stdout.write(f"{len(moved)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

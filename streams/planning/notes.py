"""Where to look, as the one who makes the rounds is told it: by itself, or by other workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from store.database import Pool
from store.planning.notes import CHANNEL, Anything, MachineMoved, Note, ScopeMoved, read_notes, text
from streams.transport.patience import AWAY, pause_s, said

__all__ = [
    "CHANNEL",
    "Anything",
    "MachineMoved",
    "Note",
    "PassingOn",
    "ScopeMoved",
    "read_notes",
]

GAP_S: Final = 0.05
"""What is noted within so long is passed on together."""
PAYLOAD_BYTES: Final = 7_000
"""PostgreSQL takes less than 8,000 in a NOTIFY."""
_log = logging.getLogger(__name__)


class PassingOn:
    """Passes notes on to the worker that makes the rounds.

    Args:
        pool: whose database everybody hears.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._notes: set[Note] = set()
        self._some = asyncio.Event()

    def add(self, note: Note) -> None:
        """Pass a note on, soon."""
        self._notes.add(note)
        self._some.set()

    def clear(self) -> None:
        """This worker makes the rounds now, and looks everywhere."""
        self._notes.clear()

    async def run(self) -> None:
        """Pass on until cancelled; a database that is away is told later."""
        failures = 0
        while True:
            await self._some.wait()
            self._some.clear()
            notes, self._notes = self._notes, set()
            if not notes:
                continue
            try:
                async with self._pool.connection() as connection:
                    for payload in _payloads(notes):
                        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
                failures = 0
            except AWAY as error:
                _log.info("what happened is not passed on: %s", said(error))
                self._notes |= notes
                self._some.set()
                await asyncio.sleep(pause_s(failures))
                failures += 1
            await asyncio.sleep(GAP_S)


def _payloads(notes: set[Note]) -> Iterator[str]:
    """Notes in lists that a NOTIFY takes; urgent ones make the others of their scope needless."""
    if Anything() in notes:
        yield text([Anything()])
        return
    urgent = {note.scope for note in notes if isinstance(note, ScopeMoved) and note.urgent}
    some: list[Note] = []
    size = 0
    for note in notes:
        if isinstance(note, ScopeMoved) and not note.urgent and note.scope in urgent:
            continue
        added = len(text([note]).encode())
        if some and size + added > PAYLOAD_BYTES:
            yield text(some)
            some, size = [], 0
        some.append(note if added <= PAYLOAD_BYTES else Anything())
        size += added
    if some:
        yield text(some)

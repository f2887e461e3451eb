"""Which records of a batch were not handled before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from store.effects import Done
from store.log.outbox import outbox_number
from streams.consumption import Message


def new_records(batch: Sequence[Message], done: Done) -> tuple[list[Message], Done]:
    """The records of a batch whose effects are still to be made, and what is done after them.

    A record at or below the offset was handled before: the engine reads on from where it last
    acknowledged. One that the relay sent a second time has an offset of its own, but the number in
    the outbox of the first. Records that came to the partition by themselves have no such number.

    Args:
        batch: records of one partition in order of offset.
        done: what was done before.
    """
    offset, relayed = done
    new = []
    for record in batch:
        if record.offset <= offset:
            continue
        offset = record.offset
        number = outbox_number(record.headers)
        if number is not None:
            if number <= relayed:
                continue
            relayed = number
        new.append(record)
    return new, Done(offset, relayed)


def proof_of(new: Sequence[Message]) -> bytes | None:
    """What the last record that the relay told holds, for `store.effects.Step`.

    Args:
        new: what `new_records` answered.
    """
    for record in reversed(new):
        if outbox_number(record.headers) is not None:
            return hashlib.sha256(record.value or b"").digest()
    return None

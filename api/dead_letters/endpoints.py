"""Dead letters."""

from __future__ import annotations

from base64 import b64encode
from codecs import getincrementaldecoder
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query

from api.auth.principal import DeadLetterKeeper, Reader
from api.context import RequestContext
from api.dead_letters.schemas import DeadLetter, DeadLetterList
from api.fields import Paging, Wanted
from store import audit, dead_letters
from store.dead_letters import DeadLetterRow
from store.errors import ConflictError, NotFoundError

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])

DeadLetterId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listDeadLetters")
async def list_dead_letters(
    context: RequestContext,
    principal: Reader,
    page: Paging,
    site: Wanted | None = None,
    replayed: Annotated[bool | None, Query(description="Only (not) replayed ones.")] = None,
) -> DeadLetterList:
    """Dead letters, newest first, each with the beginning of its payload."""
    if site is not None:
        principal.require_site(site)
    async with context.connection() as connection:
        rows, total = await dead_letters.page_of(
            connection, page, site=site, replayed=replayed, limited_to=principal.sites
        )
    return DeadLetterList(items=[_dead_letter(row) for row in rows], total=total)


@router.get("/{dead_letter_id}", operation_id="getDeadLetter")
async def get_dead_letter(
    context: RequestContext, principal: Reader, dead_letter_id: DeadLetterId
) -> DeadLetter:
    """One dead letter."""
    async with context.connection() as connection:
        row = await dead_letters.find(connection, dead_letter_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("dead letter", str(dead_letter_id))
    return _dead_letter(row)


@router.post("/{dead_letter_id}/replay", operation_id="replayDeadLetter")
async def replay_dead_letter(
    context: RequestContext, principal: DeadLetterKeeper, dead_letter_id: DeadLetterId
) -> DeadLetter:
    """Send it round again as it came: same bytes, same topic, same time of receipt.

    What is still wrong with it makes another dead letter; each is replayed once.
    """
    async with context.transaction() as connection:
        row = await dead_letters.find(connection, dead_letter_id, for_update=True)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("dead letter", str(dead_letter_id))
        if row.replayed_at is not None:
            raise ConflictError(f"dead letter {dead_letter_id} was replayed by {row.replayed_by}")
        replayed_at = await dead_letters.mark_replayed(
            connection, dead_letter_id, principal.actor.name
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="DeadLetterReplayed",
            object_kind="dead_letter",
            object_key=str(dead_letter_id),
            after={"dead_letter": dead_letter_id, "site": row.site, "topic": row.mqtt_topic},
        )
        await context.log.append_in(connection, [dead_letters.replay_record(row)])
    return _dead_letter(
        msgspec.structs.replace(row, replayed_at=replayed_at, replayed_by=principal.actor.name)
    )


def _dead_letter(row: DeadLetterRow) -> DeadLetter:
    text = _text(row.payload, cut=row.cut)
    return DeadLetter(
        id=row.id,
        site=row.site,
        topic=row.mqtt_topic,
        origin=row.origin_topic,
        received_at=datetime.fromtimestamp(row.received_ms / 1000, UTC),
        code=row.code,
        reason=row.reason,
        size=row.size,
        payload=text if text is not None else b64encode(row.payload).decode(),
        encoding="text" if text is not None else "base64",
        payload_cut=row.cut,
        replayed_at=row.replayed_at,
        replayed_by=row.replayed_by,
    )


def _text(payload: bytes, *, cut: bool) -> str | None:
    """The payload as text, less a character that the cut divided; None when it is no text."""
    decoder = getincrementaldecoder("utf-8")()
    try:
        return decoder.decode(payload, final=not cut)
    except UnicodeDecodeError:
        return None

"""The mail server that is given by settings, kept as a way like others.

So the API shows it, one worker's failures are every worker's, and there is one way to send. People
change it where it is given.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.notification.ways import Smtp, UnknownKindError
from runtime.sealed import SealError
from store import audit
from store.audit import Actor
from store.database import Connection
from store.notification import ways
from store.notification.ways import NewWay, StoredWay

CODE: Final = "environment"
_ACTOR: Final = Actor("notify", "notify")
_TURN: Final = 0x67656D62_00000037
_RANK: Final = 50


async def keep(
    connection: Connection, given: tuple[Smtp, str | None] | None, *, installation_key: str
) -> bool:
    """Make the row as the settings say, or drop it where they say nothing; True: it changed.

    Within a transaction. A way that people gave this code stays theirs.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    before = await ways.find(connection, CODE, for_update=True)
    if before is not None and before.origin != "environment":
        return False
    if given is None:
        if before is None:
            return False
        await ways.delete(connection, CODE)
        await _tell(connection, "NotificationWayDeleted", before.settings, None)
        return True
    settings, password = given
    new = NewWay(
        code=CODE,
        name="GEMBA_SMTP_URL",
        kind="smtp",
        settings=settings,
        secrets={} if password is None else {"password": password},
        rank=_RANK,
        origin="environment",
    )
    if before is not None and _stands(before, new, installation_key):
        return False
    after = await ways.put(connection, new, installation_key=installation_key, by=_ACTOR.name)
    await _tell(
        connection,
        "NotificationWayChanged",
        None if before is None else before.settings,
        after.settings,
    )
    return True


def _stands(before: StoredWay, new: NewWay, installation_key: str) -> bool:
    """Whether a row says the same already; what cannot be read any more is made anew."""
    try:
        way = before.opened(installation_key)
    except (SealError, msgspec.ValidationError, UnknownKindError):
        return False
    return way.settings == new.settings and dict(way.secrets) == dict(new.secrets)


async def _tell(
    connection: Connection,
    action: str,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
) -> None:
    await audit.write(
        connection,
        actor=_ACTOR,
        action=action,
        object_kind="notification_way",
        object_key=CODE,
        before=before,
        after=after,
    )

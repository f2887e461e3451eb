"""Ways over the API: configured, tried, looked at. Their secrets go in and never come out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query

from api.auth.principal import Configurer, Principal, forbidden
from api.context import Context, RequestContext
from api.errors import FieldProblem, ProblemError
from api.notification.schemas import (
    NotificationTest,
    NotificationTested,
    NotificationWay,
    NotificationWayKind,
    NotificationWayKinds,
    NotificationWayList,
    NotificationWayPut,
)
from domain.notification.way_settings import WaySettings
from domain.notification.ways import KINDS, UnknownKindError, read_settings
from runtime.sealed import SealError
from store import audit
from store.database import Connection
from store.errors import ConflictError, NotFoundError, StaleVersionError
from store.notification import trials, ways
from store.notification.ways import NewWay, StoredWay, opened_secrets

router = APIRouter(prefix="/v1/notification-ways", tags=["notifications"])

_Code = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_.-]{0,99}$")]
_WHERE: Final = ("host", "port", "url", "endpoint")
"""Settings that say to whom a way's secrets are shown."""
_LOOK_S: Final = 0.1


@router.get("", operation_id="listNotificationWays")
async def list_notification_ways(
    context: RequestContext, _principal: Configurer
) -> NotificationWayList:
    """Ways by channel, in the order in which they are taken, and how they do."""
    async with context.connection() as connection:
        rows = await ways.listed(connection)
    return NotificationWayList(items=[_shown(row) for row in rows], total=len(rows))


@router.get("/schema", operation_id="getNotificationWaySchema")
async def get_notification_way_schema(_principal: Configurer) -> NotificationWayKinds:
    """Which kinds there are, their settings as JSON Schema, the names of their secrets."""
    items = [
        NotificationWayKind(
            kind=name,
            channel=kind.channel,
            named=kind.named,
            secrets=list(kind.secrets),
            settings=msgspec.json.schema(kind.settings),
        )
        for name, kind in KINDS.items()
    ]
    return NotificationWayKinds(items=items, total=len(items))


@router.get("/{code}", operation_id="getNotificationWay")
async def get_notification_way(
    context: RequestContext, _principal: Configurer, code: _Code
) -> NotificationWay:
    """One way and how it does."""
    async with context.connection() as connection:
        return _shown(await _known(connection, code))


@router.put("/{code}", operation_id="putNotificationWay")
async def put_notification_way(
    context: RequestContext, principal: Configurer, code: _Code, wanted: NotificationWayPut
) -> NotificationWay:
    """Configure a way. How it did is forgotten; what waited for it goes."""
    _may_change(principal)
    settings = _settings(wanted)
    async with context.transaction() as connection:
        before = await ways.find(connection, code, for_update=True)
        seen, actual = wanted.version or 0, before.version if before is not None else 0
        if seen != actual:
            raise StaleVersionError("notification_way", code, expected=seen, actual=actual)
        _refuse_foreign(before)
        new = NewWay(
            code=code,
            name=wanted.name,
            kind=wanted.kind,
            settings=settings,
            secrets=_secrets(context, wanted, before, settings),
            enabled=wanted.enabled,
            rank=wanted.rank,
            prefixes=wanted.prefixes,
        )
        after = await ways.put(
            connection, new, installation_key=context.signing_key, by=principal.actor.name
        )
        await _tell(
            connection,
            principal,
            "NotificationWayChanged",
            code,
            before=None if before is None else _audited(before),
            after=_audited(after) | {"new_secrets": sorted(wanted.secrets or ())},
        )
    return _shown(after)


@router.delete("/{code}", status_code=HTTPStatus.NO_CONTENT, operation_id="deleteNotificationWay")
async def delete_notification_way(
    context: RequestContext, principal: Configurer, code: _Code
) -> None:
    """Forget a way and its secrets; what waits for it goes by others, or says that it waits."""
    _may_change(principal)
    async with context.transaction() as connection:
        before = await ways.find(connection, code, for_update=True)
        if before is None:
            raise NotFoundError("notification way", code)
        _refuse_foreign(before)
        await ways.delete(connection, code)
        await _tell(connection, principal, "NotificationWayDeleted", code, before=_audited(before))


@router.post("/{code}/test", operation_id="testNotificationWay")
async def try_notification_way(
    *,
    context: RequestContext,
    principal: Configurer,
    code: _Code,
    wanted: NotificationTest,
    wait_s: Annotated[
        float, Query(ge=0, le=60, description="How long to wait for the provider's answer.")
    ] = 20,
) -> NotificationTested:
    """Send a message by this very way, enabled or not, and say what the provider answered."""
    _may_change(principal)
    async with context.transaction() as connection:
        row = await _known(connection, code)
        message_id = await trials.add(
            connection,
            way=code,
            channel=row.channel,
            address=wanted.address,
            language=wanted.language,
            by=principal.actor.name,
            now=datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC),
        )
        await _tell(
            connection,
            principal,
            "NotificationWayTested",
            code,
            after={"address": wanted.address, "message_id": str(message_id)},
        )
    until = context.clock.monotonic() + wait_s
    while True:
        async with context.connection() as connection:
            trial = await trials.find(connection, message_id)
        if trial is None or trial.state != "waiting" or context.clock.monotonic() >= until:
            break
        await asyncio.sleep(_LOOK_S)
    if trial is None:
        raise NotFoundError("message", str(message_id))
    return NotificationTested.model_validate(
        {
            "message_id": message_id,
            "state": trial.state,
            "answer": trial.reference,
            "error": trial.last_error,
        }
    )


# Parts -------------------------------------------------------------------------------------------


def _may_change(principal: Principal) -> None:
    """Ways are of the whole installation."""
    if principal.sites or principal.lines:
        raise forbidden("Ways serve all sites; who is limited to some cannot change or try them.")


def _refuse_foreign(before: StoredWay | None) -> None:
    """What settings give is changed there."""
    if before is not None and before.origin == "environment":
        raise ConflictError(
            f"the way {before.code!r} is given by GEMBA_SMTP_URL: change it there, or unset it",
            code="way-of-environment",
            params={"way": before.code},
        )


def _settings(wanted: NotificationWayPut) -> WaySettings:
    """The settings as their kind has them.

    Raises:
        ProblemError: there is no such kind, they are none of it, or it has no such secret.
    """
    try:
        settings = read_settings(wanted.kind, wanted.settings)
    except UnknownKindError as error:
        raise _invalid("kind", str(error), wanted.kind) from error
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        field = "settings" + place.rstrip("`")
        raise _invalid(field, words[:1].lower() + words[1:]) from error
    known = KINDS[wanted.kind].secrets
    for name in wanted.secrets or ():
        if name not in known:
            there = ", ".join(known) or "none"
            raise _invalid(f"secrets.{name}", f"{wanted.kind} has no such secret; it has {there}")
    return settings


def _secrets(
    context: Context, wanted: NotificationWayPut, before: StoredWay | None, settings: WaySettings
) -> dict[str, str]:
    """The secrets that a way has afterwards: those that are given, and those that may stay.

    Raises:
        ProblemError: they would be shown to somebody else than they were given for, or cannot be
            opened any more.
    """
    given = dict(wanted.secrets or {})
    kept: dict[str, str] = {}
    staying = [] if before is None or before.kind != wanted.kind else before.secrets
    staying = [name for name in staying if name not in given]
    if before is not None and staying:
        told: Mapping[str, Any] = msgspec.to_builtins(settings)
        moved = [name for name in _WHERE if told.get(name) != before.settings.get(name)]
        if moved:
            raise _invalid(
                f"secrets.{staying[0]}",
                f"has to be given again, because settings.{moved[0]} changes: it would be shown to"
                " somebody else than it was given for",
            )
        try:
            opened = opened_secrets(context.signing_key, before)
        except SealError as error:
            raise _invalid(f"secrets.{staying[0]}", str(error)) from error
        kept = {name: text for name, text in opened.items() if name in staying}
    return kept | {name: text for name, text in given.items() if text is not None}


def _invalid(field: str, problem: str, value: str | None = None) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"{field}: {problem}",
        errors=[FieldProblem(field=field, value=value, problem=problem)],
    )


async def _known(connection: Connection, code: str) -> StoredWay:
    row = await ways.find(connection, code)
    if row is None:
        raise NotFoundError("notification way", code)
    return row


async def _tell(
    connection: Connection,
    principal: Principal,
    action: str,
    code: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        object_kind="notification_way",
        object_key=code,
        before=before,
        after=after,
    )


def _audited(row: StoredWay) -> dict[str, object]:
    """What the audit log keeps: no secret, only their names."""
    return {
        "name": row.name,
        "kind": row.kind,
        "enabled": row.enabled,
        "rank": row.rank,
        "prefixes": row.prefixes,
        "settings": row.settings,
        "secrets": row.secrets,
    }


def _shown(row: StoredWay) -> NotificationWay:
    told = msgspec.structs.asdict(row)
    return NotificationWay.model_validate(
        {name: told[name] for name in NotificationWay.model_fields}
    )

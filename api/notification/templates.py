"""Words of messages over the API: looked at, tried with examples, changed, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from api.auth.principal import Configurer, forbidden
from api.context import RequestContext
from api.errors import FieldProblem, ProblemError
from api.notification.schemas import (
    Language,
    NotificationFault,
    NotificationField,
    NotificationPreview,
    NotificationPreviewed,
    NotificationTemplate,
    NotificationTemplateList,
    NotificationTemplatePut,
    NotificationTemplateVersion,
    NotificationTemplateWithVersions,
    NotificationWords,
)
from domain.notification.filling import filled, read_parts
from domain.notification.letters import Composed
from domain.notification.rendering import render, written
from domain.notification.short_texts import parts_of
from domain.notification.template_kinds import TEMPLATES
from domain.notification.templates import (
    LANGUAGES,
    LINK,
    TemplateFault,
    TemplateKind,
    Words,
    faults_of,
)
from store import audit
from store.errors import NotFoundError, StaleVersionError
from store.notification import templates
from store.notification.templates import FailedWords, StoredWords

router = APIRouter(prefix="/v1/notification-templates", tags=["notifications"])

_Name = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,99}$")]
_SAMPLE_ZONE = "Asia/Shanghai"


@router.get("", operation_id="listNotificationTemplates")
async def list_notification_templates(
    context: RequestContext, _principal: Configurer
) -> NotificationTemplateList:
    """Templates by name and language, with the words in force and the built-in ones."""
    async with context.connection() as connection:
        own = await templates.in_force(connection)
        failed = await templates.failed(connection)
    items = [
        _shown(kind, language, own.get((name, language)), failed)
        for name, kind in sorted(TEMPLATES.items())
        for language in LANGUAGES
    ]
    return NotificationTemplateList(items=items, total=len(items))


@router.get("/{name}/{language}", operation_id="getNotificationTemplate")
async def get_notification_template(
    context: RequestContext, _principal: Configurer, name: _Name, language: Language
) -> NotificationTemplateWithVersions:
    """A template and its versions."""
    return await _with_versions(context, _kind(name), language)


@router.put("/{name}/{language}", operation_id="putNotificationTemplate")
async def put_notification_template(
    *,
    context: RequestContext,
    principal: Configurer,
    name: _Name,
    language: Language,
    wanted: NotificationTemplatePut,
) -> NotificationTemplateWithVersions:
    """Put words in force, or the built-in ones again with `words: null`.

    A placeholder that there is none of is a 422, by its name.
    """
    if principal.sites or principal.lines:
        raise forbidden("Words are those of all sites; who is limited to some cannot change them.")
    kind = _kind(name)
    words = None if wanted.words is None else _words(wanted.words)
    if words is not None:
        _refuse(faults_of(kind, words))
    async with context.transaction() as connection:
        before = (await templates.in_force(connection)).get((name, language))
        actual = before.version if before is not None else 0
        added = wanted.version == actual and await templates.add(
            connection,
            name,
            language,
            words,
            version=actual + 1,
            by=principal.actor.name,
            reason=wanted.reason,
        )
        if not added:
            # Whoever lost a race is at the version that the winner made.
            actual = max(actual, wanted.version + 1) if wanted.version == actual else actual
            raise StaleVersionError(
                "notification_template",
                f"{name}/{language}",
                expected=wanted.version,
                actual=actual,
            )
        await audit.write(
            connection,
            actor=principal.actor,
            action="NotificationTemplateChanged",
            object_kind="notification_template",
            object_key=f"{name}/{language}",
            reason=wanted.reason,
            before=None if before is None else before.words,
            after=None if words is None else msgspec.to_builtins(words),
        )
    return await _with_versions(context, kind, language)


@router.post("/{name}/{language}/preview", operation_id="previewNotificationTemplate")
async def preview_notification_template(
    *,
    context: RequestContext,
    _principal: Configurer,
    name: _Name,
    language: Language,
    wanted: NotificationPreview,
) -> NotificationPreviewed:
    """Words with examples in their places, and what is wrong with them. Changes nothing."""
    kind, words = _kind(name), _words(wanted.words)
    faults = faults_of(kind, words)
    told = [
        NotificationFault(part=each.part, placeholder=each.placeholder, problem=each.problem)
        for each in faults
    ]
    if faults:
        return NotificationPreviewed(
            subject=None, text=None, html=None, short=None, parts=None, cut=False, faults=told
        )
    rendered = render(
        Composed(
            template=name,
            values=kind.samples(language),
            link="/alarms/7",
            time_zone=_SAMPLE_ZONE,
        ),
        words,
        language=language,
        priority=kind.priority,
        public_url=context.settings.public_url or "https://gemba.example",
    )
    return NotificationPreviewed(
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        short=rendered.short,
        parts=parts_of(rendered.short),
        cut=not rendered.short.startswith(_uncut(words, rendered.fields)),
        faults=[],
    )


# Parts -------------------------------------------------------------------------------------------


def _kind(name: str) -> TemplateKind:
    kind = TEMPLATES.get(name)
    if kind is None:
        raise NotFoundError("notification template", name)
    return kind


def _uncut(words: Words, fields: Mapping[str, str]) -> str:
    """A text message as long as it is."""
    return " ".join(filled(read_parts(words.short), {**fields, LINK: ""}).split())


def _words(told: NotificationWords) -> Words:
    return Words(subject=told.subject, text=told.text, short=told.short, html=told.html)


def _refuse(faults: list[TemplateFault]) -> None:
    if faults:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"words.{faults[0].part}: {faults[0].problem}"
            + (f", and {len(faults) - 1} more" if len(faults) > 1 else ""),
            errors=[
                FieldProblem(
                    field=f"words.{each.part}", value=each.placeholder, problem=each.problem
                )
                for each in faults
            ],
            code="template-invalid",
            params={"placeholder": faults[0].placeholder or "", "part": faults[0].part},
        )


async def _with_versions(
    context: RequestContext, kind: TemplateKind, language: str
) -> NotificationTemplateWithVersions:
    async with context.connection() as connection:
        versions = await templates.versions(connection, kind.name, language)
        failed = await templates.failed(connection)
    shown = _shown(kind, language, versions[0] if versions else None, failed)
    return NotificationTemplateWithVersions(
        **shown.model_dump(),
        versions=[
            NotificationTemplateVersion(
                version=each.version,
                words=_kept(each),
                made_at=each.made_at,
                made_by=each.made_by,
                reason=each.reason,
            )
            for each in versions
        ],
    )


def _shown(
    kind: TemplateKind,
    language: str,
    own: StoredWords | None,
    failed: Mapping[tuple[str, str, int], FailedWords],
) -> NotificationTemplate:
    built_in = _told(kind.words[language])
    kept = None if own is None else _kept(own)
    problem = None if own is None else failed.get((kind.name, language, own.version))
    chinese = language == "zh-CN"
    samples = written(kind.samples(language), language=language, time_zone=_SAMPLE_ZONE)
    told: dict[str, Any] = {
        "name": kind.name,
        "language": language,
        "about": kind.about_zh if chinese else kind.about,
        "fields": [
            NotificationField(
                name=name, about=field.about_zh if chinese else field.about, sample=samples[name]
            )
            for name, field in kind.fields.items()
        ],
        "words": kept or built_in,
        "built_in": built_in,
        "version": 0 if own is None else own.version,
        "changed": kept is not None,
        "changed_at": None if own is None else own.made_at,
        "changed_by": None if own is None else own.made_by,
        "problem": None if problem is None else problem.problem,
        "problem_times": 0 if problem is None else problem.times,
    }
    return NotificationTemplate.model_validate(told)


def _kept(row: StoredWords) -> NotificationWords | None:
    """Words as they are kept, however old: what cannot be used can still be seen."""
    if row.words is None:
        return None
    told: dict[str, Any] = {name: row.words.get(name) for name in NotificationWords.model_fields}
    return NotificationWords.model_construct(**told)


def _told(words: Words) -> NotificationWords:
    return NotificationWords(
        subject=words.subject, text=words.text, short=words.short, html=words.html
    )

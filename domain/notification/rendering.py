"""What was composed becomes what people read, in their language and the plant's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from domain.notification.filling import filled, read_parts
from domain.notification.letters import Composed, Rendered, Value
from domain.notification.markup import escaped, page, paragraphs
from domain.notification.short_texts import fitted
from domain.notification.templates import LINK, Words

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_OPEN: Final = {"en": "Open in gemba", "zh-CN": "在 gemba 中打开"}
_LONGEST_SUBJECT: Final = 200


def render(
    composed: Composed, words: Words, *, language: str, priority: str, public_url: str
) -> Rendered:
    """A letter in words.

    Args:
        composed: what it says.
        words: the template's, in `language`.
        language: `en` or `zh-CN`.
        priority: `critical`, `high`, `medium` or `low`.
        public_url: how people reach the pages; empty: nobody said, and paths are left out.

    Raises:
        MissingValueError: a placeholder has no value.
        TextError: the words are no template.
    """
    link = link_of(composed.link, public_url)
    fields = written(composed.values, language=language, time_zone=composed.time_zone)
    fields[LINK] = link or ""
    subject = " ".join(filled(read_parts(words.subject), fields).split())
    text = filled(read_parts(words.text), fields)
    # The page has a button for the link: among the words it would stand twice.
    body = (
        paragraphs(filled(read_parts(words.text), {**fields, LINK: ""}))
        if words.html is None
        else filled(read_parts(words.html), fields, escaped)
    )
    return Rendered(
        template=composed.template,
        subject=subject[:_LONGEST_SUBJECT],
        text=text,
        html=page(
            body,
            title=subject,
            language=language,
            priority=priority,
            link=link if words.html is None or "{link}" not in words.html else None,
            open_words=_OPEN.get(language, _OPEN["en"]),
        ),
        short=fitted(filled(read_parts(words.short), {**fields, LINK: ""}), link),
        link=link,
        language=language,
        priority=priority,
        fields=fields,
        attachments=composed.attachments,
        headers=composed.headers,
    )


def link_of(link: str | None, public_url: str) -> str | None:
    """A link as a whole; None: there is none, or nobody said how the pages are reached."""
    if link is None or not link.startswith("/"):
        return link
    return public_url.rstrip("/") + link if public_url else None


def written(values: Mapping[str, Value], *, language: str, time_zone: str) -> dict[str, str]:
    """Values as people of a language read them, times in a zone."""
    zone = ZoneInfo(time_zone)
    return {name: _written(value, language, zone) for name, value in values.items()}


def moment(at: datetime, *, language: str, time_zone: str) -> str:
    """A moment, to the minute, with its zone."""
    return _moment(at, language, ZoneInfo(time_zone))


def _written(value: Value, language: str, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _moment(value, language, zone)
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _moment(at: datetime, language: str, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    name = local.tzname() or ""
    if name[:1] in "+-":  # a zone without a name of its own
        name = f"UTC{name}"
    if language == "zh-CN":
        return f"{local:%Y-%m-%d %H:%M} {name}".rstrip()
    month = _MONTHS[local.month - 1]
    return f"{local.day} {month} {local.year}, {local:%H:%M} {name}".rstrip()

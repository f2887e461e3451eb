"""Templates: what there is to tell, which placeholders it has, the words that are built in.

People may put words of their own in their place, by language. Such words are judged before they
are kept (`faults_of`): every placeholder has to be one of the template's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec

from domain.notification.filling import TextError, read_parts, slots_of, unknown_slot
from domain.notification.letters import Value
from domain.notification.markup import faults_of_markup

LANGUAGES: Final = ("en", "zh-CN")
LINK: Final = "link"
"""Every template has it; empty where nobody said how the installation is reached."""


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of a template in a language, with placeholders.

    Attributes:
        subject: a mail's subject, a notification's title.
        text: as plain text.
        short: as a text message; it is cut to its length, and the link follows by itself.
        html: what stands in a mail's page; None: made of the text.
    """

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    short: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    html: Annotated[str, msgspec.Meta(min_length=1, max_length=50_000)] | None = None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A placeholder: what stands for it, with an example in each language."""

    about: str
    about_zh: str
    sample: Value
    sample_zh: Value = None

    def example(self, language: str) -> Value:
        """An example for previews."""
        if language == "zh-CN" and self.sample_zh is not None:
            return self.sample_zh
        return self.sample


class TemplateKind(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people are told.

    Attributes:
        fields: its placeholders by name, `link` among them by itself.
        words: those that are built in, by language.
        priority: for previews.
    """

    name: str
    about: str
    about_zh: str
    fields: Mapping[str, Field]
    words: Mapping[str, Words]
    priority: str = "medium"

    @property
    def known(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(self.fields) | {LINK}

    def samples(self, language: str) -> dict[str, Value]:
        """Values to look at it with."""
        return {name: field.example(language) for name, field in self.fields.items()}


class TemplateFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with words: in which of their parts, which placeholder, and what to do."""

    part: str
    problem: str
    placeholder: str | None = None


def faults_of(kind: TemplateKind, words: Words) -> list[TemplateFault]:
    """What is wrong with somebody's words; nothing: they may be kept."""
    faults = []
    for part in ("subject", "text", "short", "html"):
        text = getattr(words, part)
        if text is None:
            continue
        try:
            slots = list(slots_of(read_parts(text)))
        except TextError as error:
            faults.append(TemplateFault(part=part, problem=str(error), placeholder=error.found))
            continue
        faults += [
            TemplateFault(part=part, problem=unknown_slot(name, kind.known), placeholder=name)
            for name in dict.fromkeys(slots)
            if name not in kind.known
        ]
        if not text.strip():
            faults.append(TemplateFault(part=part, problem="it says nothing"))
    if "\n" in words.subject or "\r" in words.subject:
        faults.append(TemplateFault(part="subject", problem="it has to be one line"))
    if words.html is not None:
        faults += [
            TemplateFault(part="html", problem=each) for each in faults_of_markup(words.html)
        ]
    return faults


def at(text: str) -> datetime:
    """A moment of an example."""
    return datetime.fromisoformat(text)

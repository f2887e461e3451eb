"""Which of a provider's approved templates a letter is, and what its variables say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from domain.notification.http_ways import OTHERS, NamedTemplate, OrderedTemplate
from domain.notification.letters import Rendered
from notify.drivers.provider import said_by

_Template = TypeVar("_Template", NamedTemplate, OrderedTemplate)


class NoTemplateError(Exception):
    """A way says no template for a letter, or one with a variable that means nothing."""


def template_of(templates: Mapping[str, _Template], rendered: Rendered) -> _Template:
    """A letter's template: by name and language, by name, or the one for all others.

    Raises:
        NoTemplateError: there is none.
    """
    named = f"{rendered.template}/{rendered.language}"
    for key in (named, rendered.template, f"{OTHERS}/{rendered.language}", OTHERS):
        if key in templates:
            return templates[key]
    raise NoTemplateError(
        f"there is no provider's template for {named}; set one in the way's templates"
    )


def named_values(template: NamedTemplate, rendered: Rendered) -> dict[str, str]:
    """The values of a template whose variables have names.

    Raises:
        NoTemplateError: a variable means nothing that there is.
    """
    values = _values(list(template.parameters.values()), rendered, template.longest)
    return dict(zip(template.parameters, values, strict=True))


def ordered_values(template: OrderedTemplate, rendered: Rendered) -> list[str]:
    """The values of a template whose variables are numbered; raises as `named_values`."""
    return _values(template.parameters, rendered, template.longest)


def _values(placeholders: Sequence[str], rendered: Rendered, longest: int) -> list[str]:
    values = []
    for placeholder in placeholders:
        value = said_by(rendered, placeholder)
        if value is None:
            raise NoTemplateError(
                f"the template {rendered.template} has no placeholder {placeholder!r};"
                f" it has {', '.join(sorted(rendered.fields))}, subject, short, text, link"
            )
        line = " ".join(value.split())
        values.append(line if len(line) <= longest else line[: longest - 1] + "…")
    return values

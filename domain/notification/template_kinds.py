"""All templates by name. Whoever has something new to tell adds its kind here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.customer_notices.templates import CONFIRM, DATE_MOVED
from domain.notification.alarm_templates import (
    ALARM_CLEARED,
    ALARM_DIGEST,
    ALARM_ESCALATED,
    ALARM_RAISED,
    TEST,
)
from domain.notification.templates import TemplateKind
from domain.reports.letter_template import REPORT

TEMPLATES: Final[Mapping[str, TemplateKind]] = {
    each.name: each
    for each in (
        ALARM_RAISED,
        ALARM_ESCALATED,
        ALARM_CLEARED,
        ALARM_DIGEST,
        TEST,
        REPORT,
        DATE_MOVED,
        CONFIRM,
    )
}

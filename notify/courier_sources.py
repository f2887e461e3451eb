"""All sources of letters.

Whoever has letters adds its source here, and its table in `store.notification.sources`.
"""

from __future__ import annotations

from notify.api_address import api_url
from notify.courier_ports import Source, Tools
from notify.customer_letters import CustomerLetters
from notify.letter_sources import AlarmLetters, TrialLetters
from notify.report_letters import ReportLetters
from runtime.settings import NotifySettings


def build_sources(settings: NotifySettings, tools: Tools) -> list[Source]:
    """The sources, in the order in which letters are taken on.

    Args:
        settings: for those that need some of their own.
        tools: connections, the time, the installation's key.
    """
    return [
        TrialLetters(),
        AlarmLetters(tools.pool),
        CustomerLetters(installation_key=tools.installation_key, public_url=settings.public_url),
        ReportLetters(
            installation_key=tools.installation_key,
            api_url=api_url(settings.http_host, settings.http_port),
            font=settings.report_font,
            patience_s=settings.notification_timeout_s / 2,
        ),
    ]

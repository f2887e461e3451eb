"""The courier with everything it stands on: what `run notify` needs of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import psycopg

from domain.notification.retrying import Policy
from domain.notification.smtp_url import SmtpUrlError, read_smtp_url
from domain.notification.ways import Smtp
from notify.alarm_wakes import listen
from notify.courier import Courier
from notify.courier_ports import Source, Tools
from notify.courier_sources import build_sources
from notify.drivers.registry import build_drivers
from notify.letter_words import Writer
from notify.way_choice import Ways
from runtime.clock import Clock
from runtime.health import HealthState
from runtime.settings import NotifySettings
from store.database import Pool
from store.leases import AWAY
from store.notification import environment
from store.notification.letters import CHANNEL
from store.notification.sources import TABLES

_log = logging.getLogger(__name__)

_CONNECTIONS: Final = 64
_AWAY_S: Final = 2.0


class CourierService:
    """The courier as a part of `notify`: its connections, its wake-ups, its health.

    Raises:
        SmtpUrlError: GEMBA_SMTP_URL or GEMBA_SMTP_FROM is wrong.
    """

    def __init__(
        self, settings: NotifySettings, *, pool: Pool, clock: Clock, installation_key: str
    ) -> None:
        self._given = mail_server_of(settings)
        self._pool = pool
        self._key = installation_key
        self._url = settings.database_url.get_secret_value()
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=settings.notification_timeout_s,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0),
        )
        tools = Tools(
            http=self._http,
            clock=clock,
            pool=pool,
            timeout_s=settings.notification_timeout_s,
            private=settings.webhooks_to_private_addresses,
            installation_key=installation_key,
        )
        sources: list[Source] = build_sources(settings, tools)
        self._courier = Courier(
            pool=pool,
            clock=clock,
            sources=sources,
            drivers=build_drivers(tools),
            ways=Ways(pool, installation_key),
            writer=Writer(pool, settings.public_url),
            policy=Policy(
                age=timedelta(hours=settings.notification_hours),
                bounces=settings.notification_bounces,
            ),
            timeout_s=settings.notification_timeout_s,
        )

    @property
    def metrics(self) -> dict[str, float]:
        """Counters since the start, and gauges."""
        return self._courier.metrics

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is."""
        return self._courier.health

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [
            self._begin_and_send(),
            listen(
                self._url,
                self._courier.wake,
                topics=frozenset(each.table for each in TABLES.values()),
                name="letters",
                channel=CHANNEL,
            ),
        ]

    async def _begin_and_send(self) -> None:
        """Keep the mail server of the settings as a way, then send."""
        try:
            await self._keep_given()
            await self._courier.keep_sending()
        finally:
            await self._http.aclose()

    async def _keep_given(self) -> None:
        """Keep the mail server of the settings, as soon as the database is there."""
        while True:
            try:
                async with self._pool.connection() as connection, connection.transaction():
                    await environment.keep(connection, self._given, installation_key=self._key)
            except (*AWAY, psycopg.errors.UndefinedTable) as error:
                _log.info("ways are not read yet: %s", str(error).strip())
                await asyncio.sleep(_AWAY_S)
            else:
                return


def mail_server_of(settings: NotifySettings) -> tuple[Smtp, str | None] | None:
    """The mail server that the settings give, if any.

    Raises:
        SmtpUrlError: it is none, or nobody says which address mails come from.
    """
    url = settings.smtp_url.get_secret_value()
    if not url:
        return None
    host = urlsplit(settings.public_url).hostname
    sender = settings.smtp_from or (f"gemba@{host}" if host else "")
    if not sender:
        raise SmtpUrlError(
            "GEMBA_SMTP_URL is set, and nothing says which address mails come from: set"
            " GEMBA_SMTP_FROM, or GEMBA_PUBLIC_URL"
        )
    return read_smtp_url(url, sender=sender)

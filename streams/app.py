"""The Faust app for an installation, and the worker that runs it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import faust
from faust.tables import TableManager
from faust.types import TransportT
from yarl import URL

from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import StreamsSettings
from store.database import build_pool
from store.log import LogError, build_log
from store.log.kafka_address import is_kafka
from streams import kafka
from streams.transport import Transport
from streams.transport.patience import AWAY, pause_s, said

logger = logging.getLogger(__name__)

GROUP: Final = "gemba-streams"
"""The consumer group; also the app's id."""
BUFFER_RECORDS: Final = 256
"""Records that wait in front of an agent; each may be as large as MAX_RECORD_BYTES."""
STOP_TIMEOUT_S: Final = 20.0


class NoTables(TableManager):  # type: ignore[misc] # Faust is untyped here
    """Faust's table manager without its second of waiting for tables to be declared."""

    async def on_start(self) -> None:
        """Start what resumes the streams after an assignment."""
        await self._update_channels()
        await self.recovery.start()


class App(faust.App):  # type: ignore[misc] # Faust is untyped here
    """A Faust app that knows stream and database, and keeps nothing on disk.

    Attributes:
        embedded_log_url: the database, also on Kafka.
        stream_url: the stream; it may hold a password.
        effects: per topic the groups of `effect_offsets` that make effects of it: on Kafka a
            partition begins after what all of them have done.
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - Faust's name for it
        *,
        embedded_log_url: str,
        stream_url: str,
        effects: Mapping[str, Collection[str]],
        **options: Any,
    ) -> None:
        self.embedded_log_url = embedded_log_url
        self.waiting_for: str | None = None
        """What has to be there before it can begin, and is not."""
        self.stream_url = stream_url
        self.effects = effects
        super().__init__(id, **options)

    def waits_for(self, what: str | None) -> None:
        """Remember what it waits for before it can begin; None: nothing any more."""
        self.waiting_for = what

    def _new_transport(self) -> TransportT:
        return self._transport_for(self.conf.broker_consumer) or super()._new_transport()

    def _new_producer_transport(self) -> TransportT:
        return self._transport_for(self.conf.broker_producer) or super()._new_producer_transport()

    def _transport_for(self, urls: list[URL]) -> TransportT | None:
        # The entry point says the same, but only to an installation whose metadata is fresh; and
        # by the name `kafka` Faust would take its own driver.
        if is_kafka(self.stream_url):
            return kafka.Transport(urls, self)
        return Transport(urls, self) if urls[0].scheme == "embedded" else None

    def on_fenced(self, topic: str, partition: int) -> None:
        """Another worker has made effects in a partition that is this one's."""
        if isinstance(self._consumer, kafka.Consumer):
            self._consumer.on_fenced(topic, partition)

    def assigned_partitions(self) -> list[tuple[str, int]]:
        """What this worker consumes now, as (topic, partition); may be asked from any thread."""
        if self._consumer is None:
            return []
        return [(tp.topic, tp.partition) for tp in tuple(self._consumer.assignment())]

    def _create_directories(self) -> None:
        """No directories: there are no tables."""


def build_app(
    settings: StreamsSettings,
    *,
    group: str = GROUP,
    effects: Mapping[str, Collection[str]] | None = None,
) -> App:
    """The app for a settings object, without agents. Connects to nothing.

    Args:
        settings: says which stream and which database.
        group: the consumer group: one worker per group and partition.
        effects: see `App`.
    """
    url = settings.stream_url
    return App(
        group,
        embedded_log_url=settings.database_url.get_secret_value(),
        stream_url=url,
        effects=effects or {},
        # Faust prints it; which servers, and who we are, is the transport's to know.
        broker="kafka://" if is_kafka(url) else url,
        broker_commit_interval=1.0,
        broker_session_timeout=kafka.SESSION_TIMEOUT_S,
        broker_heartbeat_interval=kafka.HEARTBEAT_S,
        broker_request_timeout=30.0,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        stream_buffer_maxsize=BUFFER_RECORDS,
        stream_wait_empty=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        TableManager=NoTables,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )


async def create_topics(
    settings: StreamsSettings, *, on_waiting: Callable[[str | None], None] = lambda _what: None
) -> None:
    """Make the stream's topics; waits for a backend that is not there yet.

    Args:
        settings: say which stream and which database.
        on_waiting: told what is waited for, and None when that is over.

    Raises:
        store.log.LogError: a topic exists with another number of partitions.
    """
    attempt = 0
    while True:
        try:
            async with (
                build_pool(
                    settings.database_url.get_secret_value(), name="topics", min_size=0, max_size=1
                ) as pool,
                build_log(settings.stream_url, pool) as log,
            ):
                await log.create_topics(TOPICS, PARTITIONS)
        except AWAY as error:
            waiting = f"the stream's backend is not there yet: {said(error)}"
            logger.warning("%s", waiting)
            on_waiting(waiting)
            await asyncio.sleep(pause_s(attempt))
            attempt += 1
        else:
            on_waiting(None)
            return


async def serve(app: App, stop: asyncio.Event) -> int:
    """Run an app until `stop` is set or it crashes; returns the process's exit code."""
    # While another worker has the lease, `start` does not return.
    started = asyncio.create_task(app.start())
    ended = asyncio.create_task(app.wait_until_stopped())
    stopping = asyncio.create_task(stop.wait())
    tasks = (started, ended, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if started.done() and not started.cancelled() and started.exception() is None:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        crashed = not stop.is_set()
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        stopped = await _stop(app)
    if crashed:
        errors = [outcome for outcome in outcomes[:2] if isinstance(outcome, Exception)]
        logger.critical("the stream worker crashed: %r", app.crash_reason or errors)
    return 0 if stopped and not crashed else 1


async def _stop(app: App) -> bool:
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await app.stop()
    except TimeoutError:
        logger.error("the stream worker did not stop in %.0f s", STOP_TIMEOUT_S)  # noqa: TRY400 - where it hung is not in the traceback
        return False
    return True


async def run_worker(app: App, settings: StreamsSettings) -> int:
    """Create the topics and run an app's worker until SIGTERM or SIGINT.

    Logging is left as it is, and nothing listens on a port.

    Returns:
        0 after a signal; 1 when the engine crashed, or the log refuses this installation.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        topics = asyncio.create_task(create_topics(settings, on_waiting=app.waits_for))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({topics, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not topics.done():
            topics.cancel()
            return 0
        try:
            await topics
        except LogError as error:  # what it is, is more use than where it was raised
            logger.critical("the stream worker cannot work: %s", error)
            return 1
        return await serve(app, stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

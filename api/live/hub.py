"""The live hub: one reader of Redis per process and channel, any number of sockets behind it.

A `Feed` follows one channel. What it reads is serialised once and handed to every socket's outbox;
a socket that does not keep up has its own trouble and nobody else's. All that a subscriber is told
passes the feed's lock, so what it gets is a base (a snapshot, or its own position) and then every
delta after it, each once, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Protocol

import msgspec
import psycopg
import psycopg_pool
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.live import outbox
from api.live.limits import of_lines
from api.live.outbox import Kind, Outgoing
from contracts.ids import SiteCode
from contracts.live import ChannelKind, CloseCode, Error, Position, Subscribed
from domain.access import sees_scope
from runtime import tasks
from runtime.clock import Clock
from store.api_keys import valid as valid_keys
from store.database import Pool
from store.live_access import sites_of_scope, valid_links, valid_sessions
from store.live_channels import (
    WAKE,
    WANT_INTERVAL_S,
    Deltas,
    LiveChannels,
    Missing,
    ReadResult,
    Snapshot,
    parse_channel,
)
from store.own_orders import still_own

_WATCH_S: Final = 0.5
_NOT_READY_S: Final = 5.0
_BACK_OFF_S: Final = 1.0
_AWAY: Final = (RedisError, OSError)
_log = logging.getLogger(__name__)


class Subscriber(Protocol):
    """A socket, as the hub sees it."""

    session: bytes | None
    """The hash of the session that it lives from."""
    expires_ms: int | None
    sites: frozenset[SiteCode]
    """What its owner is limited to; empty: nothing."""
    lines: frozenset[str]
    """Likewise, lines."""
    customer_id: int | None
    """Whose orders it may follow."""
    key: int | None
    """The API key that it lives from."""

    def offer(self, message: Outgoing) -> None:
        """Queue a message; never waits."""
        ...

    def close(self, code: CloseCode) -> None:
        """Begin to close the socket."""
        ...

    def is_stuck(self) -> bool:
        """Whether its client has been too slow for too long."""
        ...


class Subscription:
    """One subscriber of one feed; `position` is what it has been told up to."""

    __slots__ = ("position", "subscriber")

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.position: Position | None = None


class Feed:
    """One channel and those who watch it.

    Args:
        channels: where to read.
        channel: the channel's name within the installation.
        public_name: what clients call it (a tracking channel's link, not its hash).
        link: the hash of the tracking link that it belongs to.
        lines: only machines (or alarms) of these lines are told of; none: all.
    """

    def __init__(
        self,
        channels: LiveChannels,
        channel: str,
        public_name: str,
        link: bytes | None,
        lines: frozenset[str] = frozenset(),
    ) -> None:
        self.channel = channel
        self.public_name = public_name
        self.link = link
        self._lines = lines
        self.subscriptions: dict[Subscriber, Subscription] = {}
        self._channels = channels
        self._position: Position | None = None
        self._snapshot: tuple[Position, Outgoing] | None = None
        self._lock = asyncio.Lock()
        self._reading = False
        self._news = False

    async def join(self, subscriber: Subscriber, since: Position | None) -> bool:
        """Tell a subscriber what it has missed, or everything; false when there is nothing yet.

        It stays subscribed either way. Raises `RedisError` when Redis is away.
        """
        subscription = self.subscriptions.setdefault(subscriber, Subscription(subscriber))
        async with self._lock:
            subscription.position = None
            if since is None and self._snapshot and self._snapshot[0] == self._position:
                subscription.position, message = self._snapshot
                subscriber.offer(message)
                return True
            read = await self._read(since)
            if isinstance(read, Missing):
                return False
            self._serve(subscription, read, since)
            return True

    async def _read(self, since: Position | None) -> ReadResult:
        read = await self._channels.read(self.channel, since)
        return read if not self._lines else of_lines(self.channel, read, self._lines)

    def _serve(self, subscription: Subscription, read: ReadResult, since: Position | None) -> None:
        if isinstance(read, Snapshot):
            message = self._told(read)
            if self._position is None:
                self._position = read.position
            subscription.subscriber.offer(message)
            subscription.position = read.position
        elif isinstance(read, Deltas) and since is not None:
            answer = Subscribed(self.public_name, since.epoch, since.offset)
            text = msgspec.json.encode(answer).decode()
            subscription.subscriber.offer(Outgoing(text, Kind.BASE, channel=self.public_name))
            if read.data:
                merged = outbox.merged_delta(self.public_name, read.position.offset, read.data)
                subscription.subscriber.offer(merged)
            if self._position is None:
                self._position = read.position
            subscription.position = read.position

    async def news(self) -> None:
        """Read what is new and hand it on; whoever calls while that goes on is served by it."""
        self._news = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._news:
                self._news = False
                async with self._lock:
                    self._hand_on(await self._read(self._position))
        finally:
            self._reading = False

    def _hand_on(self, read: ReadResult) -> None:
        match read:
            case Missing():
                return
            case Snapshot():
                message = self._told(read)
                self._position = read.position
                for subscription in self.subscriptions.values():
                    if subscription.position != read.position:
                        subscription.position = read.position
                        subscription.subscriber.offer(message)
            case Deltas():
                first = read.position.offset - len(read.data) + 1
                messages = [
                    outbox.delta(self.public_name, offset, data)
                    for offset, data in enumerate(read.data, first)
                ]
                self._position = read.position
                for subscription in self.subscriptions.values():
                    self._follow(subscription, messages, read.position)

    def _follow(
        self, subscription: Subscription, messages: list[Outgoing], position: Position
    ) -> None:
        """Hand deltas to a subscriber that has a base, leaving out what it was told with it."""
        told = subscription.position
        if told is None or told.epoch != position.epoch or told.offset >= position.offset:
            return
        for message in messages:
            if message.offset > told.offset:
                subscription.subscriber.offer(message)
        subscription.position = position

    def _told(self, read: Snapshot) -> Outgoing:
        if self._snapshot is None or self._snapshot[0] != read.position:
            position = read.position
            message = outbox.snapshot(self.public_name, position.epoch, position.offset, read.data)
            self._snapshot = (position, message)
        return self._snapshot[1]


class LiveHub:
    """All feeds of this process. `run` keeps them going.

    Attributes:
        metrics: counters since the start.
    """

    def __init__(self, *, pool: Pool, redis: Redis, clock: Clock) -> None:
        self.pool = pool
        self._channels = LiveChannels(redis)
        self._clock = clock
        # By channel, and there by the lines that its subscribers are limited to.
        self._feeds: dict[str, dict[frozenset[str], Feed]] = {}
        self._sockets: set[Subscriber] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = False
        self.metrics: dict[str, float] = {"wakes": 0, "stuck": 0, "outages": 0}

    @property
    def listening(self) -> bool:
        """Whether news reach this process."""
        return self._listening

    @property
    def sockets(self) -> int:
        """How many sockets are open."""
        return len(self._sockets)

    def enter(self, subscriber: Subscriber) -> None:
        """A socket has opened."""
        self._sockets.add(subscriber)

    def leave(self, subscriber: Subscriber, channels: Iterable[str]) -> None:
        """A socket has closed; these are the channels it watched."""
        self._sockets.discard(subscriber)
        for channel in channels:
            self.unsubscribe(subscriber, channel)

    async def subscribe(
        self,
        subscriber: Subscriber,
        channel: str,
        *,
        public_name: str,
        since: Position | None,
        link: bytes | None = None,
        lines: frozenset[str] = frozenset(),
    ) -> None:
        """Let a socket watch a channel it is allowed to watch; with `lines`, only those of it."""
        feeds = self._feeds.setdefault(channel, {})
        feed = feeds.get(lines)
        is_new = feed is None
        if feed is None:
            feed = feeds[lines] = Feed(self._channels, channel, public_name, link, lines)
        try:
            served = await feed.join(subscriber, since)
            if is_new or not served:
                await self._channels.want([channel])
        except _AWAY as error:
            _log.warning("live: %s: %s", type(error).__name__, error)
            served = False
        if not served:
            self._later(self._say_not_ready(feed, subscriber))

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Stop telling a socket of a channel; the last one to leave ends the feed."""
        feeds = self._feeds.get(channel, {})
        for lines, feed in list(feeds.items()):
            feed.subscriptions.pop(subscriber, None)
            if not feed.subscriptions:
                del feeds[lines]
        if not feeds:
            self._feeds.pop(channel, None)

    async def run(self) -> None:
        """Follow the channels until cancelled."""
        work = [
            asyncio.create_task(self._listen(), name="live-listen"),
            asyncio.create_task(self._refresh(), name="live-refresh"),
            asyncio.create_task(self._watch(), name="live-watch"),
        ]
        try:
            await asyncio.gather(*work)
        finally:
            await tasks.end([*work, *self._tasks])

    def close_all(self, code: CloseCode = CloseCode.GOING_AWAY) -> None:
        """Close every socket."""
        for subscriber in list(self._sockets):
            subscriber.close(code)

    async def _say_not_ready(self, feed: Feed, subscriber: Subscriber) -> None:
        """Tell a subscriber that nothing has come for a while; it is served when it comes."""
        await asyncio.sleep(_NOT_READY_S)
        subscription = feed.subscriptions.get(subscriber)
        if subscription is not None and subscription.position is None:
            detail = "Nothing is known of this channel yet; it follows when it is."
            subscriber.offer(_error("not_ready", detail, feed.public_name))

    async def _listen(self) -> None:
        while True:
            try:
                async with self._channels.listen(WAKE) as messages:
                    # What was said before is missed: ask for everything once.
                    await self._channels.want(self._feeds)
                    self._wake(self._feeds)
                    self._listening = True
                    async for _, channel in messages:
                        self.metrics["wakes"] += 1
                        self._wake([channel.decode()])
            except _AWAY as error:
                self.metrics["outages"] += 1
                _log.warning("live: no news: %s: %s", type(error).__name__, error)
            finally:
                self._listening = False
            await asyncio.sleep(_BACK_OFF_S)

    def _all_feeds(self) -> list[Feed]:
        return [feed for feeds in self._feeds.values() for feed in feeds.values()]

    def _wake(self, names: Iterable[str]) -> None:
        for name in list(names):
            for feed in self._feeds.get(name, {}).values():
                self._later(self._news(feed))

    async def _news(self, feed: Feed) -> None:
        try:
            await feed.news()
        except _AWAY as error:
            # The listener finds out too, and asks for everything when Redis is back; unless only
            # this command failed.
            _log.warning("live: %s: %s: %s", feed.channel, type(error).__name__, error)
            await asyncio.sleep(_BACK_OFF_S)
            if feed in self._all_feeds():
                self._later(self._news(feed))

    async def _refresh(self) -> None:
        """Say what is watched, catch wakes that were lost, and end what is no longer allowed."""
        while True:
            await asyncio.sleep(WANT_INTERVAL_S)
            try:
                await self.refresh()
            except (*_AWAY, psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
                _log.warning("live: %s: %s", type(error).__name__, error)

    async def refresh(self) -> None:
        """One round of `_refresh`."""
        await self._channels.want(self._feeds)
        self._wake(self._feeds)
        await self._end_sessions()
        await self._end_keys()
        await self._end_links()
        await self._end_scopes()
        await self._end_own()

    async def _end_sessions(self) -> None:
        now_ms = self._clock.now_ms()
        for socket in list(self._sockets):
            if socket.expires_ms is not None and socket.expires_ms <= now_ms:
                socket.close(CloseCode.SIGNED_OUT)
        sessions = {socket.session for socket in self._sockets if socket.session is not None}
        if not sessions:
            return
        async with self.pool.connection() as connection:
            valid = await valid_sessions(connection, sessions)
        for socket in list(self._sockets):
            if socket.session is not None and socket.session in sessions - valid:
                socket.close(CloseCode.SIGNED_OUT)

    async def _end_keys(self) -> None:
        keys = {socket.key for socket in self._sockets if socket.key is not None}
        if not keys:
            return
        async with self.pool.connection() as connection:
            ended = keys - await valid_keys(connection, keys)
        for socket in list(self._sockets):
            if socket.key in ended:
                socket.close(CloseCode.SIGNED_OUT)

    async def _end_own(self) -> None:
        """Leave orders that have become another customer's."""
        for feed in self._all_feeds():
            kind, number = parse_channel(feed.channel)
            if kind is not ChannelKind.OWN:
                continue
            for subscriber in list(feed.subscriptions):
                async with self.pool.connection() as connection:
                    own = await still_own(connection, subscriber.customer_id or 0, [number])
                if not own:
                    subscriber.offer(
                        _error("not_found", "there is no such order", feed.public_name)
                    )
                    self.unsubscribe(subscriber, feed.channel)

    async def _end_links(self) -> None:
        links = {feed.link for feed in self._all_feeds() if feed.link is not None}
        if not links:
            return
        async with self.pool.connection() as connection:
            ended = links - await valid_links(connection, links)
        for feed in [feed for feed in self._all_feeds() if feed.link in ended]:
            for subscriber in list(feed.subscriptions):
                subscriber.offer(
                    _error("not_found", "The link is no longer valid.", feed.public_name)
                )
                self.unsubscribe(subscriber, feed.channel)

    async def _end_scopes(self) -> None:
        """Leave the plans of scopes that were given a site which a subscriber may not see."""
        for feed in self._all_feeds():
            kind, scope = parse_channel(feed.channel)
            limited = [each for each in feed.subscriptions if each.sites]
            if kind is not ChannelKind.PLAN or not limited:
                continue
            async with self.pool.connection() as connection:
                sites = await sites_of_scope(connection, scope)
            for subscriber in limited:
                if not sees_scope(subscriber.sites, sites):
                    subscriber.offer(
                        _error("not_found", "there is no such planning scope", feed.public_name)
                    )
                    self.unsubscribe(subscriber, feed.channel)

    async def _watch(self) -> None:
        """Close the sockets whose clients have been too slow for too long."""
        while True:
            await asyncio.sleep(_WATCH_S)
            for socket in list(self._sockets):
                if socket.is_stuck():
                    self.metrics["stuck"] += 1
                    socket.close(CloseCode.RESUME)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _error(code: str, detail: str, channel: str | None) -> Outgoing:
    return Outgoing(msgspec.json.encode(Error(code, detail, channel)).decode())

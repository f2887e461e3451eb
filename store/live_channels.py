"""The live channels in Redis: a snapshot and bounded deltas each, written by one projector.

Keys of a channel::

    gemba:live:state:<channel>   hash: key -> JSON, and the fields `@epoch` and `@offset`
    gemba:live:deltas:<channel>  stream: id `<offset>-0`, field `d` -> JSON object of what changed
    gemba:live:want:<channel>    somebody watches it; expires unless it is said again

An epoch is one projector's writing over one life of Redis: whatever could make two histories share
an offset (Redis lost, restored from an older file, another projector) begins a new epoch, and a
reader that comes with the old one gets a snapshot. Epoch and offset stand in the same hash as the
state, so they are evicted, lost and restored together. Writing is one Lua script; so is reading.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import msgspec
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from contracts.live import ChannelKind, Position

WAKE: Final = "gemba:live:wake"
"""Pub/sub: the name of a channel that has news."""
WANTS: Final = "gemba:live:wants"
"""Pub/sub: a JSON list of channels that somebody watches."""
PROJECTOR: Final = "gemba:live:projector"
"""Whose turn it is to write: the token of one projector, for as long as it says that it is there.

Who takes the turn does so under a token that was never used before, reads under it, and writes only
while it is still the one that stands here (LIVE-16)."""
MARKS: Final = "gemba:live:marks"
"""Pub/sub: JSON, what a projector that may not write was told; for the one that may."""
TURN_LIFETIME_MS: Final = 2_000
"""After so long without a word of a killed or stopped projector another one may write."""

WANT_LIFETIME_S: Final = 90
WANT_INTERVAL_S: Final = 30.0
MAX_DELTAS: Final = 2_000
MAX_DELTA_BYTES: Final = 4 * 1024 * 1024
"""Per channel: what a client that was away can still get as deltas."""
LIFETIME_S: Final = 600
"""A channel that nobody keeps alive goes by itself, also when no projector is left to drop it."""

MAX_CONNECTIONS: Final = 16
_CONFIRM_S: Final = 5.0
_LISTEN_S: Final = 5.0
_DROPPED_AT_ONCE: Final = 1_000
_STATE: Final = "gemba:live:state:"
_DELTAS: Final = "gemba:live:deltas:"
_WANT: Final = "gemba:live:want:"

# KEYS: state, deltas, projector. ARGV: turn, expected epoch, expected offset, fresh epoch,
# full (1) or changes (0), largest number of deltas, largest bytes of deltas, lifetime, where to
# wake, name of the channel, lifetime of the turn, then pairs of key and JSON ('' deletes).
_APPLY: Final = """
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'fenced', '', 0} end
redis.call('PEXPIRE', KEYS[3], ARGV[11])
local here = redis.call('HMGET', KEYS[1], '@epoch', '@offset', '@bytes')
local epoch, offset = here[1], tonumber(here[2] or '0')
local full = ARGV[5] == '1'
if not epoch or epoch ~= ARGV[2] or offset ~= tonumber(ARGV[3]) then
  if not full then return {'gone', '', 0} end
  redis.call('DEL', KEYS[1], KEYS[2])
  local fields = {'@epoch', ARGV[4], '@offset', '0', '@bytes', '0'}
  for i = 12, #ARGV, 2 do
    if ARGV[i + 1] ~= '' then
      fields[#fields + 1] = ARGV[i]
      fields[#fields + 1] = ARGV[i + 1]
    end
    if #fields > 1000 then redis.call('HSET', KEYS[1], unpack(fields)); fields = {} end
  end
  if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
  redis.call('EXPIRE', KEYS[1], ARGV[8])
  redis.call('PUBLISH', ARGV[9], ARGV[10])
  return {'ok', ARGV[4], 0}
end
local parts, named = {}, {}
for i = 12, #ARGV, 2 do
  local key, value = ARGV[i], ARGV[i + 1]
  named[key] = true
  if value == '' then
    if redis.call('HDEL', KEYS[1], key) == 1 then
      parts[#parts + 1] = cjson.encode(key) .. ':null'
    end
  elseif redis.call('HGET', KEYS[1], key) ~= value then
    redis.call('HSET', KEYS[1], key, value)
    parts[#parts + 1] = cjson.encode(key) .. ':' .. value
  end
end
if full then
  for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(key, 1, 1) ~= '@' and not named[key] then
      redis.call('HDEL', KEYS[1], key)
      parts[#parts + 1] = cjson.encode(key) .. ':null'
    end
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[8])
if #parts == 0 then return {'ok', epoch, offset} end
offset = offset + 1
local delta = '{' .. table.concat(parts, ',') .. '}'
local bytes = tonumber(here[3] or '0') + #delta
redis.call('XADD', KEYS[2], offset .. '-0', 'd', delta)
redis.call('EXPIRE', KEYS[2], ARGV[8])
local count = redis.call('XLEN', KEYS[2])
while count > tonumber(ARGV[6]) or (bytes > tonumber(ARGV[7]) and count > 0) do
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', KEYS[2], oldest[1])
  bytes = bytes - #oldest[2][2]
  count = count - 1
end
redis.call('HSET', KEYS[1], '@offset', offset, '@bytes', bytes)
redis.call('PUBLISH', ARGV[9], ARGV[10])
return {'ok', epoch, offset}
"""

# KEYS: projector. ARGV: turn, lifetime.
_CLAIM: Final = """
local turn = redis.call('GET', KEYS[1])
if turn and turn ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: projector. ARGV: turn, lifetime.
_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# KEYS: projector. ARGV: turn.
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

# KEYS: projector, then what to forget. ARGV: turn.
_DROP: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
"""

# KEYS: state, deltas. ARGV: epoch ('' for a snapshot), offset.
_READ: Final = """
local here = redis.call('HMGET', KEYS[1], '@epoch', '@offset')
if not here[1] then return {'gone', '', 0} end
local epoch, offset = here[1], tonumber(here[2])
local since = tonumber(ARGV[2])
if epoch == ARGV[1] and since <= offset then
  local found = {}
  if since < offset then
    found = redis.call('XRANGE', KEYS[2], (since + 1) .. '-0', offset .. '-0')
  end
  if #found == offset - since then
    local answer = {'deltas', epoch, offset}
    for _, entry in ipairs(found) do answer[#answer + 1] = entry[2][2] end
    return answer
  end
end
local all, parts = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) ~= '@' then
    parts[#parts + 1] = cjson.encode(all[i]) .. ':' .. all[i + 1]
  end
end
return {'snapshot', epoch, offset, '{' .. table.concat(parts, ',') .. '}'}
"""


class ChannelNameError(ValueError):
    """A channel's name that is not of the protocol."""

    def __init__(self, name: str) -> None:
        super().__init__(f"channel {name[:200]!r}: must be <kind>:<subject>")
        self.name = name


class FencedProjectorError(Exception):
    """It is not this projector's turn (any more): it must take it, and read anew, to write."""


class Written(msgspec.Struct, frozen=True):
    """The channel's position after a write."""

    position: Position


class Lost(msgspec.Struct, frozen=True):
    """The channel is not what this projector left behind: it has to be written in full."""


class Snapshot(msgspec.Struct, frozen=True):
    """The whole state as one JSON object, as of a position."""

    position: Position
    data: bytes


class Deltas(msgspec.Struct, frozen=True):
    """Everything between the position asked from and `position`: one JSON object per offset."""

    position: Position
    data: list[bytes]


class Missing(msgspec.Struct, frozen=True):
    """Nobody has written the channel (yet, or since Redis was lost)."""


WriteResult: TypeAlias = Written | Lost
ReadResult: TypeAlias = Snapshot | Deltas | Missing


class _Status(enum.StrEnum):
    OK = "ok"
    GONE = "gone"
    FENCED = "fenced"
    DELTAS = "deltas"
    SNAPSHOT = "snapshot"


def parse_channel(name: str) -> tuple[ChannelKind, str]:
    """The kind and the subject of a channel.

    Raises:
        ChannelNameError: no such kind, or no subject.
    """
    kind, _, subject = name.partition(":")
    try:
        return ChannelKind(kind), _checked(name, subject)
    except ValueError:
        raise ChannelNameError(name) from None


def _checked(name: str, subject: str) -> str:
    if not subject or "\x00" in subject:
        raise ChannelNameError(name)
    return subject


def connect_redis(url: str) -> Redis:
    """A client (not yet connected) whose commands end: 5 s each, two further tries.

    Commands beyond MAX_CONNECTIONS at once wait for their turn: when all boards come back together
    after a restart, none of them is turned away.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=5.0,
        socket_connect_timeout=2.0,
        socket_timeout=5.0,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )
    return Redis.from_pool(pool)


async def _confirmed(pubsub: PubSub, count: int) -> list[tuple[str, bytes]]:
    """Wait until Redis says that it listens for us; answers what it has told by then.

    The library returns as soon as it has asked. Whoever reads a state then would miss what changed
    between the reading and the subscription.

    Raises:
        RedisConnectionError: it does not say so.
    """
    early = []
    while count:
        message = await pubsub.get_message(timeout=_CONFIRM_S)
        if message is None:
            raise RedisConnectionError(f"Redis has not confirmed {count} subscription(s) in time")
        if message["type"] == "subscribe":
            count -= 1
        elif message["type"] == "message":
            early.append((message["channel"].decode(), message["data"]))
    return early


async def _messages(
    pubsub: PubSub, early: Iterable[tuple[str, bytes]]
) -> AsyncIterator[tuple[str, bytes]]:
    for told in early:
        yield told
    while True:
        # The time-out lets the client ping a connection on which nothing is heard.
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S)
        if message is not None:
            yield message["channel"].decode(), message["data"]
        else:
            _check_heard(pubsub)


def _check_heard(pubsub: PubSub) -> None:
    """The library pings a quiet connection, but never asks whether it was answered.

    Raises:
        RedisConnectionError: it was not: the connection is open and leads nowhere any more.
    """
    connection: Any = pubsub.connection  # the library says None
    if connection is None or not connection.health_check_interval:
        return
    # The time of the next ping moves with everything that is heard, and only with that.
    overdue_s = asyncio.get_running_loop().time() - connection.next_health_check
    if overdue_s > _LISTEN_S:
        raise RedisConnectionError(f"Redis has not answered a ping for {overdue_s:.0f} s")


class LiveChannels:
    """The channels of one Redis. Raises `redis.exceptions.RedisError` when it is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._apply = redis.register_script(_APPLY)
        self._claim = redis.register_script(_CLAIM)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._drop = redis.register_script(_DROP)
        self._read = redis.register_script(_READ)

    @asynccontextmanager
    async def listen(self, *names: str) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
        """The messages of pub/sub channels (with their names) until the connection breaks.

        It is not mended silently: whoever listens has to know that messages were missed. Ends with
        `RedisError` or `OSError`.
        """
        pool = self._redis.connection_pool
        once = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
        async with (
            Redis.from_pool(ConnectionPool(pool.connection_class, **once)) as client,
            client.pubsub() as pubsub,
        ):
            await pubsub.subscribe(*names)
            yield _messages(pubsub, await _confirmed(pubsub, len(names)))

    # The projector's side ---------------------------------------------------------------------

    async def claim(self, turn: str) -> bool:
        """Take the turn under a new token if nobody has it; false when another projector has."""
        answer: int = await self._claim(keys=[PROJECTOR], args=[turn, TURN_LIFETIME_MS])
        return answer == 1

    async def renew(self, turn: str) -> bool:
        """Keep the turn; false when it has ended, whoever has it now."""
        answer: int = await self._renew(keys=[PROJECTOR], args=[turn, TURN_LIFETIME_MS])
        return answer == 1

    async def release(self, turn: str) -> None:
        """Let another projector write at once."""
        await self._release(keys=[PROJECTOR], args=[turn])

    async def forward(self, marks: bytes) -> None:
        """Pass on to the projector what changed."""
        await self._redis.publish(MARKS, marks)

    async def write(
        self,
        channel: str,
        changes: Mapping[str, bytes | None],
        *,
        turn: str,
        expected: Position | None,
        full: bool = False,
        fresh_epoch: str = "",
    ) -> WriteResult:
        """Put what changed (None: the key is gone) into the state, the deltas and on the wire.

        What equals the stored value is left out; if nothing is left, nothing is written.

        Args:
            channel: its name within the installation (a tracking link by its hash).
            changes: JSON by key; keys beginning with `@` are reserved.
            turn: under which the rows were read, as said in `claim`.
            expected: where this projector left the channel; None if it has not written it.
            full: `changes` is the whole state: what it does not name goes; and when the channel
                is not where it is expected, it is begun anew under `fresh_epoch`.
            fresh_epoch: never used before.

        Returns:
            `Lost` when the channel is not where it was expected and `full` is not set.

        Raises:
            FencedProjectorError: the turn has ended; also when Redis forgot whose it is.
        """
        arguments: list[str | bytes | int] = [
            turn,
            expected.epoch if expected else "",
            expected.offset if expected else 0,
            fresh_epoch,
            int(full),
            MAX_DELTAS,
            MAX_DELTA_BYTES,
            LIFETIME_S,
            WAKE,
            channel,
            TURN_LIFETIME_MS,
        ]
        for key, value in changes.items():
            arguments += (key, value or b"")
        answer: list[Any] = await self._apply(
            keys=[_STATE + channel, _DELTAS + channel, PROJECTOR], args=arguments
        )
        status = _Status(answer[0].decode())
        if status is _Status.FENCED:
            raise FencedProjectorError
        if status is _Status.GONE:
            return Lost()
        return Written(Position(answer[1].decode(), int(answer[2])))

    async def drop(self, channels: Iterable[str], *, turn: str) -> None:
        """Forget channels that nobody watches.

        Raises:
            FencedProjectorError: the turn has ended: they are another projector's now.
        """
        keys = [prefix + channel for channel in channels for prefix in (_STATE, _DELTAS)]
        for start in range(0, len(keys), _DROPPED_AT_ONCE):
            some = keys[start : start + _DROPPED_AT_ONCE]
            if await self._drop(keys=[PROJECTOR, *some], args=[turn]) != 1:
                raise FencedProjectorError

    async def keep(self, channels: Iterable[str]) -> None:
        """Let quiet channels that are still watched live on."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for channel in channels:
                pipeline.execute_command("EXPIRE", _STATE + channel, LIFETIME_S)
                pipeline.execute_command("EXPIRE", _DELTAS + channel, LIFETIME_S)
            await pipeline.execute()

    async def wanted(self) -> set[str]:
        """All channels that somebody watches."""
        found = set()
        async for key in self._redis.scan_iter(match=_WANT + "*", count=1_000):
            found.add(key.decode().removeprefix(_WANT))
        return found

    # The readers' side ------------------------------------------------------------------------

    async def want(self, channels: Iterable[str]) -> None:
        """Say for the next WANT_LIFETIME_S that channels are watched, and wake the projector."""
        names = list(channels)
        if not names:
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.execute_command("SET", _WANT + name, "1", "EX", WANT_LIFETIME_S)
            pipeline.execute_command("PUBLISH", WANTS, msgspec.json.encode(names))
            await pipeline.execute()

    async def read(self, channel: str, since: Position | None = None) -> ReadResult:
        """What happened since a position, or the whole state when that cannot be told any more."""
        answer: list[Any] = await self._read(
            keys=[_STATE + channel, _DELTAS + channel],
            args=[since.epoch if since else "", since.offset if since else 0],
        )
        status = _Status(answer[0].decode())
        if status is _Status.GONE:
            return Missing()
        position = Position(answer[1].decode(), int(answer[2]))
        if status is _Status.SNAPSHOT:
            return Snapshot(position, answer[3])
        return Deltas(position, answer[3:])

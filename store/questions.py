"""The way to the planner and back, in Redis: `Questions` asks, `Desk` is where a planner answers.

Keys::

    gemba:planner:<scope>            who answers for the scope: a token; expires unless renewed
    gemba:questions:<scope>          list of ids that wait
    gemba:question:<id>              a question; expires when nobody waits for its answer any more
    gemba:answer:<id>                list with its one answer; expires

One process answers for a scope at a time: the one whose token stands in `gemba:planner:`. Without
one nothing is asked, so whoever asks knows at once that nobody would answer. A planner that is
killed between taking a question and answering it is noticed by its token: it expires, and the
question is given to the next one as long as somebody waits. Two that answer at once (a process was
stopped and goes on) do no harm: questions change nothing, or name the request that they carry out.

Questions that take long have a lane of their own, with a planner of its own: keys begin with
`gemba:planner/<lane>:` then, and so on. Nobody who waits for a promise stands behind a what-if.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.questions import Answer, Asked, Question

TIMEOUT_S: Final = 2.0
"""So long an answer is waited for, unless whoever asks says otherwise."""
TURN_LIFETIME_MS: Final = 3_000
"""After so long without a word of a planner another one may answer in its place."""
RENEW_S: Final = 1.0
MOST_WAITING: Final = 64
"""Questions of a scope that wait; a further one is turned away."""
_LOOK_S: Final = 0.5
_ANSWER_LIFETIME_MS: Final = 10_000
_LIST_LIFETIME_MS: Final = 600_000
WHAT_IF: Final = "/what-if"
"""The lane of what takes longer than a moment."""
_PLANNER: Final = "gemba:planner"
_QUEUE: Final = "gemba:questions"
_QUESTION: Final = "gemba:question:"
_ANSWER: Final = "gemba:answer:"

# KEYS: planner, queue, question. ARGV: id, question, lifetime, largest queue, its lifetime.
_ASK: Final = """
local planner = redis.call('GET', KEYS[1])
if not planner then return {'nobody', ''} end
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[4]) then return {'busy', planner} end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {'asked', planner}
"""

# KEYS: planner. ARGV: token, lifetime.
_HOLD: Final = """
local planner = redis.call('GET', KEYS[1])
if planner and planner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: planner. ARGV: token.
_LEAVE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

_ANSWERS: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)
_QUESTIONS: Final = msgspec.msgpack.Decoder(Asked)


class NoAnswerError(Exception):
    """A question has no answer. Nothing was changed; it may be asked again.

    Attributes:
        scope: the planning scope that was asked.
        code: `no_planner` (nobody plans the scope now), `busy` (too many questions wait),
            `no_answer` (none came in time), `away` (Redis is away).
    """

    def __init__(self, scope: str, code: str, detail: str) -> None:
        super().__init__(f"planning scope {scope}: {detail}")
        self.scope = scope
        self.code = code


class Questions:
    """Asks the planner.

    Args:
        redis: a client of its own: each question that waits holds one of its connections.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._ask = redis.register_script(_ASK)

    async def ask(
        self, scope: str, question: Question, *, timeout_s: float = TIMEOUT_S, lane: str = ""
    ) -> Answer:
        """Ask whoever plans the scope, and wait for the answer.

        Raises:
            NoAnswerError: nobody plans it, too many ask, or none came in time.
        """
        try:
            return await self._asked(scope, question, timeout_s, lane)
        except (RedisError, OSError) as error:
            said = str(error).strip() or type(error).__name__
            raise NoAnswerError(scope, "away", f"Redis is away ({said})") from error

    async def aclose(self) -> None:
        """Close its connections."""
        await self._redis.aclose()

    async def _asked(self, scope: str, question: Question, timeout_s: float, lane: str) -> Answer:
        ends = time.monotonic() + timeout_s
        asked = Asked(id=secrets.token_hex(8), scope=scope, question=question)
        planner = await self._put(asked, ends, lane)
        while (left_s := ends - time.monotonic()) > 0:
            found = await self._redis.blpop([_ANSWER + asked.id], timeout=min(_LOOK_S, left_s))
            if found is not None:
                return _ANSWERS.decode(_bytes(found[1]))
            if await self._redis.get(f"{_PLANNER}{lane}:{scope}") != planner:
                # Whoever took it may be gone with it: the next one gets it, or there is none.
                planner = await self._put(asked, ends, lane)
        raise NoAnswerError(scope, "no_answer", f"no answer within {timeout_s:g} s")

    async def _put(self, asked: Asked, ends: float, lane: str) -> bytes:
        """Hand the question over; answers the token of who has to answer it."""
        left_ms = max(round((ends - time.monotonic()) * 1_000), 1)
        said, planner = await self._ask(
            keys=[
                f"{_PLANNER}{lane}:{asked.scope}",
                f"{_QUEUE}{lane}:{asked.scope}",
                _QUESTION + asked.id,
            ],
            args=[
                asked.id,
                msgspec.msgpack.encode(asked),
                left_ms,
                MOST_WAITING,
                _LIST_LIFETIME_MS,
            ],
        )
        if said == b"nobody":
            raise NoAnswerError(asked.scope, "no_planner", "no planner is running for it now")
        if said == b"busy":
            waiting = f"{MOST_WAITING} questions wait already; ask again in a moment"
            raise NoAnswerError(asked.scope, "busy", waiting)
        return bytes(planner)


class Desk:
    """Where one process answers the questions of its scopes.

    Args:
        redis: a client of its own: waiting for questions holds a connection.
        lane: which questions.
    """

    def __init__(self, redis: Redis, *, lane: str = "") -> None:
        self._redis = redis
        self._planner = f"{_PLANNER}{lane}:"
        self._queue = f"{_QUEUE}{lane}:"
        self._token = secrets.token_hex(8)
        self._hold = redis.register_script(_HOLD)
        self._leave = redis.register_script(_LEAVE)

    async def hold(self, scopes: Collection[str]) -> list[str]:
        """Take or keep the turn of scopes; answers those that are ours. To be said every RENEW_S.

        Raises:
            RedisError: Redis is away.
        """
        return [
            scope
            for scope in sorted(scopes)
            if await self._hold(keys=[self._planner + scope], args=[self._token, TURN_LIFETIME_MS])
        ]

    async def leave(self, scopes: Collection[str]) -> None:
        """Let another process answer for scopes at once."""
        for scope in scopes:
            await self._leave(keys=[self._planner + scope], args=[self._token])

    async def next(self, scopes: Sequence[str], *, within_s: float) -> Asked | None:
        """The next question of scopes; None when none came, or nobody waits for it any more.

        Raises:
            msgspec.MsgspecError: it is none; it is taken away.
            RedisError: Redis is away.
        """
        found = await self._redis.blpop([self._queue + scope for scope in scopes], timeout=within_s)
        if found is None:
            return None
        body = await self._redis.getdel(_QUESTION + _bytes(found[1]).decode())
        return None if body is None else _QUESTIONS.decode(_bytes(body))

    async def answer(self, asked: Asked, answer: Answer) -> None:
        """Give the answer to whoever waits for it; after a while it is thrown away.

        Raises:
            RedisError: Redis is away.
        """
        key = _ANSWER + asked.id
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.rpush(key, msgspec.msgpack.encode(answer))
            pipeline.pexpire(key, _ANSWER_LIFETIME_MS)
            await pipeline.execute()


def _bytes(value: bytes | str) -> bytes:
    """What Redis said: bytes, as its client is told to leave them; its types say either."""
    return value.encode() if isinstance(value, str) else value

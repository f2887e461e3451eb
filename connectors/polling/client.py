"""What a client of a polled system can do, and how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import httpx
import msgspec

from runtime.backoff import Backoff

Answer = TypeVar("Answer")
TIMEOUT_S: Final = 30.0
ATTEMPTS: Final = 6
"""Of one call, before a round is given up; the next round asks the same again."""
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_FIRST_PAUSE_S: Final = 1.0
_LAST_PAUSE_S: Final = 60.0
_TOO_MANY: Final = 429
_SERVER_FAULT: Final = 500


class PollError(Exception):
    """A system could not be asked."""


class UnreachableError(PollError):
    """It does not answer, or not in time, or says that it is at fault: asked again later."""


class SlowDownError(UnreachableError):
    """It says that it is asked too often.

    Attributes:
        wait_s: how long to wait, where the system says so; else None.
    """

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class SessionLostError(PollError):
    """The session or token is no longer good: sign in again."""


class RefusedError(PollError):
    """It answers that it will not do it (a wrong secret, no permission): asking again is no use."""


class Changed(msgspec.Struct, frozen=True):
    """An order that changed: its id there, its number, and when by the system's clock."""

    id: str
    number: str
    at: datetime


class Client(Protocol):
    """A polled system. Moments have no offset: they are the system's own wall clock."""

    def changed(self, since: datetime) -> AsyncIterator[Changed]:
        """Orders that changed at or after a moment, each at least once.

        Raises:
            PollError: it could not be asked.
        """
        ...

    async def order(self, changed: Changed) -> bytes | None:
        """An order as it is now, as its connector reads it; None: it is gone.

        Raises:
            PollError: it could not be asked.
        """
        ...


class Caller:
    """Calls over HTTP with what every client needs: patience, back-off, signing in again."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        sign_in: Callable[[], Awaitable[None]],
        *,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Calls by `http`, whose time-outs hold; `sign_in` gets a new session."""
        self._http = http
        self._sign_in = sign_in
        self._backoff = backoff or Backoff(first_s=_FIRST_PAUSE_S, last_s=_LAST_PAUSE_S)
        self._sleep = sleep
        self._is_signed_in = False

    async def call(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `ask` answers, within a session; asked again where that may help.

        Raises:
            PollError: it did not help.
        """
        renewed = False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if not self._is_signed_in:
                    await self._sign_in()
                    self._is_signed_in = True
                answer = await ask()
            except SessionLostError as error:
                if renewed:
                    # Signed in a moment ago, and not good: that is no matter of time.
                    raise RefusedError(f"signed in, but: {error}") from error
                self._is_signed_in = False
                renewed = True
            except UnreachableError as error:
                if attempt == ATTEMPTS:
                    raise
                pause_s = self._backoff.pause_s()
                if isinstance(error, SlowDownError) and error.wait_s is not None:
                    pause_s = max(pause_s, min(error.wait_s, _LAST_PAUSE_S))
                await self._sleep(pause_s)
            else:
                self._backoff.reset()
                return answer
        raise UnreachableError("the session is lost as often as it is made")

    async def json(self, method: str, url: str, **request: Any) -> Any:
        """The JSON that a request is answered with; texts that are no JSON as texts.

        Raises:
            UnreachableError: no answer, or the server's own fault.
            SessionLostError: 401.
            RefusedError: any other 4xx, or too large an answer.
        """
        try:
            async with self._http.stream(method, url, **request) as answer:
                body = await _body(answer)
        except httpx.HTTPError as error:
            # The text of an httpx error may name the address with its query, which has the token.
            problem = f"{answer_of(url)} does not answer ({type(error).__name__})"
            raise UnreachableError(problem) from None
        if answer.status_code == _TOO_MANY:
            raise SlowDownError(f"{answer_of(url)} is asked too often", retry_after_s(answer))
        if answer.status_code >= _SERVER_FAULT:
            raise UnreachableError(f"{answer_of(url)} answers {answer.status_code}")
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise SessionLostError(f"{answer_of(url)} answers 401")
        if not answer.is_success:
            text = body[:200].decode(errors="replace")
            raise RefusedError(f"{answer_of(url)} answers {answer.status_code}: {text}")
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return body.decode(errors="replace")


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise RefusedError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def answer_of(url: str) -> str:
    """Who answers, without a query: that may hold a token."""
    return url.partition("?")[0]


def retry_after_s(answer: httpx.Response) -> float | None:
    """What `Retry-After` says in seconds; None: nothing, or a date."""
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else None
